/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_proc_waits.c - system calls -> what is waited for: lock words as glibc and musl lay them out, hostile memory, deadlines,
 * and threads of this very process that are blocked in each kind of lock.
 */
#include "lib/core/attrs.h"
#include "lib/proc/waits.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ made-up memory */

#define BASE UINT64_C(0x10000)
static uint32_t memory[1024]; /* at BASE */
static bool unreadable;

static int read_memory(void *ctx, uint64_t address, void *buf, size_t len)
{
	(void)ctx;
	if (unreadable || address < BASE || address - BASE > sizeof(memory) || len > sizeof(memory) - (address - BASE))
		return -EFAULT;
	memcpy(buf, (const char *)memory + (address - BASE), len);
	return 0;
}

/* Threads 100 to 199 live; the target is in a namespace where they are 1000 lower than for us. */
static pid_t thread_1000(void *ctx, uint32_t tid)
{
	(void)ctx;
	return tid >= 100 && tid < 200 ? (pid_t)tid + 1000 : 0;
}

static struct tt_wait w = TT_WAIT_INIT;

static struct tt_wait_env env = {
	.read = read_memory, .thread = thread_1000, .realtime_ns = 5000000000, .monotonic_ns = 7000000000};

static const char *decode_named(const char *frame, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t waited_ns)
{
	static struct tt_buf said;
	const char *frames[] = {NULL, frame};
	struct tt_wait_call call = {.nr = nr, .args = {a, b, c, d}, .frames = frames, .frame_count = 2, .waited_ns = waited_ns};
	tt_buf_clear(&said);
	if (tt_wait_decode(&w, &call, &env) < 0 || tt_wait_say(&said, &w, NULL, NULL) < 0)
		return "out of memory";
	return tt_buf_str(&said);
}

static const char *decode(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return decode_named(NULL, nr, a, b, c, d, 0);
}

static uint32_t *object(size_t offset, size_t words)
{
	memset(memory, 0, sizeof(memory));
	(void)words;
	return memory + offset / 4;
}

static void is_wait(enum tt_wait_kind kind, enum tt_wait_sure sure, pid_t owner, uint64_t address, const char *what)
{
	is_str(tt_wait_kind_name(w.kind), tt_wait_kind_name(kind), "%s: kind", what);
	is_int(w.sure, sure, "%s: how sure", what);
	is_int(w.owner, owner, "%s: owner", what);
	is_u64(w.address, address, "%s: address", what);
}

#define FUTEX(frame, word, op, value) decode_named(frame, SYS_futex, BASE + (word), op, value, 0, 0)
#define PRIVATE(op)                   ((op) | FUTEX_PRIVATE_FLAG)

static void make_mutex(uint32_t lock, uint32_t owner, uint32_t kind)
{
	uint32_t *m = object(64, 10);
	m[0] = lock;
	m[1] = 1;
	m[2] = owner;
	m[3] = 1;
	m[4] = kind;
}

