/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter.c - which threads of a dump are shown, and which did not move since the dump before. */
#include <stdio.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/dump/dump_private.h"
#include "lib/util/glob.h"

static const struct {
	const char *name, *words;
} doings[TT_DOING_MAX] = {
#define X(id, word, text) {word, text},
	TT_DOINGS(X)
#undef X
};

const char *tt_doing_words(enum tt_doing doing)
{
	return doing < TT_DOING_MAX ? doings[doing].words : "?";
}

const char *tt_doing_name(enum tt_doing doing)
{
	return doing < TT_DOING_MAX ? doings[doing].name : "?";
}

enum tt_doing tt_doing_find(const char *word)
{
	unsigned i = 0;
	while (i < TT_DOING_MAX && strcmp(doings[i].name, word) != 0)
		i++;
	return (enum tt_doing)i;
}

static bool name_matches(const struct tt_dump_thread *t, const struct tt_dump_filter *f)
{
	char tid[16];
	snprintf(tid, sizeof(tid), "%d", (int)t->task.tid);
	for (size_t i = 0; i < f->name_count; i++)
		if (tt_glob_match(f->names[i], t->task.name) || tt_glob_match(f->names[i], tid) ||
			(t->managed_name && tt_glob_match(f->names[i], t->managed_name)))
			return true;
	return f->name_count == 0;
}

static bool function_is(const struct tt_dump_frame *f, const char *pattern)
{
	TT_BUF_AUTO(b);
	if (tt_glob_match(pattern, f->function) || (f->raw && tt_glob_match(pattern, f->raw)))
		return true;
	return tt_sym_short_name(&b, f->function) == 0 && tt_glob_match(pattern, tt_buf_str(&b));
}

/* "\tat Many.locked(Many.java:5)": by the method's name, or all of that. */
static bool method_matches(const char *stack, const char *pattern)
{
	for (const char *at = stack ? strstr(stack, "\tat ") : NULL; at; at = strstr(at + 1, "\tat ")) {
		const char *method = at + strlen("\tat ");
		TT_BUF_AUTO(name);
		TT_BUF_AUTO(whole);
		tt_buf_add(&name, method, strcspn(method, "(\n"));
		tt_buf_add(&whole, method, strcspn(method, "\n"));
		if (tt_glob_match(pattern, tt_buf_str(&name)) || tt_glob_match(pattern, tt_buf_str(&whole)))
			return true;
	}
	return false;
}

static bool function_matches(const struct tt_dump_thread *t, const struct tt_dump_filter *f)
{
	const struct tt_dump_frame *frame;
	for (size_t i = 0; i < f->function_count; i++) {
		if (method_matches(t->managed, f->functions[i]))
			return true;
		vec_for_each (frame, &t->frames)
			if (frame->function && function_is(frame, f->functions[i]))
				return true;
	}
	return f->function_count == 0;
}

size_t tt_dump_filter(struct tt_dump *d, const struct tt_dump_filter *filter)
{
	struct tt_dump_thread *t;
	size_t left = 0;
	vec_for_each (t, &d->threads) {
		bool state = !filter->doings || (filter->doings & 1u << t->doing);
		t->hidden = !state || !name_matches(t, filter) || !function_matches(t, filter);
		left += !t->hidden;
	}
	return left;
}

void tt_dump_compare(struct tt_dump *d, const struct tt_dump *before)
{
	struct tt_dump_thread *t;
	uint64_t passed_ns = d->taken_real_ns - before->taken_real_ns;
	vec_for_each (t, &d->threads) {
		uint32_t i = dump_by_tid(before, t->task.tid);
		const struct tt_dump_thread *then = i == TT_DUMP_NONE ? NULL : &before->threads.data[i];
		/* The second look of the dump before has the count that this one must still have. */
		if (!then || !t->task.slices || t->task.slices != then->task.slices || t->task.run_ns != then->task.run_ns ||
			t->task.state == 'R')
			continue;
		t->still = then->still + 1;
		t->still_ns = then->still_ns + passed_ns;
	}
}
