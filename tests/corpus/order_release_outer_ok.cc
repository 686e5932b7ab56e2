// SPDX-License-Identifier: GPL-3.0-or-later
// order_release_outer_ok.cc - gives the outer lock back before it waits for the inner one's condition, and takes both anew.
// EXPECT: none
// FORBID: lock-order-cycle lock-held-blocking
#include <condition_variable>
#include <mutex>
#include <thread>

static std::mutex outer, inner;
static std::condition_variable changed;
static bool ready;

int main()
{
	std::thread t([] {
		std::unique_lock<std::mutex> x(outer);
		std::unique_lock<std::mutex> y(inner);
		while (!ready) {
			x.unlock();
			changed.wait(y);
			y.unlock();
			x.lock();
			y.lock();
		}
	});
	std::thread u([] {
		std::lock_guard<std::mutex> x(outer);
		std::lock_guard<std::mutex> y(inner);
		ready = true;
		changed.notify_all();
	});
	t.join();
	u.join();
}
