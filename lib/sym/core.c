/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * core.c - reads core files (core.h). Layouts: elf(5), the kernel's struct elf_prstatus, elf_prpsinfo and the NT_FILE note, all
 * of x86-64; offsets below are those.
 * The file is mapped and never trusted: each offset and count in it is checked against its size.
 */
#include "lib/sym/core.h"
#include "lib/sym/snap_private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>

#define PRSTATUS_CURSIG 12
#define PRSTATUS_PID    32
#define PRSTATUS_REGS   112
#define PRPSINFO_PID    24
#define PRPSINFO_NAME   40
#define PRPSINFO_ARGS   56
#define PRPSINFO_SIZE   136
#define SIGINFO_CODE    8
#define SIGINFO_ADDRESS 16
#define MAPS_MAX        ((size_t)1 << 20)

/* A part of memory that was dumped. */
struct load {
	uint64_t start, end; /* in memory */
	uint64_t offset;     /* in the file */
};

/* A mapped file from which what was not dumped is read; image NULL: gone, or another one. */
struct mapped_file {
	struct sym_image *image;
};

struct snap_core {
	unsigned char *data;
	size_t size;
	TT_VEC(struct load) loads; /* by start */
	struct tt_smap files;      /* path -> struct mapped_file */
	char *sysroot;
	struct tt_snap_core_info info;
	char name[17], command[81];
	uint64_t vdso;
	struct tt_snap_thread *last; /* whose notes are being read */
};

/* ------------------------------------------------------------------ memory */

