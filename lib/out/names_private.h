/* SPDX-License-Identifier: GPL-3.0-or-later */
/* names_private.h - what names.c and names_threads.c share. Not for others. */
#ifndef TT_OUT_NAMES_PRIVATE_H
#define TT_OUT_NAMES_PRIVATE_H

#include "lib/out/names.h"
#include "lib/sym/symbols.h"

struct tt_names {
	struct tt_model *model;
	struct tt_names_opts opts;
	struct tt_sym *shared;  /* owns the opened files; resolves nothing itself */
	struct tt_sym **syms;   /* by process id */
	bool *has_perf_map;     /* by process id: was asked for */
	struct tt_hmap map;     /* places: see names.c */
	struct tt_hmap classes; /* class id -> text */
	struct tt_smap strings;
	struct tt_hmap creations;      /* threads that are gone -> start routine */
	struct tt_hmap creations_read; /* process ids */
};

#endif
