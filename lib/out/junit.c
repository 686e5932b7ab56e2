/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * junit.c - findings as test results in the XML that Jenkins, GitLab and others read (tests/schema/junit.xsd).
 *
 * A rule that found nothing is one passed test. Otherwise each of its findings is a test of its own, since most readers look at
 * the first failure of a test only: failed from opts.fail_on on, skipped when known or suppressed, else passed with its text as
 * output.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "lib/out/locate.h"
#include "lib/util/text.h"

struct junit {
	struct tt_report *r;
	struct tt_buf out;
};

static bool fails(const struct tt_report *r, const struct tt_finding *f)
{
	return f->state == TT_FINDING_OPEN && f->level >= r->opts.fail_on;
}

static void put_text(struct junit *j, const char *text)
{
	tt_text_xml(&j->out, text, strlen(text));
}

/* name="text" with a blank before it. */
static void put_attribute(struct junit *j, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void put_attribute(struct junit *j, const char *name, const char *fmt, ...)
{
	TT_BUF_AUTO(raw);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&raw, fmt, ap);
	va_end(ap);
	tt_buf_printf(&j->out, " %s=\"", name);
	/* A newline in an attribute would be read as a blank. */
	TT_BUF_AUTO(clean);
	tt_text_escape(&clean, tt_buf_str(&raw), raw.len);
	put_text(j, tt_buf_str(&clean));
	tt_buf_addc(&j->out, '"');
}

static void put_line(struct junit *j, const char *lead, const char *text)
{
	TT_BUF_AUTO(clean);
	tt_text_escape(&clean, text, strlen(text));
	tt_buf_adds(&j->out, lead);
	put_text(j, tt_buf_str(&clean));
	tt_buf_addc(&j->out, '\n');
}

static void put_stacks(struct junit *j, const struct tt_finding *f)
{
	struct tt_finding_stack s;
	for (size_t i = 0; tt_locate_stack(f, i, &s); i++) {
		struct tt_spot spot = tt_locate(j->r, s.site, s.stack);
		TT_BUF_AUTO(line);
		if (!spot.file && !spot.function && !spot.module)
			continue;
		tt_buf_printf(&line, "%s: ", s.label ? s.label : "");
		if (spot.file)
			tt_buf_printf(&line, "%s:%u: ", spot.file, spot.line);
		if (spot.function)
			tt_buf_adds(&line, spot.function);
		else if (spot.module)
			tt_buf_printf(&line, "%s+0x%" PRIx64, spot.module, spot.offset);
		put_line(j, "", tt_buf_str(&line));
	}
}

static void put_step(void *to, const char *line)
{
	put_line(to, "- ", line);
}

static void put_body(struct junit *j, const struct tt_finding *f)
{
	TT_BUF_AUTO(mute);
	const char *const *line;
	put_line(j, "", f->title);
	vec_for_each (line, &f->evidence)
		put_line(j, "- ", *line);
	tt_locate_steps(j->r, f, put_step, j);
	put_line(j, "why: ", f->why);
	tt_buf_printf(&j->out, "sure: %s, ", tt_confidence_name(f->confidence));
	put_line(j, "", f->reason);
	put_line(j, "do: ", f->advice);
	tt_suppression_line(j->r->names, f, &mute);
	put_line(j, "mute: ", tt_buf_str(&mute));
	put_stacks(j, f);
}

