// SPDX-License-Identifier: GPL-3.0-or-later
// cont_long_hold.cc - one computation of 200 ms under a lock that another thread wants.
// EXPECT: lock-long-hold level=warning
// ALLOW: lock-contention
#include <chrono>
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::mutex m;

int main()
{
	std::thread t([] {
		std::lock_guard<std::mutex> hold(m);
		reach(1);
		auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
		while (std::chrono::steady_clock::now() < end)
			;
	});
	until(1);
	m.lock();
	m.unlock();
	t.join();
}
