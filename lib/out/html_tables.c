/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_tables.c - locks, waits, threads, pools and event loops in the data of the HTML report. See html.h. */
#include "lib/out/html.h"
#include "lib/out/text.h"

/* ------------------------------------------------------------------ locks and waits */

static void put_lock(struct tt_html *h, const struct tt_lock_class *c)
{
	struct tt_jsonw *j = &h->j;
	const struct tt_dist *d = c->wait.count >= c->rdwait.count ? &c->wait : &c->rdwait;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", tt_names_class(h->r->names, c));
	tt_jsonw_u64(j, "n", c->locks.len);
	tt_jsonw_u64(j, "calls", c->ops.waits);
	tt_jsonw_u64(j, "signals", c->ops.signals + c->ops.broadcasts + c->ops.posts);
	tt_jsonw_u64(j, "acq", c->ops.acquisitions);
	tt_jsonw_u64(j, "cont", c->contended);
	tt_jsonw_u64(j, "wait", c->waits.total_ns);
	tt_jsonw_real(j, "share", tt_share_pct(c->waits.total_ns, tt_report_program_ns(h->r, c->program)));
	tt_jsonw_u64(j, "max", c->waits.max_ns);
	tt_jsonw_u64(j, "p50", d->p50_ns);
	tt_jsonw_u64(j, "p99", d->p99_ns);
	tt_jsonw_u64(j, "hold", c->hold.total_ns);
	tt_jsonw_u64(j, "holdmax", c->hold.max_ns);
	tt_jsonw_u64(j, "ongoing", c->waits.ongoing);
	tt_html_place(h, "born", c->birth_site, c->birth_stack);
	if (c->pair_count) {
		const struct tt_wait *w = &c->pairs[0];
		tt_jsonw_begin(j, "top", '{');
		tt_html_place(h, "waiter", w->waiter, w->waiter_stack);
		tt_html_place(h, "holder", w->holder, w->holder_stack);
		tt_html_stack(h, "ws", w->waiter, w->waiter_stack);
		tt_html_stack(h, "hs", w->holder, w->holder_stack);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, '}');
}

static void put_wait(struct tt_html *h, const struct tt_wait *w)
{
	struct tt_jsonw *j = &h->j;
	struct tt_names *n = h->r->names;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "lock", w->class ? tt_names_class(n, w->class) : "join");
	tt_html_place(h, "waiter", w->waiter, w->waiter_stack);
	tt_html_place(h, "holder", w->holder, w->holder_stack);
	tt_jsonw_u64(j, "wait", w->waits.total_ns);
	tt_jsonw_u64(j, "count", w->waits.count);
	tt_jsonw_u64(j, "max", w->waits.max_ns);
	if (w->max_waiter_serial)
		tt_jsonw_text(j, "by", tt_names_thread(n, w->process, w->max_waiter, w->max_waiter_serial));
	if (w->max_holder_serial)
		tt_jsonw_text(j, "behind", tt_names_thread(n, w->process, w->max_holder, w->max_holder_serial));
	tt_html_stack(h, "ws", w->waiter, w->waiter_stack);
	tt_html_stack(h, "hs", w->holder, w->holder_stack);
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ threads */

/* What a thread runs; the main thread and foreign ones have no start routine. */
static void put_start(struct tt_html *h, const struct tt_site *start, const struct tt_thread *t)
{
	if (start)
		tt_html_place(h, "start", start, NULL);
	else
		tt_jsonw_text(&h->j, "start",
			!t                                ? NULL
			: t->flags & TTREC_THREAD_MAIN    ? "the main thread"
			: t->flags & TTREC_THREAD_ADOPTED ? "not created by the program"
							  : NULL);
}

static void put_thread(struct tt_html *h, const struct tt_thread *t)
{
	struct tt_jsonw *j = &h->j;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", tt_names_thread(h->r->names, t->process, t, t->serial));
	tt_jsonw_u64(j, "pid", t->process->pid);
	put_start(h, t->start_routine, t);
	tt_jsonw_text(j, "state", t->unjoined ? "not joined" : t->alive ? "running" : "ended");
	tt_jsonw_u64(j, "life", t->life_ns);
	tt_jsonw_u64(j, "cpu", t->cpu_ns);
	tt_jsonw_u64(j, "wait", t->lock_wait_ns);
	tt_jsonw_u64(j, "idle", tt_waits_idle_ns(t->waits));
	tt_jsonw_u64(j, "cont", t->contended);
	tt_jsonw_u64(j, "held", t->held_count);
	if (t->waiting.op != TTREC_OP_NONE && t->alive) {
		tt_jsonw_text(j, "op", tt_op_name(t->waiting.op));
		if (t->waiting.lock)
			tt_jsonw_text(j, "on", tt_names_lock(h->r->names, t->waiting.lock));
		tt_html_stack(h, "ws", t->waiting.site, t->waiting.stack);
	}
	tt_html_stack(h, "cs", t->create_site, t->create_stack);
	tt_jsonw_end(j, '}');
}

