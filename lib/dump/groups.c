/* SPDX-License-Identifier: GPL-3.0-or-later */
/* groups.c - what is alike: threads with the same stack and wait, and pools by start routine and stem of the name. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lib/dump/dump_private.h"
#include "lib/util/buf.h"

/* ------------------------------------------------------------------ identical stacks */

/* A runtime's stack without the addresses of objects, "<0x...>": of those each thread may have its own. */
static void add_managed(const char *stack, struct tt_buf *key)
{
	while (*stack) {
		size_t n = strcspn(stack, "<");
		tt_buf_add(key, stack, n);
		stack += n;
		stack += strncmp(stack, "<0x", 3) == 0 ? strcspn(stack, ">") : *stack == '<';
	}
}

static int group_key(const struct tt_dump *d, const struct tt_dump_thread *t, struct tt_buf *key)
{
	const struct tt_dump_frame *f;
	bool managed = t->managed && strstr(t->managed, "\tat ");
	const uint64_t head[] = {managed ? 0 : (uint64_t)t->wait.kind, tt_wait_is_lock(t->wait.kind) ? t->wait.address : 0,
		(uint64_t)t->doing, (uint64_t)t->end, t->deadlock};
	tt_buf_clear(key);
	tt_buf_add(key, head, sizeof(head));
	if (managed)
		add_managed(t->managed, key);
	/* What is interpreted for one of them may have been compiled for another. */
	if (!managed || d->options->native)
		vec_for_each (f, &t->frames)
			tt_buf_add(key, &f->pc, sizeof(f->pc));
	if (t->managed_wait && t->doing == TT_DOING_LOCK)
		tt_buf_adds(key, t->managed_wait);
	/* A thread with a story of its own stays alone. */
	if (t->held_count || (t->snap && t->snap->signal) || t->deadlock != TT_DUMP_NONE || !t->frames.len)
		tt_buf_add(key, &t->task.tid, sizeof(t->task.tid));
	return tt_buf_failed(key) ? -ENOMEM : 0;
}

/* Most threads first; the sort keeps no order, so the first thread decides. */
static int larger_group(const void *a, const void *b)
{
	const struct tt_dump_group *x = a, *y = b;
	if (x->threads.len != y->threads.len)
		return x->threads.len > y->threads.len ? -1 : 1;
	return x->threads.data[0] < y->threads.data[0] ? -1 : 1;
}

int dump_groups(struct tt_dump *d)
{
	struct tt_smap keys = TT_SMAP_INIT;
	TT_BUF_AUTO(key);
	int rc = 0;
	for (uint32_t i = 0; i < d->threads.len && rc == 0; i++) {
		bool is_new;
		struct tt_smap_entry *e =
			group_key(d, &d->threads.data[i], &key) == 0 ? tt_smap_insert(&keys, key.data, key.len, &is_new) : NULL;
		if (!e || (is_new && !tt_vec_add(&d->groups))) {
			rc = -ENOMEM;
			break;
		}
		if (is_new)
			e->value = d->groups.len - 1;
		rc = tt_vec_push(&d->groups.data[e->value].threads, i);
	}
	tt_smap_deinit(&keys);
	if (rc < 0)
		return rc;
	tt_vec_sort(&d->groups, larger_group);
	for (uint32_t g = 0; g < d->groups.len; g++)
		for (size_t k = 0; k < d->groups.data[g].threads.len; k++)
			d->threads.data[d->groups.data[g].threads.data[k]].group = g;
	return 0;
}

/* ------------------------------------------------------------------ pools */

/* "worker-12" -> "worker-*": the last number is what tells members of a pool apart. */
static int stem_of(const char *name, struct tt_buf *stem)
{
	size_t end = strlen(name);
	while (end && !isdigit((unsigned char)name[end - 1]))
		end--;
	size_t begin = end;
	while (begin && isdigit((unsigned char)name[begin - 1]))
		begin--;
	tt_buf_clear(stem);
	if (begin == end)
		return tt_buf_adds(stem, name);
	tt_buf_add(stem, name, begin);
	tt_buf_addc(stem, '*');
	return tt_buf_adds(stem, name + end);
}

/* The outermost function that is the program's own; of the main thread, main. */
static const char *start_of(const struct tt_dump_thread *t)
{
	if (t->end != TT_STACK_COMPLETE)
		return NULL;
	for (size_t i = t->frames.len; i-- > 0;) {
		const struct tt_dump_frame *f = &t->frames.data[i];
		if (!f->function) {
			if (dump_is_library(f))
				continue;
			return NULL; /* it has no name; what it calls is not it */
		}
		if (dump_is_own(f) && strcmp(f->function, "_start") != 0)
			return f->function;
	}
	return NULL;
}

static int larger_pool(const void *a, const void *b)
{
	const struct tt_dump_pool *x = a, *y = b;
	if (x->threads.len != y->threads.len)
		return x->threads.len > y->threads.len ? -1 : 1;
	return x->threads.data[0] < y->threads.data[0] ? -1 : 1;
}

static int add_to_pool(struct tt_dump *d, struct tt_smap *keys, uint32_t i)
{
	struct tt_dump_thread *t = &d->threads.data[i];
	const char *start = start_of(t);
	bool is_new;
	TT_BUF_AUTO(stem);
	TT_BUF_AUTO(key);
	stem_of(tt_dump_name(t), &stem);
	tt_buf_printf(&key, "%s%c%s", tt_buf_str(&stem), 1, start ? start : "");
	struct tt_smap_entry *e = tt_buf_failed(&key) ? NULL : tt_smap_insert(keys, key.data, key.len, &is_new);
	if (!e || (is_new && !tt_vec_add(&d->pools)))
		return -ENOMEM;
	if (is_new) {
		e->value = d->pools.len - 1;
		d->pools.data[e->value].name = dump_text(d, tt_buf_str(&stem));
		d->pools.data[e->value].start = start;
	}
	struct tt_dump_pool *p = &d->pools.data[e->value];
	p->doing[t->doing]++;
	p->cpu_ns += t->task.run_ns;
	return tt_vec_push(&p->threads, i);
}

static bool one_name(const struct tt_dump *d, const struct tt_dump_pool *p)
{
	const char *first = tt_dump_name(&d->threads.data[p->threads.data[0]]);
	for (size_t i = 1; i < p->threads.len; i++)
		if (strcmp(first, tt_dump_name(&d->threads.data[p->threads.data[i]])) != 0)
			return false;
	return true;
}

int dump_pools(struct tt_dump *d)
{
	struct tt_smap keys = TT_SMAP_INIT;
	int rc = 0;
	for (uint32_t i = 0; i < d->threads.len && rc == 0; i++)
		rc = add_to_pool(d, &keys, i);
	tt_smap_deinit(&keys);
	if (rc < 0)
		return rc;
	tt_vec_sort(&d->pools, larger_pool);
	for (uint32_t p = 0; p < d->pools.len; p++) {
		struct tt_dump_pool *pool = &d->pools.data[p];
		if (one_name(d, pool)) /* nothing differs */
			pool->name = tt_dump_name(&d->threads.data[pool->threads.data[0]]);
		for (size_t k = 0; k < pool->threads.len; k++)
			d->threads.data[pool->threads.data[k]].pool = p;
	}
	return 0;
}
