/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lock_steps - a mutex is found taken: how often is it looked at again, and does the thread go to sleep?
 *
 * The locking call runs one instruction at a time (the trap flag). The trap handler counts turns (the instruction "pause",
 * where pthread_mutex_lock is; the kernel's clock has one, too) and calls of futex, and gives the mutex back at the third turn,
 * or else before the call. Prints one line for each mutex; natively there are no turns. Called by tests/cost.bats. x86-64 only.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* "way": taken by a thread that is not known to hold it, and given back soon; "stays": not so soon; "held": taken as ever;
 * "outer": taken before "way", and in the other thread within it. */
static pthread_mutex_t way = PTHREAD_MUTEX_INITIALIZER, stays = PTHREAD_MUTEX_INITIALIZER, held = PTHREAD_MUTEX_INITIALIZER,
		       outer = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t *volatile wanted;
static volatile sig_atomic_t turns, sleeps;
static pid_t owner;
static pthread_barrier_t begun;
static atomic_int give, given;
#define LIBRARY_MAX (4u << 20)
static uintptr_t library; /* where pthread_mutex_lock is */

/* As who takes a mutex inside the C library: past all hooks. */
static void mark(pthread_mutex_t *m, int taken)
{
	m->__data.__owner = taken ? owner : 0;
	m->__data.__nusers = (unsigned)taken;
	__atomic_store_n(&m->__data.__lock, taken, __ATOMIC_RELEASE);
}

static void give_back(void)
{
	if (wanted != &held) {
		mark(wanted, 0);
		return;
	}
	give = 1;
	while (!given)
		;
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *code = (const uint8_t *)(uintptr_t)regs[REG_RIP];
	if (code[0] == 0xf3 && code[1] == 0x90 && (uintptr_t)code - library < LIBRARY_MAX && ++turns == 3 && wanted == &way)
		give_back();
	if (code[0] == 0x0f && code[1] == 0x05 && regs[REG_RAX] == SYS_futex && ++sleeps == 1)
		give_back(); /* and the call finds that there is nothing to wait for */
}

static void step(const char *name, pthread_mutex_t *m)
{
	wanted = m;
	turns = sleeps = 0;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
	int r = pthread_mutex_lock(m);
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	printf("%s: %d, %d turns, %d sleeps\n", name, r, (int)turns, (int)sleeps);
	pthread_mutex_unlock(m);
}

static void *hold(void *arg)
{
	owner = gettid();
	pthread_mutex_lock(&held);
	pthread_barrier_wait(&begun);
	while (!give)
		;
	pthread_mutex_unlock(&held);
	given = 1;
	pthread_barrier_wait(&begun);
	pthread_mutex_lock(&way);
	pthread_mutex_lock(&outer);
	pthread_mutex_unlock(&outer);
	pthread_mutex_unlock(&way);
	return arg;
}

int main(void)
{
	struct sigaction act = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	Dl_info info;
	pthread_t t;
	if (!dladdr(dlsym(RTLD_DEFAULT, "pthread_mutex_lock"), &info))
		return 2;
	library = (uintptr_t)info.dli_fbase;
	if (sigaction(SIGTRAP, &act, NULL) || pthread_barrier_init(&begun, NULL, 2) || pthread_create(&t, NULL, hold, NULL))
		return 2;
	pthread_barrier_wait(&begun);
	mark(&way, 1);
	pthread_mutex_lock(&outer);
	step("way", &way);
	pthread_mutex_unlock(&outer);
	mark(&stays, 1);
	step("stays", &stays);
	step("held", &held);
	pthread_barrier_wait(&begun);
	return pthread_join(t, NULL) ? 2 : 0;
}
