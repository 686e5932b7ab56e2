/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli.c - parses a command line by an option table (cli.h). Help and completion: cli_help.c; main()'s words: cli_main.c. */
#include "lib/util/cli.h"

#include "lib/core/attrs.h"
#include "lib/util/parse.h"
#include "lib/util/text.h"
#include "lib/util/vec.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

const char *const tt_cli_colors[] = {"auto", "always", "never", NULL};

/* Rows that every tool has. Their call is never made: parse_one() knows them by their place. */
enum { STANDARD_HELP, STANDARD_VERSION, STANDARD_COMPLETION };
static const struct tt_opt standard[] = {
	[STANDARD_HELP] = {.type = TT_OPT_TYPE_CALL, .letter = 'h', .name = "help", .help = "show this help and exit"},
	[STANDARD_VERSION] = {.type = TT_OPT_TYPE_CALL, .letter = 'V', .name = "version", .help = "show the version and exit"},
	[STANDARD_COMPLETION] = {.type = TT_OPT_TYPE_CALL, .name = "help-completion", .arg = "KIND", .fallback = "bash"},
};

static size_t own_rows(const struct tt_cli *cli)
{
	size_t n = 0;
	while (cli->options[n].type != TT_OPT_TYPE_END)
		n++;
	return n;
}

const struct tt_opt *tt_cli_row(const struct tt_cli *cli, size_t i)
{
	size_t own = own_rows(cli);
	if (i < own)
		return &cli->options[i];
	return i - own < ARRAY_SIZE(standard) ? &standard[i - own] : NULL;
}

void tt_cli_list_deinit(struct tt_cli_list *list)
{
	free(list->items);
	*list = (struct tt_cli_list){0};
}

static int list_add(struct tt_cli_list *list, const char *item)
{
	int rc = tt_vec_grow((void **)&list->items, &list->cap, list->len + 1, sizeof(*list->items));
	if (rc == 0)
		list->items[list->len++] = item;
	return rc;
}

/* ------------------------------------------------------------------ storing values */

static int parse_ranged(const struct tt_opt *opt, const char *arg, struct tt_err *err)
{
	uint64_t value, max = opt->max ? opt->max : UINT64_MAX;
	bool is_size = opt->type == TT_OPT_TYPE_SIZE;
	int rc = is_size ? tt_parse_size(arg, &value, err) : tt_parse_duration(arg, &value, err);
	if (rc)
		return rc;
	if (value < opt->min)
		return tt_err_set(err, ERANGE, "'%s' is less than %s", arg, is_size ? tt_bytes(opt->min).s : tt_ns(opt->min).s);
	if (value > max)
		return tt_err_set(err, ERANGE, "'%s' is more than %s", arg, is_size ? tt_bytes(max).s : tt_ns(max).s);
	*(uint64_t *)opt->value = value;
	return 0;
}

/* arg: NULL when the option takes none. */
static int store(const struct tt_opt *opt, const char *arg, bool negated, struct tt_err *err)
{
	switch (opt->type) {
	case TT_OPT_TYPE_FLAG:
	case TT_OPT_TYPE_BOOL:
		*(bool *)opt->value = !negated;
		return 0;
	case TT_OPT_TYPE_COUNT:
		++*(unsigned *)opt->value;
		return 0;
	case TT_OPT_TYPE_STR:
		*(const char **)opt->value = arg;
		return 0;
	case TT_OPT_TYPE_LIST:
		return list_add(opt->value, arg) ? tt_err_set(err, ENOMEM, "out of memory") : 0;
	case TT_OPT_TYPE_U64:
		return tt_parse_u64(arg, opt->min, opt->max ? opt->max : UINT64_MAX, opt->value, err);
	case TT_OPT_TYPE_SIZE:
	case TT_OPT_TYPE_DURATION:
		return parse_ranged(opt, arg, err);
	case TT_OPT_TYPE_PERCENT:
		return tt_parse_percent(arg, 100, opt->value, err);
	case TT_OPT_TYPE_CHOICE:
		return tt_parse_choice(arg, opt->names, opt->value, err);
	case TT_OPT_TYPE_CALL:
		return opt->call(opt->value, arg, err);
	case TT_OPT_TYPE_END:
	case TT_OPT_TYPE_GROUP:
		break;
	}
	return tt_err_set(err, EINVAL, "bad option table");
}

