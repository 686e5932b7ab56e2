/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * reader.h - one recording, opened, copied, checked: typed access to its records.
 *
 * What it is: the only code that touches bytes of a .ttrec file. It trusts nothing: files may be truncated, bit-flipped,
 * hostile, or written by a live process at this moment. The used part is copied into private memory (pread, so that a file
 * that shrinks cannot raise SIGBUS), then every record is checked and *normalised in the copy*: bad references become 0,
 * counts are cut to what fits, texts end with NUL, enumerations are in range, records that make no sense are emptied. So
 * callers use what the iterators and accessors return without further checks. Only the `chain` fields are never looked
 * at: they are the shim's private index.
 * What it is not: arithmetic over records (lib/model), names of addresses (lib/sym), text (lib/out). It never prints.
 * Called by lib/model, lib/rec/set.c, lib/rec/find.c and the fuzzer. Not for threads.
 */
#ifndef TT_REC_READER_H
#define TT_REC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/ttrec_format.h"
#include "lib/util/err.h"

/* How the recorded process stands, as far as the file and /proc tell. */
enum tt_rec_life {
	TT_REC_ENDED,   /* header.state says how */
	TT_REC_RUNNING, /* the process lives (same pid, start time and pid namespace): the copy is a snapshot */
	TT_REC_KILLED,  /* no end was recorded and the process is gone */
	TT_REC_UNKNOWN, /* no end was recorded, and it cannot be known whether the process lives (other machine or boot,
	                   other pid namespace) */
};

struct tt_rec_opts {
	bool offline; /* do not ask /proc: an unfinished recording is TT_REC_KILLED (for files of other machines, tests) */
	uint64_t now_mono_ns; /* CLOCK_MONOTONIC to take as now for a running process; 0: read the clock */
	bool running;         /* the caller knows that the process lives (it was found through its mappings) */
	uint64_t steady_ns;   /* of a running process: look again so much later for tt_rec_steady(), if any thread waits */
};
#define TT_REC_STEADY_NS UINT64_C(100000000) /* what reports use */

struct tt_life_tasks;

struct tt_rec; /* opaque */

/*
 * Opens, copies and checks. opts may be NULL. On success *ret is to be closed with tt_rec_close(). Errors: -ENOENT, -EACCES ...
 * from the system; -EINVAL: not a recording, or its header is damaged; -ENOTSUP: another major version (the words name both),
 * byte order or word size; -EAGAIN: the header is not complete yet (its writer is starting, or died there); -ENOMEM. Anything
 * else that is wrong with the file is no error: it gives a partial recording (tt_rec_partial) and words (tt_rec_problem).
 */
int tt_rec_open(const char *path, const struct tt_rec_opts *opts, struct tt_rec **ret, struct tt_err *err);

/* The same from a descriptor open for reading, which stays the caller's and need not stay open. name: for messages and
 * tt_rec_path. */
int tt_rec_open_fd(int fd, const char *name, const struct tt_rec_opts *opts, struct tt_rec **ret, struct tt_err *err);

/* The same from memory, which is copied. */
int tt_rec_open_memory(const void *data, size_t size, const char *name, const struct tt_rec_opts *opts, struct tt_rec **ret,
	struct tt_err *err);

/* Reads and checks only the header, as it is in the file (texts may lack their NUL). Errors as above. For lists. */
int tt_rec_peek_fd(int fd, struct ttrec_header *ret, struct tt_err *err);

/*
 * Notes in the recording of a process that was killed when that was (CLOCK_MONOTONIC), which it could not do itself: for
 * whoever saw it die. Without this its end is taken to be the last recorded fact, and waits in progress seem shorter than they
 * were. Does nothing (0) when the process lives, recorded its end, or an end was noted already.
 */
int tt_rec_note_end(const char *path, uint64_t end_mono_ns, struct tt_err *err);

/*
 * Likewise notes with which status a process ended that returned from main: of that only its parent knows. Does nothing (0)
 * when the process ended otherwise, or its status is known.
 */
int tt_rec_note_exit(const char *path, int exit_code, struct tt_err *err);

/* NULL is allowed. */
void tt_rec_close(struct tt_rec *rec);

/* ------------------------------------------------------------------ about the recording */

/* "": the file is no more. */
const char *tt_rec_path(const struct tt_rec *rec);

/* The file was moved there, or removed (NULL). 0 or -ENOMEM. */
int tt_rec_moved(struct tt_rec *rec, const char *path);
enum tt_rec_life tt_rec_life(const struct tt_rec *rec);

