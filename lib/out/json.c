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

/*
 * A report names the same places again and again: the JSON of each address is made once and kept with the names, under a
 * key of its own.
 */
static void put_place(struct tt_jsonw *j, const struct tt_place *p)
{
	tt_jsonw_text(j, "function", p->function);
	tt_jsonw_text(j, "file", p->file);
	if (p->file && p->line)
		tt_jsonw_u64(j, "line", p->line);
	else
		tt_jsonw_null(j, "line");
}

/* The real frame, with what was inlined into it, innermost first. */
static void put_places(struct tt_jsonw *j, const char *key, struct tt_places places, uint64_t pc)
{
	const struct tt_place *real = &places.places[places.count - 1];
	tt_jsonw_begin(j, key, '{');
	put_place(j, real);
	tt_jsonw_text(j, "module", real->module);
	tt_jsonw_hex(j, "offset", real->offset);
	tt_jsonw_hex(j, "address", pc);
	tt_jsonw_begin(j, "inlined", '[');
	for (unsigned i = 0; i + 1 < places.count; i++) {
		tt_jsonw_begin(j, NULL, '{');
		put_place(j, &places.places[i]);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
}

/* Writes the place that `map` has under id, which is made of `places` when it is the first time. */
static void put_known(
	struct tt_jsonw *j, const char *key, struct tt_hmap *map, uint64_t id, struct tt_places places, uint64_t pc)
{
	const char *known = tt_hmap_ptr(map, id);
	if (!known) {
		struct tt_jsonw piece = {0};
		put_places(&piece, NULL, places, pc);
		char *made = tt_buf_steal(&piece.buf);
		if (!made || tt_hmap_put_ptr(map, id, made) < 0) {
			free(made);
			j->error = ENOMEM;
			return;
		}
		known = made;
	}
	tt_jsonw_raw(j, key, known);
}

void tt_json_site(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_site *site)
{
	if (site)
		put_known(j, key, &r->json_sites, site->id, tt_names_site(r->names, site), site->pc);
	else
		tt_jsonw_null(j, key);
}

void tt_json_stack(struct tt_jsonw *j, struct tt_report *r, const char *key, const struct tt_stack *stack)
{
	if (!stack) {
		tt_jsonw_null(j, key);
		return;
	}
	unsigned visible[TT_JSON_FRAMES];
	unsigned count = tt_names_visible(r->names, stack, false, visible, TT_JSON_FRAMES);
	tt_jsonw_begin(j, key, '[');
	for (unsigned i = 0; i < count; i++) {
		const struct tt_frame *f = &stack->frames[visible[i]];
		uint64_t id = f->pc ^ (uint64_t)stack->process->id << 48;
		put_known(j, NULL, &r->json_frames, id, tt_names_frame(r->names, stack->process, f), f->pc);
	}
	tt_jsonw_end(j, ']');
}

/* ------------------------------------------------------------------ distributions */

void tt_json_waits(struct tt_jsonw *j, const char *key, const struct tt_waits *waits, const struct tt_dist *dist)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "count", waits->count);
	tt_jsonw_u64(j, "total", waits->total_ns);
	tt_jsonw_u64(j, "max", waits->max_ns);
	if (dist) {
		tt_jsonw_u64(j, "p50", dist->p50_ns);
		tt_jsonw_u64(j, "p99", dist->p99_ns);
	}
	tt_jsonw_u64(j, "ongoing", waits->ongoing_ns);
	tt_jsonw_end(j, '}');
}

void tt_json_hold(struct tt_jsonw *j, const char *key, const struct tt_hold *hold)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "total", hold->total_ns);
	tt_jsonw_u64(j, "max", hold->max_ns);
	tt_jsonw_u64(j, "p50", hold->p50_ns);
	tt_jsonw_u64(j, "p99", hold->p99_ns);
	tt_jsonw_u64(j, "samples", hold->samples);
	tt_jsonw_bool(j, "sampled", !hold->exact);
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ processes */

void tt_json_time(struct tt_jsonw *j, const char *key, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / 1000000000u);
	struct tm tm;
	char date[32], text[64];
	if (real_ns == 0 || !gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		tt_jsonw_null(j, key);
		return;
	}
	snprintf(text, sizeof(text), "%s.%09" PRIu64 "Z", date, real_ns % 1000000000u);
	tt_jsonw_text(j, key, text);
}

static void json_exit(struct tt_jsonw *j, const char *key, const struct tt_process *p)
{
	tt_jsonw_begin(j, key, '{');
	bool has_status = (p->end == TT_END_EXITED || p->end == TT_END_FORCED) && p->exit_code != TTREC_EXIT_UNKNOWN;
	tt_jsonw_text(j, "kind", tt_end_name(p->end));
	if (has_status)
		tt_jsonw_u64(j, "status", p->exit_code);
	else
		tt_jsonw_null(j, "status");
	tt_jsonw_end(j, '}');
}

