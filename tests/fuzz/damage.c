/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * damage.c - real recordings, cut and with flipped bits, go all the way through reader, model, findings and the report in text
 * and JSON: words, or a report that can be parsed, but no crash and no hang.
 *
 *   damage [--seed N] [--flips N] [--cuts N] [--save FILE] RECORDING...
 *
 * Each round works on a fresh copy, in a child process that the parent watches: what kills or stops a child is told by its
 * number, and its bytes are left in FILE for threadreport. Deterministic for a seed. A JSON report must be one, and must say
 * that it is partial when records were cut off. What it is not: made recordings, cut at every length (test_rec_damage.c), or a
 * search (fuzz_reader.c). Called by tests/damage.bats; built by rules.mk, with SAN=address,undefined too. Status 1: a round
 * failed.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/out/report.h"

#define LIMIT_S    60u         /* for one round; a loaded machine and a sanitizer need some seconds */
#define BATCH      64u         /* rounds of one child */
#define TEXT_MOST  (64u << 20) /* a report beyond that comes from a count that was believed */
#define FULL_NAMES 8u          /* one round in so many reads line tables and inlined functions */

struct subject {
	const char *path;
	uint8_t *data;
	size_t size, *marked; /* positions of bytes that are not 0: where flips hit something */
	size_t marked_count;
};

struct tally {
	unsigned refused, read, partial;
	unsigned round; /* the one that is running */
};
static struct tally *tally; /* shared with the children */
static const char *save;
static uint64_t seed = 1;

/* ------------------------------------------------------------------ random numbers */

/* splitmix64 (Steele, Lea, Flood 2014): every round has a stream of its own, whatever came before it. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* ------------------------------------------------------------------ one round */

static void die(const char *words)
{
	fprintf(stderr, "damage: %s\n", words);
	abort();
}

/* Most hit what is in use, some the header, some anything; half of the rounds flip one bit, the others up to 64. */
static void flip(const struct subject *s, uint8_t *copy, uint64_t *state)
{
	unsigned bits = next(state) % 2 ? 1 : 1 + (unsigned)(next(state) % 64);
	while (bits--) {
		uint64_t which = next(state) % 16;
		size_t at = which < 2   ? next(state) % sizeof(struct ttrec_header)
		            : which < 4 ? next(state) % s->size
		                        : s->marked[next(state) % s->marked_count];
		copy[at % s->size] ^= (uint8_t)(1u << next(state) % 8);
	}
}

static void check_json(const char *text, size_t len, bool partial)
{
	json_error_t error;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
	if (!doc) {
		fprintf(stderr, "damage: JSON: %s, line %d\n", error.text, error.line);
		die("the report is no JSON");
	}
	if (json_is_true(json_object_get(json_object_get(doc, "dropped"), "partial")) != partial)
		die("the JSON report does not say that it is partial");
	json_decref(doc);
}

static void write_one(struct tt_report *report, enum tt_format format, bool partial)
{
	struct tt_err err = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	if (!f || tt_report_write(report, format, f, NULL, &err) < 0)
		die(err.msg[0] ? err.msg : "out of memory");
	fclose(f);
	if (!len || len > TEXT_MOST)
		die("a report of that size cannot be right");
	if (format == TT_FORMAT_JSON)
		check_json(text, len, partial);
	free(text);
}

/* must_be_partial: records were cut off. */
static void survive(const uint8_t *data, size_t size, bool must_be_partial, bool full_names)
{
	static const struct tt_rec_opts offline = {.offline = true};
	struct tt_report_opts opts;
	struct tt_model *model;
	struct tt_report *report;
	struct tt_rec *rec;
	struct tt_err err = {0};
	if (tt_rec_open_memory(data, size, "damaged", &offline, &rec, &err) < 0) {
		if (!err.msg[0] || !err.code)
			die("refused without words");
		tally->refused++;
		return;
	}
	bool partial = tt_rec_partial(rec);
	if (partial && !tt_rec_problem(rec, 0))
		die("partial without words");
	if (must_be_partial && !partial)
		die("cut, and not said to be partial");
	if (tt_model_create(&model, &err) < 0 || tt_model_add(model, rec, &err) < 0 || tt_model_finish(model, &err) < 0)
		die(err.msg);
	tt_report_opts_init(&opts);
	opts.tool = "damage";
	opts.names.no_inlines = opts.names.no_lines = !full_names;
	if (tt_report_create(model, &opts, &report, &err) < 0)
		die(err.msg);
	write_one(report, TT_FORMAT_TEXT, partial);
	write_one(report, TT_FORMAT_JSON, partial);
	tt_report_destroy(report);
	tally->read++;
	tally->partial += partial;
}

