/* SPDX-License-Identifier: GPL-3.0-or-later */
/* app.c - a refresh from the first file to the facts (app.h). */
#include "tools/threadtop/app.h"

#include <errno.h>

/* Threads whose wait is read for the first time: at the start all, so that a deadlock is told at once, then by and by. */
#define WAITS_AT_FIRST  20000
#define WAITS_PER_FRAME 200

static bool is_of_pools(const struct top_expr *e)
{
	const struct top_term *t;
	vec_for_each (t, &e->terms)
		if (top_columns[t->column].scope == TOP_SCOPE_POOL)
			return true;
	return false;
}

/* --until is about threads; about pools when it names a column that only pools have. */
static void check_alarm(struct top_app *app)
{
	struct tt_top_frame *f = top_source_frame(app->source);
	TT_VEC(struct top_row) pools = TT_VEC_INIT;
	const struct top_row *found;
	if (app->alarm.expr.terms.len == 0 || app->alarmed)
		return;
	if (is_of_pools(&app->alarm.expr)) {
		struct top_pool **p;
		vec_for_each (p, &app->view.pools)
			if (tt_vec_push(&pools, top_row_of_group(*p, TOP_ROW_POOL)) < 0)
				return;
		found = top_alarm_check(&app->alarm, f, pools.data, pools.len);
	} else {
		found = top_alarm_check(&app->alarm, f, app->view.tasks.data, app->view.tasks.len);
	}
	app->alarmed = found != NULL;
	if (found)
		app->alarm_row = *found;
	tt_vec_deinit(&pools);
}

int top_app_view(struct top_app *app)
{
	struct tt_top_frame *f = top_source_frame(app->source);
	int rc = top_view_build(&app->view, f);
	return rc < 0 ? rc : top_facts_make(&app->facts, &app->view, f);
}

void top_app_fill(struct top_app *app, size_t first, size_t count)
{
	uint32_t needs = top_columns_needs(top_view_columns(&app->view));
	for (size_t i = first; i < app->view.rows.len && i - first < count; i++)
		if (app->view.rows.data[i].kind == TOP_ROW_TASK)
			top_source_fill(app->source, (struct tt_top_task *)app->view.rows.data[i].task, needs | TT_NEED_STAT);
}

int top_app_next(struct top_app *app, size_t first, size_t visible, struct tt_err *err)
{
	uint32_t needs = top_view_needs(&app->view) | top_expr_needs(&app->alarm.expr) | TT_NEED_CGROUP;
	int rc = top_source_next(app->source, needs, err);
	if (rc != 0)
		return rc;
	bool begun = top_source_frame(app->source)->number > 2;
	top_source_waits(app->source, app->view.kind == TOP_VIEW_LOCKS ? UINT32_MAX : begun ? WAITS_PER_FRAME : WAITS_AT_FIRST);
	/* Pools are told apart by start routines where the shim knows them: names alone do not tell node's threads. */
	needs |= top_columns_needs(top_view_columns(&app->view));
	if ((needs & TT_NEED_SHIM) || app->view.kind == TOP_VIEW_POOLS || app->metrics)
		top_source_shim(app->source);
	if (top_app_view(app) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	check_alarm(app);
	top_app_fill(app, first, app->recorder ? SIZE_MAX : visible);
	/* What was learned by filling is in the recording: what is shown now is to be what a replay shows. */
	if (app->recorder && top_app_view(app) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	if (app->recorder)
		rc = tt_recorder_add(app->recorder, top_source_frame(app->source), err);
	if (app->metrics && rc == 0)
		rc = top_metrics_write(app->metrics, &app->view, &app->facts, app->metrics_pools, err);
	return rc;
}

void top_app_deinit(struct top_app *app)
{
	top_source_destroy(app->source);
	tt_recorder_destroy(app->recorder, NULL);
	top_facts_deinit(&app->facts);
	top_alarm_deinit(&app->alarm);
	top_view_deinit(&app->view);
	top_select_deinit(&app->select);
}
