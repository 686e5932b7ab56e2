/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * truth.h - what a subject of the symbol tests knows about itself, printed for the test to compare with.
 *
 *   module START END BIAS BUILD-ID|-       the executable as the dynamic loader sees it
 *   mapping START END OFFSET               its executable line of /proc/self/maps
 *   call PC;function:line;function:line    a return address, and the calls that led there, innermost first
 *   data ADDRESS name                      a variable
 *
 * Included by chain.c and chain.cc.
 */
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRAIL_MAX 8
static int trail[TRAIL_MAX];
#define AT(depth) trail[depth] = __LINE__, /* in front of a call, on its line */

/* The caller's return address is the fact; names holds the functions, innermost first. */
__attribute__((noinline)) static void note(const char *names)
{
	char copy[512], *save = NULL;
	snprintf(copy, sizeof(copy), "%s", names);
	printf("call %lx", (unsigned long)__builtin_return_address(0));
	int depth = 0;
	for (char *name = strtok_r(copy, ";", &save); name; name = strtok_r(NULL, ";", &save))
		printf(";%s:%d", name, trail[depth++]);
	printf("\n");
}

static int print_module(struct dl_phdr_info *info, size_t size, void *data)
{
	unsigned long low = ~0ul, high = 0;
	const unsigned char *id = NULL;
	unsigned id_len = 0;
	(void)size;
	(void)data;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		unsigned long at = info->dlpi_addr + p->p_vaddr;
		if (p->p_type == PT_LOAD) {
			low = at < low ? at : low;
			high = at + p->p_memsz > high ? at + p->p_memsz : high;
		}
		for (unsigned long n = at; p->p_type == PT_NOTE && n + sizeof(ElfW(Nhdr)) < at + p->p_memsz;) {
			const ElfW(Nhdr) *note_header = (const ElfW(Nhdr) *)n;
			if (note_header->n_type == NT_GNU_BUILD_ID && note_header->n_namesz == 4) {
				id = (const unsigned char *)(note_header + 1) + 4;
				id_len = note_header->n_descsz;
			}
			n += sizeof(*note_header) + ((note_header->n_namesz + 3) & ~3u) + ((note_header->n_descsz + 3) & ~3u);
		}
	}
	printf("module %lx %lx %lx ", low, high, (unsigned long)info->dlpi_addr);
	for (unsigned i = 0; i < id_len; i++)
		printf("%02x", id[i]);
	printf(id_len ? "\n" : "-\n");
	return 1; /* the first is the executable */
}

static void print_mapping(void)
{
	char exe[4096], line[8192], path[4096], rights[8];
	unsigned long start, end, offset;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %4095s", &start, &end, rights, &offset, path) == 5 &&
			rights[2] == 'x' && strcmp(path, exe) == 0)
			printf("mapping %lx %lx %lx\n", start, end, offset);
	}
	if (maps)
		fclose(maps);
}

static void print_self(void)
{
	dl_iterate_phdr(print_module, NULL);
	print_mapping();
}