/* Checked copy: texts end with NUL, command_len fits, state and drop[] are usable as they are. */
const struct ttrec_header *tt_rec_header(const struct tt_rec *rec);

/*
 * The recording's last moment, in its own time (ns since its start, + 1). Ended: as recorded. Running: now. Killed: as noted by
 * tt_rec_note_end; else, and when unknown, the latest time found anywhere in the records (*estimated, which may be NULL,
 * becomes true).
 */
uint64_t tt_rec_end_ns(const struct tt_rec *rec, bool *estimated);

/* Something could not be read: results are a lower bound. */
bool tt_rec_partial(const struct tt_rec *rec);

/*
 * Sentences for people on what is wrong or missing, without the path: "12288 bytes are not readable". The i-th, NULL beyond the
 * last. At most TT_REC_MAX_PROBLEMS, the last of which then says how many more there were. Drop counters are not among them.
 */
#define TT_REC_MAX_PROBLEMS 32
const char *tt_rec_problem(const struct tt_rec *rec, size_t i);

/* Bytes of the file that were neither readable nor empty. */
uint64_t tt_rec_unreadable(const struct tt_rec *rec);

/* Sentence for a drop counter ("stacks: no space"); NULL when the number is not known. */
const char *tt_rec_drop_text(enum ttrec_drop drop);

/* Why a recording whose header.full holds this took nothing new, in words; NULL: it did. */
const char *tt_rec_full_text(uint32_t full);

/* ------------------------------------------------------------------ iteration */

/*
 *   struct tt_rec_iter it;
 *   const struct ttrec_lock *l;
 *   rec_for_each_lock (it, l, rec) { ... }
 *
 * Published records only, in file order. Walks by chunk; cost is linear in the file.
 */
struct tt_rec_iter {
	const struct tt_rec *rec;
	size_t chunk;  /* position in the list of chunks */
	uint64_t next; /* offset of the next record of this chunk; 0: at its beginning */
	uint16_t chunk_type, var_type;
};
struct tt_rec_iter tt_rec_iter(const struct tt_rec *rec, enum ttrec_chunk_type chunk, enum ttrec_var_type var);
const void *tt_rec_next(struct tt_rec_iter *it); /* NULL at the end */

#define TT_REC_EACH_(it, v, rec, chunk, var) for ((it) = tt_rec_iter((rec), (chunk), (var)); ((v) = tt_rec_next(&(it)));)
#define TT_REC_NOVAR_                        ((enum ttrec_var_type)0)
#define rec_for_each_thread(it, v, rec)      TT_REC_EACH_(it, v, rec, TTREC_CHUNK_THREAD, TT_REC_NOVAR_)
#define rec_for_each_lock(it, v, rec)        TT_REC_EACH_(it, v, rec, TTREC_CHUNK_LOCK, TT_REC_NOVAR_)
#define rec_for_each_lsite(it, v, rec)       TT_REC_EACH_(it, v, rec, TTREC_CHUNK_LSITE, TT_REC_NOVAR_)
#define rec_for_each_wait(it, v, rec)        TT_REC_EACH_(it, v, rec, TTREC_CHUNK_WAIT, TT_REC_NOVAR_)
#define rec_for_each_stat(it, v, rec)        TT_REC_EACH_(it, v, rec, TTREC_CHUNK_STAT, TT_REC_NOVAR_)
#define rec_for_each_group(it, v, rec)       TT_REC_EACH_(it, v, rec, TTREC_CHUNK_GROUP, TT_REC_NOVAR_)
#define rec_for_each_loop(it, v, rec)        TT_REC_EACH_(it, v, rec, TTREC_CHUNK_LOOP, TT_REC_NOVAR_)
#define rec_for_each_lineage(it, v, rec)     TT_REC_EACH_(it, v, rec, TTREC_CHUNK_LINEAGE, TT_REC_NOVAR_)
#define rec_for_each_stack(it, v, rec)       TT_REC_EACH_(it, v, rec, TTREC_CHUNK_VAR, TTREC_VAR_STACK)
#define rec_for_each_module(it, v, rec)      TT_REC_EACH_(it, v, rec, TTREC_CHUNK_VAR, TTREC_VAR_MODULE)
#define rec_for_each_string(it, v, rec)      TT_REC_EACH_(it, v, rec, TTREC_CHUNK_VAR, TTREC_VAR_STRING)
#define rec_for_each_dep(it, v, rec)         TT_REC_EACH_(it, v, rec, TTREC_CHUNK_VAR, TTREC_VAR_DEP)
#define rec_for_each_misuse(it, v, rec)      TT_REC_EACH_(it, v, rec, TTREC_CHUNK_VAR, TTREC_VAR_MISUSE)

