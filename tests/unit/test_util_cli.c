/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_cli.c - option tables: parsing, complaints, --help, completion. */
#include "lib/core/attrs.h"
#include "lib/util/cli.h"
#include "tests/unit/tap.h"

#include <errno.h>

static struct {
	bool quiet, follow;
	unsigned verbose;
	const char *output, *json;
	struct tt_cli_list reports;
	uint64_t top, max_size, timeout;
	double share;
	int color;
	const char *called;
} opt;

static int on_call(void *value, const char *arg, struct tt_err *err)
{
	if (strcmp(arg, "bad") == 0)
		return tt_err_set(err, EINVAL, "'%s' is bad", arg);
	*(const char **)value = arg;
	return 0;
}

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Output"),
	TT_OPT_STR('o', "output", "FILE", &opt.output, "write to FILE"),
	TT_OPT_STR_OPTIONAL(0, "json", "FILE", &opt.json, "-", "write JSON, to standard output unless FILE is given"),
	TT_OPT_LIST(0, "report", "FORMAT[=FILE]", &opt.reports, "write a report, may be repeated"),
	TT_OPT_U64('n', "top", "N", &opt.top, 1, 100, "show the N worst"),
	TT_OPT_COLOR(&opt.color),
	TT_OPT_GROUP("Limits"),
	TT_OPT_SIZE(0, "max-size", "SIZE", &opt.max_size, 65536, 0, "most bytes"),
	TT_OPT_DURATION('t', "timeout", "TIME", &opt.timeout, 1000000, 3600000000000, "most time"),
	TT_OPT_PERCENT(0, "share", "PCT", &opt.share, "least share"),
	TT_OPT_GROUP("Other"),
	TT_OPT_FLAG('q', "quiet", &opt.quiet, "say nothing"),
	TT_OPT_COUNT('v', "verbose", &opt.verbose, "say more"),
	TT_OPT_BOOL(0, "follow", &opt.follow, "record children too"),
	TT_OPT_CALL(0, "call", "WORD", on_call, &opt.called, "call"),
	TT_OPT_FLAG(0, "secret", &opt.quiet, NULL),
	TT_OPT_END,
};
static const struct tt_cli wrapper = {.tool = "wrap",
	.usage = {"[OPTION]... [--] CMD [ARG...]", "--list"},
	.summary = "Run CMD.",
	.options = options,
	.footer = "Exit status is that of CMD.",
	.stop_at_first = true,
	.args = TT_ARGS_COMMAND};
static const struct tt_cli reader = {.tool = "read", .summary = "Read FILEs.", .options = options, .args = TT_ARGS_FILES};

static struct tt_err err;
static struct tt_buf out;
static int first;
static char *args[32];
static int arg_count;