/* The damaged bytes of one round, in memory of exactly that size: a sanitizer sees any read beyond. */
static uint8_t *damaged(const struct subject *s, bool cut, unsigned round, size_t *ret_size)
{
	uint64_t state = seed * 1000003 + round * 2 + cut;
	size_t size = s->size;
	if (cut) /* half of the cuts in the first 64 KiB, where more depends on it */
		size = next(&state) % (next(&state) % 2 || s->size < 65536 ? s->size : 65536);
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		die("out of memory");
	memcpy(copy, s->data, size);
	if (!cut)
		flip(s, copy, &state);
	*ret_size = size;
	return copy;
}

static void round_run(const struct subject *s, bool cut, unsigned round)
{
	size_t size;
	uint8_t *copy = damaged(s, cut, round, &size);
	alarm(LIMIT_S);
	survive(copy, size, cut && size >= sizeof(struct ttrec_header), round % FULL_NAMES == 0);
	alarm(0);
	free(copy);
}

/* ------------------------------------------------------------------ all rounds */

static void tell(const struct subject *s, bool cut, int status)
{
	unsigned round = tally->round;
	printf("%s: %s %u of seed %llu: %s %d\n", s->path, cut ? "cut" : "flip", round, (unsigned long long)seed,
		WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	size_t size;
	uint8_t *copy = save ? damaged(s, cut, round, &size) : NULL;
	FILE *f = copy ? fopen(save, "wb") : NULL;
	if (f) {
		fwrite(copy, 1, size, f);
		fclose(f);
	}
	free(copy);
}

/* Returns how many rounds failed. A batch goes on behind the round that killed its child. */
static unsigned rounds_run(const struct subject *s, bool cut, unsigned from, unsigned count)
{
	unsigned failed = 0, end = from + count;
	for (unsigned round = from; round < end;) {
		unsigned stop = round + BATCH < end ? round + BATCH : end;
		fflush(stdout);
		pid_t pid = fork();
		if (pid < 0)
			die("cannot fork");
		if (pid == 0) {
			for (tally->round = round; tally->round < stop; tally->round++)
				round_run(s, cut, tally->round);
			_exit(0);
		}
		int status;
		waitpid(pid, &status, 0);
		if (status != 0) {
			failed++;
			tell(s, cut, status);
			stop = tally->round + 1;
		}
		round = stop;
	}
	return failed;
}

/* The used part: what lies behind it was never written. */
static void subject_load(struct subject *s, const char *path)
{
	struct ttrec_header h;
	FILE *f = fopen(path, "rb");
	if (!f || fread(&h, sizeof(h), 1, f) != 1 || h.next < sizeof(h) || h.next > (256u << 20))
		die("cannot read the recording");
	*s = (struct subject){.path = path, .data = malloc(h.next)};
	rewind(f);
	s->size = s->data ? fread(s->data, 1, h.next, f) : 0;
	s->marked = malloc(s->size * sizeof(*s->marked));
	fclose(f);
	if (s->size != h.next || !s->marked)
		die("cannot read the recording");
	for (size_t i = 0; i < s->size; i++)
		if (s->data[i])
			s->marked[s->marked_count++] = i;
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*end || end == text || n > 100000000)
		die("not a number");
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	unsigned flips = 100, cuts = 50, failed = 0;
	int i = 1;
	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			seed = number(argv[i + 1]);
		else if (strcmp(argv[i], "--flips") == 0)
			flips = number(argv[i + 1]);
		else if (strcmp(argv[i], "--cuts") == 0)
			cuts = number(argv[i + 1]);
		else if (strcmp(argv[i], "--save") == 0)
			save = argv[i + 1];
		else
			die("unknown option");
	}
	unsigned files = (unsigned)(argc - i);
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!files || tally == MAP_FAILED)
		die("no recording given");
	for (unsigned n = 0; n < files; n++) {
		struct subject s;
		subject_load(&s, argv[i + (int)n]);
		/* The rounds are shared out among the recordings. */
		failed += rounds_run(&s, false, flips / files * n, flips / files + (n == 0 ? flips % files : 0));
		failed += rounds_run(&s, true, cuts / files * n, cuts / files + (n == 0 ? cuts % files : 0));
		free(s.marked);
		free(s.data);
	}
	printf("%u refused, %u read, %u of them partial, %u failed\n", tally->refused, tally->read, tally->partial, failed);
	return failed != 0;
}