static void test_mutexes(void)
{
	static const char *const words[] = {"mutex 0x10040, held by thread 1123",
		"recursive mutex 0x10040, held by thread 1123", "error-checking mutex 0x10040, held by thread 1123",
		"adaptive mutex 0x10040, held by thread 1123"};
	for (uint32_t kind = 0; kind < 4; kind++) {
		make_mutex(2, 123, kind);
		is_str(FUTEX("pthread_mutex_lock", 64, PRIVATE(FUTEX_WAIT), 2), words[kind], "mutex of kind %u", kind);
		is_wait(TT_WAIT_MUTEX, TT_WAIT_NAMED, 1123, BASE + 64, "mutex with a name");
		is_str(FUTEX(NULL, 64, PRIVATE(FUTEX_WAIT), 2), words[kind], "mutex of kind %u without names", kind);
		is_wait(TT_WAIT_MUTEX, TT_WAIT_LAYOUT, 1123, BASE + 64, "mutex without names");
	}
	is_u64(w.lock_type, 3, "its kind");
	FUTEX("___pthread_mutex_lock", 64, PRIVATE(FUTEX_WAIT), 2);
	is_int(w.sure, TT_WAIT_NAMED, "glibc's inner names count as well");
	FUTEX("__GI___pthread_mutex_timedlock", 64, PRIVATE(FUTEX_WAIT_BITSET), 2);
	is_wait(TT_WAIT_MUTEX, TT_WAIT_NAMED, 1123, BASE + 64, "timed mutex");

	make_mutex(0x80000000 | 150, 150, 144);
	is_str(FUTEX(NULL, 64, FUTEX_WAIT, 0x80000000 | 150), "robust mutex 0x10040, held by thread 1150", "robust mutex");
	is_wait(TT_WAIT_MUTEX, TT_WAIT_LAYOUT, 1150, BASE + 64, "robust mutex");
	make_mutex(0x80000000 | 999, 999, 144);
	is_str(FUTEX("pthread_mutex_lock", 64, FUTEX_WAIT, 0x80000000 | 999),
		"robust mutex 0x10040, held by 999, which is no thread of this process", "owner elsewhere");
	is_int(w.owner, 0, "is no thread of ours");
	is_u64(w.owner_word, 999, "but its number is told");
	make_mutex(0x80000000 | 160, 160, 32);
	is_str(FUTEX(NULL, 64, PRIVATE(FUTEX_LOCK_PI), 0), "priority-inheriting mutex 0x10040, held by thread 1160",
		"PI mutex");
	is_wait(TT_WAIT_MUTEX, TT_WAIT_LAYOUT, 1160, BASE + 64, "PI mutex");

	make_mutex(2, 0, 0);
	is_str(FUTEX("pthread_mutex_lock", 64, PRIVATE(FUTEX_WAIT), 2), "mutex 0x10040", "a mutex that is being handed over");
	make_mutex(2, 555, 0);
	is_str(FUTEX(NULL, 64, PRIVATE(FUTEX_WAIT), 2), "futex 0x10040", "no mutex: such a thread does not live");
	make_mutex(2, 123, 4);
	is_str(FUTEX(NULL, 64, PRIVATE(FUTEX_WAIT), 2), "futex 0x10040", "no mutex: such a kind does not exist");
	make_mutex(1, 123, 0);
	is_str(FUTEX(NULL, 64, PRIVATE(FUTEX_WAIT), 1), "futex 0x10040", "no mutex: another value is waited for");
	unreadable = true;
	is_str(FUTEX("pthread_mutex_lock", 64, PRIVATE(FUTEX_WAIT), 2), "mutex 0x10040", "memory that cannot be read");
	unreadable = false;
}

static void test_musl(void)
{
	uint32_t *m = object(64, 3);
	m[0] = 1;
	m[1] = 0x80000000 | 123;
	m[2] = 1;
	is_str(FUTEX(NULL, 68, PRIVATE(FUTEX_WAIT), 0x80000000 | 123), "recursive mutex 0x10040, held by thread 1123", "musl");
	m[0] = 0;
	m[1] = 0x80000000 | EBUSY;
	is_str(FUTEX("pthread_mutex_timedlock", 68, PRIVATE(FUTEX_WAIT), 0x80000000 | EBUSY),
		"mutex 0x10040 (of musl's plain kind, which keeps no owner)", "musl, plain kind");
}

static void make_rwlock(uint32_t readers, uint32_t phase, uint32_t writers_futex, uint32_t writer)
{
	uint32_t *rw = object(128, 14);
	rw[0] = readers;
	rw[2] = phase;
	rw[3] = writers_futex;
	rw[6] = writer;
}

