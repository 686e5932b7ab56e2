/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * threads.c - thread records (slots), how they are found, given out and used again; groups of like threads.
 *
 * A slot is written by the creating thread until the new thread runs, by the thread itself while it runs, by its joiner after
 * that (pthread_create and pthread_join order them). Slots come back through a tagged stack (no ABA); what must outlive the
 * slot is added to its group, and to a lineage record when lock-order facts name the thread.
 */
#include "preload/shim.h"
#include "preload/sys.h"

#include <pthread.h>
#include <sys/prctl.h>

#define NOTE_THREADS 4096u /* at the end, a system call each */

struct ttrec_thread *tt_thread_by_slot(uint32_t slot)
{
	if (slot >= TT_MAX_SLOTS)
		return NULL;
	uint32_t ref = tt_load_acquire(&tt_g.p->slot_ref[slot]);
	return ref ? tt_at(ref) : NULL;
}

/* ------------------------------------------------------------------ slots */

static struct ttrec_thread *slot_pop(void)
{
	struct tt_private *p = tt_g.p;
	uint64_t w = tt_load_acquire(&p->slot_free);
	while ((uint32_t)w) {
		uint32_t slot = (uint32_t)w - 1;
		uint64_t next = (w & ~UINT64_C(0xffffffff)) | tt_load_relaxed(&p->slot_next[slot]);
		if (tt_cas_acq_rel(&p->slot_free, &w, next))
			return tt_thread_by_slot(slot);
	}
	return NULL;
}

static struct ttrec_thread *slot_new(void)
{
	struct ttrec_thread *t;
	uint32_t slot = tt_add_relaxed(&tt_g.p->slots, 1);
	struct ttrec_chunk *c = slot < TT_MAX_SLOTS ? tt_chunk_claim(TTREC_CHUNK_THREAD, sizeof(*t), slot) : NULL;
	if (!c) {
		tt_sub_relaxed(&tt_g.p->slots, 1); /* a hole in slot_ref[] reads as no thread */
		return NULL;
	}
	t = (void *)c;
	t->slot = slot;
	t->held_cap = TTREC_HELD_INLINE;
	t->table_mask = TTREC_TABLE_INLINE - 1;
	t->table_epoch = tt_load_relaxed(&tt_epoch);
	tt_store_release(&tt_g.p->slot_ref[slot], tt_ref(t));
	return t;
}

/* Detached threads that ended, and adopted ones: once the kernel does not know the tid any more, the slot is free. Looks at a
 * few per call. */
static void limbo_reap(void)
{
	struct tt_private *p = tt_g.p;
	for (unsigned k = 0; k < 4 && !tt_g.sandboxed; k++) {
		uint64_t *at = &p->limbo[tt_add_relaxed(&p->limbo_scan, 1) % ARRAY_SIZE(p->limbo)];
		uint64_t w = tt_load_acquire(at);
		if (!w || TT_SYS(tgkill, tt_g.pid, w >> 32, 0, 0) != -3 /* ESRCH */)
			continue;
		if (tt_cas_acq_rel(at, &w, UINT64_C(0))) {
			struct ttrec_thread *t = tt_thread_by_slot((uint32_t)w - 1);
			if (t)
				tt_thread_gone(t);
		}
	}
}

static uint64_t limbo_word(const struct ttrec_thread *t)
{
	return (uint64_t)t->tid << 32 | (t->slot + 1);
}

/* Whoever takes the entry out frees the slot. False: it was there, and somebody else takes it now. */
static bool limbo_take(const struct ttrec_thread *t)
{
	uint64_t w = limbo_word(t);
	for (unsigned k = 0; k < ARRAY_SIZE(tt_g.p->limbo); k++)
		if (tt_load_relaxed(&tt_g.p->limbo[k]) == w)
			return tt_cas_acq_rel(&tt_g.p->limbo[k], &w, UINT64_C(0));
	return true;
}

static void limbo_put(struct ttrec_thread *t)
{
	if (tt_or_relaxed(&t->flags, TTREC_THREAD_LIMBO) & TTREC_THREAD_LIMBO)
		return;
	uint64_t w = limbo_word(t);
	for (unsigned k = 0; k < ARRAY_SIZE(tt_g.p->limbo); k++) {
		uint64_t none = 0;
		if (!tt_load_relaxed(&tt_g.p->limbo[k]) && tt_cas_acq_rel(&tt_g.p->limbo[k], &none, w))
			return;
	}
	/* No room: the slot stays as it is. */
}

/*
 * A detached thread that has ended is put aside until it is gone. Whoever comes second of the two that make it so (the thread
 * itself when it ends, or pthread_detach) finds both facts true; the flag lets one of them act.
 */
