// SPDX-License-Identifier: GPL-3.0-or-later
// use_condition_any_ok.cc - std::condition_variable_any waits with locks of several kinds: it has a mutex of its own.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: wait-mixed-mutexes wait-without-lock lock-order-cycle
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>

static std::shared_mutex data;
static std::condition_variable_any changed;
static int value;

int main()
{
	std::thread t([] {
		std::shared_lock<std::shared_mutex> reading(data);
		changed.wait(reading, [] { return value == 1; });
	});
	std::thread u([] {
		std::unique_lock<std::shared_mutex> writing(data);
		changed.wait(writing, [] { return value == 1; });
	});
	{
		std::unique_lock<std::shared_mutex> writing(data);
		value = 1;
	}
	changed.notify_all();
	t.join();
	u.join();
}
