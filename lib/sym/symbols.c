/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * symbols.c - the address space of a target, and lookups in it (symbols.h).
 *
 * Two caches: address -> frames per tt_sym, thrown away when a module comes; and address in the file -> frames per file,
 * which lives as long as the store and is shared by all processes that map the file.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct module {
	uint64_t start, end, bias, file_offset;
	struct sym_file *file;
	uint64_t seq; /* of its latest addition: the largest wins where modules overlap */
	bool from_maps, bias_known;
};

struct module_order {
	uint64_t start, reach; /* reach: largest end up to here */
	size_t index;
};

struct tt_sym {
	struct sym_store *store;
	TT_VEC(struct module) modules;
	TT_VEC(struct module_order) order; /* by start; rebuilt when `dirty` */
	struct tt_smap known;              /* the bytes of a module -> its index */
	bool dirty;
	uint64_t seq;
	TT_VEC(struct sym_perfmap *) perfmaps;
	struct tt_hmap cache[SYM_FLAG_COMBOS];
	char *source_root;
	struct tt_smap sources; /* path -> shown path, interned; filled by source.c */
};

static const struct {
	size_t count;
	struct tt_sym_frame frame;
} nothing = {.count = 1};

/* ------------------------------------------------------------------ life */

int tt_sym_create(const struct tt_sym_options *options, struct tt_sym **ret, struct tt_err *err)
{
	static const struct tt_sym_options defaults;
	if (!options)
		options = &defaults;
	struct tt_sym *s = calloc(1, sizeof(*s));
	int rc = s ? 0 : -ENOMEM;
	if (rc == 0 && options->share)
		s->store = sym_store_ref(options->share->store);
	else if (rc == 0)
		rc = sym_store_create(options, &s->store);
	if (rc == 0 && options->source_root && !(s->source_root = strdup(options->source_root)))
		rc = -ENOMEM;
	if (rc) {
		tt_sym_destroy(s);
		return tt_err_set(err, ENOMEM, "cannot resolve symbols: out of memory");
	}
	*ret = s;
	return 0;
}

static void cache_clear(struct tt_sym *s)
{
	for (size_t i = 0; i < SYM_FLAG_COMBOS; i++)
		tt_hmap_deinit(&s->cache[i]);
}

void tt_sym_destroy(struct tt_sym *s)
{
	if (!s)
		return;
	cache_clear(s);
	for (size_t i = 0; i < s->perfmaps.len; i++)
		sym_perfmap_close(s->perfmaps.data[i]);
	tt_vec_deinit(&s->perfmaps);
	tt_vec_deinit(&s->modules);
	tt_vec_deinit(&s->order);
	tt_smap_deinit(&s->known);
	tt_smap_deinit(&s->sources);
	free(s->source_root);
	sym_store_unref(s->store);
	free(s);
}

/* ------------------------------------------------------------------ modules */

/* Finds an equal module, or adds it. Negative: out of memory. */
static int module_intern(struct tt_sym *s, const struct module *module, struct module **ret)
{
	struct {
		uint64_t start, end, bias, offset, file;
	} key = {module->start, module->end, module->bias, module->file_offset, (uintptr_t)module->file};
	bool is_new;
	struct tt_smap_entry *entry = tt_smap_insert(&s->known, (const char *)&key, sizeof(key), &is_new);
	if (!entry)
		return -ENOMEM;
	if (is_new) {
		if (tt_vec_push(&s->modules, *module))
			return -ENOMEM;
		entry->value = s->modules.len - 1;
	}
	*ret = &s->modules.data[entry->value];
	return 0;
}

