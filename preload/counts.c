/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * counts.c - the thread's table of (lock, site) counts: misses, growth, eviction, timed holds.
 *
 * A table belongs to one thread (to its slot, and so to the threads that use the slot one after another). Only its owner writes
 * it. Counts are exact at every moment, also when the process is killed in mid-instruction: moving a count elsewhere is
 * journalled (preload/README.md, "Eviction").
 */
#include "preload/shim.h"

#define PRESSURE_EVICTION 8u     /* as much as that many lines that are not where they are looked for first */
#define TABLE_MAX         16384u /* lines, and so locks */
#define TABLE_USUAL       2048u  /* larger ones may take three quarters of the budget */
#define LONG_HOLD_NS      20000u /* holds at least this long are all timed: the books of one are about 1 % of it */
#define FIRST_SAMPLES     8u     /* the first holds of a (lock, site) are all timed */
#define MANY_SAMPLES      64u    /* so many tell the mean within an eighth: from then on, */
#define MANY_FACTOR       4u     /* holds are timed that much more rarely */

/* ------------------------------------------------------------------ eviction */

/* The tag in the low 20 bits of ttrec_lsite.count names the last writer: slot + 1 (12 bits), sequence (8 bits). */
#define TAG_BITS 20u

static void journal_help(uint32_t tag)
{
	/*
	 * The tag we are about to overwrite is the only proof that its writer's addition happened. If he has not noted it
	 * yet (phase 1), note it for him. His own note, or a later sequence, makes the compare and swap fail: fine.
	 */
	uint32_t slot = tag >> 8;
	if (!slot || slot - 1 >= tt_load_relaxed(&tt_g.p->slots))
		return;
	uint32_t ref = tt_load_acquire(&tt_g.p->slot_ref[slot - 1]);
	if (!ref)
		return;
	struct ttrec_thread *t = tt_at(ref);
	uint64_t word = tt_load_acquire(&t->journal.word);
	if ((word & 3) == 1 && ((word >> 2) & 0xff) == (tag & 0xff))
		tt_cas_acq_rel(&t->journal.word, &word, word + 1);
}

/* Moves the entry's count to its lsite and empties the entry. */
static void count_evict(struct tt_self *s, struct ttrec_count *e)
{
	struct ttrec_thread *t = s->t;
	const struct ttrec_line *line = tt_entry_line(e);
	uint64_t n = e->n;
	if (n && e->site) {
		struct ttrec_lock *lock = tt_entry_lock(e);
		struct ttrec_lsite *l = lock ? tt_lsite_get(lock, e->site) : NULL;
		if (!l) {
			tt_add_relaxed(&tt_g.h->drop[TTREC_DROP_COUNT], n);
		} else {
			uint64_t seq = (tt_load_relaxed(&t->journal.word) >> 2) + 1;
			uint64_t old = tt_load_acquire(&l->count);
			/* Slots beyond the tag's 12 bits share number 0: for them a kill in these few instructions may lose n.
			 */
			uint32_t slot = t->slot + 1 < 4096 ? t->slot + 1 : 0;
			/* 256 evictions ago this thread may have left the same tag there: it must not prove what is to come. */
			if ((old & ((1u << TAG_BITS) - 1)) == ((uint64_t)slot << 8 | (seq & 0xff)))
				seq++;
			uint64_t tag = (uint64_t)slot << 8 | (seq & 0xff);
			t->journal.n = n;
			t->journal.lsite = tt_ref(l);
			t->journal.entry = (uint32_t)(line - s->table) * 4 + (uint32_t)(e - line->count);
			tt_store_release(&t->journal.word, seq << 2 | 1);
			do {
				journal_help((uint32_t)(old & ((1u << TAG_BITS) - 1)));
			} while (!tt_cas_acq_rel(&l->count, &old, (((old >> TAG_BITS) + n) << TAG_BITS) | tag));
			tt_store_release(&t->journal.word, seq << 2 | 2);
			tt_store_relaxed(&e->site, UINT64_C(0));
			tt_store_relaxed(&e->n, 0u);
			tt_store_release(&t->journal.word, seq << 2);
			t->evicted += n;
			return;
		}
	}
	tt_store_relaxed(&e->site, UINT64_C(0));
	tt_store_relaxed(&e->n, 0u);
}

