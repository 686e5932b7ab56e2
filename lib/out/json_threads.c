/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_threads.c - threads[], pools[], event_loops[], blockings[] and findings[] of the JSON report. See json.h. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/out/json.h"

static json_t *json_ns(uint64_t time_ns)
{
	return time_ns ? tt_json_u64(time_ns - 1) : json_null();
}

static json_t *json_wait_classes(const struct ttrec_total waits[TTREC_WAIT_SLOTS])
{
	json_t *o = json_object();
	for (unsigned i = 0; i < TTREC_WAIT_MAX; i++)
		tt_json_put(&o, tt_wait_class_name((enum ttrec_wait_class)i), tt_json_u64(waits[i].ns));
	return o;
}

static json_t *json_waiting(struct tt_report *r, const struct tt_waiting *w)
{
	if (w->op == TTREC_OP_NONE)
		return json_null();
	json_t *o = json_object();
	tt_json_put(&o, "op", json_string(tt_op_name(w->op)));
	tt_json_put(&o, "kind", json_string(tt_kind_name(w->kind)));
	tt_json_put(&o, "lock", w->lock ? json_integer(w->lock->id) : json_null());
	tt_json_put(&o, "address", tt_json_hex(w->object));
	tt_json_put(&o, "target", w->target ? json_integer(w->target->id) : json_null());
	tt_json_put(&o, "idle", json_boolean(w->idle));
	tt_json_put(&o, "since_ns", json_ns(w->since_ns));
	tt_json_put(&o, "waited_ns", tt_json_u64(w->dur_ns));
	tt_json_put(&o, "site", tt_json_site(r, w->site));
	tt_json_put(&o, "stack", tt_json_stack(r, w->stack));
	return o;
}

static json_t *json_held(struct tt_report *r, const struct tt_thread *t)
{
	json_t *a = json_array();
	for (unsigned i = 0; i < t->held_count; i++) {
		const struct tt_held *h = &t->held[i];
		json_t *o = json_object();
		tt_json_put(&o, "lock", h->lock ? json_integer(h->lock->id) : json_null());
		tt_json_put(&o, "address", tt_json_hex(h->address));
		tt_json_put(&o, "shared", json_boolean(h->shared));
		tt_json_put(&o, "site", tt_json_site(r, h->site));
		tt_json_push(&a, o);
	}
	return a;
}

static json_t *json_thread(struct tt_report *r, const struct tt_thread *t)
{
	json_t *o = json_object();
	tt_json_put(&o, "id", json_integer(t->id));
	tt_json_put(&o, "process", json_integer(t->process->id));
	tt_json_put(&o, "tid", t->tid ? json_integer(t->tid) : json_null());
	tt_json_put(&o, "serial", tt_json_u64(t->serial));
	tt_json_put(&o, "name", tt_json_text(t->name));
	tt_json_put(&o, "state", json_string(tt_thread_state_name(t->state)));
	tt_json_put(&o, "alive", json_boolean(t->alive));
	tt_json_put(&o, "main", json_boolean(t->flags & TTREC_THREAD_MAIN));
	tt_json_put(&o, "detached", json_boolean(t->flags & TTREC_THREAD_DETACHED));
	tt_json_put(&o, "adopted", json_boolean(t->flags & TTREC_THREAD_ADOPTED));
	tt_json_put(&o, "pool", t->group ? json_integer(t->group->id) : json_null());
	tt_json_put(&o, "creator", t->creator ? json_integer(t->creator->id) : json_null());
	tt_json_put(&o, "joiner", t->joiner ? json_integer(t->joiner->id) : json_null());
	tt_json_put(&o, "start_routine", tt_json_site(r, t->start_routine));
	tt_json_put(&o, "create_site", tt_json_site(r, t->create_site));
	tt_json_put(&o, "created_ns", json_ns(t->created_ns));
	tt_json_put(&o, "started_ns", json_ns(t->started_ns));
	tt_json_put(&o, "ended_ns", json_ns(t->ended_ns));
	tt_json_put(&o, "joined_ns", json_ns(t->joined_ns));
	tt_json_put(&o, "life_ns", tt_json_u64(t->life_ns));
	tt_json_put(&o, "cpu_ns", t->cpu_ns ? tt_json_u64(t->cpu_ns) : json_null());
	tt_json_put(&o, "operations", tt_json_u64(t->operations));
	tt_json_put(&o, "contended", tt_json_u64(t->contended));
	tt_json_put(&o, "lock_wait_ns", tt_json_u64(t->lock_wait_ns));
	tt_json_put(&o, "wait_ns", json_wait_classes(t->waits));
	tt_json_put(&o, "held", json_held(r, t));
	tt_json_put(&o, "waiting", json_waiting(r, &t->waiting));
	return o;
}