int tt_sym_add_module(struct tt_sym *s, const struct tt_sym_module *module, struct tt_err *err)
{
	if (module->end <= module->start)
		return tt_err_set(err, EINVAL, "module '%s' has no size", module->path ? module->path : "");
	struct module own = {.start = module->start, .end = module->end, .from_maps = module->from_maps};
	struct module *found;
	if (module->from_maps) {
		own.file_offset = module->file_offset;
	} else {
		own.bias = module->bias;
		own.bias_known = true;
	}
	own.file = sym_file_get(s->store, module);
	if (!own.file || module_intern(s, &own, &found))
		return tt_err_set(err, ENOMEM, "cannot add module '%s': out of memory", module->path ? module->path : "");
	if (found->seq == 0 || found->seq != s->seq) {
		found->seq = ++s->seq;
		s->dirty = true;
		cache_clear(s);
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct module_order *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void order_build(struct tt_sym *s)
{
	s->dirty = false;
	s->order.len = 0;
	for (size_t i = 0; i < s->modules.len; i++) {
		struct module_order order = {.start = s->modules.data[i].start, .index = i};
		if (tt_vec_push(&s->order, order))
			break;
	}
	tt_vec_sort(&s->order, by_start);
	uint64_t reach = 0;
	struct module_order *order;
	vec_for_each (order, &s->order) {
		uint64_t end = s->modules.data[order->index].end;
		reach = end > reach ? end : reach;
		order->reach = reach;
	}
}

static struct module *module_find(struct tt_sym *s, uint64_t addr)
{
	if (s->dirty)
		order_build(s);
	size_t low = 0, high = s->order.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->order.data[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	struct module *best = NULL;
	while (low-- > 0 && s->order.data[low].reach > addr) {
		struct module *module = &s->modules.data[s->order.data[low].index];
		if (module->end > addr && (!best || module->seq > best->seq))
			best = module;
	}
	return best;
}

/* Without the file's headers a mapping's offsets in the file have to serve as addresses. */
static void module_settle(struct module *module)
{
	sym_file_open(module->file);
	if (module->bias_known)
		return;
	if (!sym_file_bias(module->file, module->start, module->file_offset, &module->bias))
		module->bias = module->start - module->file_offset;
	module->bias_known = true;
}

struct sym_file *sym_file_at(struct tt_sym *s, uint64_t addr, uint64_t *ret_bias)
{
	struct module *module = module_find(s, addr);
	if (!module)
		return NULL;
	module_settle(module);
	*ret_bias = module->bias;
	return module->file;
}

size_t tt_sym_module_count(const struct tt_sym *s)
{
	return s->modules.len;
}

bool tt_sym_module_info(struct tt_sym *s, size_t index, struct tt_sym_module_info *ret)
{
	if (index >= s->modules.len)
		return false;
	struct module *module = &s->modules.data[index];
	struct sym_file *file = module->file;
	module_settle(module);
	*ret = (struct tt_sym_module_info){.start = module->start,
		.end = module->end,
		.bias = module->bias,
		.path = file->path,
		.base = file->base,
		.status = file->status};
	ret->has_symbols = sym_file_table(file, SYM_TABLE_TEXT)->len > 0;
	ret->has_dwarf = sym_file_has_dwarf(file);
	ret->opened = file->image ? file->image->path : NULL;
	ret->debug_opened = file->debug ? file->debug->path : NULL;
	return true;
}

const char *tt_sym_status_text(enum tt_sym_status status)
{
	static const char *const texts[TT_SYM_FILE_STATUS_MAX] = {
		[TT_SYM_FILE_OK] = "the recorded file",
		[TT_SYM_FILE_UNVERIFIED] = "no build-id to verify the file by",
		[TT_SYM_FILE_DEBUG_ONLY] = "the file is gone, its debug file is used",
		[TT_SYM_FILE_MISMATCH] = "build-id differs from the file on disk",
		[TT_SYM_FILE_MISSING] = "file not found or not readable",
		[TT_SYM_FILE_BAD] = "not a readable ELF file",
	};
	return status < TT_SYM_FILE_STATUS_MAX ? texts[status] : "unknown";
}

/* ------------------------------------------------------------------ perf maps */

int tt_sym_add_perf_map_file(struct tt_sym *s, const char *path, struct tt_err *err)
{
	size_t at = 0;
	while (at < s->perfmaps.len && strcmp(s->perfmaps.data[at]->path, path) != 0)
		at++;
	if (at < s->perfmaps.len && sym_perfmap_current(s->perfmaps.data[at]))
		return 0;
	struct sym_perfmap *map;
	int rc = sym_perfmap_open(path, &map);
	if (rc)
		return tt_err_set(err, -rc, "cannot read '%s': %s", path, strerror(-rc));
	cache_clear(s);
	if (at < s->perfmaps.len) {
		sym_perfmap_close(s->perfmaps.data[at]);
		s->perfmaps.data[at] = map;
		return 0;
	}
	if (tt_vec_push(&s->perfmaps, map)) {
		sym_perfmap_close(map);
		return tt_err_set(err, ENOMEM, "cannot read '%s': out of memory", path);
	}
	return 0;
}

/* Tries the numbers that a live process has in its pid namespaces, innermost last. */
static int perf_map_live(struct tt_sym *s, pid_t pid, struct tt_err *err)
{
	char path[96], *line = NULL;
	size_t cap = 0;
	int rc = -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *status = fopen(path, "re");
	while (status && rc == -ENOENT && getline(&line, &cap, status) > 0) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		char *p = line + 6, *end;
		for (long number; rc == -ENOENT && (number = strtol(p, &end, 10)) > 0 && end != p; p = end) {
			snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%ld.map", (int)pid, number);
			rc = tt_sym_add_perf_map_file(s, path, err);
		}
	}
	free(line);
	if (status)
		fclose(status);
	return rc;
}

int tt_sym_add_perf_map(struct tt_sym *s, pid_t pid, struct tt_err *err)
{
	if (pid <= 0)
		return tt_err_set(err, EINVAL, "no process %d", (int)pid);
	int rc = perf_map_live(s, pid, err);
	if (rc == 0)
		return 0;
	char path[64];
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)pid);
	return tt_sym_add_perf_map_file(s, path, err);
}

