// SPDX-License-Identifier: GPL-3.0-or-later
// order_philosophers_waiter.cc - five philosophers ask a waiter before they take any fork: he is the gate.
// EXPECT: lock-order-gated level=note
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
// OPTIONS: --explain
#include <mutex>
#include <thread>
#include <vector>
#include "tests/corpus/corpus.h"

static std::mutex waiter, forks[5];

static void dine(int seat)
{
	std::unique_lock<std::mutex> permission(waiter);
	std::lock_guard<std::mutex> left(forks[seat]);
	std::lock_guard<std::mutex> right(forks[(seat + 1) % 5]);
	permission.unlock();
}

int main()
{
	std::vector<std::thread> table;
	for (int i = 0; i < 5; i++)
		table.emplace_back(dine, i);
	for (auto &t : table)
		t.join();
}
