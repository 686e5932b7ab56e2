/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dumpme.c - threads in known situations, for tests/threaddump.bats. Prints one JSON document with the truth once all of them
 * are in place, then stays there until it is killed (or, for "busy", until its work is done).
 *
 *   dumpme waits              one thread for each thing that one can wait for, named after it
 *   dumpme deadlock KIND      robust pi timed rwlock errorcheck stdio chain
 *   dumpme convoy N           N threads queue for one mutex, whose holder sleeps
 *   dumpme busy SECONDS       healthy locking in one order, as hard as it can, until SIGTERM; prints whether all sums are right
 *   dumpme names              threads with hostile names
 *   dumpme crash              writes to address 16 in a thread, beside another one
 *   dumpme vfork              is stuck in vfork(), in state D
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MUST(call)                                                                   \
	do {                                                                         \
		if (!(call)) {                                                       \
			fprintf(stderr, "dumpme: %s: %s\n", #call, strerror(errno)); \
			exit(3);                                                     \
		}                                                                    \
	} while (0)

#define MAX 512

static struct waiter {
	pid_t tid;
	pthread_t thread;
	const char *name, *kind; /* kind as threaddump names it */
	void (*wait)(void);
	const void *object; /* address that is waited for, or NULL */
	bool owned;         /* the main thread holds it */
	bool runs;          /* it is never blocked */
} waiters[MAX];
static int count;

static struct waiter *add(const char *name, const char *kind, void (*wait)(void), const void *object, bool owned)
{
	waiters[count] = (struct waiter){.name = name, .kind = kind, .wait = wait, .object = object, .owned = owned};
	return &waiters[count++];
}

static void *begin(void *arg)
{
	struct waiter *w = arg;
	pthread_setname_np(pthread_self(), w->name);
	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	w->wait();
	return NULL;
}

/* Asleep in a system call, by /proc: state S and a number in `syscall`. */
static bool is_blocked(pid_t tid)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)tid);
	FILE *f = fopen(path, "r");
	if (f) {
		if (!fgets(text, sizeof(text), f))
			text[0] = '\0';
		fclose(f);
	}
	return text[0] >= '0' && text[0] <= '9';
}

static void start_all(void)
{
	for (int i = 0; i < count; i++)
		MUST(pthread_create(&waiters[i].thread, NULL, begin, &waiters[i]) == 0);
	for (int i = 0; i < count; i++)
		while (!__atomic_load_n(&waiters[i].tid, __ATOMIC_ACQUIRE) || (!waiters[i].runs && !is_blocked(waiters[i].tid)))
			usleep(1000);
}

static int port;
static char unix_path[100];

static void print_truth(void)
{
	printf("{\"pid\": %d, \"port\": %d, \"unix\": \"%s\", \"threads\": [", (int)getpid(), port, unix_path);
	for (int i = 0; i < count; i++) {
		const struct waiter *w = &waiters[i];
		printf("%s\n {\"tid\": %d, \"name\": \"%.15s\", \"kind\": \"%s\"", i ? "," : "", (int)w->tid, w->name, w->kind);
		if (w->object)
			printf(", \"address\": \"0x%lx\"", (unsigned long)(uintptr_t)w->object);
		if (w->owned)
			printf(", \"owner\": %d", (int)gettid());
		printf("}");
	}
	printf("\n]}\n");
	fflush(stdout);
}

static void stay(void)
{
	for (;;)
		pause();
}

/* ------------------------------------------------------------------ waits */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, recursive, robust, pi, beside = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER, read_rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_barrier_t initialising;
static sem_t sem;
static uint32_t word;
static pthread_t main_thread;
static int tcp_client, tcp_listener, unix_client, pipe_in[2], pipe_out[2], event, timer, notify, sigs, epoll, set, queue,
	lock_fd, flock_fd;