static void test_rwlocks(void)
{
	make_rwlock(8 | 3, 3, 1, 123);
	is_str(FUTEX("pthread_rwlock_rdlock", 136, PRIVATE(FUTEX_WAIT_BITSET), 3),
		"rwlock 0x10080, to read, held by thread 1123", "reader behind a writer");
	is_wait(TT_WAIT_RDLOCK, TT_WAIT_NAMED, 1123, BASE + 128, "reader");
	FUTEX(NULL, 136, PRIVATE(FUTEX_WAIT_BITSET), 3);
	is_wait(TT_WAIT_RDLOCK, TT_WAIT_LAYOUT, 1123, BASE + 128, "reader without names");
	make_rwlock(3, 1, 3, 123);
	is_str(FUTEX("pthread_rwlock_wrlock", 140, PRIVATE(FUTEX_WAIT_BITSET), 3),
		"rwlock 0x10080, to write, held by thread 1123", "writer behind a writer");
	FUTEX(NULL, 140, PRIVATE(FUTEX_WAIT_BITSET), 3);
	is_wait(TT_WAIT_WRLOCK, TT_WAIT_LAYOUT, 1123, BASE + 128, "writer without names");
	make_rwlock(3 << 3 | 2, 2, 1, 0);
	is_str(FUTEX("pthread_rwlock_wrlock", 136, PRIVATE(FUTEX_WAIT_BITSET), 2),
		"rwlock 0x10080, to write, held by 3 readers", "writer behind readers");
	is_wait(TT_WAIT_WRLOCK, TT_WAIT_NAMED, 0, BASE + 128, "writer behind readers");
	is_u64(w.readers, 3, "readers");
	FUTEX(NULL, 136, PRIVATE(FUTEX_WAIT_BITSET), 2);
	is_wait(TT_WAIT_WRLOCK, TT_WAIT_LAYOUT, 0, BASE + 128, "writer behind readers, without names");
	FUTEX(NULL, 136, PRIVATE(FUTEX_WAIT), 2);
	is_wait(TT_WAIT_WRLOCK, TT_WAIT_GUESSED, 0, BASE + 128, "the same by its counters alone, waited for in the old way");
	make_rwlock(455505225u << 3 | 2, 2, 1, 0);
	is_str(FUTEX(NULL, 136, PRIVATE(FUTEX_WAIT), 2), "futex 0x10088",
		"more readers than there can be: a futex of the program's own");
}

