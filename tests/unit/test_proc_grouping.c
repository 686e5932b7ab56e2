/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_proc_grouping.c - which threads are one pool, by what a few looks saw of them: the threads of a program like node. */
#include "lib/core/attrs.h"
#include "lib/proc/pools_private.h"
#include "tests/unit/tap.h"

#define MS   UINT64_C(1000000)
#define MAIN 100

/* Addresses of conditions of two pools, of a mutex between the threads of one, of a semaphore of nobody else. */
enum { COND = 0x1000, MUTEX = 0x2000, OTHER = 0x3000, SEM = 0x4000, OWN = 0x5000 };

static struct tt_pools subject;
static struct tt_pools_private state;

static void begin(void)
{
	state = (struct tt_pools_private){.alone = true};
	subject = (struct tt_pools){.private = &state};
	const struct tt_pools_process node = {
		.pid = MAIN, .alive = true, .root = true, .exe = "/bin/node", .title = "node", .stem = "node"};
	tt_vec_push(&state.processes, node);
}

/* A thread that lived for a second and ran for so long; its number in the list. */
static size_t thread(pid_t tid, uint64_t run_ms)
{
	struct tt_pools_thread t = {.tid = tid, .name = "node", .alive = true, .run = run_ms * MS, .last_ns = 1000 * MS};
	tt_vec_push(&state.threads, t);
	return state.threads.len - 1;
}

static void waited(size_t i, enum tt_wait_kind kind, uint64_t address, uint64_t ms)
{
	struct tt_pools_thread *t = &state.threads.data[i];
	t->keys[t->key_count++] =
		(struct tt_pools_key){.kind = kind, .use = -1, .address = address, .seen_ns = ms * MS, .words = ""};
}

static void group(void)
{
	is_int(tt_pools_group(&subject), 0, "threads are grouped");
}

static int pool_of(size_t i)
{
	return state.threads.data[i].pool;
}

static void end(void)
{
	tt_vec_deinit(&subject.list);
	tt_vec_deinit(&state.threads);
	tt_vec_deinit(&state.processes);
	tt_smap_deinit(&state.words);
}

/* An idle pool made early, as V8's is; then the threads of another one, busy, some of them seen where they wait. */
static size_t idle_pool(void)
{
	thread(MAIN, 100);
	size_t first = thread(MAIN + 1, 1);
	waited(first, TT_WAIT_COND, OTHER, 990);
	waited(thread(MAIN + 2, 1), TT_WAIT_COND, OTHER, 990);
	return first;
}

static void test_one_was_seen_at_a_mutex_only(void)
{
	size_t of[4];
	begin();
	size_t idle = idle_pool();
	for (size_t i = 0; i < 4; i++) {
		of[i] = thread(MAIN + 5 + (pid_t)i, 300);
		waited(of[i], TT_WAIT_FILE, 0, 500);
	}
	for (size_t i = 0; i < 3; i++)
		waited(of[i], TT_WAIT_COND, COND, 5);
	waited(of[1], TT_WAIT_FUTEX, MUTEX, 20); /* longer than at the condition, and free again when looked at */
	waited(of[2], TT_WAIT_MUTEX, MUTEX, 3);
	waited(of[3], TT_WAIT_MUTEX, MUTEX, 3);
	group();
	for (size_t i = 1; i < 4; i++)
		is_int(pool_of(of[i]), pool_of(of[0]), "thread %zu is of the pool, whatever it was seen at", i);
	ok(pool_of(idle) != pool_of(of[0]), "the idle pool is another");
	is_int(state.threads.data[of[1]].keys[2].kind, TT_WAIT_MUTEX, "what is a mutex for others is one");
	end();
}

static void test_none_was_seen_at_the_condition(void)
{
	begin();
	size_t idle = idle_pool(), a = thread(MAIN + 5, 300), b = thread(MAIN + 6, 300), quiet = thread(MAIN + 7, 0);
	waited(a, TT_WAIT_FUTEX, MUTEX, 3);
	waited(b, TT_WAIT_MUTEX, MUTEX, 3);
	waited(quiet, TT_WAIT_SEM, SEM, 1000);
	group();
	is_int(pool_of(a), pool_of(b), "two that were always busy are one pool");
	ok(pool_of(quiet) != pool_of(a), "a thread that did nothing is no part of it");
	ok(pool_of(idle) != pool_of(a), "nor is the idle pool");
	end();
}

static void test_a_mutex_that_nobody_saw_as_such(void)
{
	begin();
	size_t idle = idle_pool(), a = thread(MAIN + 5, 300), b = thread(MAIN + 6, 300), c = thread(MAIN + 7, 300);
	waited(a, TT_WAIT_COND, COND, 5);
	waited(b, TT_WAIT_COND, COND, 5);
	waited(a, TT_WAIT_FUTEX, MUTEX, 20);
	waited(c, TT_WAIT_FUTEX, MUTEX, 20);
	group();
	is_int(pool_of(b), pool_of(a), "a condition says more than a futex of unknown kind");
	is_int(pool_of(c), pool_of(a), "who was seldom parked, and alone, is one of the busy ones");
	ok(pool_of(idle) != pool_of(a), "the idle pool is another");
	end();
}

static void test_each_at_a_futex_of_its_own(void)
{
	begin();
	idle_pool();
	size_t a = thread(MAIN + 5, 100), b = thread(MAIN + 6, 100), c = thread(MAIN + 7, 100), d = thread(MAIN + 8, 100);
	waited(a, TT_WAIT_FUTEX, OWN, 800);
	waited(b, TT_WAIT_FUTEX, OWN + 64, 800);
	waited(c, TT_WAIT_COND, COND, 300);
	waited(d, TT_WAIT_COND, COND, 300);
	group();
	is_int(pool_of(a), pool_of(b), "threads that park each by itself are one pool");
	is_int(pool_of(c), pool_of(d), "those at a condition are another");
	ok(pool_of(a) != pool_of(c), "and are not mixed");
	end();
}

int main(void)
{
	test_one_was_seen_at_a_mutex_only();
	test_none_was_seen_at_the_condition();
	test_a_mutex_that_nobody_saw_as_such();
	test_each_at_a_futex_of_its_own();
	return done();
}
