/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forks.c - fork, vfork, _Fork, clone, spawn and system from threaded processes; atfork handlers; held locks. See tr.h. */
#include "tests/transparency/tr.h"

#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER, err = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t handler_mutex = PTHREAD_MUTEX_INITIALIZER;

static int wait_for(pid_t pid)
{
	int status = -1;
	TR_MUST(pid <= 0);
	TR_MUST(waitpid(pid, &status, 0) != pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void *returns(void *arg)
{
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	return arg;
}

/* Everything that a child may do with locks that nobody held. Returns how much of it went wrong. */
static int uses(void)
{
	pthread_t t;
	sem_t s;
	int bad = 0;
	for (int i = 0; i < 100; i++)
		bad += pthread_mutex_lock(&m) || pthread_mutex_unlock(&m);
	bad += pthread_rwlock_wrlock(&rw) || pthread_rwlock_unlock(&rw);
	bad += sem_init(&s, 0, 0) || sem_post(&s) || sem_wait(&s);
	bad += pthread_create(&t, NULL, returns, NULL) != 0;
	bad += pthread_join(t, NULL) != 0;
	return bad;
}

/* ------------------------------------------------------------------ atfork handlers */

static char trace[16];
static int traced;

static void prepare_a(void)
{
	trace[traced++] = 'a';
	TR_MUST(pthread_mutex_lock(&handler_mutex));
}

static void prepare_b(void)
{
	trace[traced++] = 'b';
}

static void parent_a(void)
{
	trace[traced++] = 'p';
	TR_MUST(pthread_mutex_unlock(&handler_mutex));
}

static void parent_b(void)
{
	trace[traced++] = 'q';
}

static void child_a(void)
{
	trace[traced++] = 'c';
	TR_MUST(pthread_mutex_unlock(&handler_mutex));
}

static void child_b(void)
{
	trace[traced++] = 'd';
}

static void atfork_order(void)
{
	TR("atfork", pthread_atfork(prepare_a, parent_a, child_a));
	TR("atfork", pthread_atfork(prepare_b, parent_b, child_b));
	pid_t pid = fork();
	if (!pid) {
		tr_say("child's handlers: %s", trace);
		_exit(uses());
	}
	TR_NUM("child went wrong", wait_for(pid));
	tr_say("parent's handlers: %s", trace);
}

/* ------------------------------------------------------------------ with other threads alive, with locks held */

static int stop;

static void *busy(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		pthread_mutex_lock(arg);
		pthread_mutex_unlock(arg);
	}
	return NULL;
}

static void from_busy_process(void)
{
	static pthread_mutex_t theirs = PTHREAD_MUTEX_INITIALIZER;
	pthread_t t[3];
	int bad = 0;
	for (int i = 0; i < 3; i++)
		TR_MUST(pthread_create(&t[i], NULL, busy, &theirs));
	for (int i = 0; i < 50; i++) {
		traced = 0;
		pid_t pid = fork();
		if (!pid)
			_exit(uses());
		bad += wait_for(pid) != 0;
	}
	tr_set(&stop, 1);
	for (int i = 0; i < 3; i++)
		TR_MUST(pthread_join(t[i], NULL));
	TR_NUM("children of a busy process that went wrong", bad);
}

/* What the forking thread holds, the child's only thread holds as well; a mutex that knows its owner tells it by tid. */
static void *forks_holding(void *arg)
{
	(void)arg;
	traced = 0;
	TR("lock", pthread_mutex_lock(&m));
	TR("errorcheck lock", pthread_mutex_lock(&err));
	TR("rdlock", pthread_rwlock_rdlock(&rw));
	pid_t pid = fork();
	if (!pid) {
		TR("child: trylock", pthread_mutex_trylock(&m));
		TR("child: unlock", pthread_mutex_unlock(&m));
		TR("child: errorcheck unlock", pthread_mutex_unlock(&err));
		TR("child: rwlock unlock", pthread_rwlock_unlock(&rw));
		TR("child: trywrlock", pthread_rwlock_trywrlock(&rw));
		TR("child: rwlock unlock", pthread_rwlock_unlock(&rw));
		_exit(uses());
	}
	TR_NUM("child went wrong", wait_for(pid));
	TR("unlock", pthread_mutex_unlock(&m));
	TR("errorcheck unlock", pthread_mutex_unlock(&err));
	TR("rwlock unlock", pthread_rwlock_unlock(&rw));
	return NULL;
}

/* ------------------------------------------------------------------ other ways to get a child */

static void grandchildren(int depth)
{
	traced = 0;
	pid_t pid = fork();
	if (!pid) {
		if (depth)
			grandchildren(depth - 1);
		_exit(uses());
	}
	int rc = wait_for(pid);
	if (depth == 3)
		TR_NUM("four generations: went wrong", rc);
	else if (rc)
		_exit(90);
}

static pid_t vfork_exit(int code)
{
	pid_t pid = vfork();
	if (!pid)
		_exit(code);
	return pid;
}

static pid_t vfork_exec(void)
{
	pid_t pid = vfork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", "exit 6", (char *)NULL);
		_exit(127);
	}
	return pid;
}

static void others(void)
{
	TR_NUM("vfork and _exit", wait_for(vfork_exit(5)));
	TR_NUM("vfork and exec", wait_for(vfork_exec()));
	TR("locks after vfork", uses());
	pid_t pid = _Fork();
	if (!pid) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
		_exit(7);
	}
	TR_NUM("_Fork", wait_for(pid));
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid) {
		pthread_mutex_lock(&m);
		pthread_mutex_unlock(&m);
		_exit(8);
	}
	TR_NUM("clone", wait_for(pid));
	char sh[] = "sh", c[] = "-c", text[] = "exit 9";
	char *argv[] = {sh, c, text, NULL}, *envp[] = {NULL};
	TR("posix_spawn", posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, envp));
	TR_NUM("its status", wait_for(pid));
	TR("posix_spawn of nothing", posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, envp));
	TR_NUM("system", WEXITSTATUS(system("exit 11")));
	FILE *p = popen("echo from a pipe", "r");
	char line[64] = "";
	TR_TRUE("popen", p && fgets(line, sizeof(line), p) && !strcmp(line, "from a pipe\n"));
	TR_NUM("pclose", pclose(p));
	TR("exec of nothing", execl("/nonexistent", "x", (char *)NULL));
	TR("locks after a failed exec", uses());
}

/* Exit handlers and status of a child that ends in the ordinary way. */
static void says_goodbye(void)
{
	tr_say("exit handler of pid %s", getenv("TR_CHILD") ? "child" : "parent");
}

static void exits(void)
{
	traced = 0;
	pid_t pid = fork();
	if (!pid) {
		setenv("TR_CHILD", "1", 1);
		atexit(says_goodbye);
		exit(uses() + 12);
	}
	TR_NUM("exit", wait_for(pid));
	int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGABRT};
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		traced = 0;
		pid = fork();
		if (!pid) {
			uses();
			pthread_mutex_lock(&m);
			raise(signals[i]);
			_exit(91);
		}
		TR_NUM("killed by", wait_for(pid));
	}
}

int main(void)
{
	tr_begin();
	atfork_order();
	from_busy_process();
	tr_elsewhere(forks_holding, NULL);
	grandchildren(3);
	others();
	exits();
	TR("locks at the end", uses());
	return tr_end();
}
