/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_subject.h - child processes with threads in a known state, for the tests of snapshots and unwinding.
 * The child is a fork of the test; it tells its threads' numbers once they are where they should be, and ends with the test.
 */
#ifndef TT_TESTS_SNAP_SUBJECT_H
#define TT_TESTS_SNAP_SUBJECT_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUBJECT_MAX 64

enum subject_kind { SUBJECT_BLOCKED, SUBJECT_SPINNING, SUBJECT_OWN };

/* In memory that child and test share. */
struct subject_shared {
	pid_t tids[SUBJECT_MAX];
	uint64_t beats[SUBJECT_MAX]; /* counted by spinning threads */
};

struct subject {
	pid_t pid;
	size_t count;
	pid_t *tids;
	struct subject_shared *shared;
};

static struct subject_shared *subject_shared;
static enum subject_kind subject_kind;
static void (*subject_own)(size_t index); /* SUBJECT_OWN: what its threads do */
static void (*subject_main_own)(void);    /* what the main thread does after that, before it pauses; NULL: nothing */

static __attribute__((noinline)) void subject_stay(size_t index)
{
	__atomic_store_n(&subject_shared->tids[index], (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (subject_kind == SUBJECT_OWN)
		subject_own(index);
	while (subject_kind == SUBJECT_SPINNING)
		__atomic_add_fetch(&subject_shared->beats[index], 1, __ATOMIC_RELAXED);
	for (;;)
		pause();
}

static void *subject_thread(void *arg)
{
	subject_stay((size_t)(uintptr_t)arg);
	return NULL;
}

/* True when thread tid of pid blocks in a system call. */
static bool subject_blocks(pid_t pid, pid_t tid)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	FILE *f = fopen(path, "r");
	bool read = f && fgets(text, sizeof(text), f);
	if (f)
		fclose(f);
	return read && text[0] >= '0' && text[0] <= '9';
}

static void subject_wait(const struct subject *subject)
{
	for (size_t i = 0; i < subject->count; i++) {
		while (__atomic_load_n(&subject->tids[i], __ATOMIC_ACQUIRE) == 0)
			sched_yield();
		while (subject_kind == SUBJECT_BLOCKED && !subject_blocks(subject->pid, subject->tids[i]))
			sched_yield();
	}
	while (!subject_main_own && !subject_blocks(subject->pid, subject->pid))
		sched_yield();
}

static __attribute__((unused)) struct subject subject_start(enum subject_kind kind, size_t count)
{
	subject_shared = mmap(NULL, sizeof(*subject_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	subject_kind = kind;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < count; i++) {
			pthread_t thread;
			if (pthread_create(&thread, NULL, subject_thread, (void *)(uintptr_t)i))
				_exit(1);
		}
		if (subject_main_own)
			subject_main_own();
		for (;;)
			pause();
	}
	struct subject subject = {.pid = pid, .count = count, .tids = subject_shared->tids, .shared = subject_shared};
	subject_wait(&subject);
	return subject;
}

/* Spinning threads count on. */
static __attribute__((unused)) bool subject_runs_on(const struct subject *subject)
{
	for (size_t i = 0; i < subject->count; i++) {
		uint64_t before = __atomic_load_n(&subject->shared->beats[i], __ATOMIC_RELAXED);
		while (__atomic_load_n(&subject->shared->beats[i], __ATOMIC_RELAXED) == before)
			sched_yield();
	}
	return true;
}

static __attribute__((unused)) void subject_end(struct subject *subject)
{
	kill(subject->pid, SIGKILL);
	waitpid(subject->pid, NULL, 0);
	munmap(subject->shared, sizeof(*subject->shared));
}

#endif
