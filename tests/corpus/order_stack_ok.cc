// SPDX-License-Identifier: GPL-3.0-or-later
// order_stack_ok.cc - a mutex on the stack for each request to a helper, initialised, never destroyed: same address, new lock.
// EXPECT: none
// FORBID: lock-order-cycle use-after-destroy
#include <cstdint>
#include <thread>
#include "tests/corpus/corpus.h"

static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t *request;
static uintptr_t places[2];

static void both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_mutex_lock(second);
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}

static __attribute__((noinline)) void make_request(int n)
{
	pthread_mutex_t local;
	pthread_mutex_init(&local, nullptr);
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
