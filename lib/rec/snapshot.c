/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot.c - a private copy of a recording's used part.
 *
 * Always a copy, never a mapping of the file: the file may shrink while we look (SIGBUS), and change under every check. Holes
 * of a sparse file are neither read nor backed by memory, so that memory stays within what the file really holds.
 */
#include "lib/rec/rec_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_STEP  (1u << 20)
#define COPY_TURNS 4                   /* a live writer goes on claiming space: follow it that often */
#define MAX_REACH  (UINT64_C(1) << 36) /* 32-bit refs of 16 bytes cannot name more */

bool tt_rec_pread(int fd, void *to, uint64_t size, uint64_t offset)
{
	uint8_t *at = to;
	while (size) {
		ssize_t n = pread(fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return true;
}

static int extent_add(struct tt_rec *rec, uint64_t start, uint64_t end)
{
	if (rec->extents.len && rec->extents.data[rec->extents.len - 1].end >= start) {
		rec->extents.data[rec->extents.len - 1].end = end;
		return 0;
	}
	return tt_vec_push(&rec->extents, ((struct tt_rec_extent){start, end}));
}

/* Copies the data extent [start, end); stops quietly where the file now ends. */
static int copy_extent(struct tt_rec *rec, int fd, uint64_t start, uint64_t end)
{
	uint64_t at = start;
	while (at < end) {
		uint64_t want = end - at < COPY_STEP ? end - at : COPY_STEP;
		ssize_t n = pread(fd, rec->base + at, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += (uint64_t)n;
	}
	return at > start ? extent_add(rec, start, at) : 0;
}

static int copy_range(struct tt_rec *rec, int fd, uint64_t start, uint64_t end)
{
	while (start < end) {
		off_t data = lseek(fd, (off_t)start, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0; /* only a hole is left */
		off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (data < 0 || hole <= data) { /* the file system does not tell */
			data = (off_t)start;
			hole = (off_t)end;
		}
		if ((uint64_t)data >= end)
			return 0;
		uint64_t stop = (uint64_t)hole < end ? (uint64_t)hole : end;
		int rc = copy_extent(rec, fd, (uint64_t)data, stop);
		if (rc < 0)
			return rc;
		start = stop;
	}
	return 0;
}

static int copy_map(struct tt_rec *rec, struct tt_err *err)
{
	uint64_t bytes = rec->file_size ? rec->file_size : 1;
	rec->map_size = bytes;
	void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return tt_err_set(err, ENOMEM, "no memory for a copy of %llu bytes", (unsigned long long)bytes);
	rec->base = base;
	return 0;
}

void tt_rec_copy_free(struct tt_rec *rec)
{
	if (rec->base)
		munmap(rec->base, rec->map_size);
	rec->base = NULL;
	tt_vec_deinit(&rec->extents);
}

/* How much of the file is in use, by its own word; all of it when that word makes no sense. */
static uint64_t used_part(const struct tt_rec *rec)
{
	const struct ttrec_header *h = (const void *)rec->base;
	uint64_t next = __atomic_load_n(&h->next, __ATOMIC_RELAXED);
	if (memcmp(h->magic, TTREC_MAGIC, sizeof(h->magic)) != 0 || next < sizeof(*h) || next > rec->file_size ||
		next % TTREC_ALIGN)
		return rec->file_size;
	return next;
}

static bool is_good(const struct ttrec_chunk *c)
{
	return c->magic == TTREC_CHUNK_MAGIC && c->check == ~c->size && c->size >= sizeof(*c) && c->size % TTREC_ALIGN == 0;
}

/*
 * `next` was damaged, and must not hide what lies behind: when a chunk reaches beyond it, or another one begins there.
 * (A writer claims space before it fills it, and `next` was read before: it cannot be a live writer's doing, save that a chunk
 * begun since then stands there, which does no harm.) beyond: the first bytes behind the copy.
 */
static bool is_unannounced(const struct tt_rec *rec, const struct ttrec_chunk *beyond)
{
	const struct ttrec_header *h = (const void *)rec->base;
	uint64_t at = h->header_size;
	if (is_good(beyond))
		return true;
	while (at % TTREC_ALIGN == 0 && at < rec->size && rec->size - at >= sizeof(*beyond)) {
		const struct ttrec_chunk *c = (const void *)(rec->base + at);
		if (!is_good(c))
			break;
		if (c->size > rec->size - at)
			return true;
		at += c->size;
	}
	return false;
}

static int copy_unannounced(struct tt_rec *rec, int fd)
{
	struct ttrec_chunk beyond;
	if (rec->size < sizeof(struct ttrec_header) || rec->file_size - rec->size < sizeof(beyond) ||
		!tt_rec_pread(fd, &beyond, sizeof(beyond), rec->size) || !is_unannounced(rec, &beyond))
		return 0;
	int rc = copy_range(rec, fd, rec->size, rec->file_size);
	rec->size = rec->file_size;
	rec->unannounced = true;
	return rc;
}

int tt_rec_copy_fd(struct tt_rec *rec, int fd, struct tt_err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return tt_err_set(err, errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return tt_err_set(err, EINVAL, "not a regular file");
	rec->file_size = (uint64_t)st.st_size < MAX_REACH ? (uint64_t)st.st_size : MAX_REACH;
	int rc = copy_map(rec, err);
	if (rc < 0)
		return rc;

	uint64_t header = rec->file_size < TTREC_HEADER_SIZE ? rec->file_size : TTREC_HEADER_SIZE;
	rc = copy_range(rec, fd, 0, header);
	rec->size = header;
	for (int turn = 0; rc == 0 && turn < COPY_TURNS && header == TTREC_HEADER_SIZE; turn++) {
		uint64_t used = used_part(rec);
		if (used <= rec->size)
			break;
		rc = copy_range(rec, fd, rec->size, used);
		rec->size = used;
		/* Counters of the header and its `next` may have moved on: take it anew with the rest. */
		if (rc == 0 && !tt_rec_pread(fd, rec->base, header, 0))
			break;
	}
	if (rc == 0)
		rc = copy_unannounced(rec, fd);
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot read: %s", strerror(-rc));
	/* Cut while we read: what is gone must not pass for empty. */
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size < rec->size)
		rec->file_size = rec->size = (uint64_t)st.st_size;
	return 0;
}

int tt_rec_copy_memory(struct tt_rec *rec, const void *data, size_t size, struct tt_err *err)
{
	rec->file_size = size < MAX_REACH ? size : MAX_REACH;
	int rc = copy_map(rec, err);
	if (rc < 0)
		return rc;
	if (rec->file_size)
		memcpy(rec->base, data, rec->file_size);
	rec->size = rec->file_size;
	if (rec->size >= sizeof(struct ttrec_header))
		rec->size = used_part(rec);
	if (rec->size >= sizeof(struct ttrec_header) && rec->file_size - rec->size >= sizeof(struct ttrec_chunk) &&
		is_unannounced(rec, (const void *)(rec->base + rec->size))) {
		rec->size = rec->file_size;
		rec->unannounced = true;
	}
	if (extent_add(rec, 0, rec->size) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	return 0;
}
