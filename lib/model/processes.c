/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * processes.c - what a recording's header says, and sums over a process once its threads and locks are known.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

const char *tt_process_problem(const struct tt_process *p, size_t i)
{
	return tt_rec_problem(p->rec, i);
}

uint64_t tt_process_real_ns(const struct tt_process *p, uint64_t time_ns)
{
	return time_ns ? p->start_real_ns + time_ns - 1 : 0;
}

static enum tt_end end_of(const struct tt_rec *rec)
{
	switch (tt_rec_life(rec)) {
	case TT_REC_RUNNING:
		return TT_END_RUNNING;
	case TT_REC_KILLED:
		return TT_END_KILLED;
	case TT_REC_UNKNOWN:
		return TT_END_UNKNOWN;
	case TT_REC_ENDED:
		break;
	}
	switch ((enum ttrec_state)tt_rec_header(rec)->state) {
	case TTREC_STATE_EXITED:
		return TT_END_EXITED;
	case TTREC_STATE_FORCED:
		return TT_END_FORCED;
	case TTREC_STATE_EXEC:
		return TT_END_EXEC;
	case TTREC_STATE_ABORTED:
		return TT_END_ABORTED;
	default:
		return TT_END_UNKNOWN;
	}
}

/* Arguments lie behind one another, each with its NUL. */
static char *command_text(struct tt_model *m, const struct ttrec_header *h)
{
	size_t len = h->command_len;
	while (len && h->command[len - 1] == '\0')
		len--;
	char *text = model_text(m, h->command, len);
	for (size_t i = 0; text && i < len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	return text;
}

/* One program: same path and same build-id. */
static unsigned program_number(struct tt_model *m, const struct ttrec_header *h)
{
	char key[sizeof(h->exe) + sizeof(h->exe_build_id) + 1];
	size_t len = strlen(h->exe);
	memcpy(key, h->exe, len);
	key[len++] = '\0';
	memcpy(key + len, h->exe_build_id, h->exe_build_id_len);
	bool is_new;
	struct tt_smap_entry *e = tt_smap_insert(&m->private->programs, key, len + h->exe_build_id_len, &is_new);
	if (!e)
		return model_fail(m), 0;
	if (is_new)
		e->value = m->programs++;
	return (unsigned)e->value;
}

static void process_fill(struct tt_model *m, struct tt_process *p)
{
	const struct ttrec_header *h = tt_rec_header(p->rec);
	p->recording = tt_rec_path(p->rec)[0] ? tt_rec_path(p->rec) : NULL;
	p->header = h;
	p->pid = h->pid;
	p->ppid = h->ppid;
	p->uid = h->uid;
	p->program = program_number(m, h);
	p->exe = h->exe;
	p->cwd = h->cwd;
	p->options = h->options;
	p->command = command_text(m, h);
	p->end = end_of(p->rec);
	p->exit_code = h->exit_code;
	p->start_real_ns = h->start_real_ns;
	p->end_ns = tt_rec_end_ns(p->rec, &p->end_estimated);
	p->wall_ns = span(1, p->end_ns);
	p->threads_created = h->threads_created;
	p->threads_ended = h->threads_ended;
	p->threads_joined = h->threads_joined;
	p->threads_detached = h->threads_detached;
	p->threads_adopted = h->threads_adopted;
	p->threads_live = h->threads_live;
	p->threads_peak = h->threads_peak;
	p->hold_exact = h->hold_period == 1;
	p->partial = tt_rec_partial(p->rec);
	p->full = tt_rec_full_text(h->full);
	p->events = tt_rec_event_count(p->rec);
	p->events_lost = tt_rec_events_lost(p->rec);
	memcpy(p->drop, h->drop, sizeof(p->drop));
	for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++)
		p->dropped |= p->drop[i] != 0;
}

static int by_start(const void *a, const void *b)
{
	const struct tt_process *x = *(struct tt_process *const *)a, *y = *(struct tt_process *const *)b;
	const struct ttrec_header *hx = tt_rec_header(x->rec), *hy = tt_rec_header(y->rec);
	if (hx->start_real_ns != hy->start_real_ns)
		return hx->start_real_ns < hy->start_real_ns ? -1 : 1;
	if (hx->pid != hy->pid)
		return hx->pid < hy->pid ? -1 : 1;
	return strcmp(tt_rec_path(x->rec), tt_rec_path(y->rec));
}

int model_open_processes(struct tt_model *m)
{
	tt_vec_sort(&m->processes, by_start);
	m->private->procs = calloc(m->processes.len + 1, sizeof(m->private->procs[0]));
	if (!m->private->procs)
		return -ENOMEM;
	for (size_t i = 0; i < m->processes.len; i++) {
		struct tt_process *p = m->processes.data[i];
		p->id = (unsigned)i;
		m->private->procs[i].p = p;
		m->private->procs[i].rec = p->rec;
		process_fill(m, p);
	}
	return 0;
}

/* First start to last end by the wall clock; recordings of several machines or boots may give anything, but no crash. */
static uint64_t wall_of_all(const struct tt_model *m)
{
	uint64_t first = UINT64_MAX, last = 0;
	for (size_t i = 0; i < m->processes.len; i++) {
		const struct tt_process *p = m->processes.data[i];
		if (p->start_real_ns < first)
			first = p->start_real_ns;
		if (p->start_real_ns + p->wall_ns > last)
			last = p->start_real_ns + p->wall_ns;
	}
	return span(first, last);
}

void model_sum_processes(struct tt_model *m)
{
	struct tt_process **pp;
	vec_for_each (pp, &m->processes) {
		struct tt_process *p = *pp;
		m->process_ns += p->wall_ns;
		m->thread_ns += p->thread_ns;
		m->cpu_ns += p->cpu_ns;
		m->operations += p->operations;
		m->partial |= p->partial;
		m->dropped |= p->dropped;
		for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++)
			m->drop[i] += p->drop[i];
	}
	m->wall_ns = wall_of_all(m);
}
