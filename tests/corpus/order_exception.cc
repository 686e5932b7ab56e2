// SPDX-License-Identifier: GPL-3.0-or-later
// order_exception.cc - an exception unwinds a guard before the other lock is taken: nothing is held by then.
// EXPECT: none
// FORBID: lock-order-cycle exit-holding-lock
#include <mutex>
#include <stdexcept>
#include <thread>
#include "tests/corpus/corpus.h"

static std::mutex a, b;

static void throws(std::mutex &m)
{
	std::lock_guard<std::mutex> hold(m);
	throw std::runtime_error("in the middle");
}

static void both(std::mutex &first, std::mutex &second)
{
	try {
		throws(first);
	} catch (const std::runtime_error &) {
		std::lock_guard<std::mutex> hold(second);
	}
}

int main()
{
	std::thread t([] { both(a, b); });
	std::thread u([] { both(b, a); });
	t.join();
	u.join();
}
