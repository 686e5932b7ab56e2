/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * orders_cc - workers take orders from a queue and book them into one ledger, whose lock they hold while they write its
 * journal. Prints the same on every run. What a report must say of it: ledger::book waits for ledger::book. Called by
 * tests/real.bats.
 */
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

struct ledger {
	std::mutex mutex;
	long sum = 0;
	unsigned booked = 0;

	__attribute__((noinline)) void book(long order)
	{
		std::lock_guard<std::mutex> lock(mutex);
		sum += order;
		booked++;
		std::this_thread::sleep_for(std::chrono::milliseconds(1)); /* the journal's disk */
	}
};

struct queue {
	std::mutex mutex;
	std::condition_variable filled;
	std::deque<long> orders;
	bool closed = false;

	void put(long order)
	{
		std::lock_guard<std::mutex> lock(mutex);
		orders.push_back(order);
		filled.notify_one();
	}
	void close()
	{
		std::lock_guard<std::mutex> lock(mutex);
		closed = true;
		filled.notify_all();
	}
	__attribute__((noinline)) bool take(long &order)
	{
		std::unique_lock<std::mutex> lock(mutex);
		filled.wait(lock, [this] { return closed || !orders.empty(); });
		if (orders.empty())
			return false;
		order = orders.front();
		orders.pop_front();
		return true;
	}
};

int main()
{
	ledger books;
	queue waiting;
	std::vector<std::thread> workers;
	for (int i = 0; i < 4; i++)
		workers.emplace_back([&] {
			for (long order; waiting.take(order);)
				books.book(order);
		});
	for (long order = 1; order <= 300; order++)
		waiting.put(order);
	waiting.close();
	for (auto &worker : workers)
		worker.join();
	std::printf("booked %u orders of %ld\n", books.booked, books.sum);
	return 3;
}