static void test_others(void)
{
	uint32_t *o = object(0x2d0 + 256, 2);
	*o = 123; /* pd->tid */
	uint64_t thread = BASE + 256;
	memcpy((char *)memory + 256 + 16, &thread, sizeof(thread));
	is_str(FUTEX(NULL, 0x2d0 + 256, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 123), "the end of thread 1123", "join");
	is_wait(TT_WAIT_JOIN, TT_WAIT_LAYOUT, 1123, thread, "join");
	is_str(FUTEX(NULL, 0x2d0 + 256, PRIVATE(FUTEX_WAIT_BITSET), 123), "futex 0x103d0", "a private futex is no join");

	o = object(320, 12); /* a condition */
	o[0] = 4;
	o[4] = 2;
	o[9] = 8;
	is_str(FUTEX("pthread_cond_wait", 360, PRIVATE(FUTEX_WAIT_BITSET), 0), "condition 0x10140", "condition");
	is_wait(TT_WAIT_COND, TT_WAIT_NAMED, 0, BASE + 320, "condition");
	FUTEX(NULL, 360, PRIVATE(FUTEX_WAIT_BITSET), 0);
	is_wait(TT_WAIT_COND, TT_WAIT_LAYOUT, 0, BASE + 320, "condition without names");
	FUTEX(NULL, 360, PRIVATE(FUTEX_WAIT), 0);
	is_wait(TT_WAIT_COND, TT_WAIT_GUESSED, 0, BASE + 320, "condition by its counters alone, waited for in the old way");
	FUTEX(NULL, 360, FUTEX_WAIT_BITSET, 0);
	is_wait(TT_WAIT_FUTEX, TT_WAIT_GUESSED, 0, BASE + 360, "a condition of this process alone is waited for as such");
	static const struct {
		unsigned word;
		uint32_t value;
		const char *why;
	} wrong[] = {{0, 5, "its positions name two groups"}, {4, 6, "more refer to the group than wait"},
		{5, 4, "more refer to the other group than wait"}, {9, 24, "more wait than have begun to"},
		{8, 12, "a group is larger than what has begun"}};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint32_t right = o[wrong[i].word];
		o[wrong[i].word] = wrong[i].value;
		FUTEX(NULL, 360, PRIVATE(FUTEX_WAIT_BITSET), 0);
		is_wait(TT_WAIT_FUTEX, TT_WAIT_GUESSED, 0, BASE + 360, wrong[i].why);
		o[wrong[i].word] = right;
	}
	FUTEX("std::sys::unix::locks::futex_condvar::Condvar::wait_optional_timeout", 360, PRIVATE(FUTEX_WAIT_BITSET), 0);
	is_str(w.meaning, "a Condvar of Rust's std", "another library's condition");
	is_u64(w.address, BASE + 360, "is not looked into by our layout");

	o = object(512, 4);
	o[1] = 2;
	is_str(FUTEX("__new_sem_wait_slow64.constprop.0", 512, PRIVATE(FUTEX_WAIT_BITSET), 0), "semaphore 0x10200",
		"semaphore");
	FUTEX(NULL, 512, PRIVATE(FUTEX_WAIT_BITSET), 0);
	is_wait(TT_WAIT_SEM, TT_WAIT_LAYOUT, 0, BASE + 512, "semaphore without names");
	FUTEX(NULL, 512, PRIVATE(FUTEX_WAIT), 0);
	is_wait(TT_WAIT_SEM, TT_WAIT_GUESSED, 0, BASE + 512, "semaphore by its counters alone, waited for in the old way");
	FUTEX(NULL, 512, FUTEX_WAIT_BITSET, 0);
	is_wait(TT_WAIT_FUTEX, TT_WAIT_GUESSED, 0, BASE + 512, "a semaphore of this process alone is waited for as such");

	o = object(600, 5);
	o[0] = 5;
	o[1] = 3;
	o[2] = 4;
	is_str(FUTEX("pthread_barrier_wait", 604, PRIVATE(FUTEX_WAIT), 3), "barrier 0x10258, 2 of 4 threads have come",
		"barrier");
	is_str(FUTEX("PyThread_acquire_lock_timed", 512, PRIVATE(FUTEX_WAIT_BITSET), 7), "futex 0x10200 (a lock of Python)",
		"a meaning alone");
	FUTEX("syscall", 512, PRIVATE(FUTEX_WAIT_BITSET), 0);
	is_str(tt_wait_kind_name(w.kind), "futex",
		"a futex call of the program itself is no semaphore, whatever its memory looks like");
	const char *frames[] = {"some_function"};
	struct tt_wait_call call = {
		.nr = SYS_futex, .args = {BASE + 512, PRIVATE(FUTEX_WAIT_BITSET)}, .frames = frames, .frame_count = 1};
	tt_wait_decode(&w, &call, &env);
	is_str(tt_wait_kind_name(w.kind), "futex", "nor is one in a function that is not known");
	object(0, 0);
	is_str(FUTEX(NULL, 512, PRIVATE(FUTEX_WAIT), 7), "futex 0x10200", "nothing known");
	is_str(decode(SYS_futex, 0, 0, 0, 0), "futex", "no word at all");
}

/* ------------------------------------------------------------------ time */

static void put_time(size_t offset, int64_t s, int64_t ns)
{
	int64_t t[2] = {s, ns};
	memcpy((char *)memory + offset, t, sizeof(t));
}

