/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * code.c - code addresses: modules shared by processes, interned sites, stacks.
 *
 * A site word is looked up once per process and distinct word; what it means (module, offset) is interned over all processes,
 * so that equal code is equal pointers.
 */
#include "lib/model/model_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ modules */

static struct tt_module *module_intern(struct tt_model *m, const struct ttrec_module *r)
{
	struct tt_model_private *v = m->private;
	size_t id_len = r->build_id_len, len = 1 + id_len + r->path_len;
	char *key = malloc(len);
	bool is_new = false;
	struct tt_smap_entry *e = NULL;
	if (key) {
		key[0] = (char)id_len; /* so that no two pairs of build-id and path give one key */
		memcpy(key + 1, r->build_id, id_len);
		memcpy(key + 1 + id_len, r->path, r->path_len);
		e = tt_smap_insert(&v->modules, key, len, &is_new);
		free(key);
	}
	if (!e)
		return model_fail(m), NULL;
	if (!is_new)
		return e->ptr;
	struct tt_module *module = model_alloc(m, sizeof(*module));
	e->ptr = module;
	if (!module)
		return NULL;
	module->id = (unsigned)m->modules.len;
	module->path = model_text(m, r->path, r->path_len);
	module->build_id_len = r->build_id_len;
	memcpy(module->build_id, r->build_id, r->build_id_len);
	if (tt_vec_push(&m->modules, module) < 0)
		model_fail(m);
	return module;
}

static int by_start(const void *a, const void *b)
{
	const struct tt_mapping *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->seen_ns > y->seen_ns) - (x->seen_ns < y->seen_ns);
}

/* Makes them disjoint: where one object followed another at the same place, the later one stays. */
static void mappings_settle(struct tt_process *p)
{
	tt_vec_sort(&p->mappings, by_start);
	size_t n = 0;
	for (size_t i = 0; i < p->mappings.len; i++) {
		const struct tt_mapping *now = &p->mappings.data[i];
		struct tt_mapping *last = n ? &p->mappings.data[n - 1] : NULL;
		if (last && now->start < last->end) {
			if (now->seen_ns > last->seen_ns && now->module != last->module)
				*last = *now;
			continue;
		}
		p->mappings.data[n++] = *now;
	}
	p->mappings.len = n;
}

void model_read_modules(struct tt_model *m, struct model_process *mp)
{
	struct tt_rec_iter it;
	const struct ttrec_module *r;
	rec_for_each_module(it, r, mp->rec)
	{
		struct tt_mapping *map = tt_vec_add(&mp->p->mappings);
		if (!map) {
			model_fail(m);
			return;
		}
		map->module = module_intern(m, r);
		map->start = r->start;
		map->end = r->end;
		map->bias = r->bias;
		map->seen_ns = r->seen_ns;
		map->gone_ns = r->gone_ns;
	}
	mappings_settle(mp->p);
}

const struct tt_mapping *tt_process_mapping(const struct tt_process *p, uint64_t address)
{
	size_t low = 0, high = p->mappings.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct tt_mapping *map = &p->mappings.data[mid];
		if (address < map->start)
			high = mid;
		else if (address >= map->end)
			low = mid + 1;
		else
			return map;
	}
	return NULL;
}

bool model_static(const struct tt_process *p, uint64_t address, const struct tt_module **module, uint64_t *offset)
{
	const struct tt_mapping *map = tt_process_mapping(p, address);
	if (!map || !map->module)
		return false;
	*module = map->module;
	*offset = address - map->bias;
	return true;
}

/* ------------------------------------------------------------------ sites */

struct site_key {
	uint64_t offset;
	uint32_t module; /* id + 1; 0: none */
	uint32_t process;
	uint32_t op, entry;
};

static struct tt_site *site_intern(struct tt_model *m, struct model_process *mp, uint64_t pc, unsigned op, bool entry)
{
	const struct tt_mapping *map = tt_process_mapping(mp->p, pc);
	const struct tt_module *module = map ? map->module : NULL;
	struct site_key key = {.offset = pc, .process = mp->p->id, .op = op, .entry = entry};
	if (module) {
		key.offset = pc - map->bias;
		key.module = module->id + 1;
		key.process = 0;
	}
	bool is_new;
	struct tt_smap_entry *e = tt_smap_insert(&m->private->sites, (const char *)&key, sizeof(key), &is_new);
	if (!e)
		return model_fail(m), NULL;
	if (!is_new)
		return e->ptr;
	struct tt_site *s = model_alloc(m, sizeof(*s));
	e->ptr = s;
	if (!s)
		return NULL;
	*s = (struct tt_site){
		.id = (unsigned)m->sites.len,
		.op = op,
		.is_entry = entry,
		.module = module,
		.offset = key.offset,
		.pc = pc,
		.process = mp->p,
	};
	if (tt_vec_push(&m->sites, s) < 0)
		model_fail(m);
	return s;
}

static struct tt_site *site_find(struct tt_model *m, struct model_process *mp, uint64_t key)
{
	size_t i = (key ^ key >> 8 ^ key >> 56) % (sizeof(mp->recent) / sizeof(mp->recent[0]));
	if (mp->recent[i].key == key)
		return mp->recent[i].site;
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&mp->sites, key, &is_new);
	if (!e)
		return model_fail(m), NULL;
	if (is_new)
		e->ptr = site_intern(m, mp, TTREC_SITE_PC(key), TTREC_SITE_OP(key), key & SITE_ENTRY);
	mp->recent[i].key = key;
	mp->recent[i].site = e->ptr;
	return e->ptr;
}

struct tt_site *model_site(struct tt_model *m, struct model_process *mp, uint64_t word)
{
	return TTREC_SITE_PC(word) ? site_find(m, mp, TTREC_SITE_WORD(word)) : NULL;
}

struct tt_site *model_entry(struct tt_model *m, struct model_process *mp, uint64_t address)
{
	return TTREC_SITE_PC(address) ? site_find(m, mp, TTREC_SITE_PC(address) | SITE_ENTRY) : NULL;
}

/* ------------------------------------------------------------------ stacks */

const struct tt_stack *model_stack(struct tt_model *m, struct model_process *mp, uint32_t ref)
{
	if (!ref)
		return NULL;
	const struct tt_hmap_entry *have = tt_hmap_find(&mp->stacks, ref);
	if (have)
		return have->ptr;
	const struct ttrec_stack *r = tt_rec_stack(mp->rec, ref);
	struct tt_stack *s = r && r->count ? model_alloc(m, sizeof(*s) + r->count * sizeof(s->frames[0])) : NULL;
	if (s) {
		s->process = mp->p;
		s->count = r->count;
		s->flags = r->flags;
		for (unsigned i = 0; i < s->count; i++) {
			const struct tt_mapping *map = tt_process_mapping(mp->p, r->pc[i] - 1);
			s->frames[i].pc = r->pc[i];
			s->frames[i].module = map ? map->module : NULL;
			s->frames[i].offset = s->frames[i].module ? r->pc[i] - map->bias : r->pc[i];
		}
	}
	if (tt_hmap_put_ptr(&mp->stacks, ref, s) < 0)
		model_fail(m);
	return s;
}
