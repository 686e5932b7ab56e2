/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prefork.c - a server whose pool is made of processes, and whose truth is known: a parent that listens, children that each
 * accept a connection, compute, wait, answer; and a client with connections of its own, as another child. Children that end are
 * replaced. Prints its pids as JSON when all are ready, and its truth when it gets SIGTERM.
 *
 *   prefork workers=N compute_us=C wait_us=W [clients=K] [turn=1] [keep=1] [serve=R] [threads=T]
 *
 * clients: connections that ask at once; 0: everybody is idle. turn: the workers accept one at a time, behind a lock on a file.
 * keep: a worker serves one connection for ever, as a database's backend does. serve: a worker ends after R answers. threads:
 * the work is done by T threads of each worker.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 256

static struct truth {
	_Atomic uint64_t computed_ns, waited_ns, answers, began;
} * truth;
static double compute_us = 500, wait_us = 1000;
static int workers = 4, clients, turn, keep, serve, threads;
static int listener;
static char *title;
static size_t title_size;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, room = PTHREAD_COND_INITIALIZER;
static int queue[MOST], queued;

static uint64_t now(clockid_t clock)
{
	struct timespec ts;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void work_once(void)
{
	uint64_t begin = now(CLOCK_THREAD_CPUTIME_ID), end = begin + (uint64_t)(compute_us * 1e3);
	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		;
	truth->computed_ns += now(CLOCK_THREAD_CPUTIME_ID) - begin;
	struct timespec ts = {0, (long)(wait_us * 1e3)};
	begin = now(CLOCK_MONOTONIC);
	if (wait_us > 0)
		nanosleep(&ts, NULL);
	truth->waited_ns += now(CLOCK_MONOTONIC) - begin;
	truth->answers++;
}

/* False: the connection has ended. */
static int answer(int fd)
{
	char c;
	if (read(fd, &c, 1) != 1)
		return 0;
	work_once();
	return write(fd, &c, 1) == 1;
}

static void *run_thread(void *arg)
{
	prctl(PR_SET_NAME, "handler");
	for (;;) {
		pthread_mutex_lock(&mutex);
		while (!queued)
			pthread_cond_wait(&work, &mutex);
		int fd = queue[--queued];
		pthread_cond_signal(&room);
		pthread_mutex_unlock(&mutex);
		while (answer(fd) && keep)
			;
		close(fd);
	}
	return arg;
}

static void hand_over(int fd)
{
	pthread_mutex_lock(&mutex);
	while (queued == MOST)
		pthread_cond_wait(&room, &mutex);
	queue[queued++] = fd;
	pthread_cond_signal(&work);
	pthread_mutex_unlock(&mutex);
}

static int next_connection(int lock)
{
	if (turn)
		flock(lock, LOCK_EX);
	int fd = accept(listener, NULL, NULL);
	if (turn)
		flock(lock, LOCK_UN);
	return fd;
}

static void run_worker(int number)
{
	int lock = -1, served = 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(title, title_size, "prefork: worker %d [app]", number);
	if (turn) /* an open file of its own: locks belong to those */
		lock = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < threads; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, run_thread, NULL);
	}
	truth->began++;
	for (;;) {
		int fd = next_connection(lock);
		if (fd < 0)
			continue;
		if (threads) {
			hand_over(fd);
			continue;
		}
		while (answer(fd) && keep)
			;
		close(fd);
		if (serve && ++served == serve)
			_exit(0);
	}
}

/* All connections ask at once, and each again as soon as it has its answer. */
static void run_client(const struct sockaddr_in *address)
{
	struct pollfd set[MOST];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(title, title_size, "prefork: client");
	for (int i = 0; i < clients; i++)
		set[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	for (;;) {
		for (int i = 0; i < clients; i++) {
			char c = 'x';
			if (set[i].fd >= 0 && set[i].revents) {
				int more = read(set[i].fd, &c, 1) == 1 && keep;
				if (more && write(set[i].fd, &c, 1) == 1)
					continue;
				close(set[i].fd);
				set[i].fd = -1;
			}
			if (set[i].fd < 0) {
				set[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
				if (connect(set[i].fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
					write(set[i].fd, &c, 1) != 1) {
					close(set[i].fd);
					set[i].fd = -1;
				}
			}
		}
		poll(set, (nfds_t)clients, 1000);
	}
}

static pid_t fork_worker(int number)
{
	pid_t pid = fork();
	if (pid == 0)
		run_worker(number);
	return pid;
}

static void replace_ended(int *number)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		fork_worker((*number)++);
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		size_t n = value ? (size_t)(value - argv[i]) : 0;
		double number = value ? atof(value + 1) : 0;
		const struct {
			const char *name;
			int *to;
		} ints[] = {{"workers", &workers}, {"clients", &clients}, {"turn", &turn}, {"keep", &keep}, {"serve", &serve},
			{"threads", &threads}};
		for (size_t k = 0; k < sizeof(ints) / sizeof(*ints); k++)
			if (strlen(ints[k].name) == n && strncmp(argv[i], ints[k].name, n) == 0)
				*ints[k].to = (int)number;
		if (n == 10 && strncmp(argv[i], "compute_us", n) == 0)
			compute_us = number;
		if (n == 7 && strncmp(argv[i], "wait_us", n) == 0)
			wait_us = number;
	}
	workers = workers > MOST ? MOST : workers;
	clients = clients > MOST ? MOST : clients;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int number = 0;
	parse(argc, argv);
	title = argv[0];
	title_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
	memset(title, 0, title_size);
	snprintf(title, title_size, "prefork: master");
	truth = mmap(NULL, sizeof(*truth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 1024) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &len) < 0)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	sigset_t end;
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	printf("{\"pid\": %d, \"workers\": [", (int)getpid());
	for (; number < workers; number++)
		printf("%s%d", number ? ", " : "", (int)(fflush(stdout), fork_worker(number)));
	while (truth->began < (uint64_t)workers)
		sched_yield();
	fflush(stdout);
	pid_t client = clients ? fork() : 0;
	if (clients && client == 0)
		run_client(&address);
	printf("], \"client\": %d}\n", (int)client);
	fflush(stdout);
	const struct timespec often = {0, serve ? 5000000 : 500000000};
	while (sigtimedwait(&end, NULL, &often) < 0)
		replace_ended(&number);
	printf("{\"computed_ns\": %llu, \"waited_ns\": %llu, \"answers\": %llu, \"began\": %llu}\n",
		(unsigned long long)truth->computed_ns, (unsigned long long)truth->waited_ns,
		(unsigned long long)truth->answers, (unsigned long long)truth->began);
	fflush(stdout);
	return 0; /* the children die with it */
}
