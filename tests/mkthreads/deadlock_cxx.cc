/* SPDX-License-Identifier: GPL-3.0-or-later */
/* deadlock_cxx.cc - two std::mutex in opposite order, by std::lock_guard, in threads that are lambdas. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <atomic>
#include <mutex>
#include <thread>

namespace
{
struct account {
	std::mutex mutex;
	std::atomic<int> tid{0};
};
account accounts[2];
mk_gate held;

MK_NAMED void transfer(account &from, account &to)
{
	std::lock_guard<std::mutex> first(from.mutex);
	mk_gate_add(&held);
	mk_gate_wait(&held, 2);
	from.tid = mk_tid();
	std::lock_guard<std::mutex> second(to.mutex);
	MK_KEEP_FRAME();
}
} // namespace

extern "C" int deadlock_std(void)
{
	std::thread t[2];
	for (int i = 0; i < 2; i++) {
		t[i] = std::thread([i] { transfer(accounts[i], accounts[1 - i]); });
		mk_created(1);
	}
	for (int i = 0; i < 2; i++) {
		while (!accounts[i].tid)
			mk_sleep_us(30);
		mk_wait_blocked(0, accounts[i].tid, &accounts[1 - i].mutex, sizeof(std::mutex));
	}
	for (int i = 0; i < 2; i++)
		mk_edge(accounts[i].tid, &accounts[1 - i].mutex, accounts[1 - i].tid);
	mk_fact("deadlock", 1);
	mk_print();
	t[0].join();
	return 1;
}
