/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tr.h - for the conformance programs beside it: each prints what every call returned, one line each, the same on every run.
 *
 * tests/transparency.bats runs each program alone and under the shim, and compares. So a line must not hold addresses, ids or
 * times. A program never uses what it tests to print: lines go out by write(2).
 *
 *   TR("lock", pthread_mutex_lock(&m));      prints   lock: 0            or   lock: EBUSY
 *   TR("wait", sem_wait(&s));                prints   wait: -1 errno=EINTR
 *
 * errno holds a sentinel before each call; it is printed when the call changed it.
 */
#ifndef TR_H
#define TR_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TR_SENTINEL 9999
#define TR_UNUSED   __attribute__((unused))

static int tr_lines;

/* One line. */
TR_UNUSED __attribute__((format(printf, 1, 2))) static void tr_say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		_exit(99);
	n = n < (int)sizeof(text) - 2 ? n : (int)sizeof(text) - 2;
	text[n++] = '\n';
	if (write(STDOUT_FILENO, text, (size_t)n) != n)
		_exit(98);
	__atomic_add_fetch(&tr_lines, 1, __ATOMIC_RELAXED);
}

/* A result that is an error number, 0, -1 or a count above all error numbers. */
TR_UNUSED static const char *tr_word(long value, char *buf, size_t size)
{
	const char *name = value > 0 && value < 134 ? strerrorname_np((int)value) : NULL;
	if (name)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%ld", value);
	return buf;
}

TR_UNUSED static void tr_result(const char *name, long value, int error)
{
	char a[32], b[32];
	if (error == TR_SENTINEL)
		tr_say("%s: %s", name, tr_word(value, a, sizeof(a)));
	else
		tr_say("%s: %s errno=%s", name, tr_word(value, a, sizeof(a)), tr_word(error, b, sizeof(b)));
}

#define TR(name, call)                             \
	do {                                       \
		errno = TR_SENTINEL;               \
		long tr_value_ = (long)(call);     \
		tr_result(name, tr_value_, errno); \
	} while (0)

/* A condition, or a number that is no error code. */
#define TR_TRUE(name, cond) tr_say("%s: %s", (name), (cond) ? "yes" : "NO")
#define TR_NUM(name, value) tr_say("%s: =%lld", (name), (long long)(value))

/* Preparation that is not under test. */
#define TR_MUST(call)                                                                         \
	do {                                                                                  \
		long tr_rc_ = (long)(call);                                                   \
		if (tr_rc_ != 0) {                                                            \
			tr_say("preparation failed: %s: %ld errno=%d", #call, tr_rc_, errno); \
			_exit(97);                                                            \
		}                                                                             \
	} while (0)

/* A program that hangs ends by SIGALRM. */
TR_UNUSED static void tr_begin(void)
{
	alarm(60);
}

TR_UNUSED static int tr_end(void)
{
	tr_say("checks: =%d", tr_lines);
	return 0;
}

TR_UNUSED static int tr_tid(void)
{
	return (int)syscall(SYS_gettid);
}

TR_UNUSED static void tr_pause(void)
{
	struct timespec ts = {0, 50000};
	nanosleep(&ts, NULL);
}

/* Until the thread that publishes its id in *tid sleeps in system call nr. */
TR_UNUSED static void tr_blocked_in(const int *tid, long nr)
{
	char path[64], buf[32];
	int id;
	while (!(id = __atomic_load_n(tid, __ATOMIC_ACQUIRE)))
		tr_pause();
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", id);
	for (;; tr_pause()) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
		if (fd >= 0)
			close(fd);
		if (n > 0 && buf[0] >= '0' && buf[0] <= '9' && atol(buf) == nr)
			return;
		if (n < 0)
			return; /* the thread is gone: the results will show it */
	}
}

TR_UNUSED static void tr_blocked(const int *tid)
{
	tr_blocked_in(tid, SYS_futex);
}

TR_UNUSED static void tr_publish(int *tid)
{
	__atomic_store_n(tid, tr_tid(), __ATOMIC_RELEASE);
}

TR_UNUSED static void tr_until(const int *flag, int value)
{
	while (__atomic_load_n(flag, __ATOMIC_ACQUIRE) != value)
		tr_pause();
}

TR_UNUSED static void tr_set(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

TR_UNUSED static struct timespec tr_in_ms(clockid_t clock, long ms)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	ts.tv_nsec += ms % 1000 * 1000000;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

/* Runs fn(arg) in another thread and waits for its end. */
TR_UNUSED static void *tr_elsewhere(void *(*fn)(void *), void *arg)
{
	pthread_t t;
	void *ret;
	TR_MUST(pthread_create(&t, NULL, fn, arg));
	TR_MUST(pthread_join(t, &ret));
	return ret;
}

/* Joins within five seconds; says whether it could. */
TR_UNUSED static bool tr_join(const char *name, pthread_t t, void **ret)
{
	struct timespec until = tr_in_ms(CLOCK_REALTIME, 5000);
	int rc = pthread_timedjoin_np(t, ret, &until);
	TR_TRUE(name, rc == 0);
	return rc == 0;
}

#endif
