/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tap.h - the unit tests' vocabulary: checks that print TAP (Test Anything Protocol). Headers only; not for threads.
 *
 *   #include "tests/unit/tap.h"
 *   int main(void)
 *   {
 *           ok(list_empty(&l), "a new list is empty");
 *           is_int(list_length(&l), 0, "and has length %d", 0);
 *           is_str(name, "main", "the name");
 *           skip(have_root, 2, "needs root") { ... two checks ... }
 *           return done();
 *   }
 *
 * Every check evaluates its arguments once and yields its truth, so `if (!ok(p, "opens")) return done();` works.
 * Called by tests/unit/test_*.c; tests/run reads the output.
 */
#ifndef TT_TESTS_TAP_H
#define TT_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct {
	int run, failed, planned;
} tap_state __attribute__((unused));

/* Prints "# text", each line of the text behind its own "# ". */
__attribute__((format(printf, 1, 2), unused)) static void diag(const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("# %s\n", line);
	fflush(stdout);
}

/* Optional: states at the beginning how many checks will run; without it done() prints the count. */
__attribute__((unused)) static void plan(int checks)
{
	tap_state.planned = checks;
	printf("1..%d\n", checks);
}

__attribute__((format(printf, 4, 5), unused)) static bool tap_check(bool good, const char *file, int line, const char *fmt, ...)
{
	char name[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	for (char *p = name; *p; p++) {
		if (*p == '\n' || *p == '#')
			*p = ' ';
	}
	tap_state.run++;
	if (!good)
		tap_state.failed++;
	printf("%sok %d - %s\n", good ? "" : "not ", tap_state.run, name);
	if (!good)
		printf("# failed at %s:%d\n", file, line);
	fflush(stdout);
	return good;
}

__attribute__((unused)) static bool tap_same_str(const char *got, const char *want)
{
	return got && want ? strcmp(got, want) == 0 : got == want;
}

__attribute__((unused)) static void tap_show_str(const char *label, const char *s)
{
	if (!s) {
		printf("#  %s: (null)\n", label);
		return;
	}
	printf("#  %s: \"", label);
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			printf("\\x%02x", (unsigned char)*s);
		else
			putchar(*s);
	}
	printf("\"\n");
	fflush(stdout);
}

#define pass(...)     tap_check(true, __FILE__, __LINE__, __VA_ARGS__)
#define fail(...)     tap_check(false, __FILE__, __LINE__, __VA_ARGS__)
#define ok(cond, ...) tap_check(!!(cond), __FILE__, __LINE__, __VA_ARGS__)

/* Any two integers that fit int64_t; use is_u64 above that. */
#define is_int(got, want, ...)                                                          \
	({                                                                              \
		int64_t got_ = (int64_t)(got), want_ = (int64_t)(want);                 \
		bool same_ = tap_check(got_ == want_, __FILE__, __LINE__, __VA_ARGS__); \
		if (!same_)                                                             \
			diag(" got:  %" PRId64 "\n want: %" PRId64, got_, want_);       \
		same_;                                                                  \
	})

#define is_u64(got, want, ...)                                                                                            \
	({                                                                                                                \
		uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);                                                \
		bool same_ = tap_check(got_ == want_, __FILE__, __LINE__, __VA_ARGS__);                                   \
		if (!same_)                                                                                               \
			diag(" got:  %" PRIu64 " (0x%" PRIx64 ")\n want: %" PRIu64 " (0x%" PRIx64 ")", got_, got_, want_, \
				want_);                                                                                   \
		same_;                                                                                                    \
	})

/* Strings; NULL equals only NULL. */
#define is_str(got, want, ...)                                                                      \
	({                                                                                          \
		const char *got_ = (got), *want_ = (want);                                          \
		bool same_ = tap_check(tap_same_str(got_, want_), __FILE__, __LINE__, __VA_ARGS__); \
		if (!same_) {                                                                       \
			tap_show_str("got ", got_);                                                 \
			tap_show_str("want", want_);                                                \
		}                                                                                   \
		same_;                                                                              \
	})

/* got contains part. */
#define has_str(got, part, ...)                                                                        \
	({                                                                                             \
		const char *got_ = (got), *part_ = (part);                                             \
		bool found_ = tap_check(got_ && strstr(got_, part_), __FILE__, __LINE__, __VA_ARGS__); \
		if (!found_) {                                                                         \
			tap_show_str("got     ", got_);                                                \
			tap_show_str("lacks   ", part_);                                               \
		}                                                                                      \
		found_;                                                                                \
	})

/* Prints n skipped checks with their reason. `skip(have, n, "why") { checks }` runs the block only when have is true. */
__attribute__((unused)) static bool tap_skip(bool have, int n, const char *why)
{
	for (int i = 0; !have && i < n; i++)
		printf("ok %d # SKIP %s\n", ++tap_state.run, why);
	fflush(stdout);
	return have;
}
#define skip(have, n, why) if (tap_skip((have), (n), (why)))

/* Ends the test: prints the plan. Returns main's exit status. */
__attribute__((unused, warn_unused_result)) static int done(void)
{
	if (!tap_state.planned)
		printf("1..%d\n", tap_state.run);
	else if (tap_state.planned != tap_state.run)
		diag("planned %d checks, ran %d", tap_state.planned, tap_state.run);
	fflush(stdout);
	return tap_state.failed || (tap_state.planned && tap_state.planned != tap_state.run) ? 1 : 0;
}

#endif