static void line_evict(struct tt_self *s, struct ttrec_line *line)
{
	for (unsigned i = 0; i < TTREC_LINE_COUNTS; i++)
		count_evict(s, &line->count[i]);
	tt_store_release(&line->lock, UINT64_C(0));
}

/* ------------------------------------------------------------------ where an entry is */

/* A lock has two windows. The second is looked at when the first is full: with two, tables fill up before entries must go. */
static uint32_t second_window(const struct tt_self *s, uint32_t hash)
{
	return tt_window(s, hash * 0x85ebca6bu >> 13);
}

static struct ttrec_count *window_find(const struct tt_self *s, uint32_t window, uint64_t lock, uint64_t site)
{
	for (struct ttrec_line *line = s->table + window; line < s->table + window + TT_WINDOW; line++) {
		struct ttrec_count *e = tt_of_line(line, lock, site);
		if (e)
			return e;
	}
	return NULL;
}

struct ttrec_count *tt_count_find(const struct tt_self *s, uint64_t lock, uint64_t site)
{
	struct ttrec_count *e = tt_count_probe(s, lock, site);
	uint32_t hash = tt_lock_hash(lock);
	uint32_t first = tt_window(s, hash), second = second_window(s, hash);
	if (!e)
		e = window_find(s, first, lock, site);
	return e || first == second ? e : window_find(s, second, lock, site);
}

/*
 * In the lock's first window, where all are that tt_count_probe() does not find, but for a few of a table that is nearly full.
 * One time of 16 there is none: then tt_count_at() is to see whether the entry deserves a better place.
 */
struct ttrec_count *tt_count_window(const struct tt_self *s, uint64_t lock, uint64_t site)
{
	struct ttrec_count *e = window_find(s, tt_window(s, tt_lock_hash(lock)), lock, site);
	return e && e->n % TT_PROMOTE ? e : NULL;
}

/* As tt_count_find(), where there may well be none: the lock knows who has any. NULL: *l is its record. */
struct ttrec_count *tt_count_seek(const struct tt_self *s, uint64_t lock, uint64_t site, struct ttrec_lock **l)
{
	struct ttrec_count *e = tt_count_probe(s, lock, site);
	if (e)
		return e;
	*l = tt_lock_find(lock);
	return *l && tt_lock_counted(s, *l) ? tt_count_find(s, lock, site) : NULL;
}

static struct ttrec_line *window_free(struct tt_self *s, uint32_t window)
{
	for (struct ttrec_line *line = s->table + window; line < s->table + window + TT_WINDOW; line++)
		if (!line->lock)
			return line;
	return NULL;
}

/* A free line for a lock, first where it is found at once; what is not is a reason for a larger table. NULL: none. */
static struct ttrec_line *line_for(struct tt_self *s, uint64_t lock)
{
	uint32_t hash = tt_lock_hash(lock);
	struct ttrec_line *home = tt_home(s, hash), *beside = tt_beside(s, home);
	if (!home->lock)
		return home;
	if (!beside->lock)
		return beside;
	struct ttrec_line *line = window_free(s, tt_window(s, hash));
	if (!line)
		line = window_free(s, second_window(s, hash));
	s->pressure += line ? 1 : PRESSURE_EVICTION;
	return line;
}

static struct ttrec_count *least_used(struct ttrec_line *line)
{
	struct ttrec_count *least = line->count;
	for (unsigned i = 1; i < TTREC_LINE_COUNTS; i++)
		if (line->count[i].n < least->n)
			least = &line->count[i];
	return least;
}

static uint64_t line_uses(const struct ttrec_line *line)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < TTREC_LINE_COUNTS; i++)
		sum += line->count[i].n;
	return sum;
}

static struct ttrec_count *line_room(struct ttrec_line *line, uint64_t lock, uint32_t uid)
{
	return line->lock == lock && line->uid == uid ? tt_of_line(line, lock, 0) : NULL;
}

/* An empty entry in a line that the lock has. */
static struct ttrec_count *own_room(struct tt_self *s, uint64_t lock, uint32_t uid)
{
	uint32_t hash = tt_lock_hash(lock), windows[2] = {tt_window(s, hash), second_window(s, hash)};
	struct ttrec_line *home = tt_home(s, hash);
	struct ttrec_count *e = line_room(home, lock, uid);
	if (!e)
		e = line_room(tt_beside(s, home), lock, uid);
	for (uint32_t i = 0; !e && i < 2 * TT_WINDOW; i++)
		e = line_room(&s->table[windows[i / TT_WINDOW] + i % TT_WINDOW], lock, uid);
	return e;
}

