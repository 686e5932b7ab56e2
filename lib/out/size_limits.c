/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size_limits.c - the limits of a process or control group, as text and as JSON (size.h). */
#include <inttypes.h>
#include <sched.h>

#include "lib/core/attrs.h"
#include "lib/out/size_private.h"
#include "lib/util/text.h"

/* ------------------------------------------------------------------ text: CPU */

static void headline(struct tt_size_writer *w)
{
	const struct tt_limits *l = w->doc->limits;
	TT_BUF_AUTO(line);
	if (l->effective_known)
		tt_buf_printf(&line, "%.4g CPU%s: %s", l->effective_cpus, l->effective_cpus == 1 ? "" : "s", l->bound_by);
	else if (l->effective_cpus > 0)
		tt_buf_printf(&line, "unknown, at most %.4g: %s", l->effective_cpus,
			l->quota_why ? l->quota_why : "not everything can be read");
	else
		tt_buf_printf(&line, "unknown: %s", l->quota_why ? l->quota_why : "nothing can be read");
	TT_BUF_AUTO(title);
	tt_buf_printf(&title, "CPU of %s", w->doc->subject);
	TT_BUF_AUTO(clean);
	tt_text_escape(&clean, tt_buf_str(&title), title.len);
	tt_size_heading(w, tt_buf_str(&clean));
	tt_size_line(w, "limit", "%s", tt_buf_str(&line));
}

static void say_set(struct tt_buf *out, const char *name, const struct tt_cpu_cap *cap)
{
	tt_buf_printf(out, "%s%s ", out->len ? ", " : "", name);
	if (cap->state == TT_LIMIT_SET) {
		tt_buf_printf(out, "%u (", cap->count);
		tt_cpus_format(&cap->set, out);
		tt_buf_addc(out, ')');
	} else {
		tt_buf_printf(out, "%s", cap->state == TT_LIMIT_NONE ? "none" : "unknown");
		if (cap->why)
			tt_buf_printf(out, " (%s)", cap->why);
	}
}

static void say_sets(struct tt_size_writer *w)
{
	const struct tt_limits *l = w->doc->limits;
	TT_BUF_AUTO(line);
	say_set(&line, "online", &l->online);
	say_set(&line, "cpuset", &l->cpuset);
	say_set(&line, "affinity", &l->affinity);
	tt_size_line(w, "processors", "%s", tt_buf_str(&line));
}

static void throttled_cell(struct tt_table *table, const struct tt_cpu_level *level, unsigned cpus)
{
	const struct tt_throttling *t = &level->throttling;
	uint64_t low, high;
	if (!t->known || t->periods == 0) {
		tt_table_cell(table, TT_STYLE_DIM, "-");
		tt_table_cell(table, TT_STYLE_DIM, "-");
		return;
	}
	tt_throttle_stall(level, cpus, &low, &high);
	tt_table_cell(table, t->throttled ? TT_STYLE_WARNING : TT_STYLE_NONE, "%" PRIu64 " of %" PRIu64 " periods",
		t->throttled, t->periods);
	if (t->throttled)
		tt_table_cell(table, TT_STYLE_NONE, "%s to %s", tt_ns(low).s, tt_ns(high).s);
	else
		tt_table_cell(table, TT_STYLE_DIM, "-");
}

static void levels_table(struct tt_size_writer *w)
{
	static const struct tt_column columns[] = {
		{.header = "CONTROL GROUP", .flexible = true, .min = 14, .cut = TT_CUT_MIDDLE},
		{.header = "CPUS", .align = TT_ALIGN_RIGHT},
		{.header = "QUOTA PER PERIOD"},
		{.header = "THROTTLED"},
		{.header = "STALL EACH", .flexible = true, .min = 10},
	};
	const struct tt_limits *l = w->doc->limits;
	struct tt_table *table = l->levels.len ? tt_table_create(columns, ARRAY_SIZE(columns)) : NULL;
	const struct tt_cpu_level *level;
	if (!l->levels.len)
		return;
	vec_for_each (level, &l->levels) {
		tt_table_cell(table, level == l->binding ? TT_STYLE_BOLD : TT_STYLE_NONE, "%s", level->path);
		if (level->state == TT_LIMIT_SET) {
			tt_table_cell(table, TT_STYLE_NONE, "%.4g", level->cpus);
			tt_table_cell(table, TT_STYLE_NONE, "%s / %s", tt_ns(level->quota_us * 1000).s,
				tt_ns(level->period_us * 1000).s);
		} else {
			tt_table_cell(table, TT_STYLE_DIM, "%s", level->state == TT_LIMIT_NONE ? "none" : "?");
			tt_table_cell(table, TT_STYLE_DIM, "%s", level->state == TT_LIMIT_NONE ? "-" : level->why);
		}
		throttled_cell(table, level, l->usable_cpus);
	}
	tt_table_set_indent(table, 2);
	tt_size_table(w, table);
}

