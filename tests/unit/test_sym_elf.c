/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/sym_subject.c */
/* test_sym_elf.c - finding and verifying files, symbol tables, debug files, load addresses. */
#include "tests/unit/sym_subject.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct tt_sym_module_info info_of(struct tt_sym *s)
{
	struct tt_sym_module_info info = {0};
	tt_sym_module_info(s, 0, &info);
	return info;
}

/* The outermost function of each call, by name only. Returns how many are right. */
static size_t count_right(struct tt_sym *s, const struct sym_truth *truth, bool statics)
{
	size_t right = 0;
	for (size_t i = 0; i < truth->call_count; i++) {
		const char *want = truth->calls[i].places[truth->calls[i].count - 1].function;
		const struct tt_sym_frames *frames = tt_sym_resolve(s, truth->calls[i].pc, TT_SYM_RETADDR);
		if (!statics && strcmp(want, "outer") == 0)
			want = NULL;
		if (frames->count == 1 && tap_same_str(frames->frames[0].function, want))
			right++;
		else
			diag("%s: got %s", want ? want : "(none)",
				frames->frames[0].function ? frames->frames[0].function : "(none)");
	}
	return right;
}

/* Every way to compile and to keep symbols elsewhere names the same functions. */
static void variants(const char *dir)
{
	static const struct {
		const char *name;
		enum tt_sym_status status;
		bool debug_file;
	} rows[] = {
		{"c_o0", TT_SYM_FILE_OK, false},
		{"c_o2", TT_SYM_FILE_OK, false},
		{"c_nopie", TT_SYM_FILE_OK, false},
		{"c_clang", TT_SYM_FILE_OK, false},
		{"c_lld", TT_SYM_FILE_OK, false},
		{"c_none", TT_SYM_FILE_OK, false},
		{"cxx_o0", TT_SYM_FILE_OK, false},
		{"cxx_o2", TT_SYM_FILE_OK, false},
		{"cxx_clang", TT_SYM_FILE_OK, false},
		{"c_noid", TT_SYM_FILE_UNVERIFIED, false},
		{"by_link", TT_SYM_FILE_OK, true},
		{"by_dir", TT_SYM_FILE_OK, true},
		{"by_id", TT_SYM_FILE_OK, true},
		{"by_crc", TT_SYM_FILE_UNVERIFIED, true},
		{"mini", TT_SYM_FILE_OK, false},
	};
	char debug_dirs[200];
	snprintf(debug_dirs, sizeof(debug_dirs), "/nowhere:%s/debug", dir);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = subject_missing(rows[i].name);
		skip(!why, 5, why)
		{
			struct sym_truth truth;
			subject_run(rows[i].name, &truth);
			struct tt_sym_module module = subject_module(&truth, subject_path(rows[i].name));
			struct tt_sym *s = subject_sym(&module, debug_dirs);
			is_int(count_right(s, &truth, true), truth.call_count, "%s: every function has its name", rows[i].name);
			is_str(tt_sym_resolve(s, truth.calls[0].pc, 0)->frames[0].module, rows[i].name, "%s: and its module",
				rows[i].name);
			struct tt_sym_module_info info = info_of(s);
			is_int(info.status, rows[i].status, "%s: %s", rows[i].name, tt_sym_status_text(rows[i].status));
			ok(!info.debug_opened == !rows[i].debug_file, "%s: debug file %s", rows[i].name,
				info.debug_opened ? info.debug_opened : "none");
			ok(info.has_symbols, "%s: has symbols", rows[i].name);
			tt_sym_destroy(s);
		}
	}
}

static void bad_debug_files(void)
{
	struct sym_truth truth;
	subject_run("by_crc", &truth);
	struct tt_sym_module module = subject_module(&truth, subject_path("by_crc"));
	ok(subject_shell("cp by_crc.debug keep && cp by_link.debug by_crc.debug"),
		"another file takes the place of a debug file");
	struct tt_sym *s = subject_sym(&module, NULL);
	ok(!info_of(s).debug_opened, "a debug file with another CRC is refused");
	tt_sym_destroy(s);
	ok(subject_shell("mv keep by_crc.debug"), "it is put back");

	subject_run("by_id", &truth);
	module = subject_module(&truth, subject_path("by_id"));
	char debug_dirs[200];
	snprintf(debug_dirs, sizeof(debug_dirs), "%s", subject_path("wrong"));
	ok(subject_shell("mkdir -p wrong/.build-id/01 && cp by_link.debug "
			 "wrong/.build-id/01/02030405060708090a0b0c0d0e0f1011121314.debug"),
		"a debug file lies under a wrong build-id");
	s = subject_sym(&module, debug_dirs);
	ok(!info_of(s).debug_opened, "a debug file with another build-id is refused");
	tt_sym_destroy(s);
}