static void test_time(void)
{
	object(0, 0);
	put_time(16, 5, 0);
	is_str(decode(SYS_nanosleep, BASE + 16, 0, 0, 0), "sleep of 5.00 s", "sleep");
	is_str(decode_named(NULL, SYS_nanosleep, BASE + 16, 0, 0, 0, 3000000000), "sleep of 5.00 s, 2.00 s left", "time left");
	is_str(decode_named(NULL, SYS_nanosleep, BASE + 16, 0, 0, 0, 9000000000), "sleep of 5.00 s, 0 s left", "none left");
	is_str(decode(SYS_clock_nanosleep, 0, 0, BASE + 16, 0), "sleep of 5.00 s", "sleep by a clock");
	put_time(16, 9, 500000000);
	is_str(decode(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, BASE + 16, 0), "sleep, 2.50 s left", "until");
	is_str(decode(SYS_futex, BASE + 512, PRIVATE(FUTEX_WAIT_BITSET), 7, BASE + 16), "futex 0x10200, 2.50 s left",
		"monotonic");
	is_str(decode(SYS_futex, BASE + 512, PRIVATE(FUTEX_WAIT_BITSET) | FUTEX_CLOCK_REALTIME, 7, BASE + 16),
		"futex 0x10200, 4.50 s left", "realtime");
	is_str(decode(SYS_futex, BASE + 512, PRIVATE(FUTEX_WAIT), 7, BASE + 16), "futex 0x10200, with a timeout", "relative");
	put_time(16, -1, 0);
	is_str(decode(SYS_nanosleep, BASE + 16, 0, 0, 0), "sleep", "an absurd time");
	put_time(16, INT64_MAX, 999999999);
	decode(SYS_nanosleep, BASE + 16, 0, 0, 0);
	ok(w.timed, "the longest time");
	is_str(decode(SYS_nanosleep, 8, 0, 0, 0), "sleep", "a time that cannot be read");
	is_str(decode(SYS_poll, 0, 0, 250, 0), "poll of no descriptor", "poll as a sleep");
	ok(w.kind == TT_WAIT_SLEEP, "is one");
	is_str(decode(SYS_poll, 0, 0, (uint64_t)-1, 0), "poll of no descriptor", "without a timeout");
}

/* ------------------------------------------------------------------ other calls */

static void test_calls(void)
{
	object(0, 0);
	is_str(decode(SYS_read, 7, 0, 0, 0), "read from fd 7", "read, descriptors unknown");
	is_int(w.fd, 7, "its descriptor");
	is_str(decode(SYS_pause, 0, 0, 0, 0), "pause: a signal", "pause");
	memory[0] = 1u << (10 - 1) | 1u << (15 - 1);
	is_str(decode(SYS_rt_sigtimedwait, BASE, 0, 0, 8), "rt_sigtimedwait: signal USR1, TERM", "signals");
	is_str(decode(SYS_epoll_wait, 5, 0, 10, (uint64_t)-1), "epoll_wait on epoll fd 5", "epoll");
	const char *postgres[] = {"epoll_wait", "WaitEventSetWait", "WaitLatch", "ProcSleep"};
	struct tt_wait_call lock = {
		.nr = SYS_epoll_wait, .args = {5, 0, 10, (uint64_t)-1}, .frames = postgres, .frame_count = 3};
	tt_wait_decode(&w, &lock, &env);
	ok(!w.meaning, "PostgreSQL waits for events");
	lock.frame_count = 4;
	tt_wait_decode(&w, &lock, &env);
	has_str(w.meaning, "a lock of PostgreSQL", "or for a lock");
	struct pollfd p[6] = {{.fd = 3}, {.fd = 4}, {.fd = 5}, {.fd = 6}, {.fd = 7}, {.fd = 8}};
	memcpy(memory, p, sizeof(p));
	is_str(decode(SYS_poll, BASE, 6, (uint64_t)-1, 0), "poll of 6 descriptors: fd 3, fd 4, fd 5, fd 6 and 2 more", "poll");
	object(0, 0);
	memory[1] = 1u << 3; /* bit 35 */
	is_str(decode(SYS_select, 40, BASE, 0, 0), "select: fd 35", "select");
	strcpy((char *)memory, "/var/tmp/x");
	is_str(decode(SYS_openat, (uint64_t)-100, BASE, 0, 0), "openat of /var/tmp/x", "a path");
	is_str(decode(SYS_sched_yield, 0, 0, 0, 0), "sched_yield", "a call that does not wait");
	is_str(decode(SYS_semop, 12, 0, 1, 0), "semop: System V semaphores 12", "semop");
	is_str(decode(100000, 0, 0, 0, 0), "system call 100000", "a number that does not exist");
	is_str(decode(-1, 0, 0, 0, 0), "", "in no call");
	is_str(tt_wait_kind_name(w.kind), "none", "waits for nothing");
	const char *frames[] = {NULL, "poll"};
	struct tt_wait_call call = {.nr = SYS_restart_syscall, .frames = frames, .frame_count = 2};
	tt_wait_decode(&w, &call, &env);
	is_str(tt_buf_str(&w.text), "poll, resumed after a stop or a signal", "restarted");
}