/* ------------------------------------------------------------------ text: the rest */

static void say_cap(struct tt_buf *out, const char *name, const struct tt_cap *cap, bool bytes)
{
	if (cap->state == TT_LIMIT_NONE)
		return;
	tt_buf_printf(out, "%s%s ", out->len ? ", " : "", name);
	if (cap->state == TT_LIMIT_UNKNOWN) {
		tt_buf_printf(out, "unknown (%s)", cap->why ? cap->why : "not read");
		return;
	}
	if (bytes)
		tt_buf_adds(out, tt_bytes(cap->limit).s);
	else
		tt_buf_printf(out, "%" PRIu64, cap->limit);
	if (cap->path)
		tt_buf_printf(out, " (%s)", cap->path);
	if (cap->used_known) {
		tt_buf_adds(out, ", used ");
		if (bytes)
			tt_buf_adds(out, tt_bytes(cap->used).s);
		else
			tt_buf_printf(out, "%" PRIu64, cap->used);
	}
}

static void say_pressure(struct tt_size_writer *w, const char *label, const struct tt_pressure *p)
{
	if (p->known)
		tt_size_line(w, label, "some task waited for CPU %.3g %% of the last 10 s, %.3g %% of the last 5 min",
			p->some_avg10, p->some_avg300);
}

static void say_rest(struct tt_size_writer *w)
{
	const struct tt_limits *l = w->doc->limits;
	TT_BUF_AUTO(line);
	say_cap(&line, "memory", &l->memory, true);
	say_cap(&line, "memory.high", &l->memory_high, true);
	if (line.len)
		tt_size_line(w, "memory", "%s", tt_buf_str(&line));
	tt_buf_clear(&line);
	say_cap(&line, "pids.max", &l->pids, false);
	if (l->pid)
		say_cap(&line, "of the user", &l->nproc, false);
	say_cap(&line, "of the system", &l->threads_max, false);
	if (line.len)
		tt_size_line(w, "threads", "at most: %s", tt_buf_str(&line));
	if (l->weight.state == TT_LIMIT_SET)
		tt_size_line(w, "weight", "%" PRIu64 " (%s): a share when others compete, no limit", l->weight.limit,
			l->weight.path);
	say_pressure(w, "pressure", &l->pressure);
	if (!l->pressure.known)
		say_pressure(w, "pressure", &l->system_pressure);
	if (l->hidden)
		tt_size_line(w, "hidden", "%s: levels above may set less", l->hidden_why);
	if (l->quota == TT_LIMIT_NONE && l->levels.len == 0 && l->quota_why)
		tt_size_line(w, "quota", "none: %s", l->quota_why);
	const char *const *note;
	vec_for_each (note, &l->notes)
		tt_size_line(w, "note", "%s", *note);
}

void tt_size_text_limits(struct tt_size_writer *w)
{
	headline(w);
	say_sets(w);
	say_rest(w);
	levels_table(w);
}

/* ------------------------------------------------------------------ JSON */

static void json_set(struct tt_jsonw *j, const char *count_key, const char *key, const struct tt_cpu_cap *cap)
{
	TT_BUF_AUTO(list);
	if (cap->state == TT_LIMIT_SET)
		tt_jsonw_u64(j, count_key, cap->count);
	else
		tt_jsonw_null(j, count_key);
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "state", tt_limit_state_name(cap->state));
	tt_jsonw_text(j, "why", cap->why);
	tt_cpus_format(&cap->set, &list);
	tt_jsonw_text(j, "list", cap->state == TT_LIMIT_SET ? tt_buf_str(&list) : NULL);
	tt_jsonw_end(j, '}');
}

static void json_throttling(struct tt_jsonw *j, const struct tt_cpu_level *level, unsigned cpus)
{
	const struct tt_throttling *t = &level->throttling;
	uint64_t low, high;
	if (!t->known) {
		tt_jsonw_null(j, "throttling");
		return;
	}
	tt_throttle_stall(level, cpus, &low, &high);
	tt_jsonw_begin(j, "throttling", '{');
	tt_jsonw_u64(j, "periods", t->periods);
	tt_jsonw_u64(j, "throttled_periods", t->throttled);
	tt_jsonw_u64(j, "throttled_cpu_ns", t->throttled_ns);
	tt_jsonw_u64(j, "stall_min_ns", low);
	tt_jsonw_u64(j, "stall_max_ns", high);
	tt_jsonw_u64(j, "burst_periods", t->bursts);
	tt_jsonw_u64(j, "burst_cpu_ns", t->burst_ns);
	tt_jsonw_end(j, '}');
}

