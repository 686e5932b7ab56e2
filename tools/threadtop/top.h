/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * top.h - what the parts of threadtop share: columns, rows, the view.
 *
 *   source.c   frames, live or from a recording, with waits and the shim's facts added
 *   columns.c  columns.def: values, their text
 *   view.c     frame -> rows: selection, grouping, sorting; no terminal
 *   batch.c    rows -> text, CSV, JSON lines;  metrics.c -> OpenMetrics
 *   ui.c …     keys and views of the interactive screen, on a canvas of styled text;  screen.c  curses, the only user
 */
#ifndef TT_TOP_TOP_H
#define TT_TOP_TOP_H

#include <math.h>
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/proc/frame.h"
#include "lib/util/buf.h"
#include "lib/util/err.h"
#include "lib/util/hmap.h"
#include "lib/util/table.h"
#include "lib/util/vec.h"

/* ------------------------------------------------------------------ columns */

enum top_kind { TOP_PCT, TOP_RATE, TOP_NUMBER, TOP_NS, TOP_BYTES, TOP_TEXT };
enum top_scope { TOP_SCOPE_THREAD, TOP_SCOPE_GROUP, TOP_SCOPE_POOL };

enum top_column_id {
#define TT_TOP_COLUMN(id, ...) TOP_COL_##id,
#include "tools/threadtop/columns.def"
#undef TT_TOP_COLUMN
	TOP_COLUMNS
};

struct top_row;

struct top_column {
	const char *id, *header, *help;
	unsigned width;
	enum tt_align align;
	uint32_t needs;
	enum top_kind kind;
	enum top_scope scope;
	double (*number)(const struct tt_top_frame *f, const struct top_row *r);
	const char *(*text)(const struct tt_top_frame *f, const struct top_row *r);
};
extern const struct top_column top_columns[TOP_COLUMNS];

/* One cell. Not known: number is NAN, text NULL. */
struct top_value {
	double number;
	const char *text;
};
struct top_value top_value(const struct tt_top_frame *f, const struct top_row *r, enum top_column_id id);
bool top_value_known(enum top_column_id id, struct top_value v);

/* The cell as people read it, raw (not escaped); "-" when not known, "" when the row has no such thing. */
void top_cell(const struct tt_top_frame *f, const struct top_row *r, enum top_column_id id, struct tt_buf *out);

/* Order of two cells: numbers, then text; what is not known comes last, whichever way round. */
int top_compare(enum top_column_id id, struct top_value a, struct top_value b, bool descending);

/* -1: no such column. */
int top_column_find(const char *id, size_t len);

/* A choice of columns in their order. */
struct top_column_set {
	uint8_t ids[TOP_COLUMNS];
	unsigned count;
};

/* "tid,name,cpu_pct"; with + in front: added to what *ret holds; with -: taken out of it. 0 or -EINVAL with words. */
int top_columns_parse(const char *text, struct top_column_set *ret, struct tt_err *err);
void top_columns_print(const struct top_column_set *set, struct tt_buf *out);
uint32_t top_columns_needs(const struct top_column_set *set);

/* ------------------------------------------------------------------ rows */

enum top_row_kind { TOP_ROW_TASK, TOP_ROW_PROC, TOP_ROW_POOL };

/* What a user can wait for, as far as rows and warnings tell them apart; struct tt_top_task.wait_class. */
enum top_wait_class { TOP_WAIT_UNKNOWN, TOP_WAIT_IDLE, TOP_WAIT_LOCK, TOP_WAIT_JOIN, TOP_WAIT_IO, TOP_WAIT_OTHER };

struct top_pool {
	struct tt_top_task sum; /* of its threads; text members are borrowed */
	struct tt_top_proc *proc;
	char *name;
	uint64_t key;
	uint32_t count, busy;
	double highest_pct;
	uint32_t highest_tid;
	uint64_t saturated_ns;
	TT_VEC(struct tt_top_task *) tasks;
};

