// SPDX-License-Identifier: GPL-3.0-or-later
// use_counting_semaphore_ok.cc - C++20: counting and binary semaphores, a latch, jthreads that stop by request.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: deadlock unlock-not-owner thread-leak-unjoined
// FLAGS: -std=c++20
#include <condition_variable>
#include <latch>
#include <mutex>
#include <semaphore>
#include <stop_token>
#include <thread>

static std::counting_semaphore<3> places(3);
static std::binary_semaphore baton(1);
static std::latch started(3);
static std::mutex m;
static std::condition_variable_any work;

int main()
{
	std::jthread pool[3];
	for (auto &t : pool)
		t = std::jthread([](std::stop_token stop) {
			started.arrive_and_wait();
			for (int i = 0; i < 20; i++) {
				places.acquire();
				baton.acquire();
				baton.release();
				places.release();
			}
			std::unique_lock<std::mutex> hold(m);
			work.wait(hold, stop, [] { return false; });
		});
	started.wait();
}
