/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings.c - sizes in the words of runtimes (settings.h, settings.def). */
#include "lib/size/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/attrs.h"

enum number { SIZE, WORKERS, COUNT, UP, DOWN, EXACT };

static const struct row {
	const char *program;
	enum number number;
	const char *text, *note;
} rows[] = {
#define TT_SETTING(program, number, text, note) {program, number, text, note},
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

/* name, and what follows it is a version at most: python3.11, node20, php-fpm8.2. */
static bool is_named(const char *word, size_t len, const char *name)
{
	size_t n = strlen(name);
	return len >= n && strncmp(word, name, n) == 0 && n + strspn(word + n, "0123456789.-") >= len;
}

static const char *look_up(const char *word, size_t len)
{
	static const char *const names[][2] = {{"nodejs", "node"}, {"node", "node"}, {"java", "java"}, {"python", "python"},
		{"gunicorn", "gunicorn"}, {"uvicorn", "uvicorn"}, {"ruby", "ruby"}, {"puma", "puma"}, {"dotnet", "dotnet"},
		{"nginx", "nginx"}, {"postgres", "postgres"}, {"redis-server", "redis"}, {"php-fpm", "php-fpm"},
		{"apache", "apache"}, {"httpd", "apache"}};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (is_named(word, len, names[i][0]))
			return names[i][1];
	return NULL;
}

/* A server that an interpreter runs: the interpreter itself says less. */
static const char *of_title(const char *title)
{
	static const char *const servers[] = {"gunicorn", "uvicorn", "puma"};
	for (const char *word = title; *word;) {
		size_t len = strcspn(word, " /:");
		const char *program = look_up(word, len);
		for (size_t i = 0; program && i < ARRAY_SIZE(servers); i++)
			if (strcmp(program, servers[i]) == 0)
				return program;
		word += len;
		word += strspn(word, " /:");
	}
	return NULL;
}

const char *tt_settings_program(const char *executable, const char *title)
{
	const char *slash = strrchr(executable, '/'), *base = slash ? slash + 1 : executable;
	const char *server = title ? of_title(title) : NULL, *program = look_up(base, strlen(base));
	return server ? server : program ? program : "generic";
}

static unsigned per_process(const struct tt_settings_of *of)
{
	unsigned spread = of->spread ? of->spread : 1;
	return (of->size + spread - 1) / spread;
}

static void number_text(char *out, size_t size, enum number kind, const struct tt_settings_of *of)
{
	double whole = kind == DOWN ? floor(of->cpus + 1e-9) : ceil(of->cpus - 1e-9);
	if (kind == SIZE)
		snprintf(out, size, "%u", per_process(of));
	else if (kind == WORKERS || (kind == COUNT && of->processes && of->size))
		snprintf(out, size, "%u", of->size);
	else if (kind == COUNT && of->spread > 1 && of->size)
		snprintf(out, size, "%u", of->spread); /* that their threads are told for */
	else if (kind == EXACT)
		snprintf(out, size, "%.3g", ceil(of->used * 20) / 20);
	else
		snprintf(out, size, "%.0f", fmax(1, whole));
}

/* A size in threads says nothing of processes, and the other way round; nor does one that is not known. */
static bool applies(const struct row *row, const struct tt_settings_of *of)
{
	switch (row->number) {
	case SIZE:
		return of->size && !of->processes;
	case WORKERS:
		return of->size && of->processes;
	case EXACT:
		return of->used > 0;
	default:
		return true;
	}
}

bool tt_settings_next(const char *program, unsigned *i, const struct tt_settings_of *of, struct tt_setting *ret)
{
	for (; *i < ARRAY_SIZE(rows); (*i)++) {
		const struct row *row = &rows[*i];
		char number[32];
		size_t len = 0;
		if (strcmp(row->program, program) != 0 || !applies(row, of))
			continue;
		number_text(number, sizeof(number), row->number, of);
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