static enum tt_cli_result parse(const struct tt_cli *cli, const char *line)
{
	static char words[256];
	snprintf(words, sizeof(words), "tool %s", line);
	arg_count = 0;
	for (char *save = NULL, *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		args[arg_count++] = word;
	args[arg_count] = NULL;
	tt_cli_list_deinit(&opt.reports);
	memset(&opt, 0, sizeof(opt));
	tt_buf_clear(&out);
	return tt_cli_parse(cli, arg_count, args, &first, 80, &out, &err);
}

static void test_values(void)
{
	is_int(parse(&wrapper, "-qvv -o x --top=7 --report json=a --report text --max-size 64K -t 2ms --share 12.5% CMD -q"),
		TT_CLI_RUN, "a full command line");
	ok(opt.quiet && opt.verbose == 2, "flags and counts, bundled");
	is_str(opt.output, "x", "a text");
	is_int(opt.top, 7, "a number");
	ok(opt.reports.len == 2 && !strcmp(opt.reports.items[0], "json=a") && !strcmp(opt.reports.items[1], "text"),
		"a repeated option, in order");
	is_int(opt.max_size, 65536, "a size");
	is_int(opt.timeout, 2000000, "a duration");
	ok(opt.share == 12.5, "a percentage");
	is_str(args[first], "CMD", "the first operand ends the options of a wrapper");
	is_int(arg_count - first, 2, "what follows belongs to it");

	is_int(parse(&wrapper, "--follow -- --quiet"), TT_CLI_RUN, "-- ends the options");
	ok(opt.follow && !opt.quiet && !strcmp(args[first], "--quiet"), "and the rest is operands");
	parse(&wrapper, "--follow --no-follow x");
	ok(!opt.follow, "--no- takes a boolean back");
	parse(&reader, "a --quiet b -n 3");
	ok(opt.quiet && opt.top == 3 && arg_count - first == 2, "others take options anywhere");
	ok(!strcmp(args[first], "a") && !strcmp(args[first + 1], "b"), "and keep the order of operands");
	parse(&reader, "--json x");
	ok(!strcmp(opt.json, "-") && !strcmp(args[first], "x"), "an optional argument needs its =");
	parse(&reader, "--json=f --color");
	ok(!strcmp(opt.json, "f") && opt.color == TT_COLOR_ALWAYS, "and has a meaning when left out");
	parse(&reader, "--color=never --tim 1s --call word");
	ok(opt.color == TT_COLOR_NEVER && opt.timeout == 1000000000, "names may be shortened");
	is_str(opt.called, "word", "a function is called");
	is_int(parse(&reader, ""), TT_CLI_RUN, "no argument at all");
	is_int(first, 1, "leaves no operand");
}

static void refused(const char *line, const char *words)
{
	is_int(parse(&wrapper, line), TT_CLI_MISUSED, "'%s' is refused", line);
	is_str(err.msg, words, "  with clear words");
}

static void test_complaints(void)
{
	refused("--nonsense", "unknown option '--nonsense'");
	refused("--ouput=x", "unknown option '--ouput'; did you mean '--output'?");
	refused("--t x", "option '--t' is ambiguous: '--top', '--timeout'");
	refused("-x", "unknown option '-x'");
	refused("-qx", "unknown option '-x'");
	refused("-o", "option '-o' needs an argument: FILE");
	refused("--output", "option '--output' needs an argument: FILE");
	refused("--quiet=1", "option '--quiet' takes no argument");
	refused("--no-follow=1", "option '--no-follow' takes no argument");
	refused("--top 0", "option '--top': '0' is not between 1 and 100");
	refused("-n x", "option '-n': 'x' is not a number");
	refused("--max-size 1K", "option '--max-size': '1K' is less than 64.0 KiB");
	refused("--timeout 2h", "option '--timeout': '2h' is more than 1h 00m");
	refused("--color=red", "option '--color': 'red' is not one of: auto, always, never");
	refused("--share 101%", "option '--share': '101%' is not between 0 and 100 percent");
	refused("--call bad", "option '--call': 'bad' is bad");
}

static void test_help(void)
{
	is_int(parse(&wrapper, "--help nonsense"), TT_CLI_PRINT, "--help prints");
	is_str(tt_buf_str(&out),
		"Usage: wrap [OPTION]... [--] CMD [ARG...]\n"
		"       wrap --list\n"
		"Run CMD.\n"
		"\n"
		"Output:\n"
		"  -o, --output=FILE           write to FILE\n"
		"      --json[=FILE]           write JSON, to standard output unless FILE is\n"
		"                              given\n"
		"      --report=FORMAT[=FILE]  write a report, may be repeated\n"
		"  -n, --top=N                 show the N worst\n"
		"      --color[=WHEN]          use colour: auto, always or never; auto obeys\n"
		"                              NO_COLOR\n"
		"\n"
		"Limits:\n"
		"      --max-size=SIZE         most bytes\n"
		"  -t, --timeout=TIME          most time\n"
		"      --share=PCT             least share\n"
		"\n"
		"Other:\n"
		"  -q, --quiet                 say nothing\n"
		"  -v, --verbose               say more\n"
		"      --[no-]follow           record children too\n"
		"      --call=WORD             call\n"
		"\n"
		"Help:\n"
		"  -h, --help                  show this help and exit\n"
		"  -V, --version               show the version and exit\n"
		"\n"
		"Exit status is that of CMD.\n",
		"grouped and aligned, without the hidden option");
	is_int(parse(&wrapper, "--version"), TT_CLI_PRINT, "--version prints");
	is_str(tt_buf_str(&out), "wrap (threadtools) " TT_VERSION "\n", "tool and version");
	parse(&wrapper, "CMD --help");
	is_str(args[first], "CMD", "--help behind the operand is not the wrapper's");
	tt_buf_clear(&out);
	tt_cli_help(&reader, 3, &out);
	has_str(tt_buf_str(&out), "Usage: read\n", "a tool without a usage text");
	bool narrow = true;
	for (const char *line = tt_buf_str(&out); *line; line = strchr(line, '\n') + 1)
		narrow &= strcspn(line, "\n") <= 60;
	ok(narrow, "a narrow terminal gets narrow help");
}

static void test_completion(void)
{
	is_int(parse(&wrapper, "--help-completion=options"), TT_CLI_PRINT, "the list of options");
	is_str(tt_buf_str(&out),
		"-o --output\n--json\n--report\n-n --top\n--color\n--max-size\n-t --timeout\n--share\n-q --quiet\n-v "
		"--verbose\n"
		"--follow --no-follow\n--call\n-h --help\n-V --version\n",
		"names every spelling but the hidden ones");
	is_int(parse(&wrapper, "--help-completion"), TT_CLI_PRINT, "the bash script");
	has_str(tt_buf_str(&out), "complete -o bashdefault -o default -F _wrap wrap\n", "registers the tool");
	has_str(tt_buf_str(&out), "auto always never", "knows the words of a choice");
}

int main(void)
{
	test_values();
	test_complaints();
	test_help();
	test_completion();
	tt_cli_list_deinit(&opt.reports);
	tt_buf_deinit(&out);
	return done();
}
