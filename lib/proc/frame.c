/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame.c - the small operations on frames (frame.h). */
#include "lib/proc/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tt_top_frame_gather(struct tt_top_frame *frame)
{
	struct tt_top_proc **p;
	frame->tasks.len = 0;
	vec_for_each (p, &frame->procs) {
		size_t count = (*p)->tasks.len;
		if (tt_vec_reserve(&frame->tasks, frame->tasks.len + count) < 0)
			return -ENOMEM;
		if (count)
			memcpy(frame->tasks.data + frame->tasks.len, (*p)->tasks.data, count * sizeof(struct tt_top_task *));
		frame->tasks.len += count;
	}
	return 0;
}

static uint8_t half_percent(uint64_t part, uint64_t whole)
{
	uint64_t value = whole ? (part * 200 + whole / 2) / whole : 0;
	/* A trace is never nothing: 0 means that it did not run. */
	return (uint8_t)(value > 200 ? 200 : value == 0 && part ? 1 : value);
}

void tt_top_task_remember(struct tt_top_task *task, uint64_t frames)
{
	struct tt_top_task_history *h = &task->history;
	if (!h->born)
		h->born = h->at = frames;
	if (frames - h->at > TT_TASK_HISTORY)
		h->at = frames - TT_TASK_HISTORY;
	for (; h->at < frames; h->at++)
		h->run[h->at % TT_TASK_HISTORY] = h->wait[h->at % TT_TASK_HISTORY] = 0;
	h->run[frames % TT_TASK_HISTORY] = half_percent(task->d_run_ns, task->span_ns);
	h->wait[frames % TT_TASK_HISTORY] = half_percent(task->d_wait_ns, task->span_ns);
	h->at = frames + 1;
}

void tt_top_task_history(const struct tt_top_task *task, uint64_t frames, bool wait, uint8_t *ret, unsigned count)
{
	const struct tt_top_task_history *h = &task->history;
	for (unsigned i = 0; i < count; i++) {
		uint64_t back = count - 1 - i;
		uint64_t n = frames - back;
		if (back >= TT_TASK_HISTORY || back >= frames || !h->born || n < h->born)
			ret[i] = 255;
		else if (n >= h->at || h->at - n > TT_TASK_HISTORY)
			ret[i] = 0;
		else
			ret[i] = (wait ? h->wait : h->run)[n % TT_TASK_HISTORY];
	}
}

int tt_text_set(char **text, const char *value)
{
	if (*text && value && strcmp(*text, value) == 0)
		return 0;
	char *copy = value ? strdup(value) : NULL;
	if (value && !copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

#define U64(member)
#define I64(member)
#define TEXT(member) free(x->member);

void tt_top_task_deinit(struct tt_top_task *x)
{
#define TT_TASK_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_TASK_FIELD
}

void tt_top_proc_deinit(struct tt_top_proc *x)
{
#define TT_PROC_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_PROC_FIELD
	tt_vec_deinit(&x->tasks);
}

void tt_machine_deinit(struct tt_machine *x)
{
#define TT_MACHINE_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_MACHINE_FIELD
}
