/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size_advice.c - recommended sizes, their plot and their arithmetic, as threadsize's text (size.h). */
#include <inttypes.h>
#include <math.h>

#include "lib/core/attrs.h"
#include "lib/out/size_private.h"
#include "lib/util/text.h"

#define PLOT_ROWS    14
#define PLOT_COLUMNS 24

/* ------------------------------------------------------------------ event loops */

/* A loop is no pool: more of it does not help one request. What is to be known is whether it is blocked elsewhere. */
static void say_loop(struct tt_size_writer *w, const struct tt_pool *p)
{
	double busy = p->wall_ns ? 100.0 * (double)p->run_ns / (double)p->wall_ns : 0;
	uint64_t away = p->work_ns + p->lock_ns;
	if (p->process && busy < 1 && away * 50 <= p->wall_ns)
		return; /* helpers of servers are many, and have nothing to say */
	tt_size_line(w, p->name, "event loop%s, no pool: computes %.0f %% of the time", p->threads == 1 ? "" : "s", busy);
	if (away * 50 > p->wall_ns)
		tt_size_line(w, "", "blocked outside its event wait for %s of the time, mostly by %s: move that off the loop",
			tt_pct(away, p->wall_ns).s,
			p->waits.data[p->waits.data[0].use == TT_POOL_IDLE && p->waits.len > 1].words);
	if (busy > 70)
		tt_size_line(w, "", "near its one CPU: move computing to worker threads or to more processes");
}

/* ------------------------------------------------------------------ the recommendation */

static void say_bound(struct tt_size_writer *w, const struct tt_size_advice *a)
{
	switch (a->bound_by) {
	case TT_SIZE_BY_CPU:
		tt_size_line(w, "bound by", "CPU: %.3g that this pool can have", a->capacity);
		break;
	case TT_SIZE_BY_LOCK:
		tt_size_line(w, "bound by", "a lock that is held for %.0f %% of the computing: %.2g CPUs are the most",
			a->load.lock_share * 100, a->capacity);
		break;
	case TT_SIZE_BY_INTERPRETER:
		tt_size_line(w, "bound by", "the interpreter lock: one CPU per process; use more processes to compute");
		break;
	default:
		tt_size_line(w, "bound by", "%s; by CPU it would be %u", tt_size_bound_name(a->bound_by), a->by_cpu);
	}
}

static void say_memory(struct tt_size_writer *w, const struct tt_size_entry *e)
{
	const struct tt_size_memory *m = &e->advice.memory;
	const struct tt_pool *p = e->pool;
	TT_BUF_AUTO(line);
	if (p->members == TT_POOL_OF_PROCESSES) {
		if (p->memory.private_bytes)
			tt_size_line(w, "memory", "%s: a process takes %s for itself%s", tt_bytes(m->resident_bytes).s,
				tt_bytes(p->memory.private_bytes).s,
				p->memory.rough ? ", or less: what it still shares with its parent may not be read" : "");
		return;
	}
	tt_buf_printf(&line, "%s reserved for stacks", tt_bytes(m->virtual_bytes).s);
	tt_buf_printf(&line, ", of which %s resident when idle", tt_bytes(m->resident_bytes).s);
	tt_buf_printf(&line, ", %s of kernel stacks", tt_bytes(m->kernel_stack_bytes).s);
	tt_buf_printf(&line, ", %s of page tables", tt_bytes(m->page_table_bytes).s);
	tt_size_line(w, "memory", "%s", tt_buf_str(&line));
}

