/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_out_report.c - the report on hand-made recordings: text and JSON, filters, orders, hostile names, full disks.
 */
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "lib/out/jsonw.h"
#include "lib/out/report.h"
#include "lib/util/text.h"

#define MS UINT64_C(1000000)

static struct tt_report *make_report(const struct recbuild *a, const struct recbuild *b, const struct tt_report_opts *opts)
{
	struct tt_report *r = NULL;
	struct tt_err err = {0};
	if (tt_report_create(rb_model(a, b), opts, &r, &err) < 0)
		diag("create: %s", err.msg);
	return r;
}

/* What the report writes, to be freed. */
static char *written(struct tt_report *r, enum tt_format format, size_t width)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct tt_term term = {.width = width};
	struct tt_err err = {0};
	if (!file || tt_report_write(r, format, file, &term, &err) < 0)
		diag("write: %s", err.msg);
	if (file)
		fclose(file);
	return text;
}

/* ------------------------------------------------------------------ JSON */

static void test_json(void)
{
	struct recbuild *rb = rb_sample();
	struct tt_report_opts opts;
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(rb, NULL, &opts);
	char *text = written(r, TT_FORMAT_JSON, 0);
	json_error_t error;
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (ok(doc, "the JSON report is JSON without duplicate keys")) {
		is_str(json_string_value(json_object_get(doc, "schema")), "threadtools.report/1", "it names its schema");
		json_t *lock = json_array_get(json_object_get(doc, "locks"), 0);
		is_str(json_string_value(json_object_get(lock, "name")), "mutex big lock", "the costliest lock comes first");
		json_t *wait = json_object_get(lock, "wait_ns");
		is_int(json_integer_value(json_object_get(wait, "total")),
			(json_int_t)r->model->locks_by_wait.data[0]->waits.total_ns, "with the time that the model has");
		is_int(json_array_size(json_object_get(doc, "threads")), r->threads.len, "it has every thread");
		is_int(json_array_size(json_object_get(doc, "findings")), r->findings.list.len, "and every finding");
	} else {
		diag("%s at %d", error.text, error.position);
	}
	char *again = written(r, TT_FORMAT_JSON, 80);
	ok(strcmp(text, again) == 0, "writing it again gives the same bytes, whatever the terminal");
	free(again);
	json_decref(doc);
	free(text);
	tt_report_destroy(r);
	rb_destroy(rb);
}

static void test_json_writer(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct tt_jsonw w = {.file = file};
	tt_jsonw_begin(&w, NULL, '{');
	tt_jsonw_text(&w, "hostile", "a\"b\\c\n\x1b[31m\xff\xc2\x9b\x7f</script>");
	tt_jsonw_u64(&w, "big", UINT64_MAX);
	tt_jsonw_hex(&w, "zero", 0);
	tt_jsonw_real(&w, "share", 12.5);
	tt_jsonw_real(&w, "nan", 0.0 / 0.0 * -1.0);
	tt_jsonw_begin(&w, "empty", '[');
	tt_jsonw_end(&w, ']');
	tt_jsonw_end(&w, '}');
	is_int(tt_jsonw_finish(&w), 0, "a document is finished");
	fclose(file);
	is_str(text,
		"{\n \"hostile\":\"a\\\"b\\\\c\\u000a\\u001b[31m\xef\xbf\xbd\\u009b\\u007f</script>\",\n "
		"\"big\":18446744073709551615,\n"
		" \"zero\":\"0x0\",\n \"share\":12.5,\n \"nan\":null,\n \"empty\":[]\n}\n",
		"controls, quotes and bad UTF-8 are escaped, what is no number is null");
	free(text);
}

/* ------------------------------------------------------------------ text */

static size_t widest_line(const char *text)
{
	size_t widest = 0;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "\n"), width = tt_text_width(p, len);
		widest = width > widest ? width : widest;
		p += len + (p[len] == '\n');
	}
	return widest;
}

/* What the text calls a program whose argument list is that, of `size` bytes. */
static void test_program_name(const char *command, size_t size, const char *name)
{
	struct recbuild *rb = rb_create("/opt/My App/browser", 1);
	struct tt_report_opts opts;
	char wanted[64];
	tt_report_opts_init(&opts);
	memcpy(rb->header->command, command, size);
	rb->header->command_len = (uint32_t)size;
	struct tt_report *r = make_report(rb, NULL, &opts);
	char *text = written(r, TT_FORMAT_TEXT, 100);
	snprintf(wanted, sizeof(wanted), "%s (pid 1):", name);
	ok(strncmp(text, wanted, strlen(wanted)) == 0, "'%s' is called %s", command, name);
	free(text);
	tt_report_destroy(r);
	rb_destroy(rb);
}

