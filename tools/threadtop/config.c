/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config.c - the user's configuration file: lines of "key = value", written by the screen's W, read at every start. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/util/parse.h"
#include "tools/threadtop/ui.h"

#define MOST_BYTES 65536

char *top_config_path(void)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	if (base && *base == '/') {
		if (asprintf(&path, "%s/threadtools/threadtop.conf", base) < 0)
			path = NULL;
	} else if (home && *home == '/') {
		if (asprintf(&path, "%s/.config/threadtools/threadtop.conf", home) < 0)
			path = NULL;
	}
	return path;
}

void top_config_deinit(struct top_config *c)
{
	free(c->columns);
	free(c->pool_columns);
	free(c->lock_columns);
	free(c->sort);
	free(c->pool_sort);
	free(c->view);
	free(c->theme);
	*c = (struct top_config){.kernel = -1};
}

static int take(struct top_config *c, const char *key, const char *value, struct tt_err *err)
{
	const struct {
		const char *key;
		char **text;
	} texts[] = {{"columns", &c->columns}, {"pool_columns", &c->pool_columns}, {"lock_columns", &c->lock_columns},
		{"sort", &c->sort}, {"pool_sort", &c->pool_sort}, {"view", &c->view}, {"theme", &c->theme}};
	bool on;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(key, texts[i].key) == 0)
			return tt_text_set(texts[i].text, value) < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
	if (strcmp(key, "delay") == 0)
		return tt_parse_duration(value, &c->delay_ns, err);
	if (strcmp(key, "kernel") != 0)
		return tt_err_set(err, EINVAL, "'%s' is no setting", key);
	int rc = tt_parse_bool(value, &on, err);
	c->kernel = rc == 0 ? on : -1;
	return rc;
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = 0;
	return text;
}

int top_config_parse(const char *name, const char *text, struct top_config *ret, struct tt_err *err)
{
	char *copy = strdup(text), *save = copy;
	unsigned number = 0;
	int rc = copy ? 0 : tt_err_set(err, ENOMEM, "out of memory");
	*ret = (struct top_config){.kernel = -1};
	for (char *line; rc == 0 && (line = strsep(&save, "\n"));) {
		number++;
		line = trim(line);
		if (!*line || *line == '#')
			continue;
		char *equals = strchr(line, '=');
		if (!equals) {
			rc = tt_err_set(err, EINVAL, "'=' is missing");
		} else {
			*equals = 0;
			rc = take(ret, trim(line), trim(equals + 1), err);
		}
		if (rc < 0)
			rc = tt_err_prefix(err, "%s:%u", name, number);
	}
	free(copy);
	return rc;
}

int top_config_read(const char *path, struct top_config *ret, struct tt_err *err)
{
	*ret = (struct top_config){.kernel = -1};
	FILE *f = fopen(path, "re");
	if (!f)
		return errno == ENOENT || errno == ENOTDIR
		               ? 0
		               : tt_err_set(err, errno, "cannot read '%s': %s", path, strerror(errno));
	char *text = calloc(1, MOST_BYTES + 1);
	size_t len = text ? fread(text, 1, MOST_BYTES, f) : 0;
	fclose(f);
	if (text)
		text[len] = 0;
	int rc = text ? top_config_parse(path, text, ret, err) : tt_err_set(err, ENOMEM, "out of memory");
	free(text);
	return rc;
}

static int apply_sort(const char *text, int *sort, bool *descending, struct tt_err *err)
{
	if (!text)
		return 0;
	bool reverse = *text == '-';
	int id = top_column_find(text + reverse, strlen(text + reverse));
	if (id < 0)
		return tt_err_set(err, EINVAL, "'%s' is no column", text);
	*sort = id;
	*descending = !top_column_ascends((enum top_column_id)id) != reverse;
	return 0;
}

int top_config_apply(const struct top_config *c, struct top_app *app, int *theme, struct tt_err *err)
{
	struct top_view *v = &app->view;
	int kind, rc = 0;
	if (c->columns)
		rc = top_columns_parse(c->columns, &v->columns, err);
	if (rc == 0 && c->pool_columns)
		rc = top_columns_parse(c->pool_columns, &v->pool_columns, err);
	if (rc == 0 && c->lock_columns)
		rc = top_columns_parse(c->lock_columns, &v->lock_columns, err);
	if (rc == 0)
		rc = apply_sort(c->sort, &v->sort, &v->descending, err);
	if (rc == 0)
		rc = apply_sort(c->pool_sort, &v->pool_sort, &v->pool_descending, err);
	if (rc == 0 && c->view) {
		rc = tt_parse_choice(c->view, top_view_names, &kind, err);
		v->kind = rc == 0 ? (enum top_view_kind)kind : v->kind;
	}
	if (rc == 0 && c->theme)
		rc = tt_parse_choice(c->theme, top_theme_names, theme, err);
	if (rc == 0 && c->delay_ns && (c->delay_ns < TOP_DELAY_MIN_NS || c->delay_ns > TOP_DELAY_MAX_NS))
		rc = tt_err_set(err, EINVAL, "delay is not between 10ms and 1h");
	if (rc == 0 && c->delay_ns)
		app->delay_ns = c->delay_ns;
	if (rc == 0 && c->kernel >= 0)
		app->select.kernel = c->kernel;
	return rc;
}

/* The folders above it, private to the user when they are new. */
static void make_folders(const char *path)
{
	char *copy = strdup(path);
	for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(copy, 0700);
		*slash = '/';
	}
	free(copy);
}

static void put_sort(FILE *f, const char *key, int sort, bool descending)
{
	bool usual = descending == !top_column_ascends((enum top_column_id)sort);
	fprintf(f, "%s = %s%s\n", key, usual ? "" : "-", top_columns[sort].id);
}

static void put_columns(FILE *f, const char *key, const struct top_column_set *set)
{
	TT_BUF_AUTO(text);
	top_columns_print(set, &text);
	fprintf(f, "%s = %s\n", key, tt_buf_str(&text));
}

int top_config_write(const char *path, const struct top_ui *ui, struct tt_err *err)
{
	const struct top_view *v = &ui->app->view;
	TT_BUF_AUTO(fresh);
	make_folders(path);
	tt_buf_printf(&fresh, "%s.%d.tmp", path, getpid());
	FILE *f = fopen(tt_buf_str(&fresh), "we");
	if (!f)
		return tt_err_set(err, errno, "cannot write '%s': %s", path, strerror(errno));
	fprintf(f, "# threadtop: written by its key W\n");
	put_columns(f, "columns", &v->columns);
	put_columns(f, "pool_columns", &v->pool_columns);
	put_columns(f, "lock_columns", &v->lock_columns);
	put_sort(f, "sort", v->sort, v->descending);
	put_sort(f, "pool_sort", v->pool_sort, v->pool_descending);
	fprintf(f, "view = %s\ndelay = %lluns\ntheme = %s\nkernel = %s\n", top_view_names[v->kind],
		(unsigned long long)ui->app->delay_ns, top_theme_names[ui->theme], ui->app->select.kernel ? "yes" : "no");
	bool good = !ferror(f);
	good = fclose(f) == 0 && good;
	if (good && rename(tt_buf_str(&fresh), path) == 0)
		return 0;
	int code = errno;
	unlink(tt_buf_str(&fresh));
	return tt_err_set(err, code, "cannot write '%s': %s", path, strerror(code));
}
