/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * facts.c - the head of every output: counts, control groups with a quota, and what is wrong, in words. Thresholds stand here
 * and in threadtop(1). Called by batch.c, metrics.c, ui_draw.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/text.h"
#include "tools/threadtop/top.h"

#define POOL_BUSY_NS  3000000000u /* all threads of a pool busy for so long */
#define HOT_NS        5000000000u /* one thread uses a CPU for so long */
#define HOT_PCT       95.0
#define THROTTLED_PCT 5.0 /* periods */
#define RUN_QUEUE_PCT                                                                                          \
	25.0 /* of the time that the process's runnable threads were waiting, summed: at least one CPU's worth \
	      */
#define CHAIN_WAITERS  3
#define DISK_NS        5000000000u
#define PRESSURE_MILLI 40000
#define STOLEN_PPM     100000
#define MEMORY_SHARE   20 /* available memory below a twentieth */
#define LOOP_STALL_NS  1000000000u
#define MOST_WARNINGS  32

__attribute__((format(printf, 5, 6))) static void warn(
	struct top_facts *facts, enum top_level level, const char *rule, uint32_t pid, const char *fmt, ...)
{
	TT_BUF_AUTO(text);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (facts->warnings.len >= MOST_WARNINGS)
		return;
	struct top_warning *w = tt_vec_add(&facts->warnings);
	if (w)
		*w = (struct top_warning){level, rule, pid, tt_buf_steal(&text)};
	if (w && !w->text)
		facts->warnings.len--;
}

static void clear(struct top_facts *facts)
{
	struct top_warning *w;
	vec_for_each (w, &facts->warnings)
		free(w->text);
	facts->warnings.len = facts->quotas.len = 0;
}

void top_facts_deinit(struct top_facts *facts)
{
	clear(facts);
	tt_vec_deinit(&facts->warnings);
	tt_vec_deinit(&facts->quotas);
	tt_hmap_deinit(&facts->hot);
}

/* ------------------------------------------------------------------ counts */

static void count_state(struct top_facts *facts, unsigned char state)
{
	switch (state) {
	case 'R':
		facts->running++;
		break;
	case 'S':
		facts->sleeping++;
		break;
	case 'D':
		facts->disk++;
		break;
	case 'T':
	case 't':
		facts->stopped++;
		break;
	case 'Z':
	case 'X':
		facts->zombie++;
		break;
	case 'I':
		facts->idle++;
		break;
	default:
		facts->other++;
	}
}

static void count_threads(struct top_facts *facts, const struct top_view *v)
{
	const struct tt_top_proc *last = NULL;
	const struct top_row *r;
	vec_for_each (r, &v->tasks) {
		const struct tt_top_task *t = r->task;
		facts->threads++;
		facts->processes += t->proc != last;
		last = t->proc;
		count_state(facts, t->state);
		facts->on_locks += t->wait_class == TOP_WAIT_LOCK;
		if (t->span_ns) {
			facts->cpu_pct += top_share(t->d_run_ns, t->span_ns);
			facts->run_queue_pct += top_share(t->d_wait_ns, t->span_ns);
		}
	}
}

/* ------------------------------------------------------------------ quotas */

static struct top_quota *quota_of(struct top_facts *facts, const struct tt_top_proc *p)
{
	struct top_quota *q;
	vec_for_each (q, &facts->quotas)
		if (strcmp(q->path, p->cgroup) == 0 && q->quota_milli == p->quota_milli)
			return q;
	q = tt_vec_add(&facts->quotas);
	if (q)
		*q = (struct top_quota){.path = p->cgroup,
			.quota_milli = p->quota_milli,
			.periods = p->periods,
			.throttled = p->throttled,
			.throttled_ns = p->throttled_ns};
	return q;
}

static int compare_quotas(const void *a, const void *b)
{
	const struct top_quota *x = a, *y = b;
	if (x->throttled != y->throttled)
		return x->throttled < y->throttled ? 1 : -1;
	return x->used_pct < y->used_pct ? 1 : x->used_pct > y->used_pct ? -1 : strcmp(x->path, y->path);
}

static void gather_quotas(struct top_facts *facts, const struct tt_top_frame *f)
{
	struct tt_top_proc **p;
	vec_for_each (p, &f->procs) {
		if ((*p)->quota_milli <= 0 || !(*p)->cgroup)
			continue;
		struct top_quota *q = quota_of(facts, *p);
		if (!q)
			return;
		q->processes++;
		struct tt_top_task **t;
		vec_for_each (t, &(*p)->tasks)
			if ((*t)->span_ns)
				q->used_pct += top_share((*t)->d_run_ns, (*t)->span_ns) * 1000.0 / (double)q->quota_milli;
	}
	tt_vec_sort(&facts->quotas, compare_quotas);
}