static const struct tt_sym_frames *perfmap_frames(struct tt_sym *s, struct sym_perfmap *map, uint64_t addr, uint64_t lookup)
{
	uint64_t key = addr << 1 | (addr != lookup);
	struct tt_sym_frames *frames = tt_hmap_ptr(&map->frames, key);
	const struct sym_entry *entry = frames ? NULL : sym_table_find(&map->table, lookup);
	if (!entry)
		return frames;
	frames = sym_store_alloc(s->store, sizeof(*frames) + sizeof(frames->frames[0]));
	const char *name = sym_store_intern(s->store, entry->name);
	const char *function = name ? sym_store_demangled(s->store, name) : NULL;
	if (!frames || !function)
		return NULL;
	frames->count = 1;
	frames->frames[0] =
		(struct tt_sym_frame){.function = function, .raw = name, .offset = addr - entry->start, .kind = TT_SYM_PERFMAP};
	tt_hmap_put_ptr(&map->frames, key, frames);
	return frames;
}

static const struct tt_sym_frames *resolve_jit(struct tt_sym *s, uint64_t addr, uint64_t lookup)
{
	for (size_t i = s->perfmaps.len; i-- > 0;) {
		const struct tt_sym_frames *frames = perfmap_frames(s, s->perfmaps.data[i], addr, lookup);
		if (frames)
			return frames;
	}
	return NULL;
}

/* ------------------------------------------------------------------ frames of a file */

/* The name without "@VERSION", but with "@plt". NULL: out of memory. */
static const char *plain_name(struct sym_store *store, const char *name)
{
	const char *at = strchr(name + 1, '@');
	if (!at || strcmp(at, "@plt") == 0)
		return sym_store_intern(store, name);
	return sym_store_intern_n(store, name, (size_t)(at - name));
}

static bool frame_name(struct sym_store *store, struct tt_sym_frame *frame, const char *raw)
{
	frame->raw = plain_name(store, raw);
	frame->function = frame->raw ? sym_store_demangled(store, frame->raw) : NULL;
	return frame->function;
}

static bool frame_from_dwarf(struct sym_store *store, struct tt_sym_frame *frame, const struct sym_dwarf_frame *from)
{
	const char *raw = from->linkage ? from->linkage : from->name;
	frame->kind = TT_SYM_DWARF;
	frame->line = from->line;
	frame->column = from->column;
	if (from->file && !(frame->file = sym_store_intern(store, from->file)))
		return false;
	if (from->dir && !(frame->dir = sym_store_intern(store, from->dir)))
		return false;
	return !raw || !raw[0] || frame_name(store, frame, raw);
}

/* The function that the machine executes: the symbol table's name for it, which knows aliases and clones, else DWARF's. */
static bool frame_outermost(
	struct sym_store *store, struct tt_sym_frame *frame, const struct sym_entry *symbol, uint64_t vaddr, uint64_t entry)
{
	frame->inlined = false;
	if (symbol) {
		frame->offset = vaddr - symbol->start;
		if (frame->kind != TT_SYM_DWARF)
			frame->kind = TT_SYM_SYMTAB;
		return frame_name(store, frame, symbol->name);
	}
	frame->offset = frame->function && entry <= vaddr ? vaddr - entry : vaddr;
	if (frame->function && entry > vaddr)
		frame->offset = 0; /* a part that was moved in front of the function's entry */
	return true;
}

#define FOUND_MAX (TT_SYM_MAX_INLINES + 1)

