/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack.c preload/stack_rule.c preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/* LINK: preload/stack_last.c */
/*
 * test_stack_hostile.c - the stack walker on nonsense: random registers on random stacks, random unwind programs, and a library
 * with damaged unwind tables. Stacks and programs end at pages that cannot be read: one byte too far is a crash. Random numbers
 * are always the same ones; a seed may be given as argument.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/ttrec_format.h"
#include "preload/stack.h"
#include "preload/stack_cfi.h"
#include "tests/unit/tap.h"

#define PAGE  4096u
#define PAGES 3u

static _Alignas(64) char cache[TT_STACK_CACHE_MIN];
static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Memory between two pages that cannot be touched. */
static uint8_t *guarded(size_t pages)
{
	uint8_t *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p + PAGE, pages * PAGE, PROT_READ | PROT_WRITE);
	return p + PAGE;
}

/* ------------------------------------------------------------------ random stacks */

struct code {
	uintptr_t low, high;
};
static struct code codes[32];
static unsigned code_count;

static int note_code(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	uintptr_t end = 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = info->dlpi_phdr + i;
		if (p->p_type == PT_LOAD)
			end = info->dlpi_addr + p->p_vaddr + p->p_memsz;
	}
	if (code_count < 32 && end > info->dlpi_addr + PAGE)
		codes[code_count++] = (struct code){info->dlpi_addr ? info->dlpi_addr : end - PAGE, end};
	return 0;
}

static uintptr_t random_code(void)
{
	const struct code *c = codes + rnd() % code_count;
	return c->low + rnd() % (c->high - c->low);
}

static uintptr_t random_stack(const uint8_t *stack)
{
	uintptr_t at = (uintptr_t)stack + rnd() % (PAGES * PAGE);
	return rnd() & 7 ? at & ~(uintptr_t)7 : at;
}

/* Something that a frame may hold. */
static uint64_t random_word(const uint8_t *stack)
{
	switch (rnd() & 7) {
	case 0 ... 2:
		return random_code();
	case 3 ... 5:
		return random_stack(stack);
	case 6:
		return rnd() >> (rnd() & 63);
	default:
		return 0;
	}
}

static void fill_stack(uint8_t *stack)
{
	for (uint64_t *p = (uint64_t *)stack; p < (uint64_t *)(stack + PAGES * PAGE); p++)
		*p = random_word(stack);
}

static struct tt_stack_bounds random_bounds(const uint8_t *stack)
{
	struct tt_stack_bounds b = {(uintptr_t)stack, (uintptr_t)stack + PAGES * PAGE};
	switch (rnd() & 15) {
	case 0:
		b.high = 0;
		break;
	case 1:
		b.high = b.low + rnd() % (PAGES * PAGE);
		break;
	case 2:
		b.low = b.high - rnd() % (PAGES * PAGE);
		break;
	case 3:
		b.high = b.low;
		break;
	}
	return b;
}

/* One walk from a random state; false: it broke its contract. */
static bool walk_once(const uint8_t *stack, uintptr_t pc)
{
	uint64_t pcs[34];
	uint16_t flags = 0xffff;
	unsigned max = 1 + (unsigned)(rnd() & 31);
	uintptr_t sp = rnd() & 15 ? random_stack(stack) : random_word(stack);
	pcs[max] = 0x5ca1ab1e;
	unsigned n = tt_stack_walk(pc, sp, random_word(stack), random_bounds(stack), pcs, max, &flags);
	return n >= 1 && n <= max && pcs[0] == pc && pcs[max] == 0x5ca1ab1e && flags <= 7 &&
	       !(flags & TTREC_STACK_COMPLETE && flags & TTREC_STACK_TRUNCATED);
}

static void check_random_walks(void)
{
	uint8_t *stack = guarded(PAGES);
	unsigned long broken = 0;
	dl_iterate_phdr(note_code, NULL);
	for (unsigned i = 0; i < 300; i++) {
		fill_stack(stack);
		for (unsigned k = 0; k < 200; k++)
			broken += !walk_once(stack, k & 15 ? random_code() : random_word(stack));
	}
	is_int(broken, 0, "60,000 walks with random registers on random stacks stay within bounds and contract");
}

/* ------------------------------------------------------------------ random programs */

/* A byte that is more often than not an instruction, a register or an operation that means something. */
static uint8_t random_byte(void)
{
	switch (rnd() & 7) {
	case 0:
		return (uint8_t)(rnd() % 0x17); /* CFA instructions */
	case 1:
		return (uint8_t)(0x70 + rnd() % 17); /* breg */
	case 2:
		return (uint8_t)(rnd() & 7);
	case 3:
		return (uint8_t)(0x40 * (rnd() & 3) + rnd() % 17);
	case 4:
		return (uint8_t)(0x06 + rnd() % 0x2a); /* other operations */
	default:
		return (uint8_t)rnd();
	}
}

static void random_fde(struct tt_cfi_fde *fde, const uint8_t *program, size_t size)
{
	const uint8_t *end = program + PAGE, *start = end - size, *middle = start + rnd() % size;
	*fde = (struct tt_cfi_fde){
		.start = 0x1000,
		.end = 0x2000,
		.init = {start, middle, false},
		.body = {middle, end, false},
		.base = program,
		.code_align = rnd() & 3 ? 1 : rnd(),
		.data_align = rnd() & 3 ? -8 : (int64_t)rnd(),
		.ra_column = TT_COL_PC,
		.signal = rnd() & 1,
	};
}

