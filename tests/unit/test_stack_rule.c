/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: preload/stack.c preload/stack_rule.c preload/stack_find.c preload/stack_cfi.c preload/stack_expr.c */
/* LINK: preload/stack_last.c */
/* LINK: tests/unit/stack_take.c tests/unit/stack_shapes_o2.c */
/* test_stack_rule.c - the stack walker's cache: a rule comes back for its own address or not at all; flushing; that it is used.
 */
#include <stdlib.h>
#include <time.h>

#include "preload/stack_rule.h"
#include "tests/unit/stack_shapes.h"
#include "tests/unit/stack_take.h"
#include "tests/unit/tap.h"

static _Alignas(64) uint64_t cache[TT_STACK_CACHE_BYTES / 8];
static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Some rule that depends on the address, so that another's is noticed. */
static uint64_t rule_of(uintptr_t pc)
{
	uint64_t mixed = pc * UINT64_C(0x9e3779b97f4a7c15);
	return (mixed >> 40 & ((UINT64_C(1) << TT_RULE_BITS) - 8)) | TT_KIND_SP;
}

static bool is_zero(size_t bytes)
{
	size_t i = 0;
	while (i < bytes / 8 && !cache[i])
		i++;
	return i == bytes / 8;
}

/* ------------------------------------------------------------------ addresses and rules */

static uintptr_t addresses[1024];

/* Addresses near to each other, as in a function; far away; and that differ in few bits. */
static void make_addresses(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		switch (i % 3) {
		case 0:
			addresses[i] = 0x7f0000000000 + rnd() % 100000;
			break;
		case 1:
			addresses[i] = rnd() >> (64 - TT_CODE_BITS);
			break;
		default:
			addresses[i] = addresses[i - 1] ^ UINT64_C(1) << rnd() % TT_CODE_BITS;
		}
	}
}

static void check_addresses(size_t bytes)
{
	unsigned long lost = 0, wrong = 0, kept = 0;
	unsigned count = (unsigned)(bytes / 8 < 1024 ? bytes / 8 : 1024);
	tt_stack_init(cache, bytes);
	tt_stack_flush();
	struct tt_rule_view v = tt_rule_view();
	make_addresses(count);
	for (unsigned i = 0; i < count; i++) {
		tt_rule_insert(&v, addresses[i], rule_of(addresses[i]));
		uint64_t word = tt_rule_find(&v, addresses[i]);
		lost += (word & ((1u << TT_RULE_BITS) - 1u)) != rule_of(addresses[i]);
		for (unsigned k = 0; k <= i; k++) {
			word = tt_rule_find(&v, addresses[k]);
			wrong += word && (word & ((1u << TT_RULE_BITS) - 1u)) != rule_of(addresses[k]);
			kept += i == count - 1 && word;
		}
	}
	is_int(lost, 0, "%zu bytes: what was just put in is found", bytes);
	is_int(wrong, 0, "%zu bytes: an address never gets the rule of another", bytes);
	ok(kept > count / 2, "%zu bytes: %lu of %u addresses are still known at the end", bytes, kept, count);
	is_int(tt_rule_find(&v, UINT64_C(1) << TT_CODE_BITS), 0, "%zu bytes: addresses that are too large are not known",
		bytes);
	tt_rule_insert(&v, addresses[0] | UINT64_C(1) << TT_CODE_BITS, TT_KIND_END);
	ok(tt_rule_kind(tt_rule_find(&v, addresses[0] | UINT64_C(1) << TT_CODE_BITS)) == TT_KIND_NONE, "%zu bytes: nor kept",
		bytes);
}

/* ------------------------------------------------------------------ flushing */

static void check_flush(void)
{
	tt_stack_init(cache, sizeof(cache));
	tt_stack_flush();
	struct tt_rule_view before = tt_rule_view();
	tt_rule_insert(&before, 0x401000, TT_KIND_END);
	ok(!is_zero(sizeof(cache)), "a rule is in the cache's memory");
	tt_stack_flush();
	ok(is_zero(sizeof(cache)), "flushing clears all of it");
	tt_rule_insert(&before, 0x401000, TT_KIND_END);
	struct tt_rule_view after = tt_rule_view();
	is_u64(tt_rule_find(&after, 0x401000), 0, "a rule from before the flush, stored after it, is not found");
	tt_rule_insert(&after, 0x401000, TT_KIND_FP);
	is_int(tt_rule_kind(tt_rule_find(&after, 0x401000)), TT_KIND_FP, "a new one is");
	memset(cache, 0, sizeof(cache));
	is_u64(tt_rule_find(&after, 0x401000), 0, "memory that turns to zeros is an empty cache");
	tt_stack_init(cache, TT_STACK_CACHE_MIN - 1);
	is_int(tt_rule_view().words == NULL, 1, "too little memory is no cache");
}

/* ------------------------------------------------------------------ use */

static struct stack_pair pair;
static double elapsed_ns;

static double now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static __attribute__((noinline)) void time_walks(void *arg)
{
	double start = now_ns();
	(void)arg;
	for (unsigned i = 0; i < 500; i++)
		pair.n = tt_stack_walk_caller(
			TT_STACK_PC(), TT_STACK_CFA(), stack_bounds(), pair.pc, STACK_FRAMES, &pair.flags, NULL);
	elapsed_ns = (now_ns() - start) / 500;
}

/* The best of a few, as the machine has other things to do. */
static double best_of_walks(void)
{
	double best = 1e12;
	for (unsigned i = 0; i < 7; i++) {
		stack_recurse_o2(40, time_walks, NULL);
		best = elapsed_ns < best ? elapsed_ns : best;
	}
	return best;
}

static void check_use(void)
{
	tt_stack_init(NULL, 0);
	double without = best_of_walks();
	memset(cache, 0, sizeof(cache));
	tt_stack_init(cache, sizeof(cache));
	double with = best_of_walks();
	ok(pair.n > 40 && with * 4 < without,
		"the cache makes a walk of %u frames at least 4 times as fast (%.0f ns, without %.0f ns)", pair.n, with,
		without);
}

int main(void)
{
	check_addresses(TT_STACK_CACHE_MIN);
	check_addresses(8192);
	check_addresses(TT_STACK_CACHE_BYTES);
	check_flush();
	check_use();
	return done();
}
