/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rec_private.h - what the files of lib/rec share: the opened recording, and the steps that open it. Not for others.
 *
 * Order of work in tt_rec_open_fd: copy (snapshot.c) -> header (header.c) -> chunks and variable records (chunks.c) -> a second
 * look at live threads (live.c) -> every record checked and normalised (check.c) -> events sorted (events.c).
 */
#ifndef TT_REC_PRIVATE_H
#define TT_REC_PRIVATE_H

#include "lib/rec/life.h"
#include "lib/rec/reader.h"
#include "lib/util/hmap.h"
#include "lib/util/vec.h"

/* Part of the file that holds data; between extents are holes, which read as zero. */
struct tt_rec_extent {
	uint64_t start, end;
};

struct tt_rec_chunk {
	uint64_t offset, size; /* whole and inside the copy */
	uint16_t type;
	uint32_t index;
};

struct tt_rec {
	char *name;
	uint8_t *base; /* the private copy, zero where the file has holes; 64-aligned */
	uint64_t size; /* bytes of it that count */
	uint64_t file_size;
	uint64_t map_size; /* of the mapping behind base */
	TT_VEC(struct tt_rec_extent) extents;
	struct ttrec_header header;
	enum tt_rec_life life;
	bool unannounced;                   /* there are chunks behind header.next */
	bool copied_live;                   /* the writer was alive while the copy was made: small inconsistencies are normal */
	TT_VEC(struct tt_rec_chunk) chunks; /* ascending offsets, not overlapping */
	uint64_t *vars;                     /* bit (offset / 16): a whole variable record begins there */
	uint32_t *locks;                    /* by index: ref of the record, 0 none */
	uint32_t lock_limit;
	uint32_t *events; /* refs, in the order of their ends */
	size_t event_count;
	size_t logged_count; /* of them, those that are in no ring yet */
	uint64_t events_torn;
	uint64_t latest_ns; /* latest plausible time of any record */
	uint64_t time_cap;  /* times beyond it are damage */
	uint64_t end_ns;
	bool end_estimated;
	bool partial;
	uint64_t unreadable;
	uint64_t bad_refs, bad_records;
	struct tt_hmap steady; /* offsets of threads that were in the same wait in both looks */
	struct tt_life_tasks tasks;
	char *problems[TT_REC_MAX_PROBLEMS + 1];
	size_t problem_count, problems_more;
};

static inline void *rec_at(const struct tt_rec *rec, uint64_t offset)
{
	return rec->base + offset;
}

static inline void rec_saw_time(struct tt_rec *rec, uint64_t ns)
{
	if (ns > rec->latest_ns && ns <= rec->time_cap)
		rec->latest_ns = ns;
}

/* Adds a sentence; partial: results are a lower bound because of it. */
void tt_rec_complain(struct tt_rec *rec, bool partial, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* snapshot.c: fills base, size, extents, file_size. */
int tt_rec_copy_fd(struct tt_rec *rec, int fd, struct tt_err *err);
int tt_rec_copy_memory(struct tt_rec *rec, const void *data, size_t size, struct tt_err *err);
void tt_rec_copy_free(struct tt_rec *rec);
/* pread of exactly size bytes. */
bool tt_rec_pread(int fd, void *to, uint64_t size, uint64_t offset);

/* header.c: checks the copy's header and fills rec->header, life and times. */
int tt_rec_check_header(struct tt_rec *rec, const struct tt_rec_opts *opts, struct tt_err *err);
/* Once all records were seen: the end. now: 0 = read the clock. */
void tt_rec_settle_end(struct tt_rec *rec, const struct tt_rec_opts *opts);

/* chunks.c: fills chunks and vars. */
int tt_rec_walk_chunks(struct tt_rec *rec, struct tt_err *err);
/* The chunk that holds the offset, NULL when none does. */
const struct tt_rec_chunk *tt_rec_chunk_at(const struct tt_rec *rec, uint64_t offset);
/* Bytes of one record of a slab chunk; 0 for chunks that are no slabs. */
uint32_t tt_rec_record_size(enum ttrec_chunk_type type);
/* ref names a record of such a chunk (slabs only). */
bool tt_rec_is_record(const struct tt_rec *rec, uint32_t ref, enum ttrec_chunk_type type);
/* ref names a whole variable record of that type. */
bool tt_rec_is_var(const struct tt_rec *rec, uint32_t ref, enum ttrec_var_type type);

/* live.c: reads waiting-on and held stacks of a running process again until they hold still. */
void tt_rec_refine_live(struct tt_rec *rec, int fd);
/* The second look, after that long. 0 or -ENOMEM. */
int tt_rec_look_again(struct tt_rec *rec, int fd, uint64_t wait_ns);

/* check.c: normalises every record. */
int tt_rec_check_records(struct tt_rec *rec, struct tt_err *err);

/* events.c */
int tt_rec_sort_events(struct tt_rec *rec, struct tt_err *err);

#endif