static void put_pool(struct tt_html *h, const struct tt_group *g)
{
	struct tt_jsonw *j = &h->j;
	tt_jsonw_begin(j, NULL, '{');
	put_start(h, g->start_routine, g->threads.len ? g->threads.data[0] : NULL);
	tt_jsonw_text(j, "name", g->name);
	tt_html_place(h, "site", g->create_site, g->create_stack);
	tt_jsonw_u64(j, "created", g->created);
	tt_jsonw_u64(j, "ended", g->ended);
	tt_jsonw_u64(j, "unjoined", g->unjoined);
	tt_jsonw_u64(j, "running", g->running);
	tt_jsonw_u64(j, "peak", g->peak);
	tt_jsonw_u64(j, "life", g->life_ns);
	tt_jsonw_u64(j, "cpu", g->cpu_ns);
	tt_jsonw_u64(j, "wait", tt_waits_lock_ns(g->waits));
	tt_jsonw_u64(j, "idle", tt_waits_idle_ns(g->waits));
	tt_html_stack(h, "cs", g->create_site, g->create_stack);
	tt_jsonw_end(j, '}');
}

static void put_loop(struct tt_html *h, const struct tt_loop *l)
{
	struct tt_jsonw *j = &h->j;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", tt_names_thread(h->r->names, l->process, l->thread, l->serial));
	tt_jsonw_u64(j, "pid", l->process->pid);
	tt_html_place(h, "site", l->site, NULL);
	tt_jsonw_u64(j, "turns", l->calls);
	tt_jsonw_u64(j, "wait", l->wait_ns);
	tt_jsonw_u64(j, "away", l->away.total_ns);
	tt_jsonw_u64(j, "max", l->away.max_ns);
	tt_jsonw_u64(j, "p99", l->away.p99_ns);
	tt_jsonw_u64(j, "stalls", l->stalls);
	tt_jsonw_end(j, '}');
}

/* Locks or what else threads wait for, in one list each, so that a long one does not crowd out the other. */
static void put_locks(struct tt_html *h, const char *key, bool is_lock)
{
	const struct tt_lock_class *const *c;
	size_t all = 0, shown = 0;
	vec_for_each (c, &h->r->classes)
		all += ((*c)->use == TT_USE_LOCK) == is_lock;
	size_t rows = tt_html_rows_begin(h, key, all);
	vec_for_each (c, &h->r->classes)
		if (((*c)->use == TT_USE_LOCK) == is_lock && shown++ < rows)
			put_lock(h, *c);
	tt_html_rows_end(h);
}

static bool is_loss(const struct tt_wait *w)
{
	return w->class && w->class->use == TT_USE_LOCK;
}

static void put_waits(struct tt_html *h, const char *key, bool lost)
{
	const struct tt_wait *const *w;
	size_t all = 0, shown = 0;
	vec_for_each (w, &h->r->waits)
		all += is_loss(*w) == lost;
	size_t rows = tt_html_rows_begin(h, key, all);
	vec_for_each (w, &h->r->waits)
		if (is_loss(*w) == lost && shown++ < rows)
			put_wait(h, *w);
	tt_html_rows_end(h);
}

void tt_html_tables(struct tt_html *h)
{
	const struct tt_report *r = h->r;
	put_locks(h, "locks", true);
	put_locks(h, "signals", false);
	put_waits(h, "waits", true);
	put_waits(h, "other_waits", false);
	size_t rows = tt_html_rows_begin(h, "threads", r->threads.len);
	for (size_t i = 0; i < rows; i++)
		put_thread(h, r->threads.data[i]);
	tt_html_rows_end(h);
	rows = tt_html_rows_begin(h, "pools", r->groups.len);
	for (size_t i = 0; i < rows; i++)
		put_pool(h, r->groups.data[i]);
	tt_html_rows_end(h);
	rows = tt_html_rows_begin(h, "loops", r->loops.len);
	for (size_t i = 0; i < rows; i++)
		put_loop(h, r->loops.data[i]);
	tt_html_rows_end(h);
}
