/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_sym_unwind_gdb.c - frames of every thread equal gdb's on the same stopped process: program counters and function names.
 *
 * gdb's inlined and tail-call frames, which have no frame on the stack, are left out. Where a function has several names
 * (__libc_pause, pause) the comparison goes by what is left without the C library's prefixes.
 */
#include "lib/sym/unwind.h"
#include "tests/unit/snap_program.h"
#include "tests/unit/tap.h"

#include <inttypes.h>

static const char script[] = "import gdb\n"
			     "for thread in gdb.selected_inferior().threads():\n"
			     "    thread.switch()\n"
			     "    frame, out = gdb.newest_frame(), []\n"
			     "    while frame is not None and frame.is_valid():\n"
			     "        signal = frame.type() == gdb.SIGTRAMP_FRAME\n"
			     "        if signal or frame.type() == gdb.NORMAL_FRAME:\n"
			     "            out.append('%x:%s' % (frame.pc(), '(signal)' if signal else frame.name() or '?'))\n"
			     "        frame = frame.older()\n"
			     "    print('thread', thread.ptid[1], ' '.join(out))\n";

/* "__GI___qsort_r" and "qsort_r.part.0" are both "qsort_r". Cuts text in place. */
static const char *plain(char *text)
{
	char *p = text;
	for (const char *before = NULL; before != p;) {
		before = p;
		p += strspn(p, "_");
		if (strncmp(p, "GI__", 4) == 0)
			p += 3;
		if (strncmp(p, "libc_", 5) == 0)
			p += 5;
	}
	p[strcspn(p, ".")] = '\0';
	char *end = strstr(p, "_impl");
	if (end && end[5] == '\0')
		*end = '\0';
	return p;
}

static void our_name(struct tt_sym *sym, const struct tt_unwind_frame *frame, char *name, size_t size)
{
	const struct tt_sym_frames *found = tt_sym_resolve(sym, frame->pc, frame->is_call ? TT_SYM_RETADDR : 0);
	const char *function = found->frames[found->count - 1].function;
	snprintf(name, size, "%s", frame->signal ? "(signal)" : function ? function : "?");
}

/* gdb goes on behind a coroutine's first function, to places without a name: so our stack may end where its names do. */
static bool same(struct tt_sym *sym, const struct tt_unwind_stack *stack, char *gdb_frames)
{
	size_t i = 0;
	char *save = NULL;
	for (char *word = strtok_r(gdb_frames, " \n", &save); word; word = strtok_r(NULL, " \n", &save), i++) {
		char ours[256] = "", theirs[256] = "";
		uint64_t pc = 0;
		if (sscanf(word, "%" SCNx64 ":%255s", &pc, theirs) != 2)
			return false;
		if (i >= stack->frames.len)
			return i > 0 && strcmp(theirs, "?") == 0;
		our_name(sym, &stack->frames.data[i], ours, sizeof(ours));
		/* What has no name there may have one here: the first function of a coroutine. */
		bool named = strcmp(theirs, "?") != 0;
		if (pc != stack->frames.data[i].pc || (named && strcmp(plain(ours), plain(theirs)) != 0)) {
			diag("frame %zu: gdb has %s, we have %" PRIx64 ":%s", i, word, stack->frames.data[i].pc, ours);
			return false;
		}
	}
	return i == stack->frames.len;
}

/* Of a stack without unwind tables gdb shows what was left on it from before. */
static bool gdb_can_tell(const struct program *program, pid_t tid)
{
	for (size_t i = 0; i < program->count; i++) {
		if (program->threads[i].tid == tid && strcmp(program->threads[i].shape, "scheduler") == 0)
			return false;
	}
	return true;
}

static void compare(const char *way)
{
	struct program program;
	struct tt_snap *snap = NULL;
	struct tt_sym *sym = NULL;
	struct tt_unwinder *u = NULL;
	struct tt_unwind_stack stack = TT_STACK_INIT;
	char path[4096], command[512], line[16384], name[64], file[] = "/tmp/tt-gdb-XXXXXX.py";
	snprintf(name, sizeof(name), "shapes-%s", way);
	snprintf(path, sizeof(path), "%s", program_path(name));
	char *argv[] = {path, NULL};
	int fd = mkstemps(file, 3);
	if (!ok(fd >= 0 && write(fd, script, sizeof(script) - 1) > 0 && program_start(&program, path, argv, 16), "%s runs",
		    name))
		return;
	close(fd);
	program_settle(&program);
	kill(program.pid, SIGSTOP);
	waitpid(program.pid, NULL, WUNTRACED);
	bool good = tt_snap_take(program.pid, NULL, &snap, NULL) == 0 && tt_sym_create(NULL, &sym, NULL) == 0 &&
	            tt_snap_add_modules(snap, sym, NULL) == 0 && tt_unwinder_create(snap, sym, &u, NULL) == 0;
	ok(good, "it is read");
	snprintf(command, sizeof(command),
		"setsid -w gdb -batch -nx -ex 'set backtrace past-main on' -p %d -x %s </dev/null 2>/dev/null",
		(int)program.pid, file);
	FILE *gdb = good ? popen(command, "r") : NULL;
	size_t compared = 0;
	while (gdb && fgets(line, sizeof(line), gdb)) {
		int tid, at = 0;
		if (sscanf(line, "thread %d %n", &tid, &at) < 1 || at == 0)
			continue;
		struct tt_snap_thread *thread = tt_snap_thread_by_tid(snap, tid);
		ok(thread && tt_unwind(u, thread, 0, &stack) == 0 &&
				(!gdb_can_tell(&program, tid) || same(sym, &stack, line + at)),
			"%s: thread %d has gdb's frames", way, tid);
		compared++;
	}
	if (gdb)
		pclose(gdb);
	is_int(compared, program.count + 1, "all threads were compared");
	unlink(file);
	tt_stack_deinit(&stack);
	tt_unwinder_destroy(u);
	tt_sym_destroy(sym);
	tt_snap_destroy(snap);
	program_end(&program);
}

int main(void)
{
	bool have = system("setsid -w gdb -nx -batch -ex 'python print(1)' </dev/null 2>/dev/null | grep -q 1") == 0;
	skip(have, 2, "gdb with python is not installed")
	{
		compare("o2");
		compare("o0");
	}
	return done();
}
