/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * io.c - sleeps, input and output, waits for children: with nothing held and with a lock held they return, fail, are
 * interrupted and cancelled as ever. See tr.h.
 */
#include "tests/transparency/tr.h"

#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>

/* As -D_FORTIFY_SOURCE would call them. */
extern ssize_t __read_chk(int fd, void *p, size_t n, size_t size);
extern ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t size);
extern ssize_t __recv_chk(int fd, void *p, size_t n, size_t size, int flags);
extern ssize_t __recvfrom_chk(int fd, void *p, size_t n, size_t size, int flags, struct sockaddr *from, socklen_t *len);
extern int __open_2(const char *path, int flags);
extern int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static int fds[2], pair[2], file, tid, handled, cleaned;
static char path[64], buf[64];

static void on_signal(int sig)
{
	char c = 'h';
	handled += write(fds[1], &c, sig ? 1 : 0) == 1;
}

/* ------------------------------------------------------------------ results */

static void files(void)
{
	struct iovec v[2] = {{buf, 2}, {buf + 8, 3}};
	off_t at = 0;
	TR_MUST((file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0640)) < 0);
	struct stat st;
	TR_NUM("mode of open", fstat(file, &st) == 0 ? st.st_mode & 0777 : 0);
	TR("open without mode", open("/nonexistent", O_RDONLY));
	TR("openat", openat(AT_FDCWD, "/nonexistent/x", O_CREAT | O_RDONLY, 0600));
	TR("__open_2", __open_2("/nonexistent", O_RDONLY));
	TR("write", write(file, "hello world", 11));
	TR("pwrite", pwrite(file, "HE", 2, 0));
	TR("lseek", lseek(file, 0, SEEK_SET));
	TR("read", read(file, buf, 5));
	TR("__read_chk", __read_chk(file, buf, 2, sizeof(buf)));
	TR("pread", pread(file, buf, 4, 6));
	TR("__pread_chk", __pread_chk(file, buf, 4, 6, sizeof(buf)));
	TR("preadv", preadv(file, v, 2, 0));
	TR("writev", writev(file, v, 2));
	TR("pwritev", pwritev(file, v, 2, 3));
	TR("readv at the end", readv(file, v, 2));
	tr_say("read: %.2s %.3s", buf, buf + 8);
	TR("fsync", fsync(file));
	TR("fdatasync", fdatasync(file));
	TR("flock", flock(file, LOCK_EX));
	TR("flock again", flock(file, LOCK_UN));
	TR("lockf", lockf(file, F_LOCK, 0));
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	TR("fcntl F_SETLKW", fcntl(file, F_SETLKW, &lock));
	TR("fcntl F_GETFD", fcntl(file, F_GETFD));
	TR("fcntl F_SETFD", fcntl(file, F_SETFD, FD_CLOEXEC));
	TR("fcntl F_GETFD", fcntl(file, F_GETFD));
	int copy = fcntl(file, F_DUPFD_CLOEXEC, 100);
	TR_TRUE("fcntl F_DUPFD", copy >= 100);
	TR("sendfile", sendfile(pair[1], file, &at, 4));
	TR("recv", recv(pair[0], buf, sizeof(buf), 0));
	TR("copy_file_range", copy_file_range(file, &at, -1, NULL, 1, 0));
	TR("close", close(copy));
	TR("read of a closed one", read(copy, buf, 1));
	TR("write to a closed one", write(copy, buf, 1));
	TR("close", close(file));
}

static void sockets(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"}, from;
	socklen_t len = sizeof(from);
	struct msghdr h = {.msg_iov = &(struct iovec){buf, 3}, .msg_iovlen = 1};
	TR("send", send(pair[1], "abcdef", 6, 0));
	TR("__recv_chk", __recv_chk(pair[0], buf, 1, sizeof(buf), 0));
	TR("recvfrom", recvfrom(pair[0], buf, 1, 0, (struct sockaddr *)&from, &len));
	TR_NUM("length", len);
	TR("__recvfrom_chk", __recvfrom_chk(pair[0], buf, 1, sizeof(buf), 0, (struct sockaddr *)&from, &len));
	TR("recvmsg", recvmsg(pair[0], &h, 0));
	tr_say("received %.3s", buf);
	TR("recv of nothing", recv(pair[0], buf, 1, MSG_DONTWAIT));
	TR("sendto", sendto(pair[1], "x", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	TR("connect", connect(s, (struct sockaddr *)&to, sizeof(to)));
	TR("accept", accept(s, NULL, NULL));
	TR("accept4", accept4(s, NULL, NULL, SOCK_CLOEXEC));
	close(s);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	TR("__poll_chk", __poll_chk(&p, 1, 0, sizeof(p)));
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *ret = NULL;
	TR_NUM("getaddrinfo", getaddrinfo("127.0.0.1", NULL, &hints, &ret));
	char host[32] = "", service[8] = "";
	if (ret)
		TR_NUM("getnameinfo", getnameinfo(ret->ai_addr, ret->ai_addrlen, host, sizeof(host), service, sizeof(service),
					      NI_NUMERICHOST | NI_NUMERICSERV));
	tr_say("host %s service %s", host, service);
	if (ret)
		freeaddrinfo(ret);
}

static void sleeps_and_children(void)
{
	struct timespec t = {0, 1000000}, odd = {0, -1}, left = {7, 7};
	int status = 0;
	TR("usleep", usleep(1000));
	TR("sleep 0", sleep(0));
	TR("nanosleep", nanosleep(&t, &left));
	TR_NUM("left", left.tv_sec);
	TR("nanosleep of an odd time", nanosleep(&odd, NULL));
	TR("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL));
	TR("clock_nanosleep of an odd time", clock_nanosleep(CLOCK_MONOTONIC, 0, &odd, NULL));
	TR("thrd_sleep", thrd_sleep(&t, NULL));
	TR("wait", wait(&status));
	pid_t pid = fork();
	if (pid == 0) {
		ssize_t n = write(pair[1], "child", 5); /* the lock, if any, is this thread's here too */
		_exit(n == 5 ? 3 : 4);
	}
	TR_TRUE("waitpid", waitpid(pid, &status, 0) == pid);
	TR_NUM("status", WEXITSTATUS(status));
	TR("recv", recv(pair[0], buf, 5, 0));
	pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
		_exit(9);
	}
	TR_TRUE("wait4", wait4(pid, &status, 0, NULL) == pid);
	TR_NUM("status", WEXITSTATUS(status));
	TR_NUM("system", WEXITSTATUS(system("exit 6")));
	FILE *f = popen("exit 7", "r");
	TR_NUM("pclose", f ? WEXITSTATUS(pclose(f)) : -1);
}

/* ------------------------------------------------------------------ interrupted, cancelled, torn out */

static void *interrupts_main(void *unused)
{
	char c;
	TR_MUST(pthread_mutex_lock(&m));
	tr_publish(&tid);
	TR("read that a signal interrupts", read(fds[0], &c, 1));
	TR_MUST(pthread_mutex_unlock(&m));
	return unused;
}

static void interrupted(void)
{
	struct sigaction a = {.sa_handler = on_signal};
	pthread_t t;
	char c;
	sigaction(SIGUSR1, &a, NULL);
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, interrupts_main, NULL));
	tr_blocked_in(&tid, SYS_read);
	TR_MUST(pthread_kill(t, SIGUSR1));
	tr_join("joined", t, NULL);
	TR_NUM("handled", handled);
	TR("what the handler wrote", read(fds[0], &c, 1));
}

