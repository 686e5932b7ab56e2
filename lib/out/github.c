/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * github.c - findings as workflow commands of GitHub Actions, which shows them beside the code:
 * ::error file=src/pool.c,line=12,title=lock-contention::text. Known and suppressed findings are left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/out/locate.h"
#include "lib/util/text.h"

/* What is left of hostile text: controls as \xNN, so that nobody begins a command of his own; % as the format wants it. */
static void put_data(struct tt_buf *out, const char *text, const char *special)
{
	TT_BUF_AUTO(clean);
	tt_text_escape(&clean, text, strlen(text));
	for (const char *p = tt_buf_str(&clean); *p; p++) {
		if (*p == '%' || strchr(special, *p))
			tt_buf_printf(out, "%%%02X", (unsigned char)*p);
		else
			tt_buf_addc(out, *p);
	}
}

static void put_line(struct tt_buf *out, const char *lead, const char *text)
{
	tt_buf_printf(out, "%%0A%s", lead);
	put_data(out, text, "");
}

static void put_step(void *to, const char *line)
{
	put_line(to, "- ", line);
}

static void put_finding(struct tt_buf *out, struct tt_report *r, const struct tt_finding *f)
{
	static const char *const commands[] = {
		[TT_LEVEL_NOTE] = "notice", [TT_LEVEL_WARNING] = "warning", [TT_LEVEL_ERROR] = "error"};
	struct tt_spot spot = tt_locate_finding(r, f);
	tt_buf_printf(out, "::%s ", commands[f->level]);
	if (spot.file) {
		tt_buf_adds(out, "file=");
		put_data(out, spot.file, ":,");
		if (spot.line)
			tt_buf_printf(out, ",line=%u", spot.line);
		tt_buf_adds(out, ",");
	}
	tt_buf_printf(out, "title=%s::", tt_rules[f->rule].id);
	put_data(out, f->title, "");
	const char *const *line;
	vec_for_each (line, &f->evidence)
		put_line(out, "- ", *line);
	tt_locate_steps(r, f, put_step, out);
	put_line(out, "why: ", f->why);
	put_line(out, "do: ", f->advice);
	TT_BUF_AUTO(mute);
	tt_suppression_line(r->names, f, &mute);
	put_line(out, "mute: ", tt_buf_str(&mute));
	tt_buf_addc(out, '\n');
}

int tt_report_github(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	const struct tt_finding *f;
	vec_for_each (f, &r->findings.list) {
		TT_BUF_AUTO(out);
		if (f->state != TT_FINDING_OPEN)
			continue;
		put_finding(&out, r, f);
		if (tt_buf_failed(&out))
			return tt_err_set(err, ENOMEM, "out of memory");
		if (fwrite(out.data, 1, out.len, file) != out.len)
			return tt_err_set(err, errno ? errno : EIO, "cannot write the report: %s", strerror(errno));
	}
	return 0;
}
