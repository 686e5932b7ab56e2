/* SPDX-License-Identifier: GPL-3.0-or-later */
/* folded.c - folded stacks of time waited, by waiter and by holder: "program;main;work;[mutex m] 1234". See folded.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/out/folded.h"
#include "lib/util/text.h"

const char *tt_folded_program(const struct tt_process *p)
{
	const char *path = p->header->command_len && p->header->command[0] ? p->header->command : p->exe;
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path[0] ? path : "?";
}

void tt_folded_frame(struct tt_buf *out, const char *text)
{
	TT_BUF_AUTO(clean);
	tt_text_clean(&clean, text, strlen(text));
	size_t begin = out->len;
	for (const char *s = tt_buf_str(&clean); *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool c1 = c == 0xc2 && (unsigned char)s[1] < 0xa0;
		if (c < 0x20 || c == ';' || c == 0x7f)
			tt_buf_printf(out, "\\x%02x", c);
		else if (c1)
			tt_buf_printf(out, "\\x%02x", (unsigned char)*++s);
		else
			tt_buf_addc(out, c == ' ' ? '_' : *s);
	}
	if (out->len == begin)
		tt_buf_adds(out, "?");
	if (tt_buf_failed(&clean))
		out->failed = true;
}

/* The places of one address, outermost first. */
static void put_places(struct tt_report *r, struct tt_buf *out, struct tt_places places)
{
	for (unsigned i = places.count; i; i--) {
		tt_buf_addc(out, ';');
		tt_folded_frame(out, tt_names_text(r->names, &places.places[i - 1]));
	}
}

static void put_stack(struct tt_report *r, struct tt_buf *out, const struct tt_site *site, const struct tt_stack *stack)
{
	unsigned visible[TT_FOLDED_FRAMES];
	unsigned count = stack ? tt_names_visible(r->names, stack, true, visible, TT_FOLDED_FRAMES) : 0;
	for (unsigned i = count; i; i--)
		put_places(r, out, tt_names_frame(r->names, stack->process, &stack->frames[visible[i - 1]]));
	if (count == 0 && site)
		put_places(r, out, tt_names_site(r->names, site));
	if (count == 0 && !site)
		tt_buf_adds(out, ";[not_known]");
}

static void put_lock(struct tt_report *r, struct tt_buf *out, const struct tt_wait *w)
{
	tt_buf_adds(out, ";[");
	tt_folded_frame(out, tt_names_class(r->names, w->class));
	tt_buf_addc(out, ']');
}

static int by_time(const void *a, const void *b)
{
	const struct tt_folded_line *x = a, *y = b;
	if (x->wait_ns != y->wait_ns)
		return x->wait_ns > y->wait_ns ? -1 : 1;
	return strcmp(x->stack, y->stack);
}

static int add(struct tt_report *r, bool by_holder, const struct tt_wait *w, struct tt_folded *f)
{
	TT_BUF_AUTO(text);
	tt_folded_frame(&text, w->process ? tt_folded_program(w->process) : "?");
	if (by_holder)
		put_stack(r, &text, w->holder, w->holder_stack);
	else
		put_stack(r, &text, w->waiter, w->waiter_stack);
	put_lock(r, &text, w);
	struct tt_smap_entry *e = tt_buf_failed(&text) ? NULL : tt_smap_insert(&f->stacks, tt_buf_str(&text), text.len, NULL);
	if (!e)
		return -ENOMEM;
	e->value += w->waits.total_ns;
	return 0;
}

int tt_folded_collect(struct tt_report *r, bool by_holder, struct tt_folded *f)
{
	*f = (struct tt_folded){0};
	const struct tt_wait *const *w;
	vec_for_each (w, &r->waits) {
		/* Waits for work (conditions, joins) would dwarf the time that is lost; a filter can ask for them by name. */
		bool is_wanted = (*w)->class && ((*w)->class->use == TT_USE_LOCK || r->opts.locks.len);
		if ((*w)->waits.total_ns == 0 || !is_wanted)
			continue;
		if (add(r, by_holder, *w, f) < 0)
			return -ENOMEM;
	}
	if (tt_vec_reserve(&f->lines, f->stacks.len + 1) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < f->stacks.len; i++)
		f->lines.data[f->lines.len++] = (struct tt_folded_line){f->stacks.entries[i].key, f->stacks.entries[i].value};
	tt_vec_sort(&f->lines, by_time);
	return 0;
}

void tt_folded_deinit(struct tt_folded *f)
{
	tt_smap_deinit(&f->stacks);
	tt_vec_deinit(&f->lines);
}

static int write_folded(struct tt_report *r, bool by_holder, FILE *file, struct tt_err *err)
{
	struct tt_folded f;
	int error = tt_folded_collect(r, by_holder, &f) < 0 ? ENOMEM : 0;
	const struct tt_folded_line *line;
	vec_for_each (line, &f.lines) {
		TT_BUF_AUTO(out);
		tt_buf_printf(&out, "%s %" PRIu64 "\n", line->stack, line->wait_ns);
		errno = 0;
		if (!error && tt_buf_failed(&out))
			error = ENOMEM;
		if (!error && fwrite(tt_buf_str(&out), 1, out.len, file) != out.len)
			error = errno ? errno : EIO;
	}
	tt_folded_deinit(&f);
	return error ? tt_err_set(err, error, "cannot write the report: %s", strerror(error)) : 0;
}

int tt_report_folded(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	return write_folded(r, false, file, err);
}

int tt_report_folded_holder(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	return write_folded(r, true, file, err);
}
