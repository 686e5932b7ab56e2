/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * elf.c - see elf.h.
 */
#include "lib/launch/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#endif
#define MAX_PHDRS 1024u

static enum tt_elf_kind kind_of(const Elf64_Ehdr *h, size_t n)
{
	if (n < EI_NIDENT || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return TT_ELF_NONE;
	/* e_machine lies at the same place in both classes. */
	if (n < offsetof(Elf64_Ehdr, e_version) || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return TT_ELF_FOREIGN;
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return h->e_machine == EM_386 || h->e_machine == OUR_MACHINE || h->e_machine == EM_ARM ? TT_ELF_OTHER_BITS
		                                                                                       : TT_ELF_FOREIGN;
	return h->e_machine == OUR_MACHINE ? TT_ELF_NATIVE : TT_ELF_FOREIGN;
}

static void read_interpreter(int fd, const Elf64_Phdr *p, struct tt_elf *ret)
{
	size_t want = p->p_filesz < sizeof(ret->interpreter) ? p->p_filesz : sizeof(ret->interpreter) - 1;
	ssize_t n = p->p_offset <= INT64_MAX ? pread(fd, ret->interpreter, want, (off_t)p->p_offset) : 0;
	ret->interpreter[n > 0 ? n : 0] = '\0';
}

static void read_segments(int fd, const Elf64_Ehdr *h, struct tt_elf *ret)
{
	ret->shared = h->e_type == ET_DYN;
	for (unsigned i = 0; i < h->e_phnum && i < MAX_PHDRS; i++) {
		Elf64_Phdr p;
		if (h->e_phentsize < sizeof(p) || h->e_phoff > INT64_MAX - (uint64_t)i * h->e_phentsize)
			return;
		if (pread(fd, &p, sizeof(p), (off_t)(h->e_phoff + (uint64_t)i * h->e_phentsize)) != (ssize_t)sizeof(p))
			return;
		if (p.p_type == PT_INTERP)
			read_interpreter(fd, &p, ret);
	}
}

int tt_elf_read(const char *path, struct tt_elf *ret)
{
	Elf64_Ehdr h;
	memset(ret, 0, sizeof(*ret));
	memset(&h, 0, sizeof(h));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	ssize_t n = pread(fd, &h, sizeof(h), 0);
	int rc = n < 0 ? -errno : 0;
	if (rc == 0)
		ret->kind = kind_of(&h, (size_t)n);
	if (ret->kind == TT_ELF_NATIVE && n == (ssize_t)sizeof(h))
		read_segments(fd, &h, ret);
	close(fd);
	return rc;
}
