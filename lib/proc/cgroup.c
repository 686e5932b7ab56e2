/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cgroup.c - where the control groups of a process lie (cgroup.h). */
#include "lib/proc/cgroup.h"

#include <errno.h>
#include <string.h>

#include "lib/core/attrs.h"

#define DELETED " (deleted)"

void tt_cgroups_deinit(struct tt_cgroups *g)
{
	struct tt_cgroup_line *line;
	vec_for_each (line, &g->lines) {
		free(line->controllers);
		free(line->path);
	}
	struct tt_cgroup_mount *mount;
	vec_for_each (mount, &g->mounts) {
		free(mount->root);
		free(mount->point);
		free(mount->options);
	}
	tt_vec_deinit(&g->lines);
	tt_vec_deinit(&g->mounts);
	g->odd_lines = g->odd_mounts = 0;
}

/* The end of the line at p: its newline or the end of the text. */
static const char *line_end(const char *p)
{
	const char *end = strchr(p, '\n');
	return end ? end : p + strlen(p);
}

/* ------------------------------------------------------------------ /proc/PID/cgroup */

static bool ends_with(const char *text, const char *ending)
{
	size_t n = strlen(text), m = strlen(ending);
	return n >= m && strcmp(text + n - m, ending) == 0;
}

/* "ID:CONTROLLERS:PATH": only the first two colons part; the path may hold more. 0, -EINVAL or -ENOMEM. */
static int parse_line(struct tt_cgroups *g, const char *p, const char *end)
{
	const char *first = memchr(p, ':', (size_t)(end - p));
	const char *second = first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
	if (!second || first == p || second + 1 == end || second[1] != '/')
		return -EINVAL;
	for (const char *c = p; c < first; c++)
		if (*c < '0' || *c > '9')
			return -EINVAL;
	bool v2 = first - p == 1 && *p == '0';
	if (v2 != (second == first + 1))
		return -EINVAL; /* only hierarchy 0 has no controllers */
	struct tt_cgroup_line *line = tt_vec_add(&g->lines);
	if (!line)
		return -ENOMEM;
	line->v2 = v2;
	line->controllers = strndup(first + 1, (size_t)(second - first - 1));
	line->path = strndup(second + 1, (size_t)(end - second - 1));
	if (!line->controllers || !line->path)
		return -ENOMEM;
	line->removed = ends_with(line->path, DELETED);
	if (line->removed)
		line->path[strlen(line->path) - strlen(DELETED)] = '\0';
	return 0;
}

int tt_cgroups_parse_lines(struct tt_cgroups *g, const char *text)
{
	for (const char *p = text; *p;) {
		const char *end = line_end(p);
		int rc = end == p ? 0 : parse_line(g, p, end);
		if (rc == -ENOMEM)
			return rc;
		g->odd_lines += rc < 0;
		p = *end ? end + 1 : end;
	}
	return 0;
}

/* ------------------------------------------------------------------ mountinfo */

/* The kernel writes blanks, newlines and backslashes in paths as \ooo. */
static char *unescape(const char *p, size_t len)
{
	char *text = malloc(len + 1), *out = text;
	if (!text)
		return NULL;
	for (const char *end = p + len; p < end;) {
		if (end - p >= 4 && *p == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
			p[3] <= '7') {
			*out++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*out++ = *p++;
		}
	}
	*out = '\0';
	return text;
}

/* The next field before end, parted by single blanks; false when there is none. */
static bool field(const char **p, const char *end, const char **start, size_t *len)
{
	while (*p < end && **p == ' ')
		(*p)++;
	*start = *p;
	while (*p < end && **p != ' ')
		(*p)++;
	*len = (size_t)(*p - *start);
	return *len != 0;
}

/*
 * "ID PARENT MAJ:MIN ROOT POINT OPTIONS [TAG]... - TYPE SOURCE SUPER-OPTIONS": the separator is looked for behind the options,
 * and the super options go to the end of the line, as some file systems put blanks there.
 */
