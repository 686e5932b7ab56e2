/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batch_json.c - a frame as one line of JSON, schema threadtools.top/1 (tests/schema/top-1.json). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/out/jsonw.h"
#include "tools/threadtop/batch.h"

static void put_time(struct tt_jsonw *j, uint64_t time_ns)
{
	char text[48], whole[32];
	time_t seconds = (time_t)(time_ns / 1000000000u);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm) || !strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm)) {
		tt_jsonw_null(j, "time");
		return;
	}
	snprintf(text, sizeof(text), "%s.%03uZ", whole, (unsigned)(time_ns / 1000000u % 1000u));
	tt_jsonw_text(j, "time", text);
}

static void put_machine(struct tt_jsonw *j, const struct tt_machine *m)
{
	static const char *const pressures[] = {"cpu_pressure_pct", "io_pressure_pct", "memory_pressure_pct"};
	tt_jsonw_begin(j, "machine", '{');
	tt_jsonw_u64(j, "cpus", m->cpus);
	tt_jsonw_real(j, "busy_pct", m->busy_ppm / 1e4);
	tt_jsonw_real(j, "stolen_pct", m->stolen_ppm / 1e4);
	tt_jsonw_real(j, "iowait_pct", m->iowait_ppm / 1e4);
	tt_jsonw_begin(j, "load", '[');
	for (int i = 0; i < 3; i++)
		tt_jsonw_real(j, NULL, m->load_milli[i] / 1e3);
	tt_jsonw_end(j, ']');
	for (int i = 0; i < 3; i++) {
		if (m->psi_milli[i] >= 0)
			tt_jsonw_real(j, pressures[i], m->psi_milli[i] / 1e3);
		else
			tt_jsonw_null(j, pressures[i]);
	}
	tt_jsonw_u64(j, "memory_bytes", m->memory_bytes);
	tt_jsonw_u64(j, "available_bytes", m->available_bytes);
	tt_jsonw_u64(j, "runnable", m->runnable);
	tt_jsonw_bool(j, "schedstat", !m->no_schedstat);
	tt_jsonw_u64(j, "hidden_processes", m->hidden);
	tt_jsonw_end(j, '}');
}

static void put_warnings(struct tt_jsonw *j, const struct top_facts *facts)
{
	static const char *const levels[] = {"note", "warning", "error"};
	const struct top_warning *w;
	tt_jsonw_begin(j, "warnings", '[');
	vec_for_each (w, &facts->warnings) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "rule", w->rule);
		tt_jsonw_text(j, "level", levels[w->level]);
		if (w->pid)
			tt_jsonw_u64(j, "pid", w->pid);
		else
			tt_jsonw_null(j, "pid");
		tt_jsonw_text(j, "text", w->text);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void put_summary(
	struct tt_jsonw *j, const struct top_view *v, const struct tt_top_frame *f, const struct top_facts *facts)
{
	tt_jsonw_begin(j, "summary", '{');
	tt_jsonw_u64(j, "threads", facts->threads);
	tt_jsonw_u64(j, "processes", facts->processes);
	tt_jsonw_u64(j, "started", f->machine.started);
	tt_jsonw_u64(j, "ended", f->machine.ended);
	tt_jsonw_begin(j, "states", '{');
	tt_jsonw_u64(j, "running", facts->running);
	tt_jsonw_u64(j, "sleeping", facts->sleeping);
	tt_jsonw_u64(j, "uninterruptible", facts->disk);
	tt_jsonw_u64(j, "stopped", facts->stopped);
	tt_jsonw_u64(j, "zombie", facts->zombie);
	tt_jsonw_u64(j, "idle", facts->idle);
	tt_jsonw_u64(j, "other", facts->other);
	tt_jsonw_end(j, '}');
	tt_jsonw_u64(j, "on_locks", facts->on_locks);
	tt_jsonw_u64(j, "deadlocks", v->deadlocks);
	tt_jsonw_real(j, "cpu_pct", facts->cpu_pct);
	tt_jsonw_real(j, "run_queue_pct", facts->run_queue_pct);
	put_warnings(j, facts);
	tt_jsonw_end(j, '}');
}

