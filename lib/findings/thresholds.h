/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * thresholds.h - from where on the detectors report: one value per row of thresholds.def.
 * Called by the detectors, and by the tools for --threshold NAME=VALUE.
 */
#ifndef TT_FINDINGS_THRESHOLDS_H
#define TT_FINDINGS_THRESHOLDS_H

#include <stdint.h>

#include "lib/util/buf.h"
#include "lib/util/err.h"

enum tt_threshold {
#define TT_THRESHOLD(id, name, unit, value, help) TT_THRESHOLD_##id,
#include "lib/findings/thresholds.def"
#undef TT_THRESHOLD
	TT_THRESHOLD_MAX
};

enum tt_threshold_unit { TT_UNIT_DURATION, TT_UNIT_PERCENT, TT_UNIT_COUNT };

/* Durations in ns, percentages in percent. */
struct tt_thresholds {
	double value[TT_THRESHOLD_MAX];
};

void tt_thresholds_init(struct tt_thresholds *t);

/* Takes "name=value" ("long-hold=50ms", "contention-pct=2"). -EINVAL with words when the name or the value is wrong. */
int tt_thresholds_set(struct tt_thresholds *t, const char *setting, struct tt_err *err);

/* Appends the list of names with their defaults and help, one per line: for --threshold help. 0 or -ENOMEM. */
int tt_thresholds_help(struct tt_buf *out);

#endif
