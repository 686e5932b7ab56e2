/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * thread_leaks.c - rules thread-leak-unjoined and thread-leak-running, one finding per creation site and process.
 * Threads that all waited for work or events when the program ended are common and mostly meant so: one note per process.
 *
 * What the end of the program means: after exit() or a return from main, every joinable thread that ended and was not
 * joined, or still runs, was forgotten. After _exit(), abort(), exec or a kill the program had no chance to join: threads
 * alive then are no leak, and an unjoined one is only suspected when it had been waiting long.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

#define DEFAULT_STACK_BYTES (UINT64_C(8) << 20)
#define SHOWN_THREADS       16
#define SHOWN_POOLS         12

/* What a report says of a process that did not end by exit(). */
static const char *reason_not_exited(enum tt_end end)
{
	if (end == TT_END_RUNNING || end == TT_END_UNKNOWN)
		return "the program still runs and may join them later";
	return "the program was ended before it could join them";
}

static bool is_unjoined(const struct tt_thread *t)
{
	return t->state == TTREC_THREAD_ENDED && !(t->flags & TTREC_THREAD_DETACHED);
}

static bool is_left_running(const struct tt_thread *t)
{
	return t->alive &&
	       !(t->flags & (TTREC_THREAD_MAIN | TTREC_THREAD_ADOPTED | TTREC_THREAD_DETACHED | TTREC_THREAD_FORKED));
}

static struct tt_finding *add(
	const struct tt_detect *d, enum tt_rule rule, const struct tt_group *g, const struct tt_process *process)
{
	struct tt_finding *f = tt_detect_add(d, rule, process);
	if (!f)
		return NULL;
	tt_detect_identify(d, f, g->start_routine, NULL);
	tt_detect_identify(d, f, g->create_site, g->create_stack);
	tt_finding_stack(d->set, f, "created here", g->create_site, g->create_stack);
	return f;
}

static void add_threads(const struct tt_detect *d, struct tt_finding *f, const struct tt_group *g,
	bool (*wanted)(const struct tt_thread *), const struct tt_process *process)
{
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads)
		if ((*t)->process == process && f->threads.len < SHOWN_THREADS && wanted(*t))
			tt_finding_thread(d->set, f, *t);
}

/* How long the unjoined thread that ended first has been waiting for its join, and the address space that all keep. */
static void weigh_unjoined(
	const struct tt_group *g, const struct tt_group_part *part, uint64_t *longest_ns, uint64_t *stack_bytes)
{
	uint64_t known = 0;
	*longest_ns = *stack_bytes = 0;
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads) {
		if ((*t)->process != part->process || !is_unjoined(*t))
			continue;
		uint64_t end_ns = part->process->end_ns;
		uint64_t since = (*t)->ended_ns && end_ns > (*t)->ended_ns ? end_ns - (*t)->ended_ns : 0;
		*longest_ns = since > *longest_ns ? since : *longest_ns;
		*stack_bytes += (*t)->stack_bytes ? (*t)->stack_bytes : DEFAULT_STACK_BYTES;
		known++;
	}
	if (part->unjoined > known)
		*stack_bytes += (part->unjoined - known) * DEFAULT_STACK_BYTES;
}

static uint64_t count_left_running(const struct tt_group *g, const struct tt_process *process)
{
	uint64_t n = 0;
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads)
		n += (*t)->process == process && is_left_running(*t);
	return n;
}

static void report_unjoined(const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part)
{
	bool exited = part->process->end == TT_END_EXITED;
	uint64_t longest_ns, stack_bytes;
	weigh_unjoined(g, part, &longest_ns, &stack_bytes);
	if (!exited && longest_ns < tt_limit_u64(d, TT_THRESHOLD_LEAK_AGE))
		return;
	struct tt_finding *f = add(d, TT_RULE_THREAD_LEAK_UNJOINED, g, part->process);
	if (!f)
		return;
	f->reason = exited ? "the program ended and had not joined them" : reason_not_exited(part->process->end);
	/* A pool that shrinks, in a program that leaves its threads as they are when it ends. */
	bool pool_stays = exited && count_left_running(g, part->process) >= 4 * part->unjoined;
	if (pool_stays)
		f->reason = "most of the same pool still ran when the program ended, which waits for none of them then";
	if (!exited || pool_stays) {
		f->level = TT_LEVEL_WARNING;
		f->confidence = TT_POSSIBLE;
	}
	f->title = tt_findings_text(d->set, "%" PRIu64 " thread%s of %s ended and %s never joined", part->unjoined,
		part->unjoined == 1 ? "" : "s", tt_detect_pool_name(d, g), part->unjoined == 1 ? "was" : "were");
	tt_finding_evidence(d->set, f, "%" PRIu64 " of %" PRIu64 " threads created in %s", part->unjoined, part->created,
		tt_detect_where(d, g->create_site, g->create_stack));
	tt_finding_evidence(d->set, f, "%s %s of address space", part->unjoined == 1 ? "its stack keeps" : "their stacks keep",
		tt_bytes(stack_bytes).s);
	if (longest_ns)
		tt_finding_evidence(d->set, f, "the first of them ended %s before the end", tt_ns(longest_ns).s);
	tt_finding_figure(d->set, f, "unjoined", part->unjoined);
	tt_finding_figure(d->set, f, "created", part->created);
	tt_finding_figure(d->set, f, "stack_bytes", stack_bytes);
	add_threads(d, f, g, is_unjoined, part->process);
}

/* What the threads of one pool did when exit() was called. */
struct left {
	uint64_t count, idle, blocked; /* blocked: waited for a lock or a thread; the others were seen waiting nowhere */
};

