/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * select.h - what of the facts a report shows, and in which order: filters and sorting. Called by report.c only.
 */
#ifndef TT_OUT_SELECT_H
#define TT_OUT_SELECT_H

#include "lib/out/report.h"

/* Fills the lists of the report from its model by its options. 0 or -ENOMEM. */
int tt_select_all(struct tt_report *r);

/* Takes the findings out that no filter asks for. */
void tt_select_findings(struct tt_report *r);

/* True when text matches one of the patterns, or there are none. NULL matches nothing. */
bool tt_patterns_match(const struct tt_patterns *p, const char *text);

#endif
