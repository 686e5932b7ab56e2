/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size_pools_json.c - measured pools, recommended sizes and findings in the document threadtools.size/1 (size.h). */
#include <inttypes.h>
#include <stdio.h>

#include "lib/out/size_private.h"

static const char *const uses[] = {"work", "lock", "idle", "unknown"};

/* ------------------------------------------------------------------ pools */

static void json_waits(struct tt_jsonw *j, const struct tt_pool *p)
{
	const struct tt_pool_wait *wait;
	tt_jsonw_begin(j, "waits", '[');
	vec_for_each (wait, &p->waits) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "kind", wait->called);
		tt_jsonw_text(j, "use", uses[wait->use]);
		tt_jsonw_text(j, "words", wait->words);
		if (wait->address)
			tt_jsonw_hex(j, "address", wait->address);
		else
			tt_jsonw_null(j, "address");
		tt_jsonw_u64(j, "threads", wait->threads);
		tt_jsonw_u64(j, "blocked_ns", wait->blocked_ns);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void json_footprint(struct tt_jsonw *j, const struct tt_pool *p)
{
	if (!p->memory.private_bytes) {
		tt_jsonw_null(j, "memory");
		return;
	}
	tt_jsonw_begin(j, "memory", '{');
	tt_jsonw_u64(j, "private_bytes", p->memory.private_bytes);
	if (p->memory.pss_bytes)
		tt_jsonw_u64(j, "pss_bytes", p->memory.pss_bytes);
	else
		tt_jsonw_null(j, "pss_bytes");
	tt_jsonw_u64(j, "page_table_bytes", p->memory.page_table_bytes);
	tt_jsonw_text(j, "source", p->memory.rough ? "rss-anon" : "smaps");
	tt_jsonw_end(j, '}');
}

static void json_pool(struct tt_jsonw *j, const struct tt_pool *p)
{
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "name", p->name);
	tt_jsonw_text(j, "kind", tt_pool_kind_name(p->kind));
	tt_jsonw_text(j, "members", p->members == TT_POOL_OF_PROCESSES ? "processes" : "threads");
	tt_jsonw_text(j, "process", p->process);
	tt_jsonw_u64(j, "processes", p->processes);
	tt_jsonw_u64(j, "threads", p->threads);
	tt_jsonw_u64(j, "first_threads", p->first_threads);
	tt_jsonw_real(j, "mean_threads", p->present_mean);
	tt_jsonw_u64(j, "began", p->began);
	tt_jsonw_u64(j, "ended", p->ended);
	json_footprint(j, p);
	tt_jsonw_u64(j, "wall_ns", p->wall_ns);
	tt_jsonw_u64(j, "run_ns", p->run_ns);
	tt_jsonw_u64(j, "delay_ns", p->delay_ns);
	tt_jsonw_u64(j, "blocked_ns", p->blocked_ns);
	tt_jsonw_u64(j, "work_wait_ns", p->work_ns);
	tt_jsonw_u64(j, "lock_wait_ns", p->lock_ns);
	tt_jsonw_u64(j, "idle_ns", p->idle_ns);
	tt_jsonw_u64(j, "unknown_wait_ns", p->unknown_ns);
	tt_jsonw_u64(j, "stopped_ns", p->stopped_ns);
	tt_jsonw_u64(j, "stopped", p->stopped);
	if (p->run_ns)
		tt_jsonw_real(j, "wait_ratio", (double)p->work_ns / (double)p->run_ns);
	else
		tt_jsonw_null(j, "wait_ratio");
	tt_jsonw_u64(j, "visits", p->visits);
	tt_jsonw_u64(j, "slices", p->slices);
	tt_jsonw_u64(j, "looks", p->looks);
	tt_jsonw_u64(j, "longest_delay_ns", p->longest_delay_ns);
	tt_jsonw_real(j, "busy_mean", p->busy_mean);
	tt_jsonw_u64(j, "busy_max", p->busy_max);
	tt_jsonw_real(j, "all_busy_pct", p->all_busy_share * 100);
	json_waits(j, p);
	tt_jsonw_end(j, '}');
}

