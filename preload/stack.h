/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack.h - captures the stack of the calling thread, in the target, at any moment.
 *
 * Not libunwind and not libgcc: those may take the loader lock, allocate, or cost microseconds per frame. This walker finds
 * unwind tables through glibc's lock-free _dl_find_object, remembers what they say about each code address in a shared cache,
 * and follows frame pointers where there are no tables (code made at run time). It never allocates, locks, makes a system call,
 * uses TLS or touches errno; it may be called in a signal handler, inside malloc, inside dlopen, on a 16 KB stack.
 * It reads only the stack between the frame it starts from and the bounds given, and the unwind tables of loaded objects.
 *
 * Resolves nothing: a stack is a list of return addresses, innermost first (subtract 1 to look one up).
 * Called by the shim's slow paths. The flags are enum ttrec_stack_flag of lib/core/ttrec_format.h.
 */
#ifndef TT_PRELOAD_STACK_H
#define TT_PRELOAD_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The thread's stack: [low, high) is readable down to the current stack pointer. high == 0: not known. */
struct tt_stack_bounds {
	uintptr_t low, high;
};

/* Sensible size of the cache: 8,192 code addresses. Any size of at least TT_STACK_CACHE_MIN works, without it all is slow. */
#define TT_STACK_CACHE_BYTES (64u << 10)
#define TT_STACK_CACHE_MIN   (2u << 10)

/*
 * Before the first walk. Gives the walker its cache: zeroed, 64-byte aligned, `bytes` long (rounded down to a power of two); it
 * must stay mapped for as long as anybody walks, and may turn to zeros at any moment (MADV_WIPEONFORK). memory == NULL or too
 * small: no cache. Not to be called again while another thread walks.
 */
void tt_stack_init(void *memory, size_t bytes);

/* Forgets all code addresses; call it after dlclose, because other code may be mapped there now. Any thread, any time. */
void tt_stack_flush(void);

/*
 * What the last walk from one place read from the stack, see stack_last.c. Belongs to one thread; all zero: nothing is known.
 */
#define TT_STACK_READS 44u
struct tt_stack_last {
	uintptr_t pc, cfa, sp, bp, high; /* where it began, and the end of the stack */
	uint64_t flushes;
	uint32_t stack; /* the caller's name for what it found; 0 none */
	uint8_t count;  /* words noted; 0: none, the next walk goes all the way */
	uint8_t noted;  /* the same, until it is known that they lead to `stack` */
	uint8_t tries;  /* notes since one was of use */
	bool again;     /* two walks in a row found the same: noting may help */
	bool needs_bp;
	uint16_t at[TT_STACK_READS]; /* in words from sp */
	uint64_t value[TT_STACK_READS];
};
/* The walk's frames are called `stack` (0: nothing); after an answer of 0, last->stack is what they are called. */
static inline void tt_stack_last_is(struct tt_stack_last *last, uint32_t stack)
{
	last->again = stack && last->stack == stack;
	if (!last->again)
		last->noted = last->tries = 0;
	last->stack = stack;
	last->count = last->noted;
}

/*
 * Walks from a frame whose registers are known: pc is a return address, sp and bp the stack and frame pointer after that
 * return (bp may be 0: not known). pcs[0] is pc itself; at most max >= 1 entries are written. Bounds unknown, or sp outside of
 * them: only pcs[0]. Returns the number of frames, and in *flags how the walk ended:
 *
 * - TTREC_STACK_COMPLETE: it reached the outermost frame, where the thread began
 * - TTREC_STACK_TRUNCATED: max was too small
 * - neither: it lost its way; the frames are right, but outer ones are missing
 * - TTREC_STACK_GUESSED, in addition: some frame was found by a frame pointer
 */
unsigned tt_stack_walk(
	uintptr_t pc, uintptr_t sp, uintptr_t bp, struct tt_stack_bounds bounds, uint64_t *pcs, unsigned max, uint16_t *flags);

/*
 * The same for the caller of a hook that is still active further out on the stack: pc is TT_STACK_PC() and cfa is
 * TT_STACK_CFA(), both evaluated in the hook itself. Nothing else is needed of the hook (no frame pointer): the shim's own
 * frames are unwound by their own tables, which also yields the caller's callee-saved registers, so this is exact where
 * tt_stack_walk has to guess.
 *
 * last: NULL, or what is known of the last walk with the same bounds and max; then the answer may be 0, which is: the frames of
 * that walk, again. The caller keeps them, and says with tt_stack_last_is() after each walk what came of it.
 */
unsigned tt_stack_walk_caller(uintptr_t pc, uintptr_t cfa, struct tt_stack_bounds bounds, uint64_t *pcs, unsigned max,
	uint16_t *flags, struct tt_stack_last *last);

#define TT_STACK_PC()  ((uintptr_t)__builtin_return_address(0))
#define TT_STACK_CFA() ((uintptr_t)__builtin_dwarf_cfa()) /* costs no frame pointer with gcc */

#endif
