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
	char old[TT_ERR_SIZE];
	memcpy(old, err->msg, sizeof(old));
	old[sizeof(old) - 1] = '\0';

	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->msg))
		snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s", old);
	return -err->code;
}
