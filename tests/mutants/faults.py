# SPDX-License-Identifier: GPL-3.0-or-later
"""faults.py - the faults that `make mutants` plants in the shim, one at a time.

Each: name; the edits, as (file, text that must be there exactly once, text instead); make variables; a regular expression of
the titles in tests/transparency.bats of which at least one must fail. An edit that no longer fits stops the run: whoever changes the
shim finds the fault a new place. `run` reads this.
"""

from collections import namedtuple

Fault = namedtuple("Fault", "name edits variables titles")


def fault(name, titles, *edits, variables=()):
    return Fault(name, edits, variables, titles)


MUTEX_LOCK = """	struct tt_self *s = tt_enter();
	return likely(s) ? tt_mutex_lock_hook(s, m, HOOK_SITE(OP_LOCK), HOOK_CFA()) : REAL(pthread_mutex_lock)(m);"""
UNLOCK_END = """	int r = tt_mutex_unlock(m);
	if (likely(r == 0))
		tt_release_plain(s);"""
COND_WAIT = """	int r = REAL(pthread_cond_wait)(c, m);
	tt_cond_end(&k, r);"""
SEM_POST = """TT_EXPORT int sem_post(sem_t *sem)
{
	struct tt_self *s = tt_enter();
	if (unlikely(!s))
		return REAL(sem_post)(sem);"""
SEM_WAIT = "	int r = sem_real_wait(sem, u);\n"
CONSTRUCTOR = """static void constructor(void)
{
"""

