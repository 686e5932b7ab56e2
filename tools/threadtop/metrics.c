/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * metrics.c - pools as gauges in a textfile that Prometheus's node exporter collects: OpenMetrics that is also the older text
 * format (gauges only, and its end mark is a comment there). Labels are bounded: a name that a program makes up per request
 * cannot make a series per request.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/attrs.h"
#include "lib/util/text.h"
#include "tools/threadtop/batch.h"

struct series {
	char *process, *pool; /* raw */
	double threads, busy, cpu, run_queue, highest;
};
struct all_series {
	TT_VEC(struct series) list;
};

static double ratio(double pct)
{
	return isnan(pct) ? 0 : pct / 100;
}

static void add_pool(struct series *s, const struct top_pool *g)
{
	double highest = ratio(g->highest_pct);
	s->threads += g->count;
	s->busy += g->busy;
	s->cpu += ratio(top_share(g->sum.d_run_ns, g->sum.span_ns));
	s->run_queue += ratio(top_share(g->sum.d_wait_ns, g->sum.span_ns));
	if (highest > s->highest)
		s->highest = highest;
}

static int by_use(const void *a, const void *b)
{
	const struct series *x = a, *y = b;
	double ux = x->cpu + x->run_queue, uy = y->cpu + y->run_queue;
	if (ux != uy)
		return ux < uy ? 1 : -1;
	if (x->threads != y->threads)
		return x->threads < y->threads ? 1 : -1;
	int order = strcmp(x->process, y->process);
	return order ? order : strcmp(x->pool, y->pool);
}

/* Processes of one name are one: a pid is not a bounded label. */
static int gather(struct all_series *all, const struct top_view *v)
{
	struct tt_smap map = TT_SMAP_INIT;
	struct top_pool *const *p;
	int rc = 0;
	vec_for_each (p, &v->pools) {
		TT_BUF_AUTO(key);
		bool is_new;
		const char *process = (*p)->proc->name ? (*p)->proc->name : "?";
		tt_buf_printf(&key, "%s%c%s", process, 0, (*p)->name);
		struct tt_smap_entry *e = tt_smap_insert(&map, tt_buf_str(&key), key.len, &is_new);
		if (e && is_new) {
			e->value = all->list.len;
			struct series fresh = {.process = strdup(process), .pool = strdup((*p)->name)};
			if (!fresh.process || !fresh.pool || tt_vec_push(&all->list, fresh) < 0) {
				free(fresh.process);
				free(fresh.pool);
				e = NULL;
			}
		}
		rc = e && all->list.data ? 0 : -ENOMEM;
		if (rc < 0)
			break;
		add_pool(&all->list.data[e->value], *p);
	}
	tt_smap_deinit(&map);
	tt_vec_sort(&all->list, by_use);
	return rc;
}

/* What is beyond the bound becomes the last of those that are written. */
static void fold_rest(struct all_series *all, unsigned most)
{
	if (all->list.len <= most)
		return;
	struct series *rest = &all->list.data[most];
	tt_text_set(&rest->process, "other");
	tt_text_set(&rest->pool, "other");
	while (all->list.len > most + 1) {
		struct series *s = &all->list.data[--all->list.len];
		rest->threads += s->threads;
		rest->busy += s->busy;
		rest->cpu += s->cpu;
		rest->run_queue += s->run_queue;
		rest->highest = s->highest > rest->highest ? s->highest : rest->highest;
		free(s->process);
		free(s->pool);
	}
}

/* Labels: UTF-8, with \ " and newline escaped; other controls as people see them. */
static void put_label(struct tt_buf *out, const char *raw)
{
	TT_BUF_AUTO(clean);
	tt_text_escape(&clean, raw, strlen(raw));
	for (const char *p = tt_buf_str(&clean); *p; p++) {
		if (*p == '\\' || *p == '"')
			tt_buf_addc(out, '\\');
		tt_buf_addc(out, *p);
	}
}

