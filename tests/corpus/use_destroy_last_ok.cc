// SPDX-License-Identifier: GPL-3.0-or-later
// use_destroy_last_ok.cc - the last user of an object unlocks, destroys and frees it at once, as POSIX allows.
// EXPECT: none
// FORBID: destroy-locked use-after-destroy freed-locked
// ALLOW: lock-contention lock-starvation
#include "tests/corpus/corpus.h"

struct Object {
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int references = 2;
};

static void *release(void *arg)
{
	auto *o = static_cast<Object *>(arg);
	pthread_mutex_lock(&o->lock);
	bool last = --o->references == 0;
	pthread_mutex_unlock(&o->lock);
	if (last) {
		pthread_mutex_destroy(&o->lock);
		delete o;
	}
	return nullptr;
}

int main()
{
	for (int i = 0; i < 100; i++) {
		auto *o = new Object;
		pthread_t t = spawn(release, o), u = spawn(release, o);
		join(t);
		join(u);
	}
}
