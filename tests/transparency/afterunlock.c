/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * afterunlock.c - nothing touches a lock's memory once it is unlocked: its next owner may have freed it. See tr.h.
 *
 * How this is made certain: the thread that unlocks runs under a seccomp filter that traps FUTEX_WAKE on the lock's page. The
 * wake comes after the word that releases the lock, so at that moment another thread may own and unmap it. The SIGSYS handler
 * does just that: it makes the page inaccessible, and the wake returns. Whatever touches the lock afterwards is killed.
 */
#include "tests/transparency/tr.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static void *page;
static sem_t other;
static int trapped, nested;

static void on_trap(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)si;
	(void)context; /* the trapped call returns what the register holds: its number, so neither 0 nor an error */
	if (mprotect(page, 4096, PROT_NONE))
		_exit(96);
	trapped++;
	if (nested)
		sem_post(&other); /* async-signal-safe, also inside another sem_post */
}

static void trap_wakes(void)
{
	uint64_t p = (uintptr_t)page;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 8),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FUTEX_CMD_MASK & 0x7f),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(p >> 32), 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfffff000u),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)p, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
	TR_MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	TR_MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
}

/* ------------------------------------------------------------------ who waits, so that the unlock wakes */

static struct timespec soon(void)
{
	return tr_in_ms(CLOCK_REALTIME, 20);
}

static void *mutex_gives_up(void *arg)
{
	struct timespec until = soon();
	return (void *)(long)pthread_mutex_timedlock(arg, &until);
}

static void *writer_gives_up(void *arg)
{
	struct timespec until = soon();
	return (void *)(long)pthread_rwlock_timedwrlock(arg, &until);
}

/* ------------------------------------------------------------------ who unlocks */

struct unlock {
	const char *name;
	int (*lock)(void *);
	int (*unlock)(void *);
	void *(*waiter)(void *);
};

static void *unlocker_main(void *arg)
{
	const struct unlock *u = arg;
	TR_MUST(u->lock(page));
	TR("waiter", (long)tr_elsewhere(u->waiter, page));
	trap_wakes();
	errno = TR_SENTINEL;
	int rc = u->unlock(page);
	int error = errno;
	TR_MUST(mprotect(page, 4096, PROT_READ | PROT_WRITE));
	tr_result(u->name, rc, error);
	return NULL;
}

static void unlocks(const char *name, int (*lock)(void *), int (*unlock)(void *), void *(*waiter)(void *))
{
	struct unlock u = {name, lock, unlock, waiter};
	trapped = 0;
	tr_elsewhere(unlocker_main, &u);
	TR_TRUE("it was gone at the wake", trapped > 0);
}

static int mutex_lock(void *m)
{
	return pthread_mutex_lock(m);
}

static int mutex_unlock(void *m)
{
	return pthread_mutex_unlock(m);
}

static int read_lock(void *rw)
{
	return pthread_rwlock_rdlock(rw);
}

static int write_lock(void *rw)
{
	return pthread_rwlock_wrlock(rw);
}

static int rw_unlock(void *rw)
{
	return pthread_rwlock_unlock(rw);
}

static int post(void *s)
{
	return sem_post(s);
}

static void mutex_of_type(const char *name, int type, int robust)
{
	pthread_mutexattr_t a;
	TR_MUST(pthread_mutexattr_init(&a));
	TR_MUST(pthread_mutexattr_settype(&a, type));
	TR_MUST(pthread_mutexattr_setrobust(&a, robust));
	memset(page, 0, 4096);
	TR_MUST(pthread_mutex_init(page, &a));
	unlocks(name, mutex_lock, mutex_unlock, mutex_gives_up);
	TR("usable again", pthread_mutex_trylock(page));
	TR("unlock", pthread_mutex_unlock(page));
}

/* ------------------------------------------------------------------ waiters that stay */

static int waiter_tid;

static void *sem_waiter_main(void *arg)
{
	tr_publish(&waiter_tid);
	return (void *)(long)sem_wait(arg);
}

static void *reader_main(void *arg)
{
	tr_publish(&waiter_tid);
	return (void *)(long)(pthread_rwlock_rdlock(arg) | pthread_rwlock_unlock(arg));
}