static void warn_quotas(struct top_facts *facts)
{
	const struct top_quota *q;
	vec_for_each (q, &facts->quotas) {
		double share = q->periods ? 100.0 * (double)q->throttled / (double)q->periods : 0;
		if (share >= THROTTLED_PCT)
			warn(facts, TOP_WARNING, "throttled", 0, "%s throttled in %.0f %% of periods (quota %.2f CPU)", q->path,
				share, (double)q->quota_milli / 1000);
	}
}

/* ------------------------------------------------------------------ locks */

static const char *thread_name(const struct tt_top_task *t)
{
	return t->name ? t->name : "?";
}

/* The ring that begins at row i of the chains: its rows stand one behind the other, with their waiters in between. */
static void warn_deadlock(struct top_facts *facts, const struct top_view *v, const struct top_row *first)
{
	TT_BUF_AUTO(who);
	unsigned members = 0;
	const struct tt_top_task *t = first->task;
	do {
		const struct top_row *r, *next = NULL;
		if (++members <= 4)
			tt_buf_printf(&who, "%s%s (%u)", members > 1 ? ", " : "", thread_name(t), t->tid);
		vec_for_each (r, &v->chains)
			if (r->task->tid == t->owner_tid)
				next = r;
		t = next ? next->task : NULL;
	} while (t && t != first->task);
	if (members > 1)
		warn(facts, TOP_ERROR, "deadlock", first->proc->pid, "deadlock in %s: %s%s wait for each other",
			first->proc->name, tt_buf_str(&who), members > 4 ? " ..." : "");
	else
		warn(facts, TOP_ERROR, "deadlock", first->proc->pid, "deadlock in %s: %s waits for what it holds itself",
			first->proc->name, tt_buf_str(&who));
}

static void warn_locks(struct top_facts *facts, const struct top_view *v)
{
	struct tt_hmap told = TT_HMAP_INIT; /* tids of rings that were told */
	const struct top_row *r, *k;
	vec_for_each (r, &v->chains) {
		if (!r->deadlock || r->depth || tt_hmap_find(&told, r->task->tid))
			continue;
		warn_deadlock(facts, v, r);
		/* All members of this ring are told with it. */
		uint32_t tid = r->task->tid;
		for (size_t steps = 0; steps <= v->chains.len && tid; steps++) {
			tt_hmap_put(&told, tid, 1);
			uint32_t owner = 0;
			vec_for_each (k, &v->chains)
				if (k->task->tid == tid)
					owner = k->task->owner_tid;
			tid = owner == r->task->tid ? 0 : owner;
		}
	}
	tt_hmap_deinit(&told);
	vec_for_each (r, &v->chains)
		if (!r->deadlock && r->depth == 0 && r->waiters >= CHAIN_WAITERS)
			warn(facts, TOP_WARNING, "lock-held", r->proc->pid, "%u threads of %s wait for %s (%u)", r->waiters,
				r->proc->name, thread_name(r->task), r->task->tid);
}

/* ------------------------------------------------------------------ pools, threads, machine */

static void warn_pools(struct top_facts *facts, const struct top_view *v)
{
	struct top_pool **p;
	vec_for_each (p, &v->pools) {
		const struct top_pool *g = *p;
		if (g->saturated_ns >= POOL_BUSY_NS)
			warn(facts, TOP_WARNING, "pool-busy", g->proc->pid, "pool %s of %s: %u of %u busy for %s", g->name,
				g->proc->name, g->busy, g->count, tt_ns(g->saturated_ns).s);
	}
}

static void warn_hot(struct top_facts *facts, const struct top_view *v, const struct tt_top_frame *f)
{
	struct tt_hmap next = TT_HMAP_INIT;
	const struct top_row *r;
	vec_for_each (r, &v->tasks) {
		const struct tt_top_task *t = r->task;
		uint64_t since;
		if (!t->span_ns || 100 * t->d_run_ns < (uint64_t)(HOT_PCT * (double)t->span_ns))
			continue;
		if (!tt_hmap_get(&facts->hot, t->id, &since))
			since = f->boot_ns - (t->span_ns < f->boot_ns ? t->span_ns : 0);
		tt_hmap_put(&next, t->id, since);
		if (f->boot_ns - since >= HOT_NS && r->proc->tasks.len > 1)
			warn(facts, TOP_NOTE, "thread-hot", r->proc->pid, "%s (%u) of %s uses a whole CPU for %s",
				thread_name(t), t->tid, r->proc->name, tt_ns(f->boot_ns - since).s);
	}
	tt_hmap_deinit(&facts->hot);
	facts->hot = next;
}

