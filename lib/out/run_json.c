/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run_json.c - a run as comparisons see it, read from a JSON report. The file is not trusted. See run.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/out/run.h"

#define SCHEMA "threadtools.report/1"

/* One document being read. Once something is wrong the words of the first trouble stay, and values read are of no matter. */
struct load {
	struct tt_run *run;
	const char *file, *list; /* list: key of the array that is being read; NULL: none */
	size_t number;           /* position in it */
	struct tt_err *err;
	bool failed;
	struct tt_hmap programs, classes; /* ids of the document -> position in run's lists */
};

/* ------------------------------------------------------------------ values */

static void fail(struct load *l, const char *key, const char *what)
{
	if (l->failed)
		return;
	l->failed = true;
	if (l->list)
		tt_err_set(
			l->err, EINVAL, "%s: not a whole report: %s[%zu] \"%s\" is %s", l->file, l->list, l->number, key, what);
	else
		tt_err_set(l->err, EINVAL, "%s: not a whole report: \"%s\" is %s", l->file, key, what);
}

static void no_memory(struct load *l)
{
	if (!l->failed)
		tt_err_set(l->err, ENOMEM, "out of memory");
	l->failed = true;
}

static uint64_t count(struct load *l, const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		return (uint64_t)json_integer_value(v);
	fail(l, key, "no count");
	return 0;
}

static double amount(struct load *l, const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	if (json_is_number(v) && json_number_value(v) >= 0)
		return json_number_value(v);
	fail(l, key, "no amount");
	return 0;
}

static const char *keep(struct load *l, const char *words)
{
	const char *kept = tt_smap_intern(&l->run->texts, words);
	if (!kept)
		no_memory(l);
	return kept ? kept : "";
}

static const char *text(struct load *l, const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	if (json_is_string(v))
		return keep(l, json_string_value(v));
	fail(l, key, "no text");
	return "";
}

static bool truth(struct load *l, const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_boolean(v))
		fail(l, key, "neither true nor false");
	return json_is_true(v);
}

static const json_t *part(struct load *l, const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	if (!json_is_object(v))
		fail(l, key, "no object");
	return v;
}

static void remember(struct load *l, struct tt_hmap *map, uint64_t id, size_t position)
{
	if (tt_hmap_put(map, id, position) < 0)
		no_memory(l);
}

/* What the number under `key` means. False: nothing, which is an error. */
static bool recall(struct load *l, const struct tt_hmap *map, const json_t *object, const char *key, uint64_t *ret)
{
	uint64_t id = count(l, object, key);
	if (!l->failed && !tt_hmap_get(map, id, ret))
		fail(l, key, "the number of nothing in this report");
	return !l->failed;
}

/* ------------------------------------------------------------------ the lists */

static void take_process(struct load *l, const json_t *p)
{
	const json_t *recording = json_object_get(p, "recording");
	const char *exe = text(l, p, "exe"), *slash = strrchr(exe, '/');
	struct tt_run_program program = {.name = keep(l, slash ? slash + 1 : exe), .wall_ns = count(l, p, "wall_ns")};
	uint64_t peak = count(l, p, "threads_peak");
	l->run->threads_peak = peak > l->run->threads_peak ? peak : l->run->threads_peak;
	remember(l, &l->programs, count(l, p, "program"), l->run->programs.len);
	if (tt_vec_push(&l->run->recordings, json_is_string(recording) ? text(l, p, "recording") : NULL) ||
		tt_vec_push(&l->run->programs, program))
		no_memory(l);
}

/* wait_ns, and its standard error, which is the root of the sum of squares. */
static void take_waits(struct load *l, const json_t *object, struct tt_run_lock *lock)
{
	const json_t *waits = part(l, object, "wait_ns");
	double error = amount(l, object, "wait_error_ns");
	lock->wait_ns = count(l, waits, "total");
	lock->max_ns = count(l, waits, "max");
	lock->squares = error * error;
	if (tt_vec_push(&l->run->locks, *lock))
		no_memory(l);
}

static bool is_lock(struct load *l, const json_t *object)
{
	return strcmp(text(l, object, "use"), "lock") == 0;
}

static void take_class(struct load *l, const json_t *c)
{
	uint64_t program;
	if (!is_lock(l, c) || !recall(l, &l->programs, c, "program", &program))
		return;
	struct tt_run_lock lock = {.program = l->run->programs.data[program].name,
		.name = text(l, c, "name"),
		.acquisitions = count(l, c, "acquisitions"),
		.contended = count(l, c, "contended")};
	remember(l, &l->classes, count(l, c, "id"), l->run->locks.len);
	take_waits(l, c, &lock);
}

