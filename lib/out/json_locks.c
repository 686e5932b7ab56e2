/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_locks.c - lock_classes[], locks[] and waits[] of the JSON report. See json.h. */
#include <inttypes.h>

#include <math.h>

#include "lib/out/json.h"
#include "lib/out/run.h"

static void json_lock_site(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_lock_site *s)
{
	tt_jsonw_begin(j, key, '{');
	tt_json_site(j, r, "site", s->site);
	tt_jsonw_text(j, "op", tt_op_name(s->site->op));
	tt_jsonw_u64(j, "count", s->count);
	tt_json_waits(j, "wait_ns", &s->waited, NULL);
	tt_json_waits(j, "blocked_ns", &s->blocked, NULL);
	tt_json_hold(j, "hold_ns", &s->hold);
	tt_jsonw_end(j, '}');
}

static void json_lock_sites(
	struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_lock_site *sites, unsigned count)
{
	tt_jsonw_begin(j, key, '[');
	for (unsigned i = 0; i < count; i++)
		json_lock_site(j, r, NULL, &sites[i]);
	tt_jsonw_end(j, ']');
}

static const char *use_name(enum tt_use use)
{
	static const char *const names[] = {[TT_USE_LOCK] = "lock", [TT_USE_SIGNAL] = "signal", [TT_USE_UNKNOWN] = "unknown"};
	return names[use];
}

static void put_ops(struct tt_jsonw *j, const struct tt_ops *ops, uint64_t contended)
{
	tt_jsonw_u64(j, "acquisitions", ops->acquisitions);
	tt_jsonw_u64(j, "exclusive", ops->exclusive);
	tt_jsonw_u64(j, "shared", ops->shared);
	tt_jsonw_u64(j, "contended", contended);
	tt_jsonw_u64(j, "try_failed", ops->try_failed);
	tt_jsonw_u64(j, "timeouts", ops->timeouts);
	tt_jsonw_u64(j, "wakes", ops->signals + ops->broadcasts + ops->posts);
}

static void json_lock(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_lock *l)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "id", l->id);
	tt_jsonw_u64(j, "process", l->process->id);
	tt_jsonw_u64(j, "class", l->class->id);
	tt_jsonw_hex(j, "address", l->address);
	tt_jsonw_text(j, "kind", tt_kind_name(l->kind));
	tt_jsonw_text(j, "type", tt_type_name(l->type));
	tt_jsonw_text(j, "use", use_name(l->use));
	tt_jsonw_text(j, "name", tt_names_lock(r->names, l));
	tt_json_site(j, r, "site", l->birth_site);
	tt_jsonw_u64(j, "generations", (uint64_t)l->gen + 1);
	put_ops(j, &l->ops, l->contended);
	tt_json_waits(j, "wait_ns", &l->waits, &l->wait);
	tt_jsonw_u64(j, "read_wait_ns", l->rdwait.total_ns);
	tt_json_hold(j, "hold_ns", &l->hold);
	if (l->owner)
		tt_jsonw_u64(j, "owner", l->owner->id);
	else
		tt_jsonw_null(j, "owner");
	tt_jsonw_u64(j, "waiters", l->waiters);
	json_lock_sites(j, r, "sites", l->sites, l->site_count);
	tt_jsonw_end(j, '}');
}

static void json_class(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_lock_class *c)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "id", c->id);
	tt_jsonw_u64(j, "program", c->program);
	tt_jsonw_text(j, "kind", tt_kind_name(c->kind));
	tt_jsonw_text(j, "use", use_name(c->use));
	tt_jsonw_text(j, "name", tt_names_class(r->names, c));
	tt_json_site(j, r, "site", c->birth_site);
	tt_jsonw_u64(j, "locks", c->locks.len);
	put_ops(j, &c->ops, c->contended);
	tt_json_waits(j, "wait_ns", &c->waits, &c->wait);
	tt_jsonw_real(j, "wait_error_ns", sqrt(tt_run_class_squares(c)));
	tt_json_hold(j, "hold_ns", &c->hold);
	tt_jsonw_end(j, '}');
}

/* Joins have no histogram, and are not compared. */
static double wait_error_ns(const struct tt_wait *w)
{
	return w->class ? sqrt(tt_run_pair_squares(w->class, w, tt_run_class_squares(w->class))) : 0;
}

static void json_wait(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_wait *w)
{
	tt_jsonw_begin(j, key, '{');
	if (w->class)
		tt_jsonw_u64(j, "class", w->class->id);
	else
		tt_jsonw_null(j, "class");
	if (w->process)
		tt_jsonw_u64(j, "process", w->process->id);
	else
		tt_jsonw_null(j, "process");
	tt_jsonw_text(j, "kind", w->class ? tt_kind_name(w->class->kind) : "thread");
	tt_jsonw_text(j, "use", w->class ? use_name(w->class->use) : "signal");
	tt_jsonw_text(j, "waiter", tt_run_place(r, w->waiter, w->waiter_stack));
	tt_jsonw_text(j, "holder", tt_run_place(r, w->holder, w->holder_stack));
	tt_json_site(j, r, "waiter_site", w->waiter);
	tt_json_site(j, r, "holder_site", w->holder);
	tt_jsonw_u64(j, "count", w->waits.count);
	tt_jsonw_u64(j, "timeouts", w->waits.timeouts);
	tt_json_waits(j, "wait_ns", &w->waits, NULL);
	tt_jsonw_real(j, "wait_error_ns", wait_error_ns(w));
	tt_json_thread_ref(j, r, "max_waiter", w->process, w->max_waiter, w->max_waiter_serial);
	tt_json_thread_ref(j, r, "max_holder", w->process, w->max_holder, w->max_holder_serial);
	tt_json_stack(j, r, "waiter_stack", w->waiter_stack);
	tt_json_stack(j, r, "holder_stack", w->holder_stack);
	tt_jsonw_end(j, '}');
}

void tt_json_locks(struct tt_jsonw *j, struct tt_report *r)
{
	tt_jsonw_begin(j, "lock_classes", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->classes.len); i++)
		json_class(j, r, NULL, r->classes.data[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "locks", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->locks.len); i++)
		json_lock(j, r, NULL, r->locks.data[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "waits", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->waits.len); i++)
		json_wait(j, r, NULL, r->waits.data[i]);
	tt_jsonw_end(j, ']');
}
