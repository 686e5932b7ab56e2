/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batch.c - frames as text and CSV; head lines that the screen shares (batch.h). */
#include "tools/threadtop/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/util/text.h"

size_t top_batch_rows(const struct top_view *v, uint64_t most)
{
	return most && most < v->rows.len ? (size_t)most : v->rows.len;
}

/* ------------------------------------------------------------------ head */

static void put_clock(struct tt_buf *out, uint64_t time_ns)
{
	char text[32];
	time_t seconds = (time_t)(time_ns / 1000000000u);
	struct tm tm;
	if (localtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%H:%M:%S", &tm))
		tt_buf_adds(out, text);
}

static void put_count(struct tt_buf *out, uint32_t n, const char *what)
{
	if (n)
		tt_buf_printf(out, ", %u %s", n, what);
}

static void put_threads(struct tt_buf *out, const struct tt_top_frame *f, const struct top_facts *facts)
{
	tt_buf_printf(out, "%u thread%s of %u process%s: %u running", facts->threads, facts->threads == 1 ? "" : "s",
		facts->processes, facts->processes == 1 ? "" : "es", facts->running);
	put_count(out, facts->sleeping, "sleeping");
	put_count(out, facts->on_locks, "on locks");
	put_count(out, facts->disk, "uninterruptible");
	put_count(out, facts->stopped, "stopped");
	put_count(out, facts->zombie, "ended");
	put_count(out, facts->idle, "idle");
	if (f->machine.started || f->machine.ended)
		tt_buf_printf(out, "  (+%u -%u)", f->machine.started, f->machine.ended);
}

static void put_machine(struct tt_buf *out, const struct tt_machine *m)
{
	if (!m->cpus) {
		tt_buf_adds(out, "CPUs not known");
		return;
	}
	tt_buf_printf(out, "%u CPU%s %.0f %% busy", m->cpus, m->cpus == 1 ? "" : "s", m->busy_ppm / 1e4);
	if (m->stolen_ppm >= 5000)
		tt_buf_printf(out, ", %.0f %% stolen", m->stolen_ppm / 1e4);
	tt_buf_printf(out, "  load %.2f %.2f %.2f", m->load_milli[0] / 1e3, m->load_milli[1] / 1e3, m->load_milli[2] / 1e3);
	if (m->psi_milli[0] >= 0)
		tt_buf_printf(out, "  pressure cpu %.0f io %.0f mem %.0f %%", m->psi_milli[0] / 1e3, m->psi_milli[1] / 1e3,
			m->psi_milli[2] / 1e3);
	if (m->memory_bytes)
		tt_buf_printf(out, "  mem %s free of %s", tt_bytes(m->available_bytes).s, tt_bytes(m->memory_bytes).s);
}

static void put_quota(struct tt_buf *out, const struct top_facts *facts)
{
	if (facts->quotas.len == 0) {
		tt_buf_adds(out, "no CPU quota");
		return;
	}
	const struct top_quota *q = &facts->quotas.data[0];
	tt_buf_printf(out, "quota %.2f CPU of %s: %.0f %% used, throttled in %" PRIu64 " of %" PRIu64 " periods",
		(double)q->quota_milli / 1e3, q->path, q->used_pct, q->throttled, q->periods);
	if (facts->quotas.len > 1)
		tt_buf_printf(out, " (and %zu more)", facts->quotas.len - 1);
}

void top_head_line(struct tt_buf *out, const struct tt_top_frame *f, const struct top_facts *facts, unsigned line)
{
	switch (line) {
	case 0:
		put_clock(out, f->time_ns);
		tt_buf_adds(out, "  ");
		put_threads(out, f, facts);
		break;
	case 1:
		put_machine(out, &f->machine);
		break;
	default:
		put_quota(out, facts);
	}
}

/* ------------------------------------------------------------------ text */

static void put_line(FILE *out, struct tt_buf *raw)
{
	TT_BUF_AUTO(clean);
	tt_text_escape(&clean, tt_buf_str(raw), raw->len);
	fprintf(out, "%s\n", tt_buf_str(&clean));
	tt_buf_clear(raw);
}

static enum tt_style style_of(enum top_level level)
{
	return level == TOP_ERROR ? TT_STYLE_ERROR : level == TOP_WARNING ? TT_STYLE_WARNING : TT_STYLE_NOTE;
}

static void put_head(FILE *out, const struct tt_top_frame *f, const struct top_facts *facts, const struct tt_term *term)
{
	static const char *const words[] = {"note", "warning", "error"};
	TT_BUF_AUTO(line);
	for (unsigned i = 0; i < TOP_HEAD_LINES; i++) {
		top_head_line(&line, f, facts, i);
		put_line(out, &line);
	}
	const struct top_warning *w;
	vec_for_each (w, &facts->warnings) {
		fprintf(out, "%s%s:%s ", tt_style_on(term, style_of(w->level)), words[w->level],
			tt_style_off(term, style_of(w->level)));
		tt_buf_adds(&line, w->text);
		put_line(out, &line);
	}
	fputc('\n', out);
}

/* Threads of the tree stand below their process. */
static void indent_name(const struct top_row *r, enum top_column_id id, const struct top_view *v, struct tt_buf *cell)
{
	bool tree = v->kind == TOP_VIEW_TREE || v->kind == TOP_VIEW_LOCKS;
	if (tree && id == TOP_COL_name)
		tt_buf_fill(cell, ' ', (size_t)r->depth * 2);
}

static enum tt_style row_style(const struct top_row *r)
{
	return r->deadlock ? TT_STYLE_ERROR : TT_STYLE_NONE;
}

int top_batch_text(FILE *out, const struct top_view *v, const struct tt_top_frame *f, const struct top_facts *facts,
	uint64_t most, const struct tt_term *term)
{
	const struct top_column_set *set = top_view_columns(v);
	struct tt_column columns[TOP_COLUMNS];
	TT_BUF_AUTO(cell);
	TT_BUF_AUTO(text);
	put_head(out, f, facts, term);
	for (unsigned i = 0; i < set->count; i++) {
		const struct top_column *c = &top_columns[set->ids[i]];
		bool flexible = c->kind == TOP_TEXT && c->width > 8;
		columns[i] = (struct tt_column){.header = c->header,
			.align = c->align,
			.min = flexible ? 8 : 0,
			.flexible = flexible,
			.cut = TT_CUT_END};
	}
	struct tt_table *table = tt_table_create(columns, set->count);
	if (!table)
		return -ENOMEM;
	for (size_t row = 0; row < top_batch_rows(v, most); row++)
		for (unsigned i = 0; i < set->count; i++) {
			const struct top_row *r = &v->rows.data[row];
			tt_buf_clear(&cell);
			indent_name(r, set->ids[i], v, &cell);
			top_cell(f, r, set->ids[i], &cell);
			tt_table_cell(table, row_style(r), "%s", tt_buf_str(&cell));
		}
	int rc = tt_table_print(table, &text, term);
	tt_table_destroy(table);
	fprintf(out, "%s\n", tt_buf_str(&text));
	return rc;
}

/* ------------------------------------------------------------------ CSV (RFC 4180) */

/* A text that begins like a formula would be one to a spreadsheet: '=' and its kin get a quote in front. */
static void csv_text(FILE *out, const char *text)
{
	TT_BUF_AUTO(clean);
	tt_text_escape(&clean, text, strlen(text));
	const char *p = tt_buf_str(&clean);
	fputc('"', out);
	if (strchr("=+-@", *p) && *p)
		fputc('\'', out);
	for (; *p; p++) {
		if (*p == '"')
			fputc('"', out);
		fputc(*p, out);
	}
	fputc('"', out);
}

static void csv_number(FILE *out, enum top_kind kind, double n)
{
	if (kind == TOP_PCT || kind == TOP_RATE)
		fprintf(out, "%.2f", n);
	else
		fprintf(out, "%.0f", n);
}

int top_batch_csv(FILE *out, const struct top_view *v, const struct tt_top_frame *f, uint64_t most, bool header)
{
	const struct top_column_set *set = top_view_columns(v);
	if (header) {
		fputs("time", out);
		for (unsigned i = 0; i < set->count; i++)
			fprintf(out, ",%s", top_columns[set->ids[i]].id);
		fputs("\r\n", out);
	}
	for (size_t row = 0; row < top_batch_rows(v, most); row++) {
		fprintf(out, "%" PRIu64 ".%03" PRIu64, f->time_ns / 1000000000u, f->time_ns / 1000000u % 1000u);
		for (unsigned i = 0; i < set->count; i++) {
			enum top_column_id id = set->ids[i];
			struct top_value value = top_value(f, &v->rows.data[row], id);
			fputc(',', out);
			if (!top_value_known(id, value))
				continue;
			if (top_columns[id].kind == TOP_TEXT)
				csv_text(out, value.text);
			else
				csv_number(out, top_columns[id].kind, value.number);
		}
		fputs("\r\n", out);
	}
	return 0;
}
