/* SPDX-License-Identifier: GPL-3.0-or-later */
/* report.c - makes a report of a model, and hands it to the outputs of formats.def. See report.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/out/report.h"
#include "lib/out/select.h"
#include "lib/util/parse.h"

#define TT_FORMAT(id, name, writer, help) name,
const char *const tt_format_names[TT_FORMAT_MAX + 1] = {
#include "lib/out/formats.def"
	NULL};
#undef TT_FORMAT
#define TT_FORMAT(id, name, writer, help) help,
const char *const tt_format_helps[TT_FORMAT_MAX] = {
#include "lib/out/formats.def"
};
#undef TT_FORMAT
#define TT_SECTION(id, name, function, help) name,
const char *const tt_section_names[TT_SECTION_MAX + 1] = {
#include "lib/out/sections.def"
	NULL};
#undef TT_SECTION
#define TT_SECTION(id, name, function, help) help,
const char *const tt_section_helps[TT_SECTION_MAX] = {
#include "lib/out/sections.def"
};
#undef TT_SECTION
#define TT_SORT(id, name, value, help) name,
const char *const tt_sort_names[TT_SORT_MAX + 1] = {
#include "lib/out/sorts.def"
	NULL};
#undef TT_SORT
#define TT_SORT(id, name, value, help) help,
const char *const tt_sort_helps[TT_SORT_MAX] = {
#include "lib/out/sorts.def"
};
#undef TT_SORT

typedef int writer_fn(struct tt_report *, FILE *, const struct tt_term *, struct tt_err *);
static writer_fn *const writers[TT_FORMAT_MAX] = {
#define TT_FORMAT(id, name, writer, help) [TT_FORMAT_##id] = writer,
#include "lib/out/formats.def"
#undef TT_FORMAT
};

void tt_report_opts_init(struct tt_report_opts *opts)
{
	*opts = (struct tt_report_opts){.tool = "threadreport",
		.top = 10,
		.details = 5,
		.frames = 12,
		.sort = TT_SORT_WAIT,
		.fail_on = TT_LEVEL_ERROR,
		.sections = (1u << TT_SECTION_MAX) - 1};
	tt_thresholds_init(&opts->thresholds);
}

int tt_report_parse_sections(const char *list, unsigned *ret, struct tt_err *err)
{
	unsigned sections = 0;
	while (*list) {
		size_t len = strcspn(list, ",");
		char name[32];
		if (len >= sizeof(name))
			return tt_err_set(err, EINVAL, "no section is called '%s'", list);
		memcpy(name, list, len);
		name[len] = 0;
		int which = 0;
		if (strcmp(name, "all") == 0)
			sections |= (1u << TT_SECTION_MAX) - 1;
		else if (tt_parse_choice(name, tt_section_names, &which, err) < 0)
			return tt_err_prefix(err, "section");
		else
			sections |= 1u << which;
		list += len + (list[len] == ',');
	}
	if (!sections)
		return tt_err_set(err, EINVAL, "the list of sections is empty");
	*ret = sections;
	return 0;
}

static int build(struct tt_report *r, struct tt_err *err)
{
	int rc = tt_names_create(r->model, &r->opts.names, &r->names, err);
	if (rc < 0)
		return rc;
	rc = tt_model_regroup(r->model, tt_names_lock_key, r->names, err);
	if (rc < 0)
		return rc;
	struct tt_namer namer = tt_names_namer(r->names);
	struct tt_detect detect = {r->model, &r->opts.thresholds, &namer, &r->findings};
	r->findings.explain = r->opts.explain;
	if (tt_detect_all(&detect) < 0 || tt_select_all(r) < 0)
		return tt_err_set(err, ENOMEM, "out of memory");
	tt_select_findings(r);
	return tt_report_settle(r) < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

static void forget_states(struct tt_findings *set)
{
	size_t kept = 0;
	for (size_t i = 0; i < set->list.len; i++) {
		struct tt_finding *f = &set->list.data[i];
		f->state = TT_FINDING_OPEN;
		f->state_why = NULL;
		if (f->rule == TT_RULE_BUDGET_BROKEN)
			tt_finding_deinit(f);
		else
			set->list.data[kept++] = *f;
	}
	set->list.len = kept;
}

int tt_report_settle(struct tt_report *r)
{
	struct tt_namer namer = tt_names_namer(r->names);
	struct tt_detect detect = {r->model, &r->opts.thresholds, &namer, &r->findings};
	forget_states(&r->findings);
	/* Budgets count findings that are not suppressed; then a broken budget can be suppressed itself. */
	tt_suppressions_apply(r->opts.suppressions, r->names, &r->findings);
	tt_budgets_check(r->opts.budgets, &detect);
	int rc = tt_findings_finish(&r->findings);
	tt_suppressions_apply(r->opts.suppressions, r->names, &r->findings);
	tt_baseline_apply(r->opts.baseline, &r->findings);
	return r->findings.failed ? -ENOMEM : rc;
}

