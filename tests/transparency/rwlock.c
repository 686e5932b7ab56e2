/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rwlock.c - results of every read-write lock call, for every kind, by holders and by others. See tr.h. */
#include "tests/transparency/tr.h"

static pthread_rwlock_t rw;
static struct timespec past = {1, 0}, nsec_high = {1, 1000000000};

static void *others_view(void *arg)
{
	(void)arg;
	struct timespec rt = tr_in_ms(CLOCK_REALTIME, 20), mono = tr_in_ms(CLOCK_MONOTONIC, 20);
	errno = TR_SENTINEL;
	int rc = pthread_rwlock_tryrdlock(&rw);
	tr_result("  tryrdlock", rc, errno);
	if (!rc)
		TR("  unlock", pthread_rwlock_unlock(&rw));
	TR("  trywrlock", pthread_rwlock_trywrlock(&rw));
	TR("  timedwrlock", pthread_rwlock_timedwrlock(&rw, &rt));
	TR("  timedwrlock past", pthread_rwlock_timedwrlock(&rw, &past));
	TR("  timedwrlock bad nsec", pthread_rwlock_timedwrlock(&rw, &nsec_high));
	TR("  clockwrlock", pthread_rwlock_clockwrlock(&rw, CLOCK_MONOTONIC, &mono));
	TR("  clockwrlock other clock", pthread_rwlock_clockwrlock(&rw, CLOCK_BOOTTIME, &mono));
	errno = TR_SENTINEL;
	rc = pthread_rwlock_timedrdlock(&rw, &past);
	tr_result("  timedrdlock past", rc, errno);
	if (!rc)
		TR("  unlock", pthread_rwlock_unlock(&rw));
	TR("  timedrdlock bad nsec", pthread_rwlock_timedrdlock(&rw, &nsec_high));
	mono = tr_in_ms(CLOCK_MONOTONIC, 20);
	errno = TR_SENTINEL;
	rc = pthread_rwlock_clockrdlock(&rw, CLOCK_MONOTONIC, &mono);
	tr_result("  clockrdlock", rc, errno);
	if (!rc)
		TR("  unlock", pthread_rwlock_unlock(&rw));
	return NULL;
}

static void kind_view(const char *name, int kind)
{
	pthread_rwlockattr_t a;
	tr_say("kind %s", name);
	TR_MUST(pthread_rwlockattr_init(&a));
	TR(" setkind", pthread_rwlockattr_setkind_np(&a, kind));
	TR(" init", pthread_rwlock_init(&rw, &a));
	TR_MUST(pthread_rwlockattr_destroy(&a));
	TR(" rdlock", pthread_rwlock_rdlock(&rw));
	TR(" rdlock again", pthread_rwlock_rdlock(&rw));
	TR(" trywrlock as reader", pthread_rwlock_trywrlock(&rw));
	tr_elsewhere(others_view, NULL);
	TR(" unlock", pthread_rwlock_unlock(&rw));
	TR(" unlock", pthread_rwlock_unlock(&rw));
	TR(" wrlock", pthread_rwlock_wrlock(&rw));
	TR(" wrlock again", pthread_rwlock_wrlock(&rw));
	TR(" rdlock as writer", pthread_rwlock_rdlock(&rw));
	TR(" tryrdlock as writer", pthread_rwlock_tryrdlock(&rw));
	TR(" trywrlock as writer", pthread_rwlock_trywrlock(&rw));
	TR(" timedrdlock as writer", pthread_rwlock_timedrdlock(&rw, &past));
	tr_elsewhere(others_view, NULL);
	TR(" unlock", pthread_rwlock_unlock(&rw));
	tr_say(" free, seen by another thread");
	TR(" destroy", pthread_rwlock_destroy(&rw));
}

/* ------------------------------------------------------------------ who comes first */

static struct {
	int writer, reader, reading, wrote;
} seen;

static void *writer_main(void *arg)
{
	(void)arg;
	tr_publish(&seen.writer);
	long rc = pthread_rwlock_wrlock(&rw);
	tr_set(&seen.wrote, 1);
	pthread_rwlock_unlock(&rw);
	return (void *)rc;
}

static void *reader_main(void *arg)
{
	(void)arg;
	tr_publish(&seen.reader);
	long rc = pthread_rwlock_rdlock(&rw);
	tr_set(&seen.reading, __atomic_load_n(&seen.wrote, __ATOMIC_ACQUIRE) ? 2 : 1);
	pthread_rwlock_unlock(&rw);
	return (void *)rc;
}

static void preference(const char *name, int kind, bool reader_waits)
{
	pthread_t w, r;
	void *ret;
	pthread_rwlockattr_t a;
	memset(&seen, 0, sizeof(seen));
	TR_MUST(pthread_rwlockattr_init(&a));
	TR_MUST(pthread_rwlockattr_setkind_np(&a, kind));
	TR_MUST(pthread_rwlock_init(&rw, &a));
	TR_MUST(pthread_rwlock_rdlock(&rw));
	TR_MUST(pthread_create(&w, NULL, writer_main, NULL));
	tr_blocked(&seen.writer);
	TR_MUST(pthread_create(&r, NULL, reader_main, NULL));
	if (reader_waits)
		tr_blocked(&seen.reader);
	else
		tr_until(&seen.reading, 1);
	TR("tryrdlock behind a writer", pthread_rwlock_tryrdlock(&rw) ? -1 : (pthread_rwlock_unlock(&rw), 0));
	TR_MUST(pthread_rwlock_unlock(&rw));
	tr_join("writer", w, &ret);
	TR("writer's result", (long)ret);
	tr_join("reader", r, &ret);
	TR("reader's result", (long)ret);
	tr_say("%s: the reader read %s the writer", name, seen.reading == 2 ? "after" : "before");
	TR("destroy", pthread_rwlock_destroy(&rw));
}

static long counter;

static void *mixed_main(void *arg)
{
	long bad = 0;
	pthread_rwlock_t *lock = arg;
	for (int i = 0; i < 20000; i++) {
		if (i % 4) {
			bad += pthread_rwlock_rdlock(lock) != 0;
			bad += counter < 0;
		} else {
			bad += pthread_rwlock_wrlock(lock) != 0;
			counter++;
		}
		bad += pthread_rwlock_unlock(lock) != 0;
	}
	return (void *)bad;
}

static void exclusion(void)
{
	static pthread_rwlock_t st = PTHREAD_RWLOCK_INITIALIZER;
	static pthread_rwlock_t st_writer = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
	pthread_rwlock_t *both[] = {&st, &st_writer};
	for (int k = 0; k < 2; k++) {
		pthread_t t[4];
		counter = 0;
		for (int i = 0; i < 4; i++)
			TR_MUST(pthread_create(&t[i], NULL, mixed_main, both[k]));
		for (int i = 0; i < 4; i++) {
			void *ret;
			TR_MUST(pthread_join(t[i], &ret));
			TR_NUM("wrong results", (long)ret);
		}
		TR_NUM("writes", counter);
	}
}

int main(void)
{
	tr_begin();
	kind_view("prefer reader", PTHREAD_RWLOCK_PREFER_READER_NP);
	kind_view("prefer writer", PTHREAD_RWLOCK_PREFER_WRITER_NP);
	kind_view("prefer writer nonrecursive", PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	preference("prefer reader", PTHREAD_RWLOCK_PREFER_READER_NP, false);
	preference("prefer writer nonrecursive", PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP, true);
	exclusion();
	return tr_end();
}
