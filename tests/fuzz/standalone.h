/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * standalone.h - a fuzz target as a program of its own, compiled with -DFUZZ_MAIN: `--seeds DIR` writes what to begin with,
 * else each file is run through once. For compilers without libFuzzer, and to look at what was found.
 */
#ifndef TT_TESTS_FUZZ_STANDALONE_H
#define TT_TESTS_FUZZ_STANDALONE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One file DIR/NAME; ends the program when it cannot be written. */
static inline void fuzz_seed(const char *dir, const char *name, const void *data, size_t size)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
		abort();
}

static inline void fuzz_seed_texts(const char *dir, const char *stem, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[64];
		snprintf(name, sizeof(name), "%s%zu", stem, i);
		fuzz_seed(dir, name, texts[i], strlen(texts[i]));
	}
}

static inline int fuzz_main(int argc, char **argv, void (*write_seeds)(const char *dir))
{
	static uint8_t data[1 << 20];
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
		write_seeds(argv[2]);
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		if (!f)
			return 2;
		size_t size = fread(data, 1, sizeof(data), f);
		fclose(f);
		uint8_t *copy = malloc(size ? size : 1); /* of exactly that size: the sanitizer sees any read beyond */
		if (!copy)
			return 2;
		memcpy(copy, data, size);
		LLVMFuzzerTestOneInput(copy, size);
		free(copy);
	}
	return argc > 1 ? 0 : 2;
}

#endif