/*
 * An empty entry for the lock. counted: it may have lines. Where there is no room, what counted less must go: an entry of its
 * own first lines, or one of the two lines where it is looked for first.
 */
static struct ttrec_count *place_for(struct tt_self *s, uint64_t lock, uint32_t uid, bool counted)
{
	struct ttrec_count *e = counted ? own_room(s, lock, uid) : NULL;
	if (e)
		return e;
	struct ttrec_line *line = line_for(s, lock);
	if (!line) {
		struct ttrec_line *home = tt_near(s, lock), *beside = tt_beside(s, home);
		struct ttrec_line *own = home->lock == lock ? home : beside;
		if (own->lock == lock && own->uid == uid) {
			e = least_used(own);
			count_evict(s, e);
			return e;
		}
		line = line_uses(beside) < line_uses(home) ? beside : home;
		line_evict(s, line);
	}
	line->uid = uid;
	line->nests = 0;
	tt_store_release(&line->lock, lock);
	return line->count;
}

/* ------------------------------------------------------------------ growth */

/* Where its table is, and its number of lines - 1. */
static uint64_t *table_word(struct ttrec_thread *t)
{
	return (uint64_t *)(void *)&t->table_ref;
}

/*
 * A new table twice as large, every line copied, then one store makes it the table: a kill sees one or the other. Not more
 * than that: with thousands of locks each is in another page, and each page more is one more that the processor has to look up.
 */
static void table_grow(struct tt_self *s)
{
	struct ttrec_thread *t = s->t;
	uint32_t old_lines = tt_table_size(s), lines = old_lines * 2;
	uint64_t bytes = (uint64_t)lines * sizeof(struct ttrec_line);
	if (lines > TABLE_MAX)
		return;
	uint64_t budget = lines > TABLE_USUAL ? tt_g.table_budget / 4 * 3 : tt_g.table_budget;
	if (tt_add_relaxed(&tt_g.p->table_bytes, bytes) + bytes > budget) {
		tt_sub_relaxed(&tt_g.p->table_bytes, bytes);
		return;
	}
	struct ttrec_chunk *c = tt_block_alloc(TTREC_CHUNK_TABLE, bytes);
	if (!c) {
		tt_sub_relaxed(&tt_g.p->table_bytes, bytes);
		return;
	}
	struct ttrec_line *old = s->table, *table = (void *)((uint8_t *)(c + 1) + 32);
	struct tt_self grown = {.table = table, .table_lines = (uint32_t)bytes - 64};
	for (uint32_t i = 0; i < old_lines; i++) {
		if (!old[i].lock)
			continue;
		struct ttrec_line *to = line_for(&grown, old[i].lock);
		if (to)
			*to = old[i];
		else /* hardly ever: all its places are taken */
			line_evict(s, &old[i]);
	}
	uint32_t old_ref = t->table_ref;
	/* Readers take ref and mask together: the mask is stored first, and only ever grows; they check both again. */
	uint64_t both = (uint64_t)(lines - 1) << 32 | tt_ref(table);
	tt_store_release(table_word(t), both);
	s->table = table;
	s->table_lines = grown.table_lines;
	if (old_ref) {
		tt_sub_relaxed(&tt_g.p->table_bytes, (uint64_t)old_lines * sizeof(struct ttrec_line));
		tt_block_free((struct ttrec_chunk *)(void *)((uint8_t *)old - 32) - 1);
	} else {
		/* The inline table is part of the thread record: empty it, its counts live in the new one. */
		__builtin_memset(old, 0, old_lines * sizeof(struct ttrec_line));
	}
}
_Static_assert(TABLE_MAX * sizeof(struct ttrec_line) <= UINT64_C(2048) << (TT_FREE_CLASSES - 1), "the largest class of blocks");
_Static_assert(__builtin_offsetof(struct ttrec_thread, table_ref) % 8 == 0, "table_ref and table_mask are stored as one word");

/* ------------------------------------------------------------------ misses */

/*
 * When the hold after next is timed. All of the first ones and all long ones; of the others one in hold_period on average, at
 * random distance, so that no rhythm of the program can hide from it. `gap` is what the sample stands for.
 */