static void test_descriptions(void)
{
	struct tt_buf b = TT_BUF_INIT;
	object(0, 0);
	strcpy((char *)memory, "/etc/passwd");
	tt_syscall_describe(&b, SYS_openat, (uint64_t[6]){(uint64_t)-100, BASE, 0, 0}, read_memory, NULL);
	is_str(tt_buf_str(&b), "openat(AT_FDCWD, \"/etc/passwd\", 0x0, 0x0)", "a call with a path");
	tt_buf_clear(&b);
	tt_syscall_describe(
		&b, SYS_futex, (uint64_t[6]){0x1234, PRIVATE(FUTEX_WAIT_BITSET) | FUTEX_CLOCK_REALTIME, 7}, read_memory, NULL);
	is_str(tt_buf_str(&b), "futex(0x1234, FUTEX_WAIT_BITSET_PRIVATE|CLOCK_REALTIME, 7, NULL, NULL, 0x0)", "a futex call");
	tt_buf_clear(&b);
	tt_syscall_describe(&b, SYS_read, (uint64_t[6]){3, 0x10, 100}, NULL, NULL);
	is_str(tt_buf_str(&b), "read(3, 0x10, 100)", "without memory");
	tt_buf_clear(&b);
	memset(memory, 'x', sizeof(memory));
	tt_syscall_describe(&b, SYS_unlink, (uint64_t[6]){BASE + 4000}, read_memory, NULL);
	ok(b.len < 80 && strstr(tt_buf_str(&b), "xxx\"..."), "a long text is cut");
	tt_buf_deinit(&b);
	ok(!tt_syscall_find(-5) && !tt_syscall_find(335) && !tt_syscall_find(100000), "numbers without a call");
	is_str(tt_syscall_find(SYS_futex)->name, "futex", "a call by number");
	for (long nr = 0, last = -1; nr < 470; nr++) {
		const struct tt_syscall *s = tt_syscall_find(nr);
		if (s && (s->nr != nr || s->nr <= last))
			fail("the table is not in order at %ld", nr);
		last = s ? s->nr : last;
	}
}

/* Nothing in the memory or the arguments may make it crash; the sanitizers watch. */
static void test_noise(void)
{
	srand(7);
	for (int round = 0; round < 200000; round++) {
		if (round % 64 == 0)
			for (size_t i = 0; i < ARRAY_SIZE(memory); i++)
				memory[i] = (uint32_t)(rand() % 4 ? rand() % 200 : rand());
		uint64_t a[4];
		for (size_t i = 0; i < 4; i++)
			a[i] = rand() % 3 ? BASE + (uint64_t)rand() % 4096 : (uint64_t)rand() % 300;
		decode_named(rand() % 2 ? "pthread_mutex_lock" : NULL, rand() % 3 ? SYS_futex : rand() % 460, a[0], a[1], a[2],
			a[3], (uint64_t)rand());
	}
	pass("two hundred thousand calls of noise");
}

/* ------------------------------------------------------------------ the real thing: threads of this process */

static struct {
	pthread_mutex_t mutex, recursive, robust, pi;
	pthread_rwlock_t rw, held_by_readers;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	sem_t sem;
	pthread_t main_thread;
} real = {.mutex = PTHREAD_MUTEX_INITIALIZER,
	.rw = PTHREAD_RWLOCK_INITIALIZER,
	.held_by_readers = PTHREAD_RWLOCK_INITIALIZER,
	.cond = PTHREAD_COND_INITIALIZER};

