/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.c - the text report: runs the sections of sections.def, and holds what they share. See text.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/out/text.h"

static void (*const sections[TT_SECTION_MAX])(struct tt_text *) = {
#define TT_SECTION(id, name, function, help) [TT_SECTION_##id] = function,
#include "lib/out/sections.def"
#undef TT_SECTION
};

int tt_report_text(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	struct tt_text t = {.r = r, .term = term};
	int rc = 0;
	for (unsigned i = 0; i < TT_SECTION_MAX && rc == 0; i++) {
		if (!(r->opts.sections & 1u << i))
			continue;
		sections[i](&t);
		if (t.failed || tt_buf_failed(&t.out))
			rc = tt_err_set(err, ENOMEM, "out of memory");
		else if (fwrite(tt_buf_str(&t.out), 1, t.out.len, file) != t.out.len)
			rc = tt_err_set(err, errno ? errno : EIO, "cannot write the report: %s", strerror(errno));
		tt_buf_clear(&t.out);
	}
	tt_buf_deinit(&t.out);
	return rc;
}

/* ------------------------------------------------------------------ lines */

static void put_v(struct tt_text *t, enum tt_style style, const char *fmt, va_list ap)
{
	TT_BUF_AUTO(raw);
	tt_buf_vprintf(&raw, fmt, ap);
	tt_buf_adds(&t->out, tt_style_on(t->term, style));
	tt_text_escape(&t->out, tt_buf_str(&raw), raw.len);
	tt_buf_adds(&t->out, tt_style_off(t->term, style));
}

void tt_text_put(struct tt_text *t, enum tt_style style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_v(t, style, fmt, ap);
	va_end(ap);
}

void tt_text_newline(struct tt_text *t)
{
	tt_buf_addc(&t->out, '\n');
}

void tt_text_heading(struct tt_text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tt_text_newline(t);
	put_v(t, TT_STYLE_HEADING, fmt, ap);
	tt_text_newline(t);
	va_end(ap);
}

void tt_text_sentence(struct tt_text *t, unsigned indent, const char *lead, enum tt_style style, const char *fmt, ...)
{
	TT_BUF_AUTO(raw);
	TT_BUF_AUTO(clean);
	va_list ap;
	va_start(ap, fmt);
	tt_buf_vprintf(&raw, fmt, ap);
	va_end(ap);
	tt_text_escape(&clean, tt_buf_str(&raw), raw.len);
	tt_buf_fill(&t->out, ' ', indent);
	tt_buf_adds(&t->out, lead);
	tt_buf_adds(&t->out, tt_style_on(t->term, style));
	tt_text_wrap(&t->out, tt_buf_str(&clean), indent + strlen(lead), t->term->width);
	tt_buf_adds(&t->out, tt_style_off(t->term, style));
	tt_text_newline(t);
}

void tt_text_table(struct tt_text *t, struct tt_table *table, unsigned indent)
{
	if (!table) {
		t->failed = true;
		return;
	}
	tt_table_set_indent(table, indent);
	if (tt_table_print(table, &t->out, t->term) < 0)
		t->failed = true;
	tt_table_destroy(table);
}

uint64_t tt_text_rows(const struct tt_text *t, uint64_t total)
{
	return t->r->opts.top && t->r->opts.top < total ? t->r->opts.top : total;
}

void tt_text_more(struct tt_text *t, unsigned indent, uint64_t shown, uint64_t total)
{
	if (shown < total)
		tt_text_sentence(t, indent, "", TT_STYLE_DIM, "... and %" PRIu64 " more (--top 0 shows all)", total - shown);
}

/* ------------------------------------------------------------------ places */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

const char *tt_text_place(struct tt_text *t, const struct tt_site *site, const struct tt_stack *stack, const char *unknown)
{
	if (!site && !stack)
		return unknown;
	struct tt_place p = tt_names_headline(t->r->names, site, stack);
	const char *name = tt_names_text(t->r->names, &p);
	if (!p.file)
		return name;
	return tt_names_format(t->r->names, "%s %s:%u", name, base_name(p.file), p.line);
}