void tt_size_json_pools(struct tt_jsonw *j, const struct tt_size_doc *doc)
{
	if (!doc->pools) {
		tt_jsonw_null(j, "measured");
		tt_jsonw_begin(j, "pools", '[');
		tt_jsonw_end(j, ']');
		return;
	}
	tt_jsonw_begin(j, "measured", '{');
	tt_jsonw_int(j, "pid", doc->pools->pid);
	tt_jsonw_u64(j, "window_ns", doc->pools->window_ns);
	tt_jsonw_u64(j, "looks", doc->pools->ticks);
	tt_jsonw_u64(j, "threads", doc->pools->threads);
	tt_jsonw_u64(j, "threads_started", doc->pools->started);
	tt_jsonw_u64(j, "threads_ended", doc->pools->ended);
	tt_jsonw_u64(j, "processes", doc->pools->processes);
	tt_jsonw_u64(j, "processes_started", doc->pools->processes_started);
	tt_jsonw_u64(j, "processes_ended", doc->pools->processes_ended);
	tt_jsonw_u64(j, "unseen_run_ns", doc->pools->unseen_ns);
	tt_jsonw_real(j, "used_cpus", doc->used_cpus);
	tt_jsonw_real(j, "others_cpus", doc->others_cpus);
	tt_jsonw_real(j, "steal_pct", doc->steal * 100);
	tt_jsonw_bool(j, "waits_readable", !doc->pools->syscall_error);
	tt_jsonw_text(j, "program", doc->program);
	tt_jsonw_end(j, '}');
	tt_jsonw_begin(j, "pools", '[');
	const struct tt_pool *pool;
	vec_for_each (pool, &doc->pools->list)
		json_pool(j, pool);
	tt_jsonw_end(j, ']');
}

/* ------------------------------------------------------------------ recommendations */

static void json_point(struct tt_jsonw *j, const char *key, const struct tt_size_point *at)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_u64(j, "threads", at->threads);
	tt_jsonw_real(j, "used_cpus", at->used_cpus);
	tt_jsonw_real(j, "capacity_pct", at->share * 100);
	tt_jsonw_real(j, "response_ratio", at->response);
	tt_jsonw_u64(j, "stall_ns", at->stall_ns);
	tt_jsonw_end(j, '}');
}

