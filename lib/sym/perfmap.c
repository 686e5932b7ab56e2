/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * perfmap.c - /tmp/perf-PID.map: names of JIT-compiled code, one line "START SIZE name" with hexadecimal numbers each.
 *
 * Anyone may write such a file, so it is data and nothing else: lines that do not parse are skipped. When code was
 * compiled again at the same place, the later line wins. Called by symbols.c.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Reads what is there now: the process may still be writing. */
static int read_all(int fd, size_t size, char **ret, size_t *ret_size)
{
	char *text = malloc(size + 1);
	size_t used = 0;
	if (!text)
		return -ENOMEM;
	while (used < size) {
		ssize_t n = read(fd, text + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int rc = -errno;
			free(text);
			return rc;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
	*ret = text;
	*ret_size = used;
	return 0;
}

/* A hexadecimal number at *p, which moves behind it and one blank. */
static bool read_hex(char **p, uint64_t *value)
{
	char *end;
	if (strspn(*p, "0123456789abcdefABCDEF") == 0)
		return false;
	errno = 0;
	*value = strtoull(*p, &end, 16);
	if (errno || *end != ' ')
		return false;
	*p = end + 1;
	return true;
}

static int parse_line(struct sym_table *table, char *line)
{
	uint64_t start, size;
	if (!read_hex(&line, &start) || !read_hex(&line, &size) || size == 0 || start + size < start || !line[0])
		return 0;
	return sym_table_add(table, start, start + size, line);
}

static int by_start(const void *a, const void *b)
{
	const struct sym_entry *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name; /* position in the file */
}

/* Cuts what a later line covers again off the end of an earlier neighbour, and drops all but the last of each start. */
static void drop_overwritten(struct sym_table *table)
{
	size_t kept = 0;
	if (table->len > 1)
		qsort(table->entries, table->len, sizeof(*table->entries), by_start);
	for (size_t i = 0; i < table->len; i++) {
		struct sym_entry *entry = &table->entries[i];
		if (i + 1 < table->len && table->entries[i + 1].start == entry->start)
			continue;
		table->entries[kept++] = *entry;
	}
	table->len = kept;
	for (size_t i = 0; i + 1 < table->len; i++) {
		struct sym_entry *entry = &table->entries[i], *next = entry + 1;
		if (entry->end > next->start && next->name > entry->name)
			entry->end = next->start;
	}
}

static int parse(struct sym_perfmap *map)
{
	char *end = map->text + map->size;
	int rc = 0;
	for (char *line = map->text, *stop; line < end && rc == 0; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		stop = stop ? stop : end;
		*stop = '\0';
		rc = parse_line(&map->table, line);
	}
	if (rc == 0)
		drop_overwritten(&map->table);
	return rc ? rc : sym_table_finish(&map->table);
}

int sym_perfmap_open(const char *path, struct sym_perfmap **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	struct stat st;
	int rc = fstat(fd, &st) ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : st.st_size > (off_t)SYM_PERFMAP_MAX ? -E2BIG : 0;
	struct sym_perfmap *map = rc ? NULL : calloc(1, sizeof(*map));
	if (map) {
		map->path = strdup(path);
		map->mtime_ns = mtime_ns(&st);
		map->ino = st.st_ino;
		rc = map->path ? read_all(fd, (size_t)st.st_size, &map->text, &map->size) : -ENOMEM;
		rc = rc ? rc : parse(map);
	} else if (rc == 0) {
		rc = -ENOMEM;
	}
	close(fd);
	if (rc) {
		sym_perfmap_close(map);
		return rc;
	}
	*ret = map;
	return 0;
}

bool sym_perfmap_current(const struct sym_perfmap *map)
{
	struct stat st;
	return lstat(map->path, &st) == 0 && st.st_ino == map->ino && st.st_size == (off_t)map->size &&
	       mtime_ns(&st) == map->mtime_ns;
}

void sym_perfmap_close(struct sym_perfmap *map)
{
	if (!map)
		return;
	tt_hmap_deinit(&map->frames);
	sym_table_deinit(&map->table);
	free(map->text);
	free(map->path);
	free(map);
}
