// SPDX-License-Identifier: GPL-3.0-or-later
// order_levels_ok.cc - locks of three levels, always taken downwards, given back in any order by unique_lock.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include <mutex>
#include <thread>

static std::mutex level[3];

static void work(int variant)
{
	for (int i = 0; i < 30; i++) {
		std::unique_lock<std::mutex> x(level[0]), y(level[1]), z(level[2]);
		if (variant) {
			x.unlock();
			z.unlock();
			y.unlock();
		} else {
			y.unlock();
			z.unlock();
			z.lock();
		}
	}
}

int main()
{
	std::thread t(work, 0), u(work, 1);
	t.join();
	u.join();
}