/* ------------------------------------------------------------------ getopt's tables */

/* A long option's val: row number and whether it was the --no- form, above all letters. */
#define LONG_VAL(row, negated) (256 + (int)(row)*2 + (negated))

struct tables {
	TT_VEC(struct option) longs;
	struct tt_buf letters;
	TT_VEC(char *) made; /* names with "no-", to be freed */
};

static void tables_deinit(struct tables *t)
{
	char **name;
	vec_for_each (name, &t->made)
		free(*name);
	tt_vec_deinit(&t->made);
	tt_vec_deinit(&t->longs);
	tt_buf_deinit(&t->letters);
}

static int has_arg(const struct tt_opt *opt)
{
	return !opt->arg ? no_argument : opt->fallback ? optional_argument : required_argument;
}

static int add_long(struct tables *t, const char *name, int arg, int val)
{
	return tt_vec_push(&t->longs, ((struct option){name, arg, NULL, val}));
}

static int add_negated(struct tables *t, const struct tt_opt *opt, size_t row)
{
	char *name;
	if (asprintf(&name, "no-%s", opt->name) < 0)
		return -ENOMEM;
	if (tt_vec_push(&t->made, name)) {
		free(name);
		return -ENOMEM;
	}
	return add_long(t, name, no_argument, LONG_VAL(row, 1));
}

static int tables_init(struct tables *t, const struct tt_cli *cli)
{
	*t = (struct tables){0};
	int rc = tt_buf_adds(&t->letters, cli->stop_at_first ? "+:" : ":");
	const struct tt_opt *opt;
	for (size_t row = 0; rc == 0 && (opt = tt_cli_row(cli, row)); row++) {
		if (!tt_opt_is_option(opt))
			continue;
		if (opt->name)
			rc = add_long(t, opt->name, has_arg(opt), LONG_VAL(row, 0));
		if (rc == 0 && opt->type == TT_OPT_TYPE_BOOL)
			rc = add_negated(t, opt, row);
		if (rc == 0 && opt->letter)
			rc = tt_buf_printf(&t->letters, "%c%.*s", opt->letter, has_arg(opt), "::");
	}
	return rc ? rc : add_long(t, NULL, 0, 0);
}

static const struct tt_opt *row_of(const struct tt_cli *cli, int val, bool *negated)
{
	*negated = false;
	if (val >= 256) {
		*negated = (val - 256) & 1;
		return tt_cli_row(cli, (size_t)(val - 256) / 2);
	}
	const struct tt_opt *opt;
	for (size_t row = 0; (opt = tt_cli_row(cli, row)); row++) {
		if (tt_opt_is_option(opt) && opt->letter == val)
			return opt;
	}
	return NULL;
}

/* ------------------------------------------------------------------ complaints */

/* Edit distance of two short names (insert, delete, replace); large when either is long. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	enum { MAX = 40 };
	unsigned row[MAX + 1];
	if (a_len > MAX || b_len > MAX)
		return MAX;
	for (unsigned j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
		}
	}
	return row[b_len];
}

/* word: what followed "--", without "=value". Tells an ambiguous beginning from an unknown name. */
static void complain_unknown(const struct tables *t, const char *word, size_t len, struct tt_err *err)
{
	const struct option *l, *near = NULL;
	unsigned nearest = 3;
	char list[256] = "";
	size_t used = 0, matches = 0;
	for (l = t->longs.data; l->name; l++) {
		if (strncmp(l->name, word, len) == 0) {
			matches++;
			int n = snprintf(list + used, sizeof(list) - used, "%s'--%s'", used ? ", " : "", l->name);
			used = n > 0 && used + (size_t)n < sizeof(list) ? used + (size_t)n : sizeof(list) - 1;
		}
		unsigned d = distance(word, len, l->name, strlen(l->name));
		if (d < nearest) {
			nearest = d;
			near = l;
		}
	}
	if (matches > 1)
		tt_err_set(err, EINVAL, "option '--%.*s' is ambiguous: %s", (int)len, word, list);
	else if (near)
		tt_err_set(err, EINVAL, "unknown option '--%.*s'; did you mean '--%s'?", (int)len, word, near->name);
	else
		tt_err_set(err, EINVAL, "unknown option '--%.*s'", (int)len, word);
}