static void say_size(struct tt_size_writer *w, const struct tt_size_entry *e)
{
	const struct tt_size_advice *a = &e->advice;
	const char *members = tt_size_members(e->pool, 2);
	if (a->enough && a->size != e->pool->threads)
		tt_size_line(w, e->pool->name, "%u %s are right (%u to %u; the model says %u): nothing is to be gained",
			e->pool->threads, members, a->low, a->high, a->size);
	else if (a->enough)
		tt_size_line(w, e->pool->name, "%u %s are right (%u to %u): nothing is to be gained", a->size, members, a->low,
			a->high);
	else
		tt_size_line(w, e->pool->name, "%u %s (%u to %u) instead of %u", a->size, members, a->low, a->high,
			e->pool->threads);
	tt_size_line(w, "confidence", "%s%s%s", tt_size_confidence_name(a->confidence), *a->doubt ? ": " : "", a->doubt);
	say_bound(w, a);
	tt_size_line(w, "expected",
		"%.0f %% of that CPU under full load, with %u %s %.0f %%; time per piece %.3g times its compute time, now "
		"%.3g",
		a->then.share * 100, e->pool->threads, members, a->now.share * 100, a->then.response, a->now.response);
	tt_size_line(w, "because", "its %s wait %.3g times as long as they compute (± %.0f %%), %s a piece; %s", members,
		a->ratio, a->ratio_error * 100, tt_ns((uint64_t)a->compute_ns).s,
		e->exact ? "lock and idle waits as recorded" : "lock and idle waits as looked at from outside");
	if (a->then.stall_ns && a->then.stall_ns < a->now.stall_ns)
		tt_size_line(w, "throttling", "when all of them compute, %s of each period stand still, now %s",
			tt_ns(a->then.stall_ns).s, tt_ns(a->now.stall_ns).s);
	if (a->deadlock_floor)
		tt_size_line(w, "connections", "at least %u behind the pool, or they can wait for each other for ever",
			a->deadlock_floor);
	say_memory(w, e);
}

void tt_size_text_advice(struct tt_size_writer *w)
{
	const struct tt_size_doc *doc = w->doc;
	tt_size_heading(w, doc->objective == TT_SIZE_LATENCY ? "Sizes, for latency" : "Sizes, for throughput");
	for (size_t i = 0; i < doc->count; i++) {
		const struct tt_size_entry *e = &doc->entries[i];
		if (!e->sized) {
			if (e->pool->kind == TT_POOL_LOOP)
				say_loop(w, e->pool);
			continue;
		}
		if (e->advice.refused) {
			tt_size_line(w, e->pool->name, "no size: %s", e->advice.refusal);
			continue;
		}
		say_size(w, e);
		if (doc->plot)
			tt_size_text_plot(w, e);
		if (doc->explain)
			tt_size_text_explain(w, e);
	}
}

/* ------------------------------------------------------------------ plot */

static void bar(struct tt_buf *out, const struct tt_term *term, double share)
{
	unsigned full = (unsigned)(fmin(fmax(share, 0), 1) * PLOT_COLUMNS + 0.5);
	for (unsigned i = 0; i < PLOT_COLUMNS; i++)
		tt_buf_adds(out, i >= full ? (term->utf8 ? "\u00b7" : ".") : (term->utf8 ? "\u2588" : "#"));
}

static void plot_row(struct tt_size_writer *w, const struct tt_size_entry *e, const struct tt_size_point *at, double longest)
{
	const struct tt_size_advice *a = &e->advice;
	const char *mark = at->threads == a->size ? ">" : at->threads == e->pool->threads ? "*" : " ";
	tt_buf_printf(w->out, "  %s %7u  ", mark, at->threads);
	bar(w->out, w->term, at->share);
	tt_buf_printf(w->out, " %3.0f %%   ", at->share * 100);
	bar(w->out, w->term, longest > 1 ? log(fmax(1, at->response)) / log(longest) : 0);
	tt_buf_printf(w->out, " %s\n", a->compute_ns > 0 ? tt_ns((uint64_t)(at->response * a->compute_ns)).s : "");
}

/* The points of the model with those of the present and the recommended size among them, in order. */
void tt_size_text_plot(struct tt_size_writer *w, const struct tt_size_entry *e)
{
	const struct tt_size_advice *a = &e->advice;
	struct tt_size_point rows[TT_SIZE_POINTS + 2];
	unsigned count = 0, step = a->count / PLOT_ROWS + 1;
	double longest = 1;
	for (unsigned i = 0; i < a->count; i++) {
		bool special = a->points[i].threads == a->size || a->points[i].threads == e->pool->threads;
		if (i % step == 0 || special || i + 1 == a->count)
			rows[count++] = a->points[i];
	}
	const struct tt_size_point extra[] = {a->now, a->then};
	for (size_t k = 0; k < ARRAY_SIZE(extra); k++) {
		unsigned at = 0;
		while (at < count && rows[at].threads < extra[k].threads)
			at++;
		if (at < count && rows[at].threads == extra[k].threads)
			continue;
		memmove(&rows[at + 1], &rows[at], (count - at) * sizeof(*rows));
		rows[at] = extra[k];
		count++;
	}
	for (unsigned i = 0; i < count; i++)
		longest = fmax(longest, rows[i].response);
	tt_buf_printf(w->out, "    %7s  %-*s         %s\n", e->pool->members == TT_POOL_OF_PROCESSES ? "PROCESS" : "THREADS",
		PLOT_COLUMNS, "CPU USED UNDER FULL LOAD", "TIME ON AND FOR THE CPU, LOG");
	for (unsigned i = 0; i < count; i++)
		plot_row(w, e, &rows[i], longest);
	tt_buf_adds(w->out, "  > recommended, * now\n");
}

