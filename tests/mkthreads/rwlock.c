/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rwlock.c - scenarios of read-write locks: who waits for whom, and what the lock's kind changes. */
#include "tests/mkthreads/mk.h"
#include "tests/mkthreads/scenarios.h"

#include <string.h>

#define MAX_READERS 32

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;

MK_NAMED static void rw_reads(void *object)
{
	(void)object;
	MK_MUST(pthread_rwlock_rdlock(&rw));
}

MK_NAMED static void rw_writes(void *object)
{
	(void)object;
	MK_MUST(pthread_rwlock_wrlock(&rw));
}

static void rw_release(void *object)
{
	(void)object;
	MK_MUST(pthread_rwlock_unlock(&rw));
}

/* ------------------------------------------------------------------ writer behind readers */

/* More readers beside the holder: they come and go with it. */
static struct {
	struct mk_gate come, came, go, gone;
	struct mk_lock *lock;
	int readers, rounds, round;
} crowd;

static void *rw_reader_main(void *arg)
{
	(void)arg;
	mk_enter("rw_reader_main");
	for (int r = 1; r <= crowd.rounds; r++) {
		mk_gate_wait(&crowd.come, r);
		rw_reads(NULL);
		mk_gate_add(&crowd.came);
		mk_gate_wait(&crowd.go, r);
		rw_release(NULL);
		mk_gate_add(&crowd.gone);
	}
	return NULL;
}

static void crowd_hold(void *object)
{
	rw_reads(object);
	mk_gate_add(&crowd.come);
	mk_gate_wait(&crowd.came, ++crowd.round * crowd.readers);
}

static void crowd_release(void *object)
{
	rw_release(object);
	mk_gate_add(&crowd.go);
}

static void crowd_writer_release(void *object)
{
	rw_release(object);
	mk_gate_wait(&crowd.gone, crowd.round * crowd.readers);
}

int rwlock_writer_waits_readers(void)
{
	pthread_t t[MAX_READERS];
	crowd.readers = (int)mk_arg("readers") - 1; /* the engine's holder is one */
	crowd.rounds = (int)mk_arg("rounds");
	MK_TRUE(crowd.readers >= 0 && crowd.readers <= MAX_READERS);
	for (int i = 0; i < crowd.readers; i++)
		MK_CREATE(&t[i], NULL, rw_reader_main, NULL);
	struct mk_lock *l = mk_run_contend(&(struct mk_contend){
		.object = &rw,
		.size = sizeof(rw),
		.hold = crowd_hold,
		.want = rw_writes,
		.release = crowd_release,
		.release_wanted = crowd_writer_release,
		.hold_name = "rw_reads",
		.want_name = "rw_writes",
		.name = "read-held",
		.kind = "rwlock",
		.waiters = 1,
		.rounds = crowd.rounds,
		.hold_us = mk_arg("hold_us"),
	});
	for (int i = 0; i < crowd.readers; i++)
		MK_JOIN(t[i], NULL);
	mk_took(l, (uint64_t)crowd.readers * (uint64_t)crowd.rounds);
	mk_count(l, "reads", (uint64_t)(crowd.readers + 1) * (uint64_t)crowd.rounds);
	mk_count(l, "writes", (uint64_t)crowd.rounds);
	return 0;
}

/* ------------------------------------------------------------------ readers behind a writer */

int rwlock_readers_wait_writer(void)
{
	int waiters = (int)mk_arg("readers"), rounds = (int)mk_arg("rounds");
	struct mk_lock *l = mk_run_contend(&(struct mk_contend){
		.object = &rw,
		.size = sizeof(rw),
		.hold = rw_writes,
		.want = rw_reads,
		.release = rw_release,
		.hold_name = "rw_writes",
		.want_name = "rw_reads",
		.name = "write-held",
		.kind = "rwlock",
		.waiters = waiters,
		.rounds = rounds,
		.hold_us = mk_arg("hold_us"),
	});
	mk_count(l, "reads", (uint64_t)waiters * (uint64_t)rounds);
	mk_count(l, "writes", (uint64_t)rounds);
	return 0;
}

/* ------------------------------------------------------------------ kinds */

struct kinds {
	struct mk_lock *lock;
	struct mk_pair *write, *read;
	struct mk_gate asking, reading;
	int writer, reader;
	bool reader_waits;
};

static void *rw_kind_writer_main(void *arg)
{
	struct kinds *k = arg;
	mk_enter("rw_kind_writer_main");
	__atomic_store_n(&k->writer, mk_tid(), __ATOMIC_RELEASE);
	uint64_t t0 = mk_now();
	rw_writes(NULL);
	mk_waited(k->write, mk_now() - t0);
	rw_release(NULL);
	return NULL;
}

static void *rw_kind_reader_main(void *arg)
{
	struct kinds *k = arg;
	mk_enter("rw_kind_reader_main");
	__atomic_store_n(&k->reader, mk_tid(), __ATOMIC_RELEASE);
	uint64_t t0 = mk_now();
	rw_reads(NULL);
	if (k->reader_waits)
		mk_waited(k->read, mk_now() - t0);
	else
		mk_took(k->lock, 1);
	mk_gate_add(&k->reading);
	rw_release(NULL);
	return NULL;
}

static int published(const int *tid)
{
	int value;
	while (!(value = __atomic_load_n(tid, __ATOMIC_ACQUIRE)))
		mk_sleep_us(30);
	return value;
}

/* A reader holds, a writer waits, then another reader comes: by the lock's kind it reads at once, or waits as well. */
int rwlock_kinds(void)
{
	pthread_t writer, reader;
	pthread_rwlockattr_t a;
	struct kinds k;
	int kind = (int)mk_arg("kind");
	memset(&k, 0, sizeof(k));
	k.reader_waits = kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;
	MK_MUST(pthread_rwlockattr_init(&a));
	MK_MUST(pthread_rwlockattr_setkind_np(&a, kind));
	MK_MUST(pthread_rwlock_init(&rw, &a));
	MK_MUST(pthread_rwlockattr_destroy(&a));
	k.lock = mk_add_lock("kind", "rwlock", &rw, sizeof(rw));
	k.write = mk_add_pair(k.lock, "rw_writes", "rw_reads");
	k.read = mk_add_pair(k.lock, "rw_reads", NULL);
	rw_reads(NULL);
	mk_took(k.lock, 1);
	MK_CREATE(&writer, NULL, rw_kind_writer_main, &k);
	mk_wait_blocked(0, published(&k.writer), &rw, sizeof(rw));
	MK_CREATE(&reader, NULL, rw_kind_reader_main, &k);
	if (k.reader_waits)
		mk_wait_blocked(0, published(&k.reader), &rw, sizeof(rw));
	else
		mk_gate_wait(&k.reading, 1);
	mk_sleep_us(mk_arg("hold_us"));
	rw_release(NULL);
	MK_JOIN(writer, NULL);
	MK_JOIN(reader, NULL);
	mk_fact("reader_waits", k.reader_waits);
	return 0;
}