static void in_mutex(void)
{
	pthread_mutex_lock(&mutex);
}
static void in_timed(void)
{
	struct timespec t = {.tv_sec = time(NULL) + 100000};
	pthread_mutex_timedlock(&mutex, &t);
}
static void in_recursive(void)
{
	pthread_mutex_lock(&recursive);
}
static void in_robust(void)
{
	pthread_mutex_lock(&robust);
}
static void in_pi(void)
{
	pthread_mutex_lock(&pi);
}
static void in_rdlock(void)
{
	pthread_rwlock_rdlock(&rw);
}
static void in_wrlock(void)
{
	pthread_rwlock_wrlock(&rw);
}
static void in_behind_readers(void)
{
	pthread_rwlock_wrlock(&read_rw);
}
static void in_cond(void)
{
	pthread_mutex_lock(&beside);
	pthread_cond_wait(&cond, &beside);
}
static void initialise(void)
{
	pthread_barrier_wait(&initialising);
	for (;;)
		pause();
}
static void in_first_once(void)
{
	pthread_once(&once, initialise);
}
static void in_once(void)
{
	pthread_barrier_wait(&initialising);
	pthread_once(&once, initialise);
	abort(); /* so that the call is no jump: the initialisation never ends */
}
static void in_barrier(void)
{
	pthread_barrier_wait(&barrier);
}
static void in_sem(void)
{
	sem_wait(&sem);
}
static void in_join(void)
{
	pthread_join(main_thread, NULL);
}
static void in_stdio(void)
{
	flockfile(stderr);
}
static void in_futex(void)
{
	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}
static char byte;
static void in_recv(void)
{
	recv(tcp_client, &byte, 1, 0);
}
static void in_accept(void)
{
	accept(tcp_listener, NULL, NULL);
}
static void in_unix(void)
{
	recv(unix_client, &byte, 1, 0);
}
static void in_pipe(void)
{
	MUST(read(pipe_in[0], &byte, 1) == 1);
}
static void in_pipe_write(void)
{
	static char much[1 << 20];
	MUST(write(pipe_out[1], much, sizeof(much)) > 0);
}
static void in_eventfd(void)
{
	uint64_t n;
	MUST(read(event, &n, sizeof(n)) > 0);
}
static void in_timerfd(void)
{
	uint64_t n;
	MUST(read(timer, &n, sizeof(n)) > 0);
}
static void in_inotify(void)
{
	char buf[4096];
	MUST(read(notify, buf, sizeof(buf)) > 0);
}
static void in_signalfd(void)
{
	struct signalfd_siginfo s;
	MUST(read(sigs, &s, sizeof(s)) > 0);
}
static void in_epoll(void)
{
	struct epoll_event e;
	epoll_wait(epoll, &e, 1, -1);
}
static void in_poll(void)
{
	struct pollfd p[2] = {{.fd = pipe_in[0], .events = POLLIN}, {.fd = event, .events = POLLIN}};
	poll(p, 2, 100000000);
}
static void in_select(void)
{
	fd_set s;
	FD_ZERO(&s);
	FD_SET(pipe_in[0], &s);
	select(pipe_in[0] + 1, &s, NULL, NULL, NULL);
}
static void in_sleep(void)
{
	sleep(100000);
}
static void in_signal(void)
{
	sigset_t s;
	int sig;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigwait(&s, &sig);
}
static void in_child(void)
{
	waitpid(-1, NULL, 0);
}
static void in_flock(void)
{
	flock(flock_fd, LOCK_EX);
}
static void in_fcntl(void)
{
	struct flock l = {.l_type = F_WRLCK};
	fcntl(lock_fd, F_SETLKW, &l);
}
static void in_semop(void)
{
	struct sembuf op = {.sem_op = -1};
	MUST(semop(set, &op, 1) == 0);
}
static void in_msgrcv(void)
{
	struct {
		long type;
		char text[8];
	} m;
	msgrcv(queue, &m, sizeof(m.text), 0, 0);
}
static volatile bool spinning = true;
static void in_spin(void)
{
	while (spinning) {
	}
}

static void make_mutexes(void)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recursive, &a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_NORMAL);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&pi, &a);
}

