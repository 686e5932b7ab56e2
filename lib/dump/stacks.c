/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stacks.c - program counters -> frames with names, and labels for what no symbol table names. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/dump/dump_private.h"
#include "lib/util/glob.h"

/* When all of a crowd have run away, their frames must fit into memory. */
#define CROWD        100
#define CROWD_FRAMES 4096

/* Functions of interpreters, each of whose frames stands for one or more of the program that is interpreted. */
static const struct {
	const char *pattern, *label;
} interpreters[] = {
	{"_PyEval_EvalFrameDefault*", "Python interpreter"},
	{"PyEval_EvalFrameEx*", "Python interpreter"},
	{"vm_exec_core*", "Ruby interpreter"},
	{"Perl_runops_standard", "Perl interpreter"},
	{"execute_ex", "PHP interpreter"},
	{"luaV_execute", "Lua interpreter"},
	{"lj_vm_*", "LuaJIT interpreter"},
	{"Builtins_InterpreterEntryTrampoline*", "JavaScript interpreter"},
	{"Builtins_*", "JavaScript runtime"},
	{"BytecodeInterpreter::run*", "Java interpreter"},
	{"mono_interp_exec_method*", ".NET interpreter"},
	{"TclNRRunCallbacks", "Tcl interpreter"},
};

/* Whose code it is that no file holds. */
static const struct {
	const char *module, *label;
} generators[] = {
	{"libjvm.so*", "Java code"},
	{"libcoreclr.so*", ".NET code"},
	{"libmonosgen*", ".NET code"},
	{"node", "JavaScript code"},
	{"libnode.so*", "JavaScript code"},
	{"chromium*", "JavaScript code"},
	{"chrome", "JavaScript code"},
	{"libmozjs*", "JavaScript code"},
	{"libluajit*", "Lua code"},
	{"libpypy*", "Python code"},
};

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path ? path : "";
}

static const char *generator(struct tt_dump *d)
{
	for (size_t i = 0; i < tt_snap_map_count(d->snap); i++) {
		const char *module = last_part(tt_snap_map(d->snap, i)->path);
		for (size_t k = 0; k < ARRAY_SIZE(generators); k++)
			if (tt_glob_match(generators[k].module, module))
				return generators[k].label;
	}
	return "generated code";
}

const char *dump_label(struct tt_dump *d, const struct tt_sym_frame *frame, uint64_t pc)
{
	const char *name = frame->raw ? frame->raw : frame->function;
	if (!name && !frame->module) {
		const struct tt_snap_map *map = tt_snap_map_at(d->snap, pc);
		return map && map->exec ? generator(d) : NULL;
	}
	for (size_t i = 0; name && i < ARRAY_SIZE(interpreters); i++)
		if (tt_glob_match(interpreters[i].pattern, name))
			return interpreters[i].label;
	return NULL;
}

const char *dump_variable(struct tt_dump *d, uint64_t address)
{
	const struct tt_sym_frames *found = tt_sym_resolve(d->sym, address, TT_SYM_DATA);
	const struct tt_sym_frame *f = &found->frames[0];
	TT_BUF_AUTO(b);
	if (f->kind == TT_SYM_NONE || (!f->function && !f->module))
		return NULL;
	tt_buf_adds(&b, f->function ? f->function : f->module);
	if (f->offset)
		tt_buf_printf(&b, "+0x%" PRIx64, f->offset);
	return tt_buf_failed(&b) ? NULL : dump_text(d, tt_buf_str(&b));
}

/* One name is looked at once: there are far more frames than functions. */
struct naming {
	struct tt_dump *d;
	struct tt_hmap shorts; /* pointer to a name -> its short form */
	struct tt_hmap labels; /* pc -> label, for frames whose pc was seen */
};

static const char *short_name(struct naming *n, const char *function)
{
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&n->shorts, (uintptr_t)function, &is_new);
	if (!e)
		return function;
	if (is_new) {
		TT_BUF_AUTO(b);
		const char *text = tt_sym_short_name(&b, function) < 0 || b.len == 0 ? NULL : dump_text(n->d, tt_buf_str(&b));
		e->ptr = (void *)(text ? text : function);
	}
	return e->ptr;
}

