/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hooked.h - the system headers that declare what hooks.def names. */
#ifndef TT_PRELOAD_HOOKED_H
#define TT_PRELOAD_HOOKED_H

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <threads.h>
#include <unistd.h>
#include <dlfcn.h>
#include <sys/syscall.h>

#endif
