// SPDX-License-Identifier: GPL-3.0-or-later
// order_stack_std.cc - a std::mutex on the stack for each request to a helper: nothing tells that it is another one each time.
// EXPECT: lock-order-cycle level=warning confidence=possible
#include <cstdint>
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::mutex table;
static std::mutex *request;
static uintptr_t places[2];

static void both(std::mutex *first, std::mutex *second)
{
	first->lock();
	second->lock();
	second->unlock();
	first->unlock();
}

static __attribute__((noinline)) void make_request(int n)
{
	std::mutex local;
	places[n] = reinterpret_cast<uintptr_t>(&local);
	if (n == 0) {
		both(&local, &table);
		return;
	}
	request = &local;
	reach(1);
	until(2); /* the helper locks it below the table */
	request = nullptr;
}

int main()
{
	std::thread helper([] {
		until(1);
		both(&table, request);
		reach(2);
	});
	make_request(0);
	make_request(1);
	helper.join();
	return places[0] != places[1];
}
