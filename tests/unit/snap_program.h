/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_program.h - runs a subject program of tests/programs/stacks and reads what it says of its threads.
 * Called by the tests of snapshots and unwinding.
 */
#ifndef TT_TESTS_SNAP_PROGRAM_H
#define TT_TESTS_SNAP_PROGRAM_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM_THREADS_MAX 64

struct program_thread {
	pid_t tid;
	char shape[32];
	char functions[400]; /* " hold plain_inner ... " with a blank at both ends */
};

struct program {
	pid_t pid;
	FILE *out;
	size_t count;
	struct program_thread threads[PROGRAM_THREADS_MAX];
};

/* BUILD/tests/programs/stacks/NAME. */
static __attribute__((unused)) const char *program_path(const char *name)
{
	static char path[4096];
	const char *build = getenv("TT_BUILD");
	snprintf(path, sizeof(path), "%s/tests/programs/stacks/%s", build ? build : "build", name);
	return path;
}

static __attribute__((unused)) bool program_blocks(pid_t pid, pid_t tid)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	FILE *f = fopen(path, "r");
	bool read = f && fgets(text, sizeof(text), f);
	if (f)
		fclose(f);
	return read && text[0] >= '0' && text[0] <= '9';
}

/* Starts it and reads lines "TID SHAPE function ..." until "ready" and `count` of them have come. */
static __attribute__((unused)) bool program_start(struct program *program, const char *path, char *const argv[], size_t count)
{
	int out[2];
	char line[512];
	bool ready = false;
	memset(program, 0, sizeof(*program));
	fflush(stdout);
	if (pipe(out))
		return false;
	program->pid = fork();
	if (program->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execv(path, argv);
		_exit(127);
	}
	close(out[1]);
	program->out = fdopen(out[0], "r");
	while (program->out && (!ready || program->count < count) && fgets(line, sizeof(line), program->out)) {
		struct program_thread *thread = &program->threads[program->count];
		int at = 0, tid;
		if (strcmp(line, "ready\n") == 0) {
			ready = true;
		} else if (sscanf(line, "%d %31s%n", &tid, thread->shape, &at) == 2 && at &&
			   program->count + 1 < PROGRAM_THREADS_MAX) {
			line[strcspn(line, "\n")] = ' ';
			snprintf(thread->functions, sizeof(thread->functions), "%s", line + at);
			thread->tid = tid;
			program->count++;
		}
	}
	return ready && program->count >= count;
}

/* Until all its threads block. */
static __attribute__((unused)) void program_settle(const struct program *program)
{
	for (size_t i = 0; i < program->count; i++) {
		while (!program_blocks(program->pid, program->threads[i].tid))
			sched_yield();
	}
	while (!program_blocks(program->pid, program->pid))
		sched_yield();
}

static __attribute__((unused)) void program_end(struct program *program)
{
	kill(program->pid, SIGKILL);
	waitpid(program->pid, NULL, 0);
	if (program->out)
		fclose(program->out);
}

#endif
