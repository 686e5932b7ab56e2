/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * set.c - see set.h.
 */
#include "lib/rec/set.h"
#include "lib/util/parse.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tt_rec_set_deinit(struct tt_rec_set *set)
{
	struct tt_rec **rec;
	vec_for_each (rec, &set->recs)
		tt_rec_close(*rec);
	char **text;
	vec_for_each (text, &set->failures)
		free(*text);
	tt_vec_deinit(&set->recs);
	tt_vec_deinit(&set->failures);
}

int tt_rec_set_take(struct tt_rec_set *set, struct tt_rec *rec, struct tt_err *err)
{
	if (tt_vec_push(&set->recs, rec) == 0)
		return 0;
	tt_rec_close(rec);
	return tt_err_set(err, ENOMEM, "out of memory");
}

static int add_file(struct tt_rec_set *set, const char *path, const struct tt_rec_opts *opts, struct tt_err *err)
{
	struct tt_rec *rec;
	int rc = tt_rec_open(path, opts, &rec, err);
	return rc < 0 ? rc : tt_rec_set_take(set, rec, err);
}

static int add_failure(struct tt_rec_set *set, const struct tt_err *failure, struct tt_err *err)
{
	char *text = strdup(failure->msg);
	if (text && tt_vec_push(&set->failures, text) == 0)
		return 0;
	free(text);
	return tt_err_set(err, ENOMEM, "out of memory");
}

#define PATIENT 8u

static int add_folder(struct tt_rec_set *set, const char *dir, const struct tt_rec_opts *opts, struct tt_err *err)
{
	struct tt_found_list list = {0};
	int rc = tt_find_list(dir, &list, err);
	if (rc == 0 && list.items.len == 0)
		rc = tt_err_set(err, ENOENT, "no recordings in '%s'", dir);
	struct tt_rec_opts mine = opts ? *opts : (struct tt_rec_opts){0};
	unsigned running = 0;
	const struct tt_found *f;
	vec_for_each (f, &list.items) {
		struct tt_err failure = {0};
		if (rc < 0)
			break;
		/* Each second look takes its time; a short while proves as much. */
		if (mine.steady_ns && f->life == TT_REC_RUNNING && running++ == PATIENT)
			mine.steady_ns = 1;
		int one = add_file(set, f->path, &mine, &failure);
		if (one == -ENOMEM)
			rc = tt_err_set(err, ENOMEM, "%s", failure.msg);
		else if (one < 0 && one != -ENOENT) /* gone since it was listed: no loss */
			rc = add_failure(set, &failure, err);
	}
	tt_found_list_deinit(&list);
	return rc;
}

int tt_rec_set_add(struct tt_rec_set *set, const char *name, const struct tt_rec_opts *opts, struct tt_err *err)
{
	struct stat st;
	uint64_t pid;
	if (stat(name, &st) == 0)
		return S_ISDIR(st.st_mode) ? add_folder(set, name, opts, err) : add_file(set, name, opts, err);
	if (tt_parse_u64(name, 1, INT_MAX, &pid, NULL) < 0)
		return add_file(set, name, opts, err); /* for its words */
	struct tt_rec *rec;
	int rc = tt_find_open_pid((pid_t)pid, opts, &rec, err);
	return rc < 0 ? rc : tt_rec_set_take(set, rec, err);
}

static int by_start(const void *a, const void *b)
{
	const struct tt_rec *x = *(struct tt_rec *const *)a, *y = *(struct tt_rec *const *)b;
	const struct ttrec_header *hx = tt_rec_header(x), *hy = tt_rec_header(y);
	if (hx->start_real_ns != hy->start_real_ns)
		return hx->start_real_ns < hy->start_real_ns ? -1 : 1;
	if (hx->pid != hy->pid)
		return hx->pid < hy->pid ? -1 : 1;
	/* Copies of one recording: the one that knows most comes first. */
	if (tt_rec_partial(x) != tt_rec_partial(y))
		return tt_rec_partial(x) ? 1 : -1;
	if (tt_rec_end_ns(x, NULL) != tt_rec_end_ns(y, NULL))
		return tt_rec_end_ns(x, NULL) > tt_rec_end_ns(y, NULL) ? -1 : 1;
	return strcmp(tt_rec_path(x), tt_rec_path(y));
}

/* exec keeps the pid but begins anew, at another moment. */
static bool is_same(const struct tt_rec *x, const struct tt_rec *y)
{
	const struct ttrec_header *hx = tt_rec_header(x), *hy = tt_rec_header(y);
	return hx->start_real_ns == hy->start_real_ns && hx->pid == hy->pid && hx->start_mono_ns == hy->start_mono_ns;
}

void tt_rec_set_settle(struct tt_rec_set *set)
{
	tt_vec_sort(&set->recs, by_start);
	size_t n = 0;
	for (size_t i = 0; i < set->recs.len; i++) {
		if (n && is_same(set->recs.data[n - 1], set->recs.data[i]))
			tt_rec_close(set->recs.data[i]);
		else
			set->recs.data[n++] = set->recs.data[i];
	}
	set->recs.len = n;
}
