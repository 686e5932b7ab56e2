/* SPDX-License-Identifier: GPL-3.0-or-later */
/* canvas.c - styled text in rows (canvas.h). */
#include "tools/threadtop/canvas.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util/text.h"

static void line_deinit(struct top_line *l)
{
	tt_buf_deinit(&l->text);
	tt_vec_deinit(&l->spans);
}

void top_canvas_deinit(struct top_canvas *c)
{
	for (int i = 0; i < c->rows; i++)
		line_deinit(&c->lines[i]);
	free(c->lines);
	c->lines = NULL;
	c->rows = 0;
}

int top_canvas_begin(struct top_canvas *c, int cols, int rows)
{
	if (rows != c->rows) {
		top_canvas_deinit(c);
		c->lines = calloc((size_t)rows + 1, sizeof(*c->lines));
		if (!c->lines)
			return -ENOMEM;
		c->rows = rows;
	}
	c->cols = cols;
	c->utf8 = tt_text_utf8();
	c->cursor_row = c->cursor_col = -1;
	for (int i = 0; i < rows; i++) {
		tt_buf_clear(&c->lines[i].text);
		c->lines[i].spans.len = 0;
		c->lines[i].width = 0;
	}
	return 0;
}

static struct top_line *line_at(struct top_canvas *c, int row)
{
	return row >= 0 && row < c->rows ? &c->lines[row] : NULL;
}

static void begin_span(struct top_line *l, enum top_style style)
{
	if (l->spans.len && l->spans.data[l->spans.len - 1].style == style)
		return;
	struct top_span span = {l->text.len, style};
	(void)tt_vec_push(&l->spans, span);
}

/* Clean text of at most `room` columns. */
static void put_clean(struct top_line *l, enum top_style style, const char *text, size_t len, int room)
{
	if (room <= 0 || len == 0)
		return;
	begin_span(l, style);
	size_t before = l->text.len;
	tt_text_cut(&l->text, text, len, (size_t)room, TT_CUT_END);
	l->width += (int)tt_text_width(tt_buf_str(&l->text) + before, l->text.len - before);
}

void top_put(struct top_canvas *c, int row, enum top_style style, const char *text)
{
	struct top_line *l = line_at(c, row);
	TT_BUF_AUTO(clean);
	if (!l)
		return;
	tt_text_escape(&clean, text, strlen(text));
	put_clean(l, style, tt_buf_str(&clean), clean.len, c->cols - l->width);
}

void top_putf(struct top_canvas *c, int row, enum top_style style, const char *fmt, ...)
{
	TT_BUF_AUTO(text);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&text, fmt, ap);
	va_end(ap);
	top_put(c, row, style, tt_buf_str(&text));
}

static void put_blanks(struct top_line *l, enum top_style style, int count)
{
	if (count <= 0)
		return;
	begin_span(l, style);
	tt_buf_fill(&l->text, ' ', (size_t)count);
	l->width += count;
}

void top_put_to(struct top_canvas *c, int row, enum top_style style, int col)
{
	struct top_line *l = line_at(c, row);
	if (l)
		put_blanks(l, style, (col < c->cols ? col : c->cols) - l->width);
}

void top_put_cell(struct top_canvas *c, int row, enum top_style style, const char *text, int width, enum tt_align align)
{
	struct top_line *l = line_at(c, row);
	TT_BUF_AUTO(clean);
	if (!l)
		return;
	if (width > c->cols - l->width)
		width = c->cols - l->width;
	tt_text_escape(&clean, text, strlen(text));
	int have = (int)tt_text_width(tt_buf_str(&clean), clean.len), start = l->width;
	if (align == TT_ALIGN_RIGHT)
		put_blanks(l, style, width - have);
	put_clean(l, style, tt_buf_str(&clean), clean.len, width - (l->width - start));
	put_blanks(l, style, width - (l->width - start));
}

void top_put_bar(struct top_canvas *c, int row, double share, int width, const char *words)
{
	char bar[256];
	int inside = width - 2, filled = (int)(share * inside + 0.5), len = (int)strlen(words);
	if (inside < 1 || inside >= (int)sizeof(bar))
		return;
	memset(bar, ' ', (size_t)inside);
	memset(bar, '|', (size_t)(filled > inside ? inside : filled < 0 ? 0 : filled));
	if (len < inside)
		memcpy(bar + inside - len, words, (size_t)len);
	bar[inside] = 0;
	top_put(c, row, TOP_STYLE_BOLD, "[");
	int split = filled < inside - len ? filled : inside - len;
	char rest = bar[split > 0 ? split : 0];
	if (split > 0) {
		bar[split] = 0;
		top_put(c, row, TOP_STYLE_BUSY, bar);
		bar[split] = rest;
	}
	top_put(c, row, TOP_STYLE_DIM, bar + (split > 0 ? split : 0));
	top_put(c, row, TOP_STYLE_BOLD, "]");
}

void top_put_spark(struct top_canvas *c, int row, enum top_style style, unsigned half_pct)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const plain[] = {" ", "_", ".", "-", "=", "+", "*", "#", "@"};
	if (half_pct > 200) {
		top_put(c, row, TOP_STYLE_DIM, c->utf8 ? "·" : " ");
		return;
	}
	unsigned step = half_pct == 0 ? 0 : 1 + half_pct * 7 / 200;
	top_put(c, row, style, (c->utf8 ? blocks : plain)[step]);
}

void top_put_heat(struct top_canvas *c, int row, unsigned half_pct)
{
	static const char *const shades[] = {"·", "░", "▒", "▒", "▓", "▓", "█", "█", "█"};
	static const char *const plain[] = {".", ":", ":", "-", "=", "+", "*", "%", "#"};
	if (half_pct > 200) {
		top_put(c, row, TOP_STYLE_DIM, " ");
		return;
	}
	unsigned step = half_pct <= 1 ? 0 : 1 + half_pct * (TOP_HEATS - 2) / 200;
	top_put(c, row, (enum top_style)(TOP_STYLE_HEAT + step), (c->utf8 ? shades : plain)[step]);
}

void top_canvas_print(const struct top_canvas *c, FILE *out)
{
	for (int i = 0; i < c->rows; i++) {
		const char *text = tt_buf_str(&c->lines[i].text);
		size_t len = c->lines[i].text.len;
		while (len && text[len - 1] == ' ')
			len--;
		fprintf(out, "%.*s\n", (int)len, text);
	}
}
