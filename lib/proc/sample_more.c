/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sample_more.c - what only some columns need of a thread: status, io, wchan, its stack; and the cgroup of a process. Read for
 * threads that are shown, or that have run while a sort or filter needs it; not again while the thread has not run.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc/sample_internal.h"

static ssize_t read_named(struct tt_sampler *s, struct tt_live_task *t, const char *name)
{
	char path[48];
	snprintf(path, sizeof(path), "%u/%s", t->pub.tid, name);
	return tt_read_at(tt_live_proc_of(t)->task_fd, path, s->text, TT_PROC_TEXT);
}

/* True when a reading of before still holds, or was made in this refresh. */
static bool holds(const struct tt_sampler *s, const struct tt_live_task *t, const struct tt_reading *r)
{
	return r->tick == s->tick || (r->tick && r->tick >= t->ran_tick);
}

static uint64_t since(const struct tt_live_task *t, const struct tt_reading *last)
{
	const struct tt_live_proc *p = tt_live_proc_of(t);
	uint64_t from = last->tick >= t->ran_before ? p->before_ns : last->at_ns;
	return p->at_ns > from ? p->at_ns - from : 0;
}

static struct tt_reading reading_now(const struct tt_sampler *s, const struct tt_live_task *t)
{
	return (struct tt_reading){s->tick, tt_live_proc_of(t)->at_ns};
}

/* A file that was opened by name may be another thread's by now: the kept schedstat file of ours would say that it ended. */
static bool still_ours(struct tt_sampler *s, struct tt_live_task *t)
{
	char text[96];
	struct tt_stat st;
	if (t->sched_fd >= 0)
		return pread(t->sched_fd, text, sizeof(text), 0) > 0;
	return read_named(s, t, "stat") > 0 && tt_stat_parse(s->text, &st) == 0 && st.start_ticks == t->start_ticks;
}

static void read_status(struct tt_sampler *s, struct tt_live_task *t)
{
	struct tt_status st;
	struct tt_top_task *pub = &t->pub;
	if (read_named(s, t, "status") <= 0 || tt_status_parse(s->text, &st) < 0 || !still_ours(s, t))
		return;
	if (t->status_read.tick) {
		pub->status_span_ns = since(t, &t->status_read);
		pub->d_voluntary = st.voluntary - t->voluntary;
		pub->d_involuntary = st.involuntary - t->involuntary;
		pub->known |= TT_NEED_RATE_STATUS;
	}
	t->voluntary = st.voluntary;
	t->involuntary = st.involuntary;
	tt_text_set(&pub->affinity, st.affinity);
	pub->known |= TT_NEED_STATUS;
	t->status_read = reading_now(s, t);
}

static void read_io(struct tt_sampler *s, struct tt_live_task *t)
{
	struct tt_io io;
	struct tt_top_task *pub = &t->pub;
	if (read_named(s, t, "io") <= 0 || tt_io_parse(s->text, &io) < 0 || !still_ours(s, t))
		return;
	if (t->io_read.tick) {
		pub->io_span_ns = since(t, &t->io_read);
		pub->d_read_bytes = io.rchar - t->read_bytes;
		pub->d_write_bytes = io.wchar - t->write_bytes;
		pub->known |= TT_NEED_RATE_IO;
	}
	t->read_bytes = io.rchar;
	t->write_bytes = io.wchar;
	pub->known |= TT_NEED_IO;
	t->io_read = reading_now(s, t);
}

static void read_wchan(struct tt_sampler *s, struct tt_live_task *t)
{
	ssize_t n = read_named(s, t, "wchan");
	if (n <= 0 || !still_ours(s, t))
		return;
	char where[64];
	snprintf(where, sizeof(where), "%.63s", s->text);
	tt_text_set(&t->pub.wchan, strcmp(where, "0") == 0 ? "" : where);
	t->pub.known |= TT_NEED_WCHAN;
	t->wchan_read = reading_now(s, t);
}

