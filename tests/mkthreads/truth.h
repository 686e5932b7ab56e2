/* SPDX-License-Identifier: GPL-3.0-or-later */
/* truth.h - what only main.c needs of truth.c. Scenarios include mk.h alone. */
#ifndef MK_TRUTH_H
#define MK_TRUTH_H

#include "tests/mkthreads/mk.h"

/* Starts the truth of one run. values: one per parameter of the scenario; borrowed until exit. */
void mk_truth_init(const struct mk_scenario *s, const long *values);

#endif
