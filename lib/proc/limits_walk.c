/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits_walk.c - from the group of a controller up to the highest one that can be seen (limits_private.h). */
#include <errno.h>
#include <string.h>

#include "lib/proc/limits_private.h"
#include "lib/proc/rootfile.h"

/* ------------------------------------------------------------------ which group */

/* A group given as a directory below a mount point (the longest one that fits) or as a path of the hierarchy. */
static char *path_of_given(const struct tt_limits_reading *r)
{
	const struct tt_cgroup_mount *mount, *best = NULL;
	TT_BUF_AUTO(path);
	vec_for_each (mount, &r->groups.mounts)
		if (tt_cgroup_strip(r->cgroup, mount->point) && (!best || strlen(mount->point) > strlen(best->point)))
			best = mount;
	if (best && strcmp(best->root, "/") != 0)
		tt_buf_adds(&path, best->root);
	const char *rest = best ? tt_cgroup_strip(r->cgroup, best->point) : r->cgroup;
	if (*rest != '/')
		tt_buf_addc(&path, '/');
	tt_buf_adds(&path, rest);
	while (path.len > 1 && path.data[path.len - 1] == '/')
		tt_buf_truncate(&path, path.len - 1);
	return tt_buf_steal(&path);
}

/* Is the controller in a hierarchy of version 1? Without the lines of a process the mounts tell. */
static bool given_is_v2(const struct tt_limits_reading *r, const char *controller)
{
	const struct tt_cgroup_mount *mount;
	vec_for_each (mount, &r->groups.mounts)
		if (!mount->v2 && tt_cgroup_list_has(mount->options, controller))
			return false;
	return true;
}

/* Fills w->wanted and w->v2, or says why not. */
static bool find_wanted(struct tt_limits_reading *r, const char *controller, struct tt_limits_walk *w)
{
	if (r->cgroup) {
		w->v2 = given_is_v2(r, controller);
		w->wanted = path_of_given(r);
	} else {
		const struct tt_cgroup_line *line = tt_cgroups_line(&r->groups, controller);
		if (!line) {
			w->absent = !r->lines_why && (r->no_cgroups || !r->groups.odd_lines);
			w->why = r->lines_why    ? r->lines_why
			         : r->no_cgroups ? "the kernel has no control groups"
			         : w->absent     ? tt_limits_text(r, "the kernel has no '%s' controller in use", controller)
			                         : tt_limits_text(r, "'%s/cgroup' is not understood", r->proc);
			return false;
		}
		if (line->removed) {
			w->why = tt_limits_text(r, "the control group '%s' was removed", line->path);
			return false;
		}
		w->v2 = line->v2;
		w->wanted = strdup(line->path);
	}
	r->failed |= !w->wanted;
	return w->wanted;
}

/* ------------------------------------------------------------------ the walk */

static const char *misplaced(
	struct tt_limits_reading *r, enum tt_cgroup_place place, const char *controller, const struct tt_limits_walk *w)
{
	if (r->mounts_why)
		return r->mounts_why;
	switch (place) {
	case TT_CGROUP_OUTSIDE:
		return tt_limits_text(
			r, "the control group '%s' lies outside this cgroup namespace, or what is mounted does", w->wanted);
	case TT_CGROUP_NOT_VISIBLE:
		return tt_limits_text(r, "the control group '%s' is not below '%s', the part that is mounted at '%s'",
			w->wanted, w->mount->root, w->mount->point);
	default:
		return tt_limits_text(r, "no control group hierarchy with '%s' is mounted", w->v2 ? "version 2" : controller);
	}
}

void tt_limits_walk_init(struct tt_limits_reading *r, const char *controller, struct tt_limits_walk *w)
{
	memset(w, 0, sizeof(*w));
	if (!find_wanted(r, controller, w))
		return;
	enum tt_cgroup_place place = tt_cgroups_place(&r->groups, controller, w->v2, w->wanted, &w->mount, &w->relative);
	if (place != TT_CGROUP_FOUND) {
		w->why = misplaced(r, place, controller, w);
		return;
	}
	const char *point = strcmp(w->mount->point, "/") == 0 ? "" : w->mount->point;
	const char *root = strcmp(w->mount->root, "/") == 0 ? "" : w->mount->root;
	tt_buf_adds(&w->dir, point);
	w->point_len = w->dir.len;
	tt_buf_adds(&w->dir, w->relative);
	tt_buf_printf(&w->path, "%s%s", root, w->relative);
	r->failed |= tt_buf_failed(&w->dir) || tt_buf_failed(&w->path);
	int error = 0;
	w->found = tt_rootfile_is_dir(r->root, tt_buf_str(&w->dir), &error);
	if (!w->found)
		w->why = tt_limits_unreadable(r, tt_buf_str(&w->dir), "", error ? error : ENOTDIR);
	if (!w->path.len)
		tt_buf_addc(&w->path, '/');
}

bool tt_limits_walk_up(struct tt_limits_walk *w)
{
	if (w->dir.len <= w->point_len)
		return false;
	const char *slash = memrchr(w->dir.data, '/', w->dir.len);
	size_t cut = w->dir.len - (size_t)(slash - w->dir.data);
	tt_buf_truncate(&w->dir, w->dir.len - cut);
	tt_buf_truncate(&w->path, w->path.len > cut ? w->path.len - cut : 0);
	if (!w->path.len)
		tt_buf_addc(&w->path, '/');
	return true;
}

void tt_limits_walk_deinit(struct tt_limits_walk *w)
{
	tt_buf_deinit(&w->dir);
	tt_buf_deinit(&w->path);
	free(w->wanted);
}