static void make_sockets(const char *dir)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	tcp_listener = socket(AF_INET, SOCK_STREAM, 0);
	MUST(bind(tcp_listener, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(tcp_listener, 5) == 0);
	MUST(getsockname(tcp_listener, (struct sockaddr *)&a, &len) == 0);
	port = ntohs(a.sin_port);
	tcp_client = socket(AF_INET, SOCK_STREAM, 0);
	MUST(connect(tcp_client, (struct sockaddr *)&a, sizeof(a)) == 0 && accept(tcp_listener, NULL, NULL) >= 0);
	struct sockaddr_un u = {.sun_family = AF_UNIX};
	snprintf(unix_path, sizeof(unix_path), "%s/dumpme.sock", dir);
	snprintf(u.sun_path, sizeof(u.sun_path), "%s", unix_path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	MUST(bind(listener, (struct sockaddr *)&u, sizeof(u)) == 0 && listen(listener, 5) == 0);
	unix_client = socket(AF_UNIX, SOCK_STREAM, 0);
	MUST(connect(unix_client, (struct sockaddr *)&u, sizeof(u)) == 0 && accept(listener, NULL, NULL) >= 0);
}

static void make_descriptors(const char *dir)
{
	sigset_t s;
	struct itimerspec far = {.it_value.tv_sec = 100000};
	struct epoll_event e = {.events = EPOLLIN};
	char path[200];
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigaddset(&s, SIGUSR2);
	sigprocmask(SIG_BLOCK, &s, NULL);
	MUST(pipe(pipe_in) == 0 && pipe(pipe_out) == 0);
	event = eventfd(0, 0);
	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(timer, 0, &far, NULL);
	notify = inotify_init();
	sigs = signalfd(-1, &s, 0);
	epoll = epoll_create1(0);
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &e) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, tcp_listener, &e) == 0);
	snprintf(path, sizeof(path), "%s/locked", dir);
	lock_fd = open(path, O_RDWR | O_CREAT, 0600);
	flock_fd = open(path, O_RDWR);
	set = semget(IPC_PRIVATE, 1, 0600);
	queue = msgget(IPC_PRIVATE, 0600);
	MUST(set >= 0 && queue >= 0 && lock_fd >= 0 && flock_fd >= 0);
}

/* A child holds the locks on the file, and dies with us. */
static void make_child(const char *dir)
{
	int ready[2];
	char path[200], c;
	MUST(pipe(ready) == 0);
	pid_t parent = getpid(), child = fork();
	if (child == 0) {
		struct flock l = {.l_type = F_WRLCK};
		snprintf(path, sizeof(path), "%s/locked", dir);
		int fd = open(path, O_RDWR);
		MUST(fd >= 0 && fcntl(fd, F_SETLKW, &l) == 0 && flock(fd, LOCK_EX) == 0 && write(ready[1], "", 1) == 1);
		while (getppid() == parent)
			usleep(20000);
		_exit(0);
	}
	MUST(child > 0 && read(ready[0], &c, 1) == 1);
}

static void forget_ipc(void)
{
	semctl(set, 0, IPC_RMID);
	msgctl(queue, IPC_RMID, NULL);
}

static void on_term(int sig)
{
	(void)sig;
	forget_ipc();
	_exit(0);
}

static int run_waits(const char *dir)
{
	make_mutexes();
	make_sockets(dir);
	make_descriptors(dir);
	make_child(dir);
	signal(SIGTERM, on_term);
	pthread_barrier_init(&barrier, NULL, 3);
	pthread_barrier_init(&initialising, NULL, 2);
	sem_init(&sem, 0, 0);
	main_thread = pthread_self();
	pthread_mutex_lock(&mutex);
	pthread_mutex_lock(&recursive);
	pthread_mutex_lock(&robust);
	pthread_mutex_lock(&pi);
	pthread_rwlock_wrlock(&rw);
	pthread_rwlock_rdlock(&read_rw);
	flockfile(stderr);
	add("mutex", "mutex", in_mutex, &mutex, true);
	add("timed", "mutex", in_timed, &mutex, true);
	add("recursive", "mutex", in_recursive, &recursive, true);
	add("robust", "mutex", in_robust, &robust, true);
	add("pi", "mutex", in_pi, &pi, true);
	add("rdlock", "rdlock", in_rdlock, &rw, true);
	add("wrlock", "wrlock", in_wrlock, &rw, true);
	add("behind-readers", "wrlock", in_behind_readers, &read_rw, false);
	add("cond", "cond", in_cond, &cond, false);
	add("barrier", "barrier", in_barrier, &barrier, false);
	add("initialises", "signal", in_first_once, NULL, false);
	add("once", "once", in_once, &once, false);
	add("sem", "sem", in_sem, &sem, false);
	add("join", "join", in_join, (void *)main_thread, true);
	add("stdio", "stdio-lock", in_stdio, NULL, true);
	add("futex", "futex", in_futex, &word, false);
	add("recv", "socket", in_recv, NULL, false);
	add("accept", "socket", in_accept, NULL, false);
	add("unix", "socket", in_unix, NULL, false);
	add("pipe", "pipe", in_pipe, NULL, false);
	add("pipe-write", "pipe", in_pipe_write, NULL, false);
	add("eventfd", "event", in_eventfd, NULL, false);
	add("timerfd", "event", in_timerfd, NULL, false);
	add("inotify", "event", in_inotify, NULL, false);
	add("signalfd", "event", in_signalfd, NULL, false);
	add("epoll", "epoll", in_epoll, NULL, false);
	add("poll", "poll", in_poll, NULL, false);
	add("select", "poll", in_select, NULL, false);
	add("sleep", "sleep", in_sleep, NULL, false);
	add("signal", "signal", in_signal, NULL, false);
	add("child", "child", in_child, NULL, false);
	add("flock", "file-lock", in_flock, NULL, false);
	add("fcntl", "file-lock", in_fcntl, NULL, false);
	add("semop", "ipc", in_semop, NULL, false);
	add("msgrcv", "ipc", in_msgrcv, NULL, false);
	add("spin", "none", in_spin, NULL, false)->runs = true;
	start_all();
	print_truth();
	stay();
	return 0;
}