static const struct metric {
	const char *name, *help;
	size_t offset;
} metrics[] = {
	{"threadtop_pool_threads", "Threads of the pool.", offsetof(struct series, threads)},
	{"threadtop_pool_busy_threads", "Threads of the pool that were busy for at least half of the time.",
		offsetof(struct series, busy)},
	{"threadtop_pool_cpu_ratio", "CPUs that the pool used.", offsetof(struct series, cpu)},
	{"threadtop_pool_run_queue_ratio", "Threads of the pool that waited for a CPU, on average.",
		offsetof(struct series, run_queue)},
	{"threadtop_pool_highest_cpu_ratio", "CPU use of the busiest thread of the pool.", offsetof(struct series, highest)},
};

static void put_pools(struct tt_buf *out, const struct all_series *all)
{
	for (size_t m = 0; m < ARRAY_SIZE(metrics); m++) {
		const struct series *s;
		tt_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", metrics[m].name, metrics[m].help, metrics[m].name);
		vec_for_each (s, &all->list) {
			tt_buf_printf(out, "%s{process=\"", metrics[m].name);
			put_label(out, s->process);
			tt_buf_adds(out, "\",pool=\"");
			put_label(out, s->pool);
			double value;
			memcpy(&value, (const char *)s + metrics[m].offset, sizeof(value));
			tt_buf_printf(out, "\"} %.6g\n", value);
		}
	}
}

static void put_one(struct tt_buf *out, const char *name, const char *help, double value)
{
	tt_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %.6g\n", name, help, name, name, value);
}

static void put_machine(struct tt_buf *out, const struct top_view *v, const struct top_facts *facts)
{
	put_one(out, "threadtop_threads", "Threads that are watched.", facts->threads);
	put_one(out, "threadtop_lock_waiting_threads", "Threads that wait for a lock, as far as it could be read.",
		facts->on_locks);
	put_one(out, "threadtop_deadlocks", "Rings of threads that wait for each other.", v->deadlocks);
	const struct top_quota *q, *worst = NULL;
	vec_for_each (q, &facts->quotas)
		if (!worst)
			worst = q;
	double share = worst && worst->periods ? (double)worst->throttled / (double)worst->periods : 0;
	put_one(out, "threadtop_throttled_ratio", "Periods in which the worst control group was throttled.", share);
}

static int write_whole(const char *path, const struct tt_buf *text, struct tt_err *err)
{
	TT_BUF_AUTO(fresh);
	tt_buf_printf(&fresh, "%s.%d.tmp", path, getpid());
	FILE *f = fopen(tt_buf_str(&fresh), "we");
	if (!f)
		return tt_err_set(err, errno, "cannot write '%s': %s", path, strerror(errno));
	bool good = fwrite(tt_buf_str(text), 1, text->len, f) == text->len;
	good = fclose(f) == 0 && good;
	if (good && rename(tt_buf_str(&fresh), path) == 0)
		return 0;
	int code = errno;
	unlink(tt_buf_str(&fresh));
	return tt_err_set(err, code, "cannot write '%s': %s", path, strerror(code));
}

int top_metrics_write(
	const char *path, const struct top_view *v, const struct top_facts *facts, unsigned most, struct tt_err *err)
{
	struct all_series all = {TT_VEC_INIT};
	TT_BUF_AUTO(out);
	int rc = gather(&all, v);
	fold_rest(&all, most);
	put_pools(&out, &all);
	put_machine(&out, v, facts);
	tt_buf_adds(&out, "# EOF\n");
	if (rc < 0 || tt_buf_failed(&out))
		rc = tt_err_set(err, ENOMEM, "out of memory");
	else
		rc = write_whole(path, &out, err);
	struct series *s;
	vec_for_each (s, &all.list) {
		free(s->process);
		free(s->pool);
	}
	tt_vec_deinit(&all.list);
	return rc;
}
