/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * truth.c - what a scenario knows to be true about itself, and its JSON.
 * Written by all threads (and forked children) of the scenario through atomics; printed once, by main() or by a scenario that
 * does not come back. The memory is MAP_SHARED so that children count into the same tables.
 */
#include "tests/mkthreads/truth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_LOCKS   20000
#define MAX_PAIRS   64
#define MAX_COUNTS  64
#define MAX_THREADS 128
#define MAX_FACTS   32
#define MAX_EDGES   64
#define TEXT        64

struct mk_lock {
	const char *name, *kind;
	const void *address;
	size_t size;
	int pid;
	bool contended_unknown;
	uint64_t acquisitions, contended, wait_ns, try_failed, timeouts;
};

struct mk_pair {
	struct mk_lock *lock;
	const char *waiter, *holder;
	uint64_t count, wait_ns, timeouts;
};

struct count {
	struct mk_lock *lock;
	const char *name;
	uint64_t n;
};

struct thread {
	int tid, pid;
	const char *start;
};

struct fact {
	const char *name;
	bool is_text;
	long long value;
	char text[TEXT];
};

struct edge {
	int tid, owner;
	const void *address;
};

struct truth {
	int printed, main_pid, main_tid;
	int locks, pairs, counts, threads, facts, edges;
	uint64_t created, joined, detached, entered;
	struct mk_lock lock[MAX_LOCKS];
	struct mk_pair pair[MAX_PAIRS];
	struct count count[MAX_COUNTS];
	struct thread thread[MAX_THREADS];
	struct fact fact[MAX_FACTS];
	struct edge edge[MAX_EDGES];
};

static struct truth *truth;
static const struct mk_scenario *scenario;
static const long *values;

#define ADD(field, n) __atomic_add_fetch(&(field), (n), __ATOMIC_RELAXED)
#define GET(field)    __atomic_load_n(&(field), __ATOMIC_RELAXED)

void mk_die(const char *what, int error)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "mkthreads: %s%s%s\n", what, error ? ": " : "", error ? strerror(error) : "");
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(4);
	_exit(3);
}

