// SPDX-License-Identifier: GPL-3.0-or-later
// order_shared_mutex.cc - std::shared_mutex taken in both orders for reading, and alone for writing.
// EXPECT: none
// FORBID: lock-order-cycle
#include <mutex>
#include <shared_mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::shared_mutex a, b;

static void readers(std::shared_mutex &first, std::shared_mutex &second)
{
	{
		std::shared_lock<std::shared_mutex> x(first);
		std::shared_lock<std::shared_mutex> y(second);
	}
	std::unique_lock<std::shared_mutex> alone(first);
}

int main()
{
	std::thread t([] {
		readers(a, b);
		reach(1);
		until(2);
	});
	std::thread u([] {
		until(1);
		readers(b, a);
		reach(2);
	});
	t.join();
	u.join();
}
