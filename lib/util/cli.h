/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cli.h - one option table per tool: parsing, --help, --version, shell completion.
 *
 *   static struct { const char *output; bool quiet; uint64_t top; struct tt_cli_list reports; enum tt_color color; } opt =
 * {.top = 10}; static const struct tt_opt options[] = { TT_OPT_GROUP("Output"), TT_OPT_STR('o', "output", "FILE", &opt.output,
 * "write the recording to FILE"), TT_OPT_LIST(0, "report", "FORMAT[=FILE]", &opt.reports, "also write a report"),
 *           TT_OPT_U64('n', "top", "N", &opt.top, 1, 10000, "show the N worst"),
 *           TT_OPT_FLAG('q', "quiet", &opt.quiet, "print nothing"),
 *           TT_OPT_COLOR(&opt.color),
 *           TT_OPT_END,
 *   };
 *   static const struct tt_cli cli = {.tool = "threadcheck", .usage = {"[OPTION]... [--] CMD [ARG...]"}, .options = options,
 *           .summary = "Run CMD and report how its threads use locks.", .stop_at_first = true, .args = TT_ARGS_COMMAND};
 *   int main(int argc, char **argv)
 *   {
 *           int first = tt_cli_start(&cli, argc, argv);       // argv[first] is the first operand
 *           ...
 *           return tt_cli_finish(&cli, status);
 *   }
 *
 * tt_cli_parse is ordinary library code; the other functions are main()'s own words: they print, and tt_cli_start exits.
 * Added to every table: -h --help, -V --version, and a hidden --help-completion[=bash|options].
 * Text values point into argv.
 */
#ifndef TT_UTIL_CLI_H
#define TT_UTIL_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/util/buf.h"
#include "lib/util/err.h"
#include "lib/util/term.h"

/* Exit status of all tools: DESIGN, "Exit status". */
enum tt_exit { TT_EXIT_OK = 0, TT_EXIT_FOUND = 1, TT_EXIT_FAILED = 2 };

/* What a repeatable option gathered, in order. The array belongs to the list; tt_cli_list_deinit frees it. */
struct tt_cli_list {
	const char **items;
	size_t len, cap;
};
void tt_cli_list_deinit(struct tt_cli_list *list);

enum tt_opt_type {
	TT_OPT_TYPE_END,
	TT_OPT_TYPE_GROUP,
	TT_OPT_TYPE_FLAG,     /* bool */
	TT_OPT_TYPE_BOOL,     /* bool; --name and --no-name */
	TT_OPT_TYPE_COUNT,    /* unsigned, + 1 each time */
	TT_OPT_TYPE_STR,      /* const char * */
	TT_OPT_TYPE_LIST,     /* struct tt_cli_list */
	TT_OPT_TYPE_U64,      /* uint64_t within [min, max] */
	TT_OPT_TYPE_SIZE,     /* uint64_t bytes within [min, max] */
	TT_OPT_TYPE_DURATION, /* uint64_t nanoseconds within [min, max] */
	TT_OPT_TYPE_PERCENT,  /* double, 0..100 */
	TT_OPT_TYPE_CHOICE,   /* int: position in names */
	TT_OPT_TYPE_CALL      /* call(value, argument or NULL, err) returns 0 or -errno */
};

struct tt_opt {
	enum tt_opt_type type;
	char letter;          /* 0: none */
	const char *name;     /* long name, without dashes; the title of a group */
	const char *arg;      /* what --help shows for the argument; NULL: takes none */
	void *value;          /* where to store; for CALL its first argument */
	const char *help;     /* lower case, no full stop; NULL: not shown in --help */
	const char *fallback; /* not NULL: the argument is optional (--name[=ARG]) and this is meant without it */
	uint64_t min, max;
	const char *const *names; /* CHOICE */
	int (*call)(void *value, const char *arg, struct tt_err *err);
};