#define TT_STACK_MAX 512 /* frames looked at */

struct frames {
	struct tt_table *table;
	unsigned number;
	uint64_t left; /* rows that may still be printed */
};

static void add_places(struct tt_text *t, struct frames *f, struct tt_places places)
{
	for (unsigned i = 0; i < places.count && f->left; i++, f->left--) {
		const struct tt_place *p = &places.places[i];
		tt_table_cell(f->table, TT_STYLE_DIM, "#%u", f->number++);
		tt_table_cell(f->table, TT_STYLE_CODE, "%s", tt_names_text(t->r->names, p));
		if (p->file)
			tt_table_cell(f->table, TT_STYLE_NONE, "%s:%u", p->file, p->line);
		else
			tt_table_cell(f->table, TT_STYLE_NONE, "%s", "");
		tt_table_cell(
			f->table, TT_STYLE_DIM, "(%s%s)", p->module ? p->module : "no module", p->inlined ? ", inlined" : "");
	}
}

void tt_text_stack(
	struct tt_text *t, unsigned indent, const char *label, const struct tt_site *site, const struct tt_stack *stack)
{
	static const struct tt_column columns[] = {
		{.align = TT_ALIGN_RIGHT},
		{.flexible = true, .min = 16, .max = 72, .cut = TT_CUT_END},
		{.flexible = true, .min = 12, .cut = TT_CUT_START},
		{.min = 8, .cut = TT_CUT_END},
	};
	if (!site && (!stack || stack->count == 0))
		return;
	if (stack && stack == t->last_stack) {
		tt_text_sentence(t, indent, "", TT_STYLE_DIM, "%s: the same stack", label);
		return;
	}
	t->last_stack = stack;
	tt_text_sentence(t, indent, "", TT_STYLE_DIM, "%s:", label);
	struct frames f = {.table = tt_table_create(columns, sizeof(columns) / sizeof(*columns)), .left = UINT64_MAX};
	if (!f.table) {
		t->failed = true;
		return;
	}
	if (t->r->opts.frames)
		f.left = t->r->opts.frames;
	unsigned visible[TT_STACK_MAX], count = 0, shown = 0;
	if (stack)
		count = tt_names_visible(t->r->names, stack, t->r->opts.frames != 0, visible, TT_STACK_MAX);
	if (count == 0 && site)
		add_places(t, &f, tt_names_site(t->r->names, site));
	for (; shown < count && f.left; shown++)
		add_places(t, &f, tt_names_frame(t->r->names, stack->process, &stack->frames[visible[shown]]));
	tt_text_table(t, f.table, indent + 2);
	if (shown < count)
		tt_text_sentence(t, indent + 2, "", TT_STYLE_DIM, "... and %u more frame%s (--frames 0 shows all)",
			count - shown, count - shown == 1 ? "" : "s");
}

/* ------------------------------------------------------------------ sums */

uint64_t tt_waits_lock_ns(const struct ttrec_total waits[TTREC_WAIT_SLOTS])
{
	return waits[TTREC_WAIT_LOCK].ns + waits[TTREC_WAIT_RDLOCK].ns;
}

uint64_t tt_waits_idle_ns(const struct ttrec_total waits[TTREC_WAIT_SLOTS])
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < TTREC_WAIT_SLOTS; i++)
		sum += i == TTREC_WAIT_LOCK || i == TTREC_WAIT_RDLOCK ? 0 : waits[i].ns;
	return sum;
}

uint64_t tt_report_program_ns(const struct tt_report *r, unsigned program)
{
	uint64_t sum = 0;
	struct tt_process *const *p;
	vec_for_each (p, &r->model->processes)
		sum += (*p)->program == program ? (*p)->wall_ns : 0;
	return sum;
}
