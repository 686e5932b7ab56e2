/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * modules.c - one record for each mapped object that a recorded address lies in.
 *
 * Called on slow paths with addresses that are in use (a frame on the stack, a caller): their object cannot be unloaded
 * meanwhile, so that its headers and its name may be read without the loader's lock.
 */
#include "preload/shim.h"
#include "preload/module.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern int _dl_find_object(void *pc, struct dl_find_object *result) __attribute__((weak));

static void object_build_id(struct tt_object *o)
{
	const ElfW(Ehdr) *eh = (const void *)(uintptr_t)o->start;
	if (o->end - o->start < sizeof(*eh) || __builtin_memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return;
	const ElfW(Phdr) *ph = (const void *)(uintptr_t)(o->start + eh->e_phoff);
	if (eh->e_phoff + (uint64_t)eh->e_phnum * sizeof(*ph) > o->end - o->start)
		return;
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_NOTE)
			continue;
		uint64_t at = o->bias + ph[i].p_vaddr, end = at + ph[i].p_memsz;
		if (at < o->start || end > o->end)
			continue;
		while (at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *n = (const void *)(uintptr_t)at;
			uint64_t name = at + sizeof(*n), desc = name + ((n->n_namesz + 3u) & ~3u);
			if (desc + n->n_descsz > end)
				break;
			if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 && n->n_descsz <= 32 &&
				__builtin_memcmp((const void *)(uintptr_t)name, "GNU", 4) == 0) {
				o->build_id = (const void *)(uintptr_t)desc;
				o->build_id_len = n->n_descsz;
				return;
			}
			at = desc + ((n->n_descsz + 3u) & ~3u);
		}
	}
}

bool tt_object_find(uint64_t pc, struct tt_object *ret)
{
	struct dl_find_object f;
	if (!_dl_find_object || _dl_find_object((void *)(uintptr_t)pc, &f) != 0)
		return false;
	*ret = (struct tt_object){
		.start = (uintptr_t)f.dlfo_map_start,
		.end = (uintptr_t)f.dlfo_map_end,
		.bias = f.dlfo_link_map->l_addr,
		.path = f.dlfo_link_map->l_name ? f.dlfo_link_map->l_name : "",
	};
	object_build_id(ret);
	return true;
}

bool tt_object_is_libc(uint64_t pc)
{
	struct tt_object a, b; /* getauxval: no tool has a reason to interpose that */
	return tt_object_find(pc, &a) && tt_object_find((uint64_t)(uintptr_t)&getauxval, &b) && a.start == b.start;
}

static bool module_known(uint64_t pc)
{
	uint32_t n = tt_load_acquire(&tt_g.p->module_count);
	for (uint32_t i = 0; i < n && i < TT_MODULES; i++)
		if (pc < tt_load_acquire(&tt_g.p->modules[i].end) && pc >= tt_g.p->modules[i].start)
			return true;
	return false;
}

/* Two threads may record one module twice: readers take the first. */
void tt_module_seen(uint64_t pc)
{
	struct tt_object o;
	if (!pc || module_known(pc) || !tt_object_find(pc, &o))
		return;
	const char *path = o.path[0] ? o.path : tt_g.h->exe;
	uint32_t len = (uint32_t)__builtin_strlen(path);
	struct ttrec_module *m = tt_var_alloc((uint32_t)sizeof(*m) + len + 1);
	if (!m) {
		tt_drop(TTREC_DROP_MODULE);
		return;
	}
	m->start = o.start;
	m->end = o.end;
	m->bias = o.bias;
	m->seen_ns = tt_now();
	m->path_len = len;
	__builtin_memcpy(m->path, path, len);
	if (o.build_id) {
		m->build_id_len = o.build_id_len;
		__builtin_memcpy(m->build_id, o.build_id, o.build_id_len);
	}
	tt_var_publish(m, TTREC_VAR_MODULE);

	uint32_t i = tt_add_acq_rel(&tt_g.p->module_count, 1);
	if (i >= TT_MODULES) {
		tt_store_relaxed(&tt_g.p->module_count, TT_MODULES);
		return; /* more objects than slots: they are recorded again when met again, which readers tolerate */
	}
	tt_g.p->modules[i].start = o.start;
	tt_store_release(&tt_g.p->modules[i].end, o.end);
}

void tt_modules_forget(void)
{
	/* Ends first: a racing module_known() then sees an empty range. The count starts over and old slots are overwritten. */
	uint32_t n = tt_load_acquire(&tt_g.p->module_count);
	for (uint32_t i = 0; i < n && i < TT_MODULES; i++)
		tt_store_release(&tt_g.p->modules[i].end, UINT64_C(0));
	tt_store_release(&tt_g.p->module_count, 0u);
}
