/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recbuild.c - see recbuild.h.
 */
#include "tests/unit/recbuild.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void die(const char *what, const char *why)
{
	fprintf(stderr, "recbuild: %s: %s\n", what, why);
	abort();
}

/* ------------------------------------------------------------------ the file */

struct recbuild *rb_create(const char *exe, uint32_t pid)
{
	struct recbuild *rb = calloc(1, sizeof(*rb));
	void *base = mmap(NULL, RB_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!rb || base == MAP_FAILED)
		die("create", "no memory");
	rb->base = base;
	struct ttrec_header *h = rb->header = base;
	memcpy(h->magic, TTREC_MAGIC, sizeof(h->magic));
	h->major = TTREC_MAJOR;
	h->minor = TTREC_MINOR;
	h->endian = TTREC_ENDIAN;
	h->header_size = TTREC_HEADER_SIZE;
	h->word_size = 8;
	h->ready = 1;
	h->pid = pid;
	h->ppid = 1;
	h->file_size = RB_MAX;
	h->start_mono_ns = UINT64_C(5000000000);
	h->start_real_ns = UINT64_C(1700000000000000000);
	h->start_boot_ns = UINT64_C(5000000000);
	h->proc_start_ticks = 12345;
	snprintf(h->machine, sizeof(h->machine), "x86_64");
	snprintf(h->shim_version, sizeof(h->shim_version), "0.1.0");
	snprintf(h->exe, sizeof(h->exe), "%s", exe);
	snprintf(h->cwd, sizeof(h->cwd), "/tmp");
	h->command_len = (uint32_t)snprintf(h->command, sizeof(h->command), "%s%c-x", exe, 0) + 1;
	h->hold_period = 64;
	h->stack_depth = 32;
	h->event_bytes = 4 * TTREC_EVENT_SEGMENT;
	h->events_per_segment = (TTREC_EVENT_SEGMENT - sizeof(struct ttrec_chunk)) / sizeof(struct ttrec_event);
	h->loop_stall_ns = 20000000;
	h->state = TTREC_STATE_EXITED;
	h->end_ns = UINT64_C(1000000001);
	h->next = h->backed = TTREC_HEADER_SIZE;
	return rb;
}

void rb_destroy(struct recbuild *rb)
{
	if (!rb)
		return;
	munmap(rb->base, RB_MAX);
	free(rb);
}

const void *rb_data(const struct recbuild *rb)
{
	return rb->base;
}

size_t rb_size(const struct recbuild *rb)
{
	return rb->header->next;
}

struct tt_rec *rb_open(const struct recbuild *rb)
{
	struct tt_rec *rec;
	struct tt_err err = {0};
	struct tt_rec_opts opts = {.offline = true};
	if (tt_rec_open_memory(rb->base, rb_size(rb), rb->header->exe, &opts, &rec, &err) < 0)
		die("open", err.msg);
	return rec;
}

struct tt_model *rb_model(const struct recbuild *a, const struct recbuild *b)
{
	struct tt_model *m;
	struct tt_err err = {0};
	if (tt_model_create(&m, &err) < 0 || tt_model_add(m, rb_open(a), &err) < 0 ||
		(b && tt_model_add(m, rb_open(b), &err) < 0) || tt_model_finish(m, &err) < 0)
		die("model", err.msg);
	return m;
}

void rb_write(const struct recbuild *rb, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, rb->base, rb_size(rb)) != (ssize_t)rb_size(rb))
		die("write", path);
	close(fd);
}

uint32_t rb_ref(const struct recbuild *rb, const void *record)
{
	return record ? (uint32_t)((uint64_t)((const uint8_t *)record - rb->base) >> 4) : 0;
}

void *rb_at(const struct recbuild *rb, uint32_t ref)
{
	return rb->base + ttrec_ref_offset(ref);
}

/* ------------------------------------------------------------------ space */

struct ttrec_chunk *rb_chunk(struct recbuild *rb, enum ttrec_chunk_type type, uint64_t size, uint32_t index)
{
	struct ttrec_header *h = rb->header;
	size = (size + TTREC_ALIGN - 1) / TTREC_ALIGN * TTREC_ALIGN;
	if (h->next + size > RB_MAX)
		die("chunk", "too large");
	struct ttrec_chunk *c = (void *)(rb->base + h->next);
	h->next += size;
	h->backed = h->next;
	c->type = (uint16_t)type;
	c->size = size;
	c->check = ~size;
	c->index = index;
	c->magic = TTREC_CHUNK_MAGIC;
	return c;
}

