// SPDX-License-Identifier: GPL-3.0-or-later
// order_philosophers_ok.cc - five philosophers who all take the fork of the lower number first: no cycle.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>
#include "tests/corpus/corpus.h"

static std::mutex forks[5];

static void dine(int seat)
{
	int other = (seat + 1) % 5;
	for (int i = 0; i < 20; i++) {
		std::lock_guard<std::mutex> first(forks[std::min(seat, other)]);
		std::lock_guard<std::mutex> second(forks[std::max(seat, other)]);
	}
}

int main()
{
	std::vector<std::thread> table;
	for (int i = 0; i < 5; i++)
		table.emplace_back(dine, i);
	for (auto &t : table)
		t.join();
}
