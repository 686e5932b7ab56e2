/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * shapes.c - threads whose stacks have all the shapes that an unwinder meets, each blocked at its innermost function.
 *
 * Compiled in many ways (tests/programs/rules.mk). Prints one line per thread, "TID SHAPE function function ...": the functions
 * that must follow one another on its stack, innermost first; then "ready", and waits for ever.
 * shapes [SHAPE...]: only those.
 */
#include <alloca.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <ucontext.h>
#endif

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif
#define KEEP(x) __asm__ volatile("" : : "g"(x) : "memory") /* no tail call before this, and x is needed */

static sem_t never;

/* Where all of them end. */
NOINLINE void hold(void)
{
	while (sem_wait(&never))
		;
	KEEP(0);
}

/* ------------------------------------------------------------------ calls */

NOINLINE void plain_inner(int n)
{
	hold();
	KEEP(n);
}

NOINLINE void plain_middle(int n)
{
	plain_inner(n + 1);
	KEEP(n);
}

static void plain(void)
{
	plain_middle(1);
	KEEP(0);
}

NOINLINE void recursion_step(int n)
{
	volatile int kept = n;
	if (n == 0)
		hold();
	else
		recursion_step(n - 1);
	KEEP(kept);
}

static void recursion(void)
{
	recursion_step(5);
	KEEP(0);
}

/* Leaves a stack full of return addresses behind, which deeper frames then have among their variables. */
NOINLINE uint64_t stale_leave(int n, void (*call)(int))
{
	uint64_t sum = 0;
	if (n)
		sum = stale_leave(n - 1, call);
	call(n);
	KEEP(sum);
	return sum + (uint64_t)n;
}

NOINLINE void stale_nothing(int n)
{
	KEEP(n);
}

NOINLINE void stale_hold(void)
{
	char room[6000]; /* never written: what was there before stays */
	KEEP(room);
	hold();
	KEEP(room);
}

static void stale(void)
{
	stale_leave(40, stale_nothing);
	stale_hold();
	KEEP(0);
}

/* The same with calls that do not say whom they call: what was left behind leads to the thread's start as well. */
NOINLINE void left_inner(int n)
{
	volatile char own[32];
	own[0] = (char)n;
	KEEP(own);
}
static void (*volatile left_inner_function)(int) = left_inner;

NOINLINE void left_outer(int n)
{
	char own[64];
	KEEP(own);
	left_inner_function(n);
	KEEP(own);
}

NOINLINE void left_hold(int n)
{
	char room[1000];
	KEEP(room);
	hold();
	KEEP(room);
	KEEP(n);
}
static void (*volatile left_outer_function)(int) = left_outer, (*volatile left_hold_function)(int) = left_hold;

static void left(void)
{
	left_outer_function(1);
	left_hold_function(1);
	KEEP(0);
}

NOINLINE void indirect_inner(int n)
{
	hold();
	KEEP(n);
}

static void (*volatile indirect_function)(int) = indirect_inner;

NOINLINE void indirect_call(int n)
{
	indirect_function(n);
	KEEP(n);
}

static void indirect(void)
{
	indirect_call(1);
	KEEP(0);
}

/* The frame pointer is needed also in optimised code. */
NOINLINE void alloca_hold(size_t size)
{
	char *room = alloca(size);
	KEEP(room);
	hold();
	KEEP(room);
}

static void variable(void)
{
	alloca_hold((size_t)getpid() % 100 + 500);
	KEEP(0);
}

/* The stack pointer is rounded down: the frame is found by a register that was saved before. */
NOINLINE void aligned_hold(int n)
{
	_Alignas(128) char room[256];
	room[n] = 1;
	KEEP(room);
	hold();
	KEEP(room);
}

static void aligned(void)
{
	aligned_hold(1);
	KEEP(0);
}

static int compare_hold(const void *a, const void *b)
{
	hold();
	KEEP(a);
	KEEP(b);
	return 0;
}

static void callback(void)
{
	int array[] = {2, 1};
	qsort(array, 2, sizeof(array[0]), compare_hold);
	KEEP(array);
}

/* The return address of its call lies behind the caller's end. */
NOINLINE __attribute__((noreturn)) void noreturn_hold(void)
{
	for (;;)
		hold();
}

NOINLINE __attribute__((noreturn)) void noreturn_last(int n)
{
	KEEP(n);
	noreturn_hold();
}

static void noreturn(void)
{
	noreturn_last(1);
}

/* Many registers that are saved. */
NOINLINE uint64_t registers_hold(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	uint64_t g = a * b, h = c * d, i = e * f;
	hold();
	KEEP(0);
	return a + b + c + d + e + f + g + h + i;
}

static void registers(void)
{
	KEEP(registers_hold(1, 2, 3, 4, 5, 6));
}

/* ------------------------------------------------------------------ signals */

static void on_signal(int number)
{
	hold();
	KEEP(number);
}

static void catch_signal(int number, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags | SA_NODEFER};
	sigaction(number, &action, NULL);
}

NOINLINE void signal_raise(int number)
{
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
	KEEP(number);
}

