/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_threads.c - threads[], pools[], event_loops[], blockings[] and findings[] of the JSON report. See json.h. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/out/json.h"
#include "lib/out/run.h"

static void json_ns(struct tt_jsonw *j, const char *key, uint64_t time_ns)
{
	if (time_ns)
		tt_jsonw_u64(j, key, time_ns - 1);
	else
		tt_jsonw_null(j, key);
}

static void json_wait_classes(struct tt_jsonw *j, const char *key, const struct ttrec_total waits[TTREC_WAIT_SLOTS])
{
	tt_jsonw_begin(j, key, '{');
	for (unsigned i = 0; i < TTREC_WAIT_MAX; i++)
		tt_jsonw_u64(j, tt_wait_class_name((enum ttrec_wait_class)i), waits[i].ns);
	tt_jsonw_end(j, '}');
}

static void json_waiting(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_waiting *w)
{
	if (w->op == TTREC_OP_NONE) {
		tt_jsonw_null(j, key);
		return;
	}
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "op", tt_op_name(w->op));
	tt_jsonw_text(j, "kind", tt_kind_name(w->kind));
	if (w->lock)
		tt_jsonw_u64(j, "lock", w->lock->id);
	else
		tt_jsonw_null(j, "lock");
	tt_jsonw_hex(j, "address", w->object);
	if (w->target)
		tt_jsonw_u64(j, "target", w->target->id);
	else
		tt_jsonw_null(j, "target");
	tt_jsonw_bool(j, "idle", w->idle);
	json_ns(j, "since_ns", w->since_ns);
	tt_jsonw_u64(j, "waited_ns", w->dur_ns);
	tt_json_site(j, r, "site", w->site);
	tt_json_stack(j, r, "stack", w->stack);
	tt_jsonw_end(j, '}');
}

static void json_held(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_thread *t)
{
	tt_jsonw_begin(j, key, '[');
	for (unsigned i = 0; i < t->held_count; i++) {
		const struct tt_held *h = &t->held[i];
		tt_jsonw_begin(j, NULL, '{');
		if (h->lock)
			tt_jsonw_u64(j, "lock", h->lock->id);
		else
			tt_jsonw_null(j, "lock");
		tt_jsonw_hex(j, "address", h->address);
		tt_jsonw_bool(j, "shared", h->shared);
		tt_json_site(j, r, "site", h->site);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

void tt_json_thread_ref(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_process *p,
	const struct tt_thread *thread, uint64_t serial)
{
	if (!serial) {
		tt_jsonw_null(j, key);
		return;
	}
	tt_jsonw_begin(j, key, '{');
	if (thread)
		tt_jsonw_u64(j, "id", thread->id);
	else
		tt_jsonw_null(j, "id");
	tt_jsonw_u64(j, "serial", serial);
	tt_jsonw_text(j, "name", tt_names_thread(r->names, p, thread, serial));
	tt_jsonw_end(j, '}');
}

static void json_thread(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_thread *t)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "id", t->id);
	tt_jsonw_u64(j, "process", t->process->id);
	if (t->tid)
		tt_jsonw_u64(j, "tid", t->tid);
	else
		tt_jsonw_null(j, "tid");
	tt_jsonw_u64(j, "serial", t->serial);
	tt_jsonw_text(j, "name", t->name);
	tt_jsonw_text(j, "state", tt_thread_state_name(t->state));
	tt_jsonw_bool(j, "alive", t->alive);
	tt_jsonw_bool(j, "main", t->flags & TTREC_THREAD_MAIN);
	tt_jsonw_bool(j, "detached", t->flags & TTREC_THREAD_DETACHED);
	tt_jsonw_bool(j, "adopted", t->flags & TTREC_THREAD_ADOPTED);
	if (t->group)
		tt_jsonw_u64(j, "pool", t->group->id);
	else
		tt_jsonw_null(j, "pool");
	if (t->creator)
		tt_jsonw_u64(j, "creator", t->creator->id);
	else
		tt_jsonw_null(j, "creator");
	if (t->joiner)
		tt_jsonw_u64(j, "joiner", t->joiner->id);
	else
		tt_jsonw_null(j, "joiner");
	tt_json_site(j, r, "start_routine", t->start_routine);
	tt_json_site(j, r, "create_site", t->create_site);
	json_ns(j, "created_ns", t->created_ns);
	json_ns(j, "started_ns", t->started_ns);
	json_ns(j, "ended_ns", t->ended_ns);
	json_ns(j, "joined_ns", t->joined_ns);
	tt_jsonw_u64(j, "life_ns", t->life_ns);
	if (t->cpu_ns)
		tt_jsonw_u64(j, "cpu_ns", t->cpu_ns);
	else
		tt_jsonw_null(j, "cpu_ns");
	tt_jsonw_u64(j, "operations", t->operations);
	tt_jsonw_u64(j, "contended", t->contended);
	tt_jsonw_u64(j, "lock_wait_ns", t->lock_wait_ns);
	json_wait_classes(j, "wait_ns", t->waits);
	json_held(j, r, "held", t);
	json_waiting(j, r, "waiting", &t->waiting);
	tt_jsonw_end(j, '}');
}

