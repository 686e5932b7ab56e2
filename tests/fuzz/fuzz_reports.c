/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_reports.c - the fuzzers' way into the reader of reports that were saved as JSON, and from there into the comparison of
 * such a report with itself. Built by tests/fuzz/run as fuzz_reader.c is.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/out/diff.h"
#include "lib/out/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What diff.c relies on. */
static void check(const struct tt_run *run)
{
	const struct tt_run_program *p;
	vec_for_each (p, &run->programs)
		if (!p->name)
			abort();
	const struct tt_run_lock *l;
	vec_for_each (l, &run->locks)
		if (!l->program || !l->name || (l->waiter == NULL) != (l->holder == NULL) || !(l->squares >= 0))
			abort();
	const struct tt_run_pool *pool;
	vec_for_each (pool, &run->pools)
		if (!pool->program || !pool->name || !pool->place)
			abort();
	const struct tt_run_finding *f;
	vec_for_each (f, &run->findings)
		if (!f->rule || !f->title)
			abort();
}

/* A run is the same as itself, and what is said of it is JSON and text. */
static void compare(const struct tt_run *run)
{
	struct tt_report_opts opts;
	struct tt_diff d;
	struct tt_err err;
	char *words = NULL;
	size_t len = 0;
	tt_report_opts_init(&opts);
	opts.tool = "fuzz";
	if (tt_diff_create(run, run, &opts, &d) < 0 || tt_diff_found(&d, TT_LEVEL_NOTE))
		abort();
	FILE *out = open_memstream(&words, &len);
	if (!out || tt_diff_json(&d, out, &err) < 0 || fclose(out) != 0)
		abort();
	json_t *doc = json_loads(words, 0, NULL);
	if (!doc)
		abort();
	json_decref(doc);
	free(words);
	out = open_memstream(&words, &len);
	if (!out || tt_diff_text(&d, out, &TT_TERM_PLAIN, &err) < 0 || fclose(out) != 0)
		abort();
	free(words);
	tt_diff_deinit(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = memfd_create("report", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct tt_run run;
	struct tt_err err = {0};
	int rc = tt_run_load(path, &run, &err);
	if (rc < 0 && strncmp(err.msg, path, strlen(path)) != 0)
		abort();
	if (rc == 0) {
		check(&run);
		compare(&run);
	}
	tt_run_deinit(&run);
	close(fd);
	return 0;
}

#ifdef FUZZ_MAIN
#include "tests/fuzz/standalone.h"
#include "tests/unit/recbuild.h"

static void write_seeds(const char *dir)
{
	static const char *const seeds[] = {
		"{\"schema\":\"threadtools.report/"
		"1\",\"complete\":true,\"summary\":{\"process_ns\":9,\"lock_wait_ns\":0},\"processes\":[],"
		"\"lock_classes\":[],\"waits\":[],\"pools\":[],\"findings\":[]}",
	};
	fuzz_seed_texts(dir, "report", seeds, sizeof(seeds) / sizeof(*seeds));
	struct tt_report_opts opts;
	struct tt_report *r = NULL;
	struct tt_err err;
	char spec[4200];
	tt_report_opts_init(&opts);
	opts.tool = "fuzz";
	opts.sections = UINT32_MAX;
	snprintf(spec, sizeof(spec), "json=%s/sample", dir);
	struct recbuild *rb = rb_sample();
	if (tt_report_create(rb_model(rb, NULL), &opts, &r, &err) < 0 ||
		tt_report_write_spec(r, spec, stdout, TT_COLOR_NEVER, &err) < 0)
		abort();
	tt_report_destroy(r);
	rb_destroy(rb);
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, write_seeds);
}
#endif
