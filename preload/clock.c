/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.c - the kernel's clock function, found in the object that it maps into every process (vdso(7)).
 *
 * The C library's leads there, too, but by lines of code and data of its own that programs seldom use: after a wait they are in
 * no cache, and half of what reading the clock then costs.
 */
#include "preload/shim.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

struct symbols {
	const ElfW(Sym) * sym;
	const char *names;
	uint64_t size; /* of names */
	uint32_t count;
	uintptr_t bias;
};

/* Without a DT_HASH (kernels since 6.11 have only the GNU one) the names follow the symbols, as linkers lay them out. */
static uint32_t symbol_count(const ElfW(Sym) * sym, const char *names, const uint32_t *hash)
{
	if (hash)
		return hash[1];
	return names > (const char *)sym ? (uint32_t)((uintptr_t)names - (uintptr_t)sym) / (uint32_t)sizeof(*sym) : 0;
}

static bool symbols_read(struct symbols *s, uintptr_t at)
{
	const ElfW(Ehdr) *e = (const void *)at;
	const ElfW(Phdr) *p = (const void *)(at + e->e_phoff);
	const ElfW(Dyn) *d = NULL;
	bool loaded = false;
	for (unsigned i = 0; i < e->e_phnum; i++, p++) {
		if (p->p_type == PT_LOAD && !loaded) {
			s->bias = at + p->p_offset - p->p_vaddr;
			loaded = true;
		} else if (p->p_type == PT_DYNAMIC) {
			d = (const void *)(at + p->p_offset);
		}
	}
	const uint32_t *hash = NULL;
	for (; loaded && d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			s->sym = (const void *)(s->bias + d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			s->names = (const void *)(s->bias + d->d_un.d_ptr);
		else if (d->d_tag == DT_STRSZ)
			s->size = d->d_un.d_val;
		else if (d->d_tag == DT_HASH)
			hash = (const void *)(s->bias + d->d_un.d_ptr);
	}
	if (!s->sym || !s->names)
		return false;
	s->count = symbol_count(s->sym, s->names, hash);
	return true;
}

static tt_clock_fn *symbol_find(uintptr_t at, const char *name)
{
	struct symbols s = {0};
	uint64_t length = __builtin_strlen(name) + 1;
	if (!symbols_read(&s, at))
		return NULL;
	for (uint32_t i = 0; i < s.count; i++) {
		const ElfW(Sym) *sym = &s.sym[i];
		if (sym->st_shndx != SHN_UNDEF && sym->st_name + length <= s.size &&
			__builtin_memcmp(s.names + sym->st_name, name, length) == 0)
			return (tt_clock_fn *)(s.bias + sym->st_value);
	}
	return NULL;
}

/* From now on tt_now() asks the kernel's function itself, if there is one and it tells what the C library's does. */
void tt_clock_find(void)
{
	uintptr_t at = getauxval(AT_SYSINFO_EHDR);
	tt_clock_fn *f = at ? symbol_find(at, "__vdso_clock_gettime") : NULL;
	struct timespec before, it, after;
	if (!f || clock_gettime(CLOCK_MONOTONIC, &before) || f(CLOCK_MONOTONIC, &it) || clock_gettime(CLOCK_MONOTONIC, &after))
		return;
	const struct timespec *t[] = {&before, &it, &after};
	for (unsigned i = 0; i < 2; i++)
		if (t[i]->tv_sec > t[i + 1]->tv_sec || (t[i]->tv_sec == t[i + 1]->tv_sec && t[i]->tv_nsec > t[i + 1]->tv_nsec))
			return;
	tt_g.clock = f;
}