static void report_running(
	const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part, const struct left *left)
{
	struct tt_finding *f = add(d, TT_RULE_THREAD_LEAK_RUNNING, g, part->process);
	if (!f)
		return;
	uint64_t count = left->count, busy = count - left->idle - left->blocked;
	f->confidence = busy ? TT_POSSIBLE : TT_LIKELY;
	f->reason =
		busy ? "some were not seen waiting when exit() was called: at work, or asleep in a call that is not recorded"
		     : "some of them waited for a lock or a thread when exit() was called";
	f->title = tt_findings_text(d->set, "%" PRIu64 " joinable thread%s of %s still ran when the program ended", count,
		count == 1 ? "" : "s", tt_detect_pool_name(d, g));
	tt_finding_evidence(d->set, f, "%" PRIu64 " of %" PRIu64 " threads created in %s", count, part->created,
		tt_detect_where(d, g->create_site, g->create_stack));
	tt_finding_evidence(d->set, f,
		"%" PRIu64 " of them waited for work, %" PRIu64 " for a lock or a thread, %" PRIu64
		" for nothing that was seen",
		left->idle, left->blocked, busy);
	tt_finding_figure(d->set, f, "running", count);
	tt_finding_figure(d->set, f, "idle", left->idle);
	tt_finding_figure(d->set, f, "created", part->created);
	add_threads(d, f, g, is_left_running, part->process);
	for (size_t i = 0; i < f->threads.len; i++) {
		const struct tt_waiting *w = &f->threads.data[i]->waiting;
		if (w->op != TTREC_OP_NONE) {
			tt_finding_stack(d->set, f, "one of them waits here", w->site, w->stack);
			break;
		}
	}
}

/* Pools whose threads were all idle at exit(), by process: one note for all, because most programs with threads have some. */
struct idlers {
	size_t finding; /* position in the set, + 1; 0: none yet */
	uint64_t threads, pools;
};

static const char *what_it_waits_for(const struct tt_group *g, const struct tt_process *process)
{
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads)
		if ((*t)->process == process && is_left_running(*t))
			return tt_op_name((*t)->waiting.op);
	return "";
}

static void note_idle(const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part, uint64_t count,
	struct idlers *idle)
{
	struct tt_finding *f;
	if (!idle->finding) {
		f = tt_detect_add(d, TT_RULE_THREAD_LEAK_RUNNING, part->process);
		if (!f)
			return;
		idle->finding = d->set->list.len;
		f->level = TT_LEVEL_NOTE;
		f->confidence = TT_PROVEN;
		f->reason = "they waited for work or events when exit() was called, as threads that are meant to stay do";
		f->advice =
			"Nothing, when they are meant to stay and own nothing that exit handlers destroy; else tell them to "
			"stop and join them.";
		tt_finding_identify(f, "idle");
	}
	f = &d->set->list.data[idle->finding - 1];
	idle->threads += count;
	if (++idle->pools <= SHOWN_POOLS)
		tt_finding_evidence(d->set, f, "%" PRIu64 " of %s, created in %s: in %s", count, tt_detect_pool_name(d, g),
			tt_detect_where(d, g->create_site, g->create_stack), what_it_waits_for(g, part->process));
	add_threads(d, f, g, is_left_running, part->process);
}

static void finish_idle(const struct tt_detect *d, const struct idlers *idle)
{
	if (!idle->finding)
		return;
	struct tt_finding *f = &d->set->list.data[idle->finding - 1];
	f->title = tt_findings_text(d->set, "%" PRIu64 " joinable thread%s %s idle when the program ended", idle->threads,
		idle->threads == 1 ? "" : "s", idle->threads == 1 ? "was" : "were");
	if (idle->pools > SHOWN_POOLS)
		tt_finding_evidence(d->set, f, "and those of %" PRIu64 " more pools", idle->pools - SHOWN_POOLS);
	tt_finding_figure(d->set, f, "running", idle->threads);
	tt_finding_figure(d->set, f, "idle", idle->threads);
	tt_finding_figure(d->set, f, "pools", idle->pools);
}

static void judge_running(
	const struct tt_detect *d, const struct tt_group *g, const struct tt_group_part *part, struct idlers *idlers)
{
	struct left left = {0};
	struct tt_thread *const *t;
	vec_for_each (t, &g->threads) {
		if ((*t)->process != part->process || !is_left_running(*t))
			continue;
		const struct tt_waiting *w = &(*t)->waiting;
		left.count++;
		bool idle_now = w->op != TTREC_OP_NONE && (w->idle || tt_detect_is_parked(d, w->lock ? w->lock->class : NULL));
		left.idle += idle_now;
		left.blocked += w->op != TTREC_OP_NONE && !idle_now;
	}
	if (left.count == 0 || left.count < tt_limit_u64(d, TT_THRESHOLD_LEAK_RUNNING))
		return;
	if (left.idle == left.count)
		note_idle(d, g, part, left.count, &idlers[part->process->id]);
	else
		report_running(d, g, part, &left);
}

void tt_detect_thread_leaks(const struct tt_detect *d)
{
	struct idlers *idle = calloc(d->model->processes.len + 1, sizeof(*idle));
	if (!idle) {
		d->set->failed = true;
		return;
	}
	const struct tt_group *g;
	vec_for_each (g, &d->model->groups) {
		if (!g->start_routine)
			continue; /* main and adopted threads: nobody created them through pthread_create */
		const struct tt_group_part *part;
		vec_for_each (part, &g->parts) {
			if (part->unjoined && part->unjoined >= tt_limit_u64(d, TT_THRESHOLD_LEAK_UNJOINED))
				report_unjoined(d, g, part);
			if (part->process->end == TT_END_EXITED)
				judge_running(d, g, part, idle);
		}
	}
	for (size_t i = 0; i < d->model->processes.len; i++)
		finish_idle(d, &idle[i]);
	free(idle);
}