struct top_row {
	enum top_row_kind kind;
	const struct tt_top_task *task; /* of a group: the sums */
	struct tt_top_proc *proc;
	struct top_pool *pool; /* of a group row; NULL for threads */
	uint64_t id;           /* stays the same from frame to frame */
	uint32_t count, busy;
	double highest_pct;
	uint32_t highest_tid;
	uint64_t saturated_ns;
	uint32_t waiters; /* threads that wait for it, directly or behind others */
	bool deadlock;    /* it waits in a ring that nobody in it can leave */
	unsigned depth;   /* in the tree */
	bool last;        /* of its siblings */
	bool whole;       /* of the tree: the only thread of its process, for which it stands */
	bool folded;      /* its threads are not shown */
};

/* Formulas of columns.def. Percentages are of one CPU; NAN when there is no span. */
double top_share(uint64_t part_ns, uint64_t whole_ns);
double top_rate(uint64_t events, uint64_t span_ns);
double top_known_rate(const struct tt_top_task *t, uint32_t known, uint64_t events, uint64_t span_ns);
double top_quota_share(const struct tt_top_task *t);
double top_user_share(const struct tt_top_task *t);
double top_system_share(const struct tt_top_task *t);
double top_wait_share(const struct tt_top_frame *f, const struct tt_top_task *t);
double top_blocked_share(const struct tt_top_frame *f, const struct top_row *r);
double top_throttled_share(const struct tt_top_proc *p);
const char *top_state_text(const struct tt_top_task *t);
const char *top_policy_text(const struct tt_top_task *t);

/* ------------------------------------------------------------------ pools (pools.c) */

/* The name of the thread's pool: a static buffer, valid until the fourth next call. */
const char *top_pool_name(const struct tt_top_task *t);

/* True when the thread ran, wanted to run, or waited for a lock or a disk for at least half of the span. */
bool top_is_busy(const struct tt_top_task *t);

/* ------------------------------------------------------------------ conditions (expr.c) */

struct top_term {
	enum top_column_id column;
	enum top_op { TOP_LT, TOP_LE, TOP_EQ, TOP_NE, TOP_GE, TOP_GT, TOP_MATCH, TOP_NO_MATCH } op;
	double number;
	char *text;
	regex_t regex;
};
struct top_expr {
	TT_VEC(struct top_term) terms; /* all must hold */
	uint64_t for_ns;               /* 0: at once */
};
/*
 * "cpu_pct>50 and name~^worker for 10s". Numbers take the units of their column: percent, durations, bytes. 0 or -EINVAL with
 * words; *ret is to be freed in every case.
 */
int top_expr_parse(const char *text, struct top_expr *ret, struct tt_err *err);
void top_expr_deinit(struct top_expr *e);
bool top_expr_holds(const struct top_expr *e, const struct tt_top_frame *f, const struct top_row *r);
uint32_t top_expr_needs(const struct top_expr *e);

/* --until: since when each row fulfils it. */
struct top_alarm {
	struct top_expr expr;
	struct tt_hmap since; /* row id -> boot_ns + 1 */
	struct tt_hmap next;
};
/* The first row that has fulfilled it for its time, NULL none. rows: of this frame. */
const struct top_row *top_alarm_check(
	struct top_alarm *a, const struct tt_top_frame *f, const struct top_row *rows, size_t count);
void top_alarm_deinit(struct top_alarm *a);

/* ------------------------------------------------------------------ selection (select.c) */

struct top_select {
	TT_VEC(uint32_t) pids;
	bool children;
	bool kernel;
	char *user_text;
	bool has_user;
	uint32_t uid;
	bool has_name, has_thread, has_cgroup, has_container;
	regex_t name, thread, cgroup;
	char *container;
	char *states; /* "RD"; NULL: all */
	struct top_expr where;
};
void top_select_deinit(struct top_select *s);
/* For the sampler: whether a process is wanted. `parent` finds a process by pid, to follow children. */
bool top_select_proc(
	const struct top_select *s, const struct tt_top_proc *p, uint32_t (*parent)(void *ctx, uint32_t pid), void *ctx);
bool top_select_task(const struct top_select *s, const struct tt_top_frame *f, const struct tt_top_task *t);
/* What must be read of every thread that has run to decide. */
uint32_t top_select_needs(const struct top_select *s);

/* ------------------------------------------------------------------ the view (view.c) */

enum top_view_kind { TOP_VIEW_THREADS, TOP_VIEW_TREE, TOP_VIEW_POOLS, TOP_VIEW_LOCKS, TOP_VIEWS };
extern const char *const top_view_names[]; /* "threads", "tree" ..., NULL */

