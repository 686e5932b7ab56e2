// SPDX-License-Identifier: GPL-3.0-or-later
// order_philosophers.cc - five philosophers dine one after the other; each takes the left fork, then the right one.
// EXPECT: lock-order-cycle level=error func~dine
#include <mutex>
#include <thread>
#include <vector>
#include "tests/corpus/corpus.h"

static std::mutex forks[5];
static int seated;

static void dine(int seat)
{
	meet(&seated, 5);
	until(seat);
	{
		std::lock_guard<std::mutex> left(forks[seat]);
		std::lock_guard<std::mutex> right(forks[(seat + 1) % 5]);
	}
	reach(seat + 1);
}

int main()
{
	std::vector<std::thread> table;
	for (int i = 0; i < 5; i++)
		table.emplace_back(dine, i);
	for (auto &t : table)
		t.join();
}