static void json_level(struct tt_jsonw *j, const struct tt_cpu_level *level, unsigned cpus)
{
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "path", level->path);
	tt_jsonw_text(j, "directory", level->dir);
	tt_jsonw_text(j, "state", tt_limit_state_name(level->state));
	tt_jsonw_text(j, "why", level->why);
	if (level->state == TT_LIMIT_SET)
		tt_jsonw_real(j, "cpus", level->cpus);
	else
		tt_jsonw_null(j, "cpus");
	tt_jsonw_u64(j, "quota_us", level->quota_us);
	tt_jsonw_u64(j, "period_us", level->period_us);
	tt_jsonw_u64(j, "burst_us", level->burst_us);
	json_throttling(j, level, cpus);
	tt_jsonw_end(j, '}');
}

static void json_cap(struct tt_jsonw *j, const char *key, const struct tt_cap *cap)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "state", tt_limit_state_name(cap->state));
	tt_jsonw_text(j, "why", cap->why);
	if (cap->state == TT_LIMIT_SET)
		tt_jsonw_u64(j, "limit", cap->limit);
	else
		tt_jsonw_null(j, "limit");
	if (cap->used_known)
		tt_jsonw_u64(j, "used", cap->used);
	else
		tt_jsonw_null(j, "used");
	tt_jsonw_text(j, "path", cap->path);
	tt_jsonw_end(j, '}');
}

static void json_pressure(struct tt_jsonw *j, const char *key, const struct tt_pressure *p)
{
	if (!p->known) {
		tt_jsonw_null(j, key);
		return;
	}
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_real(j, "some_avg10_pct", p->some_avg10);
	tt_jsonw_real(j, "some_avg60_pct", p->some_avg60);
	tt_jsonw_real(j, "some_avg300_pct", p->some_avg300);
	tt_jsonw_u64(j, "some_total_us", p->some_total_us);
	tt_jsonw_end(j, '}');
}

static void json_caps(struct tt_jsonw *j, const struct tt_limits *l)
{
	json_cap(j, "weight", &l->weight);
	json_cap(j, "memory_bytes", &l->memory);
	json_cap(j, "memory_high_bytes", &l->memory_high);
	json_cap(j, "pids", &l->pids);
	json_cap(j, "user_threads", &l->nproc);
	json_cap(j, "descriptors", &l->nofile);
	json_cap(j, "stack_bytes", &l->stack);
	json_cap(j, "system_threads", &l->threads_max);
	json_cap(j, "system_pids", &l->pid_max);
	json_cap(j, "mappings", &l->map_count);
	json_cap(j, "realtime_runtime_us", &l->rt_runtime_us);
}

static void json_cpu(struct tt_jsonw *j, const struct tt_limits *l)
{
	if (l->effective_known)
		tt_jsonw_real(j, "effective_cpus", l->effective_cpus);
	else
		tt_jsonw_null(j, "effective_cpus");
	if (l->effective_cpus > 0)
		tt_jsonw_real(j, "at_most_cpus", l->effective_cpus);
	else
		tt_jsonw_null(j, "at_most_cpus");
	tt_jsonw_text(j, "bound", tt_bound_name(l->bound));
	tt_jsonw_text(j, "binding", l->bound_by);
	tt_jsonw_text(j, "layout", tt_layout_name(l->layout));
	tt_jsonw_text(j, "cgroup", l->cgroup);
	tt_jsonw_text(j, "quota", tt_limit_state_name(l->quota));
	tt_jsonw_text(j, "quota_why", l->quota_why);
	if (l->quota_cpus > 0)
		tt_jsonw_real(j, "quota_cpus", l->quota_cpus);
	else
		tt_jsonw_null(j, "quota_cpus");
	tt_jsonw_bool(j, "hidden_levels", l->hidden);
	tt_jsonw_text(j, "hidden_why", l->hidden_why);
	tt_jsonw_u64(j, "hidden_throttled_ns", l->hidden_throttled_ns);
	tt_jsonw_u64(j, "usable_cpus", l->usable_cpus);
	json_set(j, "affinity_cpus", "affinity", &l->affinity);
	json_set(j, "cpuset_cpus", "cpuset", &l->cpuset);
	json_set(j, "online_cpus", "online", &l->online);
	tt_jsonw_int(j, "policy", l->policy);
	tt_jsonw_bool(j, "realtime", l->realtime);
}

void tt_size_json_limits(struct tt_jsonw *j, const struct tt_limits *l)
{
	tt_jsonw_begin(j, "limits", '{');
	json_cpu(j, l);
	const struct tt_cpu_level *level;
	tt_jsonw_begin(j, "levels", '[');
	vec_for_each (level, &l->levels)
		json_level(j, level, l->usable_cpus);
	tt_jsonw_end(j, ']');
	if (l->binding)
		json_throttling(j, l->binding, l->usable_cpus);
	else
		tt_jsonw_null(j, "throttling");
	json_pressure(j, "pressure", &l->pressure);
	json_pressure(j, "system_pressure", &l->system_pressure);
	json_caps(j, l);
	tt_jsonw_begin(j, "notes", '[');
	const char *const *note;
	vec_for_each (note, &l->notes)
		tt_jsonw_text(j, NULL, *note);
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
}