static void put_finding(struct junit *j, const struct tt_finding *f)
{
	struct tt_spot spot = tt_locate_finding(j->r, f);
	const char *id = tt_rules[f->rule].id;
	tt_buf_adds(&j->out, "  <testcase");
	put_attribute(j, "classname", "threadtools.%s", id);
	/* The same name in every run: no figures. */
	put_attribute(j, "name", "%s%s%s [%016" PRIx64 "]", id, spot.function ? " " : "", spot.function ? spot.function : "",
		f->fingerprint);
	if (spot.file)
		put_attribute(j, "file", "%s", spot.file);
	if (spot.file && spot.line)
		put_attribute(j, "line", "%u", spot.line);
	tt_buf_adds(&j->out, " time=\"0\">\n");
	if (fails(j->r, f)) {
		tt_buf_adds(&j->out, "   <failure");
		put_attribute(j, "type", "%s", id);
		put_attribute(j, "message", "%s", f->title);
		tt_buf_adds(&j->out, ">");
		put_body(j, f);
		tt_buf_adds(&j->out, "</failure>\n");
	} else if (f->state != TT_FINDING_OPEN) {
		const char *why = f->state == TT_FINDING_KNOWN ? "known by the baseline"
		                  : f->state_why               ? f->state_why
		                                               : "suppressed";
		tt_buf_adds(&j->out, "   <skipped");
		put_attribute(j, "message", "%s: %s", why, f->title);
		tt_buf_adds(&j->out, "/>\n");
	} else {
		tt_buf_adds(&j->out, "   <system-out>");
		put_body(j, f);
		tt_buf_adds(&j->out, "</system-out>\n");
	}
	tt_buf_adds(&j->out, "  </testcase>\n");
}

static void put_rule(struct junit *j, unsigned rule)
{
	const struct tt_finding *f;
	size_t found = 0;
	vec_for_each (f, &j->r->findings.list) {
		if ((unsigned)f->rule == rule) {
			put_finding(j, f);
			found++;
		}
	}
	if (found)
		return;
	tt_buf_adds(&j->out, "  <testcase");
	put_attribute(j, "classname", "threadtools.%s", tt_rules[rule].id);
	put_attribute(j, "name", "%s", tt_rules[rule].id);
	tt_buf_adds(&j->out, " time=\"0\"/>\n");
}

/* tests, failures, errors, time; of a suite skipped too, which <testsuites> does not have */
static void put_counts(struct junit *j, bool suite)
{
	size_t tests = TT_RULE_MAX, failures = 0, skipped = 0;
	bool found[TT_RULE_MAX] = {false};
	const struct tt_finding *f;
	vec_for_each (f, &j->r->findings.list) {
		tests += found[f->rule];
		found[f->rule] = true;
		failures += fails(j->r, f);
		skipped += f->state != TT_FINDING_OPEN;
	}
	tt_buf_printf(&j->out, " tests=\"%zu\" failures=\"%zu\" errors=\"0\"", tests, failures);
	if (suite)
		tt_buf_printf(&j->out, " skipped=\"%zu\"", skipped);
	tt_buf_printf(&j->out, " time=\"%.3f\"", (double)j->r->model->wall_ns / 1e9);
}

static void put_start(struct junit *j)
{
	if (!j->r->model->processes.len)
		return;
	const struct tt_process *p = j->r->model->processes.data[0];
	time_t seconds = (time_t)(p->start_real_ns / 1000000000u);
	struct tm tm;
	char date[32];
	if (gmtime_r(&seconds, &tm) && strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm))
		put_attribute(j, "timestamp", "%s", date);
}

int tt_report_junit(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct junit j = {.r = r};
	tt_buf_adds(&j.out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
	put_attribute(&j, "name", "%s", r->opts.tool);
	put_counts(&j, false);
	tt_buf_adds(&j.out, ">\n <testsuite");
	put_attribute(&j, "name", "%s", tt_locate_program(r));
	put_counts(&j, true);
	put_start(&j);
	tt_buf_adds(&j.out, ">\n");
	for (unsigned rule = 0; rule < TT_RULE_MAX; rule++)
		put_rule(&j, rule);
	tt_buf_adds(&j.out, " </testsuite>\n</testsuites>\n");
	int rc = 0;
	if (tt_buf_failed(&j.out))
		rc = tt_err_set(err, ENOMEM, "out of memory");
	else if (fwrite(j.out.data, 1, j.out.len, file) != j.out.len)
		rc = tt_err_set(err, errno ? errno : EIO, "cannot write the report: %s", strerror(errno));
	tt_buf_deinit(&j.out);
	return rc;
}
