// SPDX-License-Identifier: GPL-3.0-or-later
// use_once_ok.cc - call_once and pthread_once under different locks, one that throws and is tried again.
// EXPECT: none
// FORBID: lock-order-cycle deadlock
#include <mutex>
#include <stdexcept>
#include <thread>
#include "tests/corpus/corpus.h"

static std::once_flag flag;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static std::mutex a, b;
static int tries;

static void init()
{
}

static void use(std::mutex &m)
{
	std::lock_guard<std::mutex> hold(m);
	pthread_once(&once, init);
	for (bool done = false; !done;)
		try {
			std::call_once(flag, [] {
				if (++tries < 2)
					throw std::runtime_error("not yet");
			});
			done = true;
		} catch (const std::runtime_error &) {
		}
}

int main()
{
	std::thread t([] { use(a); }), u([] { use(b); });
	t.join();
	u.join();
}
