/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_sym_core.c - core files, the kernel's and gcore's: the same stacks as of the live process; damaged ones: any answer is
 * good, a crash or a hang is not.
 *
 * TT_CORE_ROUNDS=N: damage the core N times (default 60). TT_CORE_SEED=N: begin elsewhere.
 */
#include "lib/sym/core.h"
#include "lib/sym/unwind.h"
#include "tests/unit/snap_program.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SHAPES       16
#define SECONDS_EACH 20 /* for one damaged core; a healthy one takes milliseconds */

static char directory[64] = "/tmp/tt-core-XXXXXX";

static unsigned long environment(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* The only file of that pattern in our directory; NULL: none. */
static const char *find_core(const char *pattern)
{
	static char path[256];
	glob_t found;
	snprintf(path, sizeof(path), "%s/%s", directory, pattern);
	bool any = glob(path, 0, NULL, &found) == 0 && found.gl_pathc == 1;
	if (any)
		snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	return any ? path : NULL;
}

/* Small stacks, and everything dumped: also the unwind tables, for the damage. */
static bool start(struct program *program)
{
	char command[8192], path[PATH_MAX], shell[] = "sh", option[] = "-c";
	if (!realpath(program_path("shapes-o2"), path))
		return false;
	snprintf(command, sizeof(command),
		"cd '%s' && ulimit -c unlimited && ulimit -s 256 && echo 0x3f >/proc/self/coredump_filter; exec '%s'",
		directory, path);
	char *argv[] = {shell, option, command, NULL};
	if (!program_start(program, "/bin/sh", argv, SHAPES))
		return false;
	program_settle(program);
	return true;
}

static void names(struct tt_sym *sym, const struct tt_unwind_stack *stack, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, " ");
	const struct tt_unwind_frame *frame;
	vec_for_each (frame, &stack->frames) {
		const struct tt_sym_frames *found = tt_sym_resolve(sym, frame->pc, frame->is_call ? TT_SYM_RETADDR : 0);
		const char *name = frame->signal ? "(signal)" : found->frames[found->count - 1].function;
		name = name ? name : "?";
		len += (size_t)snprintf(text + len, size - len, "%.*s ", (int)strcspn(name, "."), name);
		if (len >= size)
			return;
	}
}

/* Unwinds all threads, with names. Returns how many stacks are complete and hold the functions that are expected. */
static size_t look_at_all(struct tt_snap *snap, const struct program *program)
{
	struct tt_sym *sym = NULL;
	struct tt_unwinder *u = NULL;
	struct tt_unwind_stack stack = TT_STACK_INIT;
	char text[4096];
	size_t right = 0;
	if (tt_sym_create(NULL, &sym, NULL) || tt_snap_add_modules(snap, sym, NULL) || tt_unwinder_create(snap, sym, &u, NULL))
		return 0;
	for (size_t i = 0; i < tt_snap_thread_count(snap); i++) {
		struct tt_snap_thread *thread = tt_snap_thread(snap, i);
		if (tt_unwind(u, thread, 200, &stack))
			continue;
		names(sym, &stack, text, sizeof(text));
		for (size_t j = 0; j < program->count; j++) {
			if (program->threads[j].tid == thread->tid && stack.end == TT_STACK_COMPLETE)
				right += strstr(text, program->threads[j].functions) != NULL;
		}
	}
	tt_stack_deinit(&stack);
	tt_unwinder_destroy(u);
	tt_sym_destroy(sym);
	return right;
}

static void check_core(const char *kind, const char *path, const struct program *program, int signal)
{
	struct tt_snap *snap = NULL;
	struct tt_err err = {0};
	struct tt_snap_core_info info = {0};
	ok(tt_snap_is_core(path), "%s writes a core", kind);
	if (!is_int(tt_snap_open_core(path, NULL, &snap, &err), 0, "it is read %s", err.msg))
		return;
	is_int(tt_snap_thread_count(snap), program->count + 1, "it has all threads");
	is_int(look_at_all(snap, program), program->count, "each with the right stack");
	ok(tt_snap_core_info(snap, &info), "it tells about itself");
	is_int(info.pid, program->pid, "the process");
	is_str(info.name, "shapes-o2", "the program");
	is_int(info.signal, signal, "the signal");
	ok(!info.truncated, "it is whole");
	ok(!tt_snap_retake(snap, tt_snap_thread(snap, 0), true), "no thread of it can be taken again");
	tt_snap_destroy(snap);
}

