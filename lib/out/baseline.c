/* SPDX-License-Identifier: GPL-3.0-or-later */
/* baseline.c - reads and writes files of known findings. See baseline.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/out/baseline.h"
#include "lib/out/jsonw.h"

#define SCHEMA "threadtools.baseline/1"

void tt_baseline_deinit(struct tt_baseline *b)
{
	tt_vec_deinit(&b->list);
	tt_smap_deinit(&b->strings);
}

/* ------------------------------------------------------------------ reading */

static int by_rule(const void *a, const void *b)
{
	const struct tt_baseline_entry *x = a, *y = b;
	int order = strcmp(x->rule, y->rule);
	if (order)
		return order;
	return x->fingerprint < y->fingerprint ? -1 : x->fingerprint > y->fingerprint;
}

/* 16 hexadecimal digits. */
static bool parse_fingerprint(const char *text, uint64_t *ret)
{
	if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return false;
	*ret = strtoull(text, NULL, 16);
	return true;
}

static int add_entry(struct tt_baseline *b, const json_t *entry, size_t number, struct tt_err *err)
{
	struct tt_baseline_entry e = {0};
	const char *rule = json_string_value(json_object_get(entry, "rule"));
	const char *title = json_string_value(json_object_get(entry, "title"));
	if (!parse_fingerprint(json_string_value(json_object_get(entry, "fingerprint")), &e.fingerprint))
		return tt_err_set(err, EINVAL, "%s: finding %zu has no fingerprint of 16 hexadecimal digits", b->file, number);
	e.rule = tt_smap_intern(&b->strings, rule ? rule : "");
	e.title = tt_smap_intern(&b->strings, title ? title : "");
	if (!e.rule || !e.title || tt_vec_push(&b->list, e))
		return tt_err_set(err, ENOMEM, "out of memory");
	return 0;
}

static int take_document(struct tt_baseline *b, const json_t *doc, struct tt_err *err)
{
	const char *schema = json_string_value(json_object_get(doc, "schema"));
	const json_t *findings = json_object_get(doc, "findings");
	if (!schema || strcmp(schema, SCHEMA) != 0)
		return tt_err_set(err, EINVAL, "%s:1: not a baseline: \"schema\" is not \"" SCHEMA "\"", b->file);
	if (!json_is_array(findings))
		return tt_err_set(err, EINVAL, "%s:1: not a baseline: \"findings\" is no list", b->file);
	for (size_t i = 0; i < json_array_size(findings); i++) {
		int rc = add_entry(b, json_array_get(findings, i), i + 1, err);
		if (rc < 0)
			return rc;
	}
	tt_vec_sort(&b->list, by_rule);
	return 0;
}

static int take_json(struct tt_baseline *b, json_t *doc, const json_error_t *why, struct tt_err *err)
{
	if (!doc)
		return tt_err_set(err, EINVAL, "%s:%d: %s", b->file, why->line > 0 ? why->line : 1, why->text);
	int rc = take_document(b, doc, err);
	json_decref(doc);
	return rc;
}

int tt_baseline_parse(struct tt_baseline *b, const char *name, const char *text, size_t len, struct tt_err *err)
{
	json_error_t why;
	b->file = name;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	return take_json(b, doc, &why, err);
}

int tt_baseline_load(struct tt_baseline *b, const char *path, struct tt_err *err)
{
	json_error_t why;
	FILE *file = fopen(path, "re");
	if (!file)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	struct stat st;
	if (fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
		fclose(file);
		return tt_err_set(err, EISDIR, "cannot read '%s': %s", path, strerror(EISDIR));
	}
	b->file = path;
	json_t *doc = json_loadf(file, JSON_REJECT_DUPLICATES, &why);
	fclose(file);
	return take_json(b, doc, &why, err);
}

/* ------------------------------------------------------------------ comparing */

void tt_baseline_apply(struct tt_baseline *b, struct tt_findings *findings)
{
	if (!b)
		return;
	struct tt_hmap entries = TT_HMAP_INIT; /* fingerprint -> entry */
	struct tt_baseline_entry *e;
	vec_for_each (e, &b->list) {
		e->seen = false;
		if (tt_hmap_put_ptr(&entries, e->fingerprint, e) < 0)
			findings->failed = true;
	}
	struct tt_finding *f;
	vec_for_each (f, &findings->list) {
		e = tt_hmap_ptr(&entries, f->fingerprint);
		if (e)
			e->seen = true;
		if (e && f->state == TT_FINDING_OPEN)
			f->state = TT_FINDING_KNOWN;
	}
	tt_hmap_deinit(&entries);
}

