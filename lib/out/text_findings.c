/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_findings.c - the findings, each with its evidence, reason and advice. A section of text.c. */
#include <inttypes.h>

#include "lib/out/text.h"

static const enum tt_style level_styles[] = {
	[TT_LEVEL_NOTE] = TT_STYLE_NOTE, [TT_LEVEL_WARNING] = TT_STYLE_WARNING, [TT_LEVEL_ERROR] = TT_STYLE_ERROR};

/* The steps of a cycle: who holds what and asks for what, and where. */
static void put_edges(struct tt_text *t, const struct tt_finding *f)
{
	uint64_t rows = tt_text_rows(t, f->edges.len);
	for (uint64_t i = 0; i < rows; i++) {
		const struct tt_finding_edge *e = &f->edges.data[i];
		const char *held = e->held_name ? e->held_name : "nothing that is known";
		const char *wanted = e->wanted_name ? e->wanted_name : "something that is not known";
		tt_text_sentence(
			t, 3, "", TT_STYLE_NONE, "%" PRIu64 ". %s holds %s and wants %s", i + 1, e->thread_name, held, wanted);
		tt_text_stack(t, 6, e->hold.label, e->hold.site, e->hold.stack);
		tt_text_stack(t, 6, e->want.label, e->want.site, e->want.stack);
	}
	tt_text_more(t, 3, rows, f->edges.len);
}

/* again: the rule was explained already. */
static void put_finding(struct tt_text *t, const struct tt_finding *f, size_t number, bool again)
{
	t->last_stack = NULL;
	tt_text_newline(t);
	tt_text_put(t, TT_STYLE_BOLD, "%zu. ", number);
	tt_text_put(t, level_styles[f->level], "%s", tt_level_name(f->level));
	tt_text_put(t, TT_STYLE_NONE, " ");
	tt_text_put(t, TT_STYLE_DIM, "%s", tt_rules[f->rule].id);
	if (f->count > 1)
		tt_text_put(t, TT_STYLE_DIM, ", %" PRIu32 " times", f->count);
	if (t->r->model->processes.len > 1 && f->process)
		tt_text_put(t, TT_STYLE_DIM, ", pid %u", f->process->pid);
	if (f->state == TT_FINDING_KNOWN)
		tt_text_put(t, TT_STYLE_DIM, ", known");
	tt_text_put(t, TT_STYLE_DIM, "  [%016" PRIx64 "]", f->fingerprint);
	tt_text_newline(t);
	tt_text_sentence(t, 3, "", TT_STYLE_BOLD, "%s", f->title);
	const char *const *line;
	vec_for_each (line, &f->evidence)
		tt_text_sentence(t, 3, "- ", TT_STYLE_NONE, "%s", *line);
	if (!again)
		tt_text_sentence(t, 3, "why:  ", TT_STYLE_NONE, "%s", f->why);
	tt_text_sentence(t, 3, "sure: ", TT_STYLE_NONE, "%s, %s", tt_confidence_name(f->confidence), f->reason);
	if (!again || f->advice != tt_rules[f->rule].advice)
		tt_text_sentence(t, 3, "do:   ", TT_STYLE_GOOD, "%s", f->advice);
	TT_BUF_AUTO(mute);
	tt_suppression_line(t->r->names, f, &mute);
	tt_text_sentence(t, 3, "mute: ", TT_STYLE_DIM, "%s", tt_buf_str(&mute));
	unsigned detail = f->rule == TT_RULE_LOCK_CONTENTION && f->locks.len ? tt_text_detail(t, f->locks.data[0]->class) : 0;
	if (detail) {
		tt_text_sentence(t, 3, "", TT_STYLE_DIM, "stacks: number %u of \"%s\" below", detail, TT_CONTENTION_HEADING);
		return;
	}
	put_edges(t, f);
	const struct tt_finding_stack *s;
	vec_for_each (s, &f->stacks)
		tt_text_stack(t, 3, s->label, s->site, s->stack);
}

void tt_text_findings(struct tt_text *t)
{
	const struct tt_findings *set = &t->r->findings;
	size_t count = set->list.len - tt_findings_count_state(set, TT_FINDING_SUPPRESSED), number = 0;
	uint64_t rows = tt_text_rows(t, count);
	if (rows)
		tt_text_heading(t, "Findings");
	bool explained[TT_RULE_MAX] = {false};
	const struct tt_finding *f;
	vec_for_each (f, &set->list) {
		if (f->state == TT_FINDING_SUPPRESSED || number == rows)
			continue;
		put_finding(t, f, ++number, explained[f->rule]);
		explained[f->rule] = true;
	}
	tt_text_more(t, 0, rows, count);
	tt_text_verdicts(t);
}