int tt_report_create(struct tt_model *model, const struct tt_report_opts *opts, struct tt_report **ret, struct tt_err *err)
{
	struct tt_report *r = calloc(1, sizeof(*r));
	if (!r) {
		tt_model_destroy(model);
		return tt_err_set(err, ENOMEM, "out of memory");
	}
	r->model = model;
	r->opts = *opts;
	int rc = build(r, err);
	if (rc < 0) {
		tt_report_destroy(r);
		return rc;
	}
	*ret = r;
	return 0;
}

static void free_texts(struct tt_hmap *map)
{
	struct tt_hmap_entry *e;
	hmap_for_each (e, map)
		free(e->ptr);
	tt_hmap_deinit(map);
}

void tt_report_destroy(struct tt_report *r)
{
	if (!r)
		return;
	tt_vec_deinit(&r->classes);
	tt_vec_deinit(&r->locks);
	tt_vec_deinit(&r->groups);
	tt_vec_deinit(&r->threads);
	tt_vec_deinit(&r->waits);
	tt_vec_deinit(&r->loops);
	free_texts(&r->json_sites);
	free_texts(&r->json_frames);
	tt_findings_deinit(&r->findings);
	tt_names_destroy(r->names);
	tt_model_destroy(r->model);
	free(r);
}

bool tt_report_found(const struct tt_report *r, enum tt_level at_least)
{
	return tt_findings_count(&r->findings, at_least) > 0;
}

int tt_report_write(struct tt_report *r, enum tt_format format, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	static const struct tt_term plain = TT_TERM_PLAIN;
	int rc = writers[format](r, file, term ? term : &plain, err);
	if (rc < 0)
		return rc;
	errno = 0;
	if (fflush(file) != 0 || ferror(file))
		return tt_err_set(err, errno ? errno : EIO, "cannot write the report: %s", strerror(errno ? errno : EIO));
	return 0;
}

/* ------------------------------------------------------------------ FORMAT[=FILE] */

int tt_report_split_spec(const char *spec, enum tt_format *format, const char **path, struct tt_err *err)
{
	const char *equals = strchr(spec, '=');
	size_t len = equals ? (size_t)(equals - spec) : strlen(spec);
	for (unsigned i = 0; i < TT_FORMAT_MAX; i++) {
		if (strlen(tt_format_names[i]) == len && strncmp(tt_format_names[i], spec, len) == 0) {
			*format = (enum tt_format)i;
			*path = equals ? equals + 1 : "-";
			if (!**path)
				return tt_err_set(err, EINVAL, "report '%s' names no file", spec);
			return 0;
		}
	}
	return tt_err_set(err, EINVAL, "no report format is called '%.*s'", (int)len, spec);
}

int tt_report_check_spec(const char *spec, struct tt_err *err)
{
	enum tt_format format;
	const char *path;
	return tt_report_split_spec(spec, &format, &path, err);
}

int tt_report_write_spec(struct tt_report *r, const char *spec, FILE *standard, enum tt_color color, struct tt_err *err)
{
	enum tt_format format;
	const char *path;
	int rc = tt_report_split_spec(spec, &format, &path, err);
	if (rc < 0)
		return rc;
	bool own = strcmp(path, "-") != 0;
	FILE *file = own ? fopen(path, "we") : standard;
	if (!file)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	struct tt_term term = tt_term_get(fileno(file), color);
	rc = tt_report_write(r, format, file, &term, err);
	if (own && fclose(file) != 0 && rc == 0)
		rc = tt_err_set(err, errno, "cannot write '%s': %s", path, strerror(errno));
	return rc;
}
