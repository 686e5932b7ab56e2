// SPDX-License-Identifier: GPL-3.0-or-later
// cont_readers_ok.cc - four readers share a lock for 20 ms each at the same time: nobody waits.
// EXPECT: none
// FORBID: lock-contention lock-long-hold lock-starvation
// ALLOW: lock-held-blocking
#include <shared_mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::shared_mutex m;
static int reading;

static void read_long()
{
	std::shared_lock<std::shared_mutex> hold(m);
	meet(&reading, 4);
	sleep_ms(20);
}

int main()
{
	std::thread t[4];
	for (auto &x : t)
		x = std::thread(read_long);
	for (auto &x : t)
		x.join();
}
