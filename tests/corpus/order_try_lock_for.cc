// SPDX-License-Identifier: GPL-3.0-or-later
// order_try_lock_for.cc - std::timed_mutex with a way back: each gives up its first lock when the second does not come.
// EXPECT: none
// FORBID: deadlock
// ALLOW: lock-order-cycle lock-contention lock-held-blocking
#include <chrono>
#include <mutex>
#include <thread>

static std::timed_mutex a, b;

static void work(std::timed_mutex &first, std::timed_mutex &second)
{
	for (int done = 0; done < 20;) {
		std::unique_lock<std::timed_mutex> x(first);
		if (!second.try_lock_for(std::chrono::milliseconds(1)))
			continue;
		done++;
		second.unlock();
	}
}

int main()
{
	std::thread t([] { work(a, b); });
	std::thread u([] { work(b, a); });
	t.join();
	u.join();
}
