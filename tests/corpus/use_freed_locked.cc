// SPDX-License-Identifier: GPL-3.0-or-later
// use_freed_locked.cc - an object is deleted by the thread that holds the lock inside it.
// EXPECT: freed-locked level=error|warning func~forget
#include <mutex>
#include <thread>

struct Object {
	std::mutex lock;
	int value = 0;
};

static __attribute__((noinline)) void forget(Object *o)
{
	o->lock.lock();
	o->value++;
	delete o;
}

int main()
{
	std::thread t([] { forget(new Object); });
	t.join();
}
