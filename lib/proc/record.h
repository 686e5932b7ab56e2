/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * record.h - frames in a file, to be looked at later: written as differences, played back exactly, any moment at once.
 *
 * The file, all numbers little-endian: a head of 16 bytes ("ttoprec", NUL, u16 major, u16 minor, 4 bytes 0), then blocks. A
 * block is a head of 32 bytes (u32 magic, u8 type, 3 bytes 0, u32 length of what follows, u32 CRC-32 of head without it and of
 * what follows, u64 frame number, u64 CLOCK_REALTIME in ns) and one frame. Type K stands alone; D is the difference to the
 * frame before.
 *
 * A frame: varints (LEB128) of boot_ns and span_ns; the machine; the processes that are gone (count, ids); those that are new
 * or changed (count; id; fields); the threads that are gone; those that are new or changed (count; id; id of the process;
 * fields). In a K all are new. Fields: (number * 2 + is_text) + 1, then the value, and 0 at the end; number as in frame.def. A
 * number is the zigzag difference to the one before (0 at first), a text its length + 1 (0: none) and its bytes. Readers skip
 * unknown numbers. Of a thread span_ns is written as 0 while it equals its process's, and blocked_ns as the moment since when,
 * so that a thread that sleeps costs nothing.
 *
 * A reader trusts nothing of it: sizes are bounded, sums are checked, damaged blocks are left out and counted.
 */
#ifndef TT_PROC_RECORD_H
#define TT_PROC_RECORD_H

#include "lib/proc/frame.h"
#include "lib/util/err.h"

#define TT_RECORD_MAJOR     1
#define TT_RECORD_MINOR     0
#define TT_RECORD_KEY_EVERY 60 /* frames from one K to the next */

/* ------------------------------------------------------------------ writing */

struct tt_recorder;

/*
 * Creates FILE (0600), or begins an older recording anew; a file that is something else is refused with -EEXIST. max_bytes:
 * when it would be longer, the older half is left out (at least 64 KiB).
 */
int tt_recorder_create(const char *path, uint64_t max_bytes, struct tt_recorder **ret, struct tt_err *err);

/* Adds a frame. After an error nothing more is written, and each call tells the same error. */
int tt_recorder_add(struct tt_recorder *r, const struct tt_top_frame *f, struct tt_err *err);

/* Closes it; 0 or the first error of all. */
int tt_recorder_destroy(struct tt_recorder *r, struct tt_err *err);

/* ------------------------------------------------------------------ playing */

struct tt_replay;

/*
 * Reads the heads of all blocks and checks their sums. -EINVAL: no such recording, or one of a newer version; -ENODATA: no
 * frame of it is whole; with words. What is damaged or cut is no error: see tt_replay_problem.
 */
int tt_replay_open(const char *path, struct tt_replay **ret, struct tt_err *err);
void tt_replay_close(struct tt_replay *r);

/* "3 of 120 frames are damaged, it ends in the middle of one"; NULL: all is well. */
const char *tt_replay_problem(const struct tt_replay *r);

/* Frames that can be shown, and which one is: the position of the last tt_replay_seek. */
size_t tt_replay_count(const struct tt_replay *r);
size_t tt_replay_at(const struct tt_replay *r);
uint64_t tt_replay_time_ns(const struct tt_replay *r, size_t at);

/* Makes frame `at` the current one, with the histories of its threads. 0; -EINVAL damaged within, -ERANGE, -ENOMEM. */
int tt_replay_seek(struct tt_replay *r, size_t at, struct tt_err *err);

/* The current frame; belongs to the replay, valid until the next seek. */
struct tt_top_frame *tt_replay_frame(struct tt_replay *r);

#endif
