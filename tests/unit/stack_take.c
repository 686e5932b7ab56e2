/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stack_take.c - see stack_take.h. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

#include "lib/core/ttrec_format.h"
#include "tests/unit/stack_take.h"

struct tt_stack_bounds stack_bounds(void)
{
	static _Thread_local struct tt_stack_bounds bounds;
	if (!bounds.high) {
		pthread_attr_t attr;
		void *low;
		size_t size;
		pthread_getattr_np(pthread_self(), &attr);
		pthread_attr_getstack(&attr, &low, &size);
		pthread_attr_destroy(&attr);
		bounds = (struct tt_stack_bounds){(uintptr_t)low, (uintptr_t)low + size};
	}
	return bounds;
}

static _Unwind_Reason_Code one_frame(struct _Unwind_Context *c, void *arg)
{
	struct stack_pair *p = arg;
	uint64_t pc = _Unwind_GetIP(c);
	if (pc && p->want_n < STACK_FRAMES)
		p->want[p->want_n++] = pc;
	return pc ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* libgcc begins with the function that asks it: drop that, and the hook. */
static void drop_inner(struct stack_pair *p, uint64_t caller)
{
	unsigned skip = 0;
	while (skip < p->want_n && p->want[skip] != caller)
		skip++;
	for (unsigned i = skip; i < p->want_n; i++)
		p->want[i - skip] = p->want[i];
	p->want_n -= skip;
}

/*
 * Takes the stack again, four times, as one who remembers the last ones: of this caller, or of others in other depths. What is
 * said to be the same as before must be what was just walked; else the pair is spoilt.
 */
_Thread_local unsigned long stack_agains;
static __attribute__((noinline)) void take_again(struct stack_pair *p, uintptr_t pc, uintptr_t cfa, unsigned max)
{
	static _Thread_local struct tt_stack_last last;
	static _Thread_local uint64_t kept[STACK_FRAMES], frames[STACK_FRAMES];
	static _Thread_local unsigned kept_n, kept_max;
	if (kept_max != max)
		last.count = last.noted = 0;
	kept_max = max;
	for (unsigned i = 0; i < 4; i++) {
		uint16_t flags;
		unsigned n = tt_stack_walk_caller(pc, cfa, stack_bounds(), frames, max, &flags, &last);
		if (n) {
			bool same = n == kept_n && memcmp(frames, kept, n * sizeof(*frames)) == 0;
			tt_stack_last_is(&last, same ? last.stack : last.stack + 1);
			memcpy(kept, frames, n * sizeof(*frames));
			kept_n = n;
		}
		stack_agains += n == 0;
		if (kept_n != p->n || memcmp(kept, p->pc, p->n * sizeof(*kept)) != 0)
			p->n = 0;
	}
}

__attribute__((noinline)) void stack_take_some(struct stack_pair *p, unsigned max)
{
	p->want_n = 0;
	p->n = tt_stack_walk_caller(
		TT_STACK_PC(), TT_STACK_CFA(), stack_bounds(), p->pc, max ? max : STACK_FRAMES, &p->flags, NULL);
	take_again(p, TT_STACK_PC(), TT_STACK_CFA(), max ? max : STACK_FRAMES);
	_Unwind_Backtrace(one_frame, p);
	drop_inner(p, TT_STACK_PC());
}

unsigned stack_equal(const struct stack_pair *p)
{
	unsigned i = 0;
	while (i < p->n && i < p->want_n && p->pc[i] == p->want[i])
		i++;
	return i;
}

bool stack_is_exact(const struct stack_pair *p)
{
	bool same = p->n == p->want_n && stack_equal(p) == p->n && p->flags == TTREC_STACK_COMPLETE;
	if (!same)
		stack_print(p);
	return same;
}

const char *stack_function(uint64_t pc)
{
	Dl_info info;
	if (!dladdr((void *)(uintptr_t)(pc - 1), &info) || !info.dli_sname)
		return "";
	return info.dli_sname;
}

void stack_print(const struct stack_pair *p)
{
	printf("# flags %u, %u frames, libgcc has %u\n", p->flags, p->n, p->want_n);
	for (unsigned i = 0; i < p->n || i < p->want_n; i++) {
		uint64_t pc = i < p->n ? p->pc[i] : 0, want = i < p->want_n ? p->want[i] : 0;
		if (pc != want || i < 3 || i + 3 > p->n)
			printf("# %3u %s %14lx %-28.28s %14lx %s\n", i, pc == want ? " " : "X", (unsigned long)pc,
				stack_function(pc), (unsigned long)want, stack_function(want));
	}
}
