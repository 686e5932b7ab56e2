/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dump_text.c - the first screen of a dump: who waits for what, pools; and its end: the deadlocks. What is wrong is
 * dump_verdict.c's, the threads are dump_threads.c's.
 */
#include "lib/out/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "lib/core/attrs.h"
#include "lib/util/table.h"
#include "lib/util/text.h"

#define JAMS_SHOWN  12
#define POOLS_SHOWN 12

static void dump_out_add(struct dump_out *o, const char *text, size_t len)
{
	if (o->plain)
		tt_buf_add(o->out, text, len);
	else
		tt_text_escape(o->out, text, len);
}

void dump_out_raw(struct dump_out *o, enum tt_style style, const char *text)
{
	tt_buf_adds(o->out, tt_style_on(o->term, style));
	dump_out_add(o, text, strlen(text));
	tt_buf_adds(o->out, tt_style_off(o->term, style));
}

void dump_out_say(struct dump_out *o, enum tt_style style, const char *fmt, ...)
{
	va_list ap;
	tt_buf_adds(o->out, tt_style_on(o->term, style));
	va_start(ap, fmt);
	tt_buf_vprintf(o->out, fmt, ap);
	va_end(ap);
	tt_buf_adds(o->out, tt_style_off(o->term, style));
}

void dump_out_wait(struct dump_out *o, const struct tt_dump_thread *t)
{
	tt_buf_clear(&o->line);
	tt_dump_say(o->d, t, &o->line);
	dump_out_add(o, tt_buf_str(&o->line), o->line.len);
}

void dump_out_waits(struct dump_out *o, const struct tt_dump_thread *t, uint64_t ns, const char *up_to)
{
	bool object = tt_wait_is_object(&t->wait) && t->doing != TT_DOING_SLEEPING;
	dump_out_say(o, TT_STYLE_NONE, object ? "waits" : "is in ");
	if (object) {
		if (ns)
			dump_out_say(o, TT_STYLE_NONE, " %s%s", up_to, tt_ns(ns).s);
		dump_out_say(o, TT_STYLE_NONE, " for ");
	}
	dump_out_wait(o, t);
	if (!object && ns)
		dump_out_say(o, TT_STYLE_NONE, ", for %s%s", up_to, tt_ns(ns).s);
}

void dump_out_thread(struct dump_out *o, const struct tt_dump_thread *t)
{
	dump_out_say(o, TT_STYLE_NONE, "thread %d ", (int)t->task.tid);
	dump_out_raw(o, TT_STYLE_THREAD, tt_dump_name(t));
}

/* ------------------------------------------------------------------ header */

