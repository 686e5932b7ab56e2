// SPDX-License-Identifier: GPL-3.0-or-later
// use_static_objects_ok.cc - static objects lock, and destroy their locks, while the program exits.
// EXPECT: none
// FORBID: use-after-destroy destroy-locked exit-holding-lock lock-order-cycle
#include <mutex>
#include <thread>
#include "tests/corpus/corpus.h"

struct Registry {
	pthread_mutex_t lock;
	int entries = 0;
	Registry()
	{
		pthread_mutex_init(&lock, nullptr);
	}
	~Registry()
	{
		pthread_mutex_lock(&lock);
		entries = 0;
		pthread_mutex_unlock(&lock);
		pthread_mutex_destroy(&lock);
	}
};
static Registry first, second;

static void at_exit()
{
	pthread_mutex_lock(&second.lock);
	pthread_mutex_lock(&first.lock);
	pthread_mutex_unlock(&first.lock);
	pthread_mutex_unlock(&second.lock);
}

int main()
{
	atexit(at_exit);
	std::thread t([] {
		pthread_mutex_lock(&first.lock);
		pthread_mutex_lock(&second.lock);
		pthread_mutex_unlock(&second.lock);
		pthread_mutex_unlock(&first.lock);
	});
	t.join();
}
