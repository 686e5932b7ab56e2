/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sym_subject.c - builds and runs the subjects in tests/programs/sym (sym_subject.h). */
#include "tests/unit/sym_subject.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIANTS_MAX 64

static char directory[64];
static pid_t owner;
static struct {
	char verdict[8], name[32], reason[256];
} variants[VARIANTS_MAX];
static size_t variant_count;

/* No test can go on: say why, without a plan, which the runner counts as a failure. */
__attribute__((format(printf, 1, 2), noreturn)) static void bail_out(const char *format, ...)
{
	va_list ap;
	printf("Bail out! ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static void remove_directory(void)
{
	char command[128];
	if (getpid() != owner)
		return;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	if (system(command))
		fprintf(stderr, "cannot remove '%s'\n", directory);
}

const char *subject_build(void)
{
	char command[256], line[512];
	snprintf(directory, sizeof(directory), "/tmp/tt-sym-XXXXXX");
	if (!mkdtemp(directory))
		bail_out("cannot make a directory");
	owner = getpid();
	atexit(remove_directory);
	snprintf(command, sizeof(command), "tests/programs/sym/build '%s'", directory);
	FILE *pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof(line), pipe) && variant_count < VARIANTS_MAX) {
		if (sscanf(line, "%7s %31s %255[^\n]", variants[variant_count].verdict, variants[variant_count].name,
			    variants[variant_count].reason) >= 2)
			variant_count++;
	}
	if (!pipe || pclose(pipe) || variant_count == 0)
		bail_out("cannot build the subjects");
	return directory;
}

const char *subject_missing(const char *variant)
{
	for (size_t i = 0; i < variant_count; i++) {
		if (strcmp(variants[i].name, variant) != 0)
			continue;
		if (strcmp(variants[i].verdict, "fail") == 0)
			bail_out("cannot build subject %s: %s", variant, variants[i].reason);
		return strcmp(variants[i].verdict, "made") == 0 ? NULL : variants[i].reason;
	}
	bail_out("there is no subject %s", variant);
}

const char *subject_path(const char *variant)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", directory, variant);
	return path;
}

static size_t parse_hex_bytes(const char *hex, uint8_t *bytes, size_t max)
{
	size_t n = 0;
	unsigned value;
	for (; n < max && sscanf(hex + 2 * n, "%2x", &value) == 1; n++)
		bytes[n] = (uint8_t)value;
	return n;
}

static void parse_call(struct sym_truth *truth, char *text)
{
	if (truth->call_count == sizeof(truth->calls) / sizeof(truth->calls[0]))
		return;
	__auto_type call = &truth->calls[truth->call_count++];
	char *save = NULL;
	call->pc = strtoull(strtok_r(text, ";\n", &save), NULL, 16);
	for (char *place; call->count < 8 && (place = strtok_r(NULL, ";\n", &save));) {
		char *colon = strrchr(place, ':');
		struct sym_place *p = &call->places[call->count++];
		snprintf(p->function, sizeof(p->function), "%.*s", (int)(colon - place), place);
		p->line = (unsigned)atoi(colon + 1);
	}
}

void subject_run(const char *variant, struct sym_truth *ret)
{
	char line[1024], id[200];
	*ret = (struct sym_truth){0};
	FILE *pipe = popen(subject_path(variant), "r");
	while (pipe && fgets(line, sizeof(line), pipe)) {
		if (sscanf(line, "module %lx %lx %lx %199s", &ret->start, &ret->end, &ret->bias, id) == 4)
			ret->build_id_len = parse_hex_bytes(id, ret->build_id, sizeof(ret->build_id));
		else if (sscanf(line, "mapping %lx %lx %lx", &ret->map_start, &ret->map_end, &ret->map_offset) == 3)
			continue;
		else if (strncmp(line, "call ", 5) == 0)
			parse_call(ret, line + 5);
		else if (ret->data_count < 4 && sscanf(line, "data %lx %63s", &ret->data[ret->data_count].address,
							ret->data[ret->data_count].name) == 2)
			ret->data_count++;
	}
	if (!pipe || pclose(pipe) || ret->call_count == 0 || ret->map_start == 0)
		bail_out("cannot run subject %s", variant);
}

struct tt_sym_module subject_module(const struct sym_truth *truth, const char *path)
{
	return (struct tt_sym_module){.start = truth->start,
		.end = truth->end,
		.bias = truth->bias,
		.path = path,
		.build_id = truth->build_id,
		.build_id_len = truth->build_id_len};
}

struct tt_sym *subject_sym(const struct tt_sym_module *module, const char *debug_dirs)
{
	struct tt_sym_options options = {.debug_dirs = debug_dirs};
	struct tt_err err;
	struct tt_sym *s;
	if (tt_sym_create(&options, &s, &err) || tt_sym_add_module(s, module, &err))
		bail_out("%s", err.msg);
	return s;
}

bool subject_shell(const char *format, ...)
{
	char command[1024];
	int n = snprintf(command, sizeof(command), "cd '%s' && ", directory);
	va_list ap;
	va_start(ap, format);
	vsnprintf(command + n, sizeof(command) - (size_t)n, format, ap);
	va_end(ap);
	return system(command) == 0;
}
