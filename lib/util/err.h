/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * err.h - how lib reports an error: a return of 0 or -errno, and words in a caller's struct tt_err.
 * The library never prints and never exits; tools print "tool: <msg>".
 */
#ifndef TT_UTIL_ERR_H
#define TT_UTIL_ERR_H

#include <stdarg.h>

#define TT_ERR_SIZE 512

struct tt_err {
	int code; /* positive errno value, 0 = no error */
	char msg[TT_ERR_SIZE];
};

/*
 * Fills err (may be NULL) with a formatted message and returns -code, so that callers write
 * `return tt_err_set(err, EINVAL, "cannot open '%s': %s", path, reason);`
 * code: positive errno. The text: lower case, no full stop, what failed first, the subject in single quotes.
 */
int tt_err_set(struct tt_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message that err already holds. Returns -err->code. */
int tt_err_prefix(struct tt_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
