/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hmap.h - hash maps: uint64_t -> uint64_t (or pointer), and string -> uint64_t with interned keys.
 *
 * Entries lie in an array in the order of their insertion (a remove moves the last entry into the hole), so walking a map
 * gives the same order in every run, and `entries[i]` may be used directly. The hash is seeded at random, so that keys from
 * a hostile file cannot be chosen to collide. At most 2^31 entries. Not for threads.
 */
#ifndef TT_UTIL_HMAP_H
#define TT_UTIL_HMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ------------------------------------------------------------------ uint64_t keys */

struct tt_hmap_entry {
	uint64_t key;
	union {
		uint64_t value;
		void *ptr;
	};
};
struct tt_hmap {
	struct tt_hmap_entry *entries;
	size_t len, cap;
	uint32_t *index; /* open addressing: position in entries + 1, 0 = empty */
	size_t slots;    /* power of two, or 0 */
};
#define TT_HMAP_INIT \
	{            \
		0    \
	}

/* Frees the map, not what its pointers point to; it is empty and usable again. */
void tt_hmap_deinit(struct tt_hmap *map);

/* The entry of key, or NULL. Valid until the next insertion or removal. */
struct tt_hmap_entry *tt_hmap_find(const struct tt_hmap *map, uint64_t key);

/* Finds key or inserts it with value 0; *is_new (may be NULL) tells which. NULL when out of memory. */
struct tt_hmap_entry *tt_hmap_insert(struct tt_hmap *map, uint64_t key, bool *is_new);

/* Sets key's value. 0 or -ENOMEM. */
int tt_hmap_put(struct tt_hmap *map, uint64_t key, uint64_t value);
int tt_hmap_put_ptr(struct tt_hmap *map, uint64_t key, void *ptr);

/* The value of key; false when absent (*value untouched). */
bool tt_hmap_get(const struct tt_hmap *map, uint64_t key, uint64_t *value);

/* The pointer stored under key; NULL when absent. */
void *tt_hmap_ptr(const struct tt_hmap *map, uint64_t key);

/* Removes key; false when it was absent. */
bool tt_hmap_remove(struct tt_hmap *map, uint64_t key);

/* struct tt_hmap_entry *it */
#define hmap_for_each(it, map) for ((it) = (map)->entries; (it) && (it) < (map)->entries + (map)->len; (it)++)

/* ------------------------------------------------------------------ string keys */

struct tt_smap_entry {
	const char *key; /* a copy owned by the map, NUL-terminated; does not move until deinit */
	size_t key_len;
	uint64_t hash;
	union {
		uint64_t value;
		void *ptr;
	};
};
struct tt_smap {
	struct tt_smap_entry *entries;
	size_t len, cap;
	uint32_t *index;
	size_t slots;
	struct tt_smap_block *blocks; /* where the copies of the keys live */
};
#define TT_SMAP_INIT \
	{            \
		0    \
	}

void tt_smap_deinit(struct tt_smap *map);

/* Keys are byte strings of key_len bytes and may hold NULs. NULL when absent. Valid until the next insertion. */
struct tt_smap_entry *tt_smap_find(const struct tt_smap *map, const char *key, size_t key_len);

/* Finds or inserts (value 0; the key is copied). NULL when out of memory. */
struct tt_smap_entry *tt_smap_insert(struct tt_smap *map, const char *key, size_t key_len, bool *is_new);

/* The map's own copy of text: equal texts give the same pointer, valid until deinit. NULL when out of memory. */
const char *tt_smap_intern(struct tt_smap *map, const char *text);

/* ------------------------------------------------------------------ hashing */

/* Seeded: differs from run to run, so never store or print it; fingerprints use tt_hash_stable. */
uint64_t tt_hash_u64(uint64_t key);
uint64_t tt_hash_bytes(const void *data, size_t len);

/* The same in every run and on every machine (FNV-1a, 64 bit); start with TT_HASH_STABLE_INIT and chain. */
#define TT_HASH_STABLE_INIT UINT64_C(0xcbf29ce484222325)
uint64_t tt_hash_stable(uint64_t hash, const void *data, size_t len);

#endif
