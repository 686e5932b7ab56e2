/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sys.h - the system calls of the shim, made directly.
 *
 * Not through libc: its wrappers for open, close and read are cancellation points (a hook that is none must not become one),
 * set errno, and may themselves be interposed, by us among others. Each returns the kernel's value: -errno on failure.
 */
#ifndef TT_PRELOAD_SYS_H
#define TT_PRELOAD_SYS_H

#include <stdint.h>
#include <stddef.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long tt_sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long tt_sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#else
#error "sys.h: add this architecture's system call instruction"
#endif

#define TT_SYS(nr, a, b, c, d) tt_sys6(SYS_##nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static inline int tt_sys_open(const char *path, int flags, int mode)
{
	return (int)TT_SYS(openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}
static inline void tt_sys_close(int fd)
{
	TT_SYS(close, fd, 0, 0, 0);
}
static inline long tt_sys_read(int fd, void *buf, size_t n)
{
	return TT_SYS(read, fd, buf, n, 0);
}
static inline int tt_sys_failed(long r)
{
	return (unsigned long)r > -4096ul;
}
static inline void *tt_sys_mmap(size_t size, int prot, int flags, int fd)
{
	long r = tt_sys6(SYS_mmap, 0, (long)size, prot, flags, fd, 0);
	return tt_sys_failed(r) ? NULL : (void *)r;
}
static inline int tt_sys_gettid(void)
{
	return (int)TT_SYS(gettid, 0, 0, 0, 0);
}
static inline int tt_sys_getpid(void)
{
	return (int)TT_SYS(getpid, 0, 0, 0, 0);
}

#endif