static void json_pool(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_group *g)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "id", g->id);
	tt_jsonw_u64(j, "program", g->program);
	tt_jsonw_text(j, "name", g->name);
	tt_jsonw_text(j, "routine", tt_run_place(r, g->start_routine, NULL));
	tt_jsonw_text(j, "created_in", tt_run_place(r, g->create_site, g->create_stack));
	tt_json_site(j, r, "start_routine", g->start_routine);
	tt_json_site(j, r, "create_site", g->create_site);
	tt_json_stack(j, r, "create_stack", g->create_stack);
	tt_jsonw_u64(j, "created", g->created);
	tt_jsonw_u64(j, "failed", g->failed);
	tt_jsonw_u64(j, "ended", g->ended);
	tt_jsonw_u64(j, "joined", g->joined);
	tt_jsonw_u64(j, "detached", g->detached);
	tt_jsonw_u64(j, "peak", g->peak);
	tt_jsonw_u64(j, "unjoined", g->unjoined);
	tt_jsonw_u64(j, "running", g->running);
	tt_jsonw_u64(j, "life_ns", g->life_ns);
	tt_jsonw_u64(j, "cpu_ns", g->cpu_ns);
	json_wait_classes(j, "wait_ns", g->waits);
	tt_jsonw_end(j, '}');
}

static void json_loop(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_loop *l)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "process", l->process->id);
	if (l->thread)
		tt_jsonw_u64(j, "thread", l->thread->id);
	else
		tt_jsonw_null(j, "thread");
	tt_json_site(j, r, "site", l->site);
	tt_jsonw_u64(j, "turns", l->calls);
	tt_jsonw_u64(j, "wait_ns", l->wait_ns);
	tt_jsonw_begin(j, "away_ns", '{');
	tt_jsonw_u64(j, "total", l->away.total_ns);
	tt_jsonw_u64(j, "max", l->away.max_ns);
	tt_jsonw_u64(j, "p50", l->away.p50_ns);
	tt_jsonw_u64(j, "p99", l->away.p99_ns);
	tt_jsonw_end(j, '}');
	tt_jsonw_u64(j, "stalls", l->stalls);
	tt_jsonw_u64(j, "stall_limit_ns", l->stall_limit_ns);
	tt_jsonw_end(j, '}');
}

static void json_blocking(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_blocking *b)
{
	tt_jsonw_begin(j, key, '{');
	if (b->lock)
		tt_jsonw_u64(j, "lock", b->lock->id);
	else
		tt_jsonw_null(j, "lock");
	tt_jsonw_u64(j, "process", b->process->id);
	tt_json_thread_ref(j, r, "waiter", b->process, b->waiter, b->waiter_serial);
	tt_json_thread_ref(j, r, "holder", b->process, b->holder, b->holder_serial);
	tt_json_waits(j, "wait_ns", &b->waits, NULL);
	tt_jsonw_end(j, '}');
}

void tt_json_threads(struct tt_jsonw *j, struct tt_report *r)
{
	tt_jsonw_begin(j, "threads", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->threads.len); i++)
		json_thread(j, r, NULL, r->threads.data[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "pools", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->groups.len); i++)
		json_pool(j, r, NULL, r->groups.data[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "event_loops", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->loops.len); i++)
		json_loop(j, r, NULL, r->loops.data[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "blockings", '[');
	for (size_t i = 0; i < tt_json_rows(r, r->model->blockings.len); i++)
		json_blocking(j, r, NULL, &r->model->blockings.data[i]);
	tt_jsonw_end(j, ']');
}

/* ------------------------------------------------------------------ findings */

