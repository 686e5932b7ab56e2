/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * events.c - the ring of slow-path events, and facts about misuse.
 *
 * The ring keeps the newest; what it overwrote is counted by the reader (numbers are consecutive). Its segments are claimed one
 * by one as it grows, so that a quiet program never pays for its size.
 */
#include "preload/shim.h"

static uint32_t segment_make(uint32_t k)
{
	struct ttrec_header *h = tt_g.h;
	uint32_t ref;
	while (!(ref = tt_load_acquire(&h->event_ref[k]))) {
		if (!tt_turn_take(TTREC_CHUNK_EVENT))
			continue;
		struct ttrec_chunk *c = NULL;
		ref = tt_load_acquire(&h->event_ref[k]);
		if (!ref && (c = tt_chunk_claim(TTREC_CHUNK_EVENT, TTREC_EVENT_SEGMENT, k))) {
			if (tt_cas_acq_rel(&h->event_ref[k], &ref, tt_ref(c))) {
				tt_add_relaxed(&h->event_segments, 1);
				ref = tt_ref(c);
			} else {
				tt_store_release(&c->type, (uint16_t)TTREC_CHUNK_FREE);
			}
		}
		tt_turn_give(TTREC_CHUNK_EVENT);
		break;
	}
	return ref;
}

static struct ttrec_event *event_slot(uint64_t number)
{
	struct ttrec_header *h = tt_g.h;
	uint32_t per = h->events_per_segment;
	uint64_t segments = h->event_bytes / TTREC_EVENT_SEGMENT;
	if (!segments)
		return NULL;
	uint32_t k = (uint32_t)(number / per % segments);
	uint32_t ref = tt_load_acquire(&h->event_ref[k]);
	if (unlikely(!ref) && !(ref = segment_make(k)))
		return NULL;
	struct ttrec_chunk *c = tt_at(ref);
	return (struct ttrec_event *)(void *)(c + 1) + number % per;
}

void tt_event(struct tt_self *s, enum ttrec_event_type type, const struct ttrec_event *e)
{
	tt_event_of(s->t ? s->t->serial : 0, type, e);
}

void tt_event_of(uint64_t thread, enum ttrec_event_type type, const struct ttrec_event *e)
{
	uint64_t number = tt_add_relaxed(&tt_g.h->event_next, 1);
	struct ttrec_event *to = event_slot(number);
	if (!to) {
		tt_drop(TTREC_DROP_EVENT);
		return;
	}
	tt_store_release(&to->seq, UINT64_C(0));
	to->end_ns = e->end_ns;
	to->dur_ns = e->dur_ns;
	to->thread = thread;
	to->site = e->site;
	to->a = e->a;
	to->b = e->b;
	to->uid = e->uid;
	to->op = e->op;
	to->type = (uint16_t)type;
	tt_store_release(&to->seq, number + 1);
}

/* Locks of one birth site misused at one site are one fact: identity by site, not by instance. */
static uint32_t *misuse_head(enum ttrec_misuse_type what, const struct ttrec_lock *lock, uint64_t site)
{
	uint64_t key = tt_mix(tt_mix(site, what), lock ? lock->birth_site : 0);
	return &tt_g.p->misuse_heads[(key >> 20) & (TT_MISUSE_HEADS - 1)];
}

static struct ttrec_misuse *misuse_scan(uint32_t ref, enum ttrec_misuse_type what, const struct ttrec_lock *lock, uint64_t site)
{
	while (ref) {
		struct ttrec_misuse *m = tt_at(ref);
		const struct ttrec_lock *ml = m->uid == 0xffffffffu ? NULL : tt_lock_by_index(TTREC_UID_INDEX(m->uid));
		if (m->what == what && m->site == site && (ml ? ml->birth_site : 0) == (lock ? lock->birth_site : 0))
			return m;
		ref = m->chain;
	}
	return NULL;
}

void tt_misuse_undo(enum ttrec_misuse_type what, const struct ttrec_lock *lock, uint64_t site)
{
	struct ttrec_misuse *m = misuse_scan(tt_load_acquire(misuse_head(what, lock, site)), what, lock, site);
	if (m && tt_load_relaxed(&m->count))
		tt_sub_relaxed(&m->count, 1);
}

void tt_misuse(struct tt_self *s, enum ttrec_misuse_type what, struct ttrec_lock *lock, uint64_t site, uint64_t other,
	uint64_t other_site, uint64_t ns, const struct tt_caller *c)
{
	tt_misuse_times(s, what, lock, site, other, other_site, ns, 1, c);
}

/* Each distinct (what, lock or other, site) once, with a count. `lock` may be NULL. */
void tt_misuse_times(struct tt_self *s, enum ttrec_misuse_type what, struct ttrec_lock *lock, uint64_t site, uint64_t other,
	uint64_t other_site, uint64_t ns, unsigned times, const struct tt_caller *c)
{
	uint32_t uid = lock ? tt_lock_uid(lock) : 0xffffffffu;
	if (lock && what == TTREC_MISUSE_UNLOCK_NOT_OWNER)
		tt_or_relaxed(&lock->flags, TTREC_LOCK_HANDED_OVER);
	uint32_t *head = misuse_head(what, lock, site);
	uint32_t first = tt_load_acquire(head);
	struct ttrec_misuse *mine = NULL, *m;
	do {
		m = misuse_scan(first, what, lock, site);
		if (m)
			goto found;
		if (!mine) {
			mine = tt_var_alloc(sizeof(*mine));
			if (!mine) {
				tt_drop(TTREC_DROP_MISUSE);
				return;
			}
			tt_store_relaxed(&tt_g.p->misused, 1u);
			mine->what = (uint16_t)what;
			mine->op = (uint16_t)TTREC_SITE_OP(site);
			mine->uid = uid;
			mine->site = site;
			mine->thread = s->t ? s->t->serial : 0;
			mine->other = other;
			mine->other_site = other_site;
			mine->first_ns = tt_now();
			mine->stack = c ? tt_stack_capture(s, c) : 0;
			tt_module_seen(TTREC_SITE_PC(site));
			tt_module_seen(TTREC_SITE_PC(other_site));
		}
		mine->chain = first;
	} while (!tt_cas_acq_rel(head, &first, tt_ref(mine)));
	m = mine;
	tt_event(s, TTREC_EVENT_MISUSE,
		&(struct ttrec_event){.end_ns = m->first_ns, .site = TTREC_SITE_PC(site), .a = what, .b = other, .uid = uid});
	tt_var_publish(mine, TTREC_VAR_MISUSE);
found:
	tt_add_relaxed(&m->total_ns, ns * times);
	tt_max_relaxed(&m->max_ns, ns);
	tt_add_relaxed(&m->count, times);
}
