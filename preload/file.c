/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.c - the recording's file: its name, its making, its end. Part of the state core.
 *
 * No descriptor is kept: the mapping is enough, and a program that closes all descriptors, or counts them, sees none of ours.
 */
#include "preload/shim.h"
#include "preload/file.h"
#include "preload/sys.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PATH_SIZE 1024u
#define FILE_MIN  (1u << 20)

static char file_pattern[PATH_SIZE]; /* absolute; with %e %p %h %t; "" = none found */
static char file_path[PATH_SIZE];
static char file_options[512];
static uint32_t folder_uid; /* whose default folder file_pattern lies in */

/* ------------------------------------------------------------------ small text */

struct text {
	char *at, *end;
};
static void text_add(struct text *t, const char *s)
{
	while (*s && t->at + 1 < t->end)
		*t->at++ = *s++;
	*t->at = '\0';
}
/* It did not all fit, as far as one can tell. */
static bool text_is_cut(const struct text *t)
{
	return t->at + 1 >= t->end;
}
static void text_number(struct text *t, uint64_t n, unsigned base)
{
	char digits[24], *d = digits + sizeof(digits);
	*--d = '\0';
	do {
		*--d = "0123456789abcdef"[n % base];
	} while (n /= base);
	text_add(t, d);
}

/* Reads a small file whole, NUL-terminated; returns its length, 0 when it cannot. */
static size_t slurp(const char *path, char *buf, size_t size)
{
	int fd = tt_sys_open(path, O_RDONLY, 0);
	if (fd < 0)
		return 0;
	size_t n = 0;
	long r;
	while (n + 1 < size && (r = tt_sys_read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)r;
	tt_sys_close(fd);
	buf[n] = '\0';
	return n;
}

/* ------------------------------------------------------------------ where */

/* A folder of ours: made if need be, no link, owned by this user, closed to others. */
static bool folder_ready(const char *path)
{
	TT_SYS(mkdirat, AT_FDCWD, path, 0700, 0);
	struct stat st;
	if (tt_sys_failed(TT_SYS(newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW)))
		return false;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 022) == 0;
}

static bool is_folder(const char *path)
{
	struct stat st;
	return !tt_sys_failed(TT_SYS(newfstatat, AT_FDCWD, path, &st, 0)) && S_ISDIR(st.st_mode);
}

#define NAME "%e.%p.%t.ttrec"

/* output= says where; cwd may be "". */
static void place_given(const char *cwd)
{
	struct text t = {file_pattern, file_pattern + sizeof(file_pattern)};
	bool here = tt_options.output[0] != '/';
	text_add(&t, here ? cwd : "");
	text_add(&t, here ? "/" : "");
	text_add(&t, tt_options.output);
	if (t.at[-1] != '/' && is_folder(file_pattern))
		text_add(&t, "/");
	if (t.at[-1] == '/')
		text_add(&t, NAME);
	if ((here && !cwd[0]) || text_is_cut(&t))
		file_pattern[0] = '\0';
}

/* A folder of this user, the first that can be had. */
static void place_default(const char *xdg, const char *cwd)
{
	struct text t = {file_pattern, file_pattern + sizeof(file_pattern)};
	char *begin = t.at;
	folder_uid = geteuid();
	if (xdg && xdg[0] == '/') {
		text_add(&t, xdg);
		text_add(&t, "/threadcheck");
		if (folder_ready(file_pattern))
			goto found;
		t.at = begin;
	}
	text_add(&t, "/dev/shm/threadcheck-");
	text_number(&t, folder_uid, 10);
	if (folder_ready(file_pattern))
		goto found;
	t.at = begin;
	*begin = '\0';
	text_add(&t, cwd);
	if (!cwd[0])
		return;
found:
	text_add(&t, "/" NAME);
	if (text_is_cut(&t))
		file_pattern[0] = '\0';
}

static void place(const char *xdg)
{
	char cwd[PATH_SIZE];
	/* Removed, out of reach or too long: then nothing can be made there. */
	if (tt_sys_failed(TT_SYS(getcwd, cwd, sizeof(cwd), 0, 0)) || cwd[0] != '/')
		cwd[0] = '\0';
	if (tt_options.output[0])
		place_given(cwd);
	else
		place_default(xdg, cwd);
}