void tt_count_next(struct tt_self *s, struct ttrec_count *e, uint64_t samples, uint64_t last_ns)
{
	uint32_t period = tt_g.hold_period, gap = 1;
	if (samples >= MANY_SAMPLES)
		period = period * MANY_FACTOR < TT_HOLD_PERIOD_MAX ? period * MANY_FACTOR : TT_HOLD_PERIOD_MAX;
	if (tt_g.hold_period > 1 && samples >= FIRST_SAMPLES && last_ns < LONG_HOLD_NS)
		gap = 1 + tt_random(s) % (2 * period - 1);
	e->gap = (uint16_t)gap;
	e->next = (uint16_t)(e->n + gap - 1);
}

/* As another entry was, but with nothing counted. */
static void entry_again(struct ttrec_count *e, const struct ttrec_count *as)
{
	e->next = (uint16_t)(as->next - as->n);
	e->gap = as->gap;
	tt_store_release(&e->site, as->site);
}

static void line_again(struct ttrec_line *line, const struct ttrec_line *as)
{
	line->uid = as->uid;
	line->nests = as->nests;
	for (unsigned i = 0; i < TTREC_LINE_COUNTS; i++)
		entry_again(&line->count[i], &as->count[i]);
	tt_store_release(&line->lock, as->lock);
}

/* Is there a total that its count can go to? */
static bool has_total(const struct ttrec_count *e)
{
	struct ttrec_lock *l = e->site ? tt_entry_lock(e) : NULL;
	return !e->site || (l && tt_lsite_get(l, e->site));
}

static bool line_has_totals(const struct ttrec_line *line)
{
	bool has = true;
	for (unsigned i = 0; has && line->lock && i < TTREC_LINE_COUNTS; i++)
		has = has_total(&line->count[i]);
	return has;
}

/* What has no entries is of no lock. */
static void line_relinquish(struct ttrec_line *line)
{
	uint64_t sites = 0;
	for (unsigned i = 0; i < TTREC_LINE_COUNTS; i++)
		sites |= line->count[i].site;
	if (!sites)
		tt_store_release(&line->lock, UINT64_C(0));
}

/* Changes places with another entry of its lock. */
static struct ttrec_count *promote_entry(struct tt_self *s, struct ttrec_count *e, struct ttrec_count *to)
{
	if (e->n / 2 <= to->n || tt_entry_line(e)->uid != tt_entry_line(to)->uid || !has_total(e) || !has_total(to))
		return e;
	struct ttrec_count mine = *e, other = *to;
	count_evict(s, e);
	count_evict(s, to);
	entry_again(to, &mine);
	if (other.site)
		entry_again(e, &other);
	else
		line_relinquish(tt_entry_line(e));
	return to;
}

/*
 * Its line takes the place of one where its lock is looked for first. Another lock's begins anew when it is used: put where
 * this one was, it would be in neither place for a moment, and who ends that lock looks (tt_count_namesakes).
 */
static struct ttrec_count *promote_line(struct tt_self *s, struct ttrec_count *e, struct ttrec_line *to)
{
	struct ttrec_line *line = tt_entry_line(e);
	if (line_uses(line) / 2 <= line_uses(to) || !line_has_totals(line) || !line_has_totals(to))
		return e;
	struct ttrec_line mine = *line;
	line_evict(s, line);
	line_evict(s, to);
	line_again(to, &mine);
	return &to->count[e - line->count];
}

/*
 * Where a (lock, site) goes is decided when it is first met, which may be long before it is used much. One that is not looked
 * for first changes places with that of its lock's first which is used least, if it is used twice as much; or its line takes
 * another lock's. Both begin again at 0, so that they do not change back before one of them was used more. Returns where it is
 * now.
 */
static struct ttrec_count *promote(struct tt_self *s, struct ttrec_count *e)
{
	struct ttrec_line *line = tt_entry_line(e), *home = tt_near(s, line->lock), *beside = tt_beside(s, home);
	bool own_home = home->lock == line->lock, own_beside = beside->lock == line->lock;
	if (line == home)
		return e;
	if (!own_home && (line == beside || !own_beside))
		return promote_line(s, e, line != beside && line_uses(beside) < line_uses(home) ? beside : home);
	struct ttrec_count *to = least_used(own_home ? home : beside);
	if (own_home && own_beside && line != beside && least_used(beside)->n < to->n)
		to = least_used(beside);
	return promote_entry(s, e, to);
}

