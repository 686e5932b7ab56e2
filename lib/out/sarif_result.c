/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sarif_result.c - one finding as a result of SARIF (3.27): places, steps of a cycle as thread flows, stacks, state. See
 * sarif.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/out/sarif.h"

#define FRAMES_MAX 64 /* per stack */

static void put_step_line(void *to, const char *line)
{
	tt_buf_printf(to, "\n- %s", line);
}

static void put_result_message(struct tt_sarif *s, const struct tt_finding *f)
{
	TT_BUF_AUTO(text);
	const char *const *line;
	tt_buf_printf(&text, "%s.", f->title);
	vec_for_each (line, &f->evidence)
		tt_buf_printf(&text, "\n- %s", *line);
	tt_locate_steps(s->r, f, put_step_line, &text);
	tt_buf_printf(&text, "\n%s", f->advice);
	tt_sarif_message(s->j, "message", tt_buf_str(&text));
}

static bool is_known(const struct tt_spot *spot)
{
	return spot->file || spot->module || spot->function;
}

/* Every stack's telling place. */
static void put_related(struct tt_sarif *s, const struct tt_finding *f)
{
	struct tt_finding_stack stack;
	int64_t id = 0;
	tt_jsonw_begin(s->j, "relatedLocations", '[');
	for (size_t i = 0; tt_locate_stack(f, i, &stack); i++) {
		struct tt_spot spot = tt_locate(s->r, stack.site, stack.stack);
		if (is_known(&spot))
			tt_sarif_location(s, NULL, &spot, id++, stack.label);
	}
	tt_jsonw_end(s->j, ']');
}

/* ------------------------------------------------------------------ steps of a cycle: 3.36 */

static void put_step(
	struct tt_sarif *s, const struct tt_finding_stack *stack, const char *verb, const char *lock, unsigned held)
{
	struct tt_spot spot = tt_locate(s->r, stack->site, stack->stack);
	TT_BUF_AUTO(text);
	tt_buf_printf(&text, "%s %s", verb, lock ? lock : "what is not known");
	tt_jsonw_begin(s->j, NULL, '{');
	tt_sarif_location(s, "location", &spot, -1, tt_buf_str(&text));
	tt_jsonw_u64(s->j, "nestingLevel", held);
	tt_jsonw_end(s->j, '}');
}

static void put_thread_flow(struct tt_sarif *s, const struct tt_finding_edge *e, size_t number)
{
	char id[24];
	snprintf(id, sizeof(id), "%zu", number);
	tt_jsonw_begin(s->j, NULL, '{');
	tt_jsonw_text(s->j, "id", id);
	tt_sarif_message(s->j, "message", e->thread_name ? e->thread_name : "a thread");
	tt_jsonw_begin(s->j, "locations", '[');
	put_step(s, &e->hold, "takes", e->held_name, 0);
	put_step(s, &e->want, "wants", e->wanted_name, 1);
	tt_jsonw_end(s->j, ']');
	tt_jsonw_end(s->j, '}');
}

static void put_flows(struct tt_sarif *s, const struct tt_finding *f)
{
	if (!f->edges.len)
		return;
	tt_jsonw_begin(s->j, "codeFlows", '[');
	tt_jsonw_begin(s->j, NULL, '{');
	tt_jsonw_begin(s->j, "threadFlows", '[');
	for (size_t i = 0; i < f->edges.len && i < TT_LOCATE_FLOWS; i++)
		put_thread_flow(s, &f->edges.data[i], i + 1);
	tt_jsonw_end(s->j, ']');
	tt_jsonw_end(s->j, '}');
	tt_jsonw_end(s->j, ']');
}

/* ------------------------------------------------------------------ stacks: 3.44 */

static void put_frames(struct tt_sarif *s, struct tt_places places, const struct tt_module *module, uint64_t offset)
{
	for (unsigned i = 0; i < places.count; i++) {
		struct tt_spot spot = tt_locate_place(s->r, &places.places[i]);
		spot.module = module ? module->path : NULL;
		spot.offset = offset;
		tt_jsonw_begin(s->j, NULL, '{');
		if (is_known(&spot))
			tt_sarif_location(s, "location", &spot, -1, NULL);
		if (places.places[i].module)
			tt_jsonw_text(s->j, "module", places.places[i].module);
		tt_jsonw_end(s->j, '}');
	}
}

