/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dump_threads.c - the threads of a dump as text: head line, wait, held locks, stack; identical ones together. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/out/dump.h"
#include "lib/util/text.h"

#define WAITS_SHOWN  4u /* different waits of a group */
#define NAMES_SHOWN  8u /* members of a group by name and id; their number is said anyway */
#define PERIOD_MAX   8u /* functions that call each other */
#define REPEATED_MIN 8u /* frames that are left out when they repeat those before them */

/* ------------------------------------------------------------------ stacks */

static void write_place(struct dump_out *o, const struct tt_dump_frame *f)
{
	if (f->file) {
		tt_buf_adds(o->out, "  ");
		dump_out_raw(o, TT_STYLE_DIM, f->file);
		if (f->line)
			dump_out_say(o, TT_STYLE_DIM, ":%u", f->line);
	} else if (f->module && f->function) {
		tt_buf_adds(o->out, "  ");
		dump_out_raw(o, TT_STYLE_DIM, f->module);
	}
	if (f->label)
		dump_out_say(o, TT_STYLE_NOTE, "  (%s)", f->label);
	if (f->inlined)
		dump_out_say(o, TT_STYLE_DIM, "  (inlined)");
}

/* How it was found, where that is another way than that of the frame before. */
static void write_trust(struct dump_out *o, enum tt_frame_trust trust, enum tt_frame_trust before)
{
	static const char *const words[] = {[TT_FRAME_EXACT] = "exact again",
		[TT_FRAME_POINTER] = "by frame pointer from here on",
		[TT_FRAME_SEARCHED] = "recovered from here on"};
	if (trust != before)
		dump_out_say(o, TT_STYLE_DIM, "  (%s)", words[trust]);
}

static void write_frame(struct dump_out *o, const struct tt_dump_thread *t, size_t number)
{
	const struct tt_dump_frame *f = &t->frames.data[number];
	dump_out_say(o, TT_STYLE_DIM, "    %3zu  ", number);
	if (f->function) {
		dump_out_raw(o, TT_STYLE_CODE, f->function);
		if (f->offset && !f->inlined && !f->file)
			dump_out_say(o, TT_STYLE_DIM, "+0x%" PRIx64, f->offset);
	} else if (f->module) {
		dump_out_raw(o, TT_STYLE_NONE, f->module);
		dump_out_say(o, TT_STYLE_NONE, "+0x%" PRIx64, f->offset);
	} else {
		dump_out_say(o, TT_STYLE_NONE, "0x%" PRIx64, f->pc);
	}
	write_place(o, f);
	write_trust(o, f->trust, number ? f[-1].trust : TT_FRAME_EXACT);
	tt_buf_addc(o->out, '\n');
	if (f->signal)
		dump_out_say(o, TT_STYLE_NOTE, "         <a signal handler interrupted what follows>\n");
}

static bool same_frame(const struct tt_dump_frame *a, const struct tt_dump_frame *b)
{
	return a->pc == b->pc && a->function == b->function && a->trust == b->trust && a->inlined == b->inlined &&
	       a->signal == b->signal;
}

/* Recursion: how many frames after those from `at` to `at + period` are these again and again. */
static size_t repeated(const struct tt_dump_thread *t, size_t at, size_t period)
{
	size_t i = at + period;
	while (i < t->frames.len && same_frame(&t->frames.data[i], &t->frames.data[i - period]))
		i++;
	return (i - at - period) / period * period;
}

/* The shortest period at `at` that is worth to be shown once; 0: none. *ret_more: the frames that need not be shown. */
static size_t find_recursion(const struct tt_dump_thread *t, size_t at, size_t *ret_more)
{
	for (size_t period = 1; period <= PERIOD_MAX && at + period < t->frames.len; period++) {
		*ret_more = repeated(t, at, period);
		if (*ret_more >= REPEATED_MIN && *ret_more >= 2 * period)
			return period;
	}
	return 0;
}

static void say_recursion(struct dump_out *o, size_t period, size_t more)
{
	if (period == 1)
		dump_out_say(o, TT_STYLE_NOTE, "         and %zu more of the same: it calls itself\n", more);
	else
		dump_out_say(o, TT_STYLE_NOTE, "         and %zu more, these %zu again and again\n", more, period);
}

