/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkthreads - makes one known situation among threads, and says what is true about it.
 *
 *   mkthreads SCENARIO [NAME=VALUE ...] [--timeout SECONDS] [--second-thread]
 *   mkthreads --list [--json]
 *
 * One JSON object on standard output is the truth: thread ids, and per lock how often it was taken, how often and how long
 * somebody waited, in which functions. Tests compare reports with it. Not installed; called by tests and by hand.
 */
#include "tests/mkthreads/truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PARAMS 8

#define MK_SCENARIO(fn, ...) int fn(void);
#include "tests/mkthreads/scenarios.def"
#undef MK_SCENARIO

#define MK_SCENARIO(fn, name, what, ...) {name, fn, what, (const struct mk_param[]){__VA_ARGS__}},
#define MK_END                \
	{                     \
		NULL, 0, NULL \
	}
const struct mk_scenario mk_scenarios[] = {
#include "tests/mkthreads/scenarios.def"
	{NULL, NULL, NULL, NULL},
};

static void list_text(void)
{
	for (const struct mk_scenario *s = mk_scenarios; s->name; s++) {
		printf("%-26s %s\n", s->name, s->what);
		for (const struct mk_param *p = s->params; p->name; p++)
			printf("%-26s   %s=%ld  %s\n", "", p->name, p->value, p->help);
	}
}

static void list_json(void)
{
	printf("[");
	for (const struct mk_scenario *s = mk_scenarios; s->name; s++) {
		printf("%s{\"name\":\"%s\",\"description\":\"%s\",\"params\":[", s == mk_scenarios ? "" : ",\n", s->name,
			s->what);
		for (const struct mk_param *p = s->params; p->name; p++)
			printf("%s{\"name\":\"%s\",\"default\":%ld,\"description\":\"%s\"}", p == s->params ? "" : ",", p->name,
				p->value, p->help);
		printf("]}");
	}
	printf("]\n");
}

static int usage(const char *message, const char *subject)
{
	if (message)
		fprintf(stderr, "mkthreads: %s '%s'\n", message, subject);
	fprintf(stderr, "usage: mkthreads SCENARIO [NAME=VALUE ...] [--timeout SECONDS] [--second-thread]\n       mkthreads "
			"--list [--json]\n");
	return 2;
}

static const struct mk_scenario *find(const char *name)
{
	for (const struct mk_scenario *s = mk_scenarios; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static bool parse_long(const char *text, long *value)
{
	char *end;
	errno = 0;
	*value = strtol(text, &end, 0);
	return end != text && !*end && !errno;
}

/* Sets the value that "name=value" names. */
static bool set_param(const struct mk_scenario *s, long *values, const char *arg)
{
	for (int i = 0; s->params[i].name; i++) {
		size_t len = strlen(s->params[i].name);
		if (!strncmp(arg, s->params[i].name, len) && arg[len] == '=')
			return parse_long(arg + len + 1, &values[i]);
	}
	return false;
}

static void *second_thread(void *arg)
{
	mk_enter("second_thread");
	return arg;
}

/* A recorder may leave nothing of a process that never had a second thread. */
static void start_second_thread(void)
{
	pthread_t t;
	MK_CREATE(&t, NULL, second_thread, NULL);
	MK_JOIN(t, NULL);
}

static int run(const struct mk_scenario *s, char **argv)
{
	static long values[MAX_PARAMS];
	long timeout = 120;
	bool second = false;
	for (int i = 0; s->params[i].name; i++)
		values[i] = s->params[i].value;
	for (; *argv; argv++) {
		if (!strcmp(*argv, "--timeout")) {
			if (!argv[1] || !parse_long(*++argv, &timeout))
				return usage("bad value for", "--timeout");
		} else if (!strcmp(*argv, "--second-thread")) {
			second = true;
		} else if (!set_param(s, values, *argv)) {
			return usage("unknown or bad parameter", *argv);
		}
	}
	/* No handler: SIGALRM ends a scenario that hangs, by design or by fault. */
	alarm(timeout > 0 ? (unsigned)timeout : 0);
	mk_truth_init(s, values);
	if (second)
		start_second_thread();
	int status = s->run();
	mk_print();
	return status;
}

int main(int argc, char **argv)
{
	bool json = false, list = false;
	for (int i = 1; i < argc; i++) {
		json |= !strcmp(argv[i], "--json");
		list |= !strcmp(argv[i], "--list");
	}
	if (list || (json && argc == 2)) {
		(json ? list_json : list_text)();
		return 0;
	}
	if (argc < 2)
		return usage(NULL, NULL);
	const struct mk_scenario *s = find(argv[1]);
	return s ? run(s, argv + 2) : usage("no scenario", argv[1]);
}
