// SPDX-License-Identifier: GPL-3.0-or-later
// dead_idle_ok.c - an idle server: workers wait for a condition, main for a signal that a timer sends after 1.5 s.
// EXPECT: none
// FORBID: deadlock cond-no-waker
#include <signal.h>
#include "tests/corpus/corpus.h"

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int stop;

static void *worker(void *arg)
{
	pthread_mutex_lock(&m);
	while (!stop)
		pthread_cond_wait(&changed, &m);
	pthread_mutex_unlock(&m);
	return arg;
}

int main(void)
{
	int sig;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_t t = spawn(worker, NULL), u = spawn(worker, NULL);
	ualarm(999999, 0);
	MUST(sigwait(&set, &sig));
	ualarm(500000, 0);
	MUST(sigwait(&set, &sig));
	pthread_mutex_lock(&m);
	stop = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&m);
	join(t);
	join(u);
}
