/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hook_process.c - fork, exec, exit; dlclose; thread names by prctl.
 *
 * A fork needs no work here: the child finds out at its first event (init.c). vfork and posix_spawn are never touched.
 */
#include "preload/acquire.h"
#include "preload/module.h"
#include "preload/sys.h"

#include <alloca.h>
#include <linux/seccomp.h>
#include <stdarg.h>

TT_EXPORT pid_t fork(void)
{
	struct tt_self *s = tt_enter_if_known();
	uint64_t t0 = s ? tt_now() : 0;
	pid_t pid = REAL(fork)();
	if (s && pid > 0) {
		struct tt_caller c = {(uintptr_t)__builtin_return_address(0), HOOK_CFA()};
		tt_busy_begin(s);
		uint64_t now = tt_now();
		tt_add_relaxed(&tt_g.h->forks, 1);
		tt_event(s, TTREC_EVENT_FORK, &(struct ttrec_event){.end_ns = now, .site = c.pc, .a = (uint64_t)pid});
		if (s->t->held_depth)
			tt_held_while_blocked(s, 0, TTREC_SITE(c.pc, TTREC_OP_FORK), now - t0, &c);
		tt_busy_end(s);
	}
	return pid;
}

/* ------------------------------------------------------------------ exec: this recording ends, unless it fails */

/* The state is set first, because success does not return. */
#define EXEC(call)                            \
	tt_enter_if_known();                  \
	tt_process_ends(TTREC_STATE_EXEC, 0); \
	int r = call;                         \
	tt_process_goes_on();                 \
	return r

TT_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	EXEC(REAL(execve)(path, argv, envp));
}
TT_EXPORT int execv(const char *path, char *const argv[])
{
	EXEC(REAL(execv)(path, argv));
}
TT_EXPORT int execvp(const char *file, char *const argv[])
{
	EXEC(REAL(execvp)(file, argv));
}
TT_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	EXEC(REAL(execvpe)(file, argv, envp));
}
TT_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	EXEC(REAL(fexecve)(fd, argv, envp));
}
TT_EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	EXEC(REAL(execveat)(fd, path, argv, envp, flags));
}

/* The variadic ones: their arguments become a vector on the stack, as in the C library. */
#define COUNT_ARGS(first, count)           \
	size_t count = 1;                  \
	{                                  \
		va_list ap;                \
		va_start(ap, first);       \
		while (va_arg(ap, char *)) \
			count++;           \
		va_end(ap);                \
	}
#define TAKE_ARGS(ap, first, argv)                        \
	{                                                 \
		size_t i = 0;                             \
		(argv)[0] = (char *)(uintptr_t)(first);   \
		while ((argv)[i])                         \
			(argv)[++i] = va_arg(ap, char *); \
	}

TT_EXPORT int execl(const char *path, const char *arg, ...)
{
	COUNT_ARGS(arg, n);
	char **argv = alloca((n + 1) * sizeof(char *));
	va_list ap;
	va_start(ap, arg);
	TAKE_ARGS(ap, arg, argv);
	va_end(ap);
	EXEC(REAL(execv)(path, argv));
}
TT_EXPORT int execlp(const char *file, const char *arg, ...)
{
	COUNT_ARGS(arg, n);
	char **argv = alloca((n + 1) * sizeof(char *));
	va_list ap;
	va_start(ap, arg);
	TAKE_ARGS(ap, arg, argv);
	va_end(ap);
	EXEC(REAL(execvp)(file, argv));
}
TT_EXPORT int execle(const char *path, const char *arg, ...)
{
	COUNT_ARGS(arg, n);
	char **argv = alloca((n + 1) * sizeof(char *));
	va_list ap;
	va_start(ap, arg);
	TAKE_ARGS(ap, arg, argv);
	char **envp = va_arg(ap, char **);
	va_end(ap);
	EXEC(REAL(execve)(path, argv, envp));
}

/* ------------------------------------------------------------------ exit */

TT_EXPORT void exit(int code)
{
	tt_enter_if_known();
	/* Handlers and destructors still run, and may record; our destructor ends the recording. */
	tt_process_exit_code(code);
	REAL(exit)(code);
	__builtin_unreachable();
}
TT_EXPORT void _exit(int code)
{
	tt_enter_if_known();
	tt_process_ends(TTREC_STATE_FORCED, code);
	REAL(_exit)(code);
	__builtin_unreachable();
}
TT_EXPORT void _Exit(int code)
{
	tt_enter_if_known();
	tt_process_ends(TTREC_STATE_FORCED, code);
	REAL(_Exit)(code);
	__builtin_unreachable();
}
TT_EXPORT void quick_exit(int code)
{
	tt_enter_if_known();
	tt_process_ends(TTREC_STATE_FORCED, code);
	REAL(quick_exit)(code);
	__builtin_unreachable();
}
TT_EXPORT void abort(void)
{
	tt_enter_if_known();
	/* A handler of SIGABRT may still leave by longjmp: then the process goes on, and the state says so at its real end. */
	tt_process_ends(TTREC_STATE_ABORTED, 0);
	REAL(abort)();
	__builtin_unreachable();
}

/* ------------------------------------------------------------------ others */

TT_EXPORT int dlclose(void *handle)
{
	struct tt_self *s = tt_enter_if_known();
	int r = REAL(dlclose)(handle);
	if (s) {
		/* Other code may come to lie at these addresses. */
		tt_modules_forget();
		tt_stack_flush();
	}
	return r;
}

TT_EXPORT int prctl(int option, ...)
{
	va_list ap;
	unsigned long a[4];
	va_start(ap, option);
	for (unsigned i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	struct tt_self *s = tt_enter_if_known();
	if (option == PR_SET_SECCOMP)
		tt_sandbox_ahead();
	int r = REAL(prctl)(option, a[0], a[1], a[2], a[3]);
	if (r != 0)
		return r;
	if (option == PR_SET_NAME && s)
		TT_SYS(prctl, PR_GET_NAME, s->t->name, 0, 0);
	else if (option == PR_SET_SECCOMP && a[0] == SECCOMP_MODE_FILTER)
		tt_sandbox_entered();
	else if (option == PR_SET_SECCOMP || (option == PR_SET_TSC && a[0] == PR_TSC_SIGSEGV))
		tt_process_quiet();
	return r;
}
