/* SPDX-License-Identifier: GPL-3.0-or-later */
/* buf.c - growing string buffer (buf.h). */
#include "lib/util/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tt_buf_deinit(struct tt_buf *buf)
{
	free(buf->data);
	*buf = (struct tt_buf)TT_BUF_INIT;
}

void tt_buf_clear(struct tt_buf *buf)
{
	buf->failed = false;
	tt_buf_truncate(buf, 0);
}

void tt_buf_truncate(struct tt_buf *buf, size_t len)
{
	if (len >= buf->len)
		return;
	buf->len = len;
	buf->data[len] = '\0';
}

int tt_buf_reserve(struct tt_buf *buf, size_t extra)
{
	if (buf->failed)
		return -ENOMEM;
	if (extra < buf->cap - buf->len)
		return 0;
	/* Sizes stay below SIZE_MAX / 2, so that doubling cannot wrap. */
	size_t want = buf->cap < 64 ? 64 : buf->cap;
	char *data = NULL;
	if (extra < SIZE_MAX / 4 && buf->len < SIZE_MAX / 4) {
		while (want <= buf->len + extra)
			want *= 2;
		data = realloc(buf->data, want);
	}
	if (!data) {
		buf->failed = true;
		return -ENOMEM;
	}
	data[buf->len] = '\0';
	buf->data = data;
	buf->cap = want;
	return 0;
}

int tt_buf_add(struct tt_buf *buf, const void *data, size_t len)
{
	int rc = tt_buf_reserve(buf, len);
	if (rc || len == 0)
		return rc;
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int tt_buf_adds(struct tt_buf *buf, const char *text)
{
	return tt_buf_add(buf, text, strlen(text));
}

int tt_buf_addc(struct tt_buf *buf, char c)
{
	return tt_buf_add(buf, &c, 1);
}

int tt_buf_fill(struct tt_buf *buf, char c, size_t count)
{
	int rc = tt_buf_reserve(buf, count);
	if (rc)
		return rc;
	memset(buf->data + buf->len, c, count);
	buf->len += count;
	buf->data[buf->len] = '\0';
	return 0;
}

int tt_buf_vprintf(struct tt_buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int rc = tt_buf_reserve(buf, 64);
	if (rc == 0) {
		int n = vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, ap);
		if (n >= 0 && (size_t)n >= buf->cap - buf->len) {
			buf->data[buf->len] = '\0'; /* take the cut attempt back */
			rc = tt_buf_reserve(buf, (size_t)n);
			if (rc == 0)
				vsnprintf(buf->data + buf->len, buf->cap - buf->len, fmt, again);
		}
		if (n < 0)
			rc = -EINVAL;
		else if (rc == 0)
			buf->len += (size_t)n;
	}
	va_end(again);
	return rc;
}

int tt_buf_printf(struct tt_buf *buf, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = tt_buf_vprintf(buf, fmt, ap);
	va_end(ap);
	return rc;
}

const char *tt_buf_str(const struct tt_buf *buf)
{
	return buf->data ? buf->data : "";
}

char *tt_buf_steal(struct tt_buf *buf)
{
	if (tt_buf_reserve(buf, 0))
		return NULL;
	char *data = buf->data;
	*buf = (struct tt_buf)TT_BUF_INIT;
	return data;
}
