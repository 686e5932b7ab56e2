// SPDX-License-Identifier: GPL-3.0-or-later
// dead_philosophers.cc - hangs: five philosophers all took their left fork.
// EXPECT: deadlock level=error confidence=proven func~dine
// ALLOW: lock-long-hold lock-contention lock-order-cycle
// FLAGS: -std=c++20
#include <barrier>
#include <mutex>
#include <thread>
#include <vector>

static std::mutex forks[5];
static std::barrier all_hungry(5);

static void dine(int seat)
{
	std::lock_guard<std::mutex> left(forks[seat]);
	all_hungry.arrive_and_wait();
	std::lock_guard<std::mutex> right(forks[(seat + 1) % 5]);
}

int main()
{
	std::vector<std::jthread> table;
	for (int i = 0; i < 5; i++)
		table.emplace_back(dine, i);
}
