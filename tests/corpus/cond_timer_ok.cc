// SPDX-License-Identifier: GPL-3.0-or-later
// cond_timer_ok.cc - a periodic worker waits 5 ms at a time for a stop that comes at the end: timeouts are its clock.
// EXPECT: none
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

static std::mutex m;
static std::condition_variable stop_changed;
static bool stop;

int main()
{
	std::thread t([] {
		int ticks = 0;
		std::unique_lock<std::mutex> hold(m);
		while (!stop_changed.wait_for(hold, std::chrono::milliseconds(5), [] { return stop; }))
			if (++ticks == 5)
				reach(1);
	});
	until(1);
	{
		std::lock_guard<std::mutex> hold(m);
		stop = true;
	}
	stop_changed.notify_all();
	t.join();
}