void *rb_slab(struct recbuild *rb, enum ttrec_chunk_type type, uint32_t record_size, uint32_t capacity)
{
	struct ttrec_chunk *c = rb->slab[type];
	capacity = rb->small ? 4 : capacity;
	if (!c || c->used == capacity) {
		uint32_t index = type == TTREC_CHUNK_LOCK ? rb->header->locks : 0;
		c = rb->slab[type] = rb_chunk(rb, type, sizeof(*c) + (uint64_t)capacity * record_size, index);
		if (type == TTREC_CHUNK_LOCK)
			rb->header->locks += capacity;
	}
	return (uint8_t *)(c + 1) + (size_t)record_size * c->used++;
}

void *rb_var(struct recbuild *rb, enum ttrec_var_type type, uint32_t size)
{
	struct ttrec_chunk *c = rb->slab[TTREC_CHUNK_VAR];
	uint32_t room = rb->small ? 1024 : TTREC_VAR_BYTES;
	size = (size + 15u) & ~15u;
	if (!c || c->used + size > room)
		c = rb->slab[TTREC_CHUNK_VAR] = rb_chunk(rb, TTREC_CHUNK_VAR, sizeof(*c) + room, 0);
	struct ttrec_var *v = (void *)((uint8_t *)(c + 1) + c->used);
	c->used += size;
	v->size = size;
	v->type = (uint16_t)type;
	return v;
}

/* ------------------------------------------------------------------ threads */

struct ttrec_thread *rb_thread(struct recbuild *rb, uint64_t serial, enum ttrec_thread_state state)
{
	uint32_t slot = rb->header->threads_peak++;
	struct ttrec_thread *t = (void *)rb_chunk(rb, TTREC_CHUNK_THREAD, sizeof(*t), slot);
	t->slot = slot;
	t->state = (uint32_t)state;
	t->serial = serial;
	t->tid = rb->header->pid + (uint32_t)serial - 1;
	t->flags = serial == 1 ? TTREC_THREAD_MAIN : 0;
	t->held_cap = TTREC_HELD_INLINE;
	t->table_mask = TTREC_TABLE_INLINE - 1;
	t->created_ns = t->started_ns = 1;
	if (state >= TTREC_THREAD_ENDING)
		t->ended_ns = rb->header->end_ns;
	if (serial > rb->header->serials)
		rb->header->serials = serial;
	return t;
}

/* Behind 32 bytes, so that it begins at a cache line: as the shim does. */
static void *block(struct recbuild *rb, enum ttrec_chunk_type type, uint64_t bytes)
{
	struct ttrec_chunk *c = rb_chunk(rb, type, sizeof(*c) + 32 + bytes, 0);
	return (uint8_t *)(c + 1) + 32;
}

static struct ttrec_line *table_of(struct recbuild *rb, struct ttrec_thread *t)
{
	return t->table_ref ? rb_at(rb, t->table_ref) : t->table;
}

static struct ttrec_held *held_of(struct recbuild *rb, struct ttrec_thread *t)
{
	return t->held_ref ? rb_at(rb, t->held_ref) : t->held;
}

void rb_grow_table(struct recbuild *rb, struct ttrec_thread *t, uint32_t lines)
{
	struct ttrec_line *to = block(rb, TTREC_CHUNK_TABLE, (uint64_t)lines * sizeof(*to)), *from = table_of(rb, t);
	memcpy(to, from, (t->table_mask + 1) * sizeof(*to));
	memset(from, 0, (t->table_mask + 1) * sizeof(*to));
	t->table_ref = rb_ref(rb, to);
	t->table_mask = lines - 1;
}

void rb_grow_held(struct recbuild *rb, struct ttrec_thread *t, uint32_t entries)
{
	struct ttrec_held *to = block(rb, TTREC_CHUNK_HELD, (uint64_t)entries * sizeof(*to));
	memcpy(to, held_of(rb, t), t->held_depth * sizeof(*to));
	t->held_ref = rb_ref(rb, to);
	t->held_cap = entries;
}