static void test_program_names(void)
{
#define NAMED(command, name) test_program_name(command, sizeof(command), name)
	NAMED("./server", "server");
	NAMED("/usr/bin/x: y/z", "x");
	NAMED("nginx: master process /usr/sbin/nginx", "nginx");
	NAMED("/opt/My App/app", "app");
	/* Titles without a colon, over the arguments. */
	NAMED("/opt/My App/browser --type=renderer --dir=/tmp/a/b c", "browser");
	NAMED("/opt/My App/browser x/y", "browser");
	NAMED("/usr/lib/web --type=zygote /a", "web");
	NAMED("/opt/a - copy/browser", "browser");
	NAMED("a - copy/browser", "browser");
	/* How a program starts itself again. */
	NAMED("/proc/self/exe", "browser");
	NAMED("/proc/self/exe --type=utility", "browser");
#undef NAMED
}

static void test_text(void)
{
	struct recbuild *rb = rb_sample();
	struct tt_report_opts opts;
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(rb, NULL, &opts);
	char *text = written(r, TT_FORMAT_TEXT, 100);
	has_str(text, "sample (pid 4242): 1.00 s, exited with status 0\n", "text begins with what ran and how it ended");
	has_str(text, "\n  2 errors, 3 warnings; threads lost 101 ms waiting for locks, 10 % of wall time\n",
		"then the verdict");
	has_str(text, "\nWho waits where for whom\n", "the worst locks are shown in detail");
	ok(strchr(text, '\x1b') == NULL, "there are no colours where the terminal has none");
	ok(widest_line(text) <= 100, "no line is wider than the terminal");
	free(text);
	tt_report_destroy(r);

	opts.sections = 0;
	struct tt_err err = {0};
	is_int(tt_report_parse_sections("summary,gaps", &opts.sections, &err), 0, "sections are chosen by name");
	r = make_report(rb, NULL, &opts);
	text = written(r, TT_FORMAT_TEXT, 0);
	ok(!strstr(text, "\nFindings\n") && strstr(text, "\nNot seen\n"), "only those that were asked for are written");
	free(text);
	tt_report_destroy(r);
	rb_destroy(rb);
	unsigned sections = 77;
	is_int(tt_report_parse_sections("summary,nothing", &sections, &err), -EINVAL, "an unknown section is refused");
	has_str(err.msg, "'nothing' is not one of: summary, findings", "with the names that there are");
	is_int(tt_report_parse_sections("", &sections, &err), -EINVAL, "an empty list is refused");
	is_int(sections, 77, "and changes nothing");
}

static const char *const hostile = "\x1b]0;x\x07\xe2\x80\xae</script>\n\xff";

static void test_hostile(void)
{
	struct recbuild *rb = rb_create("/usr/bin/\x1b[2Jevil", 4242);
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	memcpy(t->name, hostile, TTREC_NAME_MAX);
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x5000, RB_SITE(0x401000, LOCK));
	l->name = rb_string(rb, hostile);
	rb_module(rb, "/tmp/\x1b[31m\n.so", 0x400000, 0x10000, 1);
	rb_count(rb, t, l, RB_SITE(0x401010, LOCK), 10);
	rb_stat_add(rb_stat(rb, l, 0), 100 * MS, 5);
	rb_wait(rb, l, RB_SITE(0x401010, LOCK), RB_SITE(0x401010, LOCK), 5, 500 * MS, 100 * MS)->max_waiter = 1;
	struct tt_report_opts opts;
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(rb, NULL, &opts);
	char *text = written(r, TT_FORMAT_TEXT, 0);
	has_str(text, "mutex \\x1b]0;x\\x07", "a hostile lock name is escaped");
	bool clean = true;
	for (const char *p = text; *p; p++)
		clean = clean && (*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f));
	ok(clean, "no control character of the target reaches the terminal");
	ok(!strstr(text, "\xe2\x80\xae"), "nor one that turns the direction of writing");
	free(text);
	text = written(r, TT_FORMAT_JSON, 0);
	json_t *doc = json_loads(text, 0, NULL);
	ok(doc, "hostile names leave JSON valid");
	json_decref(doc);
	free(text);
	tt_report_destroy(r);
	rb_destroy(rb);
}

/* ------------------------------------------------------------------ selection */

