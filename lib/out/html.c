/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * html.c - the HTML report: one file that needs nothing else. The frame, the policy that keeps everything out, the data's head.
 * See html.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/out/folded.h"
#include "lib/out/html.h"
#include "lib/util/text.h"

/* ------------------------------------------------------------------ words of the data */

/* The number of a place; its JSON is ["function", "file:line", "module", inlined]. */
static uint64_t place_number(struct tt_html *h, const struct tt_place *p)
{
	struct tt_jsonw piece = {0};
	tt_jsonw_begin(&piece, NULL, '[');
	tt_jsonw_text(&piece, NULL, tt_names_text(h->r->names, p));
	TT_BUF_AUTO(line);
	if (p->file)
		tt_buf_printf(&line, "%s:%u", p->file, p->line);
	tt_jsonw_text(&piece, NULL, tt_buf_str(&line));
	tt_jsonw_text(&piece, NULL, p->module ? p->module : "");
	tt_jsonw_u64(&piece, NULL, p->inlined);
	tt_jsonw_end(&piece, ']');
	bool is_new = false;
	struct tt_smap_entry *e = tt_smap_insert(&h->places, tt_buf_str(&piece.buf), piece.buf.len, &is_new);
	if (!e || tt_buf_failed(&piece.buf) || tt_buf_failed(&line))
		h->failed = true;
	else if (is_new)
		e->value = h->places.len - 1;
	tt_buf_deinit(&piece.buf);
	return e ? e->value : 0;
}

static void put_places(struct tt_html *h, struct tt_places places)
{
	for (unsigned i = 0; i < places.count; i++)
		tt_jsonw_u64(&h->j, NULL, place_number(h, &places.places[i]));
}

void tt_html_stack(struct tt_html *h, const char *key, const struct tt_site *site, const struct tt_stack *stack)
{
	unsigned visible[TT_HTML_FRAMES];
	unsigned count = stack ? tt_names_visible(h->r->names, stack, true, visible, TT_HTML_FRAMES) : 0;
	if (count == 0 && !site) {
		tt_jsonw_null(&h->j, key);
		return;
	}
	tt_jsonw_begin(&h->j, key, '[');
	for (unsigned i = 0; i < count; i++)
		put_places(h, tt_names_frame(h->r->names, stack->process, &stack->frames[visible[i]]));
	if (count == 0)
		put_places(h, tt_names_site(h->r->names, site));
	tt_jsonw_end(&h->j, ']');
}

void tt_html_place(struct tt_html *h, const char *key, const struct tt_site *site, const struct tt_stack *stack)
{
	if (!site && !stack) {
		tt_jsonw_null(&h->j, key);
		return;
	}
	struct tt_place p = tt_names_headline(h->r->names, site, stack);
	const char *slash = p.file ? strrchr(p.file, '/') : NULL;
	TT_BUF_AUTO(text);
	tt_buf_adds(&text, tt_names_text(h->r->names, &p));
	if (p.file)
		tt_buf_printf(&text, " %s:%u", slash ? slash + 1 : p.file, p.line);
	h->failed = h->failed || tt_buf_failed(&text);
	tt_jsonw_text(&h->j, key, tt_buf_str(&text));
}

size_t tt_html_rows_begin(struct tt_html *h, const char *key, size_t total)
{
	size_t limit = h->r->opts.top_all ? (size_t)h->r->opts.top_all : TT_HTML_ROWS;
	tt_jsonw_begin(&h->j, key, '{');
	tt_jsonw_u64(&h->j, "all", total);
	tt_jsonw_begin(&h->j, "rows", '[');
	return total < limit ? total : limit;
}

void tt_html_rows_end(struct tt_html *h)
{
	tt_jsonw_end(&h->j, ']');
	tt_jsonw_end(&h->j, '}');
}

/* ------------------------------------------------------------------ head */

