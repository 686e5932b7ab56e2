/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * waits.h - what a blocked thread waits for, and who holds it, from its system call alone.
 *
 * Input is the number and the arguments of the call (/proc/PID/task/TID/syscall, or the registers in a core file) and a way to
 * read memory; so it works for live processes, stopped or not, and for core files. Futexes become locks by glibc's lock words
 * (glibc 2.25 and later on x86-64; musl's recursive kinds): kind, address, owner. Descriptors become files, pipes and sockets
 * through fds.h. The names of the innermost functions, where they are known, settle what the words alone leave open.
 *
 *   struct tt_wait w = TT_WAIT_INIT;
 *   struct tt_wait_call call = {.nr = 202, .args = {...}, .frames = names, .frame_count = 4};
 *   tt_wait_decode(&w, &call, &env);
 *   if (w.owner) ... w.kind, w.address, w.owner ...; else puts(tt_buf_str(&w.text));
 *   tt_wait_deinit(&w);
 *
 * What it is not: reading /proc/PID/task/TID/syscall (threads.h), names of locks (lib/sym). Called by threaddump and threadtop.
 * Not for threads. The memory is the target's: nothing in it is trusted.
 */
#ifndef TT_PROC_WAITS_H
#define TT_PROC_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/proc/fds.h"
#include "lib/proc/syscalls.h"
#include "lib/util/buf.h"

/* enum, name in JSON and in columns, words */
#define TT_WAIT_KINDS(X)                                           \
	X(NONE, "none", "nothing")                                 \
	X(MUTEX, "mutex", "mutex")                                 \
	X(RDLOCK, "rdlock", "rwlock, to read")                     \
	X(WRLOCK, "wrlock", "rwlock, to write")                    \
	X(STDIO, "stdio-lock", "stdio stream")                     \
	X(JOIN, "join", "the end of thread")                       \
	X(COND, "cond", "condition")                               \
	X(SEM, "sem", "semaphore")                                 \
	X(BARRIER, "barrier", "barrier")                           \
	X(ONCE, "once", "one-time initialisation")                 \
	X(FUTEX, "futex", "futex")                                 \
	X(SOCKET, "socket", "socket")                              \
	X(PIPE, "pipe", "pipe")                                    \
	X(FILE, "file", "file")                                    \
	X(TERMINAL, "terminal", "terminal")                        \
	X(DEVICE, "device", "device")                              \
	X(EVENT, "event", "eventfd, timerfd, signalfd or inotify") \
	X(EPOLL, "epoll", "events of an epoll set")                \
	X(POLL, "poll", "events of descriptors")                   \
	X(SLEEP, "sleep", "time to pass")                          \
	X(CHILD, "child", "a child process")                       \
	X(SIGNAL, "signal", "a signal")                            \
	X(FILE_LOCK, "file-lock", "lock on a file")                \
	X(IPC, "ipc", "System V or POSIX IPC")                     \
	X(AIO, "aio", "asynchronous input or output")              \
	X(CALL, "call", "a system call")

enum tt_wait_kind {
#define X(id, name, words) TT_WAIT_##id,
	TT_WAIT_KINDS(X)
#undef X
		TT_WAIT_KIND_MAX
};
const char *tt_wait_kind_name(enum tt_wait_kind kind);
const char *tt_wait_kind_words(enum tt_wait_kind kind);

/* True for kinds that another thread of the program ends by giving back what it holds. */
bool tt_wait_is_lock(enum tt_wait_kind kind);

/* How well the kind of a futex wait, and with it the owner, is known. */
enum tt_wait_sure {
	TT_WAIT_GUESSED, /* neither memory nor names decide; a lock that keeps no owner: only counters that fit say so */
	TT_WAIT_LAYOUT,  /* the words around the futex are those of such an object, and its owner is a thread of the process */
	TT_WAIT_NAMED,   /* and a function of the C library on the stack says the same */
};

struct tt_wait_call {
	long nr; /* of the system call; negative: blocked, but in none (a page fault, or it was stopped) */
	uint64_t args[6];
	uint64_t sp;               /* stack pointer; 0: unknown */
	uint64_t waited_ns;        /* how long it has been blocked, for the time left of relative timeouts; 0: unknown */
	const char *const *frames; /* functions, innermost first, raw or demangled; entries may be NULL */
	size_t frame_count;
};

struct tt_wait_env {
	tt_memory_read read;
	void *ctx; /* for read and thread */
	/*
	 * The thread that the process itself calls `tid`, as we number it: 0 when it is not one of its living threads. Where
	 * the process has a pid namespace of its own, that is another number.
	 */
	pid_t (*thread)(void *ctx, uint32_t tid);
	struct tt_fds *fds;                 /* NULL: not known (a core file): descriptors stay numbers */
	uint64_t realtime_ns, monotonic_ns; /* now, for the time left until deadlines; 0: unknown */
	pid_t pid;                          /* a live process as we number it; 0: a core file */
	bool thorough;                      /* look for other ends and members: costs a walk through /proc at the first pipe */
};

struct tt_wait {
	enum tt_wait_kind kind;
	enum tt_wait_sure sure; /* of a futex wait */
	long nr;
	const char *call;       /* name of the system call; NULL: none, or not in the table */
	uint64_t address;       /* of the lock, condition ...; of the futex word where only that is known; 0: none */
	uint64_t word;          /* futex word; 0: no futex */
	unsigned lock_type;     /* mutexes: __kind of glibc: 0..3 with 16 robust, 32 PI, 64 PP, 128 shared */
	bool shared;            /* between processes */
	pid_t owner;            /* thread that holds it, or that is joined; 0: nobody, or not kept */
	uint32_t owner_word;    /* the number in the lock word: set although owner is 0 when no such thread lives */
	uint32_t readers;       /* of an rwlock that is held for reading */
	uint32_t writers;       /* that wait for an rwlock */
	int fd;                 /* -1 none */
	const struct tt_fd *at; /* fd; NULL unknown; valid as long as the answers of env->fds */
	bool listens;           /* new clients end it: it accepts them, or polls a socket that does */
	struct tt_holder peer;  /* who holds the other end, or the file's lock; pid 0: not known */
	bool timed, left_known; /* it ends by itself, in left_ns */
	uint64_t left_ns;
	pid_t child;         /* a certain child that is waited for, by the number that the target knows; 0: none, or any */
	const char *meaning; /* what it is in its language: "the interpreter lock (GIL)" ...: a literal, or NULL */
	struct tt_buf text;  /* what it is in words, without names of locks and threads: "mutex", "recv from tcp 10.0.0.5:80" */
	struct tt_buf note;  /* one thing more, or empty: "2 of 3 threads have come" */
};
#define TT_WAIT_INIT     \
	{                \
		.fd = -1 \
	}

/* Decodes into w, which keeps its memory from call to call. 0 or -ENOMEM. */
int tt_wait_decode(struct tt_wait *w, const struct tt_wait_call *call, const struct tt_wait_env *env);
void tt_wait_deinit(struct tt_wait *w);

/* True when the wait is for an object in memory (one waits "for" it); else for what a system call does (one is "in" it). */
bool tt_wait_is_object(const struct tt_wait *w);

/*
 * Appends all of it as one phrase: "mutex cache_lock, held by thread 4243 worker-2", "recv from tcp 10.0.0.5:80 (ESTABLISHED)",
 * "sleep of 5 s, 3.2 s left". lock, owner: names of the lock's variable and of the owner, or NULL. Raw: escape it. 0 or
 * -ENOMEM.
 */
int tt_wait_say(struct tt_buf *buf, const struct tt_wait *w, const char *lock, const char *owner);

#endif
