/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cxx.cc - scenarios through libstdc++: std::mutex never calls init or destroy, timed waits are *_clocklock and
 * cond_clockwait, threads start in libstdc++'s own routine. extern "C" gives the functions plain names.
 */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <thread>

using namespace std::chrono_literals;

namespace
{
mk_contend contention(void *object, size_t size, const char *name, const char *kind)
{
	mk_contend c = {};
	c.object = object;
	c.size = size;
	c.name = name;
	c.kind = kind;
	c.waiters = (int)mk_arg("waiters");
	c.rounds = (int)mk_arg("rounds");
	c.hold_us = mk_arg("hold_us");
	return c;
}

std::mutex plain_mutex;
std::shared_mutex shared_mutex;
std::timed_mutex timed_mutex;
std::condition_variable condition;
} // namespace

extern "C" {

MK_NAMED static void std_mutex_holder(void *m)
{
	static_cast<std::mutex *>(m)->lock();
	MK_KEEP_FRAME();
}

MK_NAMED static void std_mutex_waiter(void *m)
{
	static_cast<std::mutex *>(m)->lock();
	MK_KEEP_FRAME();
}

static void std_mutex_release(void *m)
{
	static_cast<std::mutex *>(m)->unlock();
}

int std_mutex(void)
{
	mk_contend c = contention(&plain_mutex, sizeof(plain_mutex), "std-mutex", "mutex");
	c.hold = std_mutex_holder, c.want = std_mutex_waiter, c.release = std_mutex_release;
	c.hold_name = "std_mutex_holder", c.want_name = "std_mutex_waiter";
	mk_run_contend(&c);
	return 0;
}

MK_NAMED static void std_shared_writer(void *m)
{
	static_cast<std::shared_mutex *>(m)->lock();
	MK_KEEP_FRAME();
}

MK_NAMED static void std_shared_reader(void *m)
{
	static_cast<std::shared_mutex *>(m)->lock_shared();
	MK_KEEP_FRAME();
}

static void std_shared_unlock(void *m)
{
	static_cast<std::shared_mutex *>(m)->unlock();
}

static void std_shared_unlock_shared(void *m)
{
	static_cast<std::shared_mutex *>(m)->unlock_shared();
}

int std_shared_mutex(void)
{
	mk_contend c = contention(&shared_mutex, sizeof(shared_mutex), "std-shared-mutex", "rwlock");
	c.hold = std_shared_writer, c.want = std_shared_reader;
	c.release = std_shared_unlock, c.release_wanted = std_shared_unlock_shared;
	c.hold_name = "std_shared_writer", c.want_name = "std_shared_reader";
	mk_run_contend(&c);
	return 0;
}

MK_NAMED static void std_timed_holder(void *m)
{
	static_cast<std::timed_mutex *>(m)->lock();
	MK_KEEP_FRAME();
}

MK_NAMED static void std_timed_waiter(void *m)
{
	MK_TRUE(static_cast<std::timed_mutex *>(m)->try_lock_for(60s));
}

MK_NAMED static bool std_timed_loser(void *m)
{
	bool got = static_cast<std::timed_mutex *>(m)->try_lock_for(20ms);
	MK_KEEP_FRAME();
	return got;
}

static void std_timed_release(void *m)
{
	static_cast<std::timed_mutex *>(m)->unlock();
}

int std_timed_mutex(void)
{
	mk_contend c = contention(&timed_mutex, sizeof(timed_mutex), "std-timed-mutex", "mutex");
	c.hold = std_timed_holder, c.want = std_timed_waiter, c.release = std_timed_release;
	c.hold_name = "std_timed_holder", c.want_name = "std_timed_waiter";
	mk_lock *l = mk_run_contend(&c);
	mk_pair *lost = mk_add_pair(l, "std_timed_loser", "std_timed_holder");
	std_timed_holder(&timed_mutex);
	mk_took(l, 1);
	std::thread([lost] {
		mk_enter("std_timed_loser_main");
		uint64_t t0 = mk_now();
		MK_TRUE(!std_timed_loser(&timed_mutex));
		mk_timed_out(lost, mk_now() - t0);
	}).join();
	mk_created(1);
	mk_joined(1);
	timed_mutex.unlock();
	return 0;
}

MK_NAMED static void std_cond_waits(std::unique_lock<std::mutex> *lock, mk_pair *pair)
{
	uint64_t t0 = mk_now();
	condition.wait(*lock);
	mk_waited(pair, mk_now() - t0);
}

MK_NAMED static std::cv_status std_cond_timed(std::unique_lock<std::mutex> *lock, mk_pair *pair)
{
	uint64_t t0 = mk_now();
	std::cv_status status = condition.wait_for(*lock, 20ms);
	(status == std::cv_status::timeout ? mk_timed_out : mk_waited)(pair, mk_now() - t0);
	return status;
}

static long std_turn;

static void std_play(mk_lock *cond, mk_pair *pair, long rounds, long me)
{
	std::unique_lock<std::mutex> lock(plain_mutex);
	for (long r = 0; r < rounds; r++) {
		while (std_turn % 2 != me)
			std_cond_waits(&lock, pair);
		std_turn++;
		condition.notify_one();
	}
	mk_count(cond, "signals", (uint64_t)rounds);
}

/* Ping-pong, then waits that time out. */
int std_condition_variable(void)
{
	long rounds = mk_arg("rounds");
	mk_lock *cond = mk_add_lock("std-condition", "cond", condition.native_handle(), sizeof(pthread_cond_t));
	mk_pair *pair = mk_add_pair(cond, "std_cond_waits", nullptr), *timed = mk_add_pair(cond, "std_cond_timed", nullptr);
	mk_count(cond, "signals", 0);
	std::thread other([&] {
		mk_enter("std_play_main");
		std_play(cond, pair, rounds, 1);
	});
	std_play(cond, pair, rounds, 0);
	other.join();
	mk_created(1);
	mk_joined(1);
	std::unique_lock<std::mutex> lock(plain_mutex);
	for (int i = 0; i < 3; i++)
		while (std_cond_timed(&lock, timed) != std::cv_status::timeout)
			;
	return 0;
}

/* Joined by their destructor, after a stop request. */
int jthread_scenario(void)
{
	long threads = mk_arg("threads");
	for (long i = 0; i < threads; i++) {
		mk_gate running = {};
		{
			std::jthread t([&running](std::stop_token stop) {
				mk_enter("jthread_main");
				mk_gate_add(&running);
				while (!stop.stop_requested())
					mk_sleep_us(50);
			});
			mk_gate_wait(&running, 1);
		}
		mk_created(1);
		mk_joined(1);
	}
	return 0;
}

MK_NAMED static void std_reuse_pair(std::mutex *m)
{
	m->lock();
	MK_KEEP_FRAME();
	m->unlock();
	MK_KEEP_FRAME();
}

/* new and delete at one address: only free() tells a recorder that these are different mutexes. */
int std_mutex_reuse(void)
{
	long generations = mk_arg("generations"), rounds = mk_arg("rounds"), same = 0;
	struct node {
		std::mutex mutex;
		char more[200];
	};
	node *first = new node;
	volatile uintptr_t address = (uintptr_t)first; /* volatile: or gcc sees a dead pointer in it */
	delete first;
	for (long g = 0; g < generations; g++) {
		node *n = new node;
		same += (uintptr_t)n == address;
		for (long r = 0; r < rounds; r++)
			std_reuse_pair(&n->mutex);
		delete n;
	}
	mk_lock *l = mk_add_lock("reused", "mutex", (void *)address, sizeof(std::mutex));
	mk_took(l, (uint64_t)(same * rounds));
	mk_count(l, "generations", (uint64_t)same);
	mk_fact("same_address", same);
	return 0;
}

/* An exception that leaves a thread's start routine is caught inside it; one that leaves call_once goes through pthread_once.
 */
MK_NAMED static void std_throws(void)
{
	throw 42;
}

int thrd_exception(void)
{
	std::once_flag flag;
	mk_created(1);
	std::thread([] {
		mk_enter("thrd_exception_main");
		try {
			std::lock_guard<std::mutex> guard(plain_mutex);
			std_throws();
		} catch (int value) {
			MK_TRUE(value == 42);
		}
	}).join();
	mk_joined(1);
	try {
		std::call_once(flag, std_throws);
		MK_TRUE(false);
	} catch (int value) {
		MK_TRUE(value == 42);
	}
	std::lock_guard<std::mutex> guard(plain_mutex);
	mk_took(mk_add_lock("unwound", "mutex", &plain_mutex, sizeof(plain_mutex)), 2);
	return 0;
}
}
