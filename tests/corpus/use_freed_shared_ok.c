// SPDX-License-Identifier: GPL-3.0-or-later
// use_freed_shared_ok.c - whoever gives the last reference back frees the object with its mutex: nobody is inside any more.
// EXPECT: none
// FORBID: freed-locked use-after-destroy
#include "tests/corpus/corpus.h"

struct object {
	pthread_mutex_t lock;
	int references, used;
};

static struct object *objects[2000];

static void *user(void *arg)
{
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++) {
		struct object *o = objects[i];
		MUST(pthread_mutex_lock(&o->lock));
		o->used++;
		MUST(pthread_mutex_unlock(&o->lock));
		if (__atomic_sub_fetch(&o->references, 1, __ATOMIC_ACQ_REL) == 0)
			free(o);
	}
	return arg;
}

int main(void)
{
	for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++) {
		objects[i] = malloc(sizeof(**objects));
		*objects[i] = (struct object){.lock = PTHREAD_MUTEX_INITIALIZER, .references = 3};
	}
	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		t[i] = spawn(user, NULL);
	for (int i = 0; i < 3; i++)
		join(t[i]);
}
