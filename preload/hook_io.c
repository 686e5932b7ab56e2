/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_io.c - sleeps, blocking I/O, waits for children: seen only when the thread holds a lock, because that lock's users wait
 * with it.
 *
 * A thread that holds nothing is not registered, not timed, not bracketed: two loads, and a jump to the real function. With a
 * lock held: waiting-on is published (a hung program's recording then says where its holder sits), and the time is taken. What
 * took less than TT_BLOCKED_NS did not block. read, write and others are async-signal-safe: a handler on a stack of its own,
 * which may be tiny, only passes through.
 */
#include "preload/acquire.h"

#include <stdarg.h>

/* Does the calling thread hold anything? Never wrong to say no. */
TT_INLINE bool io_holding(void)
{
	const struct ttrec_thread *t = tt_self.t;
	return unlikely(t) && unlikely(t->held_depth);
}

struct io_wait {
	struct tt_self *s; /* NULL: nothing to undo */
	uint64_t t0, site, call;
	struct tt_caller caller;
	bool published;
};

static bool on_own_stack(const struct ttrec_thread *t)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	return sp >= t->stack_low && sp < t->stack_high;
}

static void io_begin(struct io_wait *w, uint64_t site, uintptr_t cfa, enum ttrec_call call)
{
	struct tt_self *s = tt_enter_if_known();
	w->s = NULL;
	if (!s || !s->t->held_depth || !on_own_stack(s->t))
		return;
	struct ttrec_thread *t = s->t;
	w->site = site;
	w->call = call;
	w->caller = tt_caller_of(site, cfa);
	tt_busy_begin(s);
	w->t0 = tt_now();
	/* In a handler that interrupted another wait, that one stays what the thread waits for. */
	uint8_t op = t->waiting.op;
	w->published = !op || op == TTREC_OP_IO || op == TTREC_OP_SLEEP || op == TTREC_OP_CHILD;
	if (w->published) {
		tt_module_seen(w->caller.pc);
		tt_waiting_call(t, site, call, w->t0);
	}
	tt_busy_end(s);
	w->s = s;
}

/* Also the cleanup handler of a call that was cancelled. */
static void io_end(struct io_wait *w)
{
	struct tt_self *s = w->s;
	/* A fork in between, by a handler: the child has no part in this. */
	if (likely(!s) || s != tt_enter_if_known())
		return;
	w->s = NULL;
	tt_busy_begin(s);
	uint64_t ns = tt_now() - w->t0;
	if (w->published)
		tt_waiting_over(s->t);
	tt_held_while_blocked(s, w->call, w->site, ns, &w->caller);
	tt_busy_end(s);
}

#define UNPACK(...) __VA_ARGS__
/* The slow half is a function of its own, so that the fast one needs no frame. */
#define IO(result, name, op, call, args, ...)                                            \
	static TT_NOINLINE result slow_##name(uint64_t site, uintptr_t cfa, __VA_ARGS__) \
	{                                                                                \
		struct io_wait w __attribute__((cleanup(io_end)));                       \
		io_begin(&w, site, cfa, TTREC_CALL_##call);                              \
		return REAL(name) args;                                                  \
	}                                                                                \
	TT_EXPORT result name(__VA_ARGS__)                                               \
	{                                                                                \
		if (unlikely(io_holding()))                                              \
			return slow_##name(HOOK_SITE(OP_##op), HOOK_CFA(), UNPACK args); \
		return REAL(name) args;                                                  \
	}
#include "preload/io.def"

/*
 * Variadic ones. Their last argument, given or not, is where a fixed one would be, in the calling conventions of all Linux
 * machines that the C library runs on: so they are defined with fixed arguments, under names of ours.
 */
#define IO_FIXED(name, op, call, args, ...)                                              \
	TT_EXPORT int fixed_##name(__VA_ARGS__) __asm__(#name);                          \
	static TT_NOINLINE int slow_##name(uint64_t site, uintptr_t cfa, __VA_ARGS__)    \
	{                                                                                \
		struct io_wait w __attribute__((cleanup(io_end)));                       \
		io_begin(&w, site, cfa, TTREC_CALL_##call);                              \
		return REAL(name) args;                                                  \
	}                                                                                \
	int fixed_##name(__VA_ARGS__)                                                    \
	{                                                                                \
		if (unlikely(io_holding()) && IO_MAY_BLOCK_##call)                       \
			return slow_##name(HOOK_SITE(OP_##op), HOOK_CFA(), UNPACK args); \
		return REAL(name) args;                                                  \
	}
#define IO_MAY_BLOCK_OPEN  true
#define IO_MAY_BLOCK_FLOCK (cmd == F_SETLKW || cmd == F_OFD_SETLKW)

IO_FIXED(open, IO, OPEN, (path, flags, mode), const char *path, int flags, unsigned long mode)
IO_FIXED(open64, IO, OPEN, (path, flags, mode), const char *path, int flags, unsigned long mode)
IO_FIXED(openat, IO, OPEN, (dir, path, flags, mode), int dir, const char *path, int flags, unsigned long mode)
IO_FIXED(openat64, IO, OPEN, (dir, path, flags, mode), int dir, const char *path, int flags, unsigned long mode)
IO_FIXED(fcntl, IO, FLOCK, (fd, cmd, arg), int fd, int cmd, unsigned long arg)
IO_FIXED(fcntl64, IO, FLOCK, (fd, cmd, arg), int fd, int cmd, unsigned long arg)
