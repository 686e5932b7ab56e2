/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size.c - threadsize's report as a whole: the order of its parts, and what they share (size.h). */
#include "lib/out/size.h"

#include <errno.h>

#include "lib/out/size_private.h"
#include "lib/util/text.h"

#define LABEL_COLUMNS 12

struct tt_size_place tt_size_place_of(const struct tt_limits *l)
{
	struct tt_size_place place = {
		.affinity = l->affinity.state == TT_LIMIT_SET ? l->affinity.count : 0,
		.online = l->online.state == TT_LIMIT_SET ? l->online.count : 0,
		.least_quota = l->quota_cpus,
		.effective_cpus = l->effective_known ? l->effective_cpus : 0,
	};
	/* Runtimes ask the kernel for affinity, which knows the cpuset and what is offline: of a group, its set stands for it.
	 */
	if (l->affinity.state == TT_LIMIT_NONE || (place.affinity && l->usable_cpus && l->usable_cpus < place.affinity))
		place.affinity = l->usable_cpus;
	if (l->levels.len && l->levels.data[0].state == TT_LIMIT_SET)
		place.own_quota = l->levels.data[0].cpus;
	place.v2 = l->cgroup_v2;
	return place;
}

/* ------------------------------------------------------------------ words of the text */

void tt_size_heading(struct tt_size_writer *w, const char *title)
{
	if (w->out->len)
		tt_buf_addc(w->out, '\n');
	tt_buf_printf(
		w->out, "%s%s%s\n", tt_style_on(w->term, TT_STYLE_HEADING), title, tt_style_off(w->term, TT_STYLE_HEADING));
}

void tt_size_line(struct tt_size_writer *w, const char *label, const char *fmt, ...)
{
	TT_BUF_AUTO(raw);
	TT_BUF_AUTO(clean);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&raw, fmt, ap);
	va_end(ap);
	tt_text_escape(&clean, tt_buf_str(&raw), raw.len);
	tt_buf_printf(w->out, "  %-*s%s", LABEL_COLUMNS, label, strlen(label) >= LABEL_COLUMNS ? "  " : "");
	tt_text_wrap(w->out, tt_buf_str(&clean), 2 + LABEL_COLUMNS, w->term->width);
	tt_buf_addc(w->out, '\n');
	if (tt_buf_failed(&raw) || tt_buf_failed(&clean))
		w->out->failed = true;
}

void tt_size_table(struct tt_size_writer *w, struct tt_table *table)
{
	if (!table || tt_table_print(table, w->out, w->term) < 0)
		w->out->failed = true;
	tt_table_destroy(table);
}

const char *tt_size_members(const struct tt_pool *p, unsigned count)
{
	if (p->members == TT_POOL_OF_PROCESSES)
		return count == 1 ? "process" : "processes";
	return count == 1 ? "thread" : "threads";
}

struct tt_settings_of tt_size_settings_of(const struct tt_size_doc *doc, const struct tt_size_entry *e)
{
	struct tt_settings_of of = {.cpus = doc->limits->effective_cpus, .used = doc->used_cpus};
	if (e && e->sized && !e->advice.refused) {
		of.size = e->advice.size;
		of.processes = e->pool->members == TT_POOL_OF_PROCESSES;
		of.spread = e->pool->processes;
	}
	return of;
}

/* ------------------------------------------------------------------ the whole */

int tt_size_text(const struct tt_size_doc *doc, const struct tt_term *term, struct tt_buf *out)
{
	struct tt_size_writer w = {.doc = doc, .term = term, .out = out};
	tt_size_text_limits(&w);
	if (doc->runtimes)
		tt_size_text_runtimes(&w);
	if (doc->pools) {
		tt_size_text_pools(&w);
		tt_size_text_findings(&w);
		tt_size_text_advice(&w);
	}
	if (doc->settings)
		tt_size_text_settings(&w);
	return tt_buf_failed(out) ? -ENOMEM : 0;
}

int tt_size_json(const struct tt_size_doc *doc, FILE *file)
{
	struct tt_jsonw j = {.file = file};
	tt_jsonw_begin(&j, NULL, '{');
	tt_jsonw_text(&j, "schema", "threadtools.size/1");
	tt_jsonw_begin(&j, "tool", '{');
	tt_jsonw_text(&j, "name", "threadsize");
	tt_jsonw_text(&j, "version", TT_VERSION);
	tt_jsonw_end(&j, '}');
	tt_jsonw_text(&j, "subject", doc->subject);
	tt_size_json_limits(&j, doc->limits);
	tt_size_json_runtimes(&j, doc->limits);
	tt_size_json_pools(&j, doc);
	tt_size_json_advice(&j, doc);
	tt_size_json_findings(&j, doc);
	tt_jsonw_end(&j, '}');
	return tt_jsonw_finish(&j);
}
