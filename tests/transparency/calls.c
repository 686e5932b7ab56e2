/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * calls.c - hooked calls that are no locks: syscall(), event loops, sleeps, memory, dlopen. Arguments arrive, results and errno
 * come back. See tr.h.
 */
#include "tests/transparency/tr.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <malloc.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/time.h>

/* ------------------------------------------------------------------ syscall() */

static int word, word2, tid;

static void *futex_waiter(void *arg)
{
	tr_publish(&tid);
	errno = TR_SENTINEL;
	long rc = syscall(SYS_futex, arg, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return (void *)(rc == 0 ? 0L : (long)errno);
}

static void futexes(void)
{
	struct timespec soon = {0, 10000000}, until = tr_in_ms(CLOCK_MONOTONIC, 10);
	pthread_t t;
	void *ret;
	TR("wake nobody", syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	TR("wait, value differs", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
	TR("wait, times out", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0));
	TR("wait_bitset, times out", syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, -1));
	TR("wait_bitset, no bit", syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, 0));
	TR("wait, odd address", syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
	TR("wait, null address", syscall(SYS_futex, NULL, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
	TR("no such operation", syscall(SYS_futex, &word, 99, 0, NULL, NULL, 0));
	TR("wake_op",
		syscall(SYS_futex, &word, FUTEX_WAKE_OP_PRIVATE, 1, 1, &word2, FUTEX_OP(FUTEX_OP_SET, 77, FUTEX_OP_CMP_EQ, 0)));
	TR_NUM("wake_op's sixth argument arrived", word2);
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, futex_waiter, &word));
	tr_blocked(&tid);
	TR_NUM("cmp_requeue", syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 0, 1, &word2, 0));
	TR_NUM("wake where it was", syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	TR_NUM("wake where it is", syscall(SYS_futex, &word2, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	tr_join("woken", t, &ret);
	TR("its result", (long)ret);
}

static void system_calls(void)
{
	TR_TRUE("getpid", syscall(SYS_getpid) == getpid());
	TR("no such call", syscall(5000));
	TR("close of nothing", syscall(SYS_close, -1));
	char *p = (char *)syscall(SYS_mmap, NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TR_TRUE("mmap with six arguments", p != MAP_FAILED && !(p[0] = 0) && p[8191] == 0);
	TR("munmap", syscall(SYS_munmap, p, 8192));
}

/* ------------------------------------------------------------------ event loops */

static int handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void interrupt_in(long us)
{
	struct itimerval it = {{0, 0}, {0, us}};
	TR_MUST(setitimer(ITIMER_REAL, &it, NULL));
}

static void epolls(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 42}, got = {0};
	sigset_t none;
	struct timespec ts = {0, 1000000};
	sigemptyset(&none);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	TR("epoll_ctl", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	TR_NUM("epoll_wait", epoll_wait(ep, &got, 1, -1));
	TR_NUM("its data", got.data.u64);
	TR_NUM("epoll_pwait", epoll_pwait(ep, &got, 1, -1, &none));
	TR_NUM("epoll_pwait2", epoll_pwait2(ep, &got, 1, &ts, &none));
	TR("epoll_ctl", epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	TR("epoll_wait, times out", epoll_wait(ep, &got, 1, 5));
	TR("epoll_wait, no events", epoll_wait(ep, &got, 0, 5));
	TR("epoll_wait, bad descriptor", epoll_wait(-1, &got, 1, 5));
	TR("epoll_wait, no epoll", epoll_wait(fd, &got, 1, 5));
	interrupt_in(20000);
	TR("epoll_wait, interrupted", epoll_wait(ep, &got, 1, 10000));
	interrupt_in(20000);
	TR("epoll_pwait, interrupted", epoll_pwait(ep, &got, 1, 10000, &none));
	close(ep);
}

static void polls(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec ts = {0, 5000000}, negative = {-1, 0};
	TR_NUM("poll", poll(&p, 1, -1));
	TR_NUM("revents", p.revents);
	TR_NUM("ppoll", ppoll(&p, 1, &ts, NULL));
	p.fd = -1;
	TR("poll, times out", poll(&p, 1, 5));
	TR("ppoll, times out", ppoll(&p, 1, &ts, NULL));
	TR("ppoll, bad time", ppoll(&p, 1, &negative, NULL));
	p.fd = 12345;
	TR_NUM("poll, bad descriptor", poll(&p, 1, 5));
	TR_NUM("revents", p.revents);
	interrupt_in(20000);
	TR("poll, interrupted", poll(NULL, 0, 10000));
	interrupt_in(20000);
	TR("ppoll, interrupted", ppoll(NULL, 0, NULL, NULL));
}

static void selects(int fd)
{
	fd_set set;
	struct timeval tv = {0, 5000};
	struct timespec ts = {0, 5000000};
	FD_ZERO(&set);
	FD_SET(fd, &set);
	TR_NUM("select", select(fd + 1, &set, NULL, NULL, NULL));
	TR_NUM("pselect", pselect(fd + 1, &set, NULL, NULL, &ts, NULL));
	TR("select, times out", select(0, NULL, NULL, NULL, &tv));
	TR_NUM("the time left", tv.tv_usec);
	TR("select, bad number", select(-1, NULL, NULL, NULL, &tv));
	TR("pselect, times out", pselect(0, NULL, NULL, NULL, &ts, NULL));
	interrupt_in(20000);
	TR("select, interrupted", select(0, NULL, NULL, NULL, NULL));
	interrupt_in(20000);
	TR("pselect, interrupted", pselect(0, NULL, NULL, NULL, NULL, NULL));
}

/* ppoll and its kin take a signal only inside the wait. */
static void masks(void)
{
	sigset_t blocked, none;
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	TR_MUST(pthread_sigmask(SIG_BLOCK, &blocked, NULL));
	handled = 0;
	raise(SIGALRM);
	TR_NUM("not taken yet", handled);
	TR("ppoll takes it", ppoll(NULL, 0, NULL, &none));
	TR_NUM("taken", handled);
	raise(SIGALRM);
	TR("pselect takes it", pselect(0, NULL, NULL, NULL, NULL, &none));
	TR_NUM("taken", handled);
	TR_MUST(pthread_sigmask(SIG_UNBLOCK, &blocked, NULL));
}

static void sleeps(void)
{
	struct timespec ts = {0, 1000000}, left = {7, 7}, bad = {0, 1000000000};
	TR("nanosleep", nanosleep(&ts, &left));
	TR("nanosleep, bad time", nanosleep(&bad, &left));
	TR("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL));
	TR("clock_nanosleep, bad time", clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL));
	TR("clock_nanosleep, bad clock", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
	ts.tv_sec = 10;
	interrupt_in(20000);
	TR("nanosleep, interrupted", nanosleep(&ts, &left));
	TR_TRUE("the time left", left.tv_sec == 9 || left.tv_sec == 10);
	TR("usleep", usleep(100));
	interrupt_in(20000);
	TR_TRUE("sleep, interrupted", sleep(10) >= 9);
}

/* ------------------------------------------------------------------ memory, modules, names */

static void memory(void)
{
	pthread_mutex_t *m = malloc(sizeof(*m) + 100);
	for (int life = 0; life < 3; life++) {
		pthread_mutex_init(m, NULL);
		TR("lock on the heap", pthread_mutex_lock(m));
		if (life < 2)
			TR("unlock", pthread_mutex_unlock(m));
		m = realloc(m, sizeof(*m) + 100 + (size_t)life * 100000);
		TR_TRUE("realloc", m != NULL);
	}
	errno = TR_SENTINEL;
	free(m); /* while it is locked */
	TR_NUM("free keeps errno", errno);
	free(NULL);
	TR_NUM("free of nothing keeps errno", errno);
	char *volatile p = realloc(NULL, 10);
	TR_TRUE("realloc of nothing", p != NULL);
	strcpy(p, "contents");
	p = realloc(p, 100000);
	TR_TRUE("contents stay", !strcmp(p, "contents"));
	TR_TRUE("usable size", malloc_usable_size(p) >= 100000);
	errno = TR_SENTINEL;
	char *volatile q = realloc(p, PTRDIFF_MAX);
	TR("realloc too large", q == NULL ? errno : 0);
	TR_TRUE("contents stay", !strcmp(p, "contents"));
	errno = TR_SENTINEL;
	volatile size_t half = SIZE_MAX / 2; /* volatile: gcc would see that it cannot succeed */
	q = reallocarray(p, half, 4);
	TR("reallocarray too large", q == NULL ? errno : 0);
	free(p);
	TR("munmap of nothing", munmap((void *)4096, 0));
	TR("munmap not aligned", munmap((void *)1, 4096));
	void *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_mutex_lock(map);
	TR("munmap while locked", munmap(map, 8192));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *moved = mremap(map, 8192, 65536, MREMAP_MAYMOVE);
	TR_TRUE("mremap", moved != MAP_FAILED);
	TR("munmap", munmap(moved, 65536));
}

static void modules(void)
{
	TR_TRUE("dlopen of nothing", dlopen("/nonexistent.so", RTLD_NOW) == NULL);
	const char *error = dlerror();
	TR_TRUE("dlerror tells", error && strstr(error, "/nonexistent.so"));
	TR_TRUE("dlerror tells once", dlerror() == NULL);
	void *libm = dlopen("libm.so.6", RTLD_NOW);
	TR_TRUE("dlopen", libm != NULL);
	TR_TRUE("dlsym", dlsym(libm, "cos") != NULL);
	TR_TRUE("dlsym of nothing", dlsym(libm, "no_such_function") == NULL && dlerror());
	TR("dlclose", dlclose(libm));
}

/* The first version of condition variables, asked for by name and version: an old one of its own, so nothing is mixed. */
static void old_conditions(void)
{
	static pthread_mutex_t m;
	int (*old_signal)(pthread_cond_t *), (*old_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	*(void **)&old_signal = dlvsym(RTLD_DEFAULT, "pthread_cond_signal", "GLIBC_2.2.5");
	*(void **)&old_wait = dlvsym(RTLD_DEFAULT, "pthread_cond_timedwait", "GLIBC_2.2.5");
	static pthread_cond_t old;
	struct timespec past = {1, 0};
	pthread_mutex_lock(&m);
	TR("old timedwait", old_wait ? old_wait(&old, &m, &past) : -2);
	TR("old signal", old_signal ? old_signal(&old) : -2);
	TR("unlock", pthread_mutex_unlock(&m));
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	int fd[2];
	tr_begin();
	futexes();
	system_calls();
	TR_MUST(pipe(fd));
	TR_MUST(write(fd[1], "x", 1) != 1);
	alarm(0); /* the timer is the test's own now */
	TR_MUST(sigaction(SIGALRM, &sa, NULL));
	epolls(fd[0]);
	polls(fd[0]);
	selects(fd[0]);
	masks();
	sleeps();
	TR_MUST(signal(SIGALRM, SIG_DFL) == SIG_ERR);
	tr_begin();
	memory();
	modules();
	old_conditions();
	return tr_end();
}