void dump_out_stack(struct dump_out *o, const struct tt_dump_thread *t, size_t limit)
{
	size_t i = 0, lines = 0, more = 0, recursion_ends = 0, period = 0;
	while (i < t->frames.len && (!limit || lines < limit)) {
		if (i >= recursion_ends && (period = find_recursion(t, i, &more)))
			recursion_ends = i + period;
		write_frame(o, t, i);
		i++;
		lines++;
		if (period && i == recursion_ends) {
			say_recursion(o, period, more);
			i += more;
		}
	}
	if (i < t->frames.len)
		dump_out_say(o, TT_STYLE_DIM, "         and %zu more\n", t->frames.len - i);
	else if (t->end == TT_STACK_NOTHING && t->snap)
		dump_out_say(o, TT_STYLE_NOTE, "         no stack: %s\n", tt_snap_fail_text(t->snap->fail));
	else if (t->end == TT_STACK_NOTHING)
		dump_out_say(o, TT_STYLE_NOTE, "         no stack: it ended meanwhile\n");
	else if (t->end != TT_STACK_COMPLETE)
		dump_out_say(o, TT_STYLE_NOTE, "         the stack goes on: %s\n", tt_stack_end_text(t->end));
}

/* A line of the runtime's, without what differs between the members of a group: the objects "<0x...>". */
static void write_managed_line(struct dump_out *o, const char *line, size_t n, bool alike)
{
	const char *object = alike ? NULL : memmem(line, n, "<0x", 3);
	size_t before = object ? (size_t)(object - line) : n;
	tt_text_escape(o->out, line, before);
	if (!object)
		return;
	size_t skip = before + strcspn(object, ">\n");
	tt_buf_adds(o->out, "<...");
	if (skip < n)
		tt_text_escape(o->out, line + skip, n - skip);
}

/* The runtime's own lines, indented as ours. alike: they are the same for all that are shown here. */
static void write_managed(struct dump_out *o, const struct tt_dump_thread *t, bool alike)
{
	for (const char *at = t->managed; *at; at += *at == '\n') {
		size_t n = strcspn(at, "\n"), blank = strspn(at, " \t");
		blank = blank < n ? blank : n;
		tt_buf_adds(o->out, at[0] == '\t' ? "       " : "    ");
		tt_buf_adds(o->out, tt_style_on(o->term, TT_STYLE_CODE));
		write_managed_line(o, at + blank, n - blank, alike);
		tt_buf_adds(o->out, tt_style_off(o->term, TT_STYLE_CODE));
		tt_buf_addc(o->out, '\n');
		at += n;
	}
}

/* ------------------------------------------------------------------ one thread, or several that are alike */

static void write_policy(struct dump_out *o, const struct tt_task *t)
{
	if (t->policy == 1 || t->policy == 2)
		dump_out_say(o, TT_STYLE_NONE, ", %s %d", tt_task_policy(t->policy), t->priority);
	else if (t->policy != 0)
		dump_out_say(o, TT_STYLE_NONE, ", %s", tt_task_policy(t->policy));
	else if (t->nice)
		dump_out_say(o, TT_STYLE_NONE, ", nice %d", t->nice);
}

static void write_cpu(struct dump_out *o, const struct tt_dump_thread *t)
{
	uint64_t ns = t->task.run_ns ? t->task.run_ns : t->task.user_ns + t->task.system_ns;
	if (o->d->core)
		return;
	dump_out_say(o, TT_STYLE_NONE, ", cpu %s", tt_ns(ns).s);
	if (t->cpu_pct >= 0)
		dump_out_say(o, t->cpu_pct >= 80 ? TT_STYLE_WARNING : TT_STYLE_NONE, " (%.0f %%)", t->cpu_pct);
	dump_out_say(o, TT_STYLE_NONE, " in %s", tt_ns(t->task.age_ns).s);
}

static void write_head(struct dump_out *o, const struct tt_dump_thread *t)
{
	tt_buf_addc(o->out, '"');
	dump_out_raw(o, TT_STYLE_THREAD, tt_dump_name(t));
	dump_out_say(o, TT_STYLE_NONE, "\" thread %d", (int)t->task.tid);
	if (t->task.ns_tid != t->task.tid)
		dump_out_say(o, TT_STYLE_DIM, " (%d in its namespace)", (int)t->task.ns_tid);
	dump_out_say(o, t->doing == TT_DOING_LOCK || t->doing == TT_DOING_DISK ? TT_STYLE_WARNING : TT_STYLE_NONE, ", %s",
		tt_doing_words(t->doing));
	write_cpu(o, t);
	write_policy(o, &t->task);
	if (t->snap && t->snap->stopped_ns)
		dump_out_say(o, TT_STYLE_DIM, ", stopped for %s", tt_ns(t->snap->stopped_ns).s);
	if (t->snap && t->snap->signal)
		dump_out_say(
			o, TT_STYLE_ERROR, ", got SIG%s", sigabbrev_np(t->snap->signal) ? sigabbrev_np(t->snap->signal) : "?");
	tt_buf_addc(o->out, '\n');
}