static void put_quotas(struct tt_jsonw *j, const struct top_facts *facts)
{
	const struct top_quota *q;
	tt_jsonw_begin(j, "cgroup", '[');
	vec_for_each (q, &facts->quotas) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "path", q->path);
		tt_jsonw_u64(j, "processes", q->processes);
		tt_jsonw_real(j, "quota_cpus", (double)q->quota_milli / 1e3);
		tt_jsonw_real(j, "used_pct", q->used_pct);
		tt_jsonw_u64(j, "periods", q->periods);
		tt_jsonw_u64(j, "throttled_periods", q->throttled);
		tt_jsonw_u64(j, "throttled_ns", q->throttled_ns);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void put_row(struct tt_jsonw *j, const struct top_view *v, const struct tt_top_frame *f, const struct top_row *r)
{
	const struct top_column_set *set = top_view_columns(v);
	tt_jsonw_begin(j, NULL, '{');
	for (unsigned i = 0; i < set->count; i++) {
		enum top_column_id id = set->ids[i];
		const struct top_column *c = &top_columns[id];
		struct top_value value = top_value(f, r, id);
		if (!top_value_known(id, value))
			tt_jsonw_null(j, c->id);
		else if (c->kind == TOP_TEXT)
			tt_jsonw_text(j, c->id, value.text);
		else if (c->kind == TOP_PCT || c->kind == TOP_RATE)
			tt_jsonw_real(j, c->id, floor(value.number * 100 + 0.5) / 100);
		else
			tt_jsonw_int(j, c->id,
				value.number >= 9e18    ? INT64_MAX
				: value.number <= -9e18 ? INT64_MIN
							: (int64_t)value.number);
	}
	if (v->kind == TOP_VIEW_LOCKS) {
		tt_jsonw_u64(j, "depth", r->depth);
		tt_jsonw_bool(j, "deadlock", r->deadlock);
	}
	tt_jsonw_end(j, '}');
}

/* Threads, or the groups of the view. */
static void put_rows(struct tt_jsonw *j, const struct top_view *v, const struct tt_top_frame *f, uint64_t most)
{
	bool pools = v->kind == TOP_VIEW_POOLS;
	tt_jsonw_begin(j, pools ? "pools" : "threads", '[');
	for (size_t i = 0; i < top_batch_rows(v, most); i++)
		if (v->rows.data[i].kind != TOP_ROW_PROC)
			put_row(j, v, f, &v->rows.data[i]);
	tt_jsonw_end(j, ']');
	if (pools) {
		tt_jsonw_begin(j, "threads", '[');
		tt_jsonw_end(j, ']');
	}
}

int top_batch_json(
	FILE *out, const struct top_view *v, const struct tt_top_frame *f, const struct top_facts *facts, uint64_t most)
{
	struct tt_jsonw j = {0}; /* no file: all on one line */
	tt_jsonw_begin(&j, NULL, '{');
	tt_jsonw_text(&j, "schema", "threadtools.top/1");
	put_time(&j, f->time_ns);
	tt_jsonw_u64(&j, "frame", f->number);
	tt_jsonw_u64(&j, "span_ns", f->span_ns);
	put_machine(&j, &f->machine);
	put_summary(&j, v, f, facts);
	put_quotas(&j, facts);
	put_rows(&j, v, f, most);
	tt_jsonw_end(&j, '}');
	int rc = j.error ? -j.error : tt_buf_failed(&j.buf) ? -ENOMEM : 0;
	fwrite(tt_buf_str(&j.buf), 1, j.buf.len, out);
	fputc('\n', out);
	tt_buf_deinit(&j.buf);
	return rc;
}
