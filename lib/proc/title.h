/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * title.h - what a process says of itself in its arguments, which many servers rewrite: "nginx: worker process", "postgres: web
 * shop 10.0.0.5(4711) idle".
 *
 * Titles are hostile text: escape them on output. Called by pools*.c, tests.
 */
#ifndef TT_PROC_TITLE_H
#define TT_PROC_TITLE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/util/buf.h"

#define TT_TITLE_MAX 512

/* Reads the arguments of a process, joined by blanks; its name when it has none. Length, or -errno. */
int tt_title_read(pid_t pid, char *out, size_t size);

/*
 * Appends what the members of one pool have in common: without the directories of the program, each run of digits as '#', and
 * so is what looks like an address or an identifier: hexadecimal with a 0x, an IPv6 address, 8 or more hexadecimal digits
 * with a decimal one among them. A PostgreSQL backend's ends before its client and its state. 0 or -ENOMEM.
 */
int tt_title_stem(struct tt_buf *out, const char *title);

/* What a backend of PostgreSQL says that it does. */
enum tt_backend {
	TT_BACKEND_NONE,           /* no backend, or it does not say (update_process_title = off) */
	TT_BACKEND_IDLE,           /* its client has nothing for it */
	TT_BACKEND_IN_TRANSACTION, /* the same, within a transaction: it keeps its locks and its connection */
	TT_BACKEND_LOCK,           /* a statement waits for a lock */
	TT_BACKEND_BUSY,           /* a statement runs */
};
/* client (may be NULL): where the client's part of the title begins; 0 when it is no backend. */
enum tt_backend tt_title_backend(const char *title, size_t *client);

#endif
