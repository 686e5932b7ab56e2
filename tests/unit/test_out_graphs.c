/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_out_graphs.c - graphs, folded stacks, timeline and page on hand-made recordings: hostile names, cuts, marks, sizes.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <jansson.h>
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

static unsigned count_of(const char *text, const char *part)
{
	unsigned n = 0;
	for (const char *s = text; s && (s = strstr(s, part)); s++)
		n++;
	return n;
}

static void test_hostile_page(struct tt_report *r)
{
	char *text = written(r, TT_FORMAT_HTML);
	is_int(count_of(text, "</script"), 2, "a name with an end of a script ends none on the page");
	is_int(count_of(text, "<script"), 2, "and none begins by a program's name");
	ok(text && strstr(text, "<title>script&gt; (pid 777)"), "in the title it is escaped");
	const char *data = text ? strstr(text, "id=\"data\">") : NULL;
	const char *end = data ? strstr(data, "</script>") : NULL;
	if (ok(data && end, "the page has data")) {
		data += strlen("id=\"data\">");
		ok(!memchr(data, '<', (size_t)(end - data)) && !memchr(data, '&', (size_t)(end - data)),
			"without a character that HTML knows");
		json_error_t error;
		json_t *doc = json_loadb(data, (size_t)(end - data), JSON_REJECT_DUPLICATES, &error);
		json_t *lock = json_array_get(json_object_get(json_object_get(doc, "locks"), "rows"), 0);
		has_str(json_string_value(json_object_get(lock, "name")), "</script><b a=\"x\">'\\\"];\nn0 -> n1 \xef\xbf\xbd",
			"and the name arrives as it was, but for what is no UTF-8");
		json_decref(doc);
	}
	free(text);
}

static void test_hostile_timeline(struct tt_report *r)
{
	char *text = written(r, TT_FORMAT_TIMELINE);
	json_error_t error;
	json_t *doc = json_loads(text ? text : "", JSON_REJECT_DUPLICATES, &error);
	size_t i;
	json_t *e;
	unsigned waits = 0;
	json_array_foreach(json_object_get(doc, "traceEvents"), i, e)
	{
		const char *name = json_string_value(json_object_get(e, "name"));
		waits += name && strstr(name, "wait: ") == name && strstr(name, "</script><b");
	}
	is_int(waits, 1, "the timeline is JSON and names the lock as it is");
	json_decref(doc);
	free(text);
}

/* Events that no program leaves: longer than time itself, crossing each other, of threads that nobody knows. */
static void test_absurd_timeline(void)
{
	struct recbuild *rb = rb_create("/usr/bin/absurd", 777);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x5000, RB_SITE(0x401000, LOCK));
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	for (unsigned i = 0; i < 3000; i++) {
		struct ttrec_event *e = rb_event(rb, 1 + i % (TTREC_EVENT_MAX - 1), 1 + i % 3, 1000 + i * 977u % 5000,
			i % 7 ? 100 + i * 31u % 4000 : UINT64_MAX);
		e->uid = i % 5 ? TTREC_UID(l->index, 0) : 0x12345;
		e->a = i % 11;
		e->op = (uint16_t)(i % 64);
	}
	struct tt_report *r = make_report(rb);
	char *text = written(r, TT_FORMAT_TIMELINE);
	json_error_t error;
	json_t *doc = json_loads(text ? text : "", JSON_REJECT_DUPLICATES, &error);
	ok(json_array_size(json_object_get(doc, "traceEvents")) > 2500, "a timeline is made of absurd events, too");
	json_decref(doc);
	free(text);
	text = written(r, TT_FORMAT_HTML);
	ok(text && strlen(text) > 10000, "and a page");
	free(text);
	tt_report_destroy(r);
	rb_destroy(rb);
}

static void test_empty(void)
{
	struct tt_model *m = NULL;
	struct tt_report *r = NULL;
	struct tt_report_opts opts;
	struct tt_err err = {0};
	tt_report_opts_init(&opts);
	bool made =
		tt_model_create(&m, &err) == 0 && tt_model_finish(m, &err) == 0 && tt_report_create(m, &opts, &r, &err) == 0;
	if (!ok(made, "a report of nothing"))
		return;
	static const enum tt_format formats[] = {TT_FORMAT_DOT, TT_FORMAT_DOT_WAITS, TT_FORMAT_FOLDED, TT_FORMAT_FOLDED_HOLDER,
		TT_FORMAT_TIMELINE, TT_FORMAT_HTML};
	for (unsigned i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		char *text = written(r, formats[i]);
		bool is_folded = formats[i] == TT_FORMAT_FOLDED || formats[i] == TT_FORMAT_FOLDED_HOLDER;
		ok(text && (*text != 0) == !is_folded, "is written as %s", tt_format_names[formats[i]]);
		free(text);
	}
	tt_report_destroy(r);
}

static void test_full_disk(void)
{
	static const enum tt_format formats[] = {
		TT_FORMAT_DOT, TT_FORMAT_DOT_WAITS, TT_FORMAT_FOLDED, TT_FORMAT_TIMELINE, TT_FORMAT_HTML};
	struct recbuild *rb = hostile_recording();
	struct tt_report *r = make_report(rb);
	for (unsigned i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		FILE *full = fopen("/dev/full", "we");
		struct tt_err err = {0};
		int rc = tt_report_write(r, formats[i], full, NULL, &err);
		is_int(rc, -ENOSPC, "%s to a full disk is an error", tt_format_names[formats[i]]);
		fclose(full);
	}
	tt_report_destroy(r);
	rb_destroy(rb);
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
	test_hostile_page(r);
	test_hostile_timeline(r);
	tt_report_destroy(r);
	rb_destroy(rb);
}

int main(void)
{
	test_frames();
	test_hostile();
	test_absurd_timeline();
	test_empty();
	test_full_disk();
	return done();
}
