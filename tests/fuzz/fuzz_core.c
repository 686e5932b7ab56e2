/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_core.c - the fuzzers' way into core files: notes, segments, modules, and the unwind tables that come with them. Built by
 * tests/fuzz/run as fuzz_reader.c is. The seed is a core of one thread in a module of one function, all made by hand.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/user.h>
#include <unistd.h>

#include "lib/sym/core.h"
#include "lib/sym/unwind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct tt_snap *snap)
{
	struct tt_sym *sym = NULL;
	struct tt_unwinder *u = NULL;
	struct tt_unwind_stack stack = TT_STACK_INIT;
	struct tt_snap_core_info info;
	tt_snap_core_info(snap, &info);
	if (tt_sym_create(NULL, &sym, NULL) == 0 && tt_snap_add_modules(snap, sym, NULL) == 0 &&
		tt_unwinder_create(snap, sym, &u, NULL) == 0) {
		for (size_t i = 0; i < tt_snap_thread_count(snap) && i < 16; i++) {
			if (tt_unwind(u, tt_snap_thread(snap, i), 64, &stack) == 0 && stack.frames.len > 64)
				abort();
			for (size_t j = 0; j < stack.frames.len; j++)
				tt_sym_resolve(sym, stack.frames.data[j].pc, TT_SYM_RETADDR);
		}
	}
	tt_stack_deinit(&stack);
	tt_unwinder_destroy(u);
	tt_sym_destroy(sym);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct tt_snap *snap;
	struct tt_err err;
	int fd = memfd_create("core", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd >= 0 && write(fd, data, size) == (ssize_t)size && tt_snap_open_core(path, NULL, &snap, &err) == 0) {
		look(snap);
		tt_snap_destroy(snap);
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

#ifdef FUZZ_MAIN
#include "tests/fuzz/standalone.h"

#define MODULE 0x400000u /* addresses in the core's process */
#define TEXT   0x401000u
#define TABLES 0x402000u
#define STACK  0x7ff000000000u

/* Four pages behind the headers: the module's header, code, tables; the stack. */
struct seed {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[5];
	struct {
		Elf64_Nhdr head;
		char name[8];
		unsigned char desc[336];
	} status;
	struct {
		Elf64_Nhdr head;
		char name[8];
		uint64_t count, page, start, end, offset;
		char path[16];
	} files;
	unsigned char module[512], text[64], tables[256], stack[512];
};

static void seed_module(struct seed *s)
{
	Elf64_Ehdr ehdr = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2};
	Elf64_Phdr phdrs[2] = {
		{.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = MODULE, .p_filesz = 0x3000, .p_memsz = 0x3000},
		{.p_type = PT_GNU_EH_FRAME, .p_flags = PF_R, .p_vaddr = TABLES, .p_memsz = 256}};
	memcpy(s->module, &ehdr, sizeof(ehdr));
	memcpy(s->module + sizeof(ehdr), phdrs, sizeof(phdrs));
	memset(s->text, 0x90, sizeof(s->text));
	s->text[11] = 0xe8; /* a call in front of TEXT + 16 */
}

static void put32(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* A search table of one entry; behind it, at 32, a CIE (CFA = rsp + 8) and an FDE for the text. */
static void seed_tables(struct seed *s)
{
	static const unsigned char cie[] = {1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0};
	unsigned char *t = s->tables;
	memcpy(t, "\x01\x1b\x03\x3b", 4);
	put32(t + 4, 32 - 4);
	put32(t + 8, 1);
	put32(t + 12, TEXT - TABLES);
	put32(t + 16, 56);
	put32(t + 32, 20);
	memcpy(t + 40, cie, sizeof(cie));
	put32(t + 56, 20);
	put32(t + 60, 28);
	put32(t + 64, TEXT - (TABLES + 64));
	put32(t + 68, 64);
}

static void seed_write(const char *directory)
{
	static struct seed s;
	struct user_regs_struct regs = {.rip = TEXT + 4, .rsp = STACK + 128, .orig_rax = 202, .rax = (unsigned long long)-512};
	uint64_t words[] = {TEXT + 16, TEXT + 16, 0};
	s.ehdr = (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_phoff = offsetof(struct seed, phdrs),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 5};
	s.phdrs[0] = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = offsetof(struct seed, status), .p_filesz = sizeof(s.status) + sizeof(s.files)};
	s.phdrs[1] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_vaddr = MODULE,
		.p_memsz = 4096,
		.p_offset = offsetof(struct seed, module),
		.p_filesz = sizeof(s.module)};
	s.phdrs[2] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_vaddr = TEXT,
		.p_memsz = 4096,
		.p_offset = offsetof(struct seed, text),
		.p_filesz = sizeof(s.text)};
	s.phdrs[3] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_vaddr = TABLES,
		.p_memsz = 4096,
		.p_offset = offsetof(struct seed, tables),
		.p_filesz = sizeof(s.tables)};
	s.phdrs[4] = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = PF_R | PF_W,
		.p_vaddr = STACK,
		.p_memsz = 4096,
		.p_offset = offsetof(struct seed, stack),
		.p_filesz = sizeof(s.stack)};
	s.status.head = (Elf64_Nhdr){5, sizeof(s.status.desc), NT_PRSTATUS};
	memcpy(s.status.name, "CORE", 5);
	put32(s.status.desc + 32, 1234);
	memcpy(s.status.desc + 112, &regs, sizeof(regs));
	s.files.head = (Elf64_Nhdr){5, sizeof(s.files) - sizeof(s.files.head) - sizeof(s.files.name), NT_FILE};
	memcpy(s.files.name, "CORE", 5);
	s.files.count = 1;
	s.files.page = 4096;
	s.files.start = MODULE;
	s.files.end = MODULE + 4096;
	memcpy(s.files.path, "/nowhere", 9);
	memcpy(s.stack + 128, words, sizeof(words));
	seed_module(&s);
	seed_tables(&s);
	fuzz_seed(directory, "seed-core", &s, sizeof(s));
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, seed_write);
}
#endif