/* The count goes to its total, before it fills its 32 bits. */
static void begin_again(struct tt_self *s, struct ttrec_count *e)
{
	struct ttrec_count mine = *e;
	count_evict(s, e);
	entry_again(e, &mine);
}

/*
 * The (lock, site) is not in the table: find the lock, make room, fill the entry, with nothing counted. The caller counts.
 */
struct ttrec_count *tt_count_miss(struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth)
{
	struct tt_birth b = *birth;
	b.site = site;
	struct ttrec_lock *l = tt_lock_get(s, lock, &b);
	if (!l) {
		tt_drop(TTREC_DROP_COUNT);
		return NULL;
	}
	if (s->pressure >= tt_table_size(s) / 8) {
		s->pressure = 0;
		table_grow(s);
	}
	struct ttrec_count *e = place_for(s, lock, tt_lock_uid(l), tt_lock_counted(s, l));
	tt_or_relaxed(&l->sharers, tt_own_bit(s));
	if (unlikely(l->kind == TTREC_KIND_SEM && tt_load_relaxed(&l->flags) & TTREC_LOCK_SEM_GUESSED))
		tt_filter_set(lock); /* it was light until now */
	tt_module_seen(TTREC_SITE_PC(site));
	struct ttrec_lsite *ls = tt_lsite_find(l, site);
	uint64_t samples = ls ? tt_load_relaxed(&ls->hold_samples) : 0;
	tt_count_next(s, e, samples, samples ? tt_load_relaxed(&ls->hold_timed_ns) / samples : 0);
	tt_store_relaxed(&e->n, 0u); /* a handler that emptied it under a hook may have left that hook's one there */
	tt_store_release(&e->site, site);
	return e;
}

/* e: what tt_count_seek() found. */
struct ttrec_count *tt_count_at(
	struct tt_self *s, struct ttrec_count *e, uint64_t lock, uint64_t site, const struct tt_birth *birth)
{
	if (!e && !(e = tt_count_miss(s, lock, site, birth)))
		return NULL;
	if (unlikely(e->n >= TT_COUNT_MAX))
		begin_again(s, e);
	if (unlikely(!(e->n % TT_PROMOTE)))
		e = promote(s, e);
	tt_own_add(&e->n, 1);
	return e;
}

struct ttrec_count *tt_count(struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth)
{
	struct ttrec_lock *l;
	return tt_count_at(s, tt_count_seek(s, lock, site, &l), lock, site, birth);
}

/*
 * Counts one operation where readers look beside all tables: in the lock's own record, which is at hand, or in the total of the
 * (lock, site). One atomic addition needs no journal.
 */
static void direct_add(struct tt_self *s, struct ttrec_lsite *total)
{
	tt_add_relaxed(&total->count, UINT64_C(1) << TAG_BITS);
	s->t->evicted++;
}

_Static_assert(TTREC_OP_SEM_WAIT >> 1 == 3 && TTREC_OP_SEM_TRYWAIT >> 1 == 4 && TTREC_OP_SEM_POST >> 1 == 5 &&
		       TTREC_OP_TRY_FAILED >> 1 == 10,
	"different modulo 4");

#define TALLY_OF 8u /* a place is given for good: to who comes often rather than to who comes first */

/* make: also where that site has not been counted before. Returns whether it was counted. */
static bool tally(struct tt_self *s, struct ttrec_lock *l, uint64_t site, bool make)
{
	struct ttrec_tally *t = &l->tally[ttrec_tally_slot(l->kind, site)];
	uint32_t tag = ttrec_tally_tag(site), has = tt_load_relaxed(&t->tag);
	if (unlikely(has != tag)) {
		/* The total is made first: without it nobody knows what the tag stands for. */
		struct ttrec_lsite *total = make ? tt_lsite_get(l, site) : tt_lsite_find(l, site);
		if (!total)
			return false;
		if (has || tt_random(s) % TALLY_OF || (!tt_cas_acq_rel(&t->tag, &has, tag) && has != tag)) {
			direct_add(s, total);
			return true;
		}
	} else if (unlikely(tt_load_relaxed(&t->n) >= TT_TALLY_MAX)) {
		struct ttrec_lsite *total = tt_lsite_find(l, site);
		if (total)
			direct_add(s, total);
		return total;
	}
	tt_add_relaxed(&t->n, 1);
	s->t->evicted++;
	return true;
}

