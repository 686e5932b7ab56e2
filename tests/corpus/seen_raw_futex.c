// SPDX-License-Identifier: GPL-3.0-or-later
// seen_raw_futex.c - a lock of the program's own making, on the futex call: its waits are seen, its holders are not.
// EXPECT: invisible-locking level=note
// FORBID: lock-contention
#include <linux/futex.h>
#include <sys/syscall.h>
#include "tests/corpus/corpus.h"

static int word; /* 0 free, 1 held, 2 held and wanted */

static void own_lock(void)
{
	int free_word = 0;
	if (__atomic_compare_exchange_n(&word, &free_word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&word, 2, __ATOMIC_ACQUIRE) != 0)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void own_unlock(void)
{
	if (__atomic_exchange_n(&word, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *worker(void *arg)
{
	own_lock();
	own_unlock();
	return arg;
}

int main(void)
{
	own_lock();
	pthread_t t = spawn(worker, NULL);
	while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != 2)
		sched_yield();
	sleep_ms(20);
	own_unlock();
	join(t);
}
