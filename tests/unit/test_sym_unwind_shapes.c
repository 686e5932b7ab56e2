/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_sym_unwind_shapes.c - stacks of all shapes (tests/programs/stacks/shapes.c), from programs compiled in all ways, are
 * complete and have exactly the right functions: without any stop, and from a consistent snapshot.
 */
#include "lib/sym/unwind.h"
#include "tests/unit/snap_program.h"
#include "tests/unit/tap.h"

#define SHAPES 15 /* that every way of building has; glibc adds the coroutine */

struct view {
	struct tt_snap *snap;
	struct tt_sym *sym;
	struct tt_unwinder *u;
};

static bool view_open(struct view *view, pid_t pid, enum tt_snap_mode mode)
{
	struct tt_snap_options options = {.mode = mode};
	struct tt_err err = {0};
	*view = (struct view){0};
	bool good = tt_snap_take(pid, &options, &view->snap, &err) == 0 && tt_sym_create(NULL, &view->sym, &err) == 0 &&
	            tt_snap_add_modules(view->snap, view->sym, &err) == 0 &&
	            tt_unwinder_create(view->snap, view->sym, &view->u, &err) == 0;
	if (!good)
		diag("%s", err.msg);
	return good;
}

static void view_close(struct view *view)
{
	tt_unwinder_destroy(view->u);
	tt_sym_destroy(view->sym);
	tt_snap_destroy(view->snap);
}

/* " pause main __libc_start_main ": innermost first, each between blanks, without compilers' suffixes. */
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

static void check_thread(const char *way, struct view *view, const struct program_thread *expected, bool named)
{
	struct tt_unwind_stack stack = TT_STACK_INIT;
	struct tt_snap_thread *thread = tt_snap_thread_by_tid(view->snap, expected->tid);
	char text[2048] = "";
	if (thread && tt_unwind(view->u, thread, 0, &stack) == 0)
		names(view->sym, &stack, text, sizeof(text));
	bool by_name = strcmp(expected->shape, "scheduler") == 0, right = !named || strstr(text, expected->functions);
	bool complete = stack.end == TT_STACK_COMPLETE || (by_name && !named);
	if (!ok(thread && complete && right, "%s: %s", way, expected->shape))
		diag("got:  %s(%s)\nwant: %s", text, tt_stack_end_text(stack.end), expected->functions);
	if (strcmp(way, "o2") == 0 && strcmp(expected->shape, "lost") != 0 && !by_name)
		ok(stack.exact, "each frame of it is exact");
	tt_stack_deinit(&stack);
}

static void check_way(const char *way)
{
	char name[64];
	struct program program;
	struct view view;
	snprintf(name, sizeof(name), "shapes-%s", way);
	char path[4096];
	snprintf(path, sizeof(path), "%s", program_path(name));
	bool musl = strncmp(way, "musl", 4) == 0, optional = musl || strcmp(way, "clang") == 0 || strcmp(way, "lld") == 0;
	skip(!optional || access(path, X_OK) == 0, 1, "that compiler is not installed")
	{
		char *argv[] = {path, NULL};
		if (!ok(program_start(&program, path, argv, SHAPES + !musl), "%s runs", name))
			return;
		program_settle(&program);
		for (int together = 0; together < 2; together++) {
			if (!ok(view_open(&view, program.pid, together ? TT_SNAP_CONSISTENT : TT_SNAP_NEVER_STOP), "%s is read",
				    name))
				continue;
			for (size_t i = 0; i < program.count; i++)
				check_thread(way, &view, &program.threads[i], strcmp(way, "stripped") != 0);
			view_close(&view);
		}
		program_end(&program);
	}
}

int main(void)
{
	static const char *const ways[] = {"o2", "o0", "stripped", "pointers", "nothing", "debugframe", "nohdr", "static",
		"nopie", "clang", "lld", "musl", "muslstatic"};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		check_way(ways[i]);
	return done();
}