void mk_truth_init(const struct mk_scenario *s, const long *param_values)
{
	truth = mmap(NULL, sizeof(*truth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (truth == MAP_FAILED)
		mk_die("mmap", errno);
	scenario = s;
	values = param_values;
	truth->main_pid = (int)getpid();
	truth->main_tid = mk_tid();
}

long mk_arg(const char *name)
{
	for (int i = 0; scenario->params[i].name; i++)
		if (!strcmp(scenario->params[i].name, name))
			return values[i];
	mk_die(name, EINVAL);
}

/* Claims the next entry of a table that many threads fill. */
static int claim(int *used, int max, const char *what)
{
	int i = __atomic_fetch_add(used, 1, __ATOMIC_ACQ_REL);
	if (i >= max)
		mk_die(what, ENOSPC);
	return i;
}

struct mk_lock *mk_add_lock(const char *name, const char *kind, const void *address, size_t size)
{
	struct mk_lock *l = &truth->lock[claim(&truth->locks, MAX_LOCKS, "locks")];
	l->kind = kind;
	l->address = address;
	l->size = size;
	l->pid = (int)getpid();
	l->name = name;
	return l;
}

struct mk_pair *mk_add_pair(struct mk_lock *lock, const char *waiter, const char *holder)
{
	struct mk_pair *p = &truth->pair[claim(&truth->pairs, MAX_PAIRS, "pairs")];
	p->waiter = waiter;
	p->holder = holder;
	p->lock = lock;
	return p;
}

void mk_took(struct mk_lock *lock, uint64_t n)
{
	ADD(lock->acquisitions, n);
}

void mk_waited(struct mk_pair *pair, uint64_t wait_ns)
{
	ADD(pair->lock->acquisitions, 1);
	ADD(pair->lock->contended, 1);
	ADD(pair->lock->wait_ns, wait_ns);
	ADD(pair->count, 1);
	ADD(pair->wait_ns, wait_ns);
}

void mk_timed_out(struct mk_pair *pair, uint64_t wait_ns)
{
	ADD(pair->lock->timeouts, 1);
	ADD(pair->lock->wait_ns, wait_ns);
	ADD(pair->timeouts, 1);
	ADD(pair->wait_ns, wait_ns);
}

void mk_try_failed(struct mk_lock *lock, uint64_t n)
{
	ADD(lock->try_failed, n);
}

void mk_contended_unknown(struct mk_lock *lock)
{
	lock->contended_unknown = true;
}

void mk_count(struct mk_lock *lock, const char *name, uint64_t n)
{
	int used = __atomic_load_n(&truth->counts, __ATOMIC_ACQUIRE);
	for (int i = 0; i < used; i++) {
		if (truth->count[i].lock == lock && !strcmp(truth->count[i].name, name)) {
			ADD(truth->count[i].n, n);
			return;
		}
	}
	struct count *c = &truth->count[claim(&truth->counts, MAX_COUNTS, "counts")];
	*c = (struct count){lock, name, n};
}

void mk_enter(const char *start_routine)
{
	if (ADD(truth->entered, 1) > MAX_THREADS)
		return; /* scenarios with many threads: the first ones serve */
	struct thread *t = &truth->thread[claim(&truth->threads, MAX_THREADS, "threads")];
	*t = (struct thread){mk_tid(), (int)getpid(), start_routine};
}

void mk_created(uint64_t n)
{
	ADD(truth->created, n);
}

void mk_joined(uint64_t n)
{
	ADD(truth->joined, n);
}

void mk_detached(uint64_t n)
{
	ADD(truth->detached, n);
}

static struct fact *add_fact(const char *name)
{
	struct fact *f = &truth->fact[claim(&truth->facts, MAX_FACTS, "facts")];
	f->name = name;
	return f;
}

void mk_fact(const char *name, long long value)
{
	add_fact(name)->value = value;
}

void mk_fact_text(const char *name, const char *value)
{
	struct fact *f = add_fact(name);
	f->is_text = true;
	snprintf(f->text, sizeof(f->text), "%s", value);
}

void mk_edge(int tid, const void *address, int owner)
{
	struct edge *e = &truth->edge[claim(&truth->edges, MAX_EDGES, "edges")];
	*e = (struct edge){tid, owner, address};
}

/* ------------------------------------------------------------------ JSON */

/* No stdio stream: a scenario may print from a signal handler's shadow, or while a thread that held stdout's lock is gone. */
static struct {
	char *text;
	size_t used, size;
} out;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(out.text + out.used, out.size - out.used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= out.size - out.used)
		mk_die("the truth is longer than its buffer", 0);
	out.used += (size_t)n;
}

static void put_string(const char *s)
{
	put("\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			put("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			put("\\u%04x", c);
		else
			put("%c", c);
	}
	put("\"");
}

static void put_params(void)
{
	put("\"params\":{");
	for (int i = 0; scenario->params[i].name; i++)
		put("%s\"%s\":%ld", i ? "," : "", scenario->params[i].name, values[i]);
	put("}");
}

static void put_pairs(const struct mk_lock *l)
{
	put("\"pairs\":[");
	bool first = true;
	for (int i = 0; i < truth->pairs; i++) {
		const struct mk_pair *p = &truth->pair[i];
		if (p->lock != l || (!GET(p->count) && !GET(p->timeouts)))
			continue;
		put("%s{\"waiter\":\"%s\",\"holder\":", first ? "" : ",", p->waiter);
		if (p->holder)
			put("\"%s\"", p->holder);
		else
			put("null");
		put(",\"count\":%" PRIu64 ",\"timeouts\":%" PRIu64 ",\"wait_ns\":%" PRIu64 "}", GET(p->count), GET(p->timeouts),
			GET(p->wait_ns));
		first = false;
	}
	put("]");
}

static void put_lock(const struct mk_lock *l)
{
	put("{\"name\":");
	put_string(l->name);
	put(",\"kind\":\"%s\",\"address\":\"0x%" PRIxPTR "\",\"pid\":%d,\"acquisitions\":%" PRIu64, l->kind,
		(uintptr_t)l->address, l->pid, GET(l->acquisitions));
	if (l->contended_unknown)
		put(",\"contended\":null,\"wait_ns\":null");
	else
		put(",\"contended\":%" PRIu64 ",\"wait_ns\":%" PRIu64, GET(l->contended), GET(l->wait_ns));
	put(",\"try_failed\":%" PRIu64 ",\"timeouts\":%" PRIu64 ",\"counts\":{", GET(l->try_failed), GET(l->timeouts));
	bool first = true;
	for (int i = 0; i < truth->counts; i++) {
		if (truth->count[i].lock != l)
			continue;
		put("%s\"%s\":%" PRIu64, first ? "" : ",", truth->count[i].name, GET(truth->count[i].n));
		first = false;
	}
	put("},");
	put_pairs(l);
	put("}");
}

static void put_threads(void)
{
	put("\"created\":%" PRIu64 ",\"joined\":%" PRIu64 ",\"detached\":%" PRIu64 ",\"entered\":%" PRIu64 ",\"threads\":[",
		GET(truth->created), GET(truth->joined), GET(truth->detached), GET(truth->entered));
	for (int i = 0; i < truth->threads; i++) {
		const struct thread *t = &truth->thread[i];
		put("%s{\"tid\":%d,\"pid\":%d,\"start_routine\":\"%s\"}", i ? "," : "", t->tid, t->pid, t->start);
	}
	put("]");
}

static void put_facts(void)
{
	put("\"facts\":{");
	for (int i = 0; i < truth->facts; i++) {
		put("%s\"%s\":", i ? "," : "", truth->fact[i].name);
		if (truth->fact[i].is_text)
			put_string(truth->fact[i].text);
		else
			put("%lld", truth->fact[i].value);
	}
	put("},\"edges\":[");
	for (int i = 0; i < truth->edges; i++) {
		const struct edge *e = &truth->edge[i];
		put("%s{\"tid\":%d,\"address\":\"0x%" PRIxPTR "\",\"owner\":%d}", i ? "," : "", e->tid, (uintptr_t)e->address,
			e->owner);
	}
	put("]");
}

static void write_all(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);
		if (n < 0 && errno != EINTR)
			mk_die("standard output", errno);
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

void mk_print(void)
{
	if (__atomic_exchange_n(&truth->printed, 1, __ATOMIC_ACQ_REL))
		return;
	out.size = 65536 + (size_t)truth->locks * 512;
	out.text = mmap(NULL, out.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (out.text == MAP_FAILED)
		mk_die("mmap", errno);
	put("{\"schema\":\"threadtools.mkthreads/1\",\"scenario\":\"%s\",\"pid\":%d,\"main_tid\":%d,", scenario->name,
		truth->main_pid, truth->main_tid);
	put_params();
	put(",");
	put_threads();
	put(",\"locks\":[");
	for (int i = 0; i < truth->locks; i++) {
		put("%s", i ? "," : "");
		put_lock(&truth->lock[i]);
	}
	put("],");
	put_facts();
	put("}\n");
	write_all(out.text, out.used);
}