/* What DWARF says of lookup, innermost first; *entry gets the outermost function's start. Returns the number of frames. */
static size_t frames_dwarf(struct sym_file *file, uint64_t lookup, unsigned flags, bool named,
	struct sym_dwarf_frame found[FOUND_MAX], uint64_t *entry)
{
	struct sym_dwarf *dwarf = flags & TT_SYM_LINES ? sym_file_dwarf(file) : NULL;
	bool inlines = flags & TT_SYM_INLINES;
	*entry = UINT64_MAX;
	size_t count = dwarf ? sym_dwarf_lookup(dwarf, lookup - file->dwarf_delta, inlines || !named, found, FOUND_MAX) : 0;
	if (count == 0)
		return 0;
	const struct sym_dwarf_frame *outermost = &found[count - 1];
	if (outermost->entry != UINT64_MAX)
		*entry = outermost->entry + file->dwarf_delta;
	if (!inlines) { /* the place of the innermost, the name of the outermost */
		found[0].linkage = outermost->linkage;
		found[0].name = outermost->name;
		return 1;
	}
	return count;
}

static struct tt_sym_frames *frames_build(struct sym_file *file, uint64_t vaddr, unsigned flags)
{
	uint64_t lookup = vaddr - (flags & TT_SYM_RETADDR ? 1 : 0), entry;
	enum sym_table_what what = flags & TT_SYM_DATA ? SYM_TABLE_DATA : SYM_TABLE_TEXT;
	const struct sym_entry *symbol = sym_table_find(sym_file_table(file, what), lookup);
	struct sym_dwarf_frame found[FOUND_MAX] = {0};
	size_t known = frames_dwarf(file, lookup, flags, symbol, found, &entry), count = known ? known : 1;
	struct tt_sym_frames *frames = sym_store_alloc(file->store, sizeof(*frames) + count * sizeof(frames->frames[0]));
	if (!frames)
		return NULL;
	frames->count = count;
	for (size_t i = 0; i < count; i++) {
		struct tt_sym_frame *frame = &frames->frames[i];
		*frame = (struct tt_sym_frame){.kind = TT_SYM_MODULE, .inlined = true};
		frame->module = file->base;
		frame->module_path = file->path;
		if (known && !frame_from_dwarf(file->store, frame, &found[i]))
			return NULL;
	}
	return frame_outermost(file->store, &frames->frames[count - 1], symbol, vaddr, entry) ? frames : NULL;
}

static const struct tt_sym_frames *resolve_in_module(struct module *module, uint64_t addr, unsigned flags)
{
	struct sym_file *file = module->file;
	module_settle(module);
	uint64_t vaddr = addr - module->bias;
	struct tt_sym_frames *frames = tt_hmap_ptr(&file->frames[flags], vaddr);
	if (frames)
		return frames;
	frames = frames_build(file, vaddr, flags);
	if (frames)
		tt_hmap_put_ptr(&file->frames[flags], vaddr, frames);
	return frames;
}

/* ------------------------------------------------------------------ lookup */

static unsigned flags_settle(unsigned flags)
{
	if (flags & TT_SYM_DATA)
		return TT_SYM_DATA;
	if (flags & TT_SYM_INLINES)
		flags |= TT_SYM_LINES;
	return flags & (TT_SYM_RETADDR | TT_SYM_LINES | TT_SYM_INLINES);
}

const struct tt_sym_frames *tt_sym_resolve(struct tt_sym *s, uint64_t addr, unsigned flags)
{
	flags = flags_settle(flags);
	const struct tt_sym_frames *frames = tt_hmap_ptr(&s->cache[flags], addr);
	if (frames)
		return frames;
	uint64_t lookup = flags & TT_SYM_RETADDR && addr ? addr - 1 : addr;
	struct module *module = module_find(s, lookup);
	if (!module || (!module->file->path[0] && !(flags & TT_SYM_DATA)))
		frames = resolve_jit(s, addr, lookup);
	if (!frames && module)
		frames = resolve_in_module(module, addr, flags);
	if (!frames)
		return (const struct tt_sym_frames *)&nothing;
	tt_hmap_put_ptr(&s->cache[flags], addr, (void *)frames);
	return frames;
}

/* ------------------------------------------------------------------ source paths */

const char *tt_sym_source(struct tt_sym *s, const char *file)
{
	if (!file)
		return NULL;
	struct tt_smap_entry *entry = tt_smap_insert(&s->sources, file, strlen(file), NULL);
	if (!entry || entry->ptr)
		return entry ? entry->ptr : NULL;
	TT_BUF_AUTO(path);
	if (sym_source_normal(&path, file, s->source_root))
		return NULL;
	return entry->ptr = (void *)sym_store_intern(s->store, tt_buf_str(&path));
}