static void write_still(struct dump_out *o, const struct tt_dump_thread *t)
{
	if (t->task.state == 'D' && t->task.wchan[0]) {
		dump_out_say(o, TT_STYLE_NONE, ", in the kernel's ");
		dump_out_raw(o, TT_STYLE_NONE, t->task.wchan);
	}
	if (t->still)
		dump_out_say(o, TT_STYLE_NOTE, "; did not run since %u dump%s, %s ago", t->still, t->still == 1 ? "" : "s",
			tt_ns(t->still_ns).s);
	tt_buf_addc(o->out, '\n');
}

static bool same_wait(struct dump_out *o, const struct tt_dump_thread *a, const struct tt_dump_thread *b)
{
	TT_BUF_AUTO(text);
	if (!a->managed_wait && (a->wait.timed || b->wait.timed)) /* the time left differs, which says nothing */
		return a->wait.fd == b->wait.fd && a->wait.address == b->wait.address;
	tt_buf_clear(&o->line);
	tt_dump_say(o->d, a, &o->line);
	tt_dump_say(o->d, b, &text);
	return strcmp(tt_buf_str(&o->line), tt_buf_str(&text)) == 0;
}

/* Threads with one stack may wait for different things: connections, objects. The first few are told. */
static void write_waits(struct dump_out *o, const uint32_t *members, size_t count)
{
	const struct tt_dump_thread *all = o->d->threads.data;
	uint32_t told[WAITS_SHOWN];
	size_t n = 0, more = 0;
	if (all[members[0]].wait.kind == TT_WAIT_NONE)
		return;
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;
		while (k < n && !same_wait(o, &all[members[i]], &all[told[k]]))
			k++;
		if (k < n)
			continue;
		if (n < WAITS_SHOWN)
			told[n++] = members[i];
		else
			more++;
	}
	for (size_t k = 0; k < n; k++) {
		const struct tt_dump_thread *t = &all[told[k]];
		uint64_t ns = t->since_ns;
		for (size_t i = 0; n == 1 && i < count; i++)
			ns = all[members[i]].since_ns > ns ? all[members[i]].since_ns : ns;
		dump_out_say(o, TT_STYLE_NONE, "    ");
		dump_out_waits(o, t, ns, n == 1 && count > 1 ? "up to " : "");
		write_still(o, t);
	}
	if (more)
		dump_out_say(o, TT_STYLE_DIM, "    and %zu more of that kind\n", more);
}

static void write_held(struct dump_out *o, const struct tt_dump_thread *t)
{
	for (size_t i = 0; i < t->held_count; i++) {
		const struct tt_dump_held *h = &t->held[i];
		dump_out_say(o, TT_STYLE_NONE, "    holds %s ", h->kind);
		if (h->name)
			dump_out_raw(o, TT_STYLE_LOCK, h->name);
		else
			dump_out_say(o, TT_STYLE_LOCK, "0x%" PRIx64, h->address);
		if (h->shared)
			dump_out_say(o, TT_STYLE_NONE, " for reading");
		if (h->site) {
			dump_out_say(o, TT_STYLE_NONE, ", taken in ");
			dump_out_raw(o, TT_STYLE_CODE, h->site);
		}
		if (h->held_ns)
			dump_out_say(o, TT_STYLE_NONE, " %s ago", tt_ns(h->held_ns).s);
		tt_buf_addc(o->out, '\n');
	}
}

static void write_kernel_stack(struct dump_out *o, const struct tt_dump_thread *t)
{
	for (const char *at = t->kernel_stack; at && *at; at += *at == '\n') {
		size_t n = strcspn(at, "\n");
		dump_out_say(o, TT_STYLE_DIM, "      k  ");
		tt_text_escape(o->out, at, n);
		tt_buf_addc(o->out, '\n');
		at += n;
	}
}

static bool managed_alike(const struct dump_out *o, const uint32_t *members, size_t count)
{
	const struct tt_dump_thread *all = o->d->threads.data;
	for (size_t i = 1; i < count; i++)
		if (strcmp(all[members[i]].managed, all[members[0]].managed) != 0)
			return false;
	return true;
}