static void put_stack_frames(struct tt_sarif *s, const struct tt_stack *stack)
{
	unsigned visible[FRAMES_MAX], count = tt_names_visible(s->r->names, stack, true, visible, FRAMES_MAX);
	for (unsigned i = 0; i < count; i++) {
		const struct tt_frame *frame = &stack->frames[visible[i]];
		put_frames(s, tt_names_frame(s->r->names, stack->process, frame), frame->module, frame->offset);
	}
}

/* Numbered, since no two stacks of a result may be equal. */
static void put_stack(struct tt_sarif *s, const struct tt_finding_stack *stack, size_t number)
{
	TT_BUF_AUTO(text);
	tt_buf_printf(&text, "%zu. %s", number, stack->label ? stack->label : "");
	tt_jsonw_begin(s->j, NULL, '{');
	tt_sarif_message(s->j, "message", tt_buf_str(&text));
	tt_jsonw_begin(s->j, "frames", '[');
	if (stack->stack)
		put_stack_frames(s, stack->stack);
	else if (stack->site)
		put_frames(s, tt_names_site(s->r->names, stack->site), stack->site->module, stack->site->offset);
	tt_jsonw_end(s->j, ']');
	tt_jsonw_end(s->j, '}');
}

static void put_stacks(struct tt_sarif *s, const struct tt_finding *f)
{
	struct tt_finding_stack stack;
	tt_jsonw_begin(s->j, "stacks", '[');
	for (size_t i = 0; tt_locate_stack(f, i, &stack); i++)
		if (stack.site || stack.stack)
			put_stack(s, &stack, i + 1);
	tt_jsonw_end(s->j, ']');
}

/* ------------------------------------------------------------------ the result */

/* All results of a run have the property, or none (3.27.23, 3.27.24). */
static void put_state(struct tt_sarif *s, const struct tt_finding *f)
{
	struct tt_jsonw *j = s->j;
	if (s->r->opts.baseline)
		tt_jsonw_text(j, "baselineState", f->state == TT_FINDING_KNOWN ? "unchanged" : "new");
	if (!s->r->opts.suppressions)
		return;
	tt_jsonw_begin(j, "suppressions", '[');
	if (f->state == TT_FINDING_SUPPRESSED) {
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "kind", "external");
		tt_jsonw_text(j, "status", "accepted");
		if (f->state_why)
			tt_jsonw_text(j, "justification", f->state_why);
		tt_jsonw_end(j, '}');
	}
	tt_jsonw_end(j, ']');
}

static void put_properties(struct tt_sarif *s, const struct tt_finding *f)
{
	struct tt_jsonw *j = s->j;
	const struct tt_figure *figure;
	TT_BUF_AUTO(line);
	tt_suppression_line(s->r->names, f, &line);
	tt_jsonw_begin(j, "properties", '{');
	tt_jsonw_text(j, "confidence", tt_confidence_name(f->confidence));
	tt_jsonw_text(j, "reason", f->reason);
	tt_jsonw_text(j, "suppression", tt_buf_str(&line));
	tt_jsonw_begin(j, "figures", '{');
	vec_for_each (figure, &f->figures)
		tt_jsonw_u64(j, figure->key, figure->value);
	tt_jsonw_end(j, '}');
	tt_jsonw_end(j, '}');
}

void tt_sarif_result(struct tt_sarif *s, const struct tt_finding *f)
{
	struct tt_jsonw *j = s->j;
	struct tt_spot spot = tt_locate_finding(s->r, f);
	char fingerprint[20];
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, f->fingerprint);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "ruleId", tt_rules[f->rule].id);
	tt_jsonw_u64(j, "ruleIndex", f->rule);
	tt_jsonw_text(j, "level", tt_level_name(f->level));
	put_result_message(s, f);
	tt_jsonw_begin(j, "locations", '[');
	if (is_known(&spot))
		tt_sarif_location(s, NULL, &spot, -1, NULL);
	tt_jsonw_end(j, ']');
	put_related(s, f);
	put_flows(s, f);
	put_stacks(s, f);
	tt_jsonw_begin(j, "partialFingerprints", '{');
	tt_jsonw_text(j, "threadtools/v1", fingerprint);
	tt_jsonw_end(j, '}');
	tt_jsonw_u64(j, "occurrenceCount", f->count);
	put_state(s, f);
	put_properties(s, f);
	tt_jsonw_end(j, '}');
}
