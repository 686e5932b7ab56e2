/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hooked.h - the system headers that declare what hooks.def names. */
#ifndef TT_PRELOAD_HOOKED_H
#define TT_PRELOAD_HOOKED_H

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>
#include <dlfcn.h>
#include <sys/syscall.h>

/* What -D_FORTIFY_SOURCE makes of calls; declared only then. */
extern ssize_t __read_chk(int fd, void *p, size_t n, size_t size);
extern ssize_t __pread_chk(int fd, void *p, size_t n, off_t at, size_t size);
extern ssize_t __pread64_chk(int fd, void *p, size_t n, off64_t at, size_t size);
extern ssize_t __recv_chk(int fd, void *p, size_t n, size_t size, int flags);
extern ssize_t __recvfrom_chk(int fd, void *p, size_t n, size_t size, int flags, __SOCKADDR_ARG from, socklen_t *len);
extern int __open_2(const char *path, int flags);
extern int __open64_2(const char *path, int flags);
extern int __openat_2(int dir, const char *path, int flags);
extern int __openat64_2(int dir, const char *path, int flags);
extern int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
extern int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t size);

#endif
