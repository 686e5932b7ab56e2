/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unlock_steps - once the instruction that releases a lock is done, nobody touches the lock's memory: it may be gone.
 *
 * How this is made certain, also where nobody waits: the unlocking call runs one instruction at a time (the trap flag). The
 * trap handler looks whether the lock is free, and as soon as it is makes its page inaccessible; a later access is told by
 * SIGSEGV. Prints one line for each kind of lock. Called by tests/faults.bats, alone and under the shim. x86-64 only.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096u

static char *page; /* the lock lies at its beginning */
static int (*is_free)(void);
static volatile sig_atomic_t closed, steps, touched;

static void on_step(int sig)
{
	(void)sig;
	steps++;
	if (!closed && is_free()) {
		closed = 1;
		mprotect(page, PAGE, PROT_NONE);
	}
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	char *at = info->si_addr;
	if (!closed || at < page || at >= page + PAGE)
		_exit(4);
	touched++;
	mprotect(page, PAGE, PROT_READ | PROT_WRITE); /* and go on */
}

__attribute__((noinline)) static void step_through(int (*unlock)(void))
{
	int r;
	closed = 0;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
	r = unlock();
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	if (r != 0 || !closed)
		_exit(5);
}

/* ------------------------------------------------------------------ kinds */

#define MUTEX ((pthread_mutex_t *)(void *)page)
#define RW    ((pthread_rwlock_t *)(void *)page)
#define SEM   ((sem_t *)(void *)page)
#define SPIN  ((pthread_spinlock_t *)(void *)page)

static int mutex_is_free(void)
{
	return MUTEX->__data.__lock == 0;
}
static int mutex_lock(void)
{
	return pthread_mutex_lock(MUTEX);
}
static int mutex_unlock(void)
{
	return pthread_mutex_unlock(MUTEX);
}
static int rw_is_free(void)
{
	/* Nobody reads, and no writer has it. */
	return RW->__data.__readers >> 3 == 0 && RW->__data.__cur_writer == 0 && !(RW->__data.__readers & 2);
}
static int rw_rdlock(void)
{
	return pthread_rwlock_rdlock(RW);
}
static int rw_wrlock(void)
{
	return pthread_rwlock_wrlock(RW);
}
static int rw_unlock(void)
{
	return pthread_rwlock_unlock(RW);
}
static int sem_is_free(void)
{
	return (uint32_t) * (uint64_t *)(void *)page != 0;
}
static int sem_take(void)
{
	return sem_wait(SEM);
}
static int sem_give(void)
{
	return sem_post(SEM);
}
static int spin_is_free(void)
{
	return *SPIN == 1;
}
static int spin_lock(void)
{
	return pthread_spin_lock(SPIN);
}
static int spin_unlock(void)
{
	return pthread_spin_unlock(SPIN);
}

static void init_mutex(int type)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutex_init(MUTEX, &attr);
}

/*
 * Often enough for every way that a recorder may take: the first time, timed ones, out of order, ordinary ones. A recorder that
 * times every hold while holds are long - and one that is stepped through is - sees short ones in between, from the same place.
 */
static void kind(const char *name, int (*lock)(void), int (*unlock)(void), int (*free_now)(void))
{
	static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
	is_free = free_now;
	touched = 0;
	for (int i = 0; i < 300; i++) {
		if (lock())
			_exit(6);
		if (i >= 40 && i % 4) {
			if (unlock())
				_exit(6);
			continue;
		}
		if (i % 10 == 0)
			pthread_mutex_lock(&other);
		step_through(unlock);
		if (i % 10 == 0)
			pthread_mutex_unlock(&other);
	}
	printf("%s: %s\n", name, touched ? "TOUCHED" : "let go");
	memset(page, 0, PAGE);
}

static void *returns(void *arg)
{
	return arg;
}

int main(void)
{
	struct sigaction step = {.sa_handler = on_step}, fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	pthread_t t;
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || sigaction(SIGTRAP, &step, NULL) || sigaction(SIGSEGV, &fault, NULL))
		return 2;
	/* The C library leaves some things out as long as there is one thread. */
	if (pthread_create(&t, NULL, returns, NULL) || pthread_join(t, NULL))
		return 2;
	kind("plain mutex", mutex_lock, mutex_unlock, mutex_is_free);
	init_mutex(PTHREAD_MUTEX_RECURSIVE);
	kind("recursive mutex", mutex_lock, mutex_unlock, mutex_is_free);
	init_mutex(PTHREAD_MUTEX_ERRORCHECK);
	kind("errorcheck mutex", mutex_lock, mutex_unlock, mutex_is_free);
	init_mutex(PTHREAD_MUTEX_ADAPTIVE_NP);
	kind("adaptive mutex", mutex_lock, mutex_unlock, mutex_is_free);
	pthread_rwlock_init(RW, NULL);
	kind("read lock", rw_rdlock, rw_unlock, rw_is_free);
	pthread_rwlock_init(RW, NULL);
	kind("write lock", rw_wrlock, rw_unlock, rw_is_free);
	sem_init(SEM, 0, 1);
	kind("semaphore", sem_take, sem_give, sem_is_free);
	pthread_spin_init(SPIN, 0);
	kind("spinlock", spin_lock, spin_unlock, spin_is_free);
	printf("%s\n", steps > 1000 ? "stepped" : "NOT STEPPED");
	return 0;
}