static const char *label_of(struct naming *n, const struct tt_sym_frame *frame, uint64_t pc)
{
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&n->labels, pc, &is_new);
	if (e && is_new)
		e->ptr = (void *)dump_label(n->d, frame, pc);
	return e ? e->ptr : NULL;
}

static int add_frame(struct naming *n, struct tt_dump_thread *t, const struct tt_unwind_frame *from)
{
	const struct tt_dump_options *o = n->d->options;
	unsigned flags =
		(from->is_call ? TT_SYM_RETADDR : 0) | (o->lines ? TT_SYM_LINES : 0) | (o->inlines ? TT_SYM_INLINES : 0);
	const struct tt_sym_frames *found = tt_sym_resolve(n->d->sym, from->pc, flags);
	for (size_t i = 0; i < found->count; i++) {
		const struct tt_sym_frame *s = &found->frames[i];
		struct tt_dump_frame *f = tt_vec_add(&t->frames);
		if (!f)
			return -ENOMEM;
		f->pc = from->pc;
		f->function = s->function && o->short_names ? short_name(n, s->function) : s->function;
		f->raw = s->raw;
		f->offset = s->offset;
		f->file = tt_sym_source(n->d->sym, s->file);
		f->line = s->line;
		f->module = s->module;
		f->trust = from->trust;
		f->inlined = s->inlined;
		f->signal = from->signal && i + 1 == found->count;
		if (i + 1 == found->count)
			f->label = label_of(n, s, from->pc);
	}
	return 0;
}

/* Functions of a library without a symbol table still are called by the names that it exports. */
static void name_called(struct tt_dump *d, struct tt_unwinder *u, struct tt_dump_thread *t, const struct tt_unwind_stack *stack)
{
	if (stack->frames.len < 2 || tt_sym_resolve(d->sym, stack->frames.data[0].pc, 0)->frames[0].function)
		return;
	uint64_t called = tt_unwind_called(u, &stack->frames.data[1]);
	const struct tt_sym_frame *f = called ? &tt_sym_resolve(d->sym, called, 0)->frames[0] : NULL;
	t->called = f && f->offset == 0 ? f->function : NULL;
}

static int read_stack(struct naming *n, struct tt_unwinder *u, struct tt_dump_thread *t, struct tt_unwind_stack *stack)
{
	struct tt_snap_thread *snap = tt_snap_thread_by_tid(n->d->snap, t->task.tid);
	const struct tt_unwind_frame *frame;
	t->end = TT_STACK_NOTHING;
	if (!snap)
		return 0;
	size_t most = n->d->options->max_frames;
	if (!most && n->d->threads.len > CROWD)
		most = CROWD_FRAMES;
	int rc = tt_unwind_settle(u, snap, most, stack);
	if (rc == 0)
		name_called(n->d, u, t, stack);
	t->end = stack->end;
	rc = rc ? rc : tt_vec_reserve(&t->frames, stack->frames.len);
	vec_for_each (frame, &stack->frames)
		if (rc == 0)
			rc = add_frame(n, t, frame);
	return rc;
}

int dump_stacks(struct tt_dump *d, struct tt_err *err)
{
	struct tt_unwinder *u = NULL;
	struct tt_unwind_stack stack = TT_STACK_INIT;
	struct naming n = {.d = d};
	struct tt_dump_thread *t;
	int rc = tt_unwinder_create(d->snap, d->sym, &u, err);
	if (rc < 0)
		return rc;
	vec_for_each (t, &d->threads)
		if (rc == 0)
			rc = read_stack(&n, u, t, &stack);
	tt_stack_deinit(&stack);
	tt_unwinder_destroy(u);
	tt_hmap_deinit(&n.shorts);
	tt_hmap_deinit(&n.labels);
	return rc < 0 ? rc : dump_waits(d);
}
