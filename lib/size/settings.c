/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings.c - sizes in the words of runtimes (settings.h, settings.def). */
#include "lib/size/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/attrs.h"

enum number { SIZE, UP, DOWN, EXACT, NONE };

static const struct row {
	const char *program;
	enum number number;
	const char *text, *note;
} rows[] = {
#define TT_SETTING(program, number, text, note) {#program, number, text, note},
#include "lib/size/settings.def"
#undef TT_SETTING
};

bool tt_settings_known(const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].program, program) == 0)
			return true;
	return false;
}

const char *tt_settings_program(const char *executable)
{
	static const char *const names[][2] = {{"nodejs", "node"}, {"node", "node"}, {"java", "java"}, {"python", "python"},
		{"gunicorn", "python"}, {"uvicorn", "python"}, {"ruby", "ruby"}, {"puma", "ruby"}, {"dotnet", "dotnet"},
		{"nginx", "nginx"}, {"postgres", "postgres"}, {"redis-server", "redis"}};
	const char *slash = strrchr(executable, '/'), *base = slash ? slash + 1 : executable;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i][0]);
		/* A version may follow: python3.11, node20. */
		if (strncmp(base, names[i][0], len) == 0 && base[len + strspn(base + len, "0123456789.-")] == '\0')
			return names[i][1];
	}
	return "generic";
}

static void number_text(char *out, size_t size, enum number kind, unsigned threads, double cpus, double used)
{
	double whole = kind == UP ? ceil(cpus - 1e-9) : floor(cpus + 1e-9);
	if (kind == SIZE)
		snprintf(out, size, "%u", threads);
	else if (kind == EXACT)
		snprintf(out, size, "%.3g", ceil(used * 20) / 20);
	else
		snprintf(out, size, "%.0f", fmax(1, whole));
}

bool tt_settings_next(const char *program, unsigned *i, unsigned size, double cpus, double used, struct tt_setting *ret)
{
	for (; *i < ARRAY_SIZE(rows); (*i)++) {
		const struct row *row = &rows[*i];
		char number[32];
		size_t len = 0;
		if (strcmp(row->program, program) != 0 || (row->number == SIZE && size == 0) ||
			(row->number == EXACT && used <= 0))
			continue;
		number_text(number, sizeof(number), row->number, size, cpus, used);
		for (const char *p = row->text; *p && len + sizeof(number) < sizeof(ret->text); p++) {
			if (*p == '#')
				len += (size_t)snprintf(ret->text + len, sizeof(ret->text) - len, "%s", number);
			else
				ret->text[len++] = *p;
		}
		ret->text[len] = '\0';
		ret->program = row->program;
		ret->note = row->note;
		(*i)++;
		return true;
	}
	return false;
}
