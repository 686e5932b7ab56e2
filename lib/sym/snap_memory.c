/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_memory.c - the memory of a snapshot's process: as it is now, as it was (copied stacks), and what never changes (code,
 * unwind tables: kept by page).
 * Called by the rest of the snapshot and by unwind.c.
 */
#include "lib/sym/snap_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define COPIES_AT_ONCE 256u /* at most IOV_MAX */
#define ROOM           ((size_t)1 << 20)
#define LATE_MAX       4096u /* pages read after the capture, per thread */

/* ------------------------------------------------------------------ as it is now */

static size_t read_mem_file(struct tt_snap *snap, uint64_t address, void *bytes, size_t len)
{
	if (snap->mem_fd < 0) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/mem", (int)snap->via);
		snap->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (snap->mem_fd < 0)
			return 0;
	}
	size_t done = 0;
	while (done < len) {
		ssize_t got = pread(snap->mem_fd, (char *)bytes + done, len - done, (off_t)(address + done));
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

/* Sandboxes forbid process_vm_readv where they allow /proc/PID/mem. */
static size_t read_live(struct tt_snap *snap, uint64_t address, void *bytes, size_t len)
{
	if (!snap->use_mem) {
		struct iovec local = {bytes, len}, remote = {(void *)address, len};
		ssize_t got = process_vm_readv(snap->via, &local, 1, &remote, 1, 0);
		if (got >= 0)
			return (size_t)got;
		if (errno != EPERM && errno != ENOSYS)
			return 0;
		snap->use_mem = true;
	}
	return read_mem_file(snap, address, bytes, len);
}

size_t snap_memory_read(struct tt_snap *snap, uint64_t address, void *bytes, size_t len)
{
	if (len == 0 || address + len < address)
		return 0;
	return snap_is_live(snap) ? read_live(snap, address, bytes, len) : snap_core_read(snap, address, bytes, len);
}

size_t tt_snap_read(struct tt_snap *snap, uint64_t address, void *bytes, size_t len)
{
	return snap_memory_read(snap, address, bytes, len);
}

/* ------------------------------------------------------------------ stacks */

static void piece_free(struct snap_piece *piece)
{
	free(piece->bytes);
	*piece = (struct snap_piece){0};
}

static size_t stack_limit(const struct tt_snap *snap)
{
	size_t max = snap->options.stack_max ? snap->options.stack_max : SNAP_STACK_MAX;
	size_t left = snap->copied < SNAP_STACKS_BUDGET ? SNAP_STACKS_BUDGET - snap->copied : 0;
	size_t least = (size_t)16 << 10;
	return max < left ? max : left > least ? left : least;
}

static struct tt_snap_map *find_stack(struct tt_snap *snap, uint64_t sp)
{
	struct tt_snap_map *map = snap_maps_find(&snap->maps, sp);
	if ((!map || !map->read) && snap_is_live(snap) && snap_maps_read(snap) == 0) /* made after the maps were read */
		map = snap_maps_find(&snap->maps, sp);
	return map && map->read ? map : NULL;
}

bool snap_memory_own_stack(const struct tt_snap_thread *thread, const struct tt_snap_map *map)
{
	return (thread->fs_base >= map->start && thread->fs_base < map->end) || strcmp(map->path, "[stack]") == 0;
}

/* ------------------------------------------------------------------ the room */

void snap_room_open(struct tt_snap *snap)
{
	void *bytes = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (bytes != MAP_FAILED)
		snap->room.bytes = bytes;
	snap->room.used = 0;
}

/* Moves a thread's copy to memory of its own. */
static void leave_room(struct tt_snap_thread *thread)
{
	struct snap_piece *piece = &thread->private->stack;
	size_t size = piece->end - piece->start;
	unsigned char *bytes = malloc(size);
	if (bytes) {
		memcpy(bytes, piece->bytes, size);
	} else {
		*piece = (struct snap_piece){0};
		thread->how = TT_SNAP_NOT;
		thread->fail = TT_SNAP_IO;
		thread->error = ENOMEM;
	}
	piece->bytes = bytes;
}

void snap_room_close(struct tt_snap *snap)
{
	const unsigned char *room = snap->room.bytes;
	if (!room)
		return;
	for (size_t i = 0; i < snap->threads.len; i++) {
		struct tt_snap_thread *thread = snap->threads.data[i];
		const unsigned char *bytes = thread->private->stack.bytes;
		if (bytes >= room && bytes < room + ROOM)
			leave_room(thread);
	}
	munmap(snap->room.bytes, ROOM);
	snap->room.bytes = NULL;
}

/* Bytes for a piece: of the room if it is open and there are so many left. */
static unsigned char *piece_bytes(struct tt_snap *snap, unsigned char *old, size_t size)
{
	unsigned char *bytes = snap->room.bytes ? snap->room.bytes + snap->room.used : NULL;
	bool old_in_room = bytes && old >= snap->room.bytes && old < bytes;
	if (!bytes || size > ROOM - snap->room.used)
		return realloc(old_in_room ? NULL : old, size);
	snap->room.used += size;
	if (!old_in_room)
		free(old);
	return bytes;
}

/* Makes room for the stack above a thread's stack pointer. 0, -EFAULT: no memory there, -ENOMEM. */
static int piece_prepare(struct tt_snap *snap, struct tt_snap_thread *thread)
{
	struct snap_piece *piece = &thread->private->stack;
	uint64_t sp = thread->regs.value[TT_REG_RSP];
	const struct tt_snap_map *map = find_stack(snap, sp);
	if (!map)
		return -EFAULT;
	uint64_t start = sp - map->start > SNAP_RED_ZONE ? sp - SNAP_RED_ZONE : map->start;
	size_t size = map->end - start, limit = stack_limit(snap), before = piece->end - piece->start;
	if (thread->fs_base && !snap_memory_own_stack(thread, map) && limit > SNAP_FOREIGN_MAX)
		limit = SNAP_FOREIGN_MAX;
	thread->stack_cut = size > limit;
	if (thread->stack_cut)
		size = limit;
	if (before != size) {
		unsigned char *bytes = piece_bytes(snap, piece->bytes, size);
		if (!bytes)
			return -ENOMEM;
		snap->copied += size - before;
		piece->bytes = bytes;
	}
	piece->start = start;
	piece->end = start + size;
	return 0;
}

/* Takes note of how much of it was read. 0, or -EFAULT: not even what the stack pointer points to. */
static int piece_finish(struct tt_snap_thread *thread, size_t got)
{
	struct snap_piece *piece = &thread->private->stack;
	thread->stack_start = piece->start;
	thread->stack_end = piece->start + got;
	if (thread->stack_end < piece->end)
		thread->stack_cut = false;
	return thread->stack_end > thread->regs.value[TT_REG_RSP] ? 0 : -EFAULT;
}

static size_t piece_size(const struct tt_snap_thread *thread)
{
	return thread->private->stack.end - thread->private->stack.start;
}

/* Reads the pieces of many threads at a call. It ends at the first that cannot be read in full: returns how many were read. */
static size_t read_pieces(struct tt_snap *snap, struct snap_copy *copies, size_t count)
{
	struct iovec local[COPIES_AT_ONCE], remote[COPIES_AT_ONCE];
	size_t used = 0, whole = 0;
	for (; used < count && used < COPIES_AT_ONCE && copies[used].rc == 0; used++) {
		struct snap_piece *piece = &copies[used].thread->private->stack;
		local[used] = (struct iovec){piece->bytes, piece->end - piece->start};
		remote[used] = (struct iovec){(void *)piece->start, piece->end - piece->start};
	}
	if (used == 0)
		return 0;
	ssize_t got = process_vm_readv(snap->via, local, used, remote, used, 0);
	while (got > 0 && whole < used && (size_t)got >= local[whole].iov_len)
		got -= (ssize_t)local[whole++].iov_len;
	return whole;
}

void snap_memory_copy_stacks(struct tt_snap *snap, struct snap_copy *copies, size_t count)
{
	for (size_t i = 0; i < count; i++)
		copies[i].rc = copies[i].thread ? piece_prepare(snap, copies[i].thread) : -ESRCH;
	for (size_t i = 0; i < count;) {
		size_t whole = snap_is_live(snap) && !snap->use_mem ? read_pieces(snap, copies + i, count - i) : 0;
		for (size_t end = i + whole; i < end; i++)
			copies[i].rc = piece_finish(copies[i].thread, piece_size(copies[i].thread));
		if (i < count && copies[i].rc == 0) { /* this one alone, to see how far it can be read */
			struct tt_snap_thread *thread = copies[i].thread;
			struct snap_piece *piece = &thread->private->stack;
			copies[i].rc =
				piece_finish(thread, snap_memory_read(snap, piece->start, piece->bytes, piece_size(thread)));
		}
		i += i < count;
	}
}

int snap_memory_copy_stack(struct tt_snap *snap, struct tt_snap_thread *thread)
{
	struct snap_copy copy = {.thread = thread};
	snap_memory_copy_stacks(snap, &copy, 1);
	return copy.rc;
}

void snap_memory_forget_late(struct tt_snap_thread *thread)
{
	struct snap_piece *piece;
	vec_for_each (piece, &thread->private->late)
		piece_free(piece);
	tt_vec_deinit(&thread->private->late);
	thread->private->late_read = false;
}

/* ------------------------------------------------------------------ pages */

void snap_memory_forget_pages(struct tt_snap *snap)
{
	struct tt_hmap_entry *entry;
	hmap_for_each (entry, &snap->pages)
		free(entry->ptr);
	tt_hmap_deinit(&snap->pages);
}

/* The page of constant memory that holds address; NULL: none. */
static const unsigned char *constant_page(struct tt_snap *snap, uint64_t address)
{
	struct tt_hmap_entry *entry = tt_hmap_insert(&snap->pages, address / SNAP_PAGE, NULL);
	if (!entry || entry->ptr)
		return entry ? entry->ptr : NULL;
	unsigned char *page = malloc(SNAP_PAGE);
	if (page && snap_memory_read(snap, address & ~(uint64_t)(SNAP_PAGE - 1), page, SNAP_PAGE) != SNAP_PAGE) {
		free(page);
		page = NULL;
	}
	if (page)
		entry->ptr = page;
	else
		tt_hmap_remove(&snap->pages, address / SNAP_PAGE);
	return page;
}

static bool is_constant(struct tt_snap *snap, uint64_t address)
{
	const struct tt_snap_map *map = snap_maps_find(&snap->maps, address);
	return map && !map->write;
}

bool snap_memory_constant(struct tt_snap *snap, uint64_t address, void *bytes, size_t len)
{
	unsigned char *to = bytes;
	while (len) {
		size_t at = address % SNAP_PAGE, part = len < SNAP_PAGE - at ? len : SNAP_PAGE - at;
		const unsigned char *page = is_constant(snap, address) ? constant_page(snap, address) : NULL;
		if (page)
			memcpy(to, page + at, part);
		else if (snap_memory_read(snap, address, to, part) != part)
			return false;
		to += part;
		address += part;
		len -= part;
	}
	return true;
}

/* ------------------------------------------------------------------ words of the past */

static bool piece_word(const struct snap_piece *piece, uint64_t address, uint64_t *ret)
{
	if (address < piece->start || piece->end - piece->start < sizeof(*ret) || address > piece->end - sizeof(*ret))
		return false;
	memcpy(ret, piece->bytes + (address - piece->start), sizeof(*ret));
	return true;
}

/* A page that may change is read once, so that one unwinding sees one state of it. */
static bool late_word(struct tt_snap *snap, struct tt_snap_thread *thread, uint64_t address, uint64_t *ret)
{
	struct snap_thread_private *p = thread->private;
	const struct snap_piece *have;
	vec_for_each (have, &p->late) {
		if (piece_word(have, address, ret))
			return true;
	}
	struct snap_piece piece = {.start = address & ~(uint64_t)(SNAP_PAGE - 1)};
	if (p->late.len >= LATE_MAX || !(piece.bytes = malloc(2 * SNAP_PAGE)))
		return false;
	piece.end = piece.start + snap_memory_read(snap, piece.start, piece.bytes, 2 * SNAP_PAGE);
	if (!piece_word(&piece, address, ret) || tt_vec_push(&p->late, piece)) {
		free(piece.bytes);
		return false;
	}
	p->late_read = true;
	return true;
}

bool snap_memory_word(struct tt_snap *snap, struct tt_snap_thread *thread, uint64_t address, uint64_t *ret)
{
	if (address > UINT64_MAX - sizeof(*ret))
		return false;
	if (thread && piece_word(&thread->private->stack, address, ret))
		return true;
	const struct tt_snap_map *map = snap_maps_find(&snap->maps, address);
	if (!map || !map->read)
		return false;
	if (!map->write || !snap_is_live(snap) || !thread)
		return snap_memory_constant(snap, address, ret, sizeof(*ret));
	return late_word(snap, thread, address, ret);
}

size_t tt_snap_read_stack(struct tt_snap *snap, const struct tt_snap_thread *thread, uint64_t address, void *bytes, size_t len)
{
	const struct snap_piece *stack = &thread->private->stack;
	if (address < stack->start || address >= thread->stack_end)
		return tt_snap_read(snap, address, bytes, len);
	size_t have = thread->stack_end - address;
	memcpy(bytes, stack->bytes + (address - stack->start), have < len ? have : len);
	return have < len ? have : len;
}