static void check_random_programs(void)
{
	static const uint8_t usual[] = {0x0c, 7, 8, 0x90, 1}; /* CFA = rsp + 8, return address at CFA - 8 */
	uint8_t *program = guarded(1), *stack = guarded(PAGES);
	uintptr_t low = (uintptr_t)stack, high = low + PAGES * PAGE;
	unsigned long accepted = 0, applied = 0;
	fill_stack(stack);
	for (unsigned i = 0; i < 400000; i++) {
		struct tt_cfi_fde fde;
		struct tt_cfi_row row;
		struct tt_stack_regs regs = {.known = (uint32_t)rnd()};
		size_t size = sizeof(usual) + rnd() % 40;
		for (unsigned k = 0; k < size; k++)
			program[PAGE - 1 - k] = random_byte();
		if (rnd() & 1)
			memcpy(program + PAGE - size, usual, sizeof(usual));
		for (unsigned k = 0; k < TT_COL_MAX; k++)
			regs.v[k] = random_word(stack);
		random_fde(&fde, program, size);
		if (!tt_cfi_row(&fde, 0x1000 + rnd() % 0x1000, &row))
			continue;
		accepted++;
		applied += tt_cfi_apply(&fde, &row, low, high, &regs) == TT_STEP_OK;
	}
	ok(accepted > 1000, "400,000 random unwind programs: %lu are accepted", accepted);
	ok(applied > 1000 && applied < accepted, "and %lu of them lead to a caller, without a step out of bounds", applied);
}

/* ------------------------------------------------------------------ damaged tables */

struct image {
	uint8_t *bytes;
	size_t size, tables, tables_end; /* file offsets of .eh_frame_hdr and of the end of the segment */
	uintptr_t code, code_end;        /* addresses relative to the load address */
};

static bool image_read(struct image *m, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return false;
	m->size = (size_t)st.st_size;
	m->bytes = malloc(m->size);
	bool good = m->bytes && read(fd, m->bytes, m->size) == (ssize_t)m->size;
	close(fd);
	if (!good)
		return false;
	const ElfW(Ehdr) *e = (const void *)m->bytes;
	const ElfW(Phdr) *p = (const void *)(m->bytes + e->e_phoff);
	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_GNU_EH_FRAME)
			m->tables = p[i].p_offset;
	for (int i = 0; i < e->e_phnum; i++) {
		if (p[i].p_type != PT_LOAD)
			continue;
		if (p[i].p_flags & PF_X) {
			m->code = p[i].p_vaddr;
			m->code_end = p[i].p_vaddr + p[i].p_memsz;
		}
		if (m->tables - p[i].p_offset < p[i].p_filesz)
			m->tables_end = p[i].p_offset + p[i].p_filesz;
	}
	return m->tables && m->tables_end && m->code;
}

/* Few or many bytes, anywhere or in the header, where everything is decided. */
static void damage(uint8_t *bytes, const struct image *m)
{
	unsigned count = 1u << (rnd() % 11);
	size_t size = m->tables_end - m->tables;
	if (rnd() % 3 == 0)
		bytes[m->tables + rnd() % 12] = (uint8_t)rnd();
	for (unsigned i = 0; i < count; i++)
		bytes[m->tables + rnd() % size] = rnd() & 1 ? (uint8_t)rnd() : (rnd() & 1 ? 0xff : 0);
}

/* Loads a damaged copy and walks from all over its code. Returns the number of walks, 0 when it does not load. */
static unsigned long walk_damaged(const struct image *m, uint8_t *stack)
{
	char path[64];
	unsigned long walks = 0;
	int fd = memfd_create("damaged", MFD_CLOEXEC);
	uint8_t *copy = malloc(m->size);
	memcpy(copy, m->bytes, m->size);
	damage(copy, m);
	bool good = write(fd, copy, m->size) == (ssize_t)m->size;
	free(copy);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct link_map *lib = good ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	close(fd);
	if (!lib)
		return 0;
	codes[code_count++] = (struct code){lib->l_addr + m->code, lib->l_addr + m->code_end};
	fill_stack(stack);
	for (uintptr_t pc = m->code; pc < m->code_end; pc += 1 + rnd() % 128)
		walks += walk_once(stack, lib->l_addr + pc);
	code_count--;
	dlclose(lib);
	tt_stack_flush();
	return walks;
}

static void check_damaged_library(void)
{
	struct image m = {0};
	char path[512] = "";
	uint8_t *stack = guarded(PAGES);
	unsigned long walks = 0, loaded = 0;
	struct link_map *lib = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
	if (lib)
		snprintf(path, sizeof(path), "%s", lib->l_name);
	if (!ok(lib && image_read(&m, path), "the tables of a library are found"))
		return;
	for (unsigned i = 0; i < 200; i++) {
		unsigned long n = walk_damaged(&m, stack);
		walks += n;
		loaded += n > 0;
	}
	is_int(loaded, 200, "200 copies with damaged unwind tables are loaded");
	ok(walks > 100000, "and %lu walks through their code break nothing", walks);
	free(m.bytes);
	dlclose(lib);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seed ^= strtoull(argv[1], NULL, 0) * UINT64_C(0x9e3779b97f4a7c15);
	tt_stack_init(cache, sizeof(cache));
	check_random_walks();
	check_random_programs();
	check_damaged_library();
	return done();
}
