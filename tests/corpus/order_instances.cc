// SPDX-License-Identifier: GPL-3.0-or-later
// order_instances.cc - two objects of one class, locked by one method: a.give(b) against b.give(a).
// EXPECT: lock-order-cycle level=error findings=1 func~give
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

struct Account {
	std::mutex lock;
	long money = 100;
	__attribute__((noinline)) void give(Account &to)
	{
		std::lock_guard<std::mutex> mine(lock);
		std::lock_guard<std::mutex> other(to.lock);
		money--;
		to.money++;
	}
};

int main()
{
	Account a, b;
	std::thread t([&] {
		a.give(b);
		reach(1);
		until(2);
	});
	std::thread u([&] {
		until(1);
		b.give(a);
		reach(2);
	});
	t.join();
	u.join();
}