/* clang-format off */
#define TT_OPT_END {.type = TT_OPT_TYPE_END}
#define TT_OPT_GROUP(title) {.type = TT_OPT_TYPE_GROUP, .name = (title)}
#define TT_OPT_ROW_(t, l, n, a, v, h, ...) {.type = (t), .letter = (l), .name = (n), .arg = (a), .value = (v), .help = (h), __VA_ARGS__}
#define TT_OPT_FLAG(l, n, v, h)                      TT_OPT_ROW_(TT_OPT_TYPE_FLAG, l, n, NULL, v, h)
#define TT_OPT_BOOL(l, n, v, h)                      TT_OPT_ROW_(TT_OPT_TYPE_BOOL, l, n, NULL, v, h)
#define TT_OPT_COUNT(l, n, v, h)                     TT_OPT_ROW_(TT_OPT_TYPE_COUNT, l, n, NULL, v, h)
#define TT_OPT_STR(l, n, a, v, h)                    TT_OPT_ROW_(TT_OPT_TYPE_STR, l, n, a, v, h)
#define TT_OPT_STR_OPTIONAL(l, n, a, v, without, h)  TT_OPT_ROW_(TT_OPT_TYPE_STR, l, n, a, v, h, .fallback = (without))
#define TT_OPT_LIST(l, n, a, v, h)                   TT_OPT_ROW_(TT_OPT_TYPE_LIST, l, n, a, v, h)
#define TT_OPT_U64(l, n, a, v, lo, hi, h)            TT_OPT_ROW_(TT_OPT_TYPE_U64, l, n, a, v, h, .min = (lo), .max = (hi))
#define TT_OPT_SIZE(l, n, a, v, lo, hi, h)           TT_OPT_ROW_(TT_OPT_TYPE_SIZE, l, n, a, v, h, .min = (lo), .max = (hi))
#define TT_OPT_DURATION(l, n, a, v, lo, hi, h)       TT_OPT_ROW_(TT_OPT_TYPE_DURATION, l, n, a, v, h, .min = (lo), .max = (hi))
#define TT_OPT_PERCENT(l, n, a, v, h)                TT_OPT_ROW_(TT_OPT_TYPE_PERCENT, l, n, a, v, h)
#define TT_OPT_CHOICE(l, n, a, v, list, h)           TT_OPT_ROW_(TT_OPT_TYPE_CHOICE, l, n, a, v, h, .names = (list))
#define TT_OPT_CALL(l, n, a, fn, data, h)            TT_OPT_ROW_(TT_OPT_TYPE_CALL, l, n, a, data, h, .call = (fn))
#define TT_OPT_COLOR(v)                              TT_OPT_ROW_(TT_OPT_TYPE_CHOICE, 0, "color", "WHEN", v, \
	"use colour: auto, always or never; auto obeys NO_COLOR", .names = tt_cli_colors, .fallback = "always")
/* clang-format on */

/* "auto", "always", "never": the names of enum tt_color. */
extern const char *const tt_cli_colors[];

/* What the operands are: for completion. */
enum tt_args { TT_ARGS_NONE, TT_ARGS_FILES, TT_ARGS_COMMAND, TT_ARGS_PIDS };

#define TT_CLI_USAGES 4
struct tt_cli {
	const char *tool;
	const char *usage[TT_CLI_USAGES]; /* one line each, without the tool's name */
	const char *summary;              /* one sentence or two */
	const struct tt_opt *options;     /* ends with TT_OPT_END */
	const char *footer;               /* more text behind the options, or NULL */
	bool stop_at_first;               /* the first operand ends the options (a wrapper's CMD) */
	enum tt_args args;
};

enum tt_cli_result {
	TT_CLI_RUN,    /* options are stored, *first is the index of the first operand in argv (which may be reordered) */
	TT_CLI_PRINT,  /* --help, --version or completion: out holds the text for stdout, status 0 */
	TT_CLI_MISUSED /* err holds the words, status 2 */
};

/* Parses argv[1..]. Prints nothing. out must be initialised. width: columns for --help, 0 = 80. */
enum tt_cli_result tt_cli_parse(
	const struct tt_cli *cli, int argc, char **argv, int *first, size_t width, struct tt_buf *out, struct tt_err *err);

/* Appends the text of --help; width: columns, 0 = 80. */
int tt_cli_help(const struct tt_cli *cli, size_t width, struct tt_buf *out);

/* Appends a bash completion script; or one line per option with its spellings ("-o --output"), what the lint tests compare. */
int tt_cli_completion_bash(const struct tt_cli *cli, struct tt_buf *out);
int tt_cli_option_list(const struct tt_cli *cli, struct tt_buf *out);

/* Row i of the tool's table followed by the rows that every tool has; NULL at the end. */
const struct tt_opt *tt_cli_row(const struct tt_cli *cli, size_t i);

/* True for rows that are options (not groups), shown or hidden. */
static inline bool tt_opt_is_option(const struct tt_opt *opt)
{
	return opt->type != TT_OPT_TYPE_END && opt->type != TT_OPT_TYPE_GROUP;
}

/*
 * For main(): sets the locale, parses, answers --help and --version, and exits with status 0 or 2 when there is nothing to
 * run. Returns the index of the first operand in argv.
 */
int tt_cli_start(const struct tt_cli *cli, int argc, char **argv);

/* For main(): prints "tool: message" to stderr (escaped). Returns TT_EXIT_FAILED, for `return tt_cli_error(...)`. */
int tt_cli_error(const struct tt_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same with "Try 'tool --help' for more information." behind it: the command line was wrong. */
int tt_cli_misuse(const struct tt_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For main(), last: makes sure that all output arrived. Returns status, or TT_EXIT_FAILED (with a message) if it did not. */
int tt_cli_finish(const struct tt_cli *cli, int status);

#endif