static json_t *json_pool(struct tt_report *r, const struct tt_group *g)
{
	json_t *o = json_object();
	tt_json_put(&o, "id", json_integer(g->id));
	tt_json_put(&o, "program", json_integer(g->program));
	tt_json_put(&o, "name", tt_json_text(g->name));
	tt_json_put(&o, "start_routine", tt_json_site(r, g->start_routine));
	tt_json_put(&o, "create_site", tt_json_site(r, g->create_site));
	tt_json_put(&o, "create_stack", tt_json_stack(r, g->create_stack));
	tt_json_put(&o, "created", tt_json_u64(g->created));
	tt_json_put(&o, "failed", tt_json_u64(g->failed));
	tt_json_put(&o, "ended", tt_json_u64(g->ended));
	tt_json_put(&o, "joined", tt_json_u64(g->joined));
	tt_json_put(&o, "detached", tt_json_u64(g->detached));
	tt_json_put(&o, "peak", tt_json_u64(g->peak));
	tt_json_put(&o, "unjoined", tt_json_u64(g->unjoined));
	tt_json_put(&o, "running", tt_json_u64(g->running));
	tt_json_put(&o, "life_ns", tt_json_u64(g->life_ns));
	tt_json_put(&o, "cpu_ns", tt_json_u64(g->cpu_ns));
	tt_json_put(&o, "wait_ns", json_wait_classes(g->waits));
	return o;
}

static json_t *json_loop(struct tt_report *r, const struct tt_loop *l)
{
	json_t *away = json_object(), *o = json_object();
	tt_json_put(&away, "total", tt_json_u64(l->away.total_ns));
	tt_json_put(&away, "max", tt_json_u64(l->away.max_ns));
	tt_json_put(&away, "p50", tt_json_u64(l->away.p50_ns));
	tt_json_put(&away, "p99", tt_json_u64(l->away.p99_ns));
	tt_json_put(&o, "process", json_integer(l->process->id));
	tt_json_put(&o, "thread", l->thread ? json_integer(l->thread->id) : json_null());
	tt_json_put(&o, "site", tt_json_site(r, l->site));
	tt_json_put(&o, "turns", tt_json_u64(l->calls));
	tt_json_put(&o, "wait_ns", tt_json_u64(l->wait_ns));
	tt_json_put(&o, "away_ns", away);
	tt_json_put(&o, "stalls", tt_json_u64(l->stalls));
	tt_json_put(&o, "stall_limit_ns", tt_json_u64(l->stall_limit_ns));
	return o;
}

static json_t *json_blocking(const struct tt_blocking *b)
{
	json_t *o = json_object();
	tt_json_put(&o, "lock", b->lock ? json_integer(b->lock->id) : json_null());
	tt_json_put(&o, "process", json_integer(b->process->id));
	tt_json_put(&o, "waiter", b->waiter ? json_integer(b->waiter->id) : json_null());
	tt_json_put(&o, "holder", b->holder ? json_integer(b->holder->id) : json_null());
	tt_json_put(&o, "waiter_serial", tt_json_u64(b->waiter_serial));
	tt_json_put(&o, "holder_serial", b->holder_serial ? tt_json_u64(b->holder_serial) : json_null());
	tt_json_put(&o, "wait_ns", tt_json_waits(&b->waits, NULL));
	return o;
}

void tt_json_threads(struct tt_report *r, struct tt_jsonw *w)
{
	tt_jsonw_begin(w, "threads", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->threads.len); i++)
		tt_jsonw_value(w, NULL, json_thread(r, r->threads.data[i]));
	tt_jsonw_end(w, ']');
	tt_jsonw_begin(w, "pools", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->groups.len); i++)
		tt_jsonw_value(w, NULL, json_pool(r, r->groups.data[i]));
	tt_jsonw_end(w, ']');
	tt_jsonw_begin(w, "event_loops", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->loops.len); i++)
		tt_jsonw_value(w, NULL, json_loop(r, r->loops.data[i]));
	tt_jsonw_end(w, ']');
	tt_jsonw_begin(w, "blockings", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->model->blockings.len); i++)
		tt_jsonw_value(w, NULL, json_blocking(&r->model->blockings.data[i]));
	tt_jsonw_end(w, ']');
}

