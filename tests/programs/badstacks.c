/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * badstacks.c - threads with stacks that are hard to read, one for each kind, named after it: the subject of threaddump.bats.
 * Prints {"pid": N} when all are where they belong.
 *
 *   deep        12,000 frames of one function that calls itself
 *   mutual      9,000 frames of three that call each other
 *   runaway     a million, which is more than anybody wants
 *   overwritten a buffer on the stack was written beyond its end: nonsense in place of return addresses
 *   returns     the same, with an address of code: each frame seems to have a caller
 *   nowhere     its stack pointer points to no memory at all
 *   clock       runs, and reads the clock, in the kernel's own code (vdso)
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STACK ((size_t)128 << 20)

static pthread_barrier_t there;
static volatile int stay = 1;

static void arrive(void)
{
	pthread_barrier_wait(&there);
}

static __attribute__((noinline)) int deep(int left)
{
	volatile int kept = left;
	if (left > 1)
		return deep(left - 1) + kept;
	arrive();
	while (stay)
		pause();
	return kept;
}

static int first(int left);

static __attribute__((noinline)) int third(int left)
{
	volatile int kept = left;
	return first(left - 1) + kept;
}

static __attribute__((noinline)) int second(int left)
{
	volatile int kept = left;
	return third(left) + kept;
}

static __attribute__((noinline)) int first(int left)
{
	volatile int kept = left;
	if (left > 0)
		return second(left) + kept;
	arrive();
	while (stay)
		pause();
	return kept;
}

/* Overwrites the stack above its own frame with one value, or its own return address, never to return. */
static __attribute__((noinline)) void overwrite(uint64_t value, size_t words)
{
	volatile uint64_t *at = __builtin_frame_address(0);
	if (!value)
		value = (uintptr_t)__builtin_return_address(0);
	arrive();
	for (size_t i = 1; i < words; i++)
		at[i] = value;
	for (;;)
		syscall(SYS_pause);
}

/* Waits with a stack pointer that it has made up. */
static __attribute__((noinline, noreturn)) void go_nowhere(void)
{
	arrive();
	for (;;)
		__asm__ volatile("mov $4096, %%rsp\n\tmov %0, %%eax\n\tsyscall"
				 :
				 : "i"(SYS_pause)
				 : "rax", "rcx", "r11", "memory");
}

static __attribute__((noinline)) void read_clock(void)
{
	struct timespec now;
	arrive();
	for (;;)
		for (int i = 0; i < 1000; i++)
			clock_gettime(CLOCK_MONOTONIC, &now);
}

static void *begin(void *arg)
{
	const char *name = arg;
	prctl(PR_SET_NAME, name);
	if (strcmp(name, "deep") == 0)
		deep(12000);
	else if (strcmp(name, "mutual") == 0)
		first(3000);
	else if (strcmp(name, "runaway") == 0)
		deep(1000000);
	else if (strcmp(name, "overwritten") == 0)
		overwrite(UINT64_C(0x5a5a5a5a5a5a5a5a), 40);
	else if (strcmp(name, "returns") == 0)
		overwrite(0, 200);
	else if (strcmp(name, "nowhere") == 0)
		go_nowhere();
	else
		read_clock();
	return NULL;
}

int main(void)
{
	static const char *const names[] = {"deep", "mutual", "runaway", "overwritten", "returns", "nowhere", "clock"};
	size_t count = sizeof(names) / sizeof(*names);
	pthread_attr_t large;
	pthread_attr_init(&large);
	pthread_attr_setstacksize(&large, STACK);
	pthread_barrier_init(&there, NULL, (unsigned)count + 1);
	for (size_t i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &large, begin, (void *)(uintptr_t)names[i]))
			return 3;
	}
	arrive();
	printf("{\"pid\": %d}\n", (int)getpid());
	fflush(stdout);
	for (;;)
		pause();
}
