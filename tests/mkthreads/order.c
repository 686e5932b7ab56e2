/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order.c - exact ordering of threads without anything that a recorder could see.
 * Knows /proc/PID/task/TID/{syscall,schedstat}; knows nothing of scenarios. Called by the scenarios and by contend.c.
 */
#include "tests/mkthreads/mk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Not libc's syscall(): recorders hook that one. */
static long raw_syscall(long nr, long a, long b, long c, long d)
{
#ifdef __x86_64__
	long ret;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return ret;
#else
	long ret = syscall(nr, a, b, c, d);
	return ret < 0 ? -errno : ret;
#endif
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t mk_now(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int mk_tid(void)
{
	return (int)raw_syscall(SYS_gettid, 0, 0, 0, 0);
}

void mk_sleep_us(long us)
{
	uint64_t until = mk_now() + (uint64_t)us * 1000u;
	struct timespec ts = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
	while (raw_syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&ts, 0) == -EINTR)
		;
}

void mk_burn_us(long us)
{
	uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)us * 1000u;
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
		;
}

void mk_gate_add(struct mk_gate *gate)
{
	__atomic_add_fetch(&gate->n, 1, __ATOMIC_ACQ_REL);
}

/* Between two looks: long enough not to eat a core, short against every wait that is measured. */
static void pause_poll(void)
{
	mk_sleep_us(30);
}

void mk_gate_wait(const struct mk_gate *gate, int n)
{
	while (__atomic_load_n(&gate->n, __ATOMIC_ACQUIRE) < n)
		pause_poll();
}

void mk_gate_sleep(const struct mk_gate *gate)
{
	while (!__atomic_load_n(&gate->n, __ATOMIC_ACQUIRE))
		raw_syscall(SYS_futex, (long)&gate->n, FUTEX_WAIT_PRIVATE, 0, 0);
}

void mk_gate_open(struct mk_gate *gate)
{
	mk_gate_add(gate);
	raw_syscall(SYS_futex, (long)&gate->n, FUTEX_WAKE_PRIVATE, INT_MAX, 0);
}

/* Reads a small file of /proc into buf as a string. Returns its length or -errno. */
static long read_proc(const char *path, char *buf, size_t size)
{
	long fd = raw_syscall(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	long n = raw_syscall(SYS_read, fd, (long)buf, (long)size - 1, 0);
	raw_syscall(SYS_close, fd, 0, 0, 0);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static void task_path(char *path, size_t size, int pid, int tid, const char *file)
{
	if (pid)
		snprintf(path, size, "/proc/%d/task/%d/%s", pid, tid, file);
	else
		snprintf(path, size, "/proc/self/task/%d/%s", tid, file);
}

/* The system call that the thread is blocked in, and its first argument; -1 when it runs. */
static long blocked_in(int pid, int tid, uint64_t *arg)
{
	char path[64], buf[256];
	task_path(path, sizeof(path), pid, tid, "syscall");
	long n = read_proc(path, buf, sizeof(buf));
	if (n == -ENOENT || n == -ESRCH)
		mk_die("a thread ended while it was expected to block", 0);
	if (n <= 0)
		mk_die(path, (int)-n);
	if (buf[0] < '0' || buf[0] > '9')
		return -1;
	char *end;
	long nr = strtol(buf, &end, 10);
	*arg = strtoull(end, NULL, 16);
	return nr;
}

void mk_wait_blocked(int pid, int tid, const void *object, size_t size)
{
	uint64_t lo = (uintptr_t)object, arg = 0;
	for (;;) {
		if (blocked_in(pid, tid, &arg) == SYS_futex && arg >= lo && arg < lo + size)
			return;
		pause_poll();
	}
}

void mk_wait_syscall(int pid, int tid, long nr)
{
	uint64_t arg;
	while (blocked_in(pid, tid, &arg) != nr)
		pause_poll();
}

static uint64_t ran_ns(int tid)
{
	char path[64], buf[128];
	task_path(path, sizeof(path), 0, tid, "schedstat");
	if (read_proc(path, buf, sizeof(buf)) <= 0)
		mk_die(path, 0);
	return strtoull(buf, NULL, 10);
}

void mk_wait_ran(int tid, long us)
{
	uint64_t until = ran_ns(tid) + (uint64_t)us * 1000u;
	while (ran_ns(tid) < until)
		pause_poll();
}

void mk_wait_gone(int tid)
{
	char path[64], buf[128];
	task_path(path, sizeof(path), 0, tid, "schedstat");
	while (read_proc(path, buf, sizeof(buf)) > 0)
		pause_poll();
}

int mk_thread_count(void)
{
	DIR *dir = opendir("/proc/self/task");
	if (!dir)
		mk_die("/proc/self/task", errno);
	int n = 0;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}