static void signalled(void)
{
	catch_signal(SIGUSR1, 0);
	signal_raise(SIGUSR1);
	KEEP(0);
}

static void alternate(void)
{
	stack_t stack = {.ss_size = 65536, .ss_sp = malloc(65536)};
	sigaltstack(&stack, NULL);
	catch_signal(SIGUSR2, SA_ONSTACK);
	signal_raise(SIGUSR2);
	KEEP(0);
}

NOINLINE void fault_write(volatile int *where)
{
	*where = 1;
	KEEP(where);
}

static void fault(void)
{
	void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	catch_signal(SIGSEGV, 0);
	fault_write(page);
	KEEP(page);
}

static void (*volatile no_function)(void);

NOINLINE void lost_call(int n)
{
	no_function();
	KEEP(n);
}

static void lost(void)
{
	catch_signal(SIGSEGV, 0);
	lost_call(1);
	KEEP(0);
}

/* ------------------------------------------------------------------ other stacks */

#ifdef __GLIBC__
static __thread ucontext_t coroutine_main, coroutine_other;

NOINLINE void coroutine_inner(int n)
{
	hold();
	KEEP(n);
}

static void coroutine_entry(void)
{
	coroutine_inner(1);
	KEEP(0);
}

static void coroutine(void)
{
	getcontext(&coroutine_other);
	coroutine_other.uc_stack.ss_size = 65536;
	coroutine_other.uc_stack.ss_sp = malloc(65536);
	coroutine_other.uc_link = &coroutine_main;
	makecontext(&coroutine_other, coroutine_entry, 0);
	swapcontext(&coroutine_main, &coroutine_other);
	KEEP(0);
}
#endif

/*
 * As Go's runtime goes over to the scheduler's stack: no unwind table tells of it, and what lies above on that stack is left
 * from before. switch_stack(top, function)
 */
__asm__(".text\n"
	".globl \"runtime.mcall\"\n"
	".type \"runtime.mcall\", @function\n"
	"\"runtime.mcall\":\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	mov %rdi, %rsp\n"
	"	call *%rsi\n"
	"	mov %rbp, %rsp\n"
	"	pop %rbp\n"
	"	ret\n"
	".size \"runtime.mcall\", . - \"runtime.mcall\"\n");
void switch_stack(void *top, void (*function)(void)) __asm__("runtime.mcall");

NOINLINE void scheduler_hold(void)
{
	hold();
	KEEP(0);
}

static void scheduler(void)
{
	size_t size = 65536;
	char *stack = malloc(size);
	memset(stack, 0x2f, size);
	switch_stack(stack + size - 1024 - (uintptr_t)stack % 16, scheduler_hold);
	KEEP(stack);
}

/* ------------------------------------------------------------------ threads */

static const struct shape {
	const char *name;
	void (*run)(void);
	const char *functions; /* hold's caller first; without the thread's own */
} shapes[] = {
	{"plain", plain, "plain_inner plain_middle plain thread"},
	{"recursion", recursion,
		"recursion_step recursion_step recursion_step recursion_step recursion_step recursion_step recursion thread"},
	{"stale", stale, "stale_hold stale thread"},
	{"left", left, "left_hold left thread"},
	{"indirect", indirect, "indirect_inner indirect_call indirect thread"},
	{"variable", variable, "alloca_hold variable thread"},
	{"aligned", aligned, "aligned_hold aligned thread"},
	{"callback", callback, "compare_hold"},
	{"noreturn", noreturn, "noreturn_hold noreturn_last noreturn thread"},
	{"registers", registers, "registers_hold registers thread"},
	{"signal", signalled, "on_signal (signal) syscall signal_raise signalled thread"},
	{"altstack", alternate, "on_signal (signal) syscall signal_raise alternate thread"},
	{"fault", fault, "on_signal (signal) fault_write fault thread"},
	{"lost", lost, "on_signal (signal) ? lost_call lost thread"},
	{"scheduler", scheduler, "scheduler_hold runtime"},
#ifdef __GLIBC__
	{"coroutine", coroutine, "coroutine_inner coroutine_entry"},
#endif
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;

static void *thread(void *arg)
{
	const struct shape *shape = arg;
	pthread_mutex_lock(&printing);
	printf("%ld %s hold %s\n", (long)syscall(SYS_gettid), shape->name, shape->functions);
	fflush(stdout);
	pthread_mutex_unlock(&printing);
	shape->run();
	KEEP(shape);
	return NULL;
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return 1;
	}
	return argc < 2;
}

int main(int argc, char **argv)
{
	pthread_t threads[SHAPES];
	size_t count = 0;
	sem_init(&never, 0, 0);
	for (size_t i = 0; i < SHAPES; i++) {
		if (wanted(shapes[i].name, argc, argv) && pthread_create(&threads[count++], NULL, thread, (void *)&shapes[i]))
			return 1;
	}
	pthread_mutex_lock(&printing);
	puts("ready");
	fflush(stdout);
	pthread_mutex_unlock(&printing);
	for (;;)
		pause();
}
