/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cli_help.c - what an option table says to people (--help) and to shells (completion). See cli.h. */
#include "lib/util/cli.h"

#include "lib/util/text.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_WIDTH 80
#define MAX_WIDTH     110 /* longer lines are hard to read */
#define MIN_WIDTH     50
#define MAX_LEFT      30 /* an option longer than this has its help on the next line */

/* ------------------------------------------------------------------ --help */

/* "  -o, --output=FILE" */
static void left_part(const struct tt_opt *opt, struct tt_buf *out)
{
	tt_buf_adds(out, "  ");
	if (opt->letter)
		tt_buf_printf(out, "-%c%s", opt->letter, opt->name ? ", " : "");
	else
		tt_buf_adds(out, "    ");
	if (opt->name)
		tt_buf_printf(out, "--%s%s", opt->type == TT_OPT_TYPE_BOOL ? "[no-]" : "", opt->name);
	if (opt->arg && opt->fallback)
		tt_buf_printf(out, "[%s%s]", opt->name ? "=" : "", opt->arg);
	else if (opt->arg)
		tt_buf_printf(out, "%c%s", opt->name ? '=' : ' ', opt->arg);
}

/* Columns of the left parts, and two blanks; options beyond MAX_LEFT do not count. */
static size_t left_width(const struct tt_cli *cli)
{
	size_t widest = 0;
	const struct tt_opt *opt;
	TT_BUF_AUTO(left);
	for (size_t i = 0; (opt = tt_cli_row(cli, i)); i++) {
		if (!tt_opt_is_option(opt) || !opt->help)
			continue;
		tt_buf_clear(&left);
		left_part(opt, &left);
		size_t width = tt_text_width(tt_buf_str(&left), left.len);
		if (width > widest && width <= MAX_LEFT)
			widest = width;
	}
	return widest + 2;
}

static void help_option(const struct tt_opt *opt, size_t indent, size_t width, struct tt_buf *out)
{
	size_t start = out->len;
	left_part(opt, out);
	size_t used = tt_text_width(tt_buf_str(out) + start, out->len - start);
	if (used + 2 > indent) {
		tt_buf_addc(out, '\n');
		used = 0;
	}
	tt_buf_fill(out, ' ', indent - used);
	tt_text_wrap(out, opt->help, indent, width);
	tt_buf_addc(out, '\n');
}

static void help_usage(const struct tt_cli *cli, struct tt_buf *out)
{
	for (size_t i = 0; i < TT_CLI_USAGES && (i == 0 || cli->usage[i]); i++)
		tt_buf_printf(out, "%s %s%s%s\n", i ? "      " : "Usage:", cli->tool, cli->usage[i] ? " " : "",
			cli->usage[i] ? cli->usage[i] : "");
}