/* The ref of a record that an iterator returned: its name within the file. */
uint32_t tt_rec_ref(const struct tt_rec *rec, const void *record);

/* ------------------------------------------------------------------ references; 0 and bad ones give NULL */

const struct ttrec_lock *tt_rec_lock(const struct tt_rec *rec, uint32_t index);
const struct ttrec_lock *tt_rec_lock_by_uid(const struct tt_rec *rec, uint32_t uid); /* whatever its generation is now */
uint32_t tt_rec_lock_limit(const struct tt_rec *rec);                                /* all lock indices are below it */
const struct ttrec_stack *tt_rec_stack(const struct tt_rec *rec, uint32_t ref);
const char *tt_rec_string(const struct tt_rec *rec, uint32_t ref);
const struct ttrec_group *tt_rec_group(const struct tt_rec *rec, uint32_t ref);
const struct ttrec_loop *tt_rec_loop(const struct tt_rec *rec, uint32_t ref);
const struct ttrec_lsite *tt_rec_lsite(const struct tt_rec *rec, uint32_t ref);

/* ------------------------------------------------------------------ what hangs on a thread */

/*
 * The counts of a thread slot's table. An eviction that the process's death (or the snapshot) interrupted is already settled:
 * entries that had arrived in their ttrec_lsite have n = 0 here. Lines with lock == 0 and entries with site == 0 or n == 0 are
 * to be skipped. moved: operations so settled that ttrec_thread.evicted does not hold yet.
 */
struct tt_rec_counts {
	const struct ttrec_line *table;
	uint32_t len; /* lines */
	uint64_t moved;
};
struct tt_rec_counts tt_rec_counts(const struct tt_rec *rec, const struct ttrec_thread *t);

/* Operations counted in a line of the table. */
uint64_t tt_rec_line_operations(const struct ttrec_line *line);

/* Operations of the thread that owns the slot now: sum(table) + evicted - base. */
uint64_t tt_rec_thread_operations(const struct tt_rec *rec, const struct ttrec_thread *t);

/* Its held locks, outermost first; *count entries. NULL when none. */
const struct ttrec_held *tt_rec_held(const struct tt_rec *rec, const struct ttrec_thread *t, uint32_t *count);

/* What it waits for; NULL when it does not. Of a live process: read consistently (seqlock), or NULL when that never succeeded.
 */
const struct ttrec_waiting *tt_rec_waiting(const struct tt_rec *rec, const struct ttrec_thread *t);

/*
 * It was in this wait for certain: the process had ended, or two looks (see opts.steady_ns) found the thread in the same wait.
 * All that steady threads hold and wait for was so at one moment.
 */
bool tt_rec_steady(const struct tt_rec *rec, const struct ttrec_thread *t);

/* The tasks that the process had between those two looks; not known when there was no second one (see tt_rec_confirm). */
const struct tt_life_tasks *tt_rec_tasks(const struct tt_rec *rec);

/*
 * rec is the recording of a process that has ended, `earlier` was opened while it ran. If all threads that wait in rec were
 * steady in the same waits then, rec takes over which tasks there were.
 */
void tt_rec_confirm(struct tt_rec *rec, struct tt_rec *earlier);

/*
 * Waits that are over but not charged to their pairs and locks yet: number i of them, NULL when there are no more. seq:
 * TTREC_LOGGED_*(), or 0. They are among the events, too.
 */
const struct ttrec_event *tt_rec_logged(const struct ttrec_thread *t, uint32_t i);

/* Operations that an lsite counted: its word without the tag. */
static inline uint64_t tt_rec_lsite_count(const struct ttrec_lsite *l)
{
	return l->count >> 20;
}

/* ------------------------------------------------------------------ events */

/* Events that are whole, oldest first: 0 <= i < count. Half-written ones are left out and counted. */
size_t tt_rec_event_count(const struct tt_rec *rec);
const struct ttrec_event *tt_rec_event(const struct tt_rec *rec, size_t i);
uint64_t tt_rec_events_torn(const struct tt_rec *rec);
uint64_t tt_rec_events_lost(const struct tt_rec *rec); /* claimed once, overwritten since (ring) or torn */

#endif
