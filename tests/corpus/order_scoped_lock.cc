// SPDX-License-Identifier: GPL-3.0-or-later
// order_scoped_lock.cc - std::scoped_lock and std::lock of several mutexes in any order: they try, and back off.
// EXPECT: none
// FORBID: lock-order-cycle
// ALLOW: lock-contention lock-starvation
#include <mutex>
#include <thread>

static std::mutex a, b, c;

int main()
{
	std::thread t([] {
		for (int i = 0; i < 200; i++)
			std::scoped_lock both(a, b, c);
	});
	std::thread u([] {
		for (int i = 0; i < 200; i++)
			std::scoped_lock both(c, b, a);
	});
	std::thread v([] {
		for (int i = 0; i < 200; i++) {
			std::unique_lock<std::mutex> x(b, std::defer_lock), y(a, std::defer_lock);
			std::lock(x, y);
		}
	});
	t.join();
	u.join();
	v.join();
}