/* ------------------------------------------------------------------ deadlocks */

static pthread_mutex_t first, second;
static pthread_rwlock_t first_rw = PTHREAD_RWLOCK_INITIALIZER, second_rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t both;
static const char *how;

static void lock_mutex(pthread_mutex_t *m)
{
	struct timespec t = {.tv_sec = time(NULL) + 100000};
	if (strcmp(how, "timed") == 0)
		pthread_mutex_timedlock(m, &t);
	else
		pthread_mutex_lock(m);
}

static void cross_a(void)
{
	pthread_mutex_lock(&first);
	pthread_barrier_wait(&both);
	lock_mutex(&second);
}
static void cross_b(void)
{
	pthread_mutex_lock(&second);
	pthread_barrier_wait(&both);
	lock_mutex(&first);
}
static void cross_rw_a(void)
{
	pthread_rwlock_wrlock(&first_rw);
	pthread_barrier_wait(&both);
	pthread_rwlock_rdlock(&second_rw);
}
static void cross_rw_b(void)
{
	pthread_rwlock_wrlock(&second_rw);
	pthread_barrier_wait(&both);
	pthread_rwlock_wrlock(&first_rw);
}
static void cross_stdio_a(void)
{
	flockfile(stderr);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&first);
}
static void cross_stdio_b(void)
{
	pthread_mutex_lock(&first);
	pthread_barrier_wait(&both);
	fputs("never seen", stderr);
}
static void behind(void)
{
	pthread_mutex_lock(&first);
}

static int run_deadlock(const char *kind)
{
	pthread_mutexattr_t a;
	pthread_mutexattr_init(&a);
	how = kind;
	if (strcmp(kind, "robust") == 0)
		pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	else if (strcmp(kind, "pi") == 0)
		pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	else if (strcmp(kind, "errorcheck") == 0)
		pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&first, &a);
	pthread_mutex_init(&second, &a);
	pthread_barrier_init(&both, NULL, 2);
	bool is_rw = strcmp(kind, "rwlock") == 0, is_stdio = strcmp(kind, "stdio") == 0;
	add("cross-a", is_rw ? "rdlock" : "mutex", is_rw ? cross_rw_a : is_stdio ? cross_stdio_a : cross_a, NULL, false);
	add("cross-b",
		is_rw      ? "wrlock"
		: is_stdio ? "stdio-lock"
			   : "mutex",
		is_rw      ? cross_rw_b
		: is_stdio ? cross_stdio_b
			   : cross_b,
		NULL, false);
	start_all();
	if (strcmp(kind, "chain") == 0) {
		int ring = count;
		for (int i = 0; i < 3; i++)
			add("behind", "mutex", behind, &first, false);
		for (int i = ring; i < count; i++)
			MUST(pthread_create(&waiters[i].thread, NULL, begin, &waiters[i]) == 0);
		for (int i = ring; i < count; i++)
			while (!__atomic_load_n(&waiters[i].tid, __ATOMIC_ACQUIRE) || !is_blocked(waiters[i].tid))
				usleep(1000);
	}
	/* Both are blocked on each other only once each has passed the barrier: then they sleep in another call. */
	usleep(50000);
	print_truth();
	stay();
	return 0;
}

