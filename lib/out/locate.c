/* SPDX-License-Identifier: GPL-3.0-or-later */
/* locate.c - source places of findings, relative to the source root. See locate.h. */
#include <errno.h>
#include <string.h>

#include "lib/out/locate.h"

#define FRAMES_MAX 256

struct tt_spot tt_locate_place(struct tt_report *r, const struct tt_place *place)
{
	struct tt_spot s = {.file = place->path ? place->path : place->file, .line = place->line, .function = place->function};
	if (!s.file)
		return s;
	s.relative = s.file[0] != '/';
	size_t len = r->opts.root ? strlen(r->opts.root) : 0;
	while (len > 1 && r->opts.root[len - 1] == '/')
		len--;
	if (len > 1 && strncmp(s.file, r->opts.root, len) == 0 && s.file[len] == '/') {
		s.file += len + 1;
		s.relative = true;
	}
	return s;
}

static void set_module(struct tt_spot *s, const struct tt_module *module, uint64_t offset)
{
	s->module = module ? module->path : NULL;
	s->offset = offset;
}

/* The first place of one address that lies below the root for certain. */
static bool below_root(struct tt_report *r, struct tt_places places, struct tt_spot *ret)
{
	for (unsigned i = 0; i < places.count; i++) {
		struct tt_spot s = tt_locate_place(r, &places.places[i]);
		if (s.relative && places.places[i].path) {
			*ret = s;
			return true;
		}
	}
	return false;
}

static bool same_place(const struct tt_place *a, const struct tt_place *b)
{
	bool functions = a->function && b->function ? strcmp(a->function, b->function) == 0 : a->function == b->function;
	bool modules = a->module && b->module ? strcmp(a->module, b->module) == 0 : a->module == b->module;
	return functions && modules && a->offset == b->offset;
}

/* The module and address of the frame that the telling place belongs to. */
static void find_module(struct tt_report *r, const struct tt_stack *stack, const struct tt_place *place, struct tt_spot *s)
{
	for (unsigned i = 0; i < stack->count; i++) {
		const struct tt_frame *f = &stack->frames[i];
		struct tt_places places = tt_names_frame(r->names, stack->process, f);
		for (unsigned k = 0; k < places.count; k++) {
			if (same_place(&places.places[k], place)) {
				set_module(s, f->module, f->offset);
				return;
			}
		}
	}
}

struct tt_spot tt_locate(struct tt_report *r, const struct tt_site *site, const struct tt_stack *stack)
{
	struct tt_spot s = {0};
	if (!site && !stack)
		return s;
	struct tt_place place = tt_names_headline(r->names, site, stack);
	s = tt_locate_place(r, &place);
	if (stack && stack->count)
		find_module(r, stack, &place, &s);
	else if (site)
		set_module(&s, site->module, site->offset);
	if (s.relative || !stack)
		return s;
	unsigned visible[FRAMES_MAX], count = tt_names_visible(r->names, stack, true, visible, FRAMES_MAX);
	for (unsigned i = 0; i < count; i++) {
		const struct tt_frame *f = &stack->frames[visible[i]];
		if (below_root(r, tt_names_frame(r->names, stack->process, f), &s)) {
			set_module(&s, f->module, f->offset);
			break;
		}
	}
	return s;
}

bool tt_locate_stack(const struct tt_finding *f, size_t i, struct tt_finding_stack *ret)
{
	if (i < f->stacks.len) {
		*ret = f->stacks.data[i];
		return true;
	}
	i -= f->stacks.len;
	if (i / 2 >= f->edges.len || i / 2 >= TT_LOCATE_FLOWS)
		return false;
	const struct tt_finding_edge *e = &f->edges.data[i / 2];
	*ret = i % 2 ? e->want : e->hold;
	return true;
}

struct tt_spot tt_locate_finding(struct tt_report *r, const struct tt_finding *f)
{
	struct tt_finding_stack s;
	struct tt_spot first = {0};
	if (!f->stacks.len && f->edges.len) {
		s = f->edges.data[0].want;
		first = tt_locate(r, s.site, s.stack);
	}
	for (size_t i = 0; !first.file && tt_locate_stack(f, i, &s); i++) {
		struct tt_spot spot = tt_locate(r, s.site, s.stack);
		if (spot.file)
			return spot;
		if (!first.function && !first.module)
			first = spot;
	}
	return first;
}

static void put_where(struct tt_report *r, const struct tt_finding_stack *s, const char *lead, struct tt_buf *out)
{
	struct tt_spot spot = tt_locate(r, s->site, s->stack);
	if (spot.function)
		tt_buf_printf(out, "%s%s", lead, spot.function);
	if (spot.file && spot.line)
		tt_buf_printf(out, " (%s:%u)", spot.file, spot.line);
}

static void put_step(struct tt_report *r, const struct tt_finding_edge *e, struct tt_buf *out)
{
	tt_buf_printf(
		out, "%s holds %s", e->thread_name ? e->thread_name : "a thread", e->held_name ? e->held_name : "something");
	put_where(r, &e->hold, ", taken in ", out);
	tt_buf_printf(out, ", and wants %s", e->wanted_name ? e->wanted_name : "something");
	put_where(r, &e->want, " in ", out);
}

void tt_locate_steps(struct tt_report *r, const struct tt_finding *f, void (*put)(void *to, const char *line), void *to)
{
	size_t shown = f->edges.len > TT_LOCATE_STEPS ? TT_LOCATE_STEPS : f->edges.len;
	for (size_t i = 0; i < shown; i++) {
		TT_BUF_AUTO(line);
		put_step(r, &f->edges.data[i], &line);
		put(to, tt_buf_str(&line));
	}
	if (shown < f->edges.len) {
		TT_BUF_AUTO(line);
		tt_buf_printf(&line, "... and %zu steps more", f->edges.len - shown);
		put(to, tt_buf_str(&line));
	}
}

int tt_locate_uri(struct tt_buf *out, const char *path)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	for (; *path; path++) {
		if (strchr(unreserved, *path))
			tt_buf_addc(out, *path);
		else
			tt_buf_printf(out, "%%%02X", (unsigned char)*path);
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}

const char *tt_locate_program(const struct tt_report *r)
{
	const char *exe = r->model->processes.len ? r->model->processes.data[0]->exe : "";
	const char *slash = strrchr(exe, '/');
	const char *name = slash ? slash + 1 : exe;
	return *name ? tt_names_format(r->names, "%s: %s", r->opts.tool, name) : r->opts.tool;
}
