/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record.c - writes frames as differences into a bounded file (record.h). */
#include "lib/proc/record.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/record_format.h"
#include "lib/util/buf.h"
#include "lib/util/hmap.h"

#define MOST_FIELDS 64
#define LEAST_BYTES 65536u

/* What was written last of a process or thread; texts by their hash. */
struct written {
	uint64_t value[MOST_FIELDS];
	uint64_t round;
};

struct tt_recorder {
	int fd;
	char *path;
	uint64_t max_bytes, length;
	uint64_t frames; /* since the last K; 0: the next is one */
	uint64_t round;
	struct tt_hmap procs, tasks; /* id -> struct written */
	struct written machine;
	TT_VEC(uint64_t) keys; /* offsets of K blocks */
	struct tt_buf block;
	struct tt_err error;
};

static void put_varint(struct tt_buf *out, uint64_t value)
{
	char bytes[10];
	size_t len = 0;
	do {
		bytes[len++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
	} while (value >>= 7);
	tt_buf_add(out, bytes, len);
}

static void put_text(struct tt_buf *out, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	if (len >= RECORD_TEXT_MOST)
		len = RECORD_TEXT_MOST - 1;
	put_varint(out, text ? len + 1 : 0);
	tt_buf_add(out, text ? text : "", len);
}

static const char *text_of(const void *object, const struct record_field *f)
{
	const char *text;
	memcpy(&text, (const char *)object + f->offset, sizeof(text));
	return text;
}

static uint64_t value_of(const void *object, const struct record_field *f)
{
	if (f->type != RECORD_TEXT)
		return record_get(object, f);
	const char *text = text_of(object, f);
	return text ? tt_hash_stable(TT_HASH_STABLE_INIT, text, strlen(text)) | 1 : 0;
}

/* The fields that changed, and the end mark. False: none did, and nothing was put. */
static bool put_fields(
	struct tt_buf *out, const void *object, const struct record_field *fields, unsigned count, struct written *w)
{
	bool any = false;
	for (unsigned i = 0; i < count; i++) {
		uint64_t value = value_of(object, &fields[i]);
		if (value == w->value[i])
			continue;
		any = true;
		put_varint(out, i * 2u + (fields[i].type == RECORD_TEXT) + 1);
		if (fields[i].type == RECORD_TEXT)
			put_text(out, text_of(object, &fields[i]));
		else
			put_varint(out, record_zigzag(value, w->value[i]));
		w->value[i] = value;
	}
	return any;
}

static struct written *written_of(struct tt_recorder *r, struct tt_hmap *map, uint64_t id, bool *is_new)
{
	struct tt_hmap_entry *e = tt_hmap_insert(map, id, is_new);
	if (e && *is_new)
		e->ptr = calloc(1, sizeof(struct written));
	if (!e || !e->ptr)
		return NULL;
	struct written *w = e->ptr;
	w->round = r->round;
	return w;
}

/* Ids that this round did not see. */
static void put_gone(struct tt_recorder *r, struct tt_hmap *map)
{
	TT_BUF_AUTO(ids);
	uint64_t count = 0;
	for (size_t i = 0; i < map->len;) {
		struct written *w = map->entries[i].ptr;
		if (w && w->round == r->round) {
			i++;
			continue;
		}
		put_varint(&ids, map->entries[i].key);
		count++;
		free(w);
		tt_hmap_remove(map, map->entries[i].key);
	}
	put_varint(&r->block, count);
	tt_buf_add(&r->block, tt_buf_str(&ids), ids.len);
}

static int put_procs(struct tt_recorder *r, const struct tt_top_frame *f)
{
	TT_BUF_AUTO(changed);
	struct tt_top_proc *const *p;
	uint64_t count = 0;
	vec_for_each (p, &f->procs) {
		TT_BUF_AUTO(fields);
		bool is_new;
		struct written *w = written_of(r, &r->procs, (*p)->id, &is_new);
		if (!w)
			return -ENOMEM;
		if (!put_fields(&fields, *p, record_proc, record_proc_count, w) && !is_new)
			continue;
		put_varint(&changed, (*p)->id);
		tt_buf_add(&changed, tt_buf_str(&fields), fields.len);
		put_varint(&changed, 0);
		count++;
	}
	put_gone(r, &r->procs);
	put_varint(&r->block, count);
	return tt_buf_add(&r->block, tt_buf_str(&changed), changed.len);
}

static int put_tasks(struct tt_recorder *r, const struct tt_top_frame *f)
{
	TT_BUF_AUTO(changed);
	TT_BUF_AUTO(fields);
	struct tt_top_task *const *t;
	uint64_t count = 0;
	vec_for_each (t, &f->tasks) {
		bool is_new;
		struct tt_top_task shown = **t; /* its texts are borrowed */
		struct written *w = written_of(r, &r->tasks, shown.id, &is_new);
		if (!w)
			return -ENOMEM;
		tt_buf_clear(&fields);
		record_to_file(&shown);
		if (!put_fields(&fields, &shown, record_task, record_task_count, w) && !is_new)
			continue;
		put_varint(&changed, shown.id);
		put_varint(&changed, shown.proc->id);
		tt_buf_add(&changed, tt_buf_str(&fields), fields.len);
		put_varint(&changed, 0);
		count++;
	}
	put_gone(r, &r->tasks);
	put_varint(&r->block, count);
	return tt_buf_add(&r->block, tt_buf_str(&changed), changed.len);
}

static void forget(struct tt_hmap *map)
{
	struct tt_hmap_entry *e;
	hmap_for_each (e, map)
		free(e->ptr);
	tt_hmap_deinit(map);
}

/* ------------------------------------------------------------------ the file */

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int fail(struct tt_recorder *r, int code)
{
	return tt_err_set(&r->error, code, "cannot write '%s': %s", r->path, strerror(code));
}

static int write_head(int fd)
{
	char head[RECORD_HEAD] = RECORD_MAGIC;
	uint16_t version[2] = {htole16(TT_RECORD_MAJOR), htole16(TT_RECORD_MINOR)};
	memcpy(head + 8, version, sizeof(version));
	return write_all(fd, head, sizeof(head));
}

/* Copies what begins at `from` behind the head of a new file, which takes the old one's place. */
static int drop_older(struct tt_recorder *r, uint64_t from)
{
	char fresh[4096], bytes[65536];
	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.%d.tmp", r->path, getpid()) >= sizeof(fresh))
		return -ENAMETOOLONG;
	int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int rc = write_head(fd);
	for (uint64_t at = from; rc == 0 && at < r->length;) {
		ssize_t n = pread(r->fd, bytes, sizeof(bytes), (off_t)at);
		rc = n <= 0 ? (n < 0 ? -errno : -EIO) : write_all(fd, bytes, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	if (rc == 0 && rename(fresh, r->path) < 0)
		rc = -errno;
	if (rc < 0) {
		unlink(fresh);
		close(fd);
		return rc;
	}
	close(r->fd);
	r->fd = fd;
	size_t kept = 0;
	for (size_t i = 0; i < r->keys.len; i++)
		if (r->keys.data[i] >= from)
			r->keys.data[kept++] = r->keys.data[i] - from + RECORD_HEAD;
	r->keys.len = kept;
	r->length = r->length - from + RECORD_HEAD;
	return 0;
}

/* Before a block that would make it too long: from the first K of the newer half on. */
static int make_room(struct tt_recorder *r, size_t more)
{
	if (r->length + more <= r->max_bytes)
		return 0;
	for (size_t i = 0; i < r->keys.len; i++)
		if (r->length - r->keys.data[i] <= r->max_bytes / 2)
			return drop_older(r, r->keys.data[i]);
	return drop_older(r, r->length); /* one stretch alone is too long: begin again */
}

static int write_block(struct tt_recorder *r, const struct tt_top_frame *f, char type)
{
	char *head = r->block.data;
	uint32_t words[4] = {htole32(RECORD_BLOCK_MAGIC), 0, htole32((uint32_t)(r->block.len - RECORD_BLOCK_HEAD)), 0};
	uint64_t longs[2] = {htole64(f->number), htole64(f->time_ns)};
	if (r->block.len - RECORD_BLOCK_HEAD > RECORD_BLOCK_MOST)
		return -EFBIG;
	memcpy(head, words, sizeof(words));
	head[4] = type;
	memcpy(head + 16, longs, sizeof(longs));
	uint32_t crc = htole32(record_crc(0, head, r->block.len));
	memcpy(head + 12, &crc, sizeof(crc));
	if (type == 'K' && tt_vec_push(&r->keys, r->length) < 0)
		return -ENOMEM;
	int rc = write_all(r->fd, head, r->block.len);
	r->length += r->block.len;
	return rc;
}

/* The block of a frame. A K forgets what was written before. */
static int make_block(struct tt_recorder *r, const struct tt_top_frame *f)
{
	tt_buf_clear(&r->block);
	tt_buf_fill(&r->block, 0, RECORD_BLOCK_HEAD);
	r->round++;
	if (r->frames % TT_RECORD_KEY_EVERY == 0) {
		forget(&r->procs);
		forget(&r->tasks);
		memset(&r->machine, 0, sizeof(r->machine));
	}
	put_varint(&r->block, f->boot_ns);
	put_varint(&r->block, f->span_ns);
	put_fields(&r->block, &f->machine, record_machine, record_machine_count, &r->machine);
	put_varint(&r->block, 0);
	int rc = put_procs(r, f);
	if (rc == 0)
		rc = put_tasks(r, f);
	return rc < 0 || tt_buf_failed(&r->block) ? -ENOMEM : 0;
}

int tt_recorder_add(struct tt_recorder *r, const struct tt_top_frame *f, struct tt_err *err)
{
	int rc = r->error.code ? -r->error.code : make_block(r, f);
	bool key = r->frames % TT_RECORD_KEY_EVERY == 0;
	if (rc == 0)
		rc = make_room(r, r->block.len);
	/* What is left of the file must begin with a K. */
	if (rc == 0 && r->keys.len == 0 && !key) {
		r->frames = 0;
		key = true;
		rc = make_block(r, f);
	}
	if (rc == 0)
		rc = write_block(r, f, key ? 'K' : 'D');
	r->frames++;
	if (rc < 0 && !r->error.code)
		fail(r, -rc);
	if (rc < 0 && err)
		*err = r->error;
	return rc;
}

/* An empty file, or a recording of before. */
static bool may_replace(int fd)
{
	char head[8];
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_size == 0 ||
		       (pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, RECORD_MAGIC, sizeof(head)) == 0));
}

int tt_recorder_create(const char *path, uint64_t max_bytes, struct tt_recorder **ret, struct tt_err *err)
{
	struct tt_recorder *r = calloc(1, sizeof(*r));
	char *copy = strdup(path);
	if (!r || !copy) {
		free(r);
		free(copy);
		return tt_err_set(err, ENOMEM, "out of memory");
	}
	r->path = copy;
	r->max_bytes = max_bytes < LEAST_BYTES ? LEAST_BYTES : max_bytes;
	r->length = RECORD_HEAD;
	r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = r->fd < 0 ? -errno : !may_replace(r->fd) ? -EEXIST : ftruncate(r->fd, 0) < 0 ? -errno : write_head(r->fd);
	if (rc == 0) {
		*ret = r;
		return 0;
	}
	tt_recorder_destroy(r, NULL);
	return rc == -EEXIST ? tt_err_set(err, EEXIST, "'%s' exists and is no recording of threadtop", path)
	                     : tt_err_set(err, -rc, "cannot write '%s': %s", path, strerror(-rc));
}

int tt_recorder_destroy(struct tt_recorder *r, struct tt_err *err)
{
	if (!r)
		return 0;
	if (r->fd >= 0 && close(r->fd) < 0 && !r->error.code)
		fail(r, errno);
	int rc = -r->error.code;
	if (rc < 0 && err)
		*err = r->error;
	forget(&r->procs);
	forget(&r->tasks);
	tt_vec_deinit(&r->keys);
	tt_buf_deinit(&r->block);
	free(r->path);
	free(r);
	return rc;
}
