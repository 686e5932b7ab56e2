/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_locks.c - lock_classes[], locks[] and waits[] of the JSON report. See json.h. */
#include <inttypes.h>

#include "lib/out/json.h"

static json_t *json_lock_site(struct tt_report *r, const struct tt_lock_site *s)
{
	json_t *o = json_object();
	tt_json_put(&o, "site", tt_json_site(r, s->site));
	tt_json_put(&o, "op", json_string(tt_op_name(s->site->op)));
	tt_json_put(&o, "count", tt_json_u64(s->count));
	tt_json_put(&o, "wait_ns", tt_json_waits(&s->waited, NULL));
	tt_json_put(&o, "blocked_ns", tt_json_waits(&s->blocked, NULL));
	tt_json_put(&o, "hold_ns", tt_json_hold(&s->hold));
	return o;
}

static json_t *json_lock_sites(struct tt_report *r, const struct tt_lock_site *sites, unsigned count)
{
	json_t *a = json_array();
	for (unsigned i = 0; i < count; i++)
		tt_json_push(&a, json_lock_site(r, &sites[i]));
	return a;
}

static const char *use_name(enum tt_use use)
{
	static const char *const names[] = {[TT_USE_LOCK] = "lock", [TT_USE_SIGNAL] = "signal", [TT_USE_UNKNOWN] = "unknown"};
	return names[use];
}

static void put_ops(json_t **o, const struct tt_ops *ops, uint64_t contended)
{
	tt_json_put(o, "acquisitions", tt_json_u64(ops->acquisitions));
	tt_json_put(o, "exclusive", tt_json_u64(ops->exclusive));
	tt_json_put(o, "shared", tt_json_u64(ops->shared));
	tt_json_put(o, "contended", tt_json_u64(contended));
	tt_json_put(o, "try_failed", tt_json_u64(ops->try_failed));
	tt_json_put(o, "timeouts", tt_json_u64(ops->timeouts));
	tt_json_put(o, "wakes", tt_json_u64(ops->signals + ops->broadcasts + ops->posts));
}

static json_t *json_lock(struct tt_report *r, const struct tt_lock *l)
{
	json_t *o = json_object();
	tt_json_put(&o, "id", json_integer(l->id));
	tt_json_put(&o, "process", json_integer(l->process->id));
	tt_json_put(&o, "class", json_integer(l->class->id));
	tt_json_put(&o, "address", tt_json_hex(l->address));
	tt_json_put(&o, "kind", json_string(tt_kind_name(l->kind)));
	tt_json_put(&o, "type", json_string(tt_type_name(l->type)));
	tt_json_put(&o, "use", json_string(use_name(l->use)));
	tt_json_put(&o, "name", tt_json_text(tt_names_lock(r->names, l)));
	tt_json_put(&o, "site", tt_json_site(r, l->birth_site));
	tt_json_put(&o, "generations", tt_json_u64((uint64_t)l->gen + 1));
	put_ops(&o, &l->ops, l->contended);
	tt_json_put(&o, "wait_ns", tt_json_waits(&l->waits, &l->wait));
	tt_json_put(&o, "read_wait_ns", l->rdwait.count ? tt_json_u64(l->rdwait.total_ns) : json_integer(0));
	tt_json_put(&o, "hold_ns", tt_json_hold(&l->hold));
	tt_json_put(&o, "owner", l->owner ? json_integer(l->owner->id) : json_null());
	tt_json_put(&o, "waiters", json_integer(l->waiters));
	tt_json_put(&o, "sites", json_lock_sites(r, l->sites, l->site_count));
	return o;
}

static json_t *json_class(struct tt_report *r, const struct tt_lock_class *c)
{
	json_t *o = json_object();
	tt_json_put(&o, "id", json_integer(c->id));
	tt_json_put(&o, "program", json_integer(c->program));
	tt_json_put(&o, "kind", json_string(tt_kind_name(c->kind)));
	tt_json_put(&o, "use", json_string(use_name(c->use)));
	tt_json_put(&o, "name", tt_json_text(tt_names_class(r->names, c)));
	tt_json_put(&o, "site", tt_json_site(r, c->birth_site));
	tt_json_put(&o, "locks", tt_json_u64(c->locks.len));
	put_ops(&o, &c->ops, c->contended);
	tt_json_put(&o, "wait_ns", tt_json_waits(&c->waits, &c->wait));
	tt_json_put(&o, "hold_ns", tt_json_hold(&c->hold));
	return o;
}

static json_t *json_wait(struct tt_report *r, const struct tt_wait *w)
{
	json_t *o = json_object();
	tt_json_put(&o, "class", w->class ? json_integer(w->class->id) : json_null());
	tt_json_put(&o, "process", w->process ? json_integer(w->process->id) : json_null());
	tt_json_put(&o, "kind", json_string(w->class ? tt_kind_name(w->class->kind) : "thread"));
	tt_json_put(&o, "use", json_string(w->class ? use_name(w->class->use) : "signal"));
	tt_json_put(&o, "waiter_site", tt_json_site(r, w->waiter));
	tt_json_put(&o, "holder_site", tt_json_site(r, w->holder));
	tt_json_put(&o, "count", tt_json_u64(w->waits.count));
	tt_json_put(&o, "timeouts", tt_json_u64(w->waits.timeouts));
	tt_json_put(&o, "wait_ns", tt_json_waits(&w->waits, NULL));
	tt_json_put(&o, "max_waiter", w->max_waiter ? json_integer(w->max_waiter->id) : json_null());
	tt_json_put(&o, "max_holder", w->max_holder ? json_integer(w->max_holder->id) : json_null());
	tt_json_put(&o, "waiter_stack", tt_json_stack(r, w->waiter_stack));
	tt_json_put(&o, "holder_stack", tt_json_stack(r, w->holder_stack));
	return o;
}

void tt_json_locks(struct tt_report *r, struct tt_jsonw *w)
{
	tt_jsonw_begin(w, "lock_classes", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->classes.len); i++)
		tt_jsonw_value(w, NULL, json_class(r, r->classes.data[i]));
	tt_jsonw_end(w, ']');
	tt_jsonw_begin(w, "locks", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->locks.len); i++)
		tt_jsonw_value(w, NULL, json_lock(r, r->locks.data[i]));
	tt_jsonw_end(w, ']');
	tt_jsonw_begin(w, "waits", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->waits.len); i++)
		tt_jsonw_value(w, NULL, json_wait(r, r->waits.data[i]));
	tt_jsonw_end(w, ']');
}