FAULTS = [
    fault("errno clobbered", "every mutex call",
          ("preload/hook_mutex.c", MUTEX_LOCK, "	errno = EIO;\n" + MUTEX_LOCK)),
    fault("errno clobbered on the slow path only", "semaphores count|every mutex call|robust",
          ("preload/hook_mutex.c", "	r = mutex_real_wait(m, u);\n", "	r = mutex_real_wait(m, u);\n	errno = EIO;\n")),
    fault("an open descriptor", "descriptors, threads",
          ("preload/init.c", CONSTRUCTOR, CONSTRUCTOR + '	TT_SYS(openat, -100, "/dev/null", 0, 0);\n')),
    fault("malloc in the lock path", "no lock call allocates",
          ("preload/hook_mutex.c", MUTEX_LOCK,
           "	void *malloc(size_t);\n	void free(void *);\n	void *volatile p = malloc(8);\n	free(p);\n" + MUTEX_LOCK)),
    fault("malloc in the contended path only", "no lock call allocates",
          ("preload/hook_mutex.c", "	r = mutex_real_wait(m, u);\n",
           "	void *malloc(size_t);\n	void *volatile p = malloc(8);\n	(void)p;\n	r = mutex_real_wait(m, u);\n")),
    fault("the mutex read after unlock", "no lock is touched",
          ("preload/mutex.h", UNLOCK_END, UNLOCK_END + "\n	(void)*(volatile int *)&m->__data.__kind;")),
    fault("the mutex read after a slow unlock", "no lock is touched",
          ("preload/hook_mutex.c", "	int r = REAL(pthread_mutex_unlock)(m);\n",
           "	int r = REAL(pthread_mutex_unlock)(m);\n	(void)*(volatile int *)&m->__data.__kind;\n")),
    fault("a private lock in cond_wait", "condition variables keep",
          ("preload/hook_cond.c", COND_WAIT,
           "	static pthread_mutex_t private = PTHREAD_MUTEX_INITIALIZER;\n	REAL(pthread_mutex_lock)(&private);\n" +
           COND_WAIT.replace("	tt_cond_end", "	REAL(pthread_mutex_unlock)(&private);\n	tt_cond_end"))),
    fault("the old version of conditions", "condition variables keep",
          ("preload/hooks.def", 'HOOK(pthread_cond_init, "GLIBC_2.3.2"', 'HOOK(pthread_cond_init, "GLIBC_2.2.5"'),
          ("preload/hooks.def", 'HOOK(pthread_cond_wait, "GLIBC_2.3.2"', 'HOOK(pthread_cond_wait, "GLIBC_2.2.5"'),
          ("preload/hooks.def", 'HOOK(pthread_cond_timedwait, "GLIBC_2.3.2"', 'HOOK(pthread_cond_timedwait, "GLIBC_2.2.5"'),
          ("preload/hooks.def", 'HOOK(pthread_cond_signal, "GLIBC_2.3.2"', 'HOOK(pthread_cond_signal, "GLIBC_2.2.5"'),
          ("preload/hooks.def", 'HOOK(pthread_cond_broadcast, "GLIBC_2.3.2"', 'HOOK(pthread_cond_broadcast, "GLIBC_2.2.5"'),
          ("preload/hooks.def", 'HOOK(pthread_cond_destroy, "GLIBC_2.3.2"', 'HOOK(pthread_cond_destroy, "GLIBC_2.2.5"')),
    fault("a lock in sem_post", "no lock is touched|semaphores count",
          ("preload/hook_sem.c", "	return likely(sem_post_fast(sem)) ? 0 : REAL(sem_post)(sem);",
           "	static pthread_mutex_t private = PTHREAD_MUTEX_INITIALIZER;\n	REAL(pthread_mutex_lock)(&private);\n"
           "	int r = likely(sem_post_fast(sem)) ? 0 : REAL(sem_post)(sem);\n	REAL(pthread_mutex_unlock)(&private);\n"
           "	return r;")),
    fault("a key of thread data", "descriptors, threads",
          ("preload/init.c", CONSTRUCTOR,
           CONSTRUCTOR + "	static pthread_key_t key;\n	pthread_key_create(&key, NULL);\n")),
    fault("a frame of 20 KB", "smallest stack",
          ("preload/hook_mutex.c", MUTEX_LOCK,
           "	volatile char big[20480];\n	for (unsigned i = 0; i < sizeof(big); i += 512)\n		big[i] = 1;\n" +
           MUTEX_LOCK)),
    fault("EOWNERDEAD locked again", "robust",
          ("preload/hook_mutex.c", "	if (r == EOWNERDEAD)\n		return tt_mutex_got(s, m, site, cfa, r);\n", "")),
    fault("EINTR retried", "semaphores count",
          ("preload/hook_sem.c", SEM_WAIT,
           "	int r;\n	do\n		r = sem_real_wait(sem, u);\n	while (r && errno == EINTR);\n")),
    fault("arguments of creates shared", "own arguments",
          ("preload/hook_thread.c", "		tt_g.p->start_arg[t->slot] = arg;\n", "		tt_g.p->start_arg[0] = arg;\n"),
          ("preload/hook_thread.c", "(uintptr_t)tt_g.p->start_arg[t->slot];", "(uintptr_t)tt_g.p->start_arg[0];")),
    fault("no unwind tables", "every cancellation point|unwind through",
          variables=("SHIM_DEFS=-fno-exceptions -fno-asynchronous-unwind-tables -fno-unwind-tables",)),
    fault("cancellation disabled in sem_wait", "every cancellation point",
          ("preload/hook_sem.c", SEM_WAIT,
           "	int state;\n	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);\n" + SEM_WAIT +
           "	pthread_setcancelstate(state, NULL);\n")),
    fault("cancellation disabled in cond_wait", "every cancellation point",
          ("preload/hook_cond.c", COND_WAIT,
           "	int state;\n	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);\n" +
           COND_WAIT.replace("	tt_cond_end", "	pthread_setcancelstate(state, NULL);\n	tt_cond_end"))),
    fault("results of locks ignored", "every mutex call",
          ("preload/mutex.h", "		return tt_mutex_lock_slow(s, m, site, cfa, r, &tt_mutex_for_ever);\n",
           "		return tt_mutex_lock_slow(s, m, site, cfa, r, &tt_mutex_for_ever), 0;\n")),
    fault("a lock of the loader taken for a stack", "without any lock of the loader",
          ("preload/hook_mutex.c", "static int mutex_real_wait(",
           "struct dl_phdr_info;\nint dl_iterate_phdr(int (*)(struct dl_phdr_info *, size_t, void *), void *);\n"
           "static int seen(struct dl_phdr_info *i, size_t n, void *p)\n{\n	return i && n && !p;\n}\n"
           "static int mutex_real_wait("),
          ("preload/hook_mutex.c", "	r = mutex_real_wait(m, u);\n",
           "	dl_iterate_phdr(seen, NULL);\n	r = mutex_real_wait(m, u);\n")),
]
