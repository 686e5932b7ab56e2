/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sarif.h - what the two files of the SARIF output share. Not for others. */
#ifndef TT_OUT_SARIF_H
#define TT_OUT_SARIF_H

#include "lib/out/jsonw.h"
#include "lib/out/locate.h"
#include "lib/util/hmap.h"

struct tt_sarif {
	struct tt_jsonw *j;
	struct tt_report *r;
	struct tt_smap artifacts; /* URIs, in the order of their indices */
	struct tt_smap modules;   /* paths, in the order of their indices in run.addresses */
	bool failed;              /* out of memory */
};

/* A message object, of plain text. */
void tt_sarif_message(struct tt_jsonw *j, const char *key, const char *text);

/* A location object; id < 0: none; message NULL: none. */
void tt_sarif_location(struct tt_sarif *s, const char *key, const struct tt_spot *spot, int64_t id, const char *message);

/* A result object. */
void tt_sarif_result(struct tt_sarif *s, const struct tt_finding *f);

#endif