/*
 * For a short life this is less than an entry, which would have to be made, given up, and made known to whoever ends the lock;
 * but an operation that is done often needs one: so one in 64 says no, as does a site that is new to the lock. One in 1,024
 * where lives were short, as the tally knows: some 60 operations cost as much as an entry and what becomes of it.
 */
#define DIRECT_OF       64u
#define DIRECT_OF_SHORT 1024u
#define SHORT_LIFE      8u /* operations of one place of the tally */
static bool is_direct(struct tt_self *s, const struct ttrec_lock *l, uint32_t of)
{
	return tt_load_relaxed(&l->gen) >= TT_MANY_LIVES && tt_random(s) % of;
}

bool tt_count_direct(struct tt_self *s, struct ttrec_lock *l, uint64_t site)
{
	uint32_t n = tt_load_relaxed(&l->tally[ttrec_tally_slot(l->kind, site)].n);
	uint32_t of = n / SHORT_LIFE < tt_load_relaxed(&l->gen) ? DIRECT_OF_SHORT : DIRECT_OF;
	return is_direct(s, l, of) && tally(s, l, site, false);
}

/* The same in any case. */
void tt_count_total_of(struct tt_self *s, struct ttrec_lock *l, uint64_t site)
{
	if (!tally(s, l, site, true))
		tt_drop(TTREC_DROP_COUNT);
}

/*
 * Counts an operation that acquires nothing, wherever that is least work. The lock's record; NULL: no space. *entry: where it
 * was counted, NULL: not in the table.
 */
struct ttrec_lock *tt_count_once(
	struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth, struct ttrec_count **entry)
{
	struct ttrec_lock *l = NULL;
	struct ttrec_count *e = tt_count_seek(s, lock, site, &l);
	*entry = NULL;
	if (!e && l && l->kind == birth->kind && tt_count_direct(s, l, site))
		return l;
	*entry = e = tt_count_at(s, e, lock, site, birth);
	return e ? tt_entry_lock(e) : NULL;
}

/* Are holds from here rarely timed? As they are if they are short, and where no first hold ever ended in a release. */
static bool rarely_timed(const struct ttrec_lsite *total)
{
	uint64_t samples = tt_load_relaxed(&total->hold_samples);
	if (tt_g.hold_period == 1)
		return false;
	if (!samples)
		return tt_load_relaxed(&total->count) >> TAG_BITS >= FIRST_SAMPLES;
	return samples >= FIRST_SAMPLES && tt_load_relaxed(&total->hold_timed_ns) / samples < LONG_HOLD_NS;
}

/*
 * Counts an acquisition, likewise: of a semaphore that is held without an entry in the table, the record says who took it, so
 * that he hears of its death. A second thread that does so in one life counts as one with entries. *uid: the lock's, all ones:
 * no space. Returns the entry, NULL none.
 */
struct ttrec_count *tt_count_taken(struct tt_self *s, uint64_t lock, uint64_t site, const struct tt_birth *birth, uint32_t *uid)
{
	struct ttrec_lock *l = NULL;
	struct ttrec_count *e = tt_count_seek(s, lock, site, &l);
	if (!e && l && l->kind == TTREC_KIND_SEM && birth->kind == TTREC_KIND_SEM) {
		struct ttrec_lsite *total = is_direct(s, l, DIRECT_OF) ? tt_lsite_find(l, site) : NULL;
		if (total && rarely_timed(total)) {
			uint32_t own = s->t->slot + 1, taker = 0;
			if (!tt_cas_acq_rel(&l->owner, &taker, own) && taker != own)
				tt_or_relaxed(&l->sharers, tt_own_bit(s));
			direct_add(s, total);
			*uid = tt_lock_uid(l);
			return NULL;
		}
	}
	e = tt_count_at(s, e, lock, site, birth);
	*uid = e ? tt_entry_line(e)->uid : 0xffffffffu;
	return e;
}

/* This acquisition's hold is to be timed. */
void tt_count_timed(struct tt_self *s, struct ttrec_count *e, struct ttrec_held *h)
{
	if (tt_site_is_sem(h->site)) {
		const struct ttrec_lock *l = tt_entry_lock(e);
		if (l && (l->flags & TTREC_LOCK_SEM_FOREIGN)) {
			tt_count_next(s, e, FIRST_SAMPLES, 0);
			return;
		}
	}
	h->since_ns = tt_now();
	tt_or_relaxed(&h->site, TTREC_HELD_FLAG(TTREC_HELD_TIMED));
}

