/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack.c preload/stack_rule.c preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/* LINK: preload/stack_last.c */
/* LINK: tests/unit/stack_take.c tests/unit/stack_shapes_o0.c tests/unit/stack_shapes_o2.c */
/* LINK: tests/unit/stack_shapes_cxx.cc */
/*
 * test_stack_step.c - the stack walker at every single instruction: the processor's trap flag raises SIGTRAP after each, and
 * the handler compares the walker's stack with libgcc's. So prologues, epilogues, PLT entries and the loader's lazy binding are
 * all met, in the frame that the signal interrupted.
 */
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include "lib/core/ttrec_format.h"
#include "tests/unit/stack_shapes.h"
#include "tests/unit/stack_take.h"
#include "tests/unit/tap.h"

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static _Alignas(64) char cache[TT_STACK_CACHE_BYTES];
static struct stack_pair pair;
static struct {
	unsigned long steps, shorter, wrong, guessed;
	struct stack_pair first_wrong, first_short;
} seen;

/* libgcc cannot unwind from its own instructions that switch to another frame. */
static struct {
	uintptr_t low, high;
} libgcc;

static int find_libgcc(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	if (!strstr(info->dlpi_name, "libgcc_s"))
		return 0;
	libgcc.low = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD)
			libgcc.high = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
	return 1;
}

/* The frames above the handler: ours is pcs[0], the trampoline pcs[1], what was interrupted pcs[2]. */
static void on_step(int sig, siginfo_t *info, void *context)
{
	uintptr_t pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	(void)sig;
	(void)info;
	if (pc >= libgcc.low && pc < libgcc.high)
		return;
	stack_take(&pair);
	unsigned same = stack_equal(&pair);
	seen.steps++;
	if (same < pair.n && !seen.wrong++)
		seen.first_wrong = pair;
	else if (same == pair.n && same < pair.want_n && !seen.shorter++)
		seen.first_short = pair;
	seen.guessed += (pair.flags & TTREC_STACK_GUESSED) != 0;
}

/* Set and clear the trap flag. In assembly, for the unwind tables to be right between push and pop. */
void steps_begin(void);
void steps_end(void);
#define STEPS(name, change)                                                                                               \
	__asm__(".pushsection .text\n" name ":\n\t.cfi_startproc\n\tpushfq\n\t.cfi_adjust_cfa_offset 8\n\t" change "\n\t" \
		"popfq\n\t.cfi_adjust_cfa_offset -8\n\tret\n\t.cfi_endproc\n\t.popsection")
STEPS("steps_begin", "orq $0x100, (%rsp)");
STEPS("steps_end", "andq $~0x100, (%rsp)");

static void nothing(void *arg)
{
	__asm__ volatile("" ::"r"(arg) : "memory");
}

/* Everything that is stepped through; the first call of a libc function in a program goes through the loader. */
static __attribute__((noinline)) void work(const struct stack_shape *s)
{
	steps_begin();
	s->call(nothing, NULL);
	steps_end();
}

static __attribute__((noinline)) void first_calls(void)
{
	char text[64];
	steps_begin();
	double d = strtod("1.5", NULL);
	snprintf(text, sizeof(text), "%g %s", d, getenv("HOME") ? "home" : "none");
	int n = atoi(text) + (int)labs(strtol("-7", NULL, 10));
	steps_end();
	is_int(n, 8, "the stepped program computes what it should");
}

static void check(const char *what)
{
	ok(seen.steps > 5, "%s: %lu instructions", what, seen.steps);
	if (!is_int(seen.wrong, 0, "%s: no wrong frame at any of them", what))
		stack_print(&seen.first_wrong);
	if (!is_int(seen.shorter, 0, "%s: no frame is missing at any of them", what))
		stack_print(&seen.first_short);
	is_int(seen.guessed, 0, "%s: no frame is guessed", what);
	memset(&seen, 0, sizeof(seen));
}

static void check_shapes(const struct stack_shape *shapes, const char *how)
{
	for (const struct stack_shape *s = shapes; s->name; s++) {
		char what[128];
		snprintf(what, sizeof(what), "%s, %s", s->name, how);
		work(s);
		check(what);
	}
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	dl_iterate_phdr(find_libgcc, NULL);
	tt_stack_init(cache, sizeof(cache));
	sigaction(SIGTRAP, &sa, NULL);
	first_calls();
	check("first calls of library functions");
	check_shapes(stack_shapes_o2, "optimised");
	check_shapes(stack_shapes_o0, "not optimised");
	check_shapes(stack_shapes_cxx, "C++");
	return done();
}

#else
int main(void)
{
	skip(false, 1, "steps through itself only without sanitizers, on x86-64")
	{
	}
	return done();
}
#endif
