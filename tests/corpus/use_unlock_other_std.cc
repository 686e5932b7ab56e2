// SPDX-License-Identifier: GPL-3.0-or-later
// use_unlock_other_std.cc - a std::mutex as a signal: locked by one thread, unlocked by another. That takes a semaphore.
// EXPECT: unlock-not-owner level=error|warning
// ALLOW: exit-holding-lock lock-contention lock-held-blocking
#include <mutex>
#include <thread>

static std::mutex done;

int main()
{
	done.lock();
	std::thread t([] { done.unlock(); });
	t.join();
}
