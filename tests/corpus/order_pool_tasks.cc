// SPDX-License-Identifier: GPL-3.0-or-later
// order_pool_tasks.cc - tasks of opposite orders, but the pool has one worker: one thread does both.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>

static std::mutex queue_lock, a, b;
static std::condition_variable work;
static std::queue<std::function<void()>> tasks;
static bool done;

static void worker()
{
	std::unique_lock<std::mutex> hold(queue_lock);
	for (;;) {
		work.wait(hold, [] { return done || !tasks.empty(); });
		if (tasks.empty())
			return;
		auto task = tasks.front();
		tasks.pop();
		hold.unlock();
		task();
		hold.lock();
	}
}

template <class First, class Second> static std::function<void()> nested(First &first, Second &second)
{
	return [&] {
		std::lock_guard<std::mutex> x(first);
		std::lock_guard<std::mutex> y(second);
	};
}

int main()
{
	std::thread pool(worker);
	for (auto &task : {nested(a, b), nested(b, a)}) {
		std::lock_guard<std::mutex> hold(queue_lock);
		tasks.push(task);
		work.notify_one();
	}
	{
		std::lock_guard<std::mutex> hold(queue_lock);
		done = true;
	}
	work.notify_all();
	pool.join();
}