static void put_process(struct tt_html *h, const struct tt_process *p)
{
	struct tt_jsonw *j = &h->j;
	char date[32] = "";
	time_t seconds = (time_t)(p->start_real_ns / 1000000000u);
	struct tm tm;
	if (gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_u64(j, "pid", p->pid);
	tt_jsonw_text(j, "name", tt_folded_program(p));
	tt_jsonw_text(j, "command", p->command);
	tt_jsonw_text(j, "started", date);
	tt_jsonw_text(j, "end", tt_end_name(p->end));
	tt_jsonw_bool(j, "bad", p->end == TT_END_KILLED || p->end == TT_END_ABORTED);
	if ((p->end == TT_END_EXITED || p->end == TT_END_FORCED) && p->exit_code != TTREC_EXIT_UNKNOWN)
		tt_jsonw_int(j, "status", p->exit_code);
	tt_jsonw_u64(j, "wall", p->wall_ns);
	tt_jsonw_u64(j, "threads", p->threads_created + 1);
	tt_jsonw_u64(j, "wait", p->waits[TTREC_WAIT_LOCK].ns + p->waits[TTREC_WAIT_RDLOCK].ns);
	tt_jsonw_end(j, '}');
}

static void put_sums(struct tt_html *h)
{
	const struct tt_model *m = h->r->model;
	uint64_t acquisitions = 0, contended = 0, locks = 0, created = 0, joined = 0, ended = 0, peak = 0;
	struct tt_lock_class *const *c;
	vec_for_each (c, &m->classes_by_wait) {
		acquisitions += (*c)->ops.acquisitions;
		contended += (*c)->contended;
		locks += (*c)->locks.len;
	}
	struct tt_process *const *p;
	vec_for_each (p, &m->processes) {
		created += (*p)->threads_created;
		ended += (*p)->threads_ended;
		joined += (*p)->threads_joined;
		peak = (*p)->threads_peak > peak ? (*p)->threads_peak : peak;
	}
	struct tt_jsonw *j = &h->j;
	tt_jsonw_begin(j, "sums", '{');
	tt_jsonw_u64(j, "wall", m->wall_ns);
	tt_jsonw_u64(j, "process", m->process_ns);
	tt_jsonw_u64(j, "thread", m->thread_ns);
	tt_jsonw_u64(j, "wait", m->lock_wait_ns);
	tt_jsonw_u64(j, "locks", locks);
	tt_jsonw_u64(j, "classes", m->classes_by_wait.len);
	tt_jsonw_u64(j, "acquisitions", acquisitions);
	tt_jsonw_u64(j, "contended", contended);
	tt_jsonw_u64(j, "created", created);
	tt_jsonw_u64(j, "ended", ended);
	tt_jsonw_u64(j, "joined", joined);
	tt_jsonw_u64(j, "peak", peak);
	tt_jsonw_end(j, '}');
}

static void put_gaps(struct tt_html *h)
{
	struct tt_jsonw *j = &h->j;
	struct tt_process *const *p;
	bool sampled = false;
	tt_jsonw_begin(j, "gaps", '[');
	vec_for_each (p, &h->r->model->processes) {
		const char *problem;
		sampled = sampled || !(*p)->hold_exact;
		for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++) {
			const char *text = tt_rec_drop_text((enum ttrec_drop)i);
			if ((*p)->drop[i])
				tt_jsonw_text(j, NULL,
					tt_names_format(h->r->names, "pid %u: %" PRIu64 " %s", (*p)->pid, (*p)->drop[i],
						text ? text : "lost, nobody knows what"));
		}
		for (size_t i = 0; (problem = tt_process_problem(*p, i)); i++)
			tt_jsonw_text(j, NULL, tt_names_format(h->r->names, "pid %u: %s", (*p)->pid, problem));
	}
	if (sampled)
		tt_jsonw_text(j, NULL,
			"Hold times are estimated from timed samples. Times of waits and counts of acquisitions are exact.");
	tt_jsonw_end(j, ']');
}

static void put_data(struct tt_html *h)
{
	struct tt_jsonw *j = &h->j;
	const struct tt_model *m = h->r->model;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "tool", h->r->opts.tool);
	tt_jsonw_text(j, "version", TT_VERSION);
	tt_jsonw_u64(j, "programs", m->programs);
	tt_jsonw_bool(j, "partial", m->partial);
	tt_jsonw_bool(j, "dropped", m->dropped);
	size_t rows = tt_html_rows_begin(h, "processes", m->processes.len);
	for (size_t i = 0; i < rows; i++)
		put_process(h, m->processes.data[i]);
	tt_html_rows_end(h);
	put_sums(h);
	tt_html_findings(h);
	tt_html_tables(h);
	tt_html_graphs(h);
	tt_html_timeline(h);
	put_gaps(h);
	tt_jsonw_begin(j, "places", '[');
	for (size_t i = 0; i < h->places.len; i++)
		tt_jsonw_raw(j, NULL, h->places.entries[i].key);
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ the page */

/* Outside of texts JSON has none of these characters, so the escapes stand in texts only. */
static void put_escaped(struct tt_buf *out, const char *json, size_t len)
{
	size_t plain = 0;
	for (size_t i = 0; i < len; i++) {
		if (json[i] != '<' && json[i] != '>' && json[i] != '&')
			continue;
		tt_buf_add(out, json + plain, i - plain);
		tt_buf_printf(out, "\\u%04x", (unsigned char)json[i]);
		plain = i + 1;
	}
	tt_buf_add(out, json + plain, len - plain);
}

static void put_title(struct tt_buf *out, const struct tt_model *m)
{
	if (m->processes.len == 1) {
		const char *name = tt_folded_program(m->processes.data[0]);
		tt_text_xml(out, name, strlen(name));
		tt_buf_printf(out, " (pid %u)", m->processes.data[0]->pid);
	} else {
		tt_buf_printf(out, "%zu processes", m->processes.len);
	}
}

static void put_page(struct tt_buf *out, const struct tt_html *h)
{
	const struct tt_buf *json = &h->j.buf;
	tt_buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
	tt_buf_printf(out,
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-%s'; "
		"style-src 'sha256-%s'; base-uri 'none'; form-action 'none'\">\n",
		tt_html_script_hash, tt_html_style_hash);
	tt_buf_adds(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			 "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	put_title(out, h->r->model);
	tt_buf_adds(out, " - threadtools</title>\n<style>");
	tt_buf_adds(out, tt_html_style);
	tt_buf_adds(out, "</style>\n</head>\n<body>\n<div id=\"page\"></div>\n<noscript><p>This page needs JavaScript to show "
			 "its tables and graphs; <code>threadreport</code> prints the same as text.</p></noscript>\n"
			 "<script type=\"application/json\" id=\"data\">");
	put_escaped(out, tt_buf_str(json), json->len);
	tt_buf_adds(out, "</script>\n<script>");
	tt_buf_adds(out, tt_html_script);
	tt_buf_adds(out, "</script>\n</body>\n</html>\n");
}

int tt_report_html(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct tt_html h = {.r = r};
	TT_BUF_AUTO(out);
	put_data(&h);
	put_page(&out, &h);
	int error = h.j.error ? h.j.error : h.failed || tt_buf_failed(&h.j.buf) || tt_buf_failed(&out) ? ENOMEM : 0;
	errno = 0;
	if (!error && fwrite(tt_buf_str(&out), 1, out.len, file) != out.len)
		error = errno ? errno : EIO;
	tt_buf_deinit(&h.j.buf);
	tt_smap_deinit(&h.places);
	return error ? tt_err_set(err, error, "cannot write the report: %s", strerror(error)) : 0;
}
