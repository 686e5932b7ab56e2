/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * app.h - one running threadtop: where frames come from, the view of them, what they say. Both modes work on it: batch prints
 * it, the screen draws it. Called by main.c, ui*.c.
 */
#ifndef TT_TOP_APP_H
#define TT_TOP_APP_H

#include "lib/proc/record.h"
#include "tools/threadtop/batch.h"
#include "tools/threadtop/source.h"

struct top_app {
	struct top_select select;
	struct top_view view;
	struct top_facts facts;
	struct top_alarm alarm; /* no terms: no --until */
	struct top_source *source;
	struct tt_recorder *recorder; /* --record; NULL none */
	const char *metrics;          /* --openmetrics; NULL none */
	unsigned metrics_pools;
	uint64_t delay_ns;
	struct top_row alarm_row; /* the row that made --until true */
	bool alarmed;
};

/*
 * The next frame, viewed, with facts, alarm, metrics and the recording done. visible: rows that will be shown, which are read
 * in full; SIZE_MAX all. 0; 1 at the end of a replay; -errno with words.
 */
int top_app_next(struct top_app *app, size_t first, size_t visible, struct tt_err *err);

/* The rows anew, of the same frame: after a change of the view. 0 or -ENOMEM. */
int top_app_view(struct top_app *app);

/* Reads what is shown of rows first .. first + count. */
void top_app_fill(struct top_app *app, size_t first, size_t count);

void top_app_deinit(struct top_app *app);

#endif
