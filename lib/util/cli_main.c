/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cli_main.c - the words that every tool's main() says (cli.h): the one place of lib that prints and exits, because it is
 * main()'s own code, written once.
 */
#include "lib/util/cli.h"

#include "lib/util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const struct tt_cli *cli, const char *fmt, va_list ap)
{
	TT_BUF_AUTO(raw);
	TT_BUF_AUTO(line);
	tt_buf_vprintf(&raw, fmt, ap);
	tt_buf_printf(&line, "%s: ", cli->tool);
	tt_text_escape(&line, tt_buf_str(&raw), raw.len);
	tt_buf_addc(&line, '\n');
	fputs(tt_buf_str(&line), stderr);
}

int tt_cli_error(const struct tt_cli *cli, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
	return TT_EXIT_FAILED;
}

int tt_cli_misuse(const struct tt_cli *cli, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try '%s --help' for more information.\n", cli->tool);
	return TT_EXIT_FAILED;
}

int tt_cli_start(const struct tt_cli *cli, int argc, char **argv)
{
	struct tt_err err;
	TT_BUF_AUTO(out);
	int first = argc;
	tt_text_use_locale();
	struct tt_term term = tt_term_get(STDOUT_FILENO, TT_COLOR_NEVER);
	switch (tt_cli_parse(cli, argc, argv, &first, term.width, &out, &err)) {
	case TT_CLI_RUN:
		return first;
	case TT_CLI_PRINT:
		/* Not through stdio, which forgets why it failed. */
		if (tt_out_write(STDOUT_FILENO, tt_buf_str(&out), out.len, "standard output", &err) < 0)
			exit(tt_cli_error(cli, "%s", err.msg));
		tt_buf_deinit(&out);
		exit(tt_cli_finish(cli, TT_EXIT_OK));
	case TT_CLI_MISUSED:
		break;
	}
	exit(tt_cli_misuse(cli, "%s", err.msg));
}

int tt_cli_finish(const struct tt_cli *cli, int status)
{
	struct tt_err err;
	if (tt_out_finish(&err) == 0)
		return status;
	return tt_cli_error(cli, "%s", err.msg);
}
