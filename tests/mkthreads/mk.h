/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mk.h - what the scenarios of mkthreads share: the ground truth they fill in, and the means to order threads exactly.
 *
 * What it is: the interface between main.c, truth.c, order.c and the scenario files. C and C++.
 * What it is not: part of the product. No scenario may use anything of lib/ or preload/: the truth would depend on what it
 * judges.
 *
 * The helpers that order threads (gates, waits for "that thread is blocked") enter the kernel by raw system calls, so that a
 * preloaded recorder sees the calls of the scenario and nothing else.
 */
#ifndef MK_H
#define MK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A function whose name the truth mentions: never inlined, cloned or folded into its twin. Its lock call must not be the last
 * thing it does, or a tail call would hide it: wrap the call in MK_MUST, or end with MK_KEEP_FRAME.
 */
#if defined(__clang__)
#define MK_NAMED __attribute__((noinline))
#else
#define MK_NAMED __attribute__((noipa))
#endif
#define MK_KEEP_FRAME() __asm__ volatile("" ::: "memory")

/* Ends the process (status 3, "mkthreads: what failed") unless the call returned 0. */
#define MK_MUST(call)                          \
	do {                                   \
		int mk_rc_ = (call);           \
		if (mk_rc_ != 0)               \
			mk_die(#call, mk_rc_); \
	} while (0)
#define MK_EXPECT(call, want)                  \
	do {                                   \
		int mk_rc_ = (call);           \
		if (mk_rc_ != (want))          \
			mk_die(#call, mk_rc_); \
	} while (0)
#define MK_TRUE(cond)                     \
	do {                              \
		if (!(cond))              \
			mk_die(#cond, 0); \
	} while (0)

void mk_die(const char *what, int error) __attribute__((noreturn));

/* ------------------------------------------------------------------ scenarios and parameters */

struct mk_param {
	const char *name;
	long value; /* default */
	const char *help;
};

struct mk_scenario {
	const char *name;
	int (*run)(void); /* returns the exit status of the process; the truth is printed after it */
	const char *what;
	const struct mk_param *params; /* ended by a NULL name */
};

extern const struct mk_scenario mk_scenarios[]; /* ended by a NULL name */

/* Value of a parameter of the running scenario. Dies if the table does not name it. */
long mk_arg(const char *name);

/* ------------------------------------------------------------------ the truth */

/*
 * All of it lies in memory shared with forked children. Counters are atomic. A lock belongs to the process that added it: a
 * child that uses an inherited lock adds its own entry.
 */
struct mk_lock;
struct mk_pair;

/* kind: the report's word for it (mutex, rwlock, cond, sem, barrier, spin, once, futex). size: bytes of the object. */
struct mk_lock *mk_add_lock(const char *name, const char *kind, const void *address, size_t size);
/* Waits of `waiter` (function that calls the blocking operation) for a lock got in `holder` (NULL: no holder). */
struct mk_pair *mk_add_pair(struct mk_lock *lock, const char *waiter, const char *holder);
void mk_took(struct mk_lock *lock, uint64_t n);         /* n acquisitions that did not wait */
void mk_waited(struct mk_pair *pair, uint64_t wait_ns); /* one acquisition that waited so long */
/* A timed wait that ended by its deadline: no acquisition, but its time is part of what the pair waited. */
void mk_timed_out(struct mk_pair *pair, uint64_t wait_ns);
void mk_try_failed(struct mk_lock *lock, uint64_t n);
void mk_contended_unknown(struct mk_lock *lock); /* the scenario races freely: `contended` and waits are not known */
/* Operations other than acquisitions: posts, signals, releases ... name must be a literal. */
void mk_count(struct mk_lock *lock, const char *name, uint64_t n);

/* Registers the calling thread under the name of its start routine. */
void mk_enter(const char *start_routine);
void mk_created(uint64_t n);
void mk_joined(uint64_t n);
void mk_detached(uint64_t n);
void mk_fact(const char *name, long long value);
void mk_fact_text(const char *name, const char *value);
/* One edge of a deadlock: thread `tid` waits for `address`, which `owner` holds (0: a join, barrier ...). */
void mk_edge(int tid, const void *address, int owner);

/* Prints the truth now, if it was not printed yet. For scenarios that do not come back. */
void mk_print(void);

#define MK_CREATE(thread, attr, start, arg)                                \
	do {                                                               \
		MK_MUST(pthread_create((thread), (attr), (start), (arg))); \
		mk_created(1);                                             \
	} while (0)
#define MK_JOIN(thread, ret)                            \
	do {                                            \
		MK_MUST(pthread_join((thread), (ret))); \
		mk_joined(1);                           \
	} while (0)

/* ------------------------------------------------------------------ order */

uint64_t mk_now(void); /* CLOCK_MONOTONIC, ns */
int mk_tid(void);
void mk_sleep_us(long us); /* by a raw system call, signals do not shorten it */
void mk_burn_us(long us);  /* CPU time of the calling thread */

/* A counter that threads wait for. Zero-initialised. */
struct mk_gate {
	int n;
};
void mk_gate_add(struct mk_gate *gate);
void mk_gate_wait(const struct mk_gate *gate, int n); /* until n were added */
/* Many threads: they sleep until the gate is opened, which is for good. */
void mk_gate_sleep(const struct mk_gate *gate);
void mk_gate_open(struct mk_gate *gate);

/* Until thread tid of process pid (0: this one) is blocked in a futex call on a word inside [object, object + size). */
void mk_wait_blocked(int pid, int tid, const void *object, size_t size);
/* Until it is blocked in system call nr. */
void mk_wait_syscall(int pid, int tid, long nr);
/* Until it has used us microseconds of CPU time from now on: what tells that a spinning thread really spins. */
void mk_wait_ran(int tid, long us);
/* Until it is gone from /proc/self/task. */
void mk_wait_gone(int tid);
/* Threads of this process, by /proc. */
int mk_thread_count(void);

/* ------------------------------------------------------------------ the contention engine */

/*
 * Each round: the holder gets the lock by hold(), lets the waiters run into want(), waits until each is seen blocked on the
 * object, holds on for hold_us, and lets go by release(). So every want() waits exactly once, and every hold() not at all.
 */
struct mk_contend {
	void *object;
	size_t size;
	void (*hold)(void *object);
	void (*want)(void *object);
	void (*release)(void *object);        /* after hold() */
	void (*release_wanted)(void *object); /* after want(); NULL: release */
	const char *hold_name, *want_name;    /* names of hold and want */
	const char *name, *kind;              /* of the lock */
	int waiters, rounds;
	long hold_us;
	bool spins; /* waiters spin instead of sleeping */
};
/* Runs it, holder in the calling thread; adds lock, pair and threads to the truth. Returns the lock for more counts. */
struct mk_lock *mk_run_contend(const struct mk_contend *c);

#ifdef __cplusplus
}
#endif
#endif