/* ------------------------------------------------------------------ the rest */

static int run_convoy(int n)
{
	for (int i = 0; i < n && i < MAX; i++)
		add("worker", "mutex", in_mutex, &mutex, true);
	pthread_mutex_lock(&mutex);
	start_all();
	print_truth();
	stay();
	return 0;
}

#define BUSY  8
#define LOCKS 16
static pthread_mutex_t pool[LOCKS];
static uint64_t sums[LOCKS], done_by[BUSY];
static volatile time_t busy_until;

static void *be_busy(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, seed = me + 1;
	while (time(NULL) < busy_until) {
		for (int round = 0; round < 1000; round++) {
			unsigned a = (unsigned)rand_r(&seed) % LOCKS, b = (unsigned)rand_r(&seed) % LOCKS;
			if (a == b)
				continue;
			pthread_mutex_t *low = &pool[a < b ? a : b], *high = &pool[a < b ? b : a];
			if (round % 5 == 0) { /* the other order is harmless when it does not wait */
				pthread_mutex_lock(high);
				if (pthread_mutex_trylock(low) != 0) {
					pthread_mutex_unlock(high);
					continue;
				}
			} else {
				pthread_mutex_lock(low);
				pthread_mutex_lock(high);
			}
			sums[a]++;
			sums[b]++;
			done_by[me] += 2;
			pthread_mutex_unlock(low);
			pthread_mutex_unlock(high);
		}
	}
	return NULL;
}

static void end_busy(int sig)
{
	(void)sig;
	busy_until = 0;
}

static int run_busy(int seconds)
{
	pthread_t t[BUSY];
	uint64_t want = 0, got = 0;
	busy_until = time(NULL) + seconds;
	signal(SIGTERM, end_busy);
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&pool[i], NULL);
	for (uintptr_t i = 0; i < BUSY; i++)
		MUST(pthread_create(&t[i], NULL, be_busy, (void *)i) == 0);
	printf("{\"pid\": %d}\n", (int)getpid());
	fflush(stdout);
	for (int i = 0; i < BUSY; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < BUSY; i++)
		want += done_by[i];
	for (int i = 0; i < LOCKS; i++)
		got += sums[i];
	printf("%s\n", want == got ? "right" : "wrong");
	return want != got;
}

static int run_names(void)
{
	static const char *const names[] = {"\033[31mred", "a\nb", "\"quote\\", "\xff\xfe", "</script>", "a) R 1 2 3", "%s%n"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add(names[i], "sleep", in_sleep, NULL, false);
	start_all();
	printf("{\"pid\": %d}\n", (int)getpid());
	fflush(stdout);
	stay();
	return 0;
}

static void in_crash(void)
{
	static volatile uintptr_t nowhere = 16;
	usleep(100000);
	*(int *)nowhere = 1;
}

static int run_crash(void)
{
	add("bystander", "sleep", in_sleep, NULL, false);
	add("crasher", "none", in_crash, NULL, false)->runs = true;
	start_all();
	print_truth();
	stay();
	return 0;
}

static int run_vfork(void)
{
	printf("{\"pid\": %d}\n", (int)getpid());
	fflush(stdout);
	pid_t parent = getpid();
	if (vfork() == 0) {
		while (getppid() == parent)
			syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 20000000}, NULL);
		_exit(0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "";
	if (strcmp(what, "waits") == 0)
		return run_waits(argc > 2 ? arg : ".");
	if (strcmp(what, "deadlock") == 0)
		return run_deadlock(arg);
	if (strcmp(what, "convoy") == 0)
		return run_convoy(atoi(arg));
	if (strcmp(what, "busy") == 0)
		return run_busy(atoi(arg));
	if (strcmp(what, "names") == 0)
		return run_names();
	if (strcmp(what, "crash") == 0)
		return run_crash();
	if (strcmp(what, "vfork") == 0)
		return run_vfork();
	fprintf(stderr, "usage: dumpme waits DIR | deadlock KIND | convoy N | busy SECONDS | names | crash | vfork\n");
	return 3;
}
