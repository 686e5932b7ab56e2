/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * trees.h - trees of /proc and /sys for unit tests: one of tests/data/limits/ is unpacked into a folder (their README tells the
 * form; tests/trees unpacks). Called by test_proc_limits.c.
 */
#ifndef TT_TESTS_TREES_H
#define TT_TESTS_TREES_H

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TREES_DIR "tests/data/limits"

/* Makes a folder and unpacks the file into it; expect gets the keys. False: it could not. */
__attribute__((unused)) static bool tree_unpack(const char *file, char *dir, size_t dir_size, char *expect, size_t size)
{
	char command[1024];
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, dir_size, "%s/tree-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return false;
	snprintf(command, sizeof(command), "tests/trees -v dir='%s' '" TREES_DIR "/%s'", dir, file);
	FILE *f = popen(command, "r");
	if (!f)
		return false;
	bool got = fgets(expect, (int)size, f);
	expect[got ? strcspn(expect, "\n") : 0] = '\0';
	return pclose(f) == 0 && got;
}

static int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

__attribute__((unused)) static void tree_remove(const char *dir)
{
	nftw(dir, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
