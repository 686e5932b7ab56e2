/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sync.c - results of barriers, spinlocks and once. See tr.h. */
#include "tests/transparency/tr.h"

#include <sys/mman.h>
#include <sys/wait.h>

/* ------------------------------------------------------------------ barrier */

static pthread_barrier_t barrier;
static int serial, wrong;

static void *barrier_main(void *arg)
{
	for (long i = 0; i < (long)arg; i++) {
		int rc = pthread_barrier_wait(&barrier);
		if (rc == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
		else if (rc)
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void barriers(void)
{
	pthread_t t[4];
	TR("init for nobody", pthread_barrier_init(&barrier, NULL, 0));
	TR("init for too many", pthread_barrier_init(&barrier, NULL, 0x80000000u));
	TR("init for one", pthread_barrier_init(&barrier, NULL, 1));
	TR("wait alone", pthread_barrier_wait(&barrier));
	TR("wait alone again", pthread_barrier_wait(&barrier));
	TR("destroy", pthread_barrier_destroy(&barrier));
	TR("init", pthread_barrier_init(&barrier, NULL, 5));
	for (int i = 0; i < 4; i++)
		TR_MUST(pthread_create(&t[i], NULL, barrier_main, (void *)500L));
	barrier_main((void *)500L);
	TR("destroy right after the last wait", pthread_barrier_destroy(&barrier));
	for (int i = 0; i < 4; i++)
		TR_MUST(pthread_join(t[i], NULL));
	TR_NUM("serial threads", serial);
	TR_NUM("wrong results", wrong);
}

static void shared_barrier(void)
{
	pthread_barrierattr_t a;
	pthread_barrier_t *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TR_MUST(b == MAP_FAILED);
	TR_MUST(pthread_barrierattr_init(&a));
	TR("shared attribute", pthread_barrierattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
	TR("shared init", pthread_barrier_init(b, &a, 2));
	pid_t pid = fork();
	if (!pid)
		_exit(pthread_barrier_wait(b) == PTHREAD_BARRIER_SERIAL_THREAD);
	int status, mine = pthread_barrier_wait(b) == PTHREAD_BARRIER_SERIAL_THREAD;
	TR_MUST(waitpid(pid, &status, 0) != pid);
	TR_NUM("one of both is the serial one", mine + WEXITSTATUS(status));
}

/* ------------------------------------------------------------------ spinlock */

static pthread_spinlock_t spin;
static long counter;

static void *spin_main(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		if (pthread_spin_lock(&spin))
			__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
		counter++;
		pthread_spin_unlock(&spin);
	}
	return NULL;
}

static void *spin_try(void *arg)
{
	(void)arg;
	TR("trylock of another's", pthread_spin_trylock(&spin));
	return NULL;
}

static void spinlocks(void)
{
	pthread_t t[2];
	TR("spin init", pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE));
	TR("spin lock", pthread_spin_lock(&spin));
	TR("spin trylock of its own", pthread_spin_trylock(&spin));
	tr_elsewhere(spin_try, NULL);
	TR("spin unlock", pthread_spin_unlock(&spin));
	TR("spin trylock", pthread_spin_trylock(&spin));
	TR("spin unlock", pthread_spin_unlock(&spin));
	for (int i = 0; i < 2; i++)
		TR_MUST(pthread_create(&t[i], NULL, spin_main, NULL));
	for (int i = 0; i < 2; i++)
		TR_MUST(pthread_join(t[i], NULL));
	TR_NUM("counted under it", counter);
	TR("spin destroy", pthread_spin_destroy(&spin));
}

/* ------------------------------------------------------------------ once */

static pthread_once_t once = PTHREAD_ONCE_INIT, nested_once = PTHREAD_ONCE_INIT, cancelled_once = PTHREAD_ONCE_INIT;
static int runs, tid, release;

static void nested_routine(void)
{
	runs += 10;
}

static void routine(void)
{
	runs++;
	TR("once inside once", pthread_once(&nested_once, nested_routine));
}

static void cancelled_routine(void)
{
	runs += 100;
	tr_publish(&tid);
	while (!__atomic_load_n(&release, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static void *cancelled_main(void *arg)
{
	(void)arg;
	return (void *)(long)pthread_once(&cancelled_once, cancelled_routine);
}

static void onces(void)
{
	pthread_t t;
	void *ret = NULL;
	TR("once", pthread_once(&once, routine));
	TR("once again", pthread_once(&once, routine));
	TR_NUM("runs", runs);
	TR_MUST(pthread_create(&t, NULL, cancelled_main, NULL));
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		tr_pause();
	TR("cancel inside once", pthread_cancel(t));
	tr_join("joined", t, &ret);
	TR_TRUE("cancelled", ret == PTHREAD_CANCELED);
	tr_set(&release, 1);
	TR("once after a cancelled one", pthread_once(&cancelled_once, cancelled_routine));
	TR_NUM("runs", runs);
}

int main(void)
{
	tr_begin();
	barriers();
	shared_barrier();
	spinlocks();
	onces();
	return tr_end();
}