void tt_file_prepare(const char *xdg, const char *options_text)
{
	struct text opt = {file_options, file_options + sizeof(file_options)};
	text_add(&opt, options_text ? options_text : "");
	place(xdg);
}

/* The launcher's folder holds a page for all processes of the run: unlike shared memory without a name, it outlives exec. */
struct tt_tree *tt_file_tree(void)
{
	char path[PATH_SIZE];
	struct text t = {path, path + sizeof(path)};
	struct stat st;
	struct tt_tree *tree = NULL;
	text_add(&t, tt_options.output);
	if (!tt_options.root || t.at == path || t.at[-1] != '/')
		return NULL;
	text_add(&t, TTREC_TREE_NAME);
	int fd = text_is_cut(&t) ? -1 : tt_sys_open(path, O_RDWR | O_NOFOLLOW, 0);
	if (fd < 0)
		return NULL;
	/* Its maker wrote it full of zeros: there is memory behind it. */
	if (!tt_sys_failed(TT_SYS(newfstatat, fd, "", &st, AT_EMPTY_PATH)) && st.st_size == TTREC_TREE_BYTES)
		tree = tt_sys_mmap(TTREC_TREE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	tt_sys_close(fd);
	return tree;
}

/* Of ".x" too a file comes that is not hidden. */
static const char *exe_name(const char *exe)
{
	const char *base = exe;
	for (const char *p = exe; *p; p++)
		if (*p == '/' && p[1])
			base = p + 1;
	while (*base == '.')
		base++;
	return *base ? base : "unknown";
}

/* False: too long. */
static bool path_make(const char *exe, uint32_t pid, uint64_t real_ns, uint32_t try)
{
	struct text t = {file_path, file_path + sizeof(file_path)};
	for (const char *p = file_pattern; *p; p++) {
		char one[2] = {*p, '\0'};
		if (*p != '%' || !p[1]) {
			text_add(&t, one);
			continue;
		}
		switch (*++p) {
		case 'e':
			text_add(&t, exe_name(exe));
			break;
		case 'p':
			text_number(&t, pid, 10);
			break;
		case 't':
			/* Start time and something random: one pid may record more than once (exec, pid reuse). */
			text_number(&t, real_ns / 1000000000u, 10);
			text_add(&t, "-");
			text_number(&t, (real_ns ^ real_ns >> 21 ^ (uintptr_t)&t) & 0xffff, 16);
			break;
		case 'h': {
			char host[256];
			size_t n = slurp("/proc/sys/kernel/hostname", host, sizeof(host));
			if (n && host[n - 1] == '\n')
				host[n - 1] = '\0';
			text_add(&t, n ? host : "localhost");
			break;
		}
		case '%':
			text_add(&t, "%");
			break;
		default:
			text_add(&t, one);
			p--;
			break;
		}
	}
	/* A fixed name is taken once; later ones (children, exec) get a suffix instead of overwriting it. */
	if (try) {
		text_add(&t, ".");
		text_number(&t, try, 10);
	}
	return !text_is_cut(&t);
}

/* ------------------------------------------------------------------ making it */

static uint64_t limit_of(int resource)
{
	struct rlimit rl = {RLIM_INFINITY, RLIM_INFINITY};
	TT_SYS(prlimit64, 0, resource, NULL, &rl);
	return rl.rlim_cur;
}

static uint64_t size_allowed(void)
{
	/* Beyond RLIMIT_FSIZE ftruncate would raise SIGXFSZ in the target. */
	uint64_t size = tt_options.max_size, file = limit_of(RLIMIT_FSIZE), space = limit_of(RLIMIT_AS);
	if (file < size)
		size = file;
	/* Of a limited address space most is left to the target. */
	uint64_t share = space / 16 > FILE_MIN ? space / 16 : FILE_MIN;
	if (share < size)
		size = share;
	return size & ~UINT64_C(0xfff);
}

/* output=/dev/null: a name that is taken by no file asks for no file. Of a link nobody knows. */
static bool is_special(const char *path)
{
	struct stat st;
	return !tt_sys_failed(TT_SYS(newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW)) && !S_ISREG(st.st_mode) &&
	       !S_ISLNK(st.st_mode);
}

static int file_open(const char *exe, uint32_t pid, uint64_t real_ns)
{
	int fd = -1;
	for (uint32_t try = 0; try < 64; try++) {
		if (!path_make(exe, pid, real_ns, try))
			return -36; /* ENAMETOOLONG */
		fd = tt_sys_open(file_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
		if (fd != -17 /* EEXIST */ || is_special(file_path))
			break;
	}
	return fd;
}

/* Maps as much as the address space and the file size limit allow; backs the beginning. */
static bool file_map(int fd)
{
	for (uint64_t size = size_allowed(); size >= FILE_MIN; size = (size / 4) & ~UINT64_C(0xfff)) {
		if (tt_sys_failed(TT_SYS(ftruncate, fd, size, 0, 0)))
			continue;
		/* What is not backed yet is closed to all: mlockall() takes no memory for it. Nor is the rest to be locked. */
		uint8_t *base = tt_sys_mmap(size, PROT_NONE, MAP_SHARED, fd);
		if (!base)
			continue;
		TT_SYS(munlock, base, size, 0, 0);
		uint64_t first = 128u << 10, backed = first;
		long r = TT_SYS(mprotect, base, first, PROT_READ | PROT_WRITE, 0);
		r = tt_sys_failed(r) ? r : TT_SYS(madvise, base, first, MADV_POPULATE_WRITE, 0);
		if (r == -22 /* EINVAL: before Linux 5.14 */) {
			/* No way to back pages later without a descriptor: take all now, and less of it. */
			backed = size < (4u << 20) ? size : 4u << 20;
			r = TT_SYS(fallocate, fd, 0, 0, backed);
			TT_SYS(ftruncate, fd, backed, 0, 0);
			r = tt_sys_failed(r) ? r : TT_SYS(mprotect, base, backed, PROT_READ | PROT_WRITE, 0);
		}
		if (tt_sys_failed(r)) {
			TT_SYS(munmap, base, size, 0, 0);
			return false;
		}
		tt_g.base = base;
		tt_g.h = (struct ttrec_header *)(void *)base;
		tt_g.h->file_size = r == 0 && backed > first ? backed : size;
		tt_g.h->backed = backed;
		return true;
	}
	return false;
}

static bool private_map(void)
{
	if (!tt_g.p) {
		tt_g.p = tt_sys_mmap(sizeof(*tt_g.p), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
		if (!tt_g.p)
			return false;
		if (tt_sys_failed(TT_SYS(madvise, tt_g.p, sizeof(*tt_g.p), MADV_WIPEONFORK, 0)) ||
			tt_sys_failed(TT_SYS(madvise, &tt_epoch_mem, sizeof(tt_epoch_mem), MADV_WIPEONFORK, 0)))
			return false; /* children could not tell that they are children: do not record at all */
		TT_SYS(madvise, tt_g.p, sizeof(*tt_g.p), MADV_NOHUGEPAGE, 0); /* a few pages of it are touched, far apart */
	}
	tt_stack_init(tt_g.p->rules, sizeof(tt_g.p->rules));
	return true;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts = {0, 0};
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* Field 22 of /proc/self/stat; the name in parentheses may hold anything. */
static uint64_t start_ticks(void)
{
	char buf[1024];
	size_t n = slurp("/proc/self/stat", buf, sizeof(buf));
	while (n && buf[n] != ')')
		n--;
	unsigned field = 2;
	for (; buf[n] && field < 22; n++)
		if (buf[n] == ' ')
			field++;
	uint64_t v = 0;
	for (; buf[n] >= '0' && buf[n] <= '9'; n++)
		v = v * 10 + (uint64_t)(buf[n] - '0');
	return field == 22 ? v : 0;
}

static void header_fill(struct ttrec_header *h, const char *exe, uint32_t pid, uint32_t fork_depth, uint64_t real_ns)
{
	h->major = TTREC_MAJOR;
	h->minor = TTREC_MINOR;
	h->endian = TTREC_ENDIAN;
	h->header_size = TTREC_HEADER_SIZE;
	h->word_size = sizeof(void *);
	h->pid = pid;
	h->ppid = (uint32_t)TT_SYS(getppid, 0, 0, 0, 0);
	h->uid = geteuid();
	h->start_mono_ns = tt_g.start_mono_ns = clock_ns(CLOCK_MONOTONIC);
	h->start_real_ns = real_ns;
	h->start_boot_ns = clock_ns(CLOCK_BOOTTIME);
	h->proc_start_ticks = start_ticks();
	h->fork_depth = fork_depth;
	struct stat st;
	if (!tt_sys_failed(TT_SYS(newfstatat, AT_FDCWD, "/proc/self/ns/pid", &st, 0)))
		h->pid_ns = st.st_ino;
#if defined(__x86_64__)
	__builtin_strcpy(h->machine, "x86_64");
#elif defined(__aarch64__)
	__builtin_strcpy(h->machine, "aarch64");
#endif
	struct text v = {h->shim_version, h->shim_version + sizeof(h->shim_version)};
	text_add(&v, TT_VERSION);
	h->hold_period = tt_g.hold_period;
	h->stack_depth = tt_g.stack_depth;
	h->event_bytes = tt_options.events;
	if (h->event_bytes > h->file_size / 4)
		h->event_bytes = h->file_size / 4;
	h->events_per_segment = (TTREC_EVENT_SEGMENT - sizeof(struct ttrec_chunk)) / sizeof(struct ttrec_event);
	h->loop_stall_ns = tt_options.loop_stall;
	h->exit_code = TTREC_EXIT_UNKNOWN;
	h->state = TTREC_STATE_RUNNING;
	h->next = TTREC_HEADER_SIZE;
	struct text e = {h->exe, h->exe + sizeof(h->exe)};
	text_add(&e, exe);
	TT_SYS(getcwd, h->cwd, sizeof(h->cwd), 0, 0);
	struct text o = {h->options, h->options + sizeof(h->options)};
	text_add(&o, file_options);
	h->command_len = (uint32_t)slurp("/proc/self/cmdline", h->command, sizeof(h->command));
	__builtin_memcpy(h->magic, TTREC_MAGIC, sizeof(h->magic));
	tt_store_release(&h->ready, 1u);
}

bool tt_file_create(uint32_t fork_depth)
{
	/* Privileges were given up: the folder of the user that we were is closed to us. */
	if (!tt_options.output[0] && geteuid() != folder_uid)
		place(NULL);
	if (!file_pattern[0] || !private_map())
		return false;
	char exe[PATH_SIZE];
	long n = TT_SYS(readlinkat, AT_FDCWD, "/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	uint32_t pid = (uint32_t)tt_sys_getpid();
	uint64_t real_ns = clock_ns(CLOCK_REALTIME);
	int fd = file_open(exe, pid, real_ns);
	if (fd < 0)
		return false;
	bool ok = file_map(fd);
	tt_sys_close(fd);
	if (!ok) {
		TT_SYS(unlinkat, AT_FDCWD, file_path, 0, 0);
		return false;
	}
	tt_g.pid = pid;
	tt_g.hold_period = (uint32_t)tt_options.hold;
	tt_g.stack_depth = (uint32_t)tt_options.stack_depth;
	tt_g.table_budget = tt_g.h->file_size / 16;
	header_fill(tt_g.h, exe, pid, fork_depth, real_ns);
	return true;
}

void tt_file_end(uint32_t state, int exit_code, bool keep)
{
	struct ttrec_header *h = tt_g.h;
	h->exit_code = exit_code;
	h->end_ns = tt_now();
	tt_store_release(&h->state, state);
	if (!keep)
		TT_SYS(unlinkat, AT_FDCWD, file_path, 0, 0);
}

void tt_file_leave(struct ttrec_header *h)
{
	TT_SYS(munmap, h, h->file_size, 0, 0);
}