/* ------------------------------------------------------------------ deaths of locks */

/*
 * The lock at this address is no more: give up what the table holds for it, if it holds anything (counted). Of a semaphore
 * nobody holds it as a lock any longer: a post of it looks for it again.
 */
void tt_count_forget(struct tt_self *s, uint64_t lock, bool counted)
{
	tt_held_forget_sem(s, lock);
	if (!counted)
		return;
	uint32_t hash = tt_lock_hash(lock), windows[2] = {tt_window(s, hash), second_window(s, hash)};
	for (uint32_t i = 0; i < 2 * TT_WINDOW; i++) {
		struct ttrec_line *line = &s->table[windows[i / TT_WINDOW] + i % TT_WINDOW];
		if (line->lock == lock)
			line_evict(s, line);
	}
}

/*
 * Does another thread with this one's bit (tt_own_bit) know the lock, by a line or as one that it holds? Its table is read
 * while it may write it: a line of a lock that ends stays or goes for good, but the table may grow, and then the answer is yes,
 * as it is where many are to be asked.
 */
#define NAMESAKES 8u
bool tt_count_namesakes(const struct tt_self *s, uint64_t lock)
{
	uint32_t slots = tt_load_relaxed(&tt_g.p->slots), own = s->t->slot;
	if (slots > 64 * NAMESAKES)
		return true;
	for (uint32_t slot = own % 64; slot < slots; slot += 64) {
		struct ttrec_thread *t = slot == own ? NULL : tt_thread_by_slot(slot);
		if (!t)
			continue;
		uint64_t both = tt_load_acquire(table_word(t));
		struct tt_self of = {.table = (uint32_t)both ? tt_at((uint32_t)both) : t->table,
			.table_lines = (uint32_t)(both >> 32) * (uint32_t)sizeof(struct ttrec_line)};
		uint32_t hash = tt_lock_hash(lock), windows[2] = {tt_window(&of, hash), second_window(&of, hash)};
		for (uint32_t i = 0; i < 2 * TT_WINDOW; i++)
			if (tt_load_acquire(&of.table[windows[i / TT_WINDOW] + i % TT_WINDOW].lock) == lock)
				return true;
		if (tt_load_relaxed(table_word(t)) != both || tt_holder_site(t, lock))
			return true;
	}
	return false;
}

/* Lines whose lock died or was born again since; for threads that missed more deaths than the ring holds. */
static void table_check_all(struct tt_self *s)
{
	for (struct ttrec_line *line = s->table; line < s->table + tt_table_size(s); line++) {
		const struct ttrec_lock *l = line->lock ? tt_lock_by_index(TTREC_UID_INDEX(line->uid)) : NULL;
		if (line->lock && (!l || tt_lock_is_dead(l) || tt_lock_uid(l) != line->uid))
			line_evict(s, line);
	}
}

/* Deaths between two epochs that this thread has not seen yet. */
void tt_count_catch_up(struct tt_self *s, uint32_t from, uint32_t to)
{
	uint64_t claimed = tt_load_acquire(&tt_g.p->death_claim);
	uint32_t missed = to - from;
	if (to < from || missed > TT_DEATH_RING / 2 || claimed < missed || to != (uint32_t)(claimed + 1)) {
		table_check_all(s);
		return;
	}
	for (uint64_t number = claimed - missed; number < claimed; number++) {
		struct tt_death *d = &tt_g.p->deaths[number % TT_DEATH_RING];
		uint64_t lock = tt_load_acquire(&d->lock), sharers = tt_load_acquire(&d->sharers);
		if (tt_load_acquire(&d->seq) != number + 1) {
			table_check_all(s);
			return;
		}
		if (sharers & tt_own_bit(s))
			tt_count_forget(s, lock, true);
	}
}

/* Operations that the table of this slot counted since it was made, with what it gave up. */
uint64_t tt_count_total(const struct ttrec_thread *t)
{
	const struct ttrec_line *table = t->table_ref ? tt_at(t->table_ref) : t->table;
	uint64_t sum = t->evicted;
	for (uint32_t i = 0; i <= t->table_mask; i++)
		sum += line_uses(&table[i]);
	return sum;
}