void tt_thread_reap_later(struct ttrec_thread *t)
{
	if (!(tt_load_acquire(&t->flags) & TTREC_THREAD_DETACHED) || tt_load_acquire(&t->state) < TTREC_THREAD_ENDING)
		return;
	limbo_put(t);
}

/* Empties everything that speaks of the slot's last thread; the table stays (see struct ttrec_thread). */
static void slot_wipe(struct ttrec_thread *t)
{
	tt_store_relaxed(&t->tid, 0u);
	t->flags = 0;
	tt_store_relaxed(&t->pthread, UINT64_C(0));
	t->start_routine = t->create_site = t->creator = t->joiner = 0;
	t->create_stack = t->group = t->creator_segment = t->segment = t->joiner_segment = t->end_segment = 0;
	t->created_ns = t->started_ns = t->ended_ns = t->joined_ns = t->cpu_ns = 0;
	t->stack_low = t->stack_high = t->contended = t->loop_return_ns = 0;
	t->loop = 0;
	__builtin_memset(t->name, 0, sizeof(t->name));
	__builtin_memset(t->waits, 0, sizeof(t->waits));
	t->base = tt_g.p->slot_total[t->slot];
}

/* A slot for a new thread, in state CREATING; NULL: no space (counted). */
struct ttrec_thread *tt_thread_alloc(void)
{
	limbo_reap();
	struct ttrec_thread *t = slot_pop();
	if (t)
		slot_wipe(t);
	else
		t = slot_new();
	if (!t) {
		tt_drop(TTREC_DROP_THREAD);
		return NULL;
	}
	t->serial = tt_add_relaxed(&tt_g.h->serials, 1) + 1;
	t->created_ns = tt_now();
	tt_store_release(&t->state, (uint32_t)TTREC_THREAD_CREATING);
	return t;
}

/*
 * The slot may be used again. Until it is, it goes on telling what its thread was and did; only what would be taken for a
 * living one's is ended here.
 */
void tt_thread_free(struct ttrec_thread *t)
{
	tt_store_release(&t->state, (uint32_t)TTREC_THREAD_FREE);
	tt_store_relaxed(&t->held_depth, 0u);
	tt_log_charge(t);
	__builtin_memset(&t->waiting, 0, sizeof(t->waiting));

	struct tt_private *p = tt_g.p;
	uint64_t w = tt_load_relaxed(&p->slot_free), next;
	do {
		tt_store_relaxed(&p->slot_next[t->slot], (uint32_t)w);
		next = ((w >> 32) + 1) << 32 | (t->slot + 1);
	} while (!tt_cas_acq_rel(&p->slot_free, &w, next));
}

/* ------------------------------------------------------------------ finding threads */

static struct tt_pthread_key *pthread_slot(uint64_t pthread, bool insert)
{
	uint32_t i = (uint32_t)(pthread >> 6) * 0x9e3779b1u >> 17;
	for (unsigned k = 0; k < 64; k++) {
		struct tt_pthread_key *key = &tt_g.p->pthreads[(i + k) & (TT_PTHREAD_MAP - 1)];
		uint64_t have = tt_load_acquire(&key->pthread);
		if (!have && insert && tt_cas_acq_rel(&key->pthread, &have, pthread))
			return key;
		if (have == pthread)
			return key;
		if (!have)
			return NULL;
	}
	return NULL;
}

void tt_thread_set_pthread(struct ttrec_thread *t, uint64_t pthread)
{
	tt_store_relaxed(&t->pthread, pthread);
	struct tt_pthread_key *key = pthread_slot(pthread, true);
	if (key)
		tt_store_release(&key->slot, t->slot + 1);
}

struct ttrec_thread *tt_thread_by_pthread(uint64_t pthread)
{
	struct tt_pthread_key *key = pthread_slot(pthread, false);
	uint32_t slot = key ? tt_load_acquire(&key->slot) : 0;
	struct ttrec_thread *t = slot ? tt_thread_by_slot(slot - 1) : NULL;
	if (!t || tt_load_relaxed(&t->pthread) != pthread)
		return NULL;
	/* Detached and over: the handle may already name another thread, one that got no record. */
	bool over = tt_load_relaxed(&t->flags) & TTREC_THREAD_DETACHED && tt_load_acquire(&t->state) >= TTREC_THREAD_ENDING;
	return over ? NULL : t;
}

static bool slot_has_tid(const struct ttrec_thread *t, uint32_t tid)
{
	return tt_load_relaxed(&t->tid) == tid && tt_load_relaxed(&t->state) != TTREC_THREAD_FREE;
}

