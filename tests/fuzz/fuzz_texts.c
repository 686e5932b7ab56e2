/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_texts.c - the fuzzers' way into the parsers of what people write: suppressions, baselines, budgets, and shell patterns.
 * The first byte chooses. Built by tests/fuzz/run as fuzz_reader.c is.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/findings/budget.h"
#include "lib/out/baseline.h"
#include "lib/out/suppress.h"
#include "lib/util/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_suppressions(const char *text, size_t len)
{
	struct tt_suppressions set = {0};
	struct tt_err err;
	if (tt_suppressions_parse(&set, "list", text, len, &err) < 0 && strncmp(err.msg, "list:", 5) != 0)
		abort();
	struct tt_suppression *s;
	vec_for_each (s, &set.list)
		if (!s->rule || !s->text || !s->line)
			abort();
	tt_suppressions_deinit(&set);
}

static void try_baseline(const char *text, size_t len)
{
	struct tt_baseline b = {0};
	struct tt_err err;
	if (tt_baseline_parse(&b, "base", text, len, &err) < 0 && strncmp(err.msg, "base:", 5) != 0)
		abort();
	tt_baseline_deinit(&b);
}

static void try_budget(const char *text)
{
	struct tt_budgets set = {0};
	struct tt_err err;
	if (tt_budgets_add(&set, text, &err) < 0 && set.list.len)
		abort();
	tt_budgets_deinit(&set);
}

/* pattern and text, parted by the first newline; a quoted text matches itself. */
static void try_glob(char *text)
{
	TT_BUF_AUTO(quoted);
	char *newline = strchr(text, '\n');
	if (newline)
		*newline++ = 0;
	(void)tt_glob_match(text, newline ? newline : "");
	tt_glob_quote(&quoted, text);
	if (!tt_glob_match(tt_buf_str(&quoted), text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (size && text) {
		memcpy(text, data + 1, size - 1);
		text[size - 1] = 0;
		switch (data[0] % 4) {
		case 0:
			try_suppressions(text, size - 1);
			break;
		case 1:
			try_baseline(text, size - 1);
			break;
		case 2:
			try_budget(text);
			break;
		default:
			try_glob(text);
		}
	}
	free(text);
	return 0;
}

#ifdef FUZZ_MAIN
#include "tests/fuzz/standalone.h"

static void write_seeds(const char *dir)
{
	static const char *const seeds[] = {
		"0lock-contention function:a* lock:\"b c\" # why\n file:*.c\n",
		"1{\"schema\":\"threadtools.baseline/1\",\"findings\":[{\"fingerprint\":\"00000000000000ff\",\"rule\":\"r\"}]}",
		"2wait_p99 <= 1.5ms",
		"3a*[!b-c]?\\*\nabcd*",
	};
	fuzz_seed_texts(dir, "text", seeds, sizeof(seeds) / sizeof(*seeds));
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, write_seeds);
}
#endif
