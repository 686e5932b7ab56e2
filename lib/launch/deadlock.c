/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * deadlock.c - see deadlock.h.
 */
#include "lib/launch/deadlock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/model/model.h"
#include "lib/model/waitfor.h"
#include "lib/rec/find.h"

#define COST_SHARE 30u                 /* a look may take one in so many parts of the time ... */
#define PAUSE_MAX  UINT64_C(700000000) /* ... unless that would make it too late */
#define OLD_NS     UINT64_C(1000000000)
#define STEPS      10u /* of a long cycle that are said */
#define EVERYONE   8u  /* threads named when all are blocked */

struct tt_watched {
	struct tt_glance glance;
	bool present; /* in this look */
	char path[];
};

/* ------------------------------------------------------------------ words */

static void say_thread(struct tt_buf *words, const struct tt_waitfor_thread *t)
{
	tt_buf_printf(words, "thread %" PRIu32, t->tid);
	if (t->name[0])
		tt_buf_printf(words, " (%.*s)", TTREC_NAME_MAX, t->name);
}

static void say_object(struct tt_buf *words, const struct tt_waitfor_thread *t)
{
	tt_buf_printf(words, "%s %#" PRIx64, tt_kind_name((enum ttrec_kind)t->waiting.kind), t->waiting.object);
}

/* "waits for mutex 0x..., which is held by ", to be followed by a thread. */
static void say_wait(struct tt_buf *words, const struct tt_waitfor_thread *t, const struct tt_waitfor_thread *next)
{
	if (t->waiting.op == TTREC_OP_JOIN) {
		tt_buf_adds(words, " waits for the end of ");
		return;
	}
	tt_buf_adds(words, " waits for ");
	say_object(words, t);
	tt_buf_adds(words, t->by_preference ? ", behind the writer "
			   : next->gone     ? ", which was held at its end by "
					    : ", which is held by ");
}

static void say_steps(struct tt_buf *words, const struct tt_waitfor *w, const struct tt_knot *k)
{
	size_t last = k->kind == TT_KNOT_CYCLE ? k->steps.len : k->steps.len - 1;
	for (size_t i = 0; i < last; i++) {
		if (i == STEPS && last > STEPS + 1) {
			tt_buf_printf(words, " ... (%zu steps more)", last - i);
			return;
		}
		const struct tt_waitfor_thread *t = &w->threads.data[k->steps.data[i]];
		const struct tt_waitfor_thread *next = &w->threads.data[k->steps.data[(i + 1) % k->steps.len]];
		if (i == 0)
			say_thread(words, t);
		say_wait(words, t, next);
		say_thread(words, next);
		tt_buf_adds(words, i + 1 < last ? ", which" : "");
	}
}

static void say_everyone(struct tt_buf *words, const struct tt_waitfor *w, const struct tt_knot *k)
{
	tt_buf_adds(words, "no thread is left that could run: ");
	for (size_t i = 0; i < k->steps.len && i < EVERYONE; i++) {
		const struct tt_waitfor_thread *t = &w->threads.data[k->steps.data[i]];
		tt_buf_adds(words, i ? ", " : "");
		say_thread(words, t);
		tt_buf_adds(words, t->waiting.op == TTREC_OP_BARRIER_WAIT ? " waits at " : " waits for ");
		say_object(words, t);
	}
	if (k->steps.len > EVERYONE)
		tt_buf_printf(words, " and %zu more", k->steps.len - EVERYONE);
}

static void say_knot(struct tt_buf *words, uint32_t pid, const struct tt_waitfor *w, const struct tt_knot *k)
{
	tt_buf_printf(words, "%sdeadlock in process %" PRIu32 ": ", k->certain ? "" : "probably a ", pid);
	if (k->kind == TT_KNOT_EVERYONE)
		say_everyone(words, w, k);
	else
		say_steps(words, w, k);
	uint32_t more = k->others + k->behind;
	if (more)
		tt_buf_printf(words, "; %" PRIu32 " more thread%s behind them", more, more == 1 ? " waits" : "s wait");
	tt_buf_adds(words, "\n");
}

/* ------------------------------------------------------------------ a look */