static void say_when(struct dump_out *o)
{
	char when[48] = "";
	time_t seconds = (time_t)(o->d->taken_real_ns / UINT64_C(1000000000));
	struct tm tm;
	if (localtime_r(&seconds, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %Z", &tm);
	dump_out_say(o, TT_STYLE_NONE, "%s", when);
}

static void say_pause(struct dump_out *o)
{
	const struct tt_snap_pause *p = &o->d->pause;
	if (p->stops == 0)
		dump_out_say(o, TT_STYLE_NONE, "no thread was stopped");
	else
		dump_out_say(o, TT_STYLE_NONE, "%zu thread%s stopped, %s at most %s", p->stops,
			p->stops == 1 ? " was" : "s were", p->stops == 1 ? "for" : "each for", tt_ns(p->max_ns).s);
}

static void write_header(struct dump_out *o)
{
	struct tt_dump *d = o->d;
	const struct tt_proc *p = &d->proc;
	dump_out_raw(o, TT_STYLE_BOLD, p->name);
	if (d->core)
		dump_out_say(o, TT_STYLE_NONE, " (core of pid %d)", (int)p->pid);
	else
		dump_out_say(o, TT_STYLE_NONE, " (pid %d)", (int)p->pid);
	dump_out_say(o, TT_STYLE_NONE, ": %zu thread%s, ", d->threads.len, d->threads.len == 1 ? "" : "s");
	say_when(o);
	if (o->view->of)
		dump_out_say(o, TT_STYLE_NONE, ", dump %u of %u", o->view->number, o->view->of);
	tt_buf_adds(o->out, "\n  ");
	dump_out_raw(o, TT_STYLE_DIM, p->command ? p->command : "");
	tt_buf_addc(o->out, '\n');
	if (d->core) {
		dump_out_say(o, TT_STYLE_NONE, "  from ");
		dump_out_raw(o, TT_STYLE_NONE, d->core);
	} else {
		dump_out_say(o, TT_STYLE_NONE, "  up %s; ", tt_ns(p->age_ns).s);
		say_pause(o);
	}
	if (d->recorded)
		dump_out_say(o, TT_STYLE_NONE, "; it records itself: times of waits are exact");
	tt_buf_addc(o->out, '\n');
	if (d->managed_version) {
		tt_buf_adds(o->out, "  ");
		dump_out_raw(o, TT_STYLE_NONE, d->managed_version);
		tt_buf_addc(o->out, '\n');
	}
	const char **note;
	vec_for_each (note, &d->notes) {
		dump_out_say(o, TT_STYLE_NOTE, "  note: ");
		dump_out_raw(o, TT_STYLE_NONE, *note);
		tt_buf_addc(o->out, '\n');
	}
}

/* ------------------------------------------------------------------ who waits for what */

static void jam_row(struct dump_out *o, struct tt_table *table, const struct tt_dump_jam *j)
{
	const struct tt_dump_thread *first = &o->d->threads.data[j->first];
	tt_table_cell(table, TT_STYLE_NONE, "%zu", j->threads.len);
	tt_table_cell(table, TT_STYLE_NONE, "%s", j->longest_ns ? tt_ns(j->longest_ns).s : "-");
	tt_buf_clear(&o->line);
	if (j->each) {
		tt_table_cell(table, TT_STYLE_NONE, "%s", j->each);
		return;
	}
	/* One of many objects, or of many deadlines, does not stand for the others. */
	if (first->wait.meaning && !first->managed_wait && !tt_wait_is_lock(first->wait.kind))
		tt_buf_adds(&o->line, first->wait.meaning);
	else if (j->threads.len > 1 && (j->place || first->wait.kind == TT_WAIT_SLEEP))
		tt_buf_adds(&o->line, tt_wait_kind_words(first->wait.kind));
	else
		tt_dump_say(o->d, first, &o->line);
	size_t len = o->line.len;
	tt_buf_adds(&o->line, ", in ");
	if (tt_dump_where(first, &o->line) < 0 || o->line.len == len + strlen(", in "))
		tt_buf_truncate(&o->line, len);
	tt_table_cell(table, first->doing == TT_DOING_LOCK ? TT_STYLE_LOCK : TT_STYLE_NONE, "%s", tt_buf_str(&o->line));
}

static int write_jams(struct dump_out *o)
{
	static const struct tt_column columns[] = {
		{.header = "THREADS", .align = TT_ALIGN_RIGHT},
		{.header = "LONGEST", .align = TT_ALIGN_RIGHT},
		{.header = "WAIT FOR", .flexible = true, .min = 20},
	};
	if (o->d->jams.len == 0)
		return 0;
	struct tt_table *table = tt_table_create(columns, ARRAY_SIZE(columns));
	if (!table)
		return -ENOMEM;
	tt_table_set_indent(table, 2);
	for (size_t i = 0; i < o->d->jams.len && i < JAMS_SHOWN; i++)
		jam_row(o, table, &o->d->jams.data[i]);
	if (o->d->jams.len > JAMS_SHOWN)
		tt_table_line(table, 9, TT_STYLE_DIM, "and %zu more kinds of waits", o->d->jams.len - JAMS_SHOWN);
	tt_buf_addc(o->out, '\n');
	int rc = tt_table_print(table, o->out, o->term);
	tt_table_destroy(table);
	return rc;
}

static void pool_row(struct dump_out *o, struct tt_table *table, const struct tt_dump_pool *p)
{
	unsigned shown = 0;
	tt_table_cell(table, TT_STYLE_THREAD, "%s", p->name ? p->name : "?");
	tt_table_cell(table, TT_STYLE_NONE, "%zu", p->threads.len);
	tt_table_cell(table, TT_STYLE_NONE, "%s", o->d->core ? "-" : tt_ns(p->cpu_ns).s);
	tt_buf_clear(&o->line);
	if (p->start)
		tt_sym_short_name(&o->line, p->start);
	tt_table_cell(table, TT_STYLE_CODE, "%s", o->line.len ? tt_buf_str(&o->line) : "-");
	tt_buf_clear(&o->line);
	for (unsigned i = 0; i < TT_DOING_MAX; i++)
		if (p->doing[i])
			tt_buf_printf(&o->line, "%s%u %s", shown++ ? ", " : "", p->doing[i], tt_doing_words((enum tt_doing)i));
	tt_table_cell(table, TT_STYLE_NONE, "%s", tt_buf_str(&o->line));
}

/* Only where there is a pool: a list of single threads says nothing that the dump does not. */
static int write_pools(struct dump_out *o)
{
	static const struct tt_column columns[] = {
		{.header = "POOL", .max = 32},
		{.header = "THREADS", .align = TT_ALIGN_RIGHT},
		{.header = "CPU", .align = TT_ALIGN_RIGHT},
		{.header = "START ROUTINE", .flexible = true, .min = 13, .max = 50},
		{.header = "NOW"},
	};
	if (o->d->pools.len == 0 || o->d->pools.data[0].threads.len < 2)
		return 0;
	struct tt_table *table = tt_table_create(columns, ARRAY_SIZE(columns));
	if (!table)
		return -ENOMEM;
	tt_table_set_indent(table, 2);
	size_t shown = 0, rest = 0;
	for (; shown < o->d->pools.len && shown < POOLS_SHOWN && o->d->pools.data[shown].threads.len > 1; shown++)
		pool_row(o, table, &o->d->pools.data[shown]);
	for (size_t i = shown; i < o->d->pools.len; i++)
		rest += o->d->pools.data[i].threads.len;
	if (rest)
		tt_table_line(table, 0, TT_STYLE_DIM, "and %zu other thread%s", rest, rest == 1 ? "" : "s");
	tt_buf_addc(o->out, '\n');
	int rc = tt_table_print(table, o->out, o->term);
	tt_table_destroy(table);
	return rc;
}

/* ------------------------------------------------------------------ the end */

static void write_deadlock(struct dump_out *o, const struct tt_dump_deadlock *k)
{
	for (size_t i = 0; i < k->threads.len; i++) {
		const struct tt_dump_thread *t = &o->d->threads.data[k->threads.data[i]];
		tt_buf_addc(o->out, '\n');
		dump_out_raw(o, TT_STYLE_THREAD, tt_dump_name(t));
		dump_out_say(o, TT_STYLE_NONE, " (thread %d) ", (int)t->task.tid);
		dump_out_waits(o, t, t->since_ns, "");
		tt_buf_addc(o->out, '\n');
		dump_out_stack(o, t, 16);
	}
}

static void write_deadlocks(struct dump_out *o)
{
	struct tt_dump *d = o->d;
	const struct tt_dump_deadlock *k;
	if (d->deadlocks.len) {
		dump_out_say(
			o, TT_STYLE_ERROR, "\nFound %zu deadlock%s:\n", d->deadlocks.len, d->deadlocks.len == 1 ? "" : "s");
		tt_buf_adds(o->out, "=============================\n");
	}
	vec_for_each (k, &d->deadlocks) {
		write_deadlock(o, k);
		if (k->ends)
			dump_out_say(o, TT_STYLE_NONE, "\nA timeout ends this one.\n");
	}
	if (!d->managed_deadlocks)
		return;
	tt_buf_addc(o->out, '\n');
	for (const char *at = d->managed_deadlocks; *at; at += *at == '\n') {
		size_t n = strcspn(at, "\n");
		for (; n && *at == '\t'; at++, n--)
			tt_buf_adds(o->out, "    ");
		tt_text_escape(o->out, at, n);
		tt_buf_addc(o->out, '\n');
		at += n;
	}
}

int tt_dump_write_text(struct tt_dump *d, const struct tt_dump_view *view, const struct tt_term *term, struct tt_buf *out)
{
	struct dump_out o = {.d = d, .view = view, .term = term, .out = out};
	write_header(&o);
	dump_out_verdict(&o);
	int rc = write_jams(&o);
	if (rc == 0)
		rc = write_pools(&o);
	if (!view->no_stacks)
		dump_out_threads(&o);
	write_deadlocks(&o);
	tt_buf_deinit(&o.line);
	return rc < 0 || tt_buf_failed(out) ? -ENOMEM : 0;
}

int tt_dump_write_still(struct tt_dump *d, unsigned dumps, const struct tt_term *term, struct tt_buf *out)
{
	static const struct tt_dump_view view = {0};
	struct dump_out o = {.d = d, .view = &view, .term = term, .out = out};
	const struct tt_dump_thread *t;
	size_t count = 0;
	vec_for_each (t, &d->threads)
		count += t->still + 1 >= dumps && !t->hidden;
	dump_out_say(&o, TT_STYLE_HEADING, "\n%zu of %zu threads did not run in all %u dumps:\n", count, d->threads.len, dumps);
	vec_for_each (t, &d->threads) {
		if (t->still + 1 < dumps || t->hidden)
			continue;
		tt_buf_adds(out, "  ");
		dump_out_thread(&o, t);
		dump_out_say(&o, TT_STYLE_NONE, ": ");
		dump_out_wait(&o, t);
		tt_buf_addc(out, '\n');
	}
	tt_buf_deinit(&o.line);
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
