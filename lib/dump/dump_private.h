/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dump_private.h - what the files of lib/dump share with each other, and nobody else uses. */
#ifndef TT_DUMP_PRIVATE_H
#define TT_DUMP_PRIVATE_H

#include <pthread.h>

#include "lib/dump/dump.h"

/* A copy of text that lives as long as the dump; equal texts are one. NULL for NULL, or out of memory. */
const char *dump_text(struct tt_dump *d, const char *text);
/* Adds to d->notes. */
void dump_note(struct tt_dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * look.c: what /proc says of the threads besides their stacks. Of a thousand threads that takes as long as their stacks do, so
 * it is read meanwhile, by a thread of its own.
 */
struct dump_look {
	pid_t pid;
	struct tt_tasks tasks; /* from dump_look_end() on; the caller's */
	int rc;                /* 0 or -errno, with err */
	struct tt_err err;
	pthread_t thread;
	bool busy;
};
void dump_look_begin(struct dump_look *look);
/* Waits until it is done. May be called again. */
void dump_look_end(struct dump_look *look);
/* The second look, for cpu_pct and steady. taken_ns: CLOCK_MONOTONIC when the snapshot had been taken. */
void dump_look_again(struct tt_dump *d, uint64_t taken_ns);
uint64_t dump_now_ns(clockid_t clock);

/* stacks.c: fills frames of all threads. 0 or -ENOMEM. */
int dump_stacks(struct tt_dump *d, struct tt_err *err);
/* What interpreter or compiler made the code of a frame: a literal, or NULL. */
const char *dump_label(struct tt_dump *d, const struct tt_sym_frame *frame, uint64_t pc);
/* The variable at an address: "cache_lock", "pool+0x28"; NULL unknown. */
const char *dump_variable(struct tt_dump *d, uint64_t address);

/* threads.c: fills wait, owner, doing of all threads. 0 or -ENOMEM. */
int dump_waits(struct tt_dump *d);
/* Whether it is of a library whose functions say how a thread waits, not where in the program. */
bool dump_is_library(const struct tt_dump_frame *f);
/* Whether a frame is the program's own, and not of the libraries that make a thread wait. */
bool dump_is_own(const struct tt_dump_frame *f);
/* threads.c: decodes the wait of one thread anew. 0 or -ENOMEM. */
int dump_wait(struct tt_dump *d, struct tt_dump_thread *t, struct tt_wait *ret);
uint32_t dump_by_tid(const struct tt_dump *d, pid_t tid);

/* deadlocks.c: candidates from the first look, settled by the second: what did not stay as it was is no deadlock. */
int dump_deadlocks(struct tt_dump *d);
/* True when some wait has a thread that it waits for: then a second look is worth its time. */
bool dump_has_edges(const struct tt_dump *d);

/* groups.c, jams.c */
int dump_groups(struct tt_dump *d);
int dump_pools(struct tt_dump *d);
int dump_jams(struct tt_dump *d);

/* recording.c: held locks and exact times when the process records itself; leaves d as it is otherwise. */
void dump_recording(struct tt_dump *d);

/* java.c: the JVM's own dump. */
void dump_java(struct tt_dump *d);

#endif
