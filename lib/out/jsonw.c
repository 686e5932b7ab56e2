/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jsonw.c - a streaming writer of JSON. See jsonw.h. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "lib/out/jsonw.h"
#include "lib/util/text.h"

#define FLUSH_AT 65536u

static void flush(struct tt_jsonw *w)
{
	if (!w->file)
		return;
	if (w->error == 0 && fwrite(tt_buf_str(&w->buf), 1, w->buf.len, w->file) != w->buf.len)
		w->error = errno ? errno : EIO;
	if (tt_buf_failed(&w->buf) && w->error == 0)
		w->error = ENOMEM;
	tt_buf_clear(&w->buf);
}

static void line(struct tt_jsonw *w)
{
	tt_buf_addc(&w->buf, '\n');
	tt_buf_fill(&w->buf, ' ', w->depth);
}

/* Comma, line break, and key of the next value. */
static void lead(struct tt_jsonw *w, const char *key)
{
	if (w->buf.len >= FLUSH_AT)
		flush(w);
	if (w->used[w->depth])
		tt_buf_addc(&w->buf, ',');
	if (w->depth > 0 && w->depth <= TT_JSONW_LINES && w->file)
		line(w);
	w->used[w->depth] = true;
	if (key) {
		tt_buf_addc(&w->buf, '"');
		tt_buf_adds(&w->buf, key);
		tt_buf_adds(&w->buf, "\":");
	}
}

void tt_jsonw_begin(struct tt_jsonw *w, const char *key, char bracket)
{
	lead(w, key);
	tt_buf_addc(&w->buf, bracket);
	if (w->depth + 1 < TT_JSONW_DEPTH)
		w->depth++;
	else if (w->error == 0)
		w->error = EOVERFLOW;
	w->used[w->depth] = false;
}

void tt_jsonw_end(struct tt_jsonw *w, char bracket)
{
	bool filled = w->used[w->depth];
	if (w->depth > 0)
		w->depth--;
	if (filled && w->depth < TT_JSONW_LINES && w->file)
		line(w);
	tt_buf_addc(&w->buf, bracket);
}

void tt_jsonw_u64(struct tt_jsonw *w, const char *key, uint64_t value)
{
	char digits[24], *d = digits + sizeof(digits);
	lead(w, key);
	do {
		*--d = (char)('0' + value % 10);
	} while (value /= 10);
	tt_buf_add(&w->buf, d, (size_t)(digits + sizeof(digits) - d));
}

void tt_jsonw_int(struct tt_jsonw *w, const char *key, int64_t value)
{
	lead(w, key);
	tt_buf_printf(&w->buf, "%" PRId64, value);
}

void tt_jsonw_real(struct tt_jsonw *w, const char *key, double value)
{
	if (!isfinite(value)) {
		tt_jsonw_null(w, key);
		return;
	}
	/* The locale of numbers is never set by our tools: the decimal point is a point. */
	lead(w, key);
	tt_buf_printf(&w->buf, "%.6g", value);
}

void tt_jsonw_raw(struct tt_jsonw *w, const char *key, const char *json)
{
	lead(w, key);
	tt_buf_adds(&w->buf, json);
}

void tt_jsonw_bool(struct tt_jsonw *w, const char *key, bool value)
{
	tt_jsonw_raw(w, key, value ? "true" : "false");
}

void tt_jsonw_null(struct tt_jsonw *w, const char *key)
{
	tt_jsonw_raw(w, key, "null");
}

void tt_jsonw_hex(struct tt_jsonw *w, const char *key, uint64_t value)
{
	char digits[24], *d = digits + sizeof(digits);
	lead(w, key);
	*--d = '"';
	do {
		*--d = "0123456789abcdef"[value & 15];
	} while (value >>= 4);
	*--d = 'x';
	*--d = '0';
	*--d = '"';
	tt_buf_add(&w->buf, d, (size_t)(digits + sizeof(digits) - d));
}

/* Clean UTF-8 between quotes. C1 controls are escaped as well: a terminal that shows the file must not obey them. */
static void add_quoted(struct tt_buf *out, const char *s, size_t n)
{
	tt_buf_addc(out, '"');
	size_t plain = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		bool c1 = c == 0xc2 && i + 1 < n && (unsigned char)s[i + 1] < 0xa0;
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && !c1)
			continue;
		tt_buf_add(out, s + plain, i - plain);
		if (c == '"' || c == '\\')
			tt_buf_printf(out, "\\%c", c);
		else
			tt_buf_printf(out, "\\u%04x", c1 ? (unsigned char)s[++i] : c);
		plain = i + 1;
	}
	tt_buf_add(out, s + plain, n - plain);
	tt_buf_addc(out, '"');
}

void tt_jsonw_text(struct tt_jsonw *w, const char *key, const char *value)
{
	if (!value) {
		tt_jsonw_null(w, key);
		return;
	}
	lead(w, key);
	TT_BUF_AUTO(clean);
	tt_text_clean(&clean, value, strlen(value));
	if (tt_buf_failed(&clean) && w->error == 0)
		w->error = ENOMEM;
	add_quoted(&w->buf, tt_buf_str(&clean), clean.len);
}

int tt_jsonw_finish(struct tt_jsonw *w)
{
	tt_buf_addc(&w->buf, '\n');
	flush(w);
	if (w->error == 0 && fflush(w->file) != 0)
		w->error = errno ? errno : EIO;
	tt_buf_deinit(&w->buf);
	return -w->error;
}
