// SPDX-License-Identifier: GPL-3.0-or-later
// order_many_instances.cc - one wrong method, ten pairs of objects: one bug, one finding.
// EXPECT: lock-order-cycle level=error findings=1 func~give
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
#include "tests/corpus/corpus.h"

struct Account {
	std::mutex lock;
	__attribute__((noinline)) void give(Account &to)
	{
		std::lock_guard<std::mutex> mine(lock);
		std::lock_guard<std::mutex> other(to.lock);
	}
};

int main()
{
	std::vector<std::unique_ptr<Account>> a;
	for (int i = 0; i < 20; i++)
		a.push_back(std::make_unique<Account>());
	std::thread t([&] {
		for (int i = 0; i < 20; i += 2)
			a[i]->give(*a[i + 1]);
		reach(1);
		until(2);
	});
	std::thread u([&] {
		until(1);
		for (int i = 0; i < 20; i += 2)
			a[i + 1]->give(*a[i]);
		reach(2);
	});
	t.join();
	u.join();
}