struct ttrec_thread *tt_thread_by_tid(uint32_t tid)
{
	if (!tid)
		return NULL;
	uint32_t hint = tt_load_relaxed(&tt_g.p->tid_map[tid % TT_TID_MAP]);
	struct ttrec_thread *t = hint ? tt_thread_by_slot(hint - 1) : NULL;
	if (t && slot_has_tid(t, tid))
		return t;
	uint32_t n = tt_load_relaxed(&tt_g.p->slots);
	for (uint32_t i = 0; i < n && i < TT_MAX_SLOTS; i++) {
		t = tt_thread_by_slot(i);
		if (t && slot_has_tid(t, tid))
			return t;
	}
	return NULL;
}

/* ------------------------------------------------------------------ life */

/*
 * glibc keeps a thread's tid in its descriptor (2.36 on x86-64, nptl/descr.h, struct pthread.tid), where the kernel stores it
 * before a thread that pthread_create made runs: no system call. Relied upon once the main thread's was found right. Others
 * (a child of a raw clone has its parent's descriptor) ask, unless that may be fatal.
 */
#define GLIBC_TID_AT 0x2d0u
static uint32_t own_tid(uint64_t pthread, bool made)
{
	static bool known;
	const uint32_t *at = (const uint32_t *)(uintptr_t)(pthread + GLIBC_TID_AT);
	if ((made || tt_g.sandboxed) && tt_load_relaxed(&known))
		return *at;
	uint32_t tid = (uint32_t)tt_sys_gettid();
	if (tid == tt_g.pid && *at == tid)
		tt_store_relaxed(&known, true);
	return tid;
}

/* The calling thread takes this record as its own. */
void tt_thread_bind(struct tt_self *s, struct ttrec_thread *t, uint64_t pthread)
{
	uint32_t epoch = tt_load_relaxed(&tt_epoch);
	bool made = !(t->flags & (TTREC_THREAD_MAIN | TTREC_THREAD_ADOPTED)); /* by pthread_create */
	s->tid = own_tid(pthread, made);
	tt_store_relaxed(&t->tid, s->tid);
	t->started_ns = tt_now();
	/* A new thread has its creator's name (tt_create_begin); later ones come by the hooks of pthread_setname_np and prctl.
	 */
	if (!made && !tt_g.sandboxed)
		TT_SYS(prctl, PR_GET_NAME, t->name, 0, 0);
	tt_thread_set_pthread(t, pthread);
	tt_store_relaxed(&tt_g.p->tid_map[t->tid % TT_TID_MAP], t->slot + 1);
	s->t = t;
	s->table = t->table_ref ? tt_at(t->table_ref) : t->table;
	s->table_lines = (t->table_mask + 1) * (uint32_t)sizeof(struct ttrec_line) - 64;
	s->held = t->held_ref ? tt_at(t->held_ref) : t->held;
	s->pressure = s->deps_misses = 0;
	/* In a forked child these speak of another recording. */
	__builtin_memset(s->spare, 0, sizeof(s->spare));
	s->found = NULL;
	s->spare_kept = s->log_due = 0;
	s->last_attempt[0] = s->last_attempt[1] = 0;
	s->outer_uid = s->outer_waits = 0;
	if (!s->deps)
		s->deps = tt_no_deps;
	s->refused = 0;
	if (t->table_epoch != epoch)
		tt_count_catch_up(s, t->table_epoch, epoch);
	t->table_epoch = epoch;
	s->saved_epoch = epoch; /* in force from the closing bracket on */
	tt_store_release(&t->state, (uint32_t)TTREC_THREAD_RUNNING);

	struct ttrec_header *h = tt_g.h;
	uint32_t live = tt_add_relaxed(&h->threads_live, 1) + 1;
	tt_max_relaxed(&h->threads_peak, live);
	if (t->group) {
		struct ttrec_group *g = tt_at(t->group);
		tt_add_relaxed(&g->started, 1);
	}
}