struct ttrec_line *rb_count(struct recbuild *rb, struct ttrec_thread *t, const struct ttrec_lock *l, uint64_t site, uint32_t n)
{
	/* table_epoch is the shim's own word: here the number of lines in use. */
	if (t->table_epoch > t->table_mask)
		die("count", "table is full");
	struct ttrec_line *line = table_of(rb, t) + t->table_epoch++;
	*line = (struct ttrec_line){.lock = l->address, .uid = TTREC_UID(l->index, l->gen), .count = {{.site = site, .n = n}}};
	return line;
}

void rb_held(struct recbuild *rb, struct ttrec_thread *t, uint64_t address, uint64_t site, uint64_t since_ns, unsigned flags)
{
	if (t->held_depth == t->held_cap)
		rb_grow_held(rb, t, t->held_cap * 4);
	flags |= since_ns ? TTREC_HELD_TIMED : 0;
	held_of(rb, t)[t->held_depth++] =
		(struct ttrec_held){.lock = address, .site = site | TTREC_HELD_FLAG(flags), .since_ns = since_ns};
}

void rb_waiting(struct ttrec_thread *t, const struct ttrec_lock *l, uint64_t site, uint64_t since_ns, uint64_t other)
{
	t->waiting = (struct ttrec_waiting){
		.seq = 2,
		.op = (uint8_t)TTREC_SITE_OP(site),
		.kind = l ? l->kind : (uint8_t)TTREC_KIND_THREAD,
		.object = l ? l->address : 0x7000,
		.site = TTREC_SITE_PC(site),
		.since_ns = since_ns,
		.other = other,
		.uid = l ? TTREC_UID(l->index, l->gen) : 0xffffffffu,
	};
}

/* ------------------------------------------------------------------ locks */

struct ttrec_lock *rb_lock(struct recbuild *rb, enum ttrec_kind kind, uint64_t address, uint64_t birth_site)
{
	struct ttrec_lock *l = rb_slab(rb, TTREC_CHUNK_LOCK, sizeof(*l), TTREC_SLAB_LOCKS);
	const struct ttrec_chunk *c = rb->slab[TTREC_CHUNK_LOCK];
	l->index = c->index + c->used - 1;
	l->address = address;
	l->birth_site = birth_site;
	l->birth_ns = 10;
	l->birth_thread = 1;
	l->kind = (uint8_t)kind;
	return l;
}

struct ttrec_lsite *rb_lsite(struct recbuild *rb, const struct ttrec_lock *l, uint64_t site, uint64_t count)
{
	struct ttrec_lsite *s = rb_slab(rb, TTREC_CHUNK_LSITE, sizeof(*s), TTREC_SLAB_LSITES);
	s->site = site;
	s->lock = l->index;
	s->count = count << 20;
	return s;
}

struct ttrec_wait *rb_wait(struct recbuild *rb, const struct ttrec_lock *l, uint64_t waiter, uint64_t holder, uint64_t count,
	uint64_t total_ns, uint64_t max_ns)
{
	struct ttrec_wait *w = rb_slab(rb, TTREC_CHUNK_WAIT, sizeof(*w), TTREC_SLAB_WAITS);
	w->waiter_site = waiter;
	w->holder_site = holder;
	w->lock = l ? l->index : TTREC_NO_LOCK;
	w->count = count;
	w->total_ns = total_ns;
	w->max_ns = max_ns;
	return w;
}

struct ttrec_stat *rb_stat(struct recbuild *rb, const struct ttrec_lock *l, uint32_t mode)
{
	struct ttrec_stat *s = rb_slab(rb, TTREC_CHUNK_STAT, sizeof(*s), TTREC_SLAB_STATS);
	s->lock = l->index + 1;
	s->mode = mode;
	return s;
}

void rb_stat_add(struct ttrec_stat *s, uint64_t ns, uint64_t times)
{
	s->count += times;
	s->total_ns += ns * times;
	s->hist[ttrec_hist_bucket(ns)] += times;
	if (ns > s->max_ns)
		s->max_ns = ns;
}

/* ------------------------------------------------------------------ groups, lineage, loops */

struct ttrec_group *rb_group(struct recbuild *rb, uint64_t start_routine, uint64_t create_site)
{
	struct ttrec_group *g = rb_slab(rb, TTREC_CHUNK_GROUP, sizeof(*g), TTREC_SLAB_GROUPS);
	g->start_routine = start_routine;
	g->create_site = create_site;
	return g;
}

struct ttrec_lineage *rb_lineage(struct recbuild *rb, uint64_t serial)
{
	struct ttrec_lineage *l = rb_slab(rb, TTREC_CHUNK_LINEAGE, sizeof(*l), TTREC_SLAB_LINEAGES);
	l->serial = serial;
	return l;
}