size_t tt_baseline_gone(const struct tt_baseline *b)
{
	size_t n = 0;
	const struct tt_baseline_entry *e;
	vec_for_each (e, &b->list)
		n += !e->seen;
	return n;
}

/* ------------------------------------------------------------------ writing */

static int finding_order(const void *a, const void *b)
{
	const struct tt_finding *x = *(const struct tt_finding *const *)a, *y = *(const struct tt_finding *const *)b;
	int order = strcmp(tt_rules[x->rule].id, tt_rules[y->rule].id);
	if (order)
		return order;
	return x->fingerprint < y->fingerprint ? -1 : x->fingerprint > y->fingerprint;
}

static void put_finding(struct tt_jsonw *j, const struct tt_finding *f)
{
	char fingerprint[20];
	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, f->fingerprint);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "fingerprint", fingerprint);
	tt_jsonw_text(j, "rule", tt_rules[f->rule].id);
	tt_jsonw_text(j, "title", f->title);
	tt_jsonw_end(j, '}');
}

static int put_document(const struct tt_findings *findings, FILE *file)
{
	TT_VEC(const struct tt_finding *) list = TT_VEC_INIT;
	struct tt_jsonw w = {.file = file};
	const struct tt_finding *f, **p;
	bool failed = false;
	vec_for_each (f, &findings->list)
		if (f->state != TT_FINDING_SUPPRESSED)
			failed = tt_vec_push(&list, f) || failed;
	tt_vec_sort(&list, finding_order);
	tt_jsonw_begin(&w, NULL, '{');
	tt_jsonw_text(&w, "schema", SCHEMA);
	tt_jsonw_begin(&w, "findings", '[');
	vec_for_each (p, &list)
		put_finding(&w, *p);
	tt_jsonw_end(&w, ']');
	tt_jsonw_end(&w, '}');
	tt_vec_deinit(&list);
	int rc = tt_jsonw_finish(&w);
	return failed ? -ENOMEM : rc;
}

static int cannot_write(const char *path, int code, struct tt_err *err)
{
	return tt_err_set(err, code, "cannot write '%s': %s", path, strerror(code));
}

/* Closes the file; the first error counts. */
static int finish_file(FILE *file, int rc, bool sync)
{
	if (rc == 0 && sync && fsync(fileno(file)) != 0)
		rc = -errno;
	if (fclose(file) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

static int write_in_place(const struct tt_findings *findings, const char *path, struct tt_err *err)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return cannot_write(path, errno, err);
	int rc = finish_file(file, put_document(findings, file), false);
	return rc < 0 ? cannot_write(path, -rc, err) : 0;
}

/* mode: of the file that is replaced, or 0. */
static int write_beside(const struct tt_findings *findings, const char *path, mode_t mode, struct tt_err *err)
{
	TT_BUF_AUTO(name);
	if (tt_buf_printf(&name, "%s.XXXXXX", path) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	int fd = mkostemp(name.data, O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file)
		return cannot_write(path, errno, err);
	if (!mode) {
		mode_t mask = umask(0);
		umask(mask);
		mode = 0666 & ~mask;
	}
	int rc = fchmod(fd, mode) == 0 ? put_document(findings, file) : -errno;
	rc = finish_file(file, rc, true);
	if (rc == 0 && rename(name.data, path) != 0)
		rc = -errno;
	if (rc < 0)
		unlink(name.data);
	return rc < 0 ? cannot_write(path, -rc, err) : 0;
}

int tt_baseline_write(const struct tt_findings *findings, const char *path, struct tt_err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return write_beside(findings, path, 0, err);
	if (!S_ISREG(st.st_mode))
		return write_in_place(findings, path, err);
	/* The file behind a link is replaced, not the link. */
	char *real = realpath(path, NULL);
	if (!real)
		return cannot_write(path, errno, err);
	int rc = write_beside(findings, real, st.st_mode & 07777, err);
	free(real);
	return rc;
}