static int parse_mount(struct tt_cgroups *g, const char *p, const char *end)
{
	const char *starts[6], *type, *source;
	size_t lens[6], type_len, source_len;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (!field(&p, end, &starts[i], &lens[i]))
			return -EINVAL;
	const char *dash = memmem(p, (size_t)(end - p), " - ", 3);
	if (!dash)
		return -EINVAL;
	p = dash + 3;
	if (!field(&p, end, &type, &type_len))
		return -EINVAL;
	bool v1 = type_len == 6 && memcmp(type, "cgroup", 6) == 0, v2 = type_len == 7 && memcmp(type, "cgroup2", 7) == 0;
	if (!v1 && !v2)
		return 0;
	if (!field(&p, end, &source, &source_len))
		return -EINVAL;
	while (p < end && *p == ' ')
		p++;
	struct tt_cgroup_mount *mount = tt_vec_add(&g->mounts);
	if (!mount)
		return -ENOMEM;
	mount->v2 = v2;
	mount->root = unescape(starts[3], lens[3]);
	mount->point = unescape(starts[4], lens[4]);
	mount->options = strndup(p, (size_t)(end - p));
	return mount->root && mount->point && mount->options ? 0 : -ENOMEM;
}

int tt_cgroups_parse_mounts(struct tt_cgroups *g, const char *mountinfo)
{
	for (const char *p = mountinfo; *p;) {
		const char *end = line_end(p);
		int rc = end == p ? 0 : parse_mount(g, p, end);
		if (rc == -ENOMEM)
			return rc;
		g->odd_mounts += rc < 0;
		p = *end ? end + 1 : end;
	}
	return 0;
}

/* ------------------------------------------------------------------ from one to the other */

bool tt_cgroup_list_has(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = list;; p++) {
		const char *end = strchrnul(p, ',');
		if ((size_t)(end - p) == len && memcmp(p, word, len) == 0)
			return true;
		if (!*end)
			return false;
		p = end;
	}
}

const struct tt_cgroup_line *tt_cgroups_line(const struct tt_cgroups *g, const char *controller)
{
	const struct tt_cgroup_line *line, *v2 = NULL;
	vec_for_each (line, &g->lines) {
		if (!line->v2 && tt_cgroup_list_has(line->controllers, controller))
			return line;
		if (line->v2)
			v2 = line;
	}
	return v2;
}

const char *tt_cgroup_strip(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);
	while (len && prefix[len - 1] == '/')
		len--;
	if (strncmp(path, prefix, len) != 0 || (path[len] != '\0' && path[len] != '/'))
		return NULL;
	const char *rest = path + len;
	return strcmp(rest, "/") == 0 ? rest + 1 : rest;
}

static bool leaves_namespace(const char *path)
{
	for (const char *p = path; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '\0' || p[3] == '/')
			return true;
	return false;
}

/* Which of two usable mounts is better: positive when a is. */
static int better(const struct tt_cgroup_mount *a, const struct tt_cgroup_mount *b)
{
	int usual =
		(tt_cgroup_strip(a->point, "/sys/fs/cgroup") != NULL) - (tt_cgroup_strip(b->point, "/sys/fs/cgroup") != NULL);
	if (usual)
		return usual;
	size_t la = strlen(a->root), lb = strlen(b->root);
	if (la != lb)
		return la < lb ? 1 : -1;
	return 1; /* mounted later: it may hide the other */
}

enum tt_cgroup_place tt_cgroups_place(const struct tt_cgroups *g, const char *controller, bool v2, const char *path,
	const struct tt_cgroup_mount **mount, const char **relative)
{
	enum tt_cgroup_place place = TT_CGROUP_NOT_MOUNTED;
	const struct tt_cgroup_mount *m;
	bool outside = leaves_namespace(path);
	*mount = NULL;
	*relative = "";
	vec_for_each (m, &g->mounts) {
		if (m->v2 != v2 || (!v2 && !tt_cgroup_list_has(m->options, controller)))
			continue;
		const char *rest = outside || leaves_namespace(m->root) ? NULL : tt_cgroup_strip(path, m->root);
		if (rest && (place != TT_CGROUP_FOUND || better(m, *mount) > 0)) {
			place = TT_CGROUP_FOUND;
			*mount = m;
			*relative = rest;
		} else if (place != TT_CGROUP_FOUND) {
			place = outside || leaves_namespace(m->root) ? TT_CGROUP_OUTSIDE : TT_CGROUP_NOT_VISIBLE;
			*mount = m;
		}
	}
	return place;
}