static int own_read(void *ctx, uint64_t address, void *buf, size_t len)
{
	struct iovec to = {buf, len}, from = {(void *)(uintptr_t)address, len};
	(void)ctx;
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static pid_t own_thread(void *ctx, uint32_t tid)
{
	char path[64];
	(void)ctx;
	snprintf(path, sizeof(path), "/proc/self/task/%u", tid);
	return tid && access(path, F_OK) == 0 ? (pid_t)tid : 0;
}

enum {
	W_MUTEX,
	W_TIMED,
	W_RECURSIVE,
	W_ROBUST,
	W_PI,
	W_READ,
	W_WRITE,
	W_BEHIND_READERS,
	W_JOIN,
	W_COND,
	W_BARRIER,
	W_SEM,
	W_STDIO,
	W_MAX
};

static const struct {
	enum tt_wait_kind kind;
	bool owned;
	const void *object;
} expected[W_MAX] = {
	[W_MUTEX] = {TT_WAIT_MUTEX, true, &real.mutex},
	[W_TIMED] = {TT_WAIT_MUTEX, true, &real.mutex},
	[W_RECURSIVE] = {TT_WAIT_MUTEX, true, &real.recursive},
	[W_ROBUST] = {TT_WAIT_MUTEX, true, &real.robust},
	[W_PI] = {TT_WAIT_MUTEX, true, &real.pi},
	[W_READ] = {TT_WAIT_RDLOCK, true, &real.rw},
	[W_WRITE] = {TT_WAIT_WRLOCK, true, &real.rw},
	[W_BEHIND_READERS] = {TT_WAIT_WRLOCK, false, &real.held_by_readers},
	[W_JOIN] = {TT_WAIT_JOIN, true, NULL},
	[W_COND] = {TT_WAIT_COND, false, &real.cond},
	[W_BARRIER] = {TT_WAIT_FUTEX, false, NULL}, /* without names nothing tells a barrier */
	[W_SEM] = {TT_WAIT_SEM, false, &real.sem},
	[W_STDIO] = {TT_WAIT_STDIO, true, NULL},
};

static struct {
	pid_t tid;
	pthread_t thread;
} waiters[W_MAX];

static void *waiter(void *arg)
{
	int which = (int)(intptr_t)arg;
	static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
	struct timespec far = {.tv_sec = time(NULL) + 1000};
	__atomic_store_n(&waiters[which].tid, gettid(), __ATOMIC_RELEASE);
	switch (which) {
	case W_MUTEX:
		pthread_mutex_lock(&real.mutex);
		break;
	case W_TIMED:
		pthread_mutex_timedlock(&real.mutex, &far);
		break;
	case W_RECURSIVE:
		pthread_mutex_lock(&real.recursive);
		break;
	case W_ROBUST:
		pthread_mutex_lock(&real.robust);
		break;
	case W_PI:
		pthread_mutex_lock(&real.pi);
		break;
	case W_READ:
		pthread_rwlock_rdlock(&real.rw);
		break;
	case W_WRITE:
		pthread_rwlock_wrlock(&real.rw);
		break;
	case W_BEHIND_READERS:
		pthread_rwlock_wrlock(&real.held_by_readers);
		break;
	case W_JOIN:
		pthread_join(real.main_thread, NULL);
		break;
	case W_COND:
		pthread_mutex_lock(&own);
		pthread_cond_wait(&real.cond, &own);
		break;
	case W_BARRIER:
		pthread_barrier_wait(&real.barrier);
		break;
	case W_SEM:
		sem_wait(&real.sem);
		break;
	default:
		flockfile(stderr);
	}
	return NULL;
}

static void take_everything(void)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&real.recursive, &a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_NORMAL);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&real.robust, &a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&real.pi, &a);
	pthread_barrier_init(&real.barrier, NULL, 2);
	sem_init(&real.sem, 0, 0);
	pthread_mutex_lock(&real.mutex);
	pthread_mutex_lock(&real.recursive);
	pthread_mutex_lock(&real.robust);
	pthread_mutex_lock(&real.pi);
	pthread_rwlock_wrlock(&real.rw);
	pthread_rwlock_rdlock(&real.held_by_readers);
	flockfile(stderr);
	real.main_thread = pthread_self();
}

