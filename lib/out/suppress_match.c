/* SPDX-License-Identifier: GPL-3.0-or-later */
/* suppress_match.c - which findings a suppression matches, and the line that would match one. See suppress.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/out/names.h"
#include "lib/out/suppress.h"
#include "lib/util/glob.h"

/* One pattern against one finding. */
struct match {
	const struct tt_suppress_pattern *pattern;
	struct tt_names *names;
	bool found;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void try_text(struct match *m, const char *text)
{
	m->found = m->found || (text && tt_glob_match(m->pattern->glob, text));
}

/* A pattern without a slash is for the name of the file, one with a slash for the end of the path. */
static void try_file(struct match *m, const char *path)
{
	if (!path)
		return;
	try_text(m, path);
	if (!strchr(m->pattern->glob, '/'))
		try_text(m, base_name(path));
	else
		for (const char *p = strchr(path, '/'); p && !m->found; p = strchr(p + 1, '/'))
			try_text(m, p + 1);
}

static void try_places(struct match *m, struct tt_places places)
{
	for (unsigned i = 0; i < places.count && !m->found; i++) {
		const struct tt_place *p = &places.places[i];
		if (m->pattern->key == TT_SUPPRESS_FUNCTION)
			try_text(m, p->function);
		else if (m->pattern->key == TT_SUPPRESS_FILE)
			try_file(m, p->path ? p->path : p->file);
		else
			try_text(m, p->module);
	}
}

static void try_stack(struct match *m, const struct tt_finding_stack *s)
{
	if (s->site && !m->found)
		try_places(m, tt_names_site(m->names, s->site));
	for (unsigned i = 0; s->stack && i < s->stack->count && !m->found; i++)
		try_places(m, tt_names_frame(m->names, s->stack->process, &s->stack->frames[i]));
}

static void try_stacks(struct match *m, const struct tt_finding *f)
{
	const struct tt_finding_stack *s;
	vec_for_each (s, &f->stacks)
		try_stack(m, s);
	const struct tt_finding_edge *e;
	vec_for_each (e, &f->edges) {
		try_stack(m, &e->hold);
		try_stack(m, &e->want);
	}
}

/* "mutex cache_lock" goes by that name and by "cache_lock". */
static void try_lock_name(struct match *m, const char *name)
{
	const char *blank = name ? strchr(name, ' ') : NULL;
	try_text(m, name);
	if (blank)
		try_text(m, blank + 1);
}

static void try_lock(struct match *m, const struct tt_lock *lock)
{
	if (!lock || m->found)
		return;
	try_text(m, lock->name);
	try_lock_name(m, tt_names_lock(m->names, lock));
	if (lock->class)
		try_lock_name(m, tt_names_class(m->names, lock->class));
}

static void try_locks(struct match *m, const struct tt_finding *f)
{
	const struct tt_lock *const *l;
	vec_for_each (l, &f->locks)
		try_lock(m, *l);
	const struct tt_finding_edge *e;
	vec_for_each (e, &f->edges) {
		try_lock(m, e->held);
		try_lock(m, e->wanted);
		try_lock_name(m, e->held_name);
		try_lock_name(m, e->wanted_name);
	}
}

static void try_thread(struct match *m, const struct tt_thread *t)
{
	if (!t || m->found)
		return;
	try_text(m, t->name);
	if (t->start_routine)
		try_text(m, tt_names_headline(m->names, t->start_routine, NULL).function);
}

static void try_threads(struct match *m, const struct tt_finding *f)
{
	const struct tt_thread *const *t;
	vec_for_each (t, &f->threads)
		try_thread(m, *t);
	const struct tt_finding_edge *e;
	vec_for_each (e, &f->edges) {
		try_thread(m, e->thread);
		try_text(m, e->thread_name);
	}
}

static void fingerprint_text(const struct tt_finding *f, char text[20])
{
	snprintf(text, 20, "%016" PRIx64, f->fingerprint);
}

static bool pattern_matches(const struct tt_suppress_pattern *p, struct tt_names *names, const struct tt_finding *f)
{
	struct match m = {.pattern = p, .names = names};
	char fingerprint[20];
	switch (p->key) {
	case TT_SUPPRESS_FUNCTION:
	case TT_SUPPRESS_FILE:
	case TT_SUPPRESS_MODULE:
		try_stacks(&m, f);
		break;
	case TT_SUPPRESS_LOCK:
		try_locks(&m, f);
		break;
	case TT_SUPPRESS_THREAD:
		try_threads(&m, f);
		break;
	case TT_SUPPRESS_FINGERPRINT:
		fingerprint_text(f, fingerprint);
		try_text(&m, fingerprint);
		break;
	case TT_SUPPRESS_KEY_MAX:
		break;
	}
	return m.found;
}

bool tt_suppression_matches(const struct tt_suppression *s, struct tt_names *names, const struct tt_finding *f)
{
	if (!tt_glob_match(s->rule, tt_rules[f->rule].id))
		return false;
	const struct tt_suppress_pattern *p;
	vec_for_each (p, &s->patterns)
		if (!pattern_matches(p, names, f))
			return false;
	return true;
}

void tt_suppressions_apply(struct tt_suppressions *set, struct tt_names *names, struct tt_findings *findings)
{
	if (!set)
		return;
	struct tt_suppression *s;
	vec_for_each (s, &set->list)
		s->used = 0;
	struct tt_finding *f;
	vec_for_each (f, &findings->list) {
		/* Every line that matches counts as used, the first gives the reason. */
		vec_for_each (s, &set->list) {
			if (!tt_suppression_matches(s, names, f))
				continue;
			if (f->state != TT_FINDING_SUPPRESSED)
				f->state_why = s->why;
			f->state = TT_FINDING_SUPPRESSED;
			s->used++;
		}
	}
}

/* ------------------------------------------------------------------ the line to paste */

/* key:pattern, in quotes where it needs them. */
static void put_pattern(struct tt_buf *out, enum tt_suppress_key key, const char *text)
{
	TT_BUF_AUTO(glob);
	tt_glob_quote(&glob, text);
	bool quotes = strpbrk(tt_buf_str(&glob), " \t\"") != NULL;
	tt_buf_printf(out, " %s:%s", tt_suppress_keys[key], quotes ? "\"" : "");
	for (const char *p = tt_buf_str(&glob); *p; p++) {
		if (*p == '"')
			tt_buf_addc(out, '"');
		tt_buf_addc(out, *p);
	}
	tt_buf_adds(out, quotes ? "\"" : "");
}

/* The place of the first stack by function, or by module when it has no name. */
static bool put_place(struct tt_names *names, const struct tt_finding *f, struct tt_buf *out)
{
	const struct tt_finding_stack *s = f->stacks.len ? &f->stacks.data[0] : f->edges.len ? &f->edges.data[0].want : NULL;
	if (!s || (!s->site && !s->stack))
		return false;
	struct tt_place p = tt_names_headline(names, s->site, s->stack);
	if (p.function && *p.function)
		put_pattern(out, TT_SUPPRESS_FUNCTION, p.function);
	else if (p.module && *p.module)
		put_pattern(out, TT_SUPPRESS_MODULE, p.module);
	else
		return false;
	return p.function != NULL;
}

/* Without the kind, so that it is short; a name made of an address is none. */
static bool put_lock(struct tt_names *names, const struct tt_lock *lock, struct tt_buf *out)
{
	const char *name = lock->name;
	if (!name || !*name) {
		const char *full = lock->class ? tt_names_class(names, lock->class) : "";
		const char *blank = strchr(full, ' ');
		name = blank ? blank + 1 : full;
	}
	if (!*name || strstr(name, "0x"))
		return false;
	put_pattern(out, TT_SUPPRESS_LOCK, name);
	return true;
}

int tt_suppression_line(struct tt_names *names, const struct tt_finding *f, struct tt_buf *out)
{
	char fingerprint[20];
	tt_buf_adds(out, tt_rules[f->rule].id);
	/* A budget names the worst place of this run, which is another one tomorrow. */
	bool budget = f->rule == TT_RULE_BUDGET_BROKEN, told = !budget && put_place(names, f, out);
	if (f->locks.len && !budget)
		told = put_lock(names, f->locks.data[0], out) || told;
	if (!told) {
		fingerprint_text(f, fingerprint);
		put_pattern(out, TT_SUPPRESS_FINGERPRINT, fingerprint);
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