static void json_evidence(struct tt_jsonw *j, const struct tt_size_advice *a)
{
	tt_jsonw_begin(j, "evidence", '{');
	tt_jsonw_real(j, "wait_ratio", a->ratio);
	tt_jsonw_real(j, "wait_ratio_error", a->ratio_error);
	tt_jsonw_real(j, "compute_ns", a->compute_ns);
	tt_jsonw_real(j, "lock_share", a->load.lock_share);
	tt_jsonw_real(j, "cpus", a->cpu.cpus);
	tt_jsonw_real(j, "capacity_cpus", a->capacity);
	tt_jsonw_u64(j, "goetz", a->goetz);
	tt_jsonw_u64(j, "knee", a->knee);
	tt_jsonw_u64(j, "by_cpu", a->by_cpu);
	json_point(j, "now", &a->now);
	json_point(j, "then", &a->then);
	tt_jsonw_begin(j, "points", '[');
	for (unsigned i = 0; i < a->count; i++)
		json_point(j, NULL, &a->points[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "memory", '{');
	if (a->memory.virtual_bytes)
		tt_jsonw_u64(j, "virtual_bytes", a->memory.virtual_bytes);
	else
		tt_jsonw_null(j, "virtual_bytes");
	tt_jsonw_u64(j, "resident_bytes", a->memory.resident_bytes);
	tt_jsonw_u64(j, "kernel_stack_bytes", a->memory.kernel_stack_bytes);
	tt_jsonw_u64(j, "page_table_bytes", a->memory.page_table_bytes);
	tt_jsonw_end(j, '}');
	tt_jsonw_u64(j, "deadlock_floor_connections", a->deadlock_floor);
	tt_jsonw_end(j, '}');
}

static void json_settings(struct tt_jsonw *j, const struct tt_size_doc *doc, const struct tt_size_entry *e)
{
	const char *const programs[] = {e->program, "kubernetes"};
	struct tt_settings_of of = tt_size_settings_of(doc, e);
	struct tt_setting s;
	tt_jsonw_begin(j, "settings", '[');
	for (size_t k = 0; k < 2; k++) {
		for (unsigned i = 0; tt_settings_next(programs[k], &i, &of, &s);) {
			tt_jsonw_begin(j, NULL, '{');
			tt_jsonw_text(j, "program", s.program);
			tt_jsonw_text(j, "setting", s.text);
			tt_jsonw_text(j, "note", s.note);
			tt_jsonw_end(j, '}');
		}
	}
	tt_jsonw_end(j, ']');
}

static void json_entry(struct tt_jsonw *j, const struct tt_size_doc *doc, const struct tt_size_entry *e)
{
	const struct tt_size_advice *a = &e->advice;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "pool", e->pool->name);
	tt_jsonw_text(j, "members", e->pool->members == TT_POOL_OF_PROCESSES ? "processes" : "threads");
	tt_jsonw_u64(j, "threads", e->pool->threads);
	tt_jsonw_text(j, "objective", doc->objective == TT_SIZE_LATENCY ? "latency" : "throughput");
	tt_jsonw_text(j, "refusal", a->refused ? a->refusal : NULL);
	static const char *const numbers[] = {"size", "low", "high"};
	const unsigned values[] = {a->size, a->low, a->high};
	for (size_t i = 0; i < 3; i++) {
		if (a->refused)
			tt_jsonw_null(j, numbers[i]);
		else
			tt_jsonw_u64(j, numbers[i], values[i]);
	}
	tt_jsonw_text(j, "bound_by", a->refused ? NULL : tt_size_bound_name(a->bound_by));
	tt_jsonw_text(j, "confidence", a->refused ? NULL : tt_size_confidence_name(a->confidence));
	tt_jsonw_text(j, "doubt", a->refused || !*a->doubt ? NULL : a->doubt);
	tt_jsonw_bool(j, "enough", a->enough);
	tt_jsonw_bool(j, "exact_waits", e->exact);
	if (a->refused)
		tt_jsonw_null(j, "evidence");
	else
		json_evidence(j, a);
	json_settings(j, doc, e);
	tt_jsonw_end(j, '}');
}

void tt_size_json_advice(struct tt_jsonw *j, const struct tt_size_doc *doc)
{
	tt_jsonw_begin(j, "recommendations", '[');
	for (size_t i = 0; i < doc->count; i++)
		if (doc->entries[i].sized)
			json_entry(j, doc, &doc->entries[i]);
	tt_jsonw_end(j, ']');
}

/* ------------------------------------------------------------------ findings */

static void json_finding(struct tt_jsonw *j, const struct tt_finding *f)
{
	char fingerprint[20];
	const struct tt_figure *figure;
	const char *const *line;
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, f->fingerprint);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "rule", tt_rules[f->rule].id);
	tt_jsonw_text(j, "level", tt_level_name(f->level));
	tt_jsonw_text(j, "confidence", tt_confidence_name(f->confidence));
	tt_jsonw_text(j, "reason", f->reason);
	tt_jsonw_text(j, "title", f->title);
	tt_jsonw_text(j, "fingerprint", fingerprint);
	tt_jsonw_begin(j, "evidence", '[');
	vec_for_each (line, &f->evidence)
		tt_jsonw_text(j, NULL, *line);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "figures", '{');
	vec_for_each (figure, &f->figures)
		tt_jsonw_u64(j, figure->key, figure->value);
	tt_jsonw_end(j, '}');
	tt_jsonw_text(j, "why", f->why);
	tt_jsonw_text(j, "advice", f->advice);
	tt_jsonw_end(j, '}');
}

void tt_size_json_findings(struct tt_jsonw *j, const struct tt_size_doc *doc)
{
	const struct tt_finding *f;
	tt_jsonw_begin(j, "findings", '[');
	if (doc->findings)
		vec_for_each (f, &doc->findings->list)
			json_finding(j, f);
	tt_jsonw_end(j, ']');
}