/* Waits until the thread sleeps in a futex call, as /proc says. */
static bool blocked_call(pid_t tid, struct tt_wait_call *call)
{
	char path[64], line[256] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)tid);
	for (int i = 0; i < 5000; i++) {
		FILE *f = fopen(path, "re");
		bool got = f && fgets(line, sizeof(line), f);
		if (f)
			fclose(f);
		uint64_t *a = call->args;
		if (got &&
			sscanf(line, "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &call->nr,
				&a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) == 7 &&
			call->nr == SYS_futex)
			return true;
		usleep(1000);
	}
	return false;
}

static void test_real_threads(void)
{
	struct tt_wait_env own = {.read = own_read, .thread = own_thread, .pid = getpid()};
	take_everything();
	for (int i = 0; i < W_MAX; i++)
		pthread_create(&waiters[i].thread, NULL, waiter, (void *)(intptr_t)i);
	for (int i = 0; i < W_MAX; i++) {
		struct tt_wait_call call = {0};
		while (!__atomic_load_n(&waiters[i].tid, __ATOMIC_ACQUIRE))
			usleep(1000);
		if (!ok(blocked_call(waiters[i].tid, &call), "waiter %d is blocked", i))
			continue;
		tt_wait_decode(&w, &call, &own);
		is_str(tt_wait_kind_name(w.kind), tt_wait_kind_name(expected[i].kind), "waiter %d: kind", i);
		is_int(w.owner, expected[i].owned ? gettid() : 0, "waiter %d: owner", i);
		if (expected[i].object)
			is_u64(w.address, (uintptr_t)expected[i].object, "waiter %d: address", i);
	}
}

/* ------------------------------------------------------------------ descriptors of this process */

static void test_fds(void)
{
	struct tt_fds *fds;
	int pipes[2];
	struct tt_buf b = TT_BUF_INIT;
	if (!ok(tt_fds_create(getpid(), &fds) == 0 && pipe(pipes) == 0, "descriptors of this process"))
		return;
	const struct tt_fd *fd = tt_fds_get(fds, pipes[0]);
	is_str(tt_fd_kind_name(fd->kind), "pipe", "a pipe");
	ok(fd->inode && tt_fds_get(fds, pipes[1])->inode == fd->inode, "both ends are the same pipe");
	struct tt_wait_env live = {.read = own_read, .fds = fds, .pid = getpid(), .thorough = true};
	struct tt_wait_call call = {.nr = SYS_read, .args = {(uint64_t)pipes[0]}};
	tt_wait_decode(&w, &call, &live);
	is_str(tt_wait_kind_name(w.kind), "pipe", "read from a pipe");
	tt_fd_describe(&b, tt_fds_get(fds, 999));
	is_str(tt_buf_str(&b), "fd 999 (not open)", "a descriptor that is not open");
	is_int(tt_fds_get(fds, 999)->error, EBADF, "why");
	is_int(tt_fds_get(fds, -1)->error, EBADF, "a negative number");
	tt_buf_deinit(&b);
	tt_fds_clear(fds);
	is_str(tt_fd_kind_name(tt_fds_get(fds, pipes[0])->kind), "pipe", "asked again after all was forgotten");
	tt_fds_destroy(fds);
	tt_fds_destroy(NULL);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	test_mutexes();
	test_musl();
	test_rwlocks();
	test_others();
	test_time();
	test_calls();
	test_descriptions();
	test_noise();
	test_fds();
	test_real_threads();
	tt_wait_deinit(&w);
	fflush(NULL);
	_exit(done()); /* threads that wait for ever */
}