struct ttrec_loop *rb_loop(struct recbuild *rb, uint64_t thread, uint64_t site)
{
	struct ttrec_loop *l = rb_slab(rb, TTREC_CHUNK_LOOP, sizeof(*l), TTREC_SLAB_LOOPS);
	l->site = site;
	l->thread = thread;
	return l;
}

/* ------------------------------------------------------------------ variable records */

uint32_t rb_stack(struct recbuild *rb, const uint64_t *pc, unsigned count)
{
	struct ttrec_stack *s = rb_var(rb, TTREC_VAR_STACK, (uint32_t)(sizeof(*s) + count * sizeof(pc[0])));
	s->count = (uint16_t)count;
	s->flags = TTREC_STACK_COMPLETE;
	memcpy(s->pc, pc, count * sizeof(pc[0]));
	return rb_ref(rb, s);
}

struct ttrec_module *rb_module(struct recbuild *rb, const char *path, uint64_t start, uint64_t size, uint8_t build_id_byte)
{
	uint32_t len = (uint32_t)strlen(path);
	struct ttrec_module *m = rb_var(rb, TTREC_VAR_MODULE, (uint32_t)sizeof(*m) + len + 1);
	m->start = m->bias = start;
	m->end = start + size;
	m->seen_ns = 5;
	m->path_len = len;
	memcpy(m->path, path, len + 1);
	if (build_id_byte) {
		m->build_id_len = 20;
		memset(m->build_id, build_id_byte, 20);
	}
	return m;
}

uint32_t rb_string(struct recbuild *rb, const char *text)
{
	uint32_t len = (uint32_t)strlen(text);
	struct ttrec_string *s = rb_var(rb, TTREC_VAR_STRING, (uint32_t)sizeof(*s) + len + 1);
	s->length = len;
	memcpy(s->text, text, len + 1);
	return rb_ref(rb, s);
}

struct ttrec_dep *rb_dep(struct recbuild *rb, const struct ttrec_lock *wanted, uint64_t site,
	const struct ttrec_lock *const *held, const uint64_t *held_sites, unsigned held_count, const struct ttrec_thread *t)
{
	struct ttrec_dep *d = rb_var(rb, TTREC_VAR_DEP, (uint32_t)(sizeof(*d) + held_count * sizeof(d->held[0])));
	d->wanted = TTREC_UID(wanted->index, wanted->gen);
	d->site = site;
	d->held_count = (uint16_t)held_count;
	d->seen = d->thread_count = 1;
	d->first_ns = 100;
	d->threads[0].serial = t->serial;
	d->threads[0].segment = t->segment;
	for (unsigned i = 0; i < held_count; i++) {
		d->held[i].site = held_sites[i];
		d->held[i].uid = TTREC_UID(held[i]->index, held[i]->gen);
	}
	return d;
}

struct ttrec_misuse *rb_misuse(struct recbuild *rb, enum ttrec_misuse_type what, const struct ttrec_lock *l, uint64_t site)
{
	struct ttrec_misuse *m = rb_var(rb, TTREC_VAR_MISUSE, sizeof(*m));
	m->what = (uint16_t)what;
	m->op = (uint16_t)TTREC_SITE_OP(site);
	m->uid = l ? TTREC_UID(l->index, l->gen) : 0xffffffffu;
	m->site = site;
	m->thread = 1;
	m->first_ns = 200;
	m->count = 1;
	return m;
}

struct ttrec_event *rb_logged(
	struct ttrec_thread *t, const struct ttrec_lock *l, uint64_t waiter, uint64_t holder, uint64_t end_ns, uint64_t dur_ns)
{
	struct ttrec_event *e = &t->logged[t->logged_next++ % TTREC_LOGGED_MAX];
	*e = (struct ttrec_event){.type = TTREC_EVENT_WAIT,
		.thread = t->serial,
		.end_ns = end_ns,
		.dur_ns = dur_ns,
		.site = TTREC_SITE_PC(waiter),
		.op = (uint16_t)TTREC_SITE_OP(waiter),
		.b = holder,
		.uid = l ? TTREC_UID(l->index, l->gen) : 0xffffffffu};
	return e;
}

