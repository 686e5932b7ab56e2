// SPDX-License-Identifier: GPL-3.0-or-later
// order_shared_mutex_bad.cc - std::shared_mutex: one reads and then writes, the other the other way round.
// EXPECT: lock-order-cycle level=error
#include <mutex>
#include <shared_mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::shared_mutex a, b;

static void promote(std::shared_mutex &read, std::shared_mutex &write)
{
	std::shared_lock<std::shared_mutex> x(read);
	std::unique_lock<std::shared_mutex> y(write);
}

int main()
{
	std::thread t([] {
		promote(a, b);
		reach(1);
		until(2);
	});
	std::thread u([] {
		until(1);
		promote(b, a);
		reach(2);
	});
	t.join();
	u.join();
}
