/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_util_term.c - when there is colour, how wide a line may be, and that lost output is noticed. */
#include "lib/util/cli.h"
#include "lib/util/term.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int terminal_of_width(unsigned short columns)
{
	int master, slave;
	struct winsize size = {.ws_row = 24, .ws_col = columns};
	return openpty(&master, &slave, NULL, NULL, &size) == 0 ? slave : -1;
}

static void test_color(void)
{
	int tty = terminal_of_width(100), file = open("/dev/null", O_WRONLY);
	skip(tty >= 0, 6, "no pseudo terminals here")
	{
		setenv("TERM", "xterm", 1);
		unsetenv("NO_COLOR");
		ok(tt_term_get(tty, TT_COLOR_AUTO).color, "colour on a terminal");
		setenv("NO_COLOR", "1", 1);
		ok(!tt_term_get(tty, TT_COLOR_AUTO).color, "not with NO_COLOR");
		ok(tt_term_get(tty, TT_COLOR_ALWAYS).color, "unless it is asked for");
		setenv("NO_COLOR", "", 1);
		ok(tt_term_get(tty, TT_COLOR_AUTO).color, "an empty NO_COLOR does not count");
		setenv("TERM", "dumb", 1);
		ok(!tt_term_get(tty, TT_COLOR_AUTO).color, "not on a dumb terminal");
		setenv("TERM", "xterm", 1);
		ok(!tt_term_get(tty, TT_COLOR_NEVER).color, "never means never");
	}
	ok(!tt_term_get(file, TT_COLOR_AUTO).color, "no colour into a file");
	ok(tt_term_get(file, TT_COLOR_ALWAYS).color, "unless it is asked for");
	close(file);
}

static void test_width(void)
{
	int tty = terminal_of_width(97), file = open("/dev/null", O_WRONLY);
	unsetenv("COLUMNS");
	skip(tty >= 0, 1, "no pseudo terminals here")
		is_int(tt_term_get(tty, TT_COLOR_AUTO).width, 97, "a terminal knows its width");
	is_int(tt_term_get(file, TT_COLOR_AUTO).width, 0, "a file has no limit");
	setenv("COLUMNS", "60", 1);
	is_int(tt_term_get(file, TT_COLOR_AUTO).width, 60, "COLUMNS wins");
	setenv("COLUMNS", "60x", 1);
	is_int(tt_term_get(file, TT_COLOR_AUTO).width, 0, "unless it is no number");
	setenv("COLUMNS", "0", 1);
	is_int(tt_term_get(file, TT_COLOR_AUTO).width, 0, "or zero");
	unsetenv("COLUMNS");
	close(file);
}

static void test_styles(void)
{
	struct tt_term color = {.color = true}, plain = TT_TERM_PLAIN;
	is_str(tt_style_on(&color, TT_STYLE_ERROR), "\033[1;31m", "an error is bold red");
	is_str(tt_style_off(&color, TT_STYLE_ERROR), "\033[0m", "and ends");
	is_str(tt_style_off(&color, TT_STYLE_NONE), "", "no style needs no end");
	is_str(tt_style_on(&plain, TT_STYLE_ERROR), "", "no colour, no sequence");
	bool all = true;
	for (int s = TT_STYLE_NONE + 1; s < TT_STYLE_MAX; s++)
		all &= *tt_style_on(&color, (enum tt_style)s) != '\0';
	ok(all, "every style has a sequence");
}

/* Runs print() in a child whose stdout is `path`; returns its exit status and what it wrote to stderr. */
static int child_status(const char *path, void (*print)(void), char *message, size_t size)
{
	static const struct tt_opt none[] = {TT_OPT_END};
	static const struct tt_cli cli = {.tool = "tool", .summary = "", .options = none};
	int pipes[2], status = -1;
	if (pipe(pipes) != 0)
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(open(path, O_WRONLY), STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		print();
		_exit(tt_cli_finish(&cli, TT_EXIT_FOUND));
	}
	close(pipes[1]);
	ssize_t n = read(pipes[0], message, size - 1);
	message[n > 0 ? n : 0] = '\0';
	close(pipes[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void print_little(void)
{
	printf("a line\n");
}

static void print_much(void)
{
	for (int i = 0; i < 100000; i++)
		printf("a line\n");
	clearerr(stderr);
}

static void test_lost_output(void)
{
	char message[256];
	is_int(child_status("/dev/null", print_little, message, sizeof(message)), TT_EXIT_FOUND, "the tool's own status");
	is_str(message, "", "and no words when all went well");
	is_int(child_status("/dev/full", print_little, message, sizeof(message)), TT_EXIT_FAILED, "a full disk is a failure");
	is_str(message, "tool: cannot write to standard output: No space left on device\n", "that says why");
	is_int(child_status("/dev/full", print_much, message, sizeof(message)), TT_EXIT_FAILED,
		"also when the write failed early");

	struct tt_err err;
	int full = open("/dev/full", O_WRONLY);
	is_int(tt_out_write(full, "x", 1, "'out.json'", &err), -ENOSPC, "tt_out_write reports errors");
	is_str(err.msg, "cannot write to 'out.json': No space left on device", "with the destination");
	close(full);
}

int main(void)
{
	test_color();
	test_width();
	test_styles();
	test_lost_output();
	return done();
}