static void json_process(struct tt_jsonw *j, const char *key, const struct tt_process *p)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "id", p->id);
	tt_jsonw_u64(j, "program", p->program);
	tt_jsonw_u64(j, "pid", p->pid);
	tt_jsonw_u64(j, "ppid", p->ppid);
	tt_jsonw_text(j, "exe", p->exe);
	tt_jsonw_text(j, "command", p->command);
	tt_jsonw_text(j, "cwd", p->cwd);
	tt_jsonw_text(j, "options", p->options);
	tt_jsonw_text(j, "recording", p->recording);
	tt_json_time(j, "started", p->start_real_ns);
	bool ended = p->end != TT_END_RUNNING && p->end != TT_END_UNKNOWN;
	if (ended)
		tt_json_time(j, "ended", tt_process_real_ns(p, p->end_ns));
	else
		tt_jsonw_null(j, "ended");
	tt_jsonw_bool(j, "ended_estimated", p->end_estimated);
	json_exit(j, "exit", p);
	tt_jsonw_u64(j, "wall_ns", p->wall_ns);
	tt_jsonw_u64(j, "thread_ns", p->thread_ns);
	tt_jsonw_u64(j, "threads_created", p->threads_created);
	tt_jsonw_u64(j, "threads_ended", p->threads_ended);
	tt_jsonw_u64(j, "threads_joined", p->threads_joined);
	tt_jsonw_u64(j, "threads_detached", p->threads_detached);
	tt_jsonw_u64(j, "threads_adopted", p->threads_adopted);
	tt_jsonw_u64(j, "threads_live", p->threads_live);
	tt_jsonw_u64(j, "threads_peak", p->threads_peak);
	tt_jsonw_bool(j, "hold_exact", p->hold_exact);
	tt_jsonw_bool(j, "partial", p->partial);
	tt_jsonw_end(j, '}');
}

static void json_summary(struct tt_jsonw *j, const struct tt_report *r, const char *key)
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
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "wall_ns", m->wall_ns);
	tt_jsonw_u64(j, "process_ns", m->process_ns);
	tt_jsonw_u64(j, "thread_ns", m->thread_ns);
	tt_jsonw_u64(j, "operations", m->operations);
	tt_jsonw_u64(j, "locks", locks);
	tt_jsonw_u64(j, "acquisitions", acquisitions);
	tt_jsonw_u64(j, "contended", contended);
	tt_jsonw_u64(j, "lock_wait_ns", m->lock_wait_ns);
	tt_jsonw_u64(j, "lock_wait_max_ns", wait_max);
	tt_jsonw_real(j, "lock_wait_pct", tt_share_pct(m->lock_wait_ns, m->process_ns));
	tt_jsonw_u64(j, "threads_created", created);
	tt_jsonw_u64(j, "threads_peak", peak);
	for (unsigned level = 0; level < TT_LEVEL_MAX; level++) {
		static const char *const keys[TT_LEVEL_MAX] = {"notes", "warnings", "errors"};
		size_t n = tt_findings_count(&r->findings, level) - tt_findings_count(&r->findings, level + 1);
		tt_jsonw_u64(j, keys[level], n);
	}
	tt_jsonw_u64(j, "known", tt_findings_count_state(&r->findings, TT_FINDING_KNOWN));
	tt_jsonw_u64(j, "suppressed", tt_findings_count_state(&r->findings, TT_FINDING_SUPPRESSED));
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ what is missing */

static void json_drop(struct tt_jsonw *j, const char *key, const struct tt_process *p, unsigned which)
{
	const char *text = tt_rec_drop_text((enum ttrec_drop)which);
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "process", p->id);
	tt_jsonw_text(j, "what", text ? text : "unknown");
	tt_jsonw_u64(j, "count", p->drop[which]);
	tt_jsonw_end(j, '}');
}

static void json_counters(struct tt_jsonw *j, const struct tt_report *r)
{
	struct tt_process *const *p;
	tt_jsonw_begin(j, "counters", '[');
	vec_for_each (p, &r->model->processes)
		for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++)
			if ((*p)->drop[i])
				json_drop(j, NULL, *p, i);
	tt_jsonw_end(j, ']');
}

static void json_problems(struct tt_jsonw *j, const struct tt_report *r)
{
	struct tt_process *const *p;
	tt_jsonw_begin(j, "problems", '[');
	vec_for_each (p, &r->model->processes) {
		const char *problem;
		for (size_t i = 0; (problem = tt_process_problem(*p, i)); i++) {
			tt_jsonw_begin(j, NULL, '{');
			tt_jsonw_u64(j, "process", (*p)->id);
			tt_jsonw_text(j, "text", problem);
			tt_jsonw_end(j, '}');
		}
	}
	tt_jsonw_end(j, ']');
}

static void json_dropped(struct tt_jsonw *j, const struct tt_report *r)
{
	uint64_t events_lost = 0;
	bool full = false;
	struct tt_process *const *p;
	vec_for_each (p, &r->model->processes) {
		events_lost += (*p)->events_lost;
		full = full || (*p)->full != NULL;
	}
	tt_jsonw_begin(j, "dropped", '{');
	tt_jsonw_bool(j, "any", r->model->dropped);
	tt_jsonw_bool(j, "partial", r->model->partial);
	tt_jsonw_bool(j, "full", full);
	tt_jsonw_u64(j, "events_lost", events_lost);
	json_counters(j, r);
	json_problems(j, r);
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ the document */

int tt_report_json(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct tt_jsonw w = {.file = file}, *j = &w;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "schema", "threadtools.report/1");
	tt_jsonw_begin(j, "tool", '{');
	tt_jsonw_text(j, "name", r->opts.tool);
	tt_jsonw_text(j, "version", TT_VERSION);
	tt_jsonw_end(j, '}');
	/* Whether the lists hold all there is: what is not so cannot be compared. */
	tt_jsonw_bool(j, "complete", !r->opts.top_all && !r->opts.locks.len && !r->opts.threads.len && !r->opts.sites.len);
	tt_jsonw_begin(j, "processes", '[');
	struct tt_process *const *p;
	vec_for_each (p, &r->model->processes)
		json_process(j, NULL, *p);
	tt_jsonw_end(j, ']');
	json_summary(j, r, "summary");
	tt_json_findings(j, r);
	tt_json_verdicts(j, r);
	tt_json_locks(j, r);
	tt_json_threads(j, r);
	json_dropped(j, r);
	tt_jsonw_end(j, '}');
	int rc = tt_jsonw_finish(j);
	return rc < 0 ? tt_err_set(err, -rc, "cannot write the report: %s", strerror(-rc)) : 0;
}