void tt_top_task_read_more(struct tt_sampler *s, struct tt_live_task *t, uint32_t needs)
{
	if ((needs & TT_NEED_STATUS) && !holds(s, t, &t->status_read))
		read_status(s, t);
	if ((needs & TT_NEED_IO) && !holds(s, t, &t->io_read))
		read_io(s, t);
	if ((needs & TT_NEED_WCHAN) && !holds(s, t, &t->wchan_read))
		read_wchan(s, t);
	if ((needs & TT_NEED_STACK) && !holds(s, t, &t->stack_read)) {
		tt_top_task_read_stack(s, t);
		t->stack_read = reading_now(s, t);
	}
	if (needs & TT_NEED_CGROUP)
		tt_sample_cgroup(s, tt_live_proc_of(t));
}

void tt_sampler_read(struct tt_sampler *s, struct tt_top_task *task, uint32_t needs)
{
	struct tt_live_task *t = (struct tt_live_task *)task;
	/* A thread that was woken and has not run looks as before: look again at what is shown. */
	if ((needs & TT_NEED_STAT) && t->stat_read.tick != s->tick && task->state != 'R')
		(void)tt_top_task_read_stat(s, t);
	tt_top_task_read_more(s, t, needs);
}

ssize_t tt_sampler_file(struct tt_sampler *s, struct tt_top_task *task, const char *name, char *buf, size_t size)
{
	struct tt_live_task *t = (struct tt_live_task *)task;
	char path[64];
	snprintf(path, sizeof(path), "%u/%s", task->tid, name);
	ssize_t n = tt_read_at(tt_live_proc_of(t)->task_fd, path, buf, size);
	return n >= 0 && !still_ours(s, t) ? -ESRCH : n == -ENOENT ? -ESRCH : n;
}

/* ------------------------------------------------------------------ the stack */

/* The mapping around sp: for the main thread it grows, and the rlimit says how far. */
static bool find_mapping(const char *maps, uint64_t sp, uint64_t *low, uint64_t *high, bool *grows)
{
	for (const char *line = maps; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, low, high) != 2 || sp < *low || sp >= *high)
			continue;
		size_t len = strcspn(line, "\n");
		*grows = len > 7 && strncmp(line + len - 7, "[stack]", 7) == 0;
		return true;
	}
	return false;
}

#define MAPS_KEEP  10                 /* refreshes that a process's mappings are believed */
#define MAPS_LIMIT (8u * 1024 * 1024) /* more of them than this is not read */

static const char *maps_of(struct tt_sampler *s, struct tt_live_proc *p)
{
	if (p->maps_tick && s->tick - p->maps_tick < MAPS_KEEP)
		return p->maps;
	free(p->maps);
	p->maps = malloc(MAPS_LIMIT);
	p->maps_tick = s->tick;
	if (!p->maps)
		return NULL;
	ssize_t n = tt_read_at(p->task_fd, "../maps", p->maps, MAPS_LIMIT);
	if (n <= 0) {
		free(p->maps);
		return p->maps = NULL;
	}
	char *less = realloc(p->maps, (size_t)n + 1);
	p->maps = less ? less : p->maps;
	return p->maps;
}

static uint64_t stack_limit(struct tt_sampler *s, const struct tt_live_proc *p)
{
	uint64_t bytes = 0;
	if (tt_read_at(p->task_fd, "../limits", s->text, TT_PROC_TEXT) <= 0)
		return 0;
	const char *line = strstr(s->text, "Max stack size");
	return line && sscanf(line + 14, "%" SCNu64, &bytes) == 1 ? bytes : 0;
}

/* The stack pointer of a blocked thread is the last but one number of its syscall file. */
void tt_top_task_read_stack(struct tt_sampler *s, struct tt_live_task *t)
{
	struct tt_live_proc *p = tt_live_proc_of(t);
	uint64_t sp = 0, low, high;
	bool grows;
	ssize_t n = read_named(s, t, "syscall");
	char *word = n > 0 ? strrchr(s->text, ' ') : NULL;
	if (!word)
		return; /* "running", or not ours to see */
	*word = 0;
	word = strrchr(s->text, ' ');
	if (!word || sscanf(word, "%" SCNx64, &sp) != 1 || !still_ours(s, t))
		return;
	const char *maps = maps_of(s, p);
	if (!maps || !find_mapping(maps, sp, &low, &high, &grows))
		return;
	uint64_t limit = grows ? stack_limit(s, p) : 0;
	t->pub.stack_used_bytes = high - sp;
	t->pub.stack_reserved_bytes = limit > high - low ? limit : high - low;
	t->pub.known |= TT_NEED_STACK;
}
