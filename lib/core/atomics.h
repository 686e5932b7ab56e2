/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * atomics.h - atomic operations with the memory order in their name. Headers only.
 *
 * relaxed: a counter, or a value whose meaning does not depend on other memory. release/acquire: publishes a record to whoever
 * loads the same word with acquire. The name says it, so that a reader of the code need not look for a parameter.
 */
#ifndef TT_CORE_ATOMICS_H
#define TT_CORE_ATOMICS_H

#include <stdbool.h>
#include <stdint.h>

#define tt_load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define tt_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define tt_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define tt_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define tt_add_relaxed(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define tt_add_acq_rel(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define tt_sub_relaxed(p, v)   __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED)
#define tt_or_relaxed(p, v)    __atomic_fetch_or((p), (v), __ATOMIC_RELAXED)
#define tt_and_relaxed(p, v)   __atomic_fetch_and((p), (v), __ATOMIC_RELAXED)
/* old is a pointer to the expected value, updated on failure */
#define tt_cas_acq_rel(p, old, v) __atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define tt_cas_relaxed(p, old, v) __atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)

/* Orders the compiler only: this thread against its own signal handlers, and stores against x86's store order. */
#define tt_barrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* In a loop that waits for another processor: leaves it the core's other half and the bus. */
#if defined(__x86_64__)
#define tt_relax() __asm__ volatile("pause" ::: "memory")
#elif defined(__aarch64__)
#define tt_relax() __asm__ volatile("isb" ::: "memory")
#else
#define tt_relax() tt_barrier()
#endif

/* A store before it is seen by others before a load after it is done: for two sides that each write, then look. */
#if defined(__SANITIZE_THREAD__) /* knows no fences */
static uint32_t tt_fence_word __attribute__((unused));
#define tt_fence() __atomic_fetch_add(&tt_fence_word, 1, __ATOMIC_SEQ_CST)
#else
#define tt_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/*
 * A word that one thread writes and others may read: adds in one instruction, so that this thread's signal handlers never find
 * it half done. Not a locked one. ThreadSanitizer is shown what it needs to see.
 */
#if defined(__SANITIZE_THREAD__)
#define tt_own_add(p, v) __atomic_store_n((p), __atomic_load_n((p), __ATOMIC_RELAXED) + (v), __ATOMIC_RELAXED)
#elif defined(__x86_64__)
/* Said to the assembler: a compiler that has *p in a register already would store that. */
#define tt_own_add(p, v)                                                                  \
	do {                                                                              \
		if (sizeof(*(p)) == 8)                                                    \
			__asm__("addq %1, %0" : "+m"(*(p)) : "er"((uint64_t)(v)) : "cc"); \
		else                                                                      \
			__asm__("addl %1, %0" : "+m"(*(p)) : "er"((uint32_t)(v)) : "cc"); \
	} while (0)
#else
#define tt_own_add(p, v) (*(p) += (v))
#endif

/* Raises *p to v if v is larger. */
#define tt_max_relaxed(p, v)                                                             \
	do {                                                                             \
		__typeof__(*(p)) max_new_ = (v), max_old_ = tt_load_relaxed(p);          \
		while (max_old_ < max_new_ && !tt_cas_relaxed((p), &max_old_, max_new_)) \
			;                                                                \
	} while (0)

#endif
