/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * glance.c - see glance.h.
 *
 * Chunks are claimed one behind the other and never move, and thread and lock chunks never become anything else: what was
 * walked over once need not be walked again, up to the first chunk that was not published yet.
 */
#include "lib/rec/glance.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/rec/rec_private.h"

#define TRIES    16
#define LASTS_NS UINT64_C(100000000) /* a wait so long is worth a list of the process's tasks */
#define STEPS    (1u << 12)          /* lines that are passed in search of a chunk behind one that is not published */

/* The words from held_depth to held_seq. */
struct held_head {
	uint32_t depth, cap, ref, seq;
};

void tt_glance_close(struct tt_glance *g)
{
	if (g->fd)
		close(g->fd - 1);
	g->fd = 0;
}

void tt_glance_deinit(struct tt_glance *g)
{
	tt_glance_close(g);
	tt_vec_deinit(&g->threads);
	tt_vec_deinit(&g->held);
	tt_vec_deinit(&g->places);
	tt_hmap_deinit(&g->slabs);
	tt_hmap_deinit(&g->seqs);
	tt_life_tasks_deinit(&g->tasks);
	*g = (struct tt_glance){0};
}

static bool read_at(const struct tt_glance *g, void *to, uint64_t size, uint64_t offset)
{
	return tt_rec_pread(g->fd - 1, to, size, offset);
}

/* ------------------------------------------------------------------ where things are */

static int note_chunk(struct tt_glance *g, const struct ttrec_chunk *c, uint64_t at)
{
	if (c->version != 0)
		return 0;
	if (c->type == TTREC_CHUNK_THREAD && c->size >= sizeof(struct ttrec_thread))
		return tt_vec_push(&g->places, at);
	if (c->type == TTREC_CHUNK_LOCK && c->size >= sizeof(*c) + TTREC_SLAB_LOCKS * sizeof(struct ttrec_lock))
		return tt_hmap_put(&g->slabs, c->index / TTREC_SLAB_LOCKS, at);
	return 0;
}

static bool is_good(const struct ttrec_chunk *c, uint64_t room)
{
	return c->magic == TTREC_CHUNK_MAGIC && c->check == ~c->size && c->size >= sizeof(*c) && c->size % TTREC_ALIGN == 0 &&
	       c->size <= room;
}

static int walk(struct tt_glance *g)
{
	struct stat st;
	if (fstat(g->fd - 1, &st) < 0)
		return -errno;
	uint64_t end = g->header.next < (uint64_t)st.st_size ? g->header.next : (uint64_t)st.st_size;
	uint64_t at = g->walked ? g->walked : g->header.header_size;
	size_t known = g->places.len;
	bool whole = true;
	if (at < TTREC_HEADER_SIZE || at % TTREC_ALIGN)
		return -EINVAL;
	for (unsigned steps = 0; at < end && end - at >= sizeof(struct ttrec_chunk) && steps < STEPS;) {
		struct ttrec_chunk c;
		if (!read_at(g, &c, sizeof(c), at))
			break;
		bool good = is_good(&c, end - at);
		if (good && note_chunk(g, &c, at) < 0)
			return -ENOMEM;
		whole = whole && good;
		steps += !good;
		at += good ? c.size : TTREC_ALIGN;
		if (whole) {
			g->walked = at;
			known = g->places.len;
		}
	}
	return (int)(known < INT32_MAX ? known : INT32_MAX);
}

bool tt_glance_lock(const void *ctx, uint32_t uid, struct ttrec_lock *ret)
{
	const struct tt_glance *g = ctx;
	uint32_t index = TTREC_UID_INDEX(uid);
	uint64_t slab;
	if (uid == 0xffffffffu || !tt_hmap_get(&g->slabs, index / TTREC_SLAB_LOCKS, &slab))
		return false;
	uint64_t at = slab + sizeof(struct ttrec_chunk) + (index % TTREC_SLAB_LOCKS) * sizeof(*ret);
	return read_at(g, ret, sizeof(*ret), at) && ret->kind && ret->kind < TTREC_KIND_MAX;
}

/* ------------------------------------------------------------------ threads */

static bool same_wait(const struct ttrec_waiting *a, const struct ttrec_waiting *b)
{
	return !(a->seq & 1) && a->seq == b->seq;
}

/* What it waits for, held still; op 0 when that does not succeed. */
static struct ttrec_waiting read_waiting(const struct tt_glance *g, uint64_t at)
{
	struct ttrec_waiting first, second;
	at += offsetof(struct ttrec_thread, waiting);
	for (int i = 0; i < TRIES; i++) {
		if (!read_at(g, &first, sizeof(first), at) || !read_at(g, &second, sizeof(second), at))
			break;
		if (same_wait(&first, &second))
			return first.op < TTREC_OP_MAX && first.kind < TTREC_KIND_MAX ? first : (struct ttrec_waiting){0};
	}
	return (struct ttrec_waiting){0};
}

/* Where its held stack is; 0: nowhere sensible. */
static uint64_t held_place(const struct tt_glance *g, uint64_t at, const struct held_head *h)
{
	uint64_t bytes = (uint64_t)h->depth * sizeof(struct ttrec_held), place = ttrec_ref_offset(h->ref);
	if (h->depth > h->cap)
		return 0;
	if (!h->ref)
		return h->depth <= TTREC_HELD_INLINE ? at + offsetof(struct ttrec_thread, held) : 0;
	return place < g->header.next && bytes <= g->header.next - place ? place : 0;
}

