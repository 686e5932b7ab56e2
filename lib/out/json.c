/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * json.c - the JSON report, schema threadtools.report/1 (tests/schema/report-1.json): frame, processes, summary, places.
 * Streams: each element of the long arrays is built, written and freed. Stable order, so that two reports can be compared.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/out/json.h"

#define TT_JSON_FRAMES 1024 /* a stack is no deeper than its 16 bit count; nobody reads more */

/* ------------------------------------------------------------------ places */

static json_t *json_place(const struct tt_place *p)
{
	json_t *o = json_object();
	tt_json_put(&o, "function", tt_json_text(p->function));
	tt_json_put(&o, "file", tt_json_text(p->file));
	tt_json_put(&o, "line", p->file && p->line ? json_integer(p->line) : json_null());
	return o;
}

/* The real frame, with what was inlined into it, innermost first. */
static json_t *json_places(struct tt_places places, uint64_t pc)
{
	const struct tt_place *real = &places.places[places.count - 1];
	json_t *o = json_place(real);
	tt_json_put(&o, "module", tt_json_text(real->module));
	tt_json_put(&o, "offset", tt_json_hex(real->offset));
	tt_json_put(&o, "address", tt_json_hex(pc));
	json_t *inlined = json_array();
	for (unsigned i = 0; i + 1 < places.count; i++)
		tt_json_push(&inlined, json_place(&places.places[i]));
	tt_json_put(&o, "inlined", inlined);
	return o;
}

json_t *tt_json_site(struct tt_report *r, const struct tt_site *site)
{
	if (!site)
		return json_null();
	return json_places(tt_names_site(r->names, site), site->pc);
}

json_t *tt_json_stack(struct tt_report *r, const struct tt_stack *stack)
{
	if (!stack)
		return json_null();
	unsigned visible[TT_JSON_FRAMES];
	unsigned count = tt_names_visible(r->names, stack, false, visible, TT_JSON_FRAMES);
	json_t *a = json_array();
	for (unsigned i = 0; i < count; i++) {
		const struct tt_frame *f = &stack->frames[visible[i]];
		tt_json_push(&a, json_places(tt_names_frame(r->names, stack->process, f), f->pc));
	}
	return a;
}

/* ------------------------------------------------------------------ distributions */

json_t *tt_json_waits(const struct tt_waits *waits, const struct tt_dist *dist)
{
	json_t *o = json_object();
	tt_json_put(&o, "count", tt_json_u64(waits->count));
	tt_json_put(&o, "total", tt_json_u64(waits->total_ns));
	tt_json_put(&o, "max", tt_json_u64(waits->max_ns));
	if (dist) {
		tt_json_put(&o, "p50", tt_json_u64(dist->p50_ns));
		tt_json_put(&o, "p99", tt_json_u64(dist->p99_ns));
	}
	tt_json_put(&o, "ongoing", tt_json_u64(waits->ongoing_ns));
	return o;
}

json_t *tt_json_hold(const struct tt_hold *hold)
{
	json_t *o = json_object();
	tt_json_put(&o, "total", tt_json_u64(hold->total_ns));
	tt_json_put(&o, "max", tt_json_u64(hold->max_ns));
	tt_json_put(&o, "p50", tt_json_u64(hold->p50_ns));
	tt_json_put(&o, "p99", tt_json_u64(hold->p99_ns));
	tt_json_put(&o, "samples", tt_json_u64(hold->samples));
	tt_json_put(&o, "sampled", json_boolean(!hold->exact));
	return o;
}

/* ------------------------------------------------------------------ processes */

/* "2026-11-21T03:14:15.123456789Z"; null for 0. */
static json_t *json_time(uint64_t real_ns)
{
	if (real_ns == 0)
		return json_null();
	time_t seconds = (time_t)(real_ns / 1000000000u);
	struct tm tm;
	char date[32], text[64];
	if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return json_null();
	snprintf(text, sizeof(text), "%s.%09" PRIu64 "Z", date, real_ns % 1000000000u);
	return json_string(text);
}

