// SPDX-License-Identifier: GPL-3.0-or-later
// order_recursive_mutex.cc - a std::recursive_mutex locked again by a callback below another lock: its owner passes.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle relock
#include <mutex>
#include <thread>

static std::recursive_mutex object;
static std::mutex list;

static void callback()
{
	std::lock_guard<std::recursive_mutex> again(object);
}

static void notify()
{
	std::lock_guard<std::recursive_mutex> outer(object);
	std::lock_guard<std::mutex> hold(list);
	callback();
}

int main()
{
	std::thread t(notify), u(notify);
	t.join();
	u.join();
}
