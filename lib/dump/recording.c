/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recording.c - adds what the recorder knows, when the process has it loaded: exact times of waits, locks held and where they
 * were got, readers of rwlocks.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/dump/dump_private.h"
#include "lib/dump/recorded.h"

static const char *site_name(struct tt_dump *d, uint64_t pc)
{
	if (!pc)
		return NULL;
	const struct tt_sym_frames *found = tt_sym_resolve(d->sym, pc, TT_SYM_RETADDR);
	const struct tt_sym_frame *f = &found->frames[found->count - 1];
	TT_BUF_AUTO(b);
	if (f->function)
		tt_sym_short_name(&b, f->function);
	return b.len ? dump_text(d, tt_buf_str(&b)) : f->function;
}

static int add_held(struct tt_dump *d, struct tt_dump_thread *t, const struct recorded *r, const struct recorded_thread *from)
{
	t->held = from->held_count ? calloc(from->held_count, sizeof(*t->held)) : NULL;
	if (from->held_count && !t->held)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->held_count; i++) {
		const struct recorded_held *h = &r->held.data[from->first_held + i];
		t->held[t->held_count++] = (struct tt_dump_held){.address = h->address,
			.kind = h->kind,
			.name = h->name ? dump_text(d, h->name) : dump_variable(d, h->address),
			.site = site_name(d, h->site),
			.shared = h->shared,
			.held_ns = h->held_ns};
	}
	return 0;
}

static int add_thread(struct tt_dump *d, const struct recorded *r, const struct recorded_thread *from)
{
	uint64_t position;
	if (!tt_hmap_get(&d->by_ns_tid, from->tid, &position))
		return 0;
	struct tt_dump_thread *t = &d->threads.data[position - 1];
	/* Between our look and the recording's it may have gone on; calls without a lock have their descriptor or nothing as
	 * object. */
	bool same = from->waits && t->wait.kind != TT_WAIT_NONE && (!t->wait.word || from->object == t->wait.address);
	if (same) {
		t->since_ns = from->wait_ns;
		t->since_exact = true;
	}
	if (same && t->wait.word && from->lock_name)
		t->lock_name = dump_text(d, from->lock_name);
	return add_held(d, t, r, from);
}

static bool holds(const struct tt_dump_thread *t, uint64_t address)
{
	for (size_t i = 0; i < t->held_count; i++)
		if (t->held[i].address == address)
			return true;
	return false;
}

/* Readers that hold an rwlock are known only here: a writer waits for all of them, so one that is blocked itself tells most. */
static void find_readers(struct tt_dump *d)
{
	struct tt_dump_thread *t;
	vec_for_each (t, &d->threads) {
		if (t->wait.kind != TT_WAIT_WRLOCK || t->owner != TT_DUMP_NONE)
			continue;
		for (uint32_t i = 0; i < d->threads.len; i++) {
			const struct tt_dump_thread *reader = &d->threads.data[i];
			bool better = t->owner == TT_DUMP_NONE ||
			              (reader->doing == TT_DOING_LOCK && d->threads.data[t->owner].doing != TT_DOING_LOCK);
			if (holds(reader, t->wait.address) && better)
				t->owner = i;
		}
		t->owner_recorded = t->owner != TT_DUMP_NONE;
		if (t->owner_recorded)
			t->wait.owner = d->threads.data[t->owner].task.tid;
	}
}

void dump_recording(struct tt_dump *d)
{
	struct tt_err err;
	struct recorded r;
	const struct recorded_thread *from;
	int rc = recorded_open(d->proc.pid, &r, &err);
	if (rc == -ENOENT || rc == -EACCES || rc == -EPERM) /* it does not record; or nothing that we may read */
		return;
	if (rc < 0) {
		dump_note(d, "its recording cannot be used: %s", err.msg);
		return;
	}
	d->recorded = true;
	vec_for_each (from, &r.threads)
		rc = rc < 0 ? rc : add_thread(d, &r, from);
	find_readers(d);
	if (rc < 0)
		dump_note(d, "its recording is used in part: out of memory");
	recorded_close(&r);
}