/* What is only likely is said once it has lasted. */
static bool is_old(const struct tt_waitfor *w, const struct tt_knot *k, const struct tt_glance *g)
{
	uint64_t now = tt_life_now_ns(), latest = 0;
	const uint32_t *step;
	vec_for_each (step, &k->steps) {
		uint64_t since = w->threads.data[*step].waiting.since_ns;
		latest = since > latest ? since : latest;
	}
	return now > g->header.start_mono_ns + latest + OLD_NS;
}

static int take_knots(struct tt_deadlock_watch *watch, struct tt_glance *g, struct tt_buf *words)
{
	struct tt_waitfor w = {0};
	int found = 0;
	int rc = tt_waitfor_glance(&w, g);
	g->want_asleep = w.everyone_waits;
	const struct tt_knot *k;
	vec_for_each (k, &w.knots) {
		struct tt_hmap_entry *told =
			rc < 0 ? NULL : tt_hmap_insert(&watch->told, k->key ^ g->header.start_mono_ns, NULL);
		if (!told) {
			rc = -ENOMEM;
			break;
		}
		enum { UNTOLD, PROBABLE, CERTAIN } now = k->certain ? CERTAIN : is_old(&w, k, g) ? PROBABLE : UNTOLD;
		if (told->value >= now)
			continue;
		told->value = now;
		say_knot(words, g->header.pid, &w, k);
		found += k->certain;
	}
	tt_waitfor_deinit(&w);
	return rc < 0 ? rc : found;
}

static struct tt_watched *watched(struct tt_deadlock_watch *watch, const char *path)
{
	struct tt_watched **at;
	vec_for_each (at, &watch->recordings)
		if (strcmp((*at)->path, path) == 0)
			return *at;
	size_t size = strlen(path) + 1;
	struct tt_watched *new = calloc(1, sizeof(*new) + size);
	if (!new || tt_vec_push(&watch->recordings, new) < 0) {
		free(new);
		return NULL;
	}
	memcpy(new->path, path, size);
	return new;
}

static void forget(struct tt_watched *r)
{
	tt_glance_deinit(&r->glance);
	free(r);
}

/* Processes that ended need not be remembered. */
static void forget_absent(struct tt_deadlock_watch *watch)
{
	size_t n = 0;
	for (size_t i = 0; i < watch->recordings.len; i++) {
		struct tt_watched *r = watch->recordings.data[i];
		if (r->present)
			watch->recordings.data[n++] = r;
		else
			forget(r);
	}
	watch->recordings.len = n;
}

static int look_at(struct tt_deadlock_watch *watch, struct tt_watched *r, struct tt_buf *words)
{
	int found = 0;
	r->present = true;
	if (tt_glance_take(&r->glance, r->path, NULL) == 0 && r->glance.steady && r->glance.life == TT_REC_RUNNING)
		found = take_knots(watch, &r->glance, words);
	tt_glance_close(&r->glance);
	return found;
}

static int look_at_all(struct tt_deadlock_watch *watch, const struct tt_found_list *list, struct tt_buf *words)
{
	int found = 0;
	struct tt_watched **at;
	const struct tt_found *f;
	vec_for_each (at, &watch->recordings)
		(*at)->present = false;
	vec_for_each (f, &list->items) {
		if (f->error || f->life != TT_REC_RUNNING)
			continue;
		struct tt_watched *r = watched(watch, f->path);
		int rc = r ? look_at(watch, r, words) : -ENOMEM;
		if (rc < 0)
			return rc;
		found += rc;
	}
	forget_absent(watch);
	return found;
}

int tt_deadlock_look(struct tt_deadlock_watch *watch, const char *folder, struct tt_buf *words)
{
	struct tt_found_list list = {0};
	uint64_t begin = tt_life_now_ns();
	if (begin < watch->not_before_ns)
		return 0;
	int rc = tt_find_list(folder, &list, NULL);
	if (rc == 0)
		rc = look_at_all(watch, &list, words);
	tt_found_list_deinit(&list);
	uint64_t end = tt_life_now_ns(), pause = (end - begin) * COST_SHARE;
	watch->not_before_ns = end + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
	return rc >= 0 && tt_buf_failed(words) ? -ENOMEM : rc;
}

void tt_deadlock_deinit(struct tt_deadlock_watch *watch)
{
	struct tt_watched **at;
	vec_for_each (at, &watch->recordings)
		forget(*at);
	tt_vec_deinit(&watch->recordings);
	tt_hmap_deinit(&watch->told);
}