static json_t *json_exit(const struct tt_process *p)
{
	json_t *o = json_object();
	bool has_status = (p->end == TT_END_EXITED || p->end == TT_END_FORCED) && p->exit_code != TTREC_EXIT_UNKNOWN;
	tt_json_put(&o, "kind", json_string(tt_end_name(p->end)));
	tt_json_put(&o, "status", has_status ? json_integer(p->exit_code) : json_null());
	return o;
}

static json_t *json_process(const struct tt_process *p)
{
	json_t *o = json_object();
	tt_json_put(&o, "id", json_integer(p->id));
	tt_json_put(&o, "program", json_integer(p->program));
	tt_json_put(&o, "pid", json_integer(p->pid));
	tt_json_put(&o, "ppid", json_integer(p->ppid));
	tt_json_put(&o, "exe", tt_json_text(p->exe));
	tt_json_put(&o, "command", tt_json_text(p->command));
	tt_json_put(&o, "cwd", tt_json_text(p->cwd));
	tt_json_put(&o, "options", tt_json_text(p->options));
	tt_json_put(&o, "recording", tt_json_text(p->recording));
	tt_json_put(&o, "started", json_time(p->start_real_ns));
	bool ended = p->end != TT_END_RUNNING && p->end != TT_END_UNKNOWN;
	tt_json_put(&o, "ended", ended ? json_time(tt_process_real_ns(p, p->end_ns)) : json_null());
	tt_json_put(&o, "ended_estimated", json_boolean(p->end_estimated));
	tt_json_put(&o, "exit", json_exit(p));
	tt_json_put(&o, "wall_ns", tt_json_u64(p->wall_ns));
	tt_json_put(&o, "thread_ns", tt_json_u64(p->thread_ns));
	tt_json_put(&o, "threads_created", tt_json_u64(p->threads_created));
	tt_json_put(&o, "threads_ended", tt_json_u64(p->threads_ended));
	tt_json_put(&o, "threads_joined", tt_json_u64(p->threads_joined));
	tt_json_put(&o, "threads_detached", tt_json_u64(p->threads_detached));
	tt_json_put(&o, "threads_adopted", tt_json_u64(p->threads_adopted));
	tt_json_put(&o, "threads_live", tt_json_u64(p->threads_live));
	tt_json_put(&o, "threads_peak", tt_json_u64(p->threads_peak));
	tt_json_put(&o, "hold_exact", json_boolean(p->hold_exact));
	tt_json_put(&o, "partial", json_boolean(p->partial));
	return o;
}

static json_t *json_summary(const struct tt_report *r)
{
	const struct tt_model *m = r->model;
	uint64_t acquisitions = 0, contended = 0, wait_max = 0, locks = 0, created = 0, peak = 0;
	struct tt_lock_class *const *c;
	vec_for_each (c, &m->classes_by_wait) {
		acquisitions += (*c)->ops.acquisitions;
		contended += (*c)->contended;
		locks += (*c)->locks.len;
		wait_max = (*c)->waits.max_ns > wait_max ? (*c)->waits.max_ns : wait_max;
	}
	struct tt_process *const *p;
	vec_for_each (p, &m->processes) {
		created += (*p)->threads_created;
		peak = (*p)->threads_peak > peak ? (*p)->threads_peak : peak;
	}
	json_t *o = json_object();
	tt_json_put(&o, "wall_ns", tt_json_u64(m->wall_ns));
	tt_json_put(&o, "process_ns", tt_json_u64(m->process_ns));
	tt_json_put(&o, "thread_ns", tt_json_u64(m->thread_ns));
	tt_json_put(&o, "operations", tt_json_u64(m->operations));
	tt_json_put(&o, "locks", tt_json_u64(locks));
	tt_json_put(&o, "acquisitions", tt_json_u64(acquisitions));
	tt_json_put(&o, "contended", tt_json_u64(contended));
	tt_json_put(&o, "lock_wait_ns", tt_json_u64(m->lock_wait_ns));
	tt_json_put(&o, "lock_wait_max_ns", tt_json_u64(wait_max));
	tt_json_put(&o, "lock_wait_pct", json_real(tt_share_pct(m->lock_wait_ns, m->process_ns)));
	tt_json_put(&o, "threads_created", tt_json_u64(created));
	tt_json_put(&o, "threads_peak", tt_json_u64(peak));
	for (unsigned level = 0; level < TT_LEVEL_MAX; level++) {
		static const char *const keys[TT_LEVEL_MAX] = {"notes", "warnings", "errors"};
		size_t n = tt_findings_count(&r->findings, level) - tt_findings_count(&r->findings, level + 1);
		tt_json_put(&o, keys[level], tt_json_u64(n));
	}
	return o;
}

