// SPDX-License-Identifier: GPL-3.0-or-later
// order_memory_reuse.cc - a std::mutex in freed memory that another object gets: no call ends the first one's life.
// EXPECT: none
// FORBID: lock-order-cycle use-after-destroy
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

struct Session {
	std::mutex lock;
	char rest[200];
};
static std::mutex table;
static Session *first, *second;

int main()
{
	first = new Session;
	std::thread t([] {
		{
			std::lock_guard<std::mutex> session(first->lock);
			std::lock_guard<std::mutex> global(table);
		}
		void *before = first;
		delete first;
		second = new Session;
		MUST(second != before);
		reach(1);
		until(2);
	});
	std::thread u([] {
		until(1);
		std::lock_guard<std::mutex> global(table);
		std::lock_guard<std::mutex> session(second->lock);
		reach(2);
	});
	t.join();
	u.join();
	delete second;
}