struct ttrec_event *rb_event(struct recbuild *rb, enum ttrec_event_type type, uint64_t thread, uint64_t end_ns, uint64_t dur_ns)
{
	struct ttrec_header *h = rb->header;
	uint64_t number = h->event_next++;
	uint32_t k = (uint32_t)(number / h->events_per_segment % (h->event_bytes / TTREC_EVENT_SEGMENT));
	if (!h->event_ref[k]) {
		uint64_t bytes = sizeof(struct ttrec_chunk) + (uint64_t)h->events_per_segment * sizeof(struct ttrec_event);
		h->event_ref[k] = rb_ref(rb, rb_chunk(rb, TTREC_CHUNK_EVENT, bytes, k));
		h->event_segments++;
	}
	struct ttrec_event *e = (struct ttrec_event *)(void *)((struct ttrec_chunk *)rb_at(rb, h->event_ref[k]) + 1) +
	                        number % h->events_per_segment;
	*e = (struct ttrec_event){.seq = number + 1,
		.end_ns = end_ns,
		.dur_ns = dur_ns,
		.thread = thread,
		.uid = 0xffffffffu,
		.type = (uint16_t)type};
	return e;
}

/* ------------------------------------------------------------------ one of everything */

struct recbuild *rb_sample(void)
{
	struct recbuild *rb = rb_create("/usr/bin/sample", 4242);
	rb->small = true;
	rb->header->events_per_segment = 8;
	rb_module(rb, "/usr/bin/sample", 0x400000, 0x10000, 0xab);
	struct ttrec_thread *a = rb_thread(rb, 1, TTREC_THREAD_RUNNING), *b = rb_thread(rb, 2, TTREC_THREAD_RUNNING),
			    *c = rb_thread(rb, 3, TTREC_THREAD_ENDING);
	struct ttrec_group *g = rb_group(rb, 0x402000, 0x401100);
	g->created = g->started = 2;
	g->ended = 1;
	b->group = c->group = rb_ref(rb, g);
	uint64_t acquire = RB_SITE(0x401010, LOCK), pc[] = {0x401010, 0x401500, 0x402010};
	struct ttrec_lock *l = rb_lock(rb, TTREC_KIND_MUTEX, 0x5000, acquire),
			  *k = rb_lock(rb, TTREC_KIND_RWLOCK, 0x5100, acquire),
			  *cond = rb_lock(rb, TTREC_KIND_COND, 0x5200, acquire);
	cond->other = 0x5000;
	l->name = rb_string(rb, "big lock");
	uint32_t stack = l->birth_stack = rb_stack(rb, pc, 3);
	rb_grow_table(rb, a, 256);
	rb_count(rb, a, l, acquire, 1000);
	rb_count(rb, b, k, RB_SITE(0x401020, RDLOCK), 500);
	struct ttrec_lsite *s = rb_lsite(rb, l, acquire, 200);
	s->hold_samples = 3;
	s->hold_weight = 200;
	s->hold_ns = 40000;
	s->release_stack = stack;
	c->journal = (struct ttrec_journal){.word = 7 << 2 | 1, .n = 0, .lsite = rb_ref(rb, s)};
	rb_wait(rb, l, acquire, acquire, 10, 1000000, 300000)->waiter_stack = stack;
	rb_wait(rb, NULL, RB_SITE(0x401200, JOIN), 0, 1, 5000, 5000);
	struct ttrec_stat *st = rb_stat(rb, l, 0);
	l->stat_wait = rb_ref(rb, st);
	rb_stat_add(st, 100000, 10);
	rb_grow_held(rb, a, 64);
	rb_held(rb, a, 0x5000, acquire, 500, TTREC_HELD_WAITED);
	rb_logged(a, l, acquire, acquire, 1200, 700)->a = 2;
	rb_waiting(b, l, acquire, 900000000, 1);
	rb_loop(rb, 1, RB_SITE(0x401300, LOOP_WAIT))->hist[9] = 4;
	rb_lineage(rb, 9)->group = rb_ref(rb, g);
	const struct ttrec_lock *held[] = {l};
	rb_dep(rb, k, RB_SITE(0x401020, RDLOCK), held, &acquire, 1, a);
	rb_misuse(rb, TTREC_MISUSE_RELOCK, l, acquire)->stack = stack;
	for (uint64_t i = 0; i < 5; i++)
		rb_event(rb, TTREC_EVENT_WAIT, 2, 1000 + i, 10)->uid = l->index;
	return rb;
}
