/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_reader.c - the fuzzers' way into reader and model. Built by tests/fuzz/run in one of two shapes:
 *  - with -fsanitize=fuzzer (libFuzzer), which brings its own main;
 *  - with -DFUZZ_MAIN: a program for AFL++ and for replaying single files. `--seeds DIR` writes the seeds: recordings that are
 * whole.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/recwalk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	rec_survive(data, size);
	return 0;
}

#ifdef FUZZ_MAIN
static void write_seeds(const char *dir)
{
	char path[4096];
	struct recbuild *rb = rb_sample();
	snprintf(path, sizeof(path), "%s/sample", dir);
	rb_write(rb, path);
	rb_destroy(rb);

	rb = rb_create("/bin/empty", 1);
	snprintf(path, sizeof(path), "%s/empty", dir);
	rb_write(rb, path);
	rb_destroy(rb);
}

static int replay(const char *path)
{
	static uint8_t data[1 << 24];
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	if (!f) {
		perror(path);
		return 2;
	}
	size_t size = fread(data, 1, sizeof(data), f);
	if (f != stdin)
		fclose(f);
	/* A copy of exactly that size: the sanitizer sees any read beyond. */
	uint8_t *copy = malloc(size ? size : 1);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
		write_seeds(argv[2]);
		return 0;
	}
	int rc = argc < 2 ? replay("-") : 0;
	for (int i = 1; i < argc && rc == 0; i++)
		rc = replay(argv[i]);
	return rc;
}
#endif