/* A thread that was there before us, or was made where we could not see it (clone, SIGEV_THREAD, aio). */
struct ttrec_thread *tt_thread_adopt(struct tt_self *s)
{
	struct ttrec_thread *t = tt_thread_alloc();
	if (!t)
		return NULL;
	uint64_t self = (uint64_t)pthread_self();
	uint32_t tid = own_tid(self, false);
	if (tid == tt_g.pid) {
		t->flags = TTREC_THREAD_MAIN;
		if (tt_g.h->fork_depth)
			t->flags |= TTREC_THREAD_FORKED;
		t->stack_high = tt_g.main_stack_high;
		t->stack_low = t->stack_high - (tt_g.default_stack < (64u << 20) ? (64u << 20) : tt_g.default_stack);
	} else {
		t->flags = TTREC_THREAD_ADOPTED;
		t->stack_high = self;
		t->stack_low = self - tt_g.default_stack;
		tt_add_relaxed(&tt_g.h->threads_adopted, 1);
	}
	tt_thread_bind(s, t, self);
	if (t->flags & TTREC_THREAD_ADOPTED)
		limbo_put(t); /* nobody will tell when it ends */
	return t;
}

/* A signal handler of a new thread came before its first words, and made a record of its own for it: given back. */
void tt_thread_unadopt(struct tt_self *s)
{
	struct ttrec_thread *t = s->t;
	s->t = NULL;
	tt_store_relaxed(&t->state, (uint32_t)TTREC_THREAD_ENDED);
	tt_sub_relaxed(&tt_g.h->threads_adopted, 1);
	tt_sub_relaxed(&tt_g.h->threads_live, 1);
	tt_thread_gone(t);
}

/* Registers the calling thread, or brings its caches up to date with the epoch. NULL: no record could be had; pass through. */
struct tt_self *tt_self_update(struct tt_self *s)
{
	uint32_t epoch = tt_load_acquire(&tt_epoch);
	uint32_t was = s->epoch;
	s->busy_sp = (uintptr_t)__builtin_frame_address(0);
	s->epoch = TT_EPOCH_BUSY;
	tt_barrier();
	if (!s->t) {
		if (s->refused || !tt_thread_adopt(s)) {
			s->refused = 1;
			tt_drop(TTREC_DROP_LATE);
			s->epoch = TT_EPOCH_NEW;
			return NULL;
		}
		epoch = s->saved_epoch;
	} else {
		tt_count_catch_up(s, was, epoch);
		s->t->table_epoch = epoch;
	}
	tt_barrier();
	s->epoch = epoch;
	return s;
}

/*
 * The process ends: what the threads that are still there used of the processor. The kernel knows any thread's clock by its tid
 * (include/linux/posix-timers.h, MAKE_THREAD_CPUCLOCK).
 */
void tt_threads_note_cpu(void)
{
	uint32_t n = tt_load_relaxed(&tt_g.p->slots);
	for (uint32_t i = 0; i < n && i < NOTE_THREADS && !tt_g.sandboxed; i++) {
		struct ttrec_thread *t = tt_thread_by_slot(i);
		if (!t || tt_load_relaxed(&t->state) != TTREC_THREAD_RUNNING)
			continue;
		struct timespec cpu;
		if (TT_SYS(clock_gettime, (int)(~t->tid << 3 | 6), &cpu, 0, 0) == 0)
			tt_store_relaxed(&t->cpu_ns, (uint64_t)cpu.tv_sec * UINT64_C(1000000000) + (uint64_t)cpu.tv_nsec);
	}
}

/* The start routine has left, by return, pthread_exit or cancellation. Destructors of thread data may still come. */
void tt_thread_ending(struct tt_self *s)
{
	struct ttrec_thread *t = s->t;
	struct timespec cpu;
	if (!tt_g.sandboxed && clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu) == 0)
		t->cpu_ns = (uint64_t)cpu.tv_sec * UINT64_C(1000000000) + (uint64_t)cpu.tv_nsec;
	t->ended_ns = tt_now();
	t->end_segment = t->segment;
	tt_store_release(&t->state, (uint32_t)TTREC_THREAD_ENDING);
	tt_add_relaxed(&tt_g.h->threads_ended, 1);
	tt_sub_relaxed(&tt_g.h->threads_live, 1);
	struct ttrec_group *g = t->group ? tt_at(t->group) : NULL;
	if (g) {
		tt_add_relaxed(&g->ended, 1);
		tt_sub_relaxed(&g->live, 1);
		tt_add_relaxed(&g->life_ns, t->ended_ns - t->created_ns);
		tt_add_relaxed(&g->cpu_ns, t->cpu_ns);
		__builtin_memcpy(g->name, t->name, sizeof(g->name));
	}
	tt_thread_reap_later(t);
}

static void lineage_keep(const struct ttrec_thread *t)
{
	struct ttrec_lineage *l = tt_slab_alloc(TTREC_CHUNK_LINEAGE, sizeof(*l), TTREC_SLAB_LINEAGES, NULL);
	if (!l)
		return;
	l->creator = t->creator;
	l->creator_segment = t->creator_segment;
	l->joiner = t->joiner;
	l->joiner_segment = t->joiner_segment;
	l->end_segment = t->end_segment;
	l->group = t->group;
	l->start_routine = t->start_routine;
	__builtin_memcpy(l->name, t->name, sizeof(l->name));
	tt_store_release(&l->serial, t->serial);
}

