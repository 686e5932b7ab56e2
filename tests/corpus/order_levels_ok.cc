// SPDX-License-Identifier: GPL-3.0-or-later
// order_levels_ok.cc - three levels of locks, always taken downwards, let go in any order, sometimes with a level left out.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include <mutex>
#include <thread>

static std::mutex top, middle, bottom;
static int shared[3];

static void all_three()
{
	std::unique_lock<std::mutex> a(top), b(middle), c(bottom);
	shared[0]++;
	a.unlock();
	shared[2]++;
	c.unlock();
	shared[1]++;
}

static void without_middle()
{
	std::lock_guard<std::mutex> a(top);
	shared[0]++;
	std::lock_guard<std::mutex> c(bottom);
	shared[2]++;
}

static void lower_two()
{
	std::unique_lock<std::mutex> b(middle);
	std::unique_lock<std::mutex> c(bottom);
	b.unlock();
	shared[2]++;
}

int main()
{
	std::thread workers[3];
	for (std::thread &worker : workers)
		worker = std::thread([] {
			for (int i = 0; i < 20; i++) {
				all_three();
				without_middle();
				lower_two();
			}
		});
	for (std::thread &worker : workers)
		worker.join();
	return shared[0] == 120 && shared[1] == 60 ? 0 : 1;
}
