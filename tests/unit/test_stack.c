/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack.c preload/stack_rule.c preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/* LINK: preload/stack_last.c */
/* LINK: tests/unit/stack_take.c tests/unit/stack_shapes_o0.c tests/unit/stack_shapes_o2.c */
/* LINK: tests/unit/stack_shapes_cxx.cc */
/* test_stack.c - the stack walker against libgcc's unwinder, in every kind of function; its limits; code made at run time. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/core/ttrec_format.h"
#include "tests/unit/stack_shapes.h"
#include "tests/unit/stack_take.h"
#include "tests/unit/tap.h"

static _Alignas(64) char cache[TT_STACK_CACHE_BYTES];
static struct stack_pair pair, constructed;

extern char _start[];

static void take(void *arg)
{
	stack_take(arg);
}

/* Is pc in the function that begins at `start`? A guess, good enough for functions of this file. */
static bool is_in(uint64_t pc, const void *start, size_t size)
{
	return pc - 1 - (uint64_t)start < size;
}

__attribute__((constructor)) static void before_main(void)
{
	stack_take(&constructed);
}

/* ------------------------------------------------------------------ every shape of function */

static void check_shapes(const struct stack_shape *shapes, const char *how)
{
	for (const struct stack_shape *s = shapes; s->name; s++) {
		tt_stack_flush();
		s->call(take, &pair);
		ok(stack_is_exact(&pair), "%s, %s: as libgcc has it", s->name, how);
		s->call(take, &pair);
		ok(stack_is_exact(&pair), "%s, %s: the same from the cache", s->name, how);
	}
}

/* All shapes on top of each other. */
static const struct stack_shape *nest_next;
static void nest(void *arg)
{
	const struct stack_shape *s = nest_next++;
	if (s->name)
		s->call(nest, arg);
	else
		stack_take(arg);
}

static void check_nested(const struct stack_shape *shapes, const char *how)
{
	nest_next = shapes;
	nest(&pair);
	ok(stack_is_exact(&pair), "all of them on one stack, %s", how);
	ok(pair.n > 8, "which is deep: %u frames", pair.n);
}

static void check_recursion(void)
{
	stack_recurse_o0(200, take, &pair);
	ok(stack_is_exact(&pair) && pair.n > 200, "200 calls deep without optimisation");
	stack_recurse_o2(200, take, &pair);
	ok(stack_is_exact(&pair) && pair.n > 200, "200 calls deep with it");
}

/* ------------------------------------------------------------------ ends of a stack */

static void *thread_main(void *arg)
{
	stack_take(arg);
	return arg;
}

static void check_ends(void)
{
	pthread_t t;
	pthread_attr_t attr;
	ok(stack_is_exact(&constructed), "a constructor, before the walker has its cache");
	stack_take(&pair);
	ok(stack_is_exact(&pair), "the main thread");
	ok(is_in(pair.pc[pair.n - 1], _start, 64), "ends at the program's start");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN));
	pthread_create(&t, &attr, thread_main, &pair);
	pthread_join(t, NULL);
	pthread_attr_destroy(&attr);
	ok(stack_is_exact(&pair), "a thread with the smallest stack");
}

/* ------------------------------------------------------------------ limits */

static __attribute__((noinline)) unsigned walk_with(struct tt_stack_bounds bounds, unsigned max, uint64_t *pcs, uint16_t *flags)
{
	return tt_stack_walk_caller(TT_STACK_PC(), TT_STACK_CFA(), bounds, pcs, max, flags, NULL);
}

static void check_limits(void)
{
	struct tt_stack_bounds good = stack_bounds(), unknown = {0, 0}, other = {4096, 8192}, empty = {good.low, good.low};
	uint64_t pcs[8] = {0};
	uint16_t flags;
	unsigned all = walk_with(good, 8, pcs, &flags);
	ok(all >= 3 && flags == TTREC_STACK_COMPLETE, "limits: the whole stack");
	is_int(walk_with(good, all, pcs, &flags), all, "limits: exactly as many frames as fit");
	is_int(flags, TTREC_STACK_COMPLETE, "are complete");
	pcs[all - 1] = 0;
	is_int(walk_with(good, all - 1, pcs, &flags), all - 1, "limits: one frame too many");
	is_int(flags, TTREC_STACK_TRUNCATED, "is said");
	is_u64(pcs[all - 1], 0, "and nothing is written behind the end");
	is_int(walk_with(good, 1, pcs, &flags), 1, "limits: one frame");
	is_int(flags, TTREC_STACK_TRUNCATED, "is said to be cut off");
	is_int(walk_with(unknown, 8, pcs, &flags), 1, "unknown bounds: the caller only");
	is_int(flags, 0, "without a claim");
	is_int(walk_with(other, 8, pcs, &flags), 1, "another stack: the caller only");
	is_int(walk_with(empty, 8, pcs, &flags), 1, "an empty stack: the caller only");
	ok(is_in(pcs[0], check_limits, 4096), "which is right");
}

/* Where the stack is cut off, the walk ends, within the bounds. */
static void check_cut_stack(void)
{
	struct tt_stack_bounds b = stack_bounds();
	uint64_t whole[64], part[64];
	uint16_t flags;
	unsigned all = walk_with(b, 64, whole, &flags), wrong = 0, last = 1;
	for (b.high = (uintptr_t)__builtin_frame_address(0); b.high < stack_bounds().high; b.high += 8) {
		unsigned n = walk_with(b, 64, part, &flags);
		wrong += n < last || n > all || memcmp(part + 1, whole + 1, (n - 1) * 8) != 0 || (n < all && flags != 0);
		last = n;
	}
	is_int(wrong, 0, "a stack that ends anywhere yields the inner frames, and says that they are not all");
}

