// SPDX-License-Identifier: GPL-3.0-or-later
// order_static_mutex.cc - std::mutex objects that are static and never destroyed, in opposite orders, optimised code.
// FLAGS: -O2
// EXPECT: lock-order-cycle level=error
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::mutex cache, index_lock;

int main()
{
	std::thread t([] {
		{
			std::lock_guard<std::mutex> x(cache);
			std::lock_guard<std::mutex> y(index_lock);
		}
		reach(1);
		until(2);
	});
	std::thread u([] {
		until(1);
		{
			std::lock_guard<std::mutex> y(index_lock);
			std::lock_guard<std::mutex> x(cache);
		}
		reach(2);
	});
	t.join();
	u.join();
}
