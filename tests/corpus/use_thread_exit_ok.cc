// SPDX-License-Identifier: GPL-3.0-or-later
// use_thread_exit_ok.cc - pthread_exit unwinds the guards of a thread.
// EXPECT: none
// FORBID: exit-holding-lock
#include <mutex>
#include "tests/corpus/corpus.h"

static std::mutex m;

static void *leaves(void *)
{
	std::lock_guard<std::mutex> hold(m);
	pthread_exit(nullptr);
}

int main()
{
	join(spawn(leaves, nullptr));
	std::lock_guard<std::mutex> hold(m);
}