struct top_view {
	enum top_view_kind kind;
	struct top_column_set columns, pool_columns, lock_columns;
	int sort; /* enum top_column_id; of pools: pool_sort */
	int pool_sort;
	bool descending, pool_descending;
	const struct top_select *select;
	bool check_procs;  /* processes were not selected when the frame was made: a recording */
	char *filter;      /* part of thread name, process name or ids, as typed; NULL none */
	uint32_t only_pid; /* threads of one process, and of one pool of it; 0, NULL: all */
	char *only_pool;
	struct tt_hmap folded;    /* process ids whose threads are not shown in the tree */
	struct tt_hmap saturated; /* pool key -> boot_ns + 1 since when all are busy */
	/* made by top_view_build */
	TT_VEC(struct top_row) rows;
	TT_VEC(struct top_row) tasks; /* all selected threads, before filter and order: for alarms, warnings, exports */
	TT_VEC(struct top_pool *) pools;
	TT_VEC(struct top_pool *) procs; /* sums of processes, for the tree */
	TT_VEC(struct top_row) chains;   /* who waits for whom: see view_locks.c */
	unsigned deadlocks;              /* rings among them */
};
void top_view_init(struct top_view *v, const struct top_select *select);
void top_view_deinit(struct top_view *v);

/* Columns of the current kind, and the column that orders it. */
const struct top_column_set *top_view_columns(const struct top_view *v);
int top_view_sort(const struct top_view *v);
bool top_view_descending(const struct top_view *v);

/* Rows of this frame. They point into it. 0 or -ENOMEM. */
int top_view_build(struct top_view *v, const struct tt_top_frame *f);

/*
 * view_locks.c: fills v->chains: a thread that others wait for, then, one deeper each, those that wait for it; the threads of a
 * ring stand one behind the other at depth 0. Most waiters first; behind them those that wait for a lock of an
 * unknown holder. Only those trees and rings of which a thread is selected (v->tasks).
 * Only what the waits say that were read. 0 or -ENOMEM.
 */
int top_view_chains(struct top_view *v, const struct tt_top_frame *f);
/* Behind the last row of v->chains that is tied to row `at`, the first of its tree or ring. */
size_t top_view_chain_end(const struct top_view *v, size_t at);

/* A group as a row; for alarms, which are about pools in every view. */
struct top_row top_row_of_group(struct top_pool *g, enum top_row_kind kind);

/* What must be known of every thread that has run, to sort and filter; columns only need it for rows that are shown. */
uint32_t top_view_needs(const struct top_view *v);

/* ------------------------------------------------------------------ what is to be said (facts.c) */

enum top_level { TOP_NOTE, TOP_WARNING, TOP_ERROR };
struct top_warning {
	enum top_level level;
	const char *rule; /* "pool-busy", "throttled" ...: the words of JSON, fixed */
	uint32_t pid;     /* 0: of the machine */
	char *text;       /* raw */
};
/* A control group with a quota. */
struct top_quota {
	const char *path; /* of a process of the frame */
	uint64_t processes;
	int64_t quota_milli;
	uint64_t periods, throttled, throttled_ns;
	double used_pct; /* of the quota, by the threads that are watched */
};
struct top_facts {
	uint32_t threads, processes;
	uint32_t running, sleeping, disk, stopped, zombie, idle, other; /* by state */
	uint32_t on_locks;                                              /* blocked on a lock, as far as waits were read */
	double cpu_pct, run_queue_pct;                                  /* sums over threads, of one CPU */
	TT_VEC(struct top_warning) warnings;                            /* the worst first */
	TT_VEC(struct top_quota) quotas;
	struct tt_hmap hot; /* thread id -> boot_ns + 1 since when it uses a whole CPU: kept from frame to frame */
};
/* Computes them anew. v: built from f. 0 or -ENOMEM. */
int top_facts_make(struct top_facts *facts, const struct top_view *v, const struct tt_top_frame *f);
void top_facts_deinit(struct top_facts *facts);

/* A column whose first order is from the smallest up: names, ids. */
bool top_column_ascends(enum top_column_id id);

#endif