/* ------------------------------------------------------------------ findings */

static json_t *json_finding_threads(const struct tt_finding *f)
{
	json_t *a = json_array();
	const struct tt_thread *const *t;
	vec_for_each (t, &f->threads) {
		json_t *o = json_object();
		tt_json_put(&o, "id", json_integer((*t)->id));
		tt_json_put(&o, "tid", (*t)->tid ? json_integer((*t)->tid) : json_null());
		tt_json_put(&o, "name", tt_json_text((*t)->name));
		tt_json_push(&a, o);
	}
	return a;
}

static json_t *json_finding_locks(struct tt_report *r, const struct tt_finding *f)
{
	json_t *a = json_array();
	const struct tt_lock *const *l;
	vec_for_each (l, &f->locks) {
		json_t *o = json_object();
		tt_json_put(&o, "id", json_integer((*l)->id));
		tt_json_put(&o, "name", tt_json_text(tt_names_lock(r->names, *l)));
		tt_json_put(&o, "address", tt_json_hex((*l)->address));
		tt_json_push(&a, o);
	}
	return a;
}

static json_t *json_finding_stacks(struct tt_report *r, const struct tt_finding *f)
{
	json_t *a = json_array();
	const struct tt_finding_stack *s;
	vec_for_each (s, &f->stacks) {
		json_t *o = json_object();
		json_t *frames = s->stack ? tt_json_stack(r, s->stack) : json_array();
		if (!s->stack)
			tt_json_push(&frames, tt_json_site(r, s->site));
		tt_json_put(&o, "label", tt_json_text(s->label));
		tt_json_put(&o, "frames", frames);
		tt_json_push(&a, o);
	}
	return a;
}

static json_t *json_evidence(const struct tt_finding *f)
{
	json_t *lines = json_array(), *figures = json_object(), *o = json_object();
	const char *const *line;
	vec_for_each (line, &f->evidence)
		tt_json_push(&lines, tt_json_text(*line));
	const struct tt_figure *figure;
	vec_for_each (figure, &f->figures)
		tt_json_put(&figures, figure->key, tt_json_u64(figure->value));
	tt_json_put(&o, "lines", lines);
	tt_json_put(&o, "figures", figures);
	return o;
}

static json_t *json_finding(struct tt_report *r, const struct tt_finding *f)
{
	char fingerprint[20];
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, f->fingerprint);
	json_t *o = json_object();
	tt_json_put(&o, "rule", json_string(tt_rules[f->rule].id));
	tt_json_put(&o, "level", json_string(tt_level_name(f->level)));
	tt_json_put(&o, "confidence", json_string(tt_confidence_name(f->confidence)));
	tt_json_put(&o, "reason", tt_json_text(f->reason));
	tt_json_put(&o, "title", tt_json_text(f->title));
	tt_json_put(&o, "fingerprint", json_string(fingerprint));
	tt_json_put(&o, "process", f->process ? json_integer(f->process->id) : json_null());
	tt_json_put(&o, "count", json_integer(f->count));
	tt_json_put(&o, "cost_ns", f->cost_ns ? tt_json_u64(f->cost_ns) : json_null());
	tt_json_put(&o, "cost_pct", f->cost_ns ? json_real(tt_share_pct(f->cost_ns, f->wall_ns)) : json_null());
	tt_json_put(&o, "threads", json_finding_threads(f));
	tt_json_put(&o, "locks", json_finding_locks(r, f));
	tt_json_put(&o, "stacks", json_finding_stacks(r, f));
	tt_json_put(&o, "evidence", json_evidence(f));
	tt_json_put(&o, "why", tt_json_text(f->why));
	tt_json_put(&o, "advice", tt_json_text(f->advice));
	return o;
}

void tt_json_findings(struct tt_report *r, struct tt_jsonw *w)
{
	tt_jsonw_begin(w, "findings", '[');
	for (size_t i = 0; i < r->findings.list.len; i++)
		tt_jsonw_value(w, NULL, json_finding(r, &r->findings.list.data[i]));
	tt_jsonw_end(w, ']');
}