static void write_body(struct dump_out *o, const uint32_t *members, size_t count)
{
	const struct tt_dump_thread *t = &o->d->threads.data[members[0]];
	write_held(o, t);
	if (t->managed)
		write_managed(o, t, managed_alike(o, members, count));
	write_kernel_stack(o, t);
	if (!t->managed || o->view->native || !strstr(t->managed, "\tat "))
		dump_out_stack(o, t, 0);
}

/* Head of a group: what is the same is said below it, what differs here. */
static void write_members(struct dump_out *o, const uint32_t *members, size_t count)
{
	const struct tt_dump_thread *all = o->d->threads.data;
	const struct tt_dump_thread *first = &all[members[0]];
	uint64_t cpu_ns = 0;
	for (size_t i = 0; i < count; i++)
		cpu_ns += all[members[i]].task.run_ns;
	dump_out_say(o, TT_STYLE_BOLD, "%zu threads", count);
	dump_out_say(o, first->doing == TT_DOING_LOCK ? TT_STYLE_WARNING : TT_STYLE_NONE, ", %s", tt_doing_words(first->doing));
	if (!o->d->core)
		dump_out_say(o, TT_STYLE_NONE, ", cpu %s together", tt_ns(cpu_ns).s);
	tt_buf_adds(o->out, ": ");
	for (size_t i = 0; i < count && i < NAMES_SHOWN; i++) {
		if (i)
			tt_buf_adds(o->out, ", ");
		tt_buf_addc(o->out, '"');
		dump_out_raw(o, TT_STYLE_THREAD, tt_dump_name(&all[members[i]]));
		dump_out_say(o, TT_STYLE_NONE, "\" %d", (int)all[members[i]].task.tid);
	}
	if (count > NAMES_SHOWN)
		dump_out_say(o, TT_STYLE_NONE, " and %zu more", count - NAMES_SHOWN);
	tt_buf_addc(o->out, '\n');
}

static void write_group(struct dump_out *o, const uint32_t *members, size_t count)
{
	tt_buf_addc(o->out, '\n');
	if (count == 1)
		write_head(o, &o->d->threads.data[members[0]]);
	else
		write_members(o, members, count);
	write_waits(o, members, count);
	write_body(o, members, count);
}

/* ------------------------------------------------------------------ order */

struct shown {
	uint32_t *members;
	size_t count;
	bool first; /* it had the signal that ended the program, or is deadlocked */
	enum tt_doing doing;
};

/* What hangs first, then what runs and is blocked; idle crowds last. */
static int by_interest(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;
	if (x->first != y->first)
		return x->first ? -1 : 1;
	if (x->doing != y->doing)
		return x->doing < y->doing ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->members[0] < y->members[0] ? -1 : 1;
}

static void write_groups(struct dump_out *o)
{
	struct tt_dump *d = o->d;
	struct shown *list = calloc(d->groups.len ? d->groups.len : 1, sizeof(*list));
	uint32_t *ids = calloc(d->threads.len ? d->threads.len : 1, sizeof(*ids)), *next = ids;
	size_t n = 0;
	for (size_t g = 0; list && ids && g < d->groups.len; g++) {
		struct shown *s = &list[n];
		s->members = next;
		for (size_t i = 0; i < d->groups.data[g].threads.len; i++)
			if (!d->threads.data[d->groups.data[g].threads.data[i]].hidden)
				*next++ = d->groups.data[g].threads.data[i];
		s->count = (size_t)(next - s->members);
		if (!s->count)
			continue;
		s->doing = d->threads.data[s->members[0]].doing;
		s->first = d->threads.data[s->members[0]].deadlock != TT_DUMP_NONE || s->members[0] == d->core_thread;
		n++;
	}
	if (!list || !ids)
		o->out->failed = true;
	else
		qsort(list, n, sizeof(*list), by_interest);
	for (size_t i = 0; i < n; i++)
		write_group(o, list[i].members, list[i].count);
	free(list);
	free(ids);
}

void dump_out_threads(struct dump_out *o)
{
	size_t hidden = 0;
	for (uint32_t i = 0; i < o->d->threads.len; i++) {
		hidden += o->d->threads.data[i].hidden;
		if (o->view->no_group && !o->d->threads.data[i].hidden)
			write_group(o, &i, 1);
	}
	if (!o->view->no_group)
		write_groups(o);
	if (hidden)
		dump_out_say(o, TT_STYLE_DIM, "\n%zu of %zu threads are not shown.\n", hidden, o->d->threads.len);
}