int tt_cli_help(const struct tt_cli *cli, size_t width, struct tt_buf *out)
{
	if (width == 0)
		width = DEFAULT_WIDTH;
	width = width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
	help_usage(cli, out);
	tt_text_wrap(out, cli->summary, 0, width);
	tt_buf_addc(out, '\n');

	size_t indent = left_width(cli);
	const struct tt_opt *opt;
	if (cli->options->type != TT_OPT_TYPE_GROUP)
		tt_buf_adds(out, "\nOptions:\n");
	bool own = true;
	for (size_t i = 0; (opt = tt_cli_row(cli, i)); i++) {
		if (own && i > 0 && cli->options[i].type == TT_OPT_TYPE_END) {
			own = false;
			if (cli->options->type == TT_OPT_TYPE_GROUP)
				tt_buf_adds(out, "\nHelp:\n");
		}
		if (opt->type == TT_OPT_TYPE_GROUP)
			tt_buf_printf(out, "\n%s:\n", opt->name);
		else if (opt->help)
			help_option(opt, indent, width, out);
	}
	if (cli->footer) {
		tt_buf_addc(out, '\n');
		tt_text_wrap(out, cli->footer, 0, width);
		tt_buf_addc(out, '\n');
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ completion */

/* "-o --output", "--children --no-children" */
static void spellings(const struct tt_opt *opt, const char *separator, struct tt_buf *out)
{
	if (opt->letter)
		tt_buf_printf(out, "-%c", opt->letter);
	if (opt->name)
		tt_buf_printf(out, "%s--%s", opt->letter ? separator : "", opt->name);
	if (opt->type == TT_OPT_TYPE_BOOL)
		tt_buf_printf(out, "%s--no-%s", separator, opt->name);
}

int tt_cli_option_list(const struct tt_cli *cli, struct tt_buf *out)
{
	const struct tt_opt *opt;
	for (size_t i = 0; (opt = tt_cli_row(cli, i)); i++) {
		if (!tt_opt_is_option(opt) || !opt->help)
			continue;
		spellings(opt, " ", out);
		tt_buf_addc(out, '\n');
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}

/* One branch of the script's case: what may follow an option with an argument. Files are bash's default. An argument that
 * may be left out is one only behind '='. */
static void complete_argument(const struct tt_opt *opt, struct tt_buf *out)
{
	tt_buf_adds(out, "\t");
	if (!opt->fallback) {
		spellings(opt, "|", out);
		tt_buf_adds(out, opt->name ? "|" : "");
	}
	if (opt->name)
		tt_buf_printf(out, "--%s=", opt->name);
	tt_buf_adds(out, ")\n");
	if (opt->names) {
		tt_buf_adds(out, "\t\tmapfile -t COMPREPLY < <(compgen -W '");
		for (size_t i = 0; opt->names[i]; i++)
			tt_buf_printf(out, "%s%s", i ? " " : "", opt->names[i]);
		tt_buf_adds(out, "' -- \"$cur\")\n");
	}
	tt_buf_adds(out, "\t\treturn ;;\n");
}

static void complete_operands(enum tt_args args, struct tt_buf *out)
{
	switch (args) {
	case TT_ARGS_COMMAND:
		tt_buf_adds(out, "\tcompopt -o filenames\n\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n");
		break;
	case TT_ARGS_PIDS:
		tt_buf_adds(out, "\tmapfile -t COMPREPLY < <(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$cur\")\n");
		break;
	case TT_ARGS_NONE:
		tt_buf_adds(out, "\tcompopt +o default\n");
		break;
	case TT_ARGS_FILES:
		break;
	}
}

/* For a wrapper: behind its CMD the words belong to CMD, so leave them to CMD's own completion, or to bash. */
static void complete_wrapped(const struct tt_cli *cli, struct tt_buf *out)
{
	tt_buf_adds(out, "\tlocal i\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tcase ${COMP_WORDS[i]} in\n");
	const struct tt_opt *opt;
	bool any = false;
	tt_buf_adds(out, "\t\t");
	for (size_t row = 0; (opt = tt_cli_row(cli, row)); row++) {
		if (!tt_opt_is_option(opt) || !opt->help || !opt->arg || opt->fallback)
			continue;
		tt_buf_adds(out, any ? "|" : "");
		spellings(opt, "|", out);
		any = true;
	}
	tt_buf_printf(out,
		"%s) [ \"${COMP_WORDS[i + 1]}\" = = ] && ((i++)); ((i++)) ;;\n"
		"\t\t--) ((i++)); break ;;\n"
		"\t\t-*) [ \"${COMP_WORDS[i + 1]}\" = = ] && ((i += 2)) ;;\n"
		"\t\t*) break ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tif ((i < COMP_CWORD)); then\n"
		"\t\tdeclare -F _command_offset >/dev/null && _command_offset \"$i\"\n"
		"\t\treturn\n"
		"\tfi\n",
		any ? "" : "--no-such-option");
}

int tt_cli_completion_bash(const struct tt_cli *cli, struct tt_buf *out)
{
	const struct tt_opt *opt;
	tt_buf_printf(out,
		"# bash completion for %s; made by '%s --help-completion'\n"
		"_%s()\n{\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} opt=${COMP_WORDS[COMP_CWORD - 1]}\n"
		"\tCOMPREPLY=()\n"
		"\tif [ \"$cur\" = = ]; then\n\t\tcur='' opt=$opt=\n"
		"\telif [ \"$opt\" = = ]; then\n\t\topt=${COMP_WORDS[COMP_CWORD - 2]}=\n\tfi\n",
		cli->tool, cli->tool, cli->tool);
	if (cli->stop_at_first)
		complete_wrapped(cli, out);
	tt_buf_adds(out, "\tcase $opt in\n");
	for (size_t i = 0; (opt = tt_cli_row(cli, i)); i++) {
		if (tt_opt_is_option(opt) && opt->help && opt->arg)
			complete_argument(opt, out);
	}
	tt_buf_adds(out, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (size_t i = 0; (opt = tt_cli_row(cli, i)); i++) {
		if (!tt_opt_is_option(opt) || !opt->help)
			continue;
		spellings(opt, " ", out);
		tt_buf_addc(out, ' ');
	}
	tt_buf_adds(out, "' -- \"$cur\")\n\t\treturn\n\tfi\n");
	complete_operands(cli->args, out);
	tt_buf_printf(out, "}\ncomplete -o bashdefault -o default -F _%s %s\n", cli->tool, cli->tool);
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
