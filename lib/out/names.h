/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * names.h - names of a model's places, for reports: frames with their inlined callees, the most telling frame, locks.
 * What it is not: a symbol reader (lib/sym) or an output. Everything is kept, so that a place is looked up once, and only
 * what a report prints is looked up at all. Called by lib/out and, through tt_names_namer(), by the detectors.
 */
#ifndef TT_OUT_NAMES_H
#define TT_OUT_NAMES_H

#include "lib/findings/detect.h"

struct tt_names;

struct tt_names_opts {
	const char *source_root;     /* prefix that is cut from files; NULL: none */
	const char *debug_dir;       /* where separate debug information lies; NULL: the system's */
	bool no_inlines;             /* do not look for inlined functions */
	bool no_lines;               /* do not read line tables: functions and offsets only */
	const char *const *wrappers; /* further patterns of functions that are no headline */
	size_t wrapper_count;
};

/* The model and the texts in opts must outlive the names. 0 or -errno. */
int tt_names_create(struct tt_model *model, const struct tt_names_opts *opts, struct tt_names **ret, struct tt_err *err);
void tt_names_destroy(struct tt_names *names);

/* What one address stands for: inlined functions first, innermost first; the last one is the real frame. count >= 1. */
struct tt_places {
	const struct tt_place *places;
	unsigned count;
};
struct tt_places tt_names_site(struct tt_names *names, const struct tt_site *site);
struct tt_places tt_names_frame(struct tt_names *names, const struct tt_process *process, const struct tt_frame *frame);

/*
 * Which frames of a stack are worth showing: those of the recorder itself never are. `brief` leaves out what calls the program
 * too: C library frames behind the last frame of the program's own. Appends positions to *ret; returns how many, at most cap.
 */
unsigned tt_names_visible(struct tt_names *names, const struct tt_stack *stack, bool brief, unsigned *ret, unsigned cap);

/* The first place of the stack (of the site, when the stack is NULL) that is no wrapper; if all are, the first of all. */
struct tt_place tt_names_headline(struct tt_names *names, const struct tt_site *site, const struct tt_stack *stack);

/* "worker_loop", "libfoo.so+0x1234" or "0x7f..."; valid as long as the names. Raw text: escape it. */
const char *tt_names_text(struct tt_names *names, const struct tt_place *place);

/* "mutex cache_lock", "mutex of init_pool", "sem of lock_new"; valid as long as the names. Raw text: escape it. */
const char *tt_names_class(struct tt_names *names, const struct tt_lock_class *c);
const char *tt_names_lock(struct tt_names *names, const struct tt_lock *lock);

/* Any formatted text that lives as long as the names; "" when out of memory. */
const char *tt_names_format(struct tt_names *names, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * What a thread is called: "worker (4711)" by name and id, else "thread 4711"; of one whose record is gone (thread NULL)
 * "worker_main #7", by start routine and serial when its creation is still among the events, else "thread #7".
 */
const char *tt_names_thread(
	struct tt_names *names, const struct tt_process *process, const struct tt_thread *thread, uint64_t serial);

/* The function that begins at an address of a process; NULL: not known. */
const char *tt_names_function(struct tt_names *names, const struct tt_process *process, uint64_t address);

/*
 * What a lock has in common with others of its class, for tt_model_regroup(): the place that made it, behind all wrappers
 * (uv_mutex_init is called from many), and the variable that it is an element of. 0: nothing better than what the model knows.
 */
uint64_t tt_names_lock_key(void *names, const struct tt_lock *lock);

struct tt_namer tt_names_namer(struct tt_names *names);

#endif