static void cleanup(void *unused)
{
	(void)unused;
	cleaned++;
	pthread_mutex_unlock(&m);
}

static void *cancelled_main(void *how)
{
	struct timespec t = {60, 0};
	char c;
	TR_MUST(pthread_mutex_lock(&m));
	pthread_cleanup_push(cleanup, NULL);
	tr_publish(&tid);
	if (how)
		nanosleep(&t, NULL);
	else
		TR("cancelled read", read(fds[0], &c, 1));
	pthread_cleanup_pop(1);
	return NULL;
}

static void cancelled(bool sleeping)
{
	pthread_t t;
	void *ret = NULL;
	tid = 0;
	TR_MUST(pthread_create(&t, NULL, cancelled_main, sleeping ? &m : NULL));
	tr_blocked_in(&tid, sleeping ? SYS_clock_nanosleep : SYS_read);
	TR_MUST(pthread_cancel(t));
	tr_join("joined", t, &ret);
	TR_TRUE("cancelled", ret == PTHREAD_CANCELED);
	TR_NUM("cleaned", cleaned);
	TR("the lock is free", pthread_mutex_trylock(&m));
	TR_MUST(pthread_mutex_unlock(&m));
}

static sigjmp_buf out;

static void on_alarm(int sig)
{
	siglongjmp(out, sig);
}

static void torn_out(void)
{
	struct sigaction a = {.sa_handler = on_alarm}, was;
	char c;
	sigaction(SIGUSR2, &a, &was);
	TR_MUST(pthread_mutex_lock(&m));
	if (sigsetjmp(out, 1) == 0) {
		timer_t timer;
		struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
		struct itimerspec in = {.it_value = {0, 20000000}};
		TR_MUST(timer_create(CLOCK_MONOTONIC, &e, &timer));
		TR_MUST(timer_settime(timer, 0, &in, NULL));
		TR("read that is left by longjmp", read(fds[0], &c, 1));
	}
	TR_MUST(pthread_mutex_unlock(&m));
	TR_MUST(pthread_mutex_lock(&m));
	TR("write afterwards", write(fds[1], "z", 1));
	TR("read afterwards", read(fds[0], &c, 1));
	TR_MUST(pthread_mutex_unlock(&m));
}

/* A handler on a stack of the least size, while the thread holds a lock. */
static void small_stack(void)
{
	static char memory[8192];
	stack_t ss = {.ss_sp = memory, .ss_size = (size_t)sysconf(_SC_MINSIGSTKSZ)}, off = {.ss_flags = SS_DISABLE};
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	char c;
	memset(memory, 0x5a, sizeof(memory));
	TR_MUST(ss.ss_size > sizeof(memory));
	TR_MUST(sigaltstack(&ss, NULL));
	sigaction(SIGUSR1, &a, NULL);
	TR_MUST(pthread_mutex_lock(&m));
	raise(SIGUSR1);
	TR_MUST(pthread_mutex_unlock(&m));
	TR("what it wrote", read(fds[0], &c, 1));
	TR_MUST(sigaltstack(&off, NULL));
}

static void all(const char *how)
{
	tr_say("-- %s", how);
	files();
	sockets();
	sleeps_and_children();
}

int main(void)
{
	tr_begin();
	snprintf(path, sizeof(path), "/tmp/tr-io.%d", (int)getpid());
	TR_MUST(pipe(fds));
	TR_MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	all("before any lock");
	TR_MUST(pthread_mutex_lock(&m));
	all("with a lock held");
	TR_MUST(pthread_mutex_unlock(&m));
	all("after it");
	interrupted();
	cancelled(false);
	cancelled(true);
	torn_out();
	small_stack();
	unlink(path);
	return tr_end();
}