/* ------------------------------------------------------------------ event loops */

#define LOOP_FEW 16u /* a thread that polled less often than this and never stalled leaves no loop record */

struct ttrec_loop *tt_loop_alloc(struct ttrec_thread *t, uint64_t pc)
{
	struct ttrec_loop *l = NULL;
	uint64_t w = tt_load_acquire(&tt_g.p->loop_free);
	while ((uint32_t)w) {
		l = tt_at((uint32_t)w);
		uint64_t next = (w & ~UINT64_C(0xffffffff)) | (uint32_t)tt_load_relaxed(&l->calls);
		if (tt_cas_acq_rel(&tt_g.p->loop_free, &w, next))
			break;
		l = NULL;
	}
	if (l)
		__builtin_memset(l, 0, sizeof(*l));
	else
		l = tt_slab_alloc(TTREC_CHUNK_LOOP, sizeof(*l), TTREC_SLAB_LOOPS, NULL);
	if (!l) {
		tt_drop(TTREC_DROP_STAT);
		return NULL;
	}
	l->thread = t->serial;
	tt_store_release(&l->site, pc);
	t->loop = tt_ref(l);
	return l;
}

static void loop_done(struct ttrec_thread *t)
{
	struct ttrec_loop *l = tt_at(t->loop);
	if (l->calls >= LOOP_FEW || l->stalls)
		return;
	tt_store_release(&l->site, UINT64_C(0));
	uint64_t w = tt_load_relaxed(&tt_g.p->loop_free), next;
	do {
		tt_store_relaxed(&l->calls, w & 0xffffffffu);
		next = ((w >> 32) + 1) << 32 | tt_ref(l);
	} while (!tt_cas_acq_rel(&tt_g.p->loop_free, &w, next));
}

/* The thread is gone for good: its totals go to the group, the slot to the free list. By its joiner, or whoever reaps it. */
void tt_thread_gone(struct ttrec_thread *t)
{
	if (t->flags & TTREC_THREAD_LIMBO && !limbo_take(t))
		return;
	if (tt_load_relaxed(&t->state) == TTREC_THREAD_RUNNING) { /* adopted: nobody saw it end */
		tt_add_relaxed(&tt_g.h->threads_ended, 1);
		tt_sub_relaxed(&tt_g.h->threads_live, 1);
	}
	struct ttrec_group *g = t->group ? tt_at(t->group) : NULL;
	if (g) {
		for (unsigned i = 0; i < TTREC_WAIT_MAX; i++)
			if (t->waits[i].count) {
				tt_add_relaxed(&g->waits[i].count, t->waits[i].count);
				tt_add_relaxed(&g->waits[i].ns, t->waits[i].ns);
			}
	}
	uint64_t total = tt_count_total(t);
	if (g)
		tt_add_relaxed(&g->operations, total - t->base);
	tt_g.p->slot_total[t->slot] = total; /* where the slot's next thread begins */
	if (t->loop)
		loop_done(t);
	if (t->flags & TTREC_THREAD_HAS_DEPS)
		lineage_keep(t);
	tt_thread_free(t);
}

/* ------------------------------------------------------------------ groups */

struct ttrec_group *tt_group_get(uint64_t routine, uint64_t site)
{
	uint32_t *head = &tt_g.p->group_heads[(tt_mix(routine, site) >> 20) & (TT_GROUP_HEADS - 1)];
	uint32_t first = tt_load_acquire(head);
	struct ttrec_group *mine = NULL;
	do {
		for (uint32_t r = first; r;) {
			struct ttrec_group *g = tt_at(r);
			if (g->start_routine == routine && g->create_site == site && g != mine)
				return g; /* `mine`, if any, was never published: zero start routine */
			r = g->chain;
		}
		if (!mine) {
			mine = tt_slab_alloc(TTREC_CHUNK_GROUP, sizeof(*mine), TTREC_SLAB_GROUPS, NULL);
			if (!mine) {
				tt_drop(TTREC_DROP_GROUP);
				return NULL;
			}
			mine->create_site = site;
			mine->first_ns = tt_now();
		}
		mine->chain = first;
		mine->start_routine = routine;
		if (tt_cas_acq_rel(head, &first, tt_ref(mine)))
			return mine;
		tt_store_relaxed(&mine->start_routine, UINT64_C(0));
	} while (true);
}