static void json_finding_threads(struct tt_jsonw *j, const char *key, const struct tt_finding *f)
{
	tt_jsonw_begin(j, key, '[');
	const struct tt_thread *const *t;
	vec_for_each (t, &f->threads) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_u64(j, "id", (*t)->id);
		if ((*t)->tid)
			tt_jsonw_u64(j, "tid", (*t)->tid);
		else
			tt_jsonw_null(j, "tid");
		tt_jsonw_text(j, "name", (*t)->name);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void json_finding_locks(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_finding *f)
{
	tt_jsonw_begin(j, key, '[');
	const struct tt_lock *const *l;
	vec_for_each (l, &f->locks) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_u64(j, "id", (*l)->id);
		tt_jsonw_text(j, "name", tt_names_lock(r->names, *l));
		tt_jsonw_hex(j, "address", (*l)->address);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void json_finding_stack(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_finding_stack *s)
{
	if (!s->site && !s->stack) {
		tt_jsonw_null(j, key);
		return;
	}
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "label", s->label);
	if (s->stack) {
		tt_json_stack(j, r, "frames", s->stack);
	} else {
		tt_jsonw_begin(j, "frames", '[');
		tt_json_site(j, r, NULL, s->site);
		tt_jsonw_end(j, ']');
	}
	tt_jsonw_end(j, '}');
}

static void json_finding_stacks(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_finding *f)
{
	const struct tt_finding_stack *s;
	tt_jsonw_begin(j, key, '[');
	vec_for_each (s, &f->stacks)
		if (s->site || s->stack)
			json_finding_stack(j, r, NULL, s);
	tt_jsonw_end(j, ']');
}

static void json_edge_lock(struct tt_jsonw *j, const char *key, const struct tt_lock *lock)
{
	if (lock)
		tt_jsonw_u64(j, key, lock->id);
	else
		tt_jsonw_null(j, key);
}

static void json_finding_edges(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_finding *f)
{
	const struct tt_finding_edge *e;
	tt_jsonw_begin(j, key, '[');
	vec_for_each (e, &f->edges) {
		tt_jsonw_begin(j, NULL, '{');
		if (e->thread)
			tt_jsonw_u64(j, "thread", e->thread->id);
		else
			tt_jsonw_null(j, "thread");
		tt_jsonw_text(j, "thread_name", e->thread_name);
		json_edge_lock(j, "held", e->held);
		tt_jsonw_text(j, "held_name", e->held_name);
		json_edge_lock(j, "wanted", e->wanted);
		tt_jsonw_text(j, "wanted_name", e->wanted_name);
		json_finding_stack(j, r, "hold", &e->hold);
		json_finding_stack(j, r, "want", &e->want);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void json_evidence(struct tt_jsonw *j, const char *key, const struct tt_finding *f)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_begin(j, "lines", '[');
	const char *const *line;
	vec_for_each (line, &f->evidence)
		tt_jsonw_text(j, NULL, *line);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "figures", '{');
	const struct tt_figure *figure;
	vec_for_each (figure, &f->figures)
		tt_jsonw_u64(j, figure->key, figure->value);
	tt_jsonw_end(j, '}');
	tt_jsonw_end(j, '}');
}

static void json_finding(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_finding *f)
{
	char fingerprint[20];
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, f->fingerprint);
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "rule", tt_rules[f->rule].id);
	tt_jsonw_text(j, "level", tt_level_name(f->level));
	tt_jsonw_text(j, "confidence", tt_confidence_name(f->confidence));
	tt_jsonw_text(j, "reason", f->reason);
	tt_jsonw_text(j, "title", f->title);
	tt_jsonw_text(j, "fingerprint", fingerprint);
	if (f->process)
		tt_jsonw_u64(j, "process", f->process->id);
	else
		tt_jsonw_null(j, "process");
	tt_jsonw_u64(j, "count", f->count);
	if (f->cost_ns)
		tt_jsonw_u64(j, "cost_ns", f->cost_ns);
	else
		tt_jsonw_null(j, "cost_ns");
	if (f->cost_ns)
		tt_jsonw_real(j, "cost_pct", tt_share_pct(f->cost_ns, f->wall_ns));
	else
		tt_jsonw_null(j, "cost_pct");
	json_finding_threads(j, "threads", f);
	json_finding_locks(j, r, "locks", f);
	json_finding_stacks(j, r, "stacks", f);
	json_finding_edges(j, r, "edges", f);
	json_evidence(j, "evidence", f);
	tt_jsonw_text(j, "why", f->why);
	tt_jsonw_text(j, "advice", f->advice);
	tt_json_finding_state(j, r, f);
	tt_jsonw_end(j, '}');
}

void tt_json_findings(struct tt_jsonw *j, struct tt_report *r)
{
	tt_jsonw_begin(j, "findings", '[');
	for (size_t i = 0; i < r->findings.list.len; i++)
		json_finding(j, r, NULL, &r->findings.list.data[i]);
	tt_jsonw_end(j, ']');
}