/* ------------------------------------------------------------------ explain */

void tt_size_text_explain(struct tt_size_writer *w, const struct tt_size_entry *e)
{
	const struct tt_size_advice *a = &e->advice;
	const struct tt_pool *p = e->pool;
	const struct tt_limits *l = w->doc->limits;
	tt_size_line(w, "1.",
		"CPU of the process: %.4g (%s); others that share it use %.3g, other threads of it %.3g: %.4g for this pool",
		l->effective_cpus, l->bound_by, w->doc->others_cpus,
		fmax(0, w->doc->used_cpus - (double)p->run_ns / (double)w->doc->pools->window_ns), a->cpu.cpus);
	tt_size_line(w, "2.",
		"blocked = wall - run - delay = %s - %s - %s = %s (kernel: schedstat; waiting for a processor is no waiting "
		"for work)",
		tt_ns(p->wall_ns).s, tt_ns(p->run_ns).s, tt_ns(p->delay_ns).s, tt_ns(p->blocked_ns).s);
	tt_size_line(w, "3.", "of it: work %s, locks %s, idle %s, unknown %s (%s)", tt_ns(p->work_ns).s, tt_ns(p->lock_ns).s,
		tt_ns(p->idle_ns).s, tt_ns(p->unknown_ns).s,
		e->exact ? "as recorded" : "shares of the looks at blocked threads");
	tt_size_line(w, "4.", "r = W/C = work / run = %s / %s = %.4g; C = run / visits = %s / %" PRIu64 " = %s",
		tt_ns(p->work_ns).s, tt_ns(p->run_ns).s, a->ratio, tt_ns(p->run_ns).s, p->visits,
		tt_ns((uint64_t)a->compute_ns).s);
	if (a->load.lock_share > 0)
		tt_size_line(w, "5.",
			"a lock held for a share %.3g of the computing lets 1 / %.3g = %.3g CPUs work at once: capacity %.4g",
			a->load.lock_share, a->load.lock_share, 1 / a->load.lock_share, a->capacity);
	else
		tt_size_line(w, "5.", "no lock is known to hold it back: capacity %.4g CPUs", a->capacity);
	tt_size_line(w, "6.",
		"Goetz (Java Concurrency in Practice, 8.2): capacity (1 + r) = %.4g (1 + %.4g), rounded up: %u; right only "
		"without variation",
		a->capacity, a->load.ratio, a->goetz);
	struct tt_size_load planned = a->load;
	planned.ratio = a->planned_ratio;
	tt_size_line(w, "7.",
		"under full load r is %.4g or less in 9 of 10 cases: 1.28 times its error of %.1f %% more, and "
		"without the %.1f %% of C that waking idle processors took",
		a->planned_ratio, a->ratio_error * 100, a->wake_share * 100);
	tt_size_line(w, "8.",
		"%s, half-way between one run queue for all CPUs and one for each: the smallest N that keeps %.1f %% of the "
		"capacity busy with that r is %u; with r as measured it keeps %.1f %%",
		a->cpu.quota_ns ? "finite-source queue with the quota's periods (machine repairman; sched-bwc.rst)"
				: "finite-source queue, machine repairman M/M/c//N (Allen, 5.2.9)",
		a->target * 100, tt_size_smallest(&a->cpu, &planned, a->target), a->then.share * 100);
	tt_size_line(w, "9.", "for latency: floor(capacity (1 + r)) = %u, where the queue begins (Kleinrock)", a->knee);
	tt_size_line(w, "10.",
		"low: with r 1.28 times its error below what was measured; high: with as much more than in 7: %u to %u; "
		"bound by %s: %u",
		a->low, a->high, tt_size_bound_name(a->bound_by), a->size);
	if (a->cpu.quota_ns)
		tt_size_line(w, "11.",
			"%u threads that compute at once use a quota of %s up in quota / min(N, %u): %s of each %s stand still",
			a->size, tt_ns(a->cpu.quota_ns).s, a->cpu.machine, tt_ns(a->then.stall_ns).s,
			tt_ns(a->cpu.period_ns).s);
}