static void without_symbols(void)
{
	struct sym_truth truth;
	subject_run("no_symbols", &truth);
	struct tt_sym_module module = subject_module(&truth, subject_path("no_symbols"));
	struct tt_sym *s = subject_sym(&module, NULL);
	const struct tt_sym_frame *frame = tt_sym_resolve(s, truth.calls[0].pc, TT_SYM_RETADDR | TT_SYM_INLINES)->frames;
	is_str(frame->function, NULL, "a stripped program's function has no name");
	is_int(frame->kind, TT_SYM_MODULE, "only the module is known");
	is_u64(frame->offset, truth.calls[0].pc - truth.bias, "and the address in its file");
	tt_sym_destroy(s);
}

/* Behind the end of its last function lies no function. */
static void ends(void)
{
	struct sym_truth truth;
	subject_run("c_o2", &truth);
	struct tt_sym_module module = subject_module(&truth, subject_path("c_o2"));
	struct tt_sym *s = subject_sym(&module, NULL);
	const struct tt_sym_frame *frame = tt_sym_resolve(s, truth.calls[0].pc, TT_SYM_RETADDR)->frames;
	uint64_t start = truth.calls[0].pc - frame->offset;
	is_str(tt_sym_resolve(s, start, 0)->frames[0].function, "outer", "an entry point belongs to its function");
	is_u64(tt_sym_resolve(s, start, 0)->frames[0].offset, 0, "at offset 0");
	ok(!tap_same_str(tt_sym_resolve(s, start, TT_SYM_RETADDR)->frames[0].function, "outer"),
		"as a return address it belongs to what lies before");
	ok(tt_sym_resolve(s, truth.calls[0].pc, TT_SYM_RETADDR)->frames == frame, "a repeated lookup returns the same");
	is_int(tt_sym_resolve(s, truth.bias + 0x10, 0)->frames[0].kind, TT_SYM_MODULE, "a file's header is no function");
	is_int(tt_sym_resolve(s, 0, TT_SYM_RETADDR | TT_SYM_INLINES)->frames[0].kind, TT_SYM_NONE, "address 0 is nothing");
	is_int(tt_sym_resolve(s, truth.end, 0)->frames[0].kind, TT_SYM_NONE, "the end of a module is outside");
	for (size_t i = 0; i < truth.data_count; i++) {
		frame = tt_sym_resolve(s, truth.data[i].address + 4, TT_SYM_DATA)->frames;
		is_str(frame->function, truth.data[i].name, "a variable has its name");
		is_u64(frame->offset, 4, "and offset");
	}
	is_str(tt_sym_resolve(s, truth.calls[0].pc, TT_SYM_DATA)->frames[0].function, NULL, "code is no variable");
	tt_sym_destroy(s);
}

/* A line of /proc/PID/maps is enough: the bias comes from the program headers. */
static void from_maps(void)
{
	static const char *const names[] = {"c_o2", "c_nopie", "c_lld"};
	for (size_t i = 0; i < 3; i++) {
		const char *why = subject_missing(names[i]);
		skip(!why, 2, why)
		{
			struct sym_truth truth;
			subject_run(names[i], &truth);
			struct tt_sym_module module = {.start = truth.map_start,
				.end = truth.map_end,
				.file_offset = truth.map_offset,
				.from_maps = true,
				.path = subject_path(names[i])};
			struct tt_sym *s = subject_sym(&module, NULL);
			is_u64(info_of(s).bias, truth.bias, "%s: the load bias from a mapping", names[i]);
			is_int(count_right(s, &truth, true), truth.call_count, "%s: names from a mapping", names[i]);
			tt_sym_destroy(s);
		}
	}
}

