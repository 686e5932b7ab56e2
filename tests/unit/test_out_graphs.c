/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_out_graphs.c - graphs, folded stacks, timeline and page on hand-made recordings: hostile names, cuts, marks, sizes.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

#include "lib/out/folded.h"
#include "lib/out/report.h"

static struct tt_report *make_report(const struct recbuild *rb)
{
	struct tt_report *r = NULL;
	struct tt_report_opts opts;
	struct tt_err err = {0};
	tt_report_opts_init(&opts);
	if (tt_report_create(rb_model(rb, NULL), &opts, &r, &err) < 0)
		diag("create: %s", err.msg);
	return r;
}

/* What the report writes, to be freed. */
static char *written(struct tt_report *r, enum tt_format format)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct tt_err err = {0};
	if (!file || tt_report_write(r, format, file, NULL, &err) < 0)
		diag("write: %s", err.msg);
	if (file)
		fclose(file);
	return text;
}

static void test_frames(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"worker_loop", "worker_loop"},
		{"operator new(unsigned long)", "operator_new(unsigned_long)"},
		{"a;b", "a\\x3bb"},
		{"line\nbreak\ttab", "line\\x0abreak\\x09tab"},
		{"\x1b[31mred", "\\x1b[31mred"},
		{"bad\xff", "bad\xef\xbf\xbd"},
		{"c1\xc2\x9b", "c1\\x9b"},
		{"", "?"},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		TT_BUF_AUTO(out);
		tt_folded_frame(&out, cases[i].text);
		is_str(tt_buf_str(&out), cases[i].want, "frame %u of a folded stack is one word", i);
	}
}

/* Names that try to leave a quoted string, a tag, a line. */
static const char hostile[] = "</script><b a=\"x\">'\\\"];\nn0 -> n1 \xff";

static struct recbuild *hostile_recording(void)
{
	struct recbuild *rb = rb_create("/usr/bin/<script>alert(1)</script>", 777);
	struct ttrec_thread *a = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *b = rb_thread(rb, 2, TTREC_THREAD_RUNNING);
	struct ttrec_lock *x = rb_lock(rb, TTREC_KIND_MUTEX, 0x5000, RB_SITE(0x401000, LOCK));
	struct ttrec_lock *y = rb_lock(rb, TTREC_KIND_MUTEX, 0x6000, RB_SITE(0x402000, LOCK));
	x->name = rb_string(rb, hostile);
	snprintf(a->name, sizeof(a->name), "\"><img>\n;");
	snprintf(b->name, sizeof(b->name), "]]></svg>");
	uint64_t held_site = RB_SITE(0x401100, LOCK), wanted_site = RB_SITE(0x402100, LOCK);
	const struct ttrec_lock *held = x;
	rb_count(rb, a, x, held_site, 10);
	rb_dep(rb, y, wanted_site, &held, &held_site, 1, a);
	rb_wait(rb, x, wanted_site, held_site, 5, 5000000, 2000000);
	struct ttrec_event *e = rb_event(rb, TTREC_EVENT_WAIT, 2, 9000000, 2000000);
	e->a = 1;
	e->b = held_site;
	e->site = 0x402100;
	e->op = TTREC_OP_LOCK;
	e->uid = TTREC_UID(x->index, 0);
	return rb;
}

static void test_hostile(void)
{
	struct recbuild *rb = hostile_recording();
	struct tt_report *r = make_report(rb);
	char *text = written(r, TT_FORMAT_DOT);
	unsigned arrows = 0;
	for (const char *s = text; (s = strstr(s, "\n  n0 -> n1 [")); s++)
		arrows++;
	is_int(arrows, 1, "a name with a line break and quotes makes no arrow of its own");
	has_str(text, "<b a=\\\"x\\\">", "quotes in a name are escaped");
	free(text);
	text = written(r, TT_FORMAT_DOT_WAITS);
	has_str(text, "\\\"><img>\\\\x0a;", "and those of a thread's name");
	free(text);
	text = written(r, TT_FORMAT_FOLDED);
	ok(text && strchr(text, '\n') == text + strlen(text) - 1, "one stack is one line, whatever the names");
	free(text);
	tt_report_destroy(r);
	rb_destroy(rb);
}

int main(void)
{
	test_frames();
	test_hostile();
	return done();
}