/* After getopt_long returned '?' or ':'. */
static void complain(const struct tt_cli *cli, const struct tables *t, int result, const char *word, struct tt_err *err)
{
	bool negated;
	const struct tt_opt *opt = optopt ? row_of(cli, optopt, &negated) : NULL;
	if (result == ':' && optopt < 256)
		tt_err_set(err, EINVAL, "option '-%c' needs an argument%s%s", optopt, opt ? ": " : "", opt ? opt->arg : "");
	else if (result == ':')
		tt_err_set(err, EINVAL, "option '%s' needs an argument: %s", word, opt ? opt->arg : "");
	else if (opt && optopt >= 256)
		tt_err_set(err, EINVAL, "option '--%s%s' takes no argument", negated ? "no-" : "", opt->name);
	else if (optopt)
		tt_err_set(err, EINVAL, "unknown option '-%c'", optopt);
	else
		complain_unknown(t, word + 2, strcspn(word + 2, "="), err);
}

/* ------------------------------------------------------------------ parsing */

static enum tt_cli_result answer(const struct tt_cli *cli, const struct tt_opt *opt, const char *arg, size_t width,
	struct tt_buf *out, struct tt_err *err)
{
	int rc;
	if (opt == &standard[STANDARD_HELP])
		rc = tt_cli_help(cli, width, out);
	else if (opt == &standard[STANDARD_VERSION])
		rc = tt_buf_printf(out, "%s (threadtools) %s\n", cli->tool, TT_VERSION);
	else if (arg && strcmp(arg, "options") == 0)
		rc = tt_cli_option_list(cli, out);
	else
		rc = tt_cli_completion_bash(cli, out);
	if (rc) {
		tt_err_set(err, -rc, "out of memory");
		return TT_CLI_MISUSED;
	}
	return TT_CLI_PRINT;
}

static bool is_standard(const struct tt_opt *opt)
{
	return opt >= standard && opt < standard + ARRAY_SIZE(standard);
}

static enum tt_cli_result parse_all(const struct tt_cli *cli, const struct tables *t, int argc, char **argv, size_t width,
	struct tt_buf *out, struct tt_err *err)
{
	int val;
	while ((val = getopt_long(argc, argv, tt_buf_str(&t->letters), t->longs.data, NULL)) != -1) {
		const char *word = argv[optind - 1];
		bool negated;
		if (val == '?' || val == ':') {
			complain(cli, t, val, word, err);
			return TT_CLI_MISUSED;
		}
		const struct tt_opt *opt = row_of(cli, val, &negated);
		if (is_standard(opt))
			return answer(cli, opt, optarg, width, out, err);
		const char *arg = opt->arg ? optarg ? optarg : opt->fallback : NULL;
		if (store(opt, arg, negated, err)) {
			if (val < 256)
				tt_err_prefix(err, "option '-%c'", val);
			else
				tt_err_prefix(err, "option '--%s'", opt->name);
			return TT_CLI_MISUSED;
		}
	}
	return TT_CLI_RUN;
}

enum tt_cli_result tt_cli_parse(
	const struct tt_cli *cli, int argc, char **argv, int *first, size_t width, struct tt_buf *out, struct tt_err *err)
{
	struct tables tables;
	enum tt_cli_result result = TT_CLI_MISUSED;
	*err = (struct tt_err){0};
	if (tables_init(&tables, cli)) {
		tt_err_set(err, ENOMEM, "out of memory");
	} else {
		opterr = 0;
		optind = 0; /* glibc: begin anew, so that several command lines can be parsed */
		result = parse_all(cli, &tables, argc, argv, width, out, err);
		*first = optind;
	}
	tables_deinit(&tables);
	return result;
}