/* Joins are waits, too, but for no lock. */
static void take_wait(struct load *l, const json_t *w)
{
	uint64_t class;
	if (!is_lock(l, w) || !recall(l, &l->classes, w, "class", &class))
		return;
	struct tt_run_lock lock = l->run->locks.data[class];
	lock.waiter = text(l, w, "waiter");
	lock.holder = text(l, w, "holder");
	lock.contended = count(l, w, "count");
	take_waits(l, w, &lock);
}

static void take_pool(struct load *l, const json_t *p)
{
	uint64_t program;
	if (json_is_null(json_object_get(p, "start_routine")) || !recall(l, &l->programs, p, "program", &program))
		return;
	struct tt_run_pool pool = {.program = l->run->programs.data[program].name,
		.name = text(l, p, "routine"),
		.place = text(l, p, "created_in"),
		.created = count(l, p, "created"),
		.peak = count(l, p, "peak"),
		.unjoined = count(l, p, "unjoined")};
	if (tt_vec_push(&l->run->pools, pool))
		no_memory(l);
}

static void take_finding(struct load *l, const json_t *f)
{
	struct tt_run_finding finding = {.rule = text(l, f, "rule"), .title = text(l, f, "title")};
	const char *digits = text(l, f, "fingerprint");
	if (strlen(digits) == 16 && strspn(digits, "0123456789abcdef") == 16)
		finding.fingerprint = strtoull(digits, NULL, 16);
	else
		fail(l, "fingerprint", "not of 16 hexadecimal digits");
	if (tt_level_parse(text(l, f, "level"), &finding.level, NULL) < 0)
		fail(l, "level", "no level");
	bool suppressed = truth(l, f, "suppressed"), known = truth(l, f, "known");
	finding.state = suppressed ? TT_FINDING_SUPPRESSED : known ? TT_FINDING_KNOWN : TT_FINDING_OPEN;
	if (!l->failed && tt_vec_push(&l->run->findings, finding))
		no_memory(l);
}

static void take_list(struct load *l, const json_t *doc, const char *key, void (*take)(struct load *l, const json_t *item))
{
	const json_t *list = json_object_get(doc, key);
	if (!json_is_array(list))
		fail(l, key, "no list");
	l->list = key;
	for (l->number = 0; l->number < json_array_size(list) && !l->failed; l->number++)
		take(l, json_array_get(list, l->number));
	l->list = NULL;
}

/* ------------------------------------------------------------------ the document */

static void take_document(struct load *l, const json_t *doc)
{
	const char *schema = json_string_value(json_object_get(doc, "schema"));
	if (!schema || strcmp(schema, SCHEMA) != 0) {
		fail(l, "schema", "not \"" SCHEMA "\"");
		return;
	}
	if (!truth(l, doc, "complete")) {
		fail(l, "complete", "false: it was written with --top, --lock, --thread or --site; write it without");
		return;
	}
	const json_t *summary = part(l, doc, "summary");
	l->run->process_ns = count(l, summary, "process_ns");
	l->run->lock_wait_ns = count(l, summary, "lock_wait_ns");
	take_list(l, doc, "processes", take_process);
	take_list(l, doc, "lock_classes", take_class);
	take_list(l, doc, "waits", take_wait);
	take_list(l, doc, "pools", take_pool);
	take_list(l, doc, "findings", take_finding);
}

static json_t *read_json(const char *path, struct tt_err *err)
{
	json_error_t why;
	FILE *file = fopen(path, "re");
	if (!file) {
		tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	json_t *doc = json_loadf(file, JSON_REJECT_DUPLICATES, &why);
	fclose(file);
	if (!doc)
		tt_err_set(err, EINVAL, "%s:%d: %s", path, why.line > 0 ? why.line : 1, why.text);
	return doc;
}

int tt_run_load(const char *path, struct tt_run *ret, struct tt_err *err)
{
	struct load l = {.run = ret, .file = path, .err = err};
	*ret = (struct tt_run){.texts = TT_SMAP_INIT};
	json_t *doc = read_json(path, err);
	if (!doc)
		return -err->code;
	take_document(&l, doc);
	json_decref(doc);
	tt_hmap_deinit(&l.programs);
	tt_hmap_deinit(&l.classes);
	return l.failed ? -err->code : 0;
}

static bool begins_like_json(const char *path)
{
	char head[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t len = fd < 0 ? -1 : read(fd, head, sizeof(head));
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < len; i++)
		if (!strchr(" \t\r\n", head[i]))
			return head[i] == '{';
	return false;
}

bool tt_run_is_saved(const char *name)
{
	struct stat st;
	if (stat(name, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)))
		return false;
	size_t len = strlen(name);
	return S_ISFIFO(st.st_mode) || (len > 5 && strcmp(name + len - 5, ".json") == 0) || begins_like_json(name);
}