/* Two mutexes: "alpha" costs 100 ms in long waits, "beta" 60 ms in many. */
static struct recbuild *two_locks(void)
{
	struct recbuild *rb = rb_create("/usr/bin/prog", 77);
	struct ttrec_thread *t = rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	static const char *const names[] = {"alpha", "beta"};
	static const uint64_t waits[] = {10, 60};
	static const uint64_t wait_ns[] = {10 * MS, 1 * MS};
	for (unsigned i = 0; i < 2; i++) {
		struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x5000 + i * 64, RB_SITE(0x401000 + i * 0x100, LOCK));
		l->name = rb_string(rb, names[i]);
		rb_count(rb, t, l, RB_SITE(0x402000 + i * 0x100, LOCK), 100 + i);
		rb_stat_add(rb_stat(rb, l, 0), wait_ns[i], waits[i]);
		rb_wait(rb, l, RB_SITE(0x402000 + i * 0x100, LOCK), RB_SITE(0x403000, LOCK), waits[i], waits[i] * wait_ns[i],
			wait_ns[i]);
	}
	rb_module(rb, "/usr/bin/prog", 0x400000, 0x10000, 1);
	return rb;
}

static void test_selection(void)
{
	struct recbuild *rb = two_locks();
	struct tt_report_opts opts;
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(rb, NULL, &opts);
	is_str(r->classes.data[0]->name, "alpha", "locks are ordered by time lost");
	is_int(r->findings.list.len, 2, "both are findings");
	tt_report_destroy(r);

	opts.sort = TT_SORT_ACQUISITIONS;
	r = make_report(rb, NULL, &opts);
	is_str(r->classes.data[0]->name, "beta", "or by what is asked for");
	tt_report_destroy(r);

	opts.locks = (struct tt_patterns){(const char *const[]){"BET"}, 1};
	r = make_report(rb, NULL, &opts);
	ok(r->classes.len == 1 && r->locks.len == 1 && r->waits.len == 1, "a pattern selects locks by a part of the name");
	is_int(r->findings.list.len, 1, "and the findings about them");
	tt_report_destroy(r);

	opts.locks = (struct tt_patterns){(const char *const[]){"eta*"}, 1};
	r = make_report(rb, NULL, &opts);
	is_int(r->classes.len, 0, "a shell pattern must match the whole name");
	tt_report_destroy(r);

	opts.locks = (struct tt_patterns){(const char *const[]){"0x5040"}, 1};
	r = make_report(rb, NULL, &opts);
	ok(r->locks.len == 1 && r->locks.data[0]->address == 0x5040, "an address selects a lock");
	tt_report_destroy(r);

	opts.locks = (struct tt_patterns){0};
	opts.threads = (struct tt_patterns){(const char *const[]){"nobody"}, 1};
	r = make_report(rb, NULL, &opts);
	ok(r->threads.len == 0 && r->groups.len == 0, "a thread that nobody is selects nothing");
	tt_report_destroy(r);
	rb_destroy(rb);
}

static void test_merge(void)
{
	struct recbuild *a = two_locks(), *b = two_locks();
	b->header->pid = 78;
	b->header->start_real_ns += 5 * MS;
	struct tt_report_opts opts;
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(a, b, &opts);
	is_int(r->classes.len, 2, "locks of two processes of one program are in one row");
	is_int(r->locks.len, 4, "and four locks");
	is_int(r->findings.list.len, 2, "a finding of both is one finding");
	is_int(r->findings.list.data[0].cost_ns, 200 * MS, "whose cost is that of both");
	char *text = written(r, TT_FORMAT_TEXT, 0);
	has_str(text, "2 processes of 1 program", "the text says how many processes");
	free(text);
	tt_report_destroy(r);
	rb_destroy(a);
	rb_destroy(b);
}

/* ------------------------------------------------------------------ destinations */

static void test_specs(void)
{
	struct tt_err err = {0};
	is_int(tt_report_check_spec("json=out.json", &err), 0, "a format and a file is a destination");
	is_int(tt_report_check_spec("text", &err), 0, "a format alone too");
	is_int(tt_report_check_spec("xml=a", &err), -EINVAL, "an unknown format is refused");
	is_str(err.msg, "no report format is called 'xml'", "by name");
	is_int(tt_report_check_spec("json=", &err), -EINVAL, "an empty file name is refused");

	struct recbuild *rb = two_locks();
	struct tt_report_opts opts;
	tt_report_opts_init(&opts);
	struct tt_report *r = make_report(rb, NULL, &opts);
	is_int(tt_report_write_spec(r, "json=/dev/full", stdout, TT_COLOR_NEVER, &err), -ENOSPC, "a full disk is noticed");
	has_str(err.msg, "No space left on device", "and said");
	is_int(tt_report_write_spec(r, "text=/nonexistent/x", stdout, TT_COLOR_NEVER, &err), -ENOENT,
		"so is a missing directory");
	has_str(err.msg, "cannot open '/nonexistent/x'", "by name");
	tt_report_destroy(r);
	rb_destroy(rb);
}

int main(void)
{
	test_json();
	test_json_writer();
	test_program_names();
	test_text();
	test_hostile();
	test_selection();
	test_merge();
	test_specs();
	return done();
}
