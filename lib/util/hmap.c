/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hmap.c - hash maps (hmap.h): an array of entries in insertion order, and an open-addressing index of positions in it. */
#include "lib/util/hmap.h"

#include "lib/util/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define MIN_SLOTS   16u
#define MAX_ENTRIES (1u << 31)
#define BLOCK_BYTES 65536u

struct tt_smap_block {
	struct tt_smap_block *next;
	size_t used, size;
	char bytes[];
};

/* ------------------------------------------------------------------ hashing */

static uint64_t hash_seed(void)
{
	static uint64_t seed;
	if (seed == 0) {
		if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed)) {
			struct timespec ts;
			clock_gettime(CLOCK_MONOTONIC, &ts);
			seed = (uint64_t)ts.tv_nsec * UINT64_C(0x9e3779b97f4a7c15) ^ (uintptr_t)&ts;
		}
		seed |= 1;
	}
	return seed;
}

/* Folds a 64 x 64 bit product: every input bit reaches every output bit. */
static uint64_t hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t tt_hash_u64(uint64_t key)
{
	uint64_t seed = hash_seed();
	return hash_fold(hash_fold(key ^ seed, UINT64_C(0x9e3779b97f4a7c15)) ^ (key + seed), UINT64_C(0xd6e8feb86659fd93));
}

uint64_t tt_hash_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t hash = hash_seed() ^ len;
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		hash = hash_fold(hash ^ word, UINT64_C(0x9e3779b97f4a7c15)) + word;
	}
	uint64_t tail = 0;
	if (len)
		memcpy(&tail, p, len);
	return hash_fold(hash ^ tail ^ UINT64_C(0xd6e8feb86659fd93), UINT64_C(0xa0761d6478bd642f) ^ hash_seed());
}