static void wrong_files(void)
{
	struct sym_truth truth;
	subject_run("c_o2", &truth);
	static const struct {
		const char *path;
		enum tt_sym_status status;
		const char *what;
	} rows[] = {
		{"/nowhere/lib.so", TT_SYM_FILE_MISSING, "a file that is not there"},
		{"relative.so", TT_SYM_FILE_MISSING, "a relative path"},
		{"/dev/zero", TT_SYM_FILE_BAD, "a device"},
		{"/etc/passwd", TT_SYM_FILE_BAD, "a text"},
		{"/", TT_SYM_FILE_BAD, "a directory"},
		{"/bin/sh", TT_SYM_FILE_MISMATCH, "another program"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tt_sym_module module = subject_module(&truth, rows[i].path);
		struct tt_sym *s = subject_sym(&module, NULL);
		const struct tt_sym_frame *frame =
			tt_sym_resolve(s, truth.calls[0].pc, TT_SYM_RETADDR | TT_SYM_INLINES)->frames;
		ok(frame->kind == TT_SYM_MODULE && !frame->function && frame->offset == truth.calls[0].pc - truth.bias,
			"%s: module and offset only", rows[i].what);
		is_int(info_of(s).status, rows[i].status, "%s: %s", rows[i].what, tt_sym_status_text(rows[i].status));
		tt_sym_destroy(s);
	}
	char fifo[128];
	snprintf(fifo, sizeof(fifo), "%s", subject_path("fifo"));
	ok(subject_shell("mkfifo fifo"), "a FIFO is made");
	struct tt_sym_module module = subject_module(&truth, fifo);
	struct tt_sym *s = subject_sym(&module, NULL);
	is_int(info_of(s).status, TT_SYM_FILE_BAD, "a FIFO does not stop the reader");
	tt_sym_destroy(s);
	module.end = module.start;
	struct tt_err err;
	is_int(tt_sym_create(NULL, &s, &err), 0, "default options");
	is_int(tt_sym_add_module(s, &module, &err), -EINVAL, "a module without size is refused");
	has_str(err.msg, "no size", "with a reason");
	tt_sym_destroy(s);
}

/* The file is gone, its debug file is not. */
static void debug_only(const char *dir)
{
	char debug_dirs[200];
	struct sym_truth truth;
	snprintf(debug_dirs, sizeof(debug_dirs), "%s/debug", dir);
	subject_run("by_id", &truth);
	struct tt_sym_module module = subject_module(&truth, "/nowhere/by_id");
	struct tt_sym *s = subject_sym(&module, debug_dirs);
	is_int(count_right(s, &truth, true), truth.call_count, "a program that is gone is named by its debug file");
	is_int(info_of(s).status, TT_SYM_FILE_DEBUG_ONLY, "and the status says so");
	tt_sym_destroy(s);
}

static void sysroot(const char *dir)
{
	struct sym_truth truth;
	struct tt_sym_options options = {.sysroot = dir};
	struct tt_sym *s;
	subject_run("c_o2", &truth);
	struct tt_sym_module module = subject_module(&truth, "/c_o2");
	if (tt_sym_create(&options, &s, NULL) || tt_sym_add_module(s, &module, NULL))
		return;
	is_int(count_right(s, &truth, true), truth.call_count, "files are found below the sysroot");
	tt_sym_destroy(s);
}

/* Assembler functions often have no size. What is exported says nothing of what else lies behind them. */
static void unsized_exports(void)
{
	static const char source[] = "__asm__(\".globl lone; .type lone, @function; lone: ret; .skip 4096, 0xc3\");";
	char path[200];
	snprintf(path, sizeof(path), "%s", subject_path("lone.c"));
	FILE *f = fopen(path, "w");
	ok(f && fputs(source, f) >= 0 && fclose(f) == 0 &&
			subject_shell("gcc -shared -fPIC -nostdlib -o lone.so lone.c && strip -o lone-s.so lone.so"),
		"a library with an assembler function");
	for (int stripped = 0; stripped < 2; stripped++) {
		const char *file = subject_path(stripped ? "lone-s.so" : "lone.so");
		struct tt_sym_module module = {.path = file, .start = 0x10000, .end = 0x14000, .bias = 0x10000};
		struct tt_sym *s = subject_sym(&module, NULL);
		uint64_t begin = 0;
		for (uint64_t a = module.start; a < module.end && !begin; a++)
			begin = tap_same_str(tt_sym_resolve(s, a, 0)->frames[0].function, "lone") ? a : 0;
		ok(begin != 0, "it has its name at its first byte");
		is_str(tt_sym_resolve(s, begin + 15, 0)->frames[0].function, "lone", "and near it");
		is_str(tt_sym_resolve(s, begin + 2000, 0)->frames[0].function, stripped ? NULL : "lone",
			"far behind it only where all symbols are there");
		tt_sym_destroy(s);
	}
}

/* A process that runs a file that was deleted, then replaced: only the kernel still has it. */
static void deleted(void)
{
	struct sym_truth truth;
	char line[512], path[200], old[128];
	skip(geteuid() == 0, 3, "needs root")
	{
		subject_run("c_o2", &truth);
		snprintf(old, sizeof(old), "%s", subject_path("gone"));
		ok(subject_shell("cp c_o2 gone && printf 'int main(void){for(;;)pause();}' >wait.c && "
				 "gcc -include unistd.h -g -o gone wait.c"),
			"a program that waits");
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			execl(old, old, (char *)NULL);
			_exit(127);
		}
		struct tt_sym_module module = {0};
		while (module.end == 0 && kill(pid, 0) == 0) { /* until exec is done */
			snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
			FILE *maps = fopen(path, "r");
			while (maps && fgets(line, sizeof(line), maps)) {
				char rights[8];
				if (strstr(line, old) &&
					sscanf(line, "%lx-%lx %7s %lx", &module.start, &module.end, rights,
						&module.file_offset) == 4 &&
					rights[2] == 'x')
					break;
				module.end = 0;
			}
			if (maps)
				fclose(maps);
		}
		unlink(old);
		ok(subject_shell("cp c_o0 gone"), "deleted and replaced");
		snprintf(path, sizeof(path), "%s (deleted)", old);
		module.path = path;
		module.from_maps = true;
		module.pid = pid;
		struct tt_sym *s = subject_sym(&module, NULL);
		bool found = false;
		for (uint64_t a = module.start; a < module.end && !found; a++)
			found = tap_same_str(tt_sym_resolve(s, a, 0)->frames[0].function, "main");
		ok(found && info_of(s).has_dwarf, "names come from the file that the process runs");
		tt_sym_destroy(s);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* The process has a root directory of its own: its paths mean files below that. */
static void container(const char *dir)
{
	skip(geteuid() == 0, 2, "needs root")
	{
		int ready[2];
		struct sym_truth truth;
		subject_run("c_o2", &truth);
		if (pipe(ready))
			return;
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (chroot(dir))
				_exit(1);
			close(ready[1]);
			for (;;)
				pause();
		}
		close(ready[1]);
		char byte;
		while (read(ready[0], &byte, 1) > 0)
			continue;
		close(ready[0]);
		struct tt_sym_module module = subject_module(&truth, "/c_o2");
		struct tt_sym *s = subject_sym(&module, NULL);
		is_int(info_of(s).status, TT_SYM_FILE_MISSING, "a path of a container means nothing here");
		module.pid = pid; /* the same file again, now that it can be found */
		tt_sym_add_module(s, &module, NULL);
		is_int(count_right(s, &truth, true), truth.call_count, "it is found through the process");
		tt_sym_destroy(s);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void vdso(void)
{
	uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
	struct tt_sym_module module = {
		.start = vdso, .end = vdso + 0x2000, .bias = vdso, .path = "linux-vdso.so.1", .pid = getpid()};
	skip(vdso, 3, "this system has no vdso")
	{
		struct tt_sym *s = subject_sym(&module, NULL);
		unsigned named = 0;
		for (uint64_t a = vdso; a < vdso + 0x2000; a++)
			named += tap_same_str(tt_sym_resolve(s, a, 0)->frames[0].function, "clock_gettime");
		ok(named > 0, "the vdso's functions have names");
		tt_sym_destroy(s);
		static const uint8_t other[20] = {1};
		module.build_id = other;
		module.build_id_len = sizeof(other);
		s = subject_sym(&module, NULL);
		is_int(info_of(s).status, TT_SYM_FILE_MISMATCH, "that of another kernel has another build-id");
		tt_sym_destroy(s);
		module.build_id_len = 0;
		module.pid = 0;
		s = subject_sym(&module, NULL);
		is_int(info_of(s).status, TT_SYM_FILE_MISSING,
			"without a build-id and a process nobody knows which kernel it was");
		tt_sym_destroy(s);
	}
}

static void overlaps(void)
{
	struct tt_sym_module first = {.start = 0x1000, .end = 0x5000, .bias = 0x1000, .path = "/x/first"};
	struct tt_sym_module second = {.start = 0x2000, .end = 0x3000, .bias = 0x2000, .path = "/x/second"};
	struct tt_sym *s = subject_sym(&first, NULL);
	is_str(tt_sym_resolve(s, 0x2800, 0)->frames[0].module, "first", "one module");
	const struct tt_sym_frames *before = tt_sym_resolve(s, 0x2800, 0);
	tt_sym_add_module(s, &second, NULL);
	is_str(tt_sym_resolve(s, 0x2800, 0)->frames[0].module, "second", "a later module hides it");
	is_str(tt_sym_resolve(s, 0x3800, 0)->frames[0].module, "first", "where they overlap");
	is_str(before->frames[0].module, "first", "earlier answers stay valid");
	tt_sym_add_module(s, &first, NULL);
	is_str(tt_sym_resolve(s, 0x2800, 0)->frames[0].module, "first", "the first one comes back");
	is_int(tt_sym_module_count(s), 2, "and is not counted twice");
	struct tt_sym_options options = {.share = s};
	struct tt_sym *other;
	if (tt_sym_create(&options, &other, NULL))
		return;
	is_int(tt_sym_resolve(other, 0x2800, 0)->frames[0].kind, TT_SYM_NONE, "one that shares files has its own addresses");
	tt_sym_add_module(other, &first, NULL);
	const struct tt_sym_frames *shared = tt_sym_resolve(other, 0x2800, 0);
	ok(shared == tt_sym_resolve(s, 0x2800, 0), "and the same answers for the same file");
	tt_sym_destroy(s);
	is_str(shared->frames[0].module, "first", "which outlive the first owner");
	tt_sym_destroy(other);
}

static void jit(void)
{
	char path[64];
	struct tt_sym_module module = {.start = 0x1000, .end = 0x2000, .bias = 0x1000, .path = "/x/first"};
	struct tt_sym *s = subject_sym(&module, NULL);
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
	is_int(tt_sym_add_perf_map(s, getpid(), NULL), -ENOENT, "no perf map");
	FILE *map = fopen(path, "w");
	fprintf(map, "1800 10 hidden by a module\n7000 100 LazyCompile:*tick app.js:3\n");
	fclose(map);
	is_int(tt_sym_add_perf_map(s, getpid(), NULL), 0, "a perf map, found through the process");
	const struct tt_sym_frame *frame = tt_sym_resolve(s, 0x7020, TT_SYM_RETADDR)->frames;
	is_str(frame->function, "LazyCompile:*tick app.js:3", "names JIT code");
	ok(frame->kind == TT_SYM_PERFMAP && frame->offset == 0x20 && !frame->module, "that is in no module");
	is_int(tt_sym_resolve(s, 0x7000, TT_SYM_RETADDR)->frames[0].kind, TT_SYM_NONE,
		"a return address at its start is not in it");
	is_str(tt_sym_resolve(s, 0x1808, 0)->frames[0].module, "first", "modules come first");
	map = fopen(path, "a");
	fprintf(map, "9000 10 more\n");
	fclose(map);
	is_int(tt_sym_add_perf_map(s, getpid(), NULL), 0, "it is read again when it grew");
	is_str(tt_sym_resolve(s, 0x9008, 0)->frames[0].function, "more", "and has the new names");
	is_str(tt_sym_resolve(s, 0x7020, TT_SYM_RETADDR)->frames[0].function, "LazyCompile:*tick app.js:3", "and the old ones");
	unlink(path);
	tt_sym_destroy(s);
}

/* Every stub that the program calls through has a name. */
static void plt(void)
{
	struct sym_truth truth;
	subject_run("c_o2", &truth);
	struct tt_sym_module module = subject_module(&truth, subject_path("c_o2"));
	struct tt_sym *s = subject_sym(&module, NULL);
	unsigned printf_stub = 0;
	for (uint64_t a = truth.map_start; a < truth.map_end; a += 4) {
		const char *name = tt_sym_resolve(s, a, 0)->frames[0].function;
		printf_stub += name && (strcmp(name, "printf@plt") == 0 || strcmp(name, "__printf_chk@plt") == 0);
	}
	skip(subject_shell("objdump -d -j .plt -j .plt.sec c_o2 2>/dev/null | grep -q 'printf@plt>:'"), 1,
		"the program calls without stubs")
	{
		is_int(printf_stub, 4, "a call stub of 16 bytes is named after its function");
	}
	tt_sym_destroy(s);
}

int main(void)
{
	const char *dir = subject_build();
	variants(dir);
	bad_debug_files();
	without_symbols();
	ends();
	from_maps();
	wrong_files();
	debug_only(dir);
	sysroot(dir);
	unsized_exports();
	deleted();
	container(dir);
	vdso();
	overlaps();
	jit();
	plt();
	return done();
}
