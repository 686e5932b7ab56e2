/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * image.c - the bytes of an ELF file: a mapped file, this process's vdso, or an unpacked .gnu_debugdata.
 *
 * No descriptor stays open, so that programs with hundreds of modules do not use up the limit. A file that is truncated
 * while it is mapped would raise SIGBUS; package managers replace files by rename, which is harmless.
 * Called by file.c and debugfile.c.
 */
#include "lib/sym/internal.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XZ_MEMORY_LIMIT ((uint64_t)128 << 20)
#define VDSO_SIZE_MAX   (1u << 20)

/* Takes over data (on failure too) and makes the Elf handle on it. */
static int image_make(const char *path, unsigned char *data, size_t size, bool mapped, struct sym_image **ret)
{
	struct sym_image *image = calloc(1, sizeof(*image));
	char *copy = strdup(path);
	if (!image || !copy) {
		free(image);
		free(copy);
		if (mapped)
			munmap(data, size);
		else
			free(data);
		return -ENOMEM;
	}
	*image = (struct sym_image){.path = copy, .data = data, .size = size, .mapped = mapped};

	elf_version(EV_CURRENT);
	image->elf = elf_memory((char *)data, size);
	GElf_Ehdr ehdr;
	if (!image->elf || elf_kind(image->elf) != ELF_K_ELF || !gelf_getehdr(image->elf, &ehdr) ||
		(ehdr.e_type != ET_EXEC && ehdr.e_type != ET_DYN)) {
		sym_image_close(image);
		return -ENOEXEC;
	}
	const void *id = NULL;
	ssize_t len = dwelf_elf_gnu_build_id(image->elf, &id);
	if (len > 0 && (size_t)len <= sizeof(image->build_id)) {
		memcpy(image->build_id, id, (size_t)len);
		image->build_id_len = (size_t)len;
	}
	*ret = image;
	return 0;
}

int sym_image_open(const char *path, struct sym_image **ret)
{
	/* O_NONBLOCK: a hostile path may name a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	struct stat st;
	int rc = 0;
	void *data = MAP_FAILED;
	if (fstat(fd, &st))
		rc = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf32_Ehdr))
		rc = -ENOEXEC;
	else {
		/* Writable, for us alone: libelf marks sections in place when it decompresses them. */
		data = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		rc = data == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	return rc ? rc : image_make(path, data, (size_t)st.st_size, true, ret);
}

int sym_image_vdso(struct sym_image **ret)
{
	const unsigned char *vdso = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);
	if (!vdso || memcmp(vdso, ELFMAG, SELFMAG) != 0 || vdso[EI_CLASS] != ELFCLASS64)
		return -ENOENT;
	Elf64_Ehdr ehdr;
	memcpy(&ehdr, vdso, sizeof(ehdr));
	size_t size = ehdr.e_shoff + (size_t)ehdr.e_shnum * ehdr.e_shentsize; /* the section headers are its end */
	if (ehdr.e_shoff > VDSO_SIZE_MAX || size < sizeof(ehdr))
		return -ENOENT;
	unsigned char *copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, vdso, size);
	return image_make("[vdso]", copy, size, false, ret);
}

/* Unpacks an xz stream into malloc'ed memory of at most SYM_MINI_MAX bytes. */
static int xz_unpack(const unsigned char *in, size_t in_size, unsigned char **ret, size_t *ret_size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	if (lzma_stream_decoder(&stream, XZ_MEMORY_LIMIT, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = in;
	stream.avail_in = in_size;

	unsigned char *out = NULL;
	size_t cap = 0;
	int rc = 0;
	for (lzma_ret code = LZMA_OK; code != LZMA_STREAM_END && rc == 0;) {
		size_t used = cap - stream.avail_out;
		size_t room = cap ? cap * 2 : in_size * 4 + 4096;
		unsigned char *bigger = room <= SYM_MINI_MAX ? realloc(out, room) : NULL;
		if (!bigger) {
			rc = room <= SYM_MINI_MAX ? -ENOMEM : -E2BIG;
			break;
		}
		out = bigger;
		stream.next_out = out + used;
		stream.avail_out = room - used;
		cap = room;
		code = lzma_code(&stream, LZMA_FINISH);
		if (code != LZMA_OK && code != LZMA_STREAM_END)
			rc = -ENOEXEC;
	}
	lzma_end(&stream);
	if (rc) {
		free(out);
		return rc;
	}
	*ret = out;
	*ret_size = cap - stream.avail_out;
	return 0;
}

int sym_image_mini(const struct sym_image *host, struct sym_image **ret)
{
	GElf_Shdr shdr;
	size_t in_size, size;
	if (!sym_image_section(host, ".gnu_debugdata", &shdr))
		return -ENOENT;
	const unsigned char *in = sym_image_bytes(host, &shdr, &in_size);
	unsigned char *data;
	if (!in || in_size > SYM_MINI_MAX / 8)
		return in ? -E2BIG : -ENOEXEC;
	int rc = xz_unpack(in, in_size, &data, &size);
	return rc ? rc : image_make(host->path, data, size, false, ret);
}

void sym_image_close(struct sym_image *image)
{
	if (!image)
		return;
	if (image->elf)
		elf_end(image->elf);
	if (image->mapped)
		munmap(image->data, image->size);
	else
		free(image->data);
	free(image->path);
	free(image);
}

Elf_Scn *sym_image_section(const struct sym_image *image, const char *name, GElf_Shdr *shdr)
{
	size_t names;
	if (elf_getshdrstrndx(image->elf, &names))
		return NULL;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(image->elf, scn));) {
		const char *found = gelf_getshdr(scn, shdr) ? elf_strptr(image->elf, names, shdr->sh_name) : NULL;
		if (found && strcmp(found, name) == 0)
			return scn;
	}
	return NULL;
}

const unsigned char *sym_image_bytes(const struct sym_image *image, const GElf_Shdr *shdr, size_t *ret_size)
{
	if (shdr->sh_type == SHT_NOBITS || shdr->sh_size == 0 || shdr->sh_offset > image->size ||
		shdr->sh_size > image->size - shdr->sh_offset)
		return NULL;
	*ret_size = shdr->sh_size;
	return image->data + shdr->sh_offset;
}

bool sym_image_first_load(const struct sym_image *image, uint64_t *ret_vaddr)
{
	size_t count;
	if (elf_getphdrnum(image->elf, &count))
		return false;
	for (size_t i = 0; i < count && i < INT32_MAX; i++) {
		GElf_Phdr phdr;
		if (!gelf_getphdr(image->elf, (int)i, &phdr))
			return false;
		if (phdr.p_type == PT_LOAD) {
			*ret_vaddr = phdr.p_vaddr;
			return true;
		}
	}
	return false;
}
