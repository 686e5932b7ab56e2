/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_futex.c - syscall(): how Rust's std, Abseil and C++20 atomics reach futexes. Only their slow paths come here: a wait is
 * a contended acquire, a wake a contended release. Who holds such a word is unknown. All other system calls pass through.
 */
#include "preload/acquire.h"

#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stdarg.h>

/*
 * The caller is often one function for all futexes of a runtime (Rust's futex_wait, not inlined): a word is told from others
 * by the stack of its first use, which readers name by the first frame that is no such wrapper. The site stays the caller.
 */
static TT_NOINLINE long futex_call(struct tt_self *s, const long *a, uint64_t pc, uintptr_t cfa)
{
	int op = (int)a[1] & FUTEX_CMD_MASK;
	uint64_t word = (uint64_t)a[0];
	struct tt_caller c = tt_caller_of(pc, cfa);
	const struct tt_birth birth = {.kind = TTREC_KIND_FUTEX, .caller = &c};
	if (op == FUTEX_WAKE || op == FUTEX_WAKE_BITSET) {
		tt_counted(s, word, TTREC_SITE(pc, TTREC_OP_FUTEX_WAKE), &birth);
		return REAL(syscall)(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	if (op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET)
		return REAL(syscall)(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
	uint64_t site = TTREC_SITE(pc, TTREC_OP_FUTEX_WAIT);
	struct tt_wait_for w;
	tt_counted(s, word, site, &birth);
	tt_wait_begin(&w, s, word, site, cfa, &birth, TTREC_WAIT_FUTEX, NULL, 0, false);
	long r = REAL(syscall)(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
	tt_wait_over(&w, r == -1 && errno == ETIMEDOUT, TTREC_OP_NONE);
	return r;
}

/* How libseccomp sets a filter. */
static TT_NOINLINE long seccomp_call(const long *a)
{
	tt_sandbox_ahead();
	long r = REAL(syscall)(SYS_seccomp, a[0], a[1], a[2]);
	if (r >= 0 && a[0] == SECCOMP_SET_MODE_FILTER) /* r: a descriptor, with SECCOMP_FILTER_FLAG_NEW_LISTENER */
		tt_sandbox_entered();
	else if (r == 0)
		tt_process_quiet();
	return r;
}

TT_EXPORT long syscall(long number, ...)
{
	/* As the C library does: six words are taken, whatever was given. */
	va_list ap;
	long a[6];
	va_start(ap, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	struct tt_self *s = number == SYS_futex ? tt_enter() : NULL;
	if (s)
		return futex_call(s, a, (uintptr_t)__builtin_return_address(0), HOOK_CFA());
	if (unlikely(!tt_real.syscall))
		tt_real_resolve(false);
	if (unlikely(number == SYS_seccomp && (a[0] == SECCOMP_SET_MODE_STRICT || a[0] == SECCOMP_SET_MODE_FILTER)))
		return seccomp_call(a);
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
