/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_gaps.c - what the figures rest on: what was sampled, dropped, damaged, estimated. A section of text.c. */
#include <inttypes.h>

#include "lib/out/text.h"

static unsigned gaps_of(struct tt_text *t, const struct tt_process *p)
{
	unsigned n = 0;
	TT_BUF_AUTO(who);
	if (t->r->model->processes.len > 1)
		tt_buf_printf(&who, "pid %u: ", p->pid);
	const char *prefix = tt_buf_str(&who), *problem;
	for (size_t i = 0; (problem = tt_process_problem(p, i)); i++, n++)
		tt_text_sentence(t, 2, "- ", TT_STYLE_WARNING, "%sdamaged recording: %s", prefix, problem);
	if (p->full && ++n)
		tt_text_sentence(
			t, 2, "- ", TT_STYLE_WARNING, "%s%s: locks and places met after that are missing", prefix, p->full);
	for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++) {
		const char *text = tt_rec_drop_text((enum ttrec_drop)i);
		if (p->drop[i] == 0)
			continue;
		n++;
		tt_text_sentence(t, 2, "- ", i == TTREC_DROP_EVENT ? TT_STYLE_NONE : TT_STYLE_WARNING,
			"%s%" PRIu64 " dropped: %s", prefix, p->drop[i], text ? text : "reason not known to this version");
	}
	if (p->events_lost && ++n)
		tt_text_sentence(t, 2, "- ", TT_STYLE_NONE,
			"%s%s of %s events are gone from the ring: who blocked whom by thread is incomplete, totals are not",
			prefix, tt_count(p->events_lost).s, tt_count(p->events_lost + p->events).s);
	if (p->end_estimated && ++n)
		tt_text_sentence(t, 2, "- ", TT_STYLE_NONE,
			"%sthe end of the process was not recorded: the last known moment is taken", prefix);
	return n;
}

void tt_text_gaps(struct tt_text *t)
{
	const struct tt_model *m = t->r->model;
	if (m->processes.len == 0)
		return;
	tt_text_heading(t, "Not seen");
	unsigned n = 0;
	bool exact = true;
	struct tt_process *const *p;
	vec_for_each (p, &m->processes) {
		n += gaps_of(t, *p);
		exact = exact && (*p)->hold_exact;
	}
	if (n == 0)
		tt_text_sentence(t, 2, "", TT_STYLE_NONE, "Nothing was dropped: counts and wait times are exact.");
	if (!exact)
		tt_text_sentence(
			t, 2, "", TT_STYLE_NONE, "Hold times are estimated from timed samples (hold=exact times every one).");
}
