/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * buf.h - a growing string or byte buffer. vec.h is its sibling for arrays.
 *
 * The bytes are always followed by a NUL. Running out of memory is sticky: the failing call and every later one returns
 * -ENOMEM and changes nothing, so that a writer may check once, at its end (tt_buf_failed). Called by everything that makes
 * text.
 */
#ifndef TT_UTIL_BUF_H
#define TT_UTIL_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct tt_buf {
	char *data; /* NULL until the first byte; use tt_buf_str() to read it as a string */
	size_t len; /* without the NUL */
	size_t cap;
	bool failed;
};
#define TT_BUF_INIT \
	{           \
		0   \
	}

/* Frees the memory; the buffer is empty and usable again. */
void tt_buf_deinit(struct tt_buf *buf);

/* Empties it and forgets a failure; keeps the memory. */
void tt_buf_clear(struct tt_buf *buf);

/* Shortens to len bytes; a longer len changes nothing. */
void tt_buf_truncate(struct tt_buf *buf, size_t len);

/* Makes room for `extra` more bytes (and the NUL) behind len. Returns 0 or -ENOMEM. */
int tt_buf_reserve(struct tt_buf *buf, size_t extra);

/* Append; each returns 0 or -ENOMEM. `text` may not point into the buffer itself. */
int tt_buf_add(struct tt_buf *buf, const void *data, size_t len);
int tt_buf_adds(struct tt_buf *buf, const char *text);
int tt_buf_addc(struct tt_buf *buf, char c);
int tt_buf_fill(struct tt_buf *buf, char c, size_t count);
int tt_buf_printf(struct tt_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int tt_buf_vprintf(struct tt_buf *buf, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* The content as a string, "" when empty; valid until the next change. */
const char *tt_buf_str(const struct tt_buf *buf);

/* Gives the memory to the caller (to be freed with free()); the buffer is empty afterwards. NULL after a failure. */
char *tt_buf_steal(struct tt_buf *buf);

static inline bool tt_buf_failed(const struct tt_buf *buf)
{
	return buf->failed;
}

/* For `__attribute__((cleanup(tt_buf_deinit)))` in short form: TT_BUF_AUTO(line); */
#define TT_BUF_AUTO(name) __attribute__((cleanup(tt_buf_deinit))) struct tt_buf name = TT_BUF_INIT

#endif