struct load {
	double wait_pct;
	uint32_t threads, disk;
};

static struct load load_of(const struct tt_top_proc *p)
{
	struct load l = {0};
	struct tt_top_task **t;
	vec_for_each (t, &p->tasks) {
		double share = top_share((*t)->d_wait_ns, (*t)->span_ns);
		if (share >= RUN_QUEUE_PCT) {
			l.threads++;
			l.wait_pct += share;
		}
		l.disk += (*t)->state == 'D' && (*t)->blocked_ns >= DISK_NS;
	}
	return l;
}

static void warn_procs(struct top_facts *facts, const struct tt_top_frame *f)
{
	struct tt_top_proc **p;
	vec_for_each (p, &f->procs) {
		struct load l = load_of(*p);
		if (l.threads >= 2 && l.wait_pct >= 100)
			warn(facts, TOP_WARNING, "run-queue", (*p)->pid,
				"%u threads of %s (%u) wait for a CPU %.0f %% of the time", l.threads, (*p)->name, (*p)->pid,
				l.wait_pct / l.threads);
		if (l.disk)
			warn(facts, TOP_WARNING, "uninterruptible", (*p)->pid,
				"%u thread%s of %s (%u) stuck in uninterruptible sleep", l.disk, l.disk == 1 ? "" : "s",
				(*p)->name, (*p)->pid);
	}
}

static void warn_loops(struct top_facts *facts, const struct top_view *v)
{
	const struct top_row *r;
	vec_for_each (r, &v->tasks)
		if ((r->task->known & TT_NEED_SHIM) && r->task->loop_stall_ns >= LOOP_STALL_NS)
			warn(facts, TOP_WARNING, "event-loop", r->proc->pid,
				"%s (%u) of %s has not come back to its event loop for %s", thread_name(r->task), r->task->tid,
				r->proc->name, tt_ns(r->task->loop_stall_ns).s);
}

static void warn_machine(struct top_facts *facts, const struct tt_machine *m)
{
	if (m->psi_milli[0] >= PRESSURE_MILLI && m->cpus)
		warn(facts, TOP_WARNING, "cpu-pressure", 0,
			"threads wait for a CPU in %.0f %% of the time (%u CPUs, load %.1f)", m->psi_milli[0] / 1000.0, m->cpus,
			m->load_milli[0] / 1000.0);
	if (m->psi_milli[2] >= PRESSURE_MILLI / 4)
		warn(facts, TOP_WARNING, "memory-pressure", 0, "threads wait for memory in %.0f %% of the time",
			m->psi_milli[2] / 1000.0);
	if (m->stolen_ppm >= STOLEN_PPM)
		warn(facts, TOP_WARNING, "stolen", 0, "the host takes %.0f %% of the CPUs away", m->stolen_ppm / 1e4);
	if (m->memory_bytes && m->available_bytes < m->memory_bytes / MEMORY_SHARE)
		warn(facts, TOP_WARNING, "memory-low", 0, "only %s of memory available", tt_bytes(m->available_bytes).s);
	if (m->no_schedstat)
		warn(facts, TOP_NOTE, "no-schedstat", 0, "this kernel does not count run-queue waits: CPU in clock ticks only");
	if (m->hidden)
		warn(facts, TOP_NOTE, "hidden", 0, "%u process%s may not be looked into", m->hidden,
			m->hidden == 1 ? "" : "es");
}

/* By level, in the order in which they were found. */
static void sort_warnings(struct top_facts *facts)
{
	struct top_warning *w = facts->warnings.data;
	for (size_t i = 1; i < facts->warnings.len; i++) {
		struct top_warning one = w[i];
		size_t k = i;
		for (; k > 0 && w[k - 1].level < one.level; k--)
			w[k] = w[k - 1];
		w[k] = one;
	}
}

int top_facts_make(struct top_facts *facts, const struct top_view *v, const struct tt_top_frame *f)
{
	clear(facts);
	facts->threads = facts->processes = facts->running = facts->sleeping = facts->disk = facts->stopped = 0;
	facts->zombie = facts->idle = facts->other = facts->on_locks = 0;
	facts->cpu_pct = facts->run_queue_pct = 0;
	count_threads(facts, v);
	gather_quotas(facts, f);
	warn_locks(facts, v);
	warn_quotas(facts);
	warn_loops(facts, v);
	warn_pools(facts, v);
	warn_procs(facts, f);
	warn_machine(facts, &f->machine);
	warn_hot(facts, v, f);
	sort_warnings(facts);
	return 0;
}