static int read_held(struct tt_glance *g, struct tt_glance_thread *t, uint64_t at)
{
	uint64_t head = at + offsetof(struct ttrec_thread, held_depth);
	struct held_head first, second;
	t->first_held = g->held.len;
	for (int i = 0; i < TRIES; i++) {
		if (!read_at(g, &first, sizeof(first), head))
			return 0;
		uint64_t place = held_place(g, at, &first);
		if (!place || (first.seq & 1))
			continue;
		if (tt_vec_reserve(&g->held, t->first_held + first.depth + 1) < 0)
			return -ENOMEM;
		if (!read_at(g, g->held.data + t->first_held, (uint64_t)first.depth * sizeof(struct ttrec_held), place) ||
			!read_at(g, &second, sizeof(second), head))
			return 0;
		if (memcmp(&first, &second, sizeof(first)) == 0) {
			t->held_count = first.depth;
			g->held.len = t->first_held + first.depth;
			return 0;
		}
	}
	return 0;
}

/* false: the slot is free, or cannot be read. */
static bool read_thread(const struct tt_glance *g, struct tt_glance_thread *t, uint64_t at)
{
	struct {
		uint32_t slot, state;
		uint64_t serial;
		uint32_t tid, flags;
		uint64_t pthread;
	} words;
	_Static_assert(offsetof(struct ttrec_thread, pthread) - offsetof(struct ttrec_thread, slot) == 24, "one read");
	*t = (struct tt_glance_thread){0};
	if (!read_at(g, &words, sizeof(words), at + offsetof(struct ttrec_thread, slot)) || !words.serial ||
		words.state == TTREC_THREAD_FREE || words.state >= TTREC_THREAD_STATE_MAX)
		return false;
	t->serial = words.serial;
	t->pthread = words.pthread;
	t->tid = words.tid;
	t->state = words.state;
	t->flags = words.flags;
	t->waiting = read_waiting(g, at);
	uint64_t seq;
	t->steady = t->waiting.op && tt_hmap_get(&g->seqs, t->serial, &seq) && seq == t->waiting.seq;
	return true;
}

/* Some wait in progress lasts: the next look will want to know which tasks there are. */
static bool lasts(const struct tt_glance *g, uint64_t now)
{
	const struct tt_glance_thread *t;
	vec_for_each (t, &g->threads)
		if (t->waiting.op && t->waiting.since_ns && t->waiting.since_ns + LASTS_NS < now)
			return true;
	return false;
}

static int remember(struct tt_glance *g)
{
	const struct tt_glance_thread *t;
	tt_hmap_deinit(&g->seqs);
	vec_for_each (t, &g->threads)
		if (t->waiting.op && tt_hmap_put(&g->seqs, t->serial, t->waiting.seq) < 0)
			return -ENOMEM;
	return 0;
}

static int read_threads(struct tt_glance *g)
{
	TT_VEC(uint64_t) from = TT_VEC_INIT;
	int rc = 0;
	g->threads.len = g->held.len = g->steady = 0;
	for (size_t i = 0; i < g->places.len && rc == 0; i++) {
		struct tt_glance_thread t;
		if (!read_thread(g, &t, g->places.data[i]))
			continue;
		g->steady += t.steady;
		if (tt_vec_push(&g->threads, t) < 0 || tt_vec_push(&from, g->places.data[i]) < 0)
			rc = -ENOMEM;
	}
	/* What is held matters only once some thread waits and waits. */
	for (size_t i = 0; i < g->threads.len && g->steady && rc == 0; i++) {
		struct tt_glance_thread *t = &g->threads.data[i];
		rc = read_held(g, t, from.data[i]);
		if (rc == 0 && t->steady)
			(void)read_at(g, t->name, sizeof(t->name), from.data[i] + offsetof(struct ttrec_thread, name));
		t->name[TTREC_NAME_MAX - 1] = '\0';
	}
	tt_vec_deinit(&from);
	return rc;
}

int tt_glance_take(struct tt_glance *g, const char *path, struct tt_err *err)
{
	uint64_t start = g->header.start_mono_ns, now = tt_life_now_ns();
	bool lasted = lasts(g, now > start ? now - start : 0);
	tt_glance_close(g);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	g->fd = fd + 1;
	int rc = tt_rec_peek_fd(fd, &g->header, err);
	if (rc < 0)
		return rc;
	const struct ttrec_header *h = &g->header;
	if (h->start_mono_ns != start) { /* the first look, or another recording under this name */
		g->walked = g->places.len = 0;
		tt_hmap_deinit(&g->slabs);
		tt_hmap_deinit(&g->seqs);
	}
	g->life = tt_life_of(h->state, h->pid, h->proc_start_ticks, h->pid_ns);
	tt_life_tasks_deinit(&g->tasks);
	if (lasted && g->life == TT_REC_RUNNING)
		(void)tt_life_list_tasks(h->pid, g->want_asleep, &g->tasks);
	size_t confirmed = 0;
	rc = walk(g);
	if (rc >= 0) {
		confirmed = (size_t)rc;
		rc = read_threads(g);
	}
	/* Places behind a chunk that was not published yet are found again next time. */
	g->places.len = confirmed < g->places.len ? confirmed : g->places.len;
	if (rc == 0)
		rc = remember(g);
	return rc < 0 ? tt_err_set(err, -rc, "cannot look at '%s': %s", path, strerror(-rc)) : 0;
}
