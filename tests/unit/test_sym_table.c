/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_sym_table.c - which symbol covers an address: the sorted arrays of lib/sym/symtab.c and perf maps. */
#include "tests/unit/tap.h"

#include "lib/sym/internal.h"

#include <errno.h>

#include <stdlib.h>
#include <unistd.h>

static const char *find(const struct sym_table *table, uint64_t vaddr)
{
	const struct sym_entry *entry = sym_table_find(table, vaddr);
	return entry ? entry->name : NULL;
}

static void gaps_and_nesting(void)
{
	struct sym_table table = {0};
	is_str(find(&table, 5), NULL, "an empty table has no names");
	sym_table_add(&table, 0x300, 0x310, "late");
	sym_table_add(&table, 0x100, 0x180, "outer");
	sym_table_add(&table, 0x120, 0x130, "inner");
	sym_table_add(&table, 0x400, 0x400, "empty");
	sym_table_finish(&table);
	is_str(find(&table, 0xff), NULL, "nothing covers what lies before the first symbol");
	is_str(find(&table, 0x100), "outer", "a symbol covers its first byte");
	is_str(find(&table, 0x125), "inner", "the innermost of nested symbols wins");
	is_str(find(&table, 0x130), "outer", "behind the inner one the outer one goes on");
	is_str(find(&table, 0x17f), "outer", "a symbol covers its last byte");
	is_str(find(&table, 0x180), NULL, "and not one more");
	is_str(find(&table, 0x2ff), NULL, "a gap has no name");
	is_str(find(&table, 0x30f), "late", "symbols are sorted");
	is_str(find(&table, UINT64_MAX), NULL, "the last address is nobody's");
	sym_table_deinit(&table);
}

/* Against a plain search: every address of a small space, many random tables. */
static void random_tables(void)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	unsigned wrong = 0;
	srand(1);
	for (int round = 0; round < 300; round++) {
		struct sym_table table = {0};
		struct {
			uint64_t start, end;
		} truth[8];
		for (int i = 0; i < 8; i++) {
			truth[i].start = (uint64_t)(rand() % 60) << (round % 5 * 8);
			truth[i].end = truth[i].start + ((uint64_t)(1 + rand() % 20) << (round % 5 * 8));
			sym_table_add(&table, truth[i].start, truth[i].end, names[i]);
		}
		sym_table_finish(&table);
		for (uint64_t a = 0; a < 80; a++) {
			uint64_t vaddr = a << (round % 5 * 8);
			const char *want = NULL;
			uint64_t best = 0;
			for (int i = 0; i < 8; i++) {
				bool covers = truth[i].start <= vaddr && vaddr < truth[i].end;
				if (covers && (!want || truth[i].start > best)) {
					want = names[i];
					best = truth[i].start;
				}
			}
			wrong += !tap_same_str(find(&table, vaddr), want);
		}
		sym_table_deinit(&table);
	}
	is_int(wrong, 0, "300 random tables answer as a plain search does");
}

static void write_map(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");
	fwrite(text, 1, len, f);
	fclose(f);
}

static void perf_maps(void)
{
	static const char text[] = "1000 20 first\n"
				   "2000 40 LazyCompile:~old file.js:1\n"
				   "not a line\n"
				   "2000 40 LazyCompile:*new file.js:1\n"
				   "3000 10\n"
				   "3000 0 no size\n"
				   "fffffffffffffff0 20 wraps\n"
				   "99999999999999999999 10 too large\n"
				   "0x4000 0x10 with prefix\n"
				   "5000 30 replaced\n"
				   "5010 10 later\n"
				   "6000 10 a\0b\n"
				   "7000 10 no newline";
	char path[] = "/tmp/tt-perfmap-XXXXXX", link[sizeof(path) + 4];
	close(mkstemp(path));
	write_map(path, text, sizeof(text) - 1);
	struct sym_perfmap *map = NULL;
	if (!ok(sym_perfmap_open(path, &map) == 0, "a perf map opens"))
		return;
	is_str(find(&map->table, 0x101f), "first", "a line names its range");
	is_str(find(&map->table, 0x2001), "LazyCompile:*new file.js:1",
		"the later of two names for one place wins, blanks and all");
	is_str(find(&map->table, 0x3005), NULL, "lines without name or size are skipped");
	is_str(find(&map->table, 0xfffffffffffffff8), NULL, "ranges that wrap are skipped");
	is_str(find(&map->table, 0x4008), "with prefix", "0x is understood");
	is_str(find(&map->table, 0x5018), "later", "code compiled into an old range wins");
	is_str(find(&map->table, 0x5025), NULL, "what it replaced is gone");
	is_str(find(&map->table, 0x6008), "a", "a NUL ends a name");
	is_str(find(&map->table, 0x7008), "no newline", "the last line needs no newline");
	ok(sym_perfmap_current(map), "an unchanged file is current");
	write_map(path, "1000 20 other\n", 14);
	ok(!sym_perfmap_current(map), "a changed one is not");
	sym_perfmap_close(map);
	snprintf(link, sizeof(link), "%s.l", path);
	ok(symlink(path, link) == 0 && sym_perfmap_open(link, &map) == -ELOOP, "a symbolic link is not followed");
	is_int(sym_perfmap_open("/dev/null", &map), -EINVAL, "a device is no perf map");
	unlink(link);
	unlink(path);
}

int main(void)
{
	gaps_and_nesting();
	random_tables();
	perf_maps();
	return done();
}