/* ------------------------------------------------------------------ what is missing */

static json_t *json_drop(const struct tt_process *p, unsigned which)
{
	const char *text = tt_rec_drop_text((enum ttrec_drop)which);
	json_t *o = json_object();
	tt_json_put(&o, "process", json_integer(p->id));
	tt_json_put(&o, "what", tt_json_text(text ? text : "unknown"));
	tt_json_put(&o, "count", tt_json_u64(p->drop[which]));
	return o;
}

static json_t *json_dropped(const struct tt_report *r)
{
	json_t *counters = json_array(), *problems = json_array();
	uint64_t events_lost = 0;
	bool full = false;
	struct tt_process *const *pp;
	vec_for_each (pp, &r->model->processes) {
		const struct tt_process *p = *pp;
		const char *problem;
		events_lost += p->events_lost;
		full = full || p->full;
		for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++)
			if (p->drop[i])
				tt_json_push(&counters, json_drop(p, i));
		for (size_t i = 0; (problem = tt_process_problem(p, i)); i++) {
			json_t *o = json_object();
			tt_json_put(&o, "process", json_integer(p->id));
			tt_json_put(&o, "text", tt_json_text(problem));
			tt_json_push(&problems, o);
		}
	}
	json_t *o = json_object();
	tt_json_put(&o, "any", json_boolean(r->model->dropped));
	tt_json_put(&o, "partial", json_boolean(r->model->partial));
	tt_json_put(&o, "full", json_boolean(full));
	tt_json_put(&o, "events_lost", tt_json_u64(events_lost));
	tt_json_put(&o, "counters", counters);
	tt_json_put(&o, "problems", problems);
	return o;
}

/* ------------------------------------------------------------------ the document */

int tt_report_json(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct tt_jsonw w = {.file = file};
	json_t *tool = json_object();
	tt_json_put(&tool, "name", tt_json_text(r->opts.tool));
	tt_json_put(&tool, "version", json_string(TT_VERSION));
	tt_jsonw_begin(&w, NULL, '{');
	tt_jsonw_value(&w, "schema", json_string("threadtools.report/1"));
	tt_jsonw_value(&w, "tool", tool);
	tt_jsonw_begin(&w, "processes", '[');
	struct tt_process *const *p;
	vec_for_each (p, &r->model->processes)
		tt_jsonw_value(&w, NULL, json_process(*p));
	tt_jsonw_end(&w, ']');
	tt_jsonw_value(&w, "summary", json_summary(r));
	tt_json_findings(r, &w);
	tt_json_locks(r, &w);
	tt_json_threads(r, &w);
	tt_jsonw_value(&w, "dropped", json_dropped(r));
	tt_jsonw_end(&w, '}');
	int rc = tt_jsonw_finish(&w);
	return rc < 0 ? tt_err_set(err, -rc, "cannot write the report: %s", strerror(-rc)) : 0;
}
