/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * resources.c - what a program can count about itself: descriptors, threads, signal handlers, keys, environment. The numbers
 * before and after it used everything must be those of a program without a shim. See tr.h.
 */
#include "tests/transparency/tr.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

extern char **environ;

static int entries(const char *path)
{
	int n = 0;
	DIR *d = opendir(path);
	TR_MUST(!d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void status_lines(void)
{
	static const char *const keys[] = {"SigBlk:", "SigIgn:", "SigCgt:", "ShdPnd:", "SigPnd:", "Seccomp:", "NoNewPrivs:",
		"Threads:", "FDSize:", "CoreDumping:", "VmLck:", "TracerPid:", "Umask:"};
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	TR_MUST(!f);
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (!strncmp(line, keys[i], strlen(keys[i]))) {
				line[strcspn(line, "\n")] = '\0';
				tr_say(" %s", line);
			}
	fclose(f);
}

static void handlers(void)
{
	int set = 0, failed = 0;
	for (int sig = 1; sig < _NSIG; sig++) {
		struct sigaction sa;
		if (sigaction(sig, NULL, &sa))
			failed++;
		else
			set += sa.sa_handler != SIG_DFL;
	}
	TR_NUM(" signals with an action", set);
	TR_NUM(" signals without any", failed);
}

static void environment(void)
{
	int n = 0;
	for (char **e = environ; *e; e++)
		n += strncmp(*e, "LD_PRELOAD=", 11) && strncmp(*e, "THREADCHECK_OPTIONS=", 20);
	TR_NUM(" environment", n);
}

static void timers_and_stacks(void)
{
	struct itimerval it;
	stack_t ss;
	TR_MUST(getitimer(ITIMER_VIRTUAL, &it));
	TR_NUM(" virtual timer", it.it_value.tv_sec);
	TR_MUST(getitimer(ITIMER_PROF, &it));
	TR_NUM(" profiling timer", it.it_value.tv_sec);
	TR_MUST(sigaltstack(NULL, &ss));
	TR_NUM(" no alternate stack", ss.ss_flags == SS_DISABLE);
	TR_NUM(" scheduler", sched_getscheduler(0));
	TR_TRUE(" no dlerror", dlerror() == NULL);
}

static void census(const char *when)
{
	tr_say("%s", when);
	TR_NUM(" descriptors", entries("/proc/self/fd"));
	TR_NUM(" threads", entries("/proc/self/task"));
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	TR_NUM(" next descriptor", fd);
	close(fd);
	status_lines();
	handlers();
	environment();
	timers_and_stacks();
}

/* ------------------------------------------------------------------ keys */

static int destroyed;

static void destructor(void *value)
{
	(void)value;
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
}

static pthread_key_t keys[PTHREAD_KEYS_MAX + 8];
static int key_count;

static void *uses_all_keys(void *arg)
{
	int bad = 0;
	(void)arg;
	for (int i = 0; i < key_count; i++)
		bad += pthread_setspecific(keys[i], &keys[i]) != 0;
	for (int i = 0; i < key_count; i++)
		bad += pthread_getspecific(keys[i]) != &keys[i];
	TR_NUM("wrong results with all keys", bad);
	return NULL;
}

static void all_keys(void)
{
	int rc;
	while ((rc = pthread_key_create(&keys[key_count], destructor)) == 0)
		key_count++;
	TR("the key that is one too many", rc);
	TR_NUM("keys", key_count);
	tr_elsewhere(uses_all_keys, NULL);
	TR_NUM("destructors that ran", destroyed);
	int bad = 0;
	for (int i = 0; i < key_count; i++)
		bad += pthread_key_delete(keys[i]) != 0;
	TR_NUM("wrong deletes", bad);
	TR("delete again", pthread_key_delete(keys[0]));
}

/* ------------------------------------------------------------------ use of everything */

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static sem_t s;

static void *uses(void *arg)
{
	struct timespec past = {1, 0};
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&m);
		pthread_rwlock_rdlock(&rw);
		pthread_cond_timedwait(&c, &m, &past);
		pthread_rwlock_unlock(&rw);
		pthread_mutex_unlock(&m);
		sem_post(&s);
		sem_wait(&s);
	}
	return arg;
}

static void use_everything(void)
{
	pthread_t t[8];
	TR_MUST(sem_init(&s, 0, 0));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 8; i++)
			TR_MUST(pthread_create(&t[i], NULL, uses, NULL));
		for (int i = 0; i < 8; i++)
			TR_MUST(pthread_join(t[i], NULL));
		pid_t pid = fork();
		if (!pid) {
			uses(NULL);
			_exit(entries("/proc/self/fd"));
		}
		int status;
		TR_MUST(waitpid(pid, &status, 0) != pid);
		if (!round)
			TR_NUM("descriptors of a child", WEXITSTATUS(status));
	}
}

/* As many descriptors as the limit allows: a shim that opens one late would fail, or make this fail. */
static void all_descriptors(void)
{
	struct rlimit old, few;
	int n = 0;
	TR_MUST(getrlimit(RLIMIT_NOFILE, &old));
	few = old;
	few.rlim_cur = 32;
	TR_MUST(setrlimit(RLIMIT_NOFILE, &few));
	while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		n++;
	int error = errno;
	TR("the descriptor that is one too many", error);
	TR_NUM("descriptors that could be opened", n);
	tr_elsewhere(uses, NULL);
	TR_TRUE("threads and locks work without any left", 1);
	TR_MUST(close_range(3, ~0u, 0));
	TR_MUST(setrlimit(RLIMIT_NOFILE, &old));
}

static void *counts_stack(void *arg)
{
	pthread_attr_t a;
	size_t size;
	TR_MUST(pthread_getattr_np(pthread_self(), &a));
	TR_MUST(pthread_attr_getstacksize(&a, &size));
	TR_MUST(pthread_attr_destroy(&a));
	TR_TRUE("a thread's stack has the default size", size == *(size_t *)arg);
	return NULL;
}

int main(void)
{
	pthread_attr_t a;
	size_t size;
	tr_begin();
	census("at the start");
	use_everything();
	census("after locks, threads and forks");
	all_keys();
	all_descriptors();
	TR_MUST(pthread_getattr_default_np(&a));
	TR_MUST(pthread_attr_getstacksize(&a, &size));
	tr_elsewhere(counts_stack, &size);
	census("at the end");
	return tr_end();
}
