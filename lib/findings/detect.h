/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * detect.h - what a detector gets, and the call that runs them all.
 *
 * A detector reads the model's facts and adds findings; it knows no output, no file and no symbol table: names of places
 * come through struct tt_namer, so detectors are tested without symbols. Called by lib/out (report.c) and by tests.
 */
#ifndef TT_FINDINGS_DETECT_H
#define TT_FINDINGS_DETECT_H

#include "lib/findings/finding.h"
#include "lib/findings/thresholds.h"
#include "lib/model/model.h"

/* A place in code, resolved as far as possible. Texts belong to the namer; they may be hostile. */
struct tt_place {
	const char *function; /* NULL: not known */
	const char *file;     /* NULL: not known */
	const char *path;     /* the same as an absolute path, or below the source root; NULL: where file lies is not known */
	unsigned line;
	const char *module; /* file name without its directories; NULL: code outside all modules */
	uint64_t offset;    /* within the function, or within the module when there is no function */
	bool inlined;       /* inlined into the next frame */
	const char
		*via; /* a wrapper's name, when the function has none: what was called there. NULL: not needed or not known */
};

/*
 * Finds the place that tells most about a site: the first frame of stack (of the site alone when NULL) that is not a wrapper of
 * the C or C++ library. The texts stay valid as long as the namer.
 */
struct tt_namer {
	struct tt_place (*place)(void *ctx, const struct tt_site *site, const struct tt_stack *stack);
	/* "mutex cache_lock"; may be a NULL pointer: then locks are called by kind and place of birth. */
	const char *(*lock_class)(void *ctx, const struct tt_lock_class *c);
	/* "worker (4711)"; may be a NULL pointer: then threads are called by id or serial. thread NULL: its record is gone. */
	const char *(*thread)(void *ctx, const struct tt_process *process, const struct tt_thread *thread, uint64_t serial);
	void *ctx;
};

struct tt_detect {
	const struct tt_model *model;
	const struct tt_thresholds *limits;
	const struct tt_namer *namer;
	struct tt_findings *set;
};

/* Runs every detector of findings.def and orders the result. 0 or -ENOMEM. */
int tt_detect_all(const struct tt_detect *d);

/* Takes out of the set what its proven deadlocks say already: their own lock order, and that their locks were held long. */
void tt_findings_drop_said(struct tt_findings *set);

#define TT_RULE(id, name, level, title, why, advice)
#define TT_DETECTOR(name) void tt_detect_##name(const struct tt_detect *d);
#include "lib/findings/findings.def"
#undef TT_RULE
#undef TT_DETECTOR

/* ------------------------------------------------------------------ vocabulary of the detectors */

double tt_limit(const struct tt_detect *d, enum tt_threshold which);
uint64_t tt_limit_u64(const struct tt_detect *d, enum tt_threshold which);

/* "worker_loop", or "libfoo.so+0x1234", or "unknown code"; the text belongs to d->set. Both may be NULL: "unknown code". */
const char *tt_detect_name(const struct tt_detect *d, const struct tt_site *site, const struct tt_stack *stack);

/* "worker_loop (pool.c:123)": the name with its line where there is one. */
const char *tt_detect_where(const struct tt_detect *d, const struct tt_site *site, const struct tt_stack *stack);

/* Mixes a place into the fingerprint: function and module, never a line or an address. */
void tt_detect_identify(
	const struct tt_detect *d, struct tt_finding *f, const struct tt_site *site, const struct tt_stack *stack);

/*
 * Where the lock was taken, "LABEL: #0 ...". A recording keeps one stack for each place of use, so that only frame 0 is sure to
 * be of the acquisition that is meant: where the recording shows other callers of that place, too, the label says so. l and
 * site may be NULL.
 */
struct tt_finding_stack tt_detect_taken(
	const struct tt_detect *d, const char *label, const struct tt_lock *l, const struct tt_site *site);

/* "mutex cache_lock" or "mutex of init_pool": how a report calls a lock or a class. */
const char *tt_detect_lock_name(const struct tt_detect *d, const struct tt_lock_class *c);

/* "worker (4711)", "thread 4711", "worker_main #7": how a report calls a thread. */
const char *tt_detect_thread_name(
	const struct tt_detect *d, const struct tt_process *process, const struct tt_thread *thread, uint64_t serial);

/* "worker_loop", or "'mc-worker' (memcached+0x18fc0)" when its start routine has no name but its threads have. */
const char *tt_detect_pool_name(const struct tt_detect *d, const struct tt_group *g);

/*
 * Of the time that threads waited for locks of this class: how much they were only parked, with nothing to do (parked.c says
 * when that is so). At most c->waits.total_ns.
 */
uint64_t tt_detect_parked_ns(const struct tt_detect *d, const struct tt_lock_class *c);
/* Most of it. c may be NULL. */
bool tt_detect_is_parked(const struct tt_detect *d, const struct tt_lock_class *c);

/* Wall time of all processes of a program: the base of its percentages. */
uint64_t tt_detect_program_ns(const struct tt_detect *d, unsigned program);

/* A finding of a process whose executable's name begins the fingerprint. NULL when out of memory. */
struct tt_finding *tt_detect_add(const struct tt_detect *d, enum tt_rule rule, const struct tt_process *process);

#endif
