/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * killme - locks all the time and confirms each operation, so that whoever kills it knows how many its recording must hold.
 *
 * What it is: `killme PROGRESS` fills the file PROGRESS, mapped shared, with two counts for each of its locks: acquisitions
 * begun (before the call) and done (after the unlock). begun >= recorded >= done, at every moment. It never ends by itself
 * before 60 seconds. It does what is hard for a recorder: more (lock, place) pairs than a table holds, threads that come and
 * go, contention, nesting, locks that are destroyed and made again, reader and writer sides, semaphores used as locks, forks.
 * `killme PROGRESS OPERATIONS` ends after so many operations of its first thread.
 * What it is not: a check of anything; tests/programs/killcheck.py reads what it leaves. Called by tests/kill.bats.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOT     8u /* contended */
#define NESTED  32u
#define SHARED  16u
#define SEMS    8u
#define REBORN  8u /* destroyed after every use */
#define COLD    3000u
#define LOCKS   (HOT + NESTED + SHARED + SEMS + REBORN + COLD)
#define WORKERS 3u

/* What killcheck.py reads: eight words, then two for each lock. */
struct progress {
	uint64_t magic, pid, first_address, stride, locks, threads_begun, threads_done, reserved;
	struct {
		uint64_t begun, done;
	} lock[LOCKS];
};

static union object {
	pthread_mutex_t mutex;
	pthread_rwlock_t rw;
	sem_t sem;
	char room[128];
} objects[LOCKS] __attribute__((aligned(128)));

static struct progress *progress;
static uint64_t limit;

static unsigned next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(*state >> 33);
}

static void begin(unsigned i)
{
	__atomic_add_fetch(&progress->lock[i].begun, 1, __ATOMIC_SEQ_CST);
}
static void done(unsigned i)
{
	__atomic_add_fetch(&progress->lock[i].done, 1, __ATOMIC_SEQ_CST);
}

/* ------------------------------------------------------------------ one operation on one lock, at many places */

#define PLACE(n)                                                                    \
	__attribute__((noinline)) static void mutex_place_##n(unsigned i, int spin) \
	{                                                                           \
		begin(i);                                                           \
		pthread_mutex_lock(&objects[i].mutex);                              \
		for (int k = 0; k < spin; k++)                                      \
			sched_yield();                                              \
		pthread_mutex_unlock(&objects[i].mutex);                            \
		done(i);                                                            \
	}
PLACE(0)
PLACE(1)
PLACE(2)
PLACE(3)
static void (*const places[])(unsigned, int) = {mutex_place_0, mutex_place_1, mutex_place_2, mutex_place_3};

static void nest(unsigned first, unsigned depth)
{
	begin(first);
	pthread_mutex_lock(&objects[first].mutex);
	if (depth && first + 1 < HOT + NESTED)
		nest(first + 1, depth - 1);
	pthread_mutex_unlock(&objects[first].mutex);
	done(first);
}

static void share(unsigned i, unsigned r)
{
	begin(i);
	if (r % 4)
		pthread_rwlock_rdlock(&objects[i].rw);
	else
		pthread_rwlock_wrlock(&objects[i].rw);
	pthread_rwlock_unlock(&objects[i].rw);
	done(i);
}

static void semaphore(unsigned i, unsigned r)
{
	if (r % 2) {
		begin(i);
		sem_wait(&objects[i].sem);
	} else {
		begin(i);
		if (sem_trywait(&objects[i].sem)) {
			__atomic_sub_fetch(&progress->lock[i].begun, 1, __ATOMIC_SEQ_CST);
			return;
		}
	}
	sem_post(&objects[i].sem);
	done(i);
}

static void reborn(unsigned i)
{
	pthread_mutex_init(&objects[i].mutex, NULL);
	nest(i, 0);
	pthread_mutex_destroy(&objects[i].mutex);
}

static void step(uint64_t *random)
{
	unsigned r = next_random(random), i = next_random(random);
	switch (r % 16) {
	case 0:
		places[i % 4](i % HOT, 3);
		break;
	case 1:
		places[i % 4](i % HOT, 0);
		break;
	case 2:
		nest(HOT + i % NESTED, i % 7);
		break;
	case 3:
		share(HOT + NESTED + i % SHARED, r >> 4);
		break;
	case 4:
		semaphore(HOT + NESTED + SHARED + i % SEMS, r >> 4);
		break;
	default:
		places[r >> 8 & 3](LOCKS - COLD + i % COLD, 0);
		break;
	}
}

/* ------------------------------------------------------------------ threads */

static void *short_life(void *arg)
{
	uint64_t random = (uintptr_t)arg;
	for (unsigned k = 0; k < 40; k++)
		step(&random);
	return NULL;
}

static void churn(uint64_t *random)
{
	pthread_t t[4];
	for (unsigned k = 0; k < 4; k++) {
		__atomic_add_fetch(&progress->threads_begun, 1, __ATOMIC_SEQ_CST);
		if (pthread_create(&t[k], NULL, short_life, (void *)(uintptr_t)next_random(random)))
			_exit(3);
		__atomic_add_fetch(&progress->threads_done, 1, __ATOMIC_SEQ_CST);
	}
	for (unsigned k = 0; k < 4; k++)
		if (pthread_join(t[k], NULL))
			_exit(3);
}

static void child(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void *work(void *arg)
{
	uint64_t number = (uintptr_t)arg, random = number * 7919 + (uint64_t)getpid();
	for (uint64_t n = 0; !limit || n < limit; n++) {
		step(&random);
		if (number == 0 && n % 512 == 511)
			churn(&random);
		if (number == 2)
			reborn(LOCKS - COLD - REBORN + n % REBORN);
		if (number == 1 && n % 8192 == 8191)
			child();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3)
		return 2;
	limit = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*progress)))
		return 2;
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (progress == MAP_FAILED)
		return 2;
	close(fd);
	alarm(60);
	progress->pid = (uint64_t)getpid();
	progress->first_address = (uintptr_t)objects;
	progress->stride = sizeof(objects[0]);
	progress->locks = LOCKS;
	/* Mutexes are born by their first use, the others by a call. */
	for (unsigned i = HOT + NESTED; i < HOT + NESTED + SHARED + SEMS; i++)
		if (i < HOT + NESTED + SHARED ? pthread_rwlock_init(&objects[i].rw, NULL) : sem_init(&objects[i].sem, 0, 1))
			return 2;
	__atomic_store_n(&progress->magic, UINT64_C(0x656d6c6c696b), __ATOMIC_SEQ_CST);
	pthread_t t[WORKERS];
	for (uintptr_t i = 1; i < WORKERS; i++) {
		__atomic_add_fetch(&progress->threads_begun, 1, __ATOMIC_SEQ_CST);
		if (pthread_create(&t[i], NULL, work, (void *)i))
			return 3;
		__atomic_add_fetch(&progress->threads_done, 1, __ATOMIC_SEQ_CST);
	}
	work((void *)0);
	for (unsigned i = 1; i < WORKERS; i++)
		pthread_join(t[i], NULL);
	puts("done");
	return 0;
}
