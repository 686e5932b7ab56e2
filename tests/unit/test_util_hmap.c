/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_hmap.c - hash maps of lib/util, compared with a plain array doing the same. */
#include "lib/util/hmap.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

static void test_basics(void)
{
	struct tt_hmap map = TT_HMAP_INIT;
	uint64_t value = 77;
	bool is_new;
	ok(!tt_hmap_find(&map, 1) && !tt_hmap_get(&map, 1, &value) && !tt_hmap_remove(&map, 1), "an empty map has nothing");
	is_u64(value, 77, "a miss leaves the value alone");
	is_int(tt_hmap_put(&map, 0, 5), 0, "0 is a key like any other");
	tt_hmap_put(&map, UINT64_MAX, 6);
	ok(tt_hmap_get(&map, 0, &value) && value == 5, "0 is found");
	ok(tt_hmap_get(&map, UINT64_MAX, &value) && value == 6, "the largest key is found");
	tt_hmap_put(&map, 0, 9);
	ok(tt_hmap_get(&map, 0, &value) && value == 9 && map.len == 2, "putting again replaces");
	tt_hmap_insert(&map, 0, &is_new)->value++;
	ok(!is_new && tt_hmap_get(&map, 0, &value) && value == 10, "insert finds what is there");
	ok(tt_hmap_insert(&map, 3, &is_new)->value == 0 && is_new, "a new entry begins with 0");
	tt_hmap_put_ptr(&map, 4, &map);
	ok(tt_hmap_ptr(&map, 4) == &map && !tt_hmap_ptr(&map, 5), "pointers are stored and missed");
	tt_hmap_deinit(&map);
	ok(!tt_hmap_find(&map, 0), "deinit empties");
}

/* Random puts and removes on few keys, so that probe runs collide and close; a plain array is the judge. */
static void test_against_array(void)
{
	enum { KEYS = 512, STEPS = 200000 };
	static uint64_t expect[KEYS];
	struct tt_hmap map = TT_HMAP_INIT;
	unsigned wrong = 0, live = 0;
	srand(1);
	for (int step = 0; step < STEPS; step++) {
		uint64_t key = (uint64_t)rand() % KEYS, value = 0;
		if (rand() % 2) {
			live += expect[key] == 0;
			expect[key] = (uint64_t)step + 1;
			tt_hmap_put(&map, key << 32, expect[key]);
		} else {
			wrong += tt_hmap_remove(&map, key << 32) != (expect[key] != 0);
			live -= expect[key] != 0;
			expect[key] = 0;
		}
		uint64_t other = (uint64_t)rand() % KEYS;
		tt_hmap_get(&map, other << 32, &value);
		wrong += value != expect[other];
	}
	is_int(wrong, 0, "every lookup agrees with the array after %d steps", STEPS);
	is_int(map.len, live, "and so does the size");
	const struct tt_hmap_entry *it;
	unsigned seen = 0;
	hmap_for_each (it, &map)
		seen += expect[it->key >> 32] == it->value;
	is_int(seen, live, "walking meets each entry once");
	tt_hmap_deinit(&map);
}

static void test_order_and_size(void)
{
	struct tt_hmap map = TT_HMAP_INIT;
	const uint64_t n = 300000;
	for (uint64_t i = 0; i < n; i++)
		tt_hmap_put(&map, i * 4096, i);
	uint64_t at = 0, wrong = 0, value;
	const struct tt_hmap_entry *it;
	hmap_for_each (it, &map)
		wrong += it->value != at++;
	is_u64(wrong, 0, "entries are walked in the order of insertion");
	for (uint64_t i = 0; i < n; i++)
		wrong += !tt_hmap_get(&map, i * 4096, &value) || value != i;
	is_u64(wrong, 0, "all of %" PRIu64 " regular keys are found", n);
	wrong = 0;
	for (uint64_t i = 0; i < 1000; i++)
		wrong += tt_hmap_find(&map, i * 4096 + 1) != NULL;
	is_u64(wrong, 0, "and no others");
	tt_hmap_deinit(&map);
}

static void test_strings(void)
{
	struct tt_smap map = TT_SMAP_INIT;
	char text[32];
	bool is_new;
	const char *first = tt_smap_intern(&map, "name-7");
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "name-%d", i);
		tt_smap_insert(&map, text, strlen(text), NULL)->value = (uint64_t)i;
	}
	is_int(map.len, 20000, "each text is kept once");
	ok(tt_smap_intern(&map, "name-7") == first, "an interned text keeps its address while the map grows");
	is_str(first, "name-7", "and its content");
	unsigned wrong = 0;
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "name-%d", i);
		const struct tt_smap_entry *entry = tt_smap_find(&map, text, strlen(text));
		wrong += !entry || entry->value != (uint64_t)i;
	}
	is_int(wrong, 0, "all texts are found");
	ok(!tt_smap_find(&map, "name", 4) && !tt_smap_find(&map, "", 0), "others are not");
	tt_smap_insert(&map, "a\0b", 3, &is_new);
	ok(is_new && !tt_smap_find(&map, "a\0c", 3) && tt_smap_find(&map, "a\0b", 3), "keys may hold NULs");
	tt_smap_insert(&map, "", 0, &is_new);
	ok(is_new && tt_smap_find(&map, "", 0), "the empty text is a key");
	char *large = malloc(200001);
	memset(large, 'x', 200000);
	large[200000] = '\0';
	is_str(tt_smap_intern(&map, large), large, "a text larger than a block is kept");
	is_str(tt_smap_intern(&map, "after"), "after", "and so are later ones");
	free(large);
	tt_smap_deinit(&map);
	ok(!tt_smap_find(&map, "after", 5), "deinit empties");
}

static void test_hashes(void)
{
	is_u64(tt_hash_stable(TT_HASH_STABLE_INIT, "", 0), UINT64_C(0xcbf29ce484222325), "FNV-1a of nothing");
	is_u64(tt_hash_stable(TT_HASH_STABLE_INIT, "foobar", 6), UINT64_C(0x85944171f73967e8), "FNV-1a of a known text");
	is_u64(tt_hash_stable(tt_hash_stable(TT_HASH_STABLE_INIT, "foo", 3), "bar", 3), UINT64_C(0x85944171f73967e8),
		"and in two parts");
	unsigned same = 0;
	for (uint64_t i = 0; i < 4096; i++)
		same += (tt_hash_u64(i << 12) & 4095) == (tt_hash_u64((i + 1) << 12) & 4095);
	ok(same < 16, "neighbouring page addresses fall into different slots (%u of 4096 pairs met)", same);
}

int main(void)
{
	test_basics();
	test_against_array();
	test_order_and_size();
	test_strings();
	test_hashes();
	return done();
}
