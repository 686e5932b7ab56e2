/* SPDX-License-Identifier: GPL-3.0-or-later */
/* term.c - width, colours and reliable output (term.h). */
#include "lib/util/term.h"

#include "lib/util/parse.h"
#include "lib/util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_COLUMNS 10000

static bool env_set(const char *name)
{
	const char *value = getenv(name);
	return value && *value;
}

static bool color_wanted(int fd, enum tt_color when)
{
	if (when != TT_COLOR_AUTO)
		return when == TT_COLOR_ALWAYS;
	const char *term = getenv("TERM");
	return !env_set("NO_COLOR") && isatty(fd) && !(term && strcmp(term, "dumb") == 0);
}

static size_t width_of(int fd)
{
	const char *columns = getenv("COLUMNS");
	uint64_t value;
	if (columns && tt_parse_u64(columns, 1, MAX_COLUMNS, &value, NULL) == 0)
		return (size_t)value;
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return isatty(fd) ? 80 : 0;
}

struct tt_term tt_term_get(int fd, enum tt_color when)
{
	int saved = errno;
	struct tt_term term = {.width = width_of(fd), .color = color_wanted(fd, when), .utf8 = tt_text_utf8()};
	errno = saved;
	return term;
}

static const char *const sgr[TT_STYLE_MAX] = {
	[TT_STYLE_NONE] = "",
	[TT_STYLE_HEADING] = "\033[1m",
	[TT_STYLE_BOLD] = "\033[1m",
	[TT_STYLE_DIM] = "\033[2m",
	[TT_STYLE_ERROR] = "\033[1;31m",
	[TT_STYLE_WARNING] = "\033[1;33m",
	[TT_STYLE_NOTE] = "\033[36m",
	[TT_STYLE_GOOD] = "\033[32m",
	[TT_STYLE_LOCK] = "\033[35m",
	[TT_STYLE_THREAD] = "\033[34m",
	[TT_STYLE_CODE] = "\033[36m",
};

const char *tt_style_on(const struct tt_term *term, enum tt_style style)
{
	return term->color && (unsigned)style < TT_STYLE_MAX ? sgr[style] : "";
}

const char *tt_style_off(const struct tt_term *term, enum tt_style style)
{
	return *tt_style_on(term, style) ? "\033[0m" : "";
}

int tt_out_write(int fd, const void *data, size_t len, const char *name, struct tt_err *err)
{
	const char *p = data;
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tt_err_set(err, errno, "cannot write to %s: %s", name, strerror(errno));
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int tt_out_finish(struct tt_err *err)
{
	int code = 0;
	errno = 0;
	if (fflush(stdout) != 0)
		code = errno ? errno : EIO;
	else if (ferror(stdout))
		code = EIO; /* an earlier write failed and its reason is gone */
	/* Some file systems report a full disk or quota only when a descriptor is closed. */
	int copy = code ? -1 : dup(STDOUT_FILENO);
	if (copy >= 0 && close(copy) != 0 && errno != EINTR)
		code = errno;
	if (code)
		return tt_err_set(err, code, "cannot write to standard output: %s", strerror(code));
	return 0;
}
