/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_words.c - why a process or a thread cannot be read, in words, and what to do about it.
 *
 * The kernel says EPERM and no more. Each check that may be behind it (user, capability, Yama, dumpable flag, user namespace,
 * seccomp) is repeated here from what /proc shows; the first that explains it is told.
 */
#include "lib/sym/snap_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define CAPABILITY_PTRACE 19

const char *tt_snap_fail_text(enum tt_snap_fail fail)
{
	static const char *const texts[TT_SNAP_FAIL_MAX] = {
		[TT_SNAP_OK] = "captured",
		[TT_SNAP_RUNNING] = "it was running, and was not to be stopped",
		[TT_SNAP_GONE] = "it ended meanwhile",
		[TT_SNAP_DENIED] = "not permitted",
		[TT_SNAP_TRACED] = "another process traces it",
		[TT_SNAP_UNSTOPPABLE] = "it did not stop in time",
		[TT_SNAP_KERNEL] = "it is a thread of the kernel's: it has no stack of the program",
		[TT_SNAP_NO_STACK] = "its stack pointer points to no memory",
		[TT_SNAP_IO] = "it could not be read",
	};
	return fail < TT_SNAP_FAIL_MAX ? texts[fail] : "unknown";
}

/* Calls that a stop ends with EINTR in any case: signal(7), and what was tried. */
static bool always_interrupted(int64_t number)
{
	switch (number) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_rt_sigtimedwait:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_io_uring_enter:
		return true;
	default:
		return false;
	}
}

/* Socket calls return EINTR only when the socket has a timeout, which is not seen from outside: the cautious answer. */
static bool interrupted_with_timeout(int64_t number)
{
	switch (number) {
	case SYS_accept:
	case SYS_accept4:
	case SYS_connect:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_read:
	case SYS_readv:
	case SYS_write:
	case SYS_writev:
		return true;
	default:
		return false;
	}
}

bool tt_snap_stop_shows(const struct tt_snap_thread *thread)
{
	return thread->in_syscall && (always_interrupted(thread->syscall) || interrupted_with_timeout(thread->syscall));
}

/* ------------------------------------------------------------------ permission */

/* What the kernel's check looks at. */
struct credentials {
	unsigned long uid[3], gid[3];    /* real, effective, saved */
	unsigned long long capabilities; /* effective */
	unsigned long long permitted;
	int tracer, seccomp;
};

static bool credentials_read(const char *process, struct credentials *ret)
{
	char path[64], line[512];
	*ret = (struct credentials){0};
	snprintf(path, sizeof(path), "/proc/%s/status", process);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "Uid: %lu %lu %lu", &ret->uid[0], &ret->uid[1], &ret->uid[2]);
		sscanf(line, "Gid: %lu %lu %lu", &ret->gid[0], &ret->gid[1], &ret->gid[2]);
		sscanf(line, "CapEff: %llx", &ret->capabilities);
		sscanf(line, "CapPrm: %llx", &ret->permitted);
		sscanf(line, "TracerPid: %d", &ret->tracer);
		sscanf(line, "Seccomp: %d", &ret->seccomp);
	}
	fclose(f);
	return true;
}

static bool same_ids(const struct credentials *target)
{
	for (int i = 0; i < 3; i++) {
		if (target->uid[i] != getuid() || target->gid[i] != getgid())
			return false;
	}
	return true;
}

static bool may_ptrace_any(const struct credentials *own)
{
	return own->capabilities >> CAPABILITY_PTRACE & 1;
}

/* Whether the target lives in another user namespace: our capabilities are worth nothing there. */
static bool other_user_namespace(const char *process)
{
	char path[64];
	struct stat own, target;
	snprintf(path, sizeof(path), "/proc/%s/ns/user", process);
	return stat("/proc/self/ns/user", &own) == 0 && stat(path, &target) == 0 && own.st_ino != target.st_ino;
}

/* Whether this program lives in a user namespace of its own: what it may as root of that, it may only there. */
static bool inner_user_namespace(void)
{
	unsigned long inside = 0, outside = 0, count = 0;
	FILE *f = fopen("/proc/self/uid_map", "re");
	bool read = f && fscanf(f, "%lu %lu %lu", &inside, &outside, &count) == 3;
	if (f)
		fclose(f);
	return read && (inside != 0 || outside != 0 || count != UINT32_MAX);
}

/* A filter on our own system calls: reading our own memory fails then. */
static bool calls_filtered(void)
{
	char from = 0, to;
	struct iovec local = {&to, 1}, remote = {&from, 1};
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) < 0 && errno == EPERM;
}

static int yama_scope(void)
{
	int scope = 0;
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	if (f && fscanf(f, "%d", &scope) != 1)
		scope = 0;
	if (f)
		fclose(f);
	return scope;
}

/* The files of a process that may not be dumped belong to root. */
static bool not_dumpable(const char *process, const struct credentials *target)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%s/io", process);
	return target->uid[1] != 0 && stat(path, &st) == 0 && st.st_uid == 0;
}

static bool why_yama(struct tt_buf *why)
{
	int scope = yama_scope();
	switch (scope) {
	case 1:
		tt_buf_adds(why, "the kernel allows it only to the process's ancestors (Yama: kernel.yama.ptrace_scope is 1); "
				 "run as root, or set it to 0");
		break;
	case 2:
		tt_buf_adds(why,
			"the kernel allows it only to those with CAP_SYS_PTRACE (Yama: kernel.yama.ptrace_scope is 2); "
			"run as root");
		break;
	case 3:
		tt_buf_adds(why, "the kernel allows it to nobody until the next boot (Yama: kernel.yama.ptrace_scope is 3)");
		break;
	default:
		return false;
	}
	return true;
}

bool tt_snap_permission(pid_t pid, struct tt_buf *why)
{
	char process[32];
	struct credentials own, target;
	snprintf(process, sizeof(process), "%d", (int)pid);
	if (!credentials_read("self", &own) || !credentials_read(process, &target))
		return false;
	bool any = may_ptrace_any(&own);
	if (calls_filtered())
		tt_buf_adds(why, "a seccomp filter on this program forbids it (container runtimes set one); "
				 "start the container with the capability SYS_PTRACE, or run outside of it");
	else if (any && yama_scope() == 3)
		why_yama(why);
	else if (other_user_namespace(process))
		tt_buf_adds(why,
			"it runs in another user namespace; run as root of the host, or inside the namespace (nsenter -U)");
	else if (!any && !same_ids(&target))
		tt_buf_printf(why, "it belongs to user %lu, this is user %lu; run as root or as that user", target.uid[0],
			(unsigned long)getuid());
	else if (!any && not_dumpable(process, &target))
		tt_buf_adds(why, "it is marked as not dumpable (it changed its user, has capabilities, or asked for that with "
				 "prctl(PR_SET_DUMPABLE)); run as root");
	else if (!any && (target.permitted & ~own.permitted))
		tt_buf_adds(why, "it has capabilities that this program has not; run as root");
	else if (!any && why_yama(why))
		;
	else if (any && inner_user_namespace())
		tt_buf_adds(why, "what this program may do ends at its own user namespace, and the process is not in that; "
				 "run as root of the host, or inside the process's namespace (nsenter -U)");
	else if (any)
		tt_buf_adds(why, "a security module (SELinux, AppArmor ...) or a sandbox forbids it; its log tells");
	else
		return false;
	return !tt_buf_failed(why);
}
