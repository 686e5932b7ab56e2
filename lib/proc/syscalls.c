/* SPDX-License-Identifier: GPL-3.0-or-later */
/* syscalls.c - the table of system calls, and a call in the words of strace. */
#include "lib/proc/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"

#define TEXT_MAX 60u

static const struct tt_syscall table[] = {
#define TT_SYSCALL(number, call, letters, which) {#call, letters, number, TT_SYSCALL_##which},
#include "lib/proc/syscalls_x86_64.def"
#undef TT_SYSCALL
};

const struct tt_syscall *tt_syscall_find(long nr)
{
	size_t low = 0, high = ARRAY_SIZE(table);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table[middle].nr == nr)
			return &table[middle];
		if (table[middle].nr < nr)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static const char *const futex_ops[] = {"WAIT", "WAKE", "FD", "REQUEUE", "CMP_REQUEUE", "WAKE_OP", "LOCK_PI", "UNLOCK_PI",
	"TRYLOCK_PI", "WAIT_BITSET", "WAKE_BITSET", "WAIT_REQUEUE_PI", "CMP_REQUEUE_PI", "LOCK_PI2"};

int proc_read_text(tt_memory_read read, void *ctx, uint64_t address, char *out, size_t size)
{
	size_t len = 0;
	int rc = read ? 0 : -EFAULT;
	/* Up to the end of a page at a time: the text may end before memory that is not mapped. */
	while (rc == 0 && len + 1 < size && !memchr(out, '\0', len)) {
		size_t n = 4096 - (address + len) % 4096;
		n = n < size - 1 - len ? n : size - 1 - len;
		rc = read(ctx, address + len, out + len, n);
		len += rc == 0 ? n : 0;
	}
	out[len] = '\0';
	return rc < 0 && len == 0 ? rc : (int)strlen(out);
}

static int add_text(struct tt_buf *buf, uint64_t address, tt_memory_read read, void *ctx)
{
	char text[TEXT_MAX + 2];
	if (!address)
		return tt_buf_adds(buf, "NULL");
	int n = proc_read_text(read, ctx, address, text, sizeof(text));
	if (n < 0)
		return tt_buf_printf(buf, "0x%" PRIx64, address);
	return tt_buf_printf(buf, "\"%.*s\"%s", (int)TEXT_MAX, text, (size_t)n > TEXT_MAX ? "..." : "");
}

/* struct timespec and timeval: two words of 64 bits. */
static int add_time(struct tt_buf *buf, uint64_t address, tt_memory_read read, void *ctx, unsigned digits)
{
	int64_t t[2];
	if (!address)
		return tt_buf_adds(buf, "NULL");
	if (!read || read(ctx, address, t, sizeof(t)) < 0)
		return tt_buf_printf(buf, "0x%" PRIx64, address);
	return tt_buf_printf(buf, "{%" PRId64 ".%0*" PRId64 "}", t[0], (int)digits, t[1]);
}

static int add_futex_op(struct tt_buf *buf, uint64_t op)
{
	unsigned base = (unsigned)op & 127;
	if (base >= ARRAY_SIZE(futex_ops))
		return tt_buf_printf(buf, "0x%x", (unsigned)op);
	return tt_buf_printf(
		buf, "FUTEX_%s%s%s", futex_ops[base], op & 128 ? "_PRIVATE" : "", op & 256 ? "|CLOCK_REALTIME" : "");
}

static int add_argument(struct tt_buf *buf, char letter, uint64_t value, tt_memory_read read, void *ctx)
{
	const char *abbreviation;
	switch (letter) {
	case 'd':
	case 'i':
	case 'k':
	case 'm':
		return tt_buf_printf(buf, "%d", (int)value);
	case 'a':
		return (int)value == AT_FDCWD ? tt_buf_adds(buf, "AT_FDCWD") : tt_buf_printf(buf, "%d", (int)value);
	case 'u':
		return tt_buf_printf(buf, "%" PRIu64, value);
	case 's':
		return add_text(buf, value, read, ctx);
	case 't':
		return add_time(buf, value, read, ctx, 9);
	case 'v':
		return add_time(buf, value, read, ctx, 6);
	case 'o':
		return add_futex_op(buf, value);
	case 'g':
		abbreviation = sigabbrev_np((int)value);
		return abbreviation ? tt_buf_printf(buf, "SIG%s", abbreviation) : tt_buf_printf(buf, "%d", (int)value);
	case 'p':
		return value ? tt_buf_printf(buf, "0x%" PRIx64, value) : tt_buf_adds(buf, "NULL");
	default:
		return tt_buf_printf(buf, "0x%" PRIx64, value);
	}
}

int tt_syscall_describe(struct tt_buf *buf, long nr, const uint64_t args[6], tt_memory_read read, void *ctx)
{
	const struct tt_syscall *call = tt_syscall_find(nr);
	if (!call)
		return tt_buf_printf(buf, "syscall_%ld(...)", nr);
	tt_buf_printf(buf, "%s(", call->name);
	for (size_t i = 0; call->args[i]; i++) {
		if (i)
			tt_buf_adds(buf, ", ");
		add_argument(buf, call->args[i], args[i], read, ctx);
	}
	return tt_buf_adds(buf, ")");
}
