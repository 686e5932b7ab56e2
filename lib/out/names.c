/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * names.c - names of places: lib/sym's answers, kept per (module, offset) with what a report needs of them.
 * One symbol reader per process, made when a place of it is first asked for; opened files are shared among them.
 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/out/names_private.h"

/* What one address stands for. */
struct entry {
	struct tt_places places;
	int telling; /* index of the first place that is no wrapper, -1: none */
	bool own;    /* code of the recorder */
};

static const char *const module_patterns[] = {
#define TT_WRAPPER_MODULE(pattern) pattern,
#define TT_WRAPPER(pattern)
#include "lib/out/wrappers.def"
#undef TT_WRAPPER_MODULE
#undef TT_WRAPPER
};
static const char *const function_patterns[] = {
#define TT_WRAPPER_MODULE(pattern)
#define TT_WRAPPER(pattern) pattern,
#include "lib/out/wrappers.def"
#undef TT_WRAPPER_MODULE
#undef TT_WRAPPER
};

int tt_names_create(struct tt_model *model, const struct tt_names_opts *opts, struct tt_names **ret, struct tt_err *err)
{
	struct tt_names *n = calloc(1, sizeof(*n));
	size_t processes = model->processes.len ? model->processes.len : 1;
	if (!n)
		return tt_err_set(err, ENOMEM, "out of memory");
	n->model = model;
	n->opts = *opts;
	n->syms = calloc(processes, sizeof(*n->syms));
	n->has_perf_map = calloc(processes, sizeof(*n->has_perf_map));
	struct tt_sym_options o = {.debug_dirs = opts->debug_dir, .source_root = opts->source_root};
	int rc = n->syms && n->has_perf_map ? tt_sym_create(&o, &n->shared, err) : tt_err_set(err, ENOMEM, "out of memory");
	if (rc < 0) {
		tt_names_destroy(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void tt_names_destroy(struct tt_names *n)
{
	if (!n)
		return;
	for (size_t i = 0; n->syms && i < n->model->processes.len; i++)
		tt_sym_destroy(n->syms[i]);
	tt_sym_destroy(n->shared);
	struct tt_hmap_entry *e;
	hmap_for_each (e, &n->map) {
		struct entry *entry = e->ptr;
		free((void *)entry->places.places);
		free(entry);
	}
	tt_hmap_deinit(&n->map);
	tt_hmap_deinit(&n->classes);
	tt_hmap_deinit(&n->creations);
	tt_hmap_deinit(&n->creations_read);
	tt_smap_deinit(&n->strings);
	free(n->syms);
	free(n->has_perf_map);
	free(n);
}

/* ------------------------------------------------------------------ symbol readers */

static void add_modules(struct tt_sym *s, const struct tt_process *p)
{
	const struct tt_mapping *map;
	vec_for_each (map, &p->mappings) {
		struct tt_sym_module m = {.start = map->start,
			.end = map->end,
			.bias = map->bias,
			.path = map->module->path,
			.build_id = map->module->build_id,
			.build_id_len = map->module->build_id_len,
			.pid = p->end == TT_END_RUNNING ? (pid_t)p->pid : 0};
		/* A module that makes no sense costs its names only. */
		(void)tt_sym_add_module(s, &m, NULL);
	}
}

static struct tt_sym *sym_of(struct tt_names *n, const struct tt_process *p)
{
	if (!p)
		return NULL;
	if (!n->syms[p->id]) {
		struct tt_sym_options o = {
			.debug_dirs = n->opts.debug_dir, .source_root = n->opts.source_root, .share = n->shared};
		if (tt_sym_create(&o, &n->syms[p->id], NULL) < 0)
			return NULL;
		add_modules(n->syms[p->id], p);
	}
	return n->syms[p->id];
}

static const struct tt_sym_frames *resolve(
	struct tt_names *n, const struct tt_process *p, uint64_t pc, bool is_entry, bool in_module)
{
	struct tt_sym *s = sym_of(n, p);
	if (!s)
		return NULL;
	if (!in_module && !n->has_perf_map[p->id]) {
		n->has_perf_map[p->id] = true;
		(void)tt_sym_add_perf_map(s, (pid_t)p->pid, NULL);
	}
	unsigned flags = is_entry ? 0 : TT_SYM_RETADDR;
	if (!n->opts.no_lines)
		flags |= TT_SYM_LINES;
	if (!n->opts.no_inlines && !n->opts.no_lines)
		flags |= TT_SYM_INLINES;
	return tt_sym_resolve(s, pc, flags);
}

/* ------------------------------------------------------------------ places */

static bool matches(const char *text, const char *const *patterns, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (fnmatch(patterns[i], text, 0) == 0)
			return true;
	return false;
}

static bool is_wrapper(const struct tt_names *n, const struct tt_place *p)
{
	if (p->module && !p->inlined && matches(p->module, module_patterns, sizeof(module_patterns) / sizeof(char *)))
		return true;
	if (!p->function)
		return false;
	return matches(p->function, function_patterns, sizeof(function_patterns) / sizeof(char *)) ||
	       matches(p->function, n->opts.wrappers, n->opts.wrapper_count);
}

static const char *intern_short(struct tt_names *n, const char *function)
{
	if (!function)
		return NULL;
	TT_BUF_AUTO(buf);
	if (tt_sym_short_name(&buf, function) < 0 || buf.len == 0)
		return function;
	return tt_smap_intern(&n->strings, tt_buf_str(&buf));
}

/* A relative file behind the directory that the compiler ran in. NULL: that is not known. */
static const char *full_path(struct tt_sym *s, const struct tt_sym_frame *f)
{
	TT_BUF_AUTO(path);
	if (!f->file || f->file[0] == '/')
		return tt_sym_source(s, f->file);
	if (!f->dir || f->dir[0] != '/' || tt_buf_printf(&path, "%s/%s", f->dir, f->file) < 0)
		return NULL;
	return tt_sym_source(s, tt_buf_str(&path));
}

static void fill_place(struct tt_names *n, struct tt_sym *s, struct tt_place *p, const struct tt_sym_frame *f)
{
	p->function = intern_short(n, f->function);
	p->file = tt_sym_source(s, f->file);
	p->path = full_path(s, f);
	p->line = f->line;
	p->module = f->module;
	p->offset = f->offset;
	p->inlined = f->inlined;
}

/* Without symbols: module and offset as the recording has them. */
static void fill_unknown(struct tt_place *p, const struct tt_module *module, uint64_t offset)
{
	if (module) {
		const char *slash = strrchr(module->path, '/');
		p->module = slash ? slash + 1 : module->path;
	}
	p->offset = offset;
}

static struct entry *make_entry(struct tt_names *n, const struct tt_process *p, uint64_t pc, const struct tt_module *module,
	uint64_t offset, bool is_entry)
{
	const struct tt_sym_frames *frames = resolve(n, p, pc, is_entry, module != NULL);
	unsigned count = frames && frames->count ? (unsigned)frames->count : 1;
	struct entry *e = calloc(1, sizeof(*e));
	struct tt_place *places = calloc(count, sizeof(*places));
	if (!e || !places) {
		free(e);
		free(places);
		return NULL;
	}
	for (unsigned i = 0; frames && i < frames->count; i++)
		fill_place(n, n->syms[p->id], &places[i], &frames->frames[i]);
	if (!places[count - 1].module && !places[count - 1].function)
		fill_unknown(&places[count - 1], module, offset);
	for (unsigned i = 0; i < count; i++)
		places[i].module = places[i].module ? places[i].module : places[count - 1].module;
	e->places = (struct tt_places){places, count};
	e->telling = -1;
	const char *base = places[count - 1].module;
	e->own = base && fnmatch("libthreadcheck.so*", base, 0) == 0;
	/* A library's own code stays a wrapper's whatever is inlined into it. */
	bool library = is_wrapper(n, &places[count - 1]);
	for (unsigned i = 0; i < count && !library && e->telling < 0; i++)
		e->telling = is_wrapper(n, &places[i]) ? -1 : (int)i;
	return e;
}

/* Module and offset name a place in all processes; code outside all modules is told apart by process. */
static uint64_t key_of(const struct tt_process *p, const struct tt_module *module, uint64_t offset, bool is_entry)
{
	uint64_t space = module ? (uint64_t)module->id * 2 : (uint64_t)(p ? p->id : 0) * 2 + 1;
	return (offset - !is_entry) ^ space << 47;
}

static struct entry *entry_of(struct tt_names *n, const struct tt_process *p, uint64_t pc, const struct tt_module *module,
	uint64_t offset, bool is_entry)
{
	static const struct tt_place unknown;
	static struct entry no_memory = {{&unknown, 1}, -1, false};
	uint64_t key = key_of(p, module, offset, is_entry);
	struct entry *e = tt_hmap_ptr(&n->map, key);
	if (e)
		return e;
	e = make_entry(n, p, pc, module, offset, is_entry);
	if (!e)
		return &no_memory;
	if (tt_hmap_put_ptr(&n->map, key, e) < 0) {
		free((void *)e->places.places);
		free(e);
		return &no_memory;
	}
	return e;
}

static struct entry *entry_of_site(struct tt_names *n, const struct tt_site *s)
{
	return entry_of(n, s->process, s->pc, s->module, s->offset, s->is_entry);
}

static struct entry *entry_of_frame(struct tt_names *n, const struct tt_process *p, const struct tt_frame *f)
{
	return entry_of(n, p, f->pc, f->module, f->offset, false);
}

struct tt_places tt_names_site(struct tt_names *n, const struct tt_site *site)
{
	return entry_of_site(n, site)->places;
}

struct tt_places tt_names_frame(struct tt_names *n, const struct tt_process *process, const struct tt_frame *frame)
{
	return entry_of_frame(n, process, frame)->places;
}

/* The frame of the entry that a headline shows: the telling one, else the outermost, which is the function itself. */
static struct tt_place best_of(const struct entry *e)
{
	return e->places.places[e->telling >= 0 ? (unsigned)e->telling : e->places.count - 1];
}

/* A stripped program's own functions have no names, but what they call in front of the lock often has. */
static struct tt_place named_via(struct tt_place place, const struct entry *inner)
{
	if (!place.function && inner)
		place.via = best_of(inner).function;
	return place;
}

struct tt_place tt_names_headline(struct tt_names *n, const struct tt_site *site, const struct tt_stack *stack)
{
	const struct entry *first = site ? entry_of_site(n, site) : NULL, *inner = NULL;
	if (first && first->telling >= 0)
		return best_of(first);
	for (unsigned i = 0; stack && i < stack->count; i++) {
		const struct entry *e = entry_of_frame(n, stack->process, &stack->frames[i]);
		first = first ? first : e;
		if (e->telling >= 0)
			return named_via(best_of(e), inner ? inner : first);
		inner = e->own ? inner : e;
	}
	return first ? best_of(first) : (struct tt_place){0};
}

/* Where a thread or the program begins: from there on outwards no frame tells anything. */
static bool is_start(const struct tt_place *p)
{
	static const char *const starts[] = {"__libc_start_call_main", "__libc_start_main", "start_thread", "clone", "clone3"};
	for (unsigned i = 0; p->function && i < sizeof(starts) / sizeof(*starts); i++)
		if (strncmp(p->function, starts[i], strlen(starts[i])) == 0 && p->module &&
			fnmatch("libc*.so*", p->module, 0) == 0)
			return true;
	return p->function && strcmp(p->function, "_start") == 0;
}

unsigned tt_names_visible(struct tt_names *n, const struct tt_stack *stack, bool brief, unsigned *ret, unsigned cap)
{
	unsigned count = 0, end = 0;
	for (unsigned i = 0; i < stack->count && count < cap; i++) {
		const struct entry *e = entry_of_frame(n, stack->process, &stack->frames[i]);
		if (e->own)
			continue;
		if (brief && end && is_start(&e->places.places[e->places.count - 1]))
			break;
		ret[count++] = i;
		if (e->telling >= 0)
			end = count;
	}
	return brief && end ? end : count;
}

const char *tt_names_format(struct tt_names *n, const char *fmt, ...)
{
	TT_BUF_AUTO(buf);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&buf, fmt, ap);
	va_end(ap);
	const char *text = tt_smap_intern(&n->strings, tt_buf_str(&buf));
	return text ? text : "";
}

const char *tt_names_text(struct tt_names *n, const struct tt_place *p)
{
	if (p->function)
		return p->function;
	if (p->module && p->via)
		return tt_names_format(n, "%s < %s+0x%" PRIx64, p->via, p->module, p->offset);
	if (p->module)
		return tt_names_format(n, "%s+0x%" PRIx64, p->module, p->offset);
	return tt_names_format(n, "0x%" PRIx64, p->offset);
}

const char *tt_names_function(struct tt_names *n, const struct tt_process *process, uint64_t address)
{
	const struct tt_mapping *map = tt_process_mapping(process, address);
	const struct entry *e =
		entry_of(n, process, address, map ? map->module : NULL, map ? address - map->bias : address, true);
	return e->places.places[e->places.count - 1].function;
}

/* ------------------------------------------------------------------ locks */

/* The variable that the lock lies in; NULL: none that is known. */
static const char *variable_of(struct tt_names *n, const struct tt_lock *lock, uint64_t *offset)
{
	struct tt_sym *s = tt_process_mapping(lock->process, lock->address) ? sym_of(n, lock->process) : NULL;
	const struct tt_sym_frames *f = s ? tt_sym_resolve(s, lock->address, TT_SYM_DATA) : NULL;
	if (!f || !f->frames[0].function)
		return NULL;
	*offset = f->frames[0].offset;
	return f->frames[0].function;
}

/* Appends "cache_lock", "slots+0x40" or, for several locks in one variable, "slots[]". False: no variable is known. */
static bool add_variable(struct tt_names *n, struct tt_buf *buf, const struct tt_lock_class *c)
{
	uint64_t first_at = 0, last_at = 0;
	const char *first = c->locks.len ? variable_of(n, c->locks.data[0], &first_at) : NULL;
	if (!first)
		return false;
	if (c->locks.len == 1) {
		tt_buf_adds(buf, first);
		if (first_at)
			tt_buf_printf(buf, "+0x%" PRIx64, first_at);
		return true;
	}
	const char *last = variable_of(n, c->locks.data[c->locks.len - 1], &last_at);
	if (!last || strcmp(first, last) != 0)
		return false;
	tt_buf_adds(buf, first);
	if (first_at != last_at)
		tt_buf_adds(buf, "[]");
	return true;
}

/* Static data of a module without symbols: its place there is a better name than where it was first used. */
static bool add_home(struct tt_buf *buf, const struct tt_lock_class *c)
{
	const struct tt_lock *l = c->locks.len == 1 ? c->locks.data[0] : NULL;
	if (!l || !l->home)
		return false;
	const char *slash = strrchr(l->home->path, '/');
	tt_buf_printf(buf, "at %s+0x%" PRIx64, slash ? slash + 1 : l->home->path, l->home_offset);
	return true;
}

/* Appends "of init_pool"; with the offset when another class is called so already. */
static void add_birth(struct tt_names *n, struct tt_buf *buf, const struct tt_lock_class *c)
{
	struct tt_place birth = {0};
	if (c->birth_site || c->birth_stack)
		birth = tt_names_headline(n, c->birth_site, c->birth_stack);
	tt_buf_printf(buf, "of %s", tt_names_text(n, &birth));
	if (birth.function && tt_smap_find(&n->strings, tt_buf_str(buf), buf->len))
		tt_buf_printf(buf, "+0x%" PRIx64, birth.offset);
}

const char *tt_names_class(struct tt_names *n, const struct tt_lock_class *c)
{
	const char *text = tt_hmap_ptr(&n->classes, c->id);
	if (text)
		return text;
	TT_BUF_AUTO(buf);
	tt_buf_printf(&buf, "%s ", tt_kind_name(c->kind));
	if (c->name) {
		tt_buf_adds(&buf, c->name);
	} else if (!add_variable(n, &buf, c) && !add_home(&buf, c)) {
		add_birth(n, &buf, c);
	}
	text = tt_smap_intern(&n->strings, tt_buf_str(&buf));
	if (!text)
		return "lock";
	(void)tt_hmap_put_ptr(&n->classes, c->id, (void *)text);
	return text;
}

const char *tt_names_lock(struct tt_names *n, const struct tt_lock *lock)
{
	if (!lock->name)
		return tt_names_class(n, lock->class);
	return tt_names_format(n, "%s %s", tt_kind_name(lock->kind), lock->name);
}

/* The frame that the headline shows: where its address lies tells callers of one wrapper apart, without symbols too. */
static uint64_t birth_hash(struct tt_names *n, const struct tt_lock *l)
{
	const struct tt_place place = tt_names_headline(n, l->birth_site, l->birth_stack);
	if (!place.function && !place.module)
		return 0;
	uint64_t hash = TT_HASH_STABLE_INIT;
	const char *function = tt_names_text(n, &place);
	hash = tt_hash_stable(hash, function, strlen(function) + 1);
	if (place.module)
		hash = tt_hash_stable(hash, place.module, strlen(place.module) + 1);
	/* One line is one place, also when the compiler made several of it. */
	uint64_t where = place.file && place.line ? place.line : place.offset;
	return tt_hash_stable(hash, &where, sizeof(where));
}

uint64_t tt_names_lock_key(void *names, const struct tt_lock *l)
{
	struct tt_names *n = names;
	if ((!l->birth_site && !l->birth_stack) || l->name)
		return 0;
	uint64_t hash = birth_hash(n, l), offset;
	if (!hash || !l->home)
		return hash;
	const char *variable = variable_of(n, l, &offset);
	if (!variable)
		return 0;
	hash = tt_hash_stable(hash, &l->home->id, sizeof(l->home->id));
	return tt_hash_stable(hash, variable, strlen(variable) + 1);
}

/* ------------------------------------------------------------------ for the detectors */

static struct tt_place namer_place(void *ctx, const struct tt_site *site, const struct tt_stack *stack)
{
	return tt_names_headline(ctx, site, stack);
}

static const char *namer_thread(void *ctx, const struct tt_process *process, const struct tt_thread *thread, uint64_t serial)
{
	return tt_names_thread(ctx, process, thread, serial);
}

static const char *namer_class(void *ctx, const struct tt_lock_class *c)
{
	return tt_names_class(ctx, c);
}

struct tt_namer tt_names_namer(struct tt_names *n)
{
	return (struct tt_namer){.place = namer_place, .lock_class = namer_class, .thread = namer_thread, .ctx = n};
}
