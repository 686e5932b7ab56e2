/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_findings.c - the findings in the data of the HTML report. See html.h. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/out/html.h"
#include "lib/out/locate.h"

static void put_stack(struct tt_html *h, const char *key, const struct tt_finding_stack *s)
{
	struct tt_jsonw *j = &h->j;
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "label", s->label);
	tt_html_stack(h, "frames", s->site, s->stack);
	tt_jsonw_end(j, '}');
}

static void put_edge(struct tt_html *h, const struct tt_finding_edge *e)
{
	struct tt_jsonw *j = &h->j;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "thread", e->thread_name);
	tt_jsonw_text(j, "held", e->held_name);
	tt_jsonw_text(j, "wanted", e->wanted_name);
	if (e->hold.site || e->hold.stack)
		put_stack(h, "hold", &e->hold);
	if (e->want.site || e->want.stack)
		put_stack(h, "want", &e->want);
	tt_jsonw_end(j, '}');
}

static void put_finding(struct tt_html *h, const struct tt_finding *f)
{
	struct tt_jsonw *j = &h->j;
	char fingerprint[20];
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, f->fingerprint);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "rule", tt_rules[f->rule].id);
	tt_jsonw_text(j, "level", tt_level_name(f->level));
	tt_jsonw_text(j, "confidence", tt_confidence_name(f->confidence));
	tt_jsonw_text(j, "reason", f->reason);
	tt_jsonw_text(j, "title", f->title);
	tt_jsonw_text(j, "why", f->why);
	tt_jsonw_text(j, "advice", f->advice);
	tt_jsonw_text(j, "fingerprint", fingerprint);
	TT_BUF_AUTO(mute);
	tt_suppression_line(h->r->names, f, &mute);
	tt_jsonw_text(j, "mute", tt_buf_str(&mute));
	if (f->state != TT_FINDING_OPEN)
		tt_jsonw_text(j, "state", f->state == TT_FINDING_KNOWN ? "known" : "suppressed");
	if (f->state_why)
		tt_jsonw_text(j, "state_why", f->state_why);
	tt_jsonw_u64(j, "count", f->count);
	tt_jsonw_u64(j, "cost", f->cost_ns);
	if (f->process)
		tt_jsonw_u64(j, "pid", f->process->pid);
	tt_jsonw_begin(j, "evidence", '[');
	const char *const *line;
	vec_for_each (line, &f->evidence)
		tt_jsonw_text(j, NULL, *line);
	if (f->edges.len > TT_LOCATE_FLOWS) {
		char cut[64];
		snprintf(cut, sizeof(cut), "of %zu steps the first %u are shown", f->edges.len, TT_LOCATE_FLOWS);
		tt_jsonw_text(j, NULL, cut);
	}
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "stacks", '[');
	const struct tt_finding_stack *s;
	vec_for_each (s, &f->stacks)
		put_stack(h, NULL, s);
	tt_jsonw_end(j, ']');
	tt_jsonw_begin(j, "edges", '[');
	for (size_t i = 0; i < f->edges.len && i < TT_LOCATE_FLOWS; i++)
		put_edge(h, &f->edges.data[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
}

void tt_html_findings(struct tt_html *h)
{
	struct tt_jsonw *j = &h->j;
	const struct tt_findings *set = &h->r->findings;
	static const char *const keys[TT_LEVEL_MAX] = {"notes", "warnings", "errors"};
	for (unsigned level = 0; level < TT_LEVEL_MAX; level++)
		tt_jsonw_u64(j, keys[level],
			tt_findings_count(set, (enum tt_level)level) - tt_findings_count(set, (enum tt_level)(level + 1)));
	tt_jsonw_u64(j, "known", tt_findings_count_state(set, TT_FINDING_KNOWN));
	tt_jsonw_u64(j, "suppressed", tt_findings_count_state(set, TT_FINDING_SUPPRESSED));
	size_t rows = tt_html_rows_begin(h, "findings", set->list.len);
	for (size_t i = 0; i < rows && i < TT_HTML_FINDINGS; i++)
		put_finding(h, &set->list.data[i]);
	tt_html_rows_end(h);
}
