/* SPDX-License-Identifier: GPL-3.0-or-later */
/* replay.c - reads recordings of threadtop, whatever is in them, and makes any frame of them the current one (record.h). */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/record.h"
#include "lib/proc/record_format.h"
#include "lib/util/hmap.h"

struct block {
	uint64_t offset, number, time_ns;
	uint32_t length;
	bool key;
};

struct tt_replay {
	int fd;
	uint64_t size;
	TT_VEC(struct block) blocks; /* those that can be shown: each K with the unbroken row of D behind it */
	char *problem;
	size_t at;    /* the current one */
	bool current; /* false: there is none */
	struct tt_top_frame frame;
	struct tt_hmap procs, tasks; /* id -> struct tt_top_proc, struct tt_top_task */
	char *bytes;
	size_t room;
};

/* ------------------------------------------------------------------ the file */

static uint64_t get64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint32_t get32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static bool read_at(const struct tt_replay *r, uint64_t offset, void *bytes, size_t len)
{
	char *p = bytes;
	while (len) {
		ssize_t n = pread(r->fd, p, len, (off_t)offset);
		if (n <= 0)
			return false;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* The whole block into r->bytes, its sum checked. False: it is cut or damaged (*length may be used to skip it when plausible).
 */
static bool load(struct tt_replay *r, uint64_t offset, struct block *ret)
{
	char head[RECORD_BLOCK_HEAD];
	ret->length = 0;
	if (!read_at(r, offset, head, sizeof(head)) || get32(head) != RECORD_BLOCK_MAGIC)
		return false;
	uint32_t length = get32(head + 8), crc = get32(head + 12);
	if (length > RECORD_BLOCK_MOST || offset + RECORD_BLOCK_HEAD + length > r->size)
		return false;
	if (length + RECORD_BLOCK_HEAD > r->room) {
		char *more = realloc(r->bytes, length + RECORD_BLOCK_HEAD);
		if (!more)
			return false;
		r->bytes = more;
		r->room = length + RECORD_BLOCK_HEAD;
	}
	memcpy(r->bytes, head, sizeof(head));
	memset(r->bytes + 12, 0, 4);
	if (!read_at(r, offset + RECORD_BLOCK_HEAD, r->bytes + RECORD_BLOCK_HEAD, length) ||
		record_crc(0, r->bytes, length + RECORD_BLOCK_HEAD) != crc)
		return false;
	*ret = (struct block){offset, get64(head + 16), get64(head + 24), length, head[4] == 'K'};
	return head[4] == 'K' || head[4] == 'D';
}

/* The next place behind `offset` that looks like a block; r->size when there is none. */
static uint64_t resynchronise(struct tt_replay *r, uint64_t offset)
{
	char bytes[65536];
	const uint32_t magic = htole32(RECORD_BLOCK_MAGIC);
	while (offset + 4 <= r->size) {
		uint64_t left = r->size - offset;
		size_t len = left < sizeof(bytes) ? (size_t)left : sizeof(bytes);
		if (!read_at(r, offset, bytes, len))
			break;
		const char *found = memmem(bytes, len, &magic, sizeof(magic));
		if (found)
			return offset + (uint64_t)(found - bytes);
		offset += len - 3;
		if (len < sizeof(bytes))
			break;
	}
	return r->size;
}

struct scan {
	uint64_t lost;    /* frames or stretches that could not be read */
	uint64_t skipped; /* D blocks without what they are differences to */
	bool cut, chained;
	uint64_t next; /* number that continues the row */
};

static int take_block(struct tt_replay *r, struct scan *s, const struct block *b)
{
	/* A D must continue the frame before it. */
	s->chained = b->key || (s->chained && b->number == s->next);
	s->next = b->number + 1;
	if (!s->chained) {
		s->skipped++;
		return 0;
	}
	return tt_vec_push(&r->blocks, *b);
}

static int scan(struct tt_replay *r, struct scan *s)
{
	uint64_t offset = RECORD_HEAD;
	while (offset < r->size) {
		struct block b;
		if (load(r, offset, &b)) {
			if (take_block(r, s, &b) < 0)
				return -ENOMEM;
			offset += RECORD_BLOCK_HEAD + b.length;
			continue;
		}
		s->chained = false;
		uint64_t next = resynchronise(r, offset + 1);
		if (next >= r->size)
			s->cut = true;
		else
			s->lost++;
		offset = next;
	}
	return 0;
}

static int tell_problem(struct tt_replay *r, const struct scan *s)
{
	if (!s->cut && !s->lost && !s->skipped)
		return 0;
	int n = asprintf(&r->problem, "%s%" PRIu64 " frame%s of it cannot be shown%s",
		"the recording is damaged: ", s->lost + s->skipped + s->cut, s->lost + s->skipped + s->cut == 1 ? "" : "s",
		s->cut ? ", it ends in the middle of one" : "");
	if (n < 0)
		r->problem = NULL;
	return n < 0 ? -ENOMEM : 0;
}

static int check_head(struct tt_replay *r, const char *path, struct tt_err *err)
{
	char head[RECORD_HEAD];
	struct stat st;
	uint16_t major;
	if (fstat(r->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return tt_err_set(err, EINVAL, "'%s' is no file", path);
	r->size = (uint64_t)st.st_size;
	if (!read_at(r, 0, head, sizeof(head)) || memcmp(head, RECORD_MAGIC, sizeof(RECORD_MAGIC)) != 0)
		return tt_err_set(err, EINVAL, "'%s' is no recording of threadtop", path);
	memcpy(&major, head + 8, sizeof(major));
	if (le16toh(major) != TT_RECORD_MAJOR)
		return tt_err_set(
			err, EINVAL, "'%s' has format %u, this program reads %u", path, le16toh(major), TT_RECORD_MAJOR);
	return 0;
}

int tt_replay_open(const char *path, struct tt_replay **ret, struct tt_err *err)
{
	struct scan s = {0};
	struct tt_replay *r = calloc(1, sizeof(*r));
	if (!r)
		return tt_err_set(err, ENOMEM, "out of memory");
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc = r->fd < 0 ? tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno)) : check_head(r, path, err);
	if (rc == 0 && (scan(r, &s) < 0 || tell_problem(r, &s) < 0))
		rc = tt_err_set(err, ENOMEM, "out of memory");
	if (rc == 0 && r->blocks.len == 0)
		rc = tt_err_set(err, ENODATA, "'%s' holds no whole frame", path);
	if (rc == 0)
		rc = tt_replay_seek(r, 0, err);
	if (rc < 0) {
		tt_replay_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

const char *tt_replay_problem(const struct tt_replay *r)
{
	return r->problem;
}

size_t tt_replay_count(const struct tt_replay *r)
{
	return r->blocks.len;
}

size_t tt_replay_at(const struct tt_replay *r)
{
	return r->at;
}

uint64_t tt_replay_time_ns(const struct tt_replay *r, size_t at)
{
	return at < r->blocks.len ? r->blocks.data[at].time_ns : 0;
}

struct tt_top_frame *tt_replay_frame(struct tt_replay *r)
{
	return &r->frame;
}

/* ------------------------------------------------------------------ a frame */

struct cursor {
	const char *p, *end;
	bool bad;
};

static uint64_t take_varint(struct cursor *c)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (c->p >= c->end)
			break;
		uint8_t byte = (uint8_t)*c->p++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	c->bad = true;
	return 0;
}

/* A text; NULL with 0. The bytes must hold no NUL. */
static int take_text(struct cursor *c, char **ret)
{
	uint64_t len = take_varint(c);
	if (c->bad || len > RECORD_TEXT_MOST || (len && len - 1 > (uint64_t)(c->end - c->p))) {
		c->bad = true;
		return 0;
	}
	char *text = len ? strndup(c->p, (size_t)len - 1) : NULL;
	if (len && !text)
		return -ENOMEM;
	c->p += len ? len - 1 : 0;
	free(*ret);
	*ret = text;
	return 0;
}

static int take_fields(struct cursor *c, void *object, const struct record_field *fields, unsigned count)
{
	for (;;) {
		uint64_t tag = take_varint(c);
		if (c->bad || tag == 0)
			return 0;
		uint64_t number = (tag - 1) / 2;
		bool text = (tag - 1) & 1, known = number < count && (fields[number].type == RECORD_TEXT) == text;
		if (text) {
			char *skipped = NULL, **to = known ? (char **)((char *)object + fields[number].offset) : &skipped;
			int rc = take_text(c, to);
			free(skipped);
			if (rc < 0)
				return rc;
		} else {
			uint64_t value = take_varint(c);
			if (known && !c->bad)
				record_put(
					object, &fields[number], record_unzigzag(value, record_get(object, &fields[number])));
		}
	}
}

static void free_task(struct tt_replay *r, struct tt_top_task *t)
{
	tt_hmap_remove(&r->tasks, t->id);
	tt_top_task_deinit(t);
	free(t);
}

static void free_all(struct tt_replay *r)
{
	struct tt_hmap_entry *e;
	hmap_for_each (e, &r->tasks) {
		tt_top_task_deinit(e->ptr);
		free(e->ptr);
	}
	hmap_for_each (e, &r->procs) {
		tt_top_proc_deinit(e->ptr);
		free(e->ptr);
	}
	tt_hmap_deinit(&r->tasks);
	tt_hmap_deinit(&r->procs);
	tt_machine_deinit(&r->frame.machine);
	r->frame.machine = (struct tt_machine){0};
	r->frame.procs.len = r->frame.tasks.len = 0;
}

void tt_replay_close(struct tt_replay *r)
{
	if (!r)
		return;
	free_all(r);
	tt_vec_deinit(&r->frame.procs);
	tt_vec_deinit(&r->frame.tasks);
	tt_vec_deinit(&r->blocks);
	if (r->fd >= 0)
		close(r->fd);
	free(r->problem);
	free(r->bytes);
	free(r);
}

static int take_procs(struct tt_replay *r, struct cursor *c)
{
	for (uint64_t n = take_varint(c); n > 0 && !c->bad; n--) {
		struct tt_top_proc *p = tt_hmap_ptr(&r->procs, take_varint(c));
		if (!p)
			continue;
		while (p->tasks.len)
			free_task(r, p->tasks.data[--p->tasks.len]);
		tt_hmap_remove(&r->procs, p->id);
		tt_top_proc_deinit(p);
		free(p);
	}
	for (uint64_t n = take_varint(c); n > 0 && !c->bad; n--) {
		uint64_t id = take_varint(c);
		struct tt_top_proc *p = tt_hmap_ptr(&r->procs, id);
		if (!p) {
			if (r->procs.len >= RECORD_TASKS_MOST)
				c->bad = true;
			p = c->bad ? NULL : calloc(1, sizeof(*p));
			if (!p)
				return c->bad ? 0 : -ENOMEM;
			p->id = id;
			if (tt_hmap_put_ptr(&r->procs, id, p) < 0) {
				free(p);
				return -ENOMEM;
			}
		}
		if (take_fields(c, p, record_proc, record_proc_count) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void unlink_task(struct tt_top_task *t)
{
	struct tt_top_proc *p = t->proc;
	for (size_t i = 0; i < p->tasks.len; i++)
		if (p->tasks.data[i] == t) {
			memmove(&p->tasks.data[i], &p->tasks.data[i + 1], (p->tasks.len - i - 1) * sizeof(t));
			p->tasks.len--;
			return;
		}
}

static struct tt_top_task *new_task(struct tt_replay *r, uint64_t id, struct tt_top_proc *p)
{
	struct tt_top_task *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->id = id;
	t->proc = p;
	if (tt_hmap_put_ptr(&r->tasks, id, t) == 0) {
		if (tt_vec_push(&p->tasks, t) == 0)
			return t;
		tt_hmap_remove(&r->tasks, id);
	}
	free(t);
	return NULL;
}

static int take_tasks(struct tt_replay *r, struct cursor *c)
{
	for (uint64_t n = take_varint(c); n > 0 && !c->bad; n--) {
		struct tt_top_task *t = tt_hmap_ptr(&r->tasks, take_varint(c));
		if (t) {
			unlink_task(t);
			free_task(r, t);
		}
	}
	for (uint64_t n = take_varint(c); n > 0 && !c->bad; n--) {
		uint64_t id = take_varint(c);
		struct tt_top_proc *p = tt_hmap_ptr(&r->procs, take_varint(c));
		struct tt_top_task *t = tt_hmap_ptr(&r->tasks, id);
		if (!p || (t && t->proc != p) || (!t && r->tasks.len >= RECORD_TASKS_MOST)) {
			c->bad = true;
			return 0;
		}
		if (!t && !(t = new_task(r, id, p)))
			return -ENOMEM;
		if (take_fields(c, t, record_task, record_task_count) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Between frames the threads are as the file has them. */
static void convert(struct tt_replay *r, void (*each)(struct tt_top_task *))
{
	struct tt_hmap_entry *e;
	hmap_for_each (e, &r->tasks)
		each(e->ptr);
}

static void remember(struct tt_replay *r)
{
	struct tt_hmap_entry *e;
	hmap_for_each (e, &r->tasks) {
		struct tt_top_task *t = e->ptr;
		if (!t->history.born || t->d_run_ns || t->d_wait_ns)
			tt_top_task_remember(t, r->frame.number);
	}
}

static int by_id(const void *a, const void *b)
{
	const struct tt_top_proc *x = *(struct tt_top_proc *const *)a, *y = *(struct tt_top_proc *const *)b;
	return (x->id > y->id) - (x->id < y->id);
}

static int gather(struct tt_replay *r)
{
	struct tt_hmap_entry *e;
	r->frame.procs.len = 0;
	hmap_for_each (e, &r->procs)
		if (tt_vec_push(&r->frame.procs, (struct tt_top_proc *)e->ptr) < 0)
			return -ENOMEM;
	tt_vec_sort(&r->frame.procs, by_id);
	return tt_top_frame_gather(&r->frame);
}

/* A K tells everything; only the histories of threads that go on are kept, by their ids. */
static int begin_anew(struct tt_replay *r, struct tt_hmap *histories)
{
	struct tt_hmap_entry *e;
	hmap_for_each (e, &r->tasks) {
		struct tt_top_task_history *copy = malloc(sizeof(*copy));
		if (!copy || tt_hmap_put_ptr(histories, e->key, copy) < 0) {
			free(copy);
			return -ENOMEM;
		}
		*copy = ((const struct tt_top_task *)e->ptr)->history;
	}
	free_all(r);
	return 0;
}

static void restore(struct tt_replay *r, struct tt_hmap *histories)
{
	struct tt_hmap_entry *e;
	hmap_for_each (e, histories) {
		struct tt_top_task *t = tt_hmap_ptr(&r->tasks, e->key);
		if (t)
			t->history = *(struct tt_top_task_history *)e->ptr;
		free(e->ptr);
	}
	tt_hmap_deinit(histories);
}

/* 0, -ENOMEM, -EINVAL: the sum is right, but the content cannot be. */
static int decode(struct tt_replay *r, size_t at)
{
	const struct block *b = &r->blocks.data[at];
	struct block again;
	if (!load(r, b->offset, &again) || again.length != b->length)
		return -EINVAL;
	struct cursor c = {r->bytes + RECORD_BLOCK_HEAD, r->bytes + RECORD_BLOCK_HEAD + b->length, false};
	struct tt_hmap histories = TT_HMAP_INIT;
	if (b->key && begin_anew(r, &histories) < 0)
		return -ENOMEM;
	convert(r, record_to_file);
	r->frame.number = b->number;
	r->frame.time_ns = b->time_ns;
	r->frame.boot_ns = take_varint(&c);
	r->frame.span_ns = take_varint(&c);
	int rc = take_fields(&c, &r->frame.machine, record_machine, record_machine_count);
	if (rc == 0)
		rc = take_procs(r, &c);
	if (rc == 0 && !c.bad)
		rc = take_tasks(r, &c);
	convert(r, record_from_file);
	restore(r, &histories);
	if (rc == 0)
		rc = gather(r);
	remember(r);
	return rc < 0 ? rc : c.bad ? -EINVAL : 0;
}

/* Where to begin so that the histories of frame `at` are whole. */
static size_t start_for(const struct tt_replay *r, size_t at)
{
	size_t from = at > TT_TASK_HISTORY ? at - TT_TASK_HISTORY : 0;
	while (from > 0 && !r->blocks.data[from].key)
		from--;
	return from;
}

int tt_replay_seek(struct tt_replay *r, size_t at, struct tt_err *err)
{
	int rc = 0;
	if (at >= r->blocks.len)
		return tt_err_set(err, ERANGE, "the recording has %zu frames", r->blocks.len);
	if (r->current && at == r->at)
		return 0;
	size_t from = r->at + 1;
	if (!r->current || at < from || at - from > TT_TASK_HISTORY) {
		free_all(r);
		from = start_for(r, at);
	}
	r->current = false;
	for (size_t i = from; i <= at && rc == 0; i++)
		rc = decode(r, i);
	r->at = at;
	r->current = rc == 0;
	if (rc == -EINVAL)
		return tt_err_set(err, EINVAL, "a frame of the recording makes no sense");
	return rc < 0 ? tt_err_set(err, -rc, "cannot show the frame: %s", strerror(-rc)) : 0;
}