static void check_errno(void)
{
	errno = EXDEV;
	tt_stack_flush();
	stack_take(&pair);
	is_int(errno, EXDEV, "errno stays as it is");
}

/* ------------------------------------------------------------------ objects that come and go */

static size_t read_input(void *buffer, size_t size, void *arg)
{
	(void)buffer;
	(void)size;
	stack_take(arg);
	return 0;
}

static void check_loaded_library(void)
{
	typedef void *load_fn(size_t(*)(void *, size_t, void *), void *, size_t, void *);
	for (int i = 0; i < 3; i++) {
		void *lib = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
		load_fn *load = lib ? (load_fn *)dlsym(lib, "json_load_callback") : NULL;
		char error[1024];
		if (!ok(load != NULL, "a library is loaded"))
			return;
		ok(load(read_input, &pair, 0, error) == NULL && stack_is_exact(&pair),
			"a callback of a library that was loaded later");
		dlclose(lib);
		tt_stack_flush();
	}
}

/* ------------------------------------------------------------------ code made at run time */

#if defined(__x86_64__)

/* void f(void (*what)(void *), void *arg): calls what(arg) in a frame with a frame pointer, or with nonsense in rbp. */
static const uint8_t code_good[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0xff, 0xd0, 0x5d, 0xc3};
static const uint8_t code_bad[] = {
	0x55, 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0xbd, 0x41, 0x41, 0x41, 0x41, 0xff, 0xd0, 0x5d, 0xc3};
/* the same with rbp = rsp + 8, misread as a frame: a return address that is none is then found at rsp + 16 */
static const uint8_t code_odd[] = {
	0x55, 0x48, 0x8d, 0x6c, 0x24, 0x08, 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0xff, 0xd0, 0x5d, 0xc3};
/* the same with rbp at a frame that is none: {0, 0x123456} */
static const uint8_t code_fake[] = {0x55, 0x68, 0x56, 0x34, 0x12, 0, 0x6a, 0, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8, 0x48, 0x89,
	0xf7, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x10, 0x5d, 0xc3};
typedef void jit_fn(stack_fn *what, void *arg);

struct jit_nest {
	jit_fn *code;
	unsigned depth;
};

static void jit_again(void *arg)
{
	struct jit_nest *n = arg;
	if (n->depth-- > 0)
		n->code(jit_again, n);
	else
		stack_take(&pair);
	__asm__ volatile(""); /* none of these calls is to be a jump */
}

static jit_fn *jit_make(const uint8_t *code, size_t size)
{
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(page, code, size);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return (jit_fn *)page;
}

/* The call of the outermost made function came from here: all further frames need no guess. */
static unsigned jit_call(jit_fn *code, unsigned depth)
{
	struct jit_nest n = {code, depth};
	jit_again(&n);
	return pair.n;
}

static bool in_page(uint64_t pc, jit_fn *code)
{
	return (pc & ~UINT64_C(4095)) == (uint64_t)code;
}

static void check_run_time_code(void)
{
	jit_fn *good = jit_make(code_good, sizeof(code_good)), *bad = jit_make(code_bad, sizeof(code_bad)),
	       *odd = jit_make(code_odd, sizeof(code_odd)), *fake = jit_make(code_fake, sizeof(code_fake));
	unsigned n = jit_call(good, 3), made = 0;
	for (unsigned i = 0; i < n; i++)
		made += in_page(pair.pc[i], good);
	is_int(made, 3, "code made at run time: its frames are found by the frame pointer");
	is_int(pair.flags, TTREC_STACK_COMPLETE | TTREC_STACK_GUESSED, "and the walk goes on to the end, saying so");
	ok(is_in(pair.pc[n - 1], _start, 64), "which is the right one");
	n = jit_call(bad, 1);
	ok(n == 2 && in_page(pair.pc[1], bad), "no frame pointer: the walk ends at that code");
	is_int(pair.flags, 0, "and claims nothing");
	n = jit_call(odd, 1);
	ok(n == 2 && in_page(pair.pc[1], odd), "a frame pointer to something else: what it yields is not believed");
	is_int(pair.flags, 0, "and nothing is claimed");
	n = jit_call(fake, 1);
	ok(n == 2 && in_page(pair.pc[1], fake), "a frame pointer that leads to no known code: likewise");
	is_int(pair.flags, 0, "and nothing is claimed");
}

#else
static void check_run_time_code(void)
{
}
#endif

int main(void)
{
	tt_stack_init(cache, sizeof(cache));
	check_ends();
	check_shapes(stack_shapes_o2, "optimised");
	check_shapes(stack_shapes_o0, "not optimised");
	check_shapes(stack_shapes_cxx, "C++");
	check_nested(stack_shapes_o2, "optimised");
	check_nested(stack_shapes_o0, "not optimised");
	check_nested(stack_shapes_cxx, "C++");
	check_recursion();
	check_limits();
	check_cut_stack();
	check_errno();
	check_loaded_library();
	check_run_time_code();
	ok(stack_agains > 50, "%lu times a stack was told to be the one before, and was", stack_agains);
	tt_stack_init(NULL, 0);
	check_nested(stack_shapes_o2, "without a cache");
	return done();
}