uint64_t tt_hash_stable(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* ------------------------------------------------------------------ the index, common to both maps */

typedef uint64_t hash_of_fn(const void *entries, size_t i);

static void index_set(uint32_t *index, size_t slots, uint64_t hash, size_t position)
{
	size_t s = hash & (slots - 1);
	while (index[s])
		s = (s + 1) & (slots - 1);
	index[s] = (uint32_t)position + 1;
}

/* Makes room for one more entry: keeps the index at most two thirds full. */
static int index_reserve(uint32_t **index, size_t *slots, const void *entries, size_t len, hash_of_fn *hash_of)
{
	if (len >= MAX_ENTRIES)
		return -ENOMEM;
	if ((len + 1) * 3 <= *slots * 2)
		return 0;
	size_t want = *slots ? *slots * 2 : MIN_SLOTS;
	uint32_t *bigger = calloc(want, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	for (size_t i = 0; entries && i < len; i++)
		index_set(bigger, want, hash_of(entries, i), i);
	free(*index);
	*index = bigger;
	*slots = want;
	return 0;
}

/* ------------------------------------------------------------------ uint64_t keys */

static uint64_t hmap_hash_of(const void *entries, size_t i)
{
	return tt_hash_u64(((const struct tt_hmap_entry *)entries)[i].key);
}

void tt_hmap_deinit(struct tt_hmap *map)
{
	free(map->entries);
	free(map->index);
	*map = (struct tt_hmap)TT_HMAP_INIT;
}

/* The slot that names key's entry, or the empty slot where the search ended. The map must have slots. */
static size_t hmap_slot(const struct tt_hmap *map, uint64_t key)
{
	size_t s = tt_hash_u64(key) & (map->slots - 1);
	while (map->index[s] && map->entries[map->index[s] - 1].key != key)
		s = (s + 1) & (map->slots - 1);
	return s;
}

struct tt_hmap_entry *tt_hmap_find(const struct tt_hmap *map, uint64_t key)
{
	if (map->len == 0)
		return NULL;
	uint32_t at = map->index[hmap_slot(map, key)];
	return at ? &map->entries[at - 1] : NULL;
}

struct tt_hmap_entry *tt_hmap_insert(struct tt_hmap *map, uint64_t key, bool *is_new)
{
	struct tt_hmap_entry *entry = tt_hmap_find(map, key);
	if (is_new)
		*is_new = !entry;
	if (entry)
		return entry;
	if (index_reserve(&map->index, &map->slots, map->entries, map->len, hmap_hash_of) ||
		tt_vec_grow((void **)&map->entries, &map->cap, map->len + 1, sizeof(*map->entries)))
		return NULL;
	entry = &map->entries[map->len];
	*entry = (struct tt_hmap_entry){.key = key};
	index_set(map->index, map->slots, tt_hash_u64(key), map->len++);
	return entry;
}

int tt_hmap_put(struct tt_hmap *map, uint64_t key, uint64_t value)
{
	struct tt_hmap_entry *entry = tt_hmap_insert(map, key, NULL);
	if (!entry)
		return -ENOMEM;
	entry->value = value;
	return 0;
}

int tt_hmap_put_ptr(struct tt_hmap *map, uint64_t key, void *ptr)
{
	struct tt_hmap_entry *entry = tt_hmap_insert(map, key, NULL);
	if (!entry)
		return -ENOMEM;
	entry->ptr = ptr;
	return 0;
}

bool tt_hmap_get(const struct tt_hmap *map, uint64_t key, uint64_t *value)
{
	const struct tt_hmap_entry *entry = tt_hmap_find(map, key);
	if (entry)
		*value = entry->value;
	return entry;
}

void *tt_hmap_ptr(const struct tt_hmap *map, uint64_t key)
{
	const struct tt_hmap_entry *entry = tt_hmap_find(map, key);
	return entry ? entry->ptr : NULL;
}

/* Empties slot s and moves later members of its probe run back, so that no search stops too early. */
static void hmap_close_gap(struct tt_hmap *map, size_t s)
{
	size_t mask = map->slots - 1;
	for (size_t next = (s + 1) & mask; map->index[next]; next = (next + 1) & mask) {
		size_t home = tt_hash_u64(map->entries[map->index[next] - 1].key) & mask;
		if (((next - home) & mask) >= ((next - s) & mask)) {
			map->index[s] = map->index[next];
			s = next;
		}
	}
	map->index[s] = 0;
}

bool tt_hmap_remove(struct tt_hmap *map, uint64_t key)
{
	if (map->len == 0)
		return false;
	size_t s = hmap_slot(map, key);
	if (!map->index[s])
		return false;
	size_t hole = map->index[s] - 1, last = map->len - 1;
	hmap_close_gap(map, s);
	if (hole != last) {
		size_t moved = hmap_slot(map, map->entries[last].key);
		map->entries[hole] = map->entries[last];
		map->index[moved] = (uint32_t)hole + 1;
	}
	map->len--;
	return true;
}

/* ------------------------------------------------------------------ string keys */

static uint64_t smap_hash_of(const void *entries, size_t i)
{
	return ((const struct tt_smap_entry *)entries)[i].hash;
}

void tt_smap_deinit(struct tt_smap *map)
{
	for (struct tt_smap_block *block = map->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(map->entries);
	free(map->index);
	*map = (struct tt_smap)TT_SMAP_INIT;
}

static const char *smap_copy(struct tt_smap *map, const char *key, size_t len)
{
	struct tt_smap_block *block = map->blocks;
	if (!block || block->size - block->used <= len) {
		if (len > SIZE_MAX / 2)
			return NULL;
		size_t size = len + 1 > BLOCK_BYTES ? len + 1 : BLOCK_BYTES;
		block = malloc(sizeof(*block) + size);
		if (!block)
			return NULL;
		*block = (struct tt_smap_block){.next = map->blocks, .size = size};
		map->blocks = block;
	}
	char *copy = block->bytes + block->used;
	if (len)
		memcpy(copy, key, len);
	copy[len] = '\0';
	block->used += len + 1;
	return copy;
}

static struct tt_smap_entry *smap_find_hashed(const struct tt_smap *map, const char *key, size_t len, uint64_t hash)
{
	if (map->len == 0)
		return NULL;
	for (size_t s = hash & (map->slots - 1); map->index[s]; s = (s + 1) & (map->slots - 1)) {
		struct tt_smap_entry *entry = &map->entries[map->index[s] - 1];
		if (entry->hash == hash && entry->key_len == len && memcmp(entry->key, key, len) == 0)
			return entry;
	}
	return NULL;
}

struct tt_smap_entry *tt_smap_find(const struct tt_smap *map, const char *key, size_t key_len)
{
	return smap_find_hashed(map, key, key_len, tt_hash_bytes(key, key_len));
}

struct tt_smap_entry *tt_smap_insert(struct tt_smap *map, const char *key, size_t key_len, bool *is_new)
{
	uint64_t hash = tt_hash_bytes(key, key_len);
	struct tt_smap_entry *entry = smap_find_hashed(map, key, key_len, hash);
	if (is_new)
		*is_new = !entry;
	if (entry)
		return entry;
	if (index_reserve(&map->index, &map->slots, map->entries, map->len, smap_hash_of) ||
		tt_vec_grow((void **)&map->entries, &map->cap, map->len + 1, sizeof(*map->entries)))
		return NULL;
	const char *copy = smap_copy(map, key, key_len);
	if (!copy)
		return NULL;
	entry = &map->entries[map->len];
	*entry = (struct tt_smap_entry){.key = copy, .key_len = key_len, .hash = hash};
	index_set(map->index, map->slots, hash, map->len++);
	return entry;
}

const char *tt_smap_intern(struct tt_smap *map, const char *text)
{
	const struct tt_smap_entry *entry = tt_smap_insert(map, text, strlen(text), NULL);
	return entry ? entry->key : NULL;
}
