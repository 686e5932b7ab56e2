/* SPDX-License-Identifier: GPL-3.0-or-later */
/* err.c - error messages of the library (err.h). */
#include "lib/util/err.h"

#include <stdio.h>
#include <string.h>

int tt_err_set(struct tt_err *err, int code, const char *fmt, ...)
{
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
		va_end(ap);
		err->code = code;
	}
	return -code;
}

int tt_err_prefix(struct tt_err *err, const char *fmt, ...)
{
	char prefix[TT_ERR_SIZE];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(prefix, sizeof(prefix) - 3, fmt, ap);
	va_end(ap);

	size_t prefix_len = n < 0 ? 0 : strlen(prefix), room = sizeof(err->msg) - 1;
	prefix_len = (size_t)(stpcpy(prefix + prefix_len, ": ") - prefix);
	size_t old_len = strnlen(err->msg, room);
	if (old_len > room - prefix_len)
		old_len = room - prefix_len;
	memmove(err->msg + prefix_len, err->msg, old_len);
	memcpy(err->msg, prefix, prefix_len);
	err->msg[prefix_len + old_len] = '\0';
	return -err->code;
}