static void *writer_main(void *arg)
{
	tr_publish(&waiter_tid);
	return (void *)(long)(pthread_rwlock_wrlock(arg) | pthread_rwlock_unlock(arg));
}

/* The wakes that the trap swallowed: whichever word of the lock the waiter sleeps on. */
static void wake_all_words(size_t size)
{
	for (size_t offset = 0; offset < size; offset += 4)
		syscall(SYS_futex, (char *)page + offset, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0);
}

static struct {
	int (*lock)(void *); /* NULL: a semaphore, nothing to take */
	void *(*waiter)(void *);
	pthread_t thread;
} stay;

static int lock_and_wait_for_waiter(void *object)
{
	int rc = stay.lock ? stay.lock(object) : 0;
	waiter_tid = 0;
	TR_MUST(pthread_create(&stay.thread, NULL, stay.waiter, object));
	tr_blocked(&waiter_tid);
	return rc;
}

static void *nobody(void *arg)
{
	(void)arg;
	return NULL;
}

static void stays(const char *name, int (*lock)(void *), int (*unlock)(void *), void *(*waiter)(void *), size_t size)
{
	void *ret = (void *)1;
	stay.lock = lock;
	stay.waiter = waiter;
	unlocks(name, lock_and_wait_for_waiter, unlock, nobody);
	wake_all_words(size);
	tr_join("the waiter got it", stay.thread, &ret);
	TR("its result", (long)ret);
}

static void semaphore(const char *name, int with_nested)
{
	int value = -1;
	memset(page, 0, 4096);
	nested = with_nested;
	TR_MUST(sem_init(page, 0, 0));
	TR_MUST(sem_init(&other, 0, 0));
	stays(name, NULL, post, sem_waiter_main, sizeof(sem_t));
	TR_MUST(sem_getvalue(&other, &value));
	TR_NUM("posts from the handler", value);
}

static void rwlocks(void)
{
	memset(page, 0, 4096);
	stays("rwlock, by a writer, a reader waits", write_lock, rw_unlock, reader_main, sizeof(pthread_rwlock_t));
	memset(page, 0, 4096);
	stays("rwlock, by a writer, a writer waits", write_lock, rw_unlock, writer_main, sizeof(pthread_rwlock_t));
	memset(page, 0, 4096);
	stays("rwlock, by a reader, a writer waits", read_lock, rw_unlock, writer_main, sizeof(pthread_rwlock_t));
	memset(page, 0, 4096);
	unlocks("rwlock, by a writer, a writer gave up", write_lock, rw_unlock, writer_gives_up);
}

/* The plain way, many times: the next owner unmaps the lock at once. Catches what only a race shows. */
struct box {
	pthread_mutex_t mutex;
	int go;
};

static void *unmaps(void *arg)
{
	struct box *b = arg;
	TR_MUST(pthread_mutex_lock(&b->mutex));
	TR_MUST(pthread_mutex_unlock(&b->mutex));
	TR_MUST(munmap(b, 4096));
	return NULL;
}

static void races(void)
{
	int rounds = 0;
	for (; rounds < 2000; rounds++) {
		pthread_t t;
		struct box *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		TR_MUST(b == MAP_FAILED);
		TR_MUST(pthread_mutex_lock(&b->mutex));
		TR_MUST(pthread_create(&t, NULL, unmaps, b));
		if (rounds % 2)
			sched_yield();
		TR_MUST(pthread_mutex_unlock(&b->mutex));
		TR_MUST(pthread_join(t, NULL));
	}
	TR_NUM("locks unmapped by their next owner", rounds);
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	tr_begin();
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TR_MUST(page == MAP_FAILED);
	TR_MUST(sigaction(SIGSYS, &sa, NULL));
	mutex_of_type("normal mutex", PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED);
	mutex_of_type("recursive mutex", PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
	mutex_of_type("errorcheck mutex", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
	mutex_of_type("adaptive mutex", PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED);
	mutex_of_type("robust mutex", PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
	rwlocks();
	semaphore("sem_post", 0);
	semaphore("sem_post, with another inside it", 1);
	races();
	return tr_end();
}
