/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dump_folded.c - a dump as folded stacks: one line for each distinct stack, outermost function first, with its count. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/out/dump.h"
#include "lib/util/hmap.h"
#include "lib/util/text.h"

/* The format has two characters of its own. */
static void add_part(struct tt_buf *line, const char *text)
{
	size_t from = line->len;
	tt_text_escape(line, text, strlen(text));
	for (size_t i = from; i < line->len; i++)
		if (line->data[i] == ';')
			line->data[i] = ':';
}

static void add_frame(struct tt_buf *line, const struct tt_dump_frame *f)
{
	tt_buf_addc(line, ';');
	if (f->function) {
		add_part(line, f->function);
	} else if (f->module) {
		add_part(line, f->module);
		tt_buf_printf(line, "+0x%" PRIx64, f->offset);
	} else {
		add_part(line, f->label ? f->label : "?");
	}
}

static int add_thread(const struct tt_dump *d, const struct tt_dump_thread *t, struct tt_smap *stacks, struct tt_buf *line)
{
	tt_buf_clear(line);
	add_part(line, d->proc.name);
	tt_buf_addc(line, ';');
	add_part(line, t->pool != TT_DUMP_NONE && d->pools.data[t->pool].name ? d->pools.data[t->pool].name : t->task.name);
	for (size_t i = t->frames.len; i-- > 0;)
		add_frame(line, &t->frames.data[i]);
	struct tt_smap_entry *e = tt_buf_failed(line) ? NULL : tt_smap_insert(stacks, tt_buf_str(line), line->len, NULL);
	if (!e)
		return -ENOMEM;
	e->value++;
	return 0;
}

int tt_dump_write_folded(const struct tt_dump *d, struct tt_buf *out)
{
	struct tt_smap stacks = TT_SMAP_INIT;
	TT_BUF_AUTO(line);
	const struct tt_dump_thread *t;
	int rc = 0;
	vec_for_each (t, &d->threads)
		if (rc == 0 && !t->hidden)
			rc = add_thread(d, t, &stacks, &line);
	for (size_t i = 0; i < stacks.len && rc == 0; i++)
		rc = tt_buf_printf(out, "%s %" PRIu64 "\n", stacks.entries[i].key, stacks.entries[i].value);
	tt_smap_deinit(&stacks);
	return rc;
}
