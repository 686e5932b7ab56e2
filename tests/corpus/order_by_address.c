// SPDX-License-Identifier: GPL-3.0-or-later
// order_by_address.c - transfers between accounts in all directions that lock the lower address first.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include "tests/corpus/corpus.h"

static struct account {
	pthread_mutex_t lock;
	long money;
} accounts[4];

static void transfer(struct account *from, struct account *to)
{
	struct account *low = from < to ? from : to, *high = from < to ? to : from;
	pthread_mutex_lock(&low->lock);
	pthread_mutex_lock(&high->lock);
	from->money--;
	to->money++;
	pthread_mutex_unlock(&low->lock);
	pthread_mutex_unlock(&high->lock);
}

static void *clerk(void *arg)
{
	for (int i = 0; i < 100; i++)
		transfer(&accounts[i % 4],
			&accounts[(i * 7 + (long)arg + 1) % 4 == i % 4 ? (i + 1) % 4 : (i * 7 + (long)arg + 1) % 4]);
	return NULL;
}

int main(void)
{
	for (int i = 0; i < 4; i++)
		pthread_mutex_init(&accounts[i].lock, NULL);
	pthread_t t = spawn(clerk, (void *)1), u = spawn(clerk, (void *)2);
	join(t);
	join(u);
}