/* ------------------------------------------------------------------ damage */

static void damage(unsigned char *data, size_t size, size_t head)
{
	unsigned count = 1 + (unsigned)rand() % 40;
	for (unsigned i = 0; i < count; i++) {
		size_t where = rand() % 2 ? (size_t)rand() % head : (((size_t)rand() << 16) ^ (size_t)rand()) % size;
		static const unsigned char special[] = {0, 0xff, 0x7f, 0x80, 1};
		data[where] = rand() % 2 ? special[rand() % 5] : (unsigned char)rand();
		if (rand() % 4 == 0 && where + 8 < size)
			memset(data + where, special[rand() % 5], 8);
	}
}

/* One damaged copy, in a child, so that a crash is seen as one. */
static bool survives(const char *from, const char *to, size_t head, const struct program *program)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct stat st;
		alarm(SECONDS_EACH);
		int fd = open(from, O_RDONLY);
		if (fd < 0 || fstat(fd, &st))
			_exit(1);
		size_t size = (size_t)st.st_size, cut = rand() % 4 ? size : (size_t)rand() % size;
		unsigned char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		int out = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (data == MAP_FAILED || out < 0)
			_exit(1);
		damage(data, size, head);
		for (size_t at = 0; at < cut;) {
			ssize_t wrote = write(out, data + at, cut - at);
			if (wrote <= 0)
				_exit(1);
			at += (size_t)wrote;
		}
		struct tt_snap *snap = NULL;
		struct tt_err err;
		if (tt_snap_open_core(to, NULL, &snap, &err) == 0)
			look_at_all(snap, program);
		tt_snap_destroy(snap);
		_exit(0);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	if (status)
		diag("status 0x%x", status);
	return status == 0;
}

static void test_damaged(const char *core, const struct program *program)
{
	unsigned long rounds = environment("TT_CORE_ROUNDS", 60), seed = environment("TT_CORE_SEED", 1), bad = 0;
	char path[256];
	snprintf(path, sizeof(path), "%s/damaged", directory);
	for (unsigned long i = 0; i < rounds; i++) {
		srand((unsigned)(seed + i));
		if (!survives(core, path, 16384, program)) {
			diag("seed %lu", seed + i);
			bad++;
		}
	}
	is_int(bad, 0, "none of %lu damaged cores crashes or hangs it", rounds);
}

static void test_wrong(void)
{
	struct tt_snap *snap = NULL;
	struct tt_err err;
	is_int(tt_snap_open_core("/nonexistent/core", NULL, &snap, &err), -ENOENT, "no such file");
	is_int(tt_snap_open_core("/proc/self/exe", NULL, &snap, &err), -ENOEXEC, "a program is no core");
	has_str(err.msg, "is not a core file", "is said");
	is_int(tt_snap_open_core("/dev/null", NULL, &snap, &err), -ENOEXEC, "nor is a device");
	ok(!tt_snap_is_core("/proc/self/exe") && !tt_snap_is_core("/nonexistent"), "both are told from one");
}

int main(void)
{
	struct program program;
	char command[256];
	if (!mkdtemp(directory) || !ok(start(&program), "the subject runs"))
		return done();
	snprintf(command, sizeof(command), "gcore -o %s/byhand %d >/dev/null 2>&1", directory, (int)program.pid);
	skip(system("command -v gcore >/dev/null") == 0, 10, "gcore is not installed")
	{
		if (ok(system(command) == 0 && find_core("byhand*"), "gcore makes a core"))
			check_core("gcore", find_core("byhand*"), &program, 0);
	}
	kill(program.pid, SIGABRT);
	waitpid(program.pid, NULL, 0);
	skip(find_core("core*"), 11, "this kernel hands cores to a program")
	{
		const char *core = find_core("core*");
		check_core("the kernel", core, &program, SIGABRT);
		test_damaged(core, &program);
	}
	test_wrong();
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	ok(system(command) == 0, "the end");
	return done();
}
