// SPDX-License-Identifier: GPL-3.0-or-later
// order_scoped_lock_bad.cc - a scoped_lock of two does not help against somebody who holds one of a third and wants both.
// EXPECT: lock-order-cycle level=error
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::mutex a, b, c;

int main()
{
	std::thread t([] {
		{
			std::scoped_lock both(a, b);
			std::lock_guard<std::mutex> third(c);
		}
		reach(1);
		until(2);
	});
	std::thread u([] {
		until(1);
		{
			std::lock_guard<std::mutex> third(c);
			std::scoped_lock both(a, b);
		}
		reach(2);
	});
	t.join();
	u.join();
}