static const struct load *load_at(const struct snap_core *core, uint64_t address)
{
	size_t low = 0, high = core->loads.len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (core->loads.data[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < core->loads.data[low - 1].end ? &core->loads.data[low - 1] : NULL;
}

static size_t read_dumped(const struct snap_core *core, uint64_t address, void *bytes, size_t len)
{
	const struct load *load = load_at(core, address);
	if (!load)
		return 0;
	size_t have = load->end - address;
	have = have < len ? have : len;
	memcpy(bytes, core->data + load->offset + (address - load->start), have);
	return have;
}

/* Whether an ELF file is the one that was mapped, as far as its first page in the core tells. */
static bool same_file(struct tt_snap *snap, const struct sym_image *image, const char *path)
{
	const struct tt_snap_map *map;
	vec_for_each (map, &snap->maps.list) {
		unsigned char page[SNAP_PAGE];
		if (map->offset != 0 || strcmp(map->path, path) != 0 ||
			read_dumped(snap->core, map->start, page, sizeof(page)) != sizeof(page))
			continue;
		if (image->build_id_len)
			return memmem(page, sizeof(page), image->build_id, image->build_id_len) != NULL ||
			       !memmem(page, sizeof(page), "GNU", 4);
		return image->size >= sizeof(Elf64_Ehdr) && memcmp(page, image->data, sizeof(Elf64_Ehdr)) == 0;
	}
	return true; /* there is nothing to compare */
}

static const struct mapped_file *file_of(struct tt_snap *snap, const char *path)
{
	struct snap_core *core = snap->core;
	bool is_new;
	struct tt_smap_entry *entry = tt_smap_insert(&core->files, path, strlen(path), &is_new);
	if (!entry || !is_new)
		return entry ? entry->ptr : NULL;
	struct mapped_file *file = calloc(1, sizeof(*file));
	entry->ptr = file;
	TT_BUF_AUTO(full);
	tt_buf_adds(&full, core->sysroot ? core->sysroot : "");
	tt_buf_adds(&full, path);
	if (!file || tt_buf_failed(&full) || sym_image_open(tt_buf_str(&full), &file->image))
		return file;
	if (!same_file(snap, file->image, path)) {
		sym_image_close(file->image);
		file->image = NULL;
	}
	return file;
}

static size_t read_file_of(struct tt_snap *snap, uint64_t address, void *bytes, size_t len)
{
	const struct tt_snap_map *map = snap_maps_find(&snap->maps, address);
	if (!map || map->path[0] != '/' || map->write)
		return 0;
	const struct mapped_file *file = file_of(snap, map->path);
	uint64_t offset = map->offset + (address - map->start), left = map->end - address;
	if (!file || !file->image || offset >= file->image->size)
		return 0;
	if (len > left)
		len = left;
	if (len > file->image->size - offset)
		len = file->image->size - offset;
	memcpy(bytes, file->image->data + offset, len);
	return len;
}

size_t snap_core_read(struct tt_snap *snap, uint64_t address, void *bytes, size_t len)
{
	size_t done = 0;
	while (done < len) {
		size_t got = read_dumped(snap->core, address + done, (char *)bytes + done, len - done);
		if (got == 0)
			got = read_file_of(snap, address + done, (char *)bytes + done, len - done);
		if (got == 0)
			break;
		done += got;
	}
	return done;
}

/* ------------------------------------------------------------------ notes */

static int take_status(struct tt_snap *snap, const unsigned char *desc, size_t size)
{
	struct user_regs_struct regs;
	int32_t tid;
	int16_t signal;
	if (size < PRSTATUS_REGS + sizeof(regs))
		return 0;
	memcpy(&tid, desc + PRSTATUS_PID, sizeof(tid));
	memcpy(&signal, desc + PRSTATUS_CURSIG, sizeof(signal));
	memcpy(&regs, desc + PRSTATUS_REGS, sizeof(regs));
	struct tt_snap_thread *thread = tid > 0 && snap->threads.len < SNAP_THREADS_MAX ? snap_thread_add(snap, tid) : NULL;
	if (!thread)
		return tid > 0 ? -ENOMEM : 0;
	snap_set_registers(thread, &regs);
	if (thread->syscall >= 0 && (int64_t)regs.rax == -ENOSYS) /* not yet come back from the call */
		thread->in_syscall = true;
	thread->how = TT_SNAP_CORE;
	thread->fail = TT_SNAP_OK;
	thread->signal = signal;
	snap->core->last = thread;
	struct tt_snap_core_info *info = &snap->core->info;
	if (snap->threads.len == 1) { /* the kernel begins with the thread that died */
		info->signal = signal;
		info->signal_tid = tid;
		info->pid = info->pid ? info->pid : tid;
	}
	return 0;
}

static void take_process(struct snap_core *core, const unsigned char *desc, size_t size)
{
	int32_t pid;
	if (size < PRPSINFO_SIZE)
		return;
	memcpy(&pid, desc + PRPSINFO_PID, sizeof(pid));
	core->info.pid = pid;
	memcpy(core->name, desc + PRPSINFO_NAME, sizeof(core->name) - 1);
	memcpy(core->command, desc + PRPSINFO_ARGS, sizeof(core->command) - 1);
}

static void take_signal(struct snap_core *core, const unsigned char *desc, size_t size)
{
	int32_t number, code;
	if (size < SIGINFO_ADDRESS + 8 || !core->last || core->last->tid != core->info.signal_tid)
		return;
	memcpy(&number, desc, sizeof(number));
	memcpy(&code, desc + SIGINFO_CODE, sizeof(code));
	core->info.code = code;
	if (code > 0 && (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGTRAP))
		memcpy(&core->info.address, desc + SIGINFO_ADDRESS, sizeof(core->info.address));
}

static void take_auxv(struct snap_core *core, const unsigned char *desc, size_t size)
{
	for (size_t at = 0; at + 16 <= size; at += 16) {
		uint64_t pair[2];
		memcpy(pair, desc + at, sizeof(pair));
		if (pair[0] == AT_SYSINFO_EHDR)
			core->vdso = pair[1];
	}
}

/* count, page size; count times start, end, offset in pages; count paths, each with a NUL. */
static int take_files(struct tt_snap *snap, const unsigned char *desc, size_t size)
{
	uint64_t head[2], range[3];
	if (size < sizeof(head))
		return 0;
	memcpy(head, desc, sizeof(head));
	size_t count = head[0] < (size - sizeof(head)) / sizeof(range) ? head[0] : 0;
	const unsigned char *path = desc + sizeof(head) + count * sizeof(range), *end = desc + size;
	for (size_t i = 0; i < count; i++) {
		const unsigned char *next = memchr(path, '\0', (size_t)(end - path));
		memcpy(range, desc + sizeof(head) + i * sizeof(range), sizeof(range));
		if (!next)
			break;
		struct tt_snap_map map = {
			.start = range[0], .end = range[1], .offset = range[2] * head[1], .read = true, .exec = true};
		map.inode = 1; /* of a file; which one is not told */
		map.path = (const char *)path;
		if (map.start < map.end && snap->maps.list.len < MAPS_MAX && tt_vec_push(&snap->maps.list, map))
			return -ENOMEM;
		path = next + 1;
	}
	return 0;
}

static int take_note(struct tt_snap *snap, uint32_t type, const unsigned char *desc, size_t size)
{
	switch (type) {
	case NT_PRSTATUS:
		return take_status(snap, desc, size);
	case NT_PRPSINFO:
		take_process(snap->core, desc, size);
		return 0;
	case NT_SIGINFO:
		take_signal(snap->core, desc, size);
		return 0;
	case NT_AUXV:
		take_auxv(snap->core, desc, size);
		return 0;
	case NT_FILE:
		return take_files(snap, desc, size);
	default:
		return 0;
	}
}

static int take_notes(struct tt_snap *snap, const unsigned char *notes, size_t size)
{
	int rc = 0;
	for (size_t at = 0; rc == 0 && size - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr note;
		memcpy(&note, notes + at, sizeof(note));
		size_t name = at + sizeof(note), desc = name + (((size_t)note.n_namesz + 3) & ~(size_t)3);
		size_t next = desc + (((size_t)note.n_descsz + 3) & ~(size_t)3);
		if (desc > size || note.n_descsz > size - desc)
			break;
		if (note.n_namesz == 5 && memcmp(notes + name, "CORE", 5) == 0)
			rc = take_note(snap, note.n_type, notes + desc, note.n_descsz);
		at = next < size ? next : size;
	}
	return rc;
}

/* ------------------------------------------------------------------ segments */

static int by_load(const void *a, const void *b)
{
	const struct load *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_map(const void *a, const void *b)
{
	const struct tt_snap_map *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->path[0] == '\0') - (y->path[0] == '\0'); /* those of files first */
}

static int take_load(struct tt_snap *snap, const Elf64_Phdr *p)
{
	struct snap_core *core = snap->core;
	if (p->p_memsz == 0 || p->p_vaddr > UINT64_MAX - p->p_memsz || snap->maps.list.len >= MAPS_MAX)
		return 0;
	struct tt_snap_map map = {.start = p->p_vaddr, .end = p->p_vaddr + p->p_memsz, .path = ""};
	map.read = p->p_flags & PF_R;
	map.write = p->p_flags & PF_W;
	map.exec = p->p_flags & PF_X;
	if (tt_vec_push(&snap->maps.list, map))
		return -ENOMEM;
	uint64_t have = p->p_filesz < p->p_memsz ? p->p_filesz : p->p_memsz;
	uint64_t left = p->p_offset < core->size ? core->size - p->p_offset : 0;
	core->info.truncated = core->info.truncated || have > left;
	struct load load = {.start = p->p_vaddr, .end = p->p_vaddr + (have < left ? have : left), .offset = p->p_offset};
	return load.end > load.start ? tt_vec_push(&core->loads, load) : 0;
}

/* More program headers than 16 bits can count are counted in the first section header. */
static size_t phdr_count(const struct snap_core *core, const Elf64_Ehdr *ehdr)
{
	Elf64_Shdr first;
	if (ehdr->e_phnum != PN_XNUM)
		return ehdr->e_phnum;
	if (ehdr->e_shoff > core->size || core->size - ehdr->e_shoff < sizeof(first))
		return 0;
	memcpy(&first, core->data + ehdr->e_shoff, sizeof(first));
	return first.sh_info;
}

static int take_segments(struct tt_snap *snap, const Elf64_Ehdr *ehdr)
{
	const struct snap_core *core = snap->core;
	size_t count = phdr_count(core, ehdr);
	int rc = 0;
	if (ehdr->e_phoff > core->size)
		return 0;
	size_t room = (core->size - ehdr->e_phoff) / sizeof(Elf64_Phdr);
	for (size_t i = 0; rc == 0 && i < count && i < room; i++) {
		Elf64_Phdr p;
		memcpy(&p, core->data + ehdr->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_LOAD)
			rc = take_load(snap, &p);
		if (p.p_type == PT_NOTE && p.p_offset < core->size) {
			size_t left = core->size - p.p_offset;
			rc = take_notes(snap, core->data + p.p_offset, p.p_filesz < left ? p.p_filesz : left);
		}
	}
	return rc;
}

/* A range that both a segment and NT_FILE tell of: rights from the one, file from the other. What overlaps otherwise is
 * dropped. */
static void merge_maps(struct tt_snap *snap)
{
	struct tt_snap_map *list = snap->maps.list.data;
	size_t kept = 0;
	tt_vec_sort(&snap->maps.list, by_map);
	for (size_t i = 0; i < snap->maps.list.len; i++) {
		struct tt_snap_map *before = kept ? &list[kept - 1] : NULL;
		if (before && before->start == list[i].start && before->end == list[i].end && list[i].path[0] == '\0') {
			before->read = list[i].read;
			before->write = list[i].write;
			before->exec = list[i].exec;
		} else if (!before || list[i].start >= before->end) {
			list[kept++] = list[i];
		}
	}
	snap->maps.list.len = kept;
	for (size_t i = 0; i < kept; i++) {
		if (list[i].start == snap->core->vdso)
			list[i].path = "[vdso]";
	}
}

/* ------------------------------------------------------------------ opening */

static int map_core(struct snap_core *core, const char *path, struct tt_err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	int rc = 0;
	if (fstat(fd, &st))
		rc = tt_err_set(err, errno, "cannot read '%s': %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr))
		rc = tt_err_set(err, ENOEXEC, "'%s' is not a core file", path);
	if (rc == 0) {
		core->size = (size_t)st.st_size;
		core->data = mmap(NULL, core->size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		if (core->data == MAP_FAILED) {
			core->data = NULL;
			rc = tt_err_set(err, errno, "cannot map '%s': %s", path, strerror(errno));
		}
	}
	close(fd);
	return rc;
}

static int check_header(const struct snap_core *core, const char *path, Elf64_Ehdr *ehdr, struct tt_err *err)
{
	if (!core->data)
		return tt_err_set(err, EIO, "cannot map '%s'", path);
	memcpy(ehdr, core->data, sizeof(*ehdr));
	if (memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0 || ehdr->e_type != ET_CORE)
		return tt_err_set(err, ENOEXEC, "'%s' is not a core file", path);
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_machine != EM_X86_64)
		return tt_err_set(
			err, ENOTSUP, "'%s' is a core of another kind of machine: only 64-bit x86 is understood", path);
	if (ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return tt_err_set(err, ENOEXEC, "'%s' is a damaged core file", path);
	return 0;
}

void snap_core_close(struct snap_core *core)
{
	if (!core)
		return;
	for (size_t i = 0; i < core->files.len; i++) {
		struct mapped_file *file = core->files.entries[i].ptr;
		if (file)
			sym_image_close(file->image);
		free(file);
	}
	tt_smap_deinit(&core->files);
	tt_vec_deinit(&core->loads);
	if (core->data)
		munmap(core->data, core->size);
	free(core->sysroot);
	free(core);
}

static int copy_stacks(struct tt_snap *snap)
{
	for (size_t i = 0; i < snap->threads.len; i++) {
		struct tt_snap_thread *thread = snap->threads.data[i];
		int rc = snap_memory_copy_stack(snap, thread);
		if (rc == -ENOMEM)
			return rc;
		if (rc) { /* the program counter alone is worth something */
			thread->stack_start = thread->stack_end = thread->regs.value[TT_REG_RSP];
			thread->stack_cut = snap->core->info.truncated;
		}
	}
	return 0;
}

static int fill_from_core(struct tt_snap *snap, const char *path, struct tt_err *err)
{
	Elf64_Ehdr ehdr;
	int rc = map_core(snap->core, path, err);
	rc = rc ? rc : check_header(snap->core, path, &ehdr, err);
	if (rc)
		return rc;
	rc = take_segments(snap, &ehdr);
	tt_vec_sort(&snap->core->loads, by_load);
	merge_maps(snap);
	rc = rc ? rc : snap_modules_find(snap);
	rc = rc ? rc : copy_stacks(snap);
	if (rc)
		return tt_err_set(err, -rc, "cannot read '%s': %s", path, strerror(-rc));
	if (snap->threads.len == 0)
		return tt_err_set(err, ENOEXEC, "'%s' is a core file without any thread%s", path,
			snap->core->info.truncated ? ": it is cut off" : "");
	snap->pid = snap->core->info.pid;
	snap_sort_threads(snap);
	return 0;
}

int tt_snap_open_core(const char *path, const char *sysroot, struct tt_snap **ret, struct tt_err *err)
{
	struct tt_snap *snap = snap_create(0);
	struct snap_core *core = calloc(1, sizeof(*core));
	if (core && sysroot)
		core->sysroot = strdup(sysroot);
	if (!snap || !core || (sysroot && !core->sysroot)) {
		snap_core_close(core);
		tt_snap_destroy(snap);
		return tt_err_set(err, ENOMEM, "cannot read '%s': out of memory", path);
	}
	snap->core = core;
	int rc = fill_from_core(snap, path, err);
	if (rc) {
		tt_snap_destroy(snap);
		return rc;
	}
	*ret = snap;
	return 0;
}

bool tt_snap_is_core(const char *path)
{
	unsigned char head[18];
	uint16_t type = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t got = fd < 0 ? 0 : pread(fd, head, sizeof(head), 0);
	if (fd >= 0)
		close(fd);
	if (got == sizeof(head) && memcmp(head, ELFMAG, SELFMAG) == 0)
		memcpy(&type, head + 16, sizeof(type));
	return type == ET_CORE;
}

bool tt_snap_core_info(const struct tt_snap *snap, struct tt_snap_core_info *ret)
{
	if (!snap->core)
		return false;
	*ret = snap->core->info;
	ret->name = snap->core->name;
	ret->command = snap->core->command;
	return true;
}
