/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stack.c - the stack of one thread for its page, by threaddump's library: a blocked thread is not stopped for it. */
#include <string.h>

#include "lib/sym/snapshot.h"
#include "lib/sym/unwind.h"
#include "tools/threadtop/ui.h"

#define MOST_FRAMES 200

static void add_frame(struct top_ui *ui, struct tt_sym *sym, unsigned number, const struct tt_unwind_frame *frame)
{
	const struct tt_sym_frames *found = tt_sym_resolve(sym, frame->pc, frame->is_call ? TT_SYM_RETADDR : 0);
	const char *mark = frame->trust == TT_FRAME_EXACT ? " " : "?";
	if (!found || found->count == 0) {
		top_page_add(ui, TOP_STYLE_DIM, "#%-3u%s 0x%llx", number, mark, (unsigned long long)frame->pc);
		return;
	}
	for (unsigned i = 0; i < found->count; i++) {
		const struct tt_sym_frame *f = &found->frames[i];
		bool inlined = i + 1 < found->count;
		TT_BUF_AUTO(line);
		if (f->function)
			tt_buf_adds(&line, f->function);
		else
			tt_buf_printf(&line, "0x%llx", (unsigned long long)frame->pc);
		if (f->file && f->line)
			tt_buf_printf(&line, "  %s:%u", f->file, f->line);
		else if (f->module)
			tt_buf_printf(&line, "  in %s", f->module);
		top_page_add(ui, inlined ? TOP_STYLE_DIM : TOP_STYLE_NORMAL, "#%-3u%s %s%s", number, mark, tt_buf_str(&line),
			inlined ? "  (inlined)" : "");
	}
}

static void unwind(struct top_ui *ui, struct tt_snap *snap, struct tt_sym *sym, struct tt_unwinder *u, uint32_t tid)
{
	struct tt_snap_thread *thread = tt_snap_thread_by_tid(snap, (pid_t)tid);
	struct tt_unwind_stack stack = TT_STACK_INIT;
	if (!thread) {
		top_page_add(ui, TOP_STYLE_WARNING, "the thread has ended");
		return;
	}
	if (tt_unwind_settle(u, thread, MOST_FRAMES, &stack) < 0)
		top_page_add(ui, TOP_STYLE_ERROR, "out of memory");
	if (thread->how == TT_SNAP_NOT)
		top_page_add(ui, TOP_STYLE_WARNING, "no stack: %s", tt_snap_fail_text(thread->fail));
	else if (thread->stopped_ns)
		top_page_add(
			ui, TOP_STYLE_DIM, "stopped for %llu us to read it", (unsigned long long)(thread->stopped_ns / 1000));
	else
		top_page_add(ui, TOP_STYLE_DIM, "read without stopping it");
	for (size_t i = 0; i < stack.frames.len; i++)
		add_frame(ui, sym, (unsigned)i, &stack.frames.data[i]);
	if (stack.frames.len && stack.end != TT_STACK_COMPLETE)
		top_page_add(ui, TOP_STYLE_WARNING, "     ends here: %s", tt_stack_end_text(stack.end));
	tt_vec_deinit(&stack.frames);
}

void top_stack_lines(struct top_ui *ui, uint32_t pid, uint32_t tid)
{
	struct tt_snap *snap = NULL;
	struct tt_sym *sym = NULL;
	struct tt_unwinder *u = NULL;
	struct tt_err err;
	pid_t one = (pid_t)tid;
	struct tt_snap_options options = {.mode = TT_SNAP_AUTO, .tids = &one, .tid_count = 1};
	if (tt_snap_take((pid_t)pid, &options, &snap, &err) < 0 || tt_sym_create(NULL, &sym, &err) < 0 ||
		tt_snap_add_modules(snap, sym, &err) < 0 || tt_unwinder_create(snap, sym, &u, &err) < 0)
		top_page_add(ui, TOP_STYLE_WARNING, "%s", err.msg);
	else
		unwind(ui, snap, sym, u, tid);
	tt_unwinder_destroy(u);
	tt_sym_destroy(sym);
	tt_snap_destroy(snap);
}
