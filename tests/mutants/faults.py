# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that tests/mutants/run plants. Each once broke some preloaded library of somebody.

name: {
    edits: {file: [(old, new), ...]}  old must occur once; when it ends in $RE it is a regular expression, and all matches change
    make: [variables]                 for make, instead of or beside edits
    caught_by: [test, ...]            a program of tests/transparency, or FILE: WORDS, the tests of tests/FILE.bats with these
                                      words in their titles. When none of them notices, all of tests/transparency is run.
}
A fault is small and looks innocent. When the source changes and `old` is gone, find the new place; never delete the fault.
"""

MUTEX_UNLOCKED = """	if (likely(__atomic_compare_exchange_n(&m->__data.__lock, &taken, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
		return true;
"""
COND_WAIT = """	int r = REAL(pthread_cond_wait)(c, m);
	tt_cond_end(&k, r);
"""
MUTEX_LOCK = """	uint64_t site = HOOK_SITE_ONCE(OP_LOCK);
	enum tt_mutex_fast done = tt_mutex_lock_fast(&tt_self, m, site, TTREC_OP_LOCK);
"""
MUTEX_WAIT = "	r = mutex_real_wait(m, u);\n"
SEM_WAIT = "	int r = sem_real_wait(sem, u);\n"
SEM_POST = """	return likely(tt_g.sem_inline && sem_post_fast(sem)) ? 0 : REAL(sem_post)(sem);
"""
TESTCANCEL = """	if (unlikely(tt_load_relaxed(&tt_cancel_used)) && !u->has_clock)
		REAL(pthread_testcancel)();
"""

FAULTS = {
    # ---------------------------------------------------------------- what the program sees in its own state
    "errno-changed": {
        "edits": {"preload/acquire.c": [("	tt_used_destroyed(s, object, site, NULL);\n	tt_busy_end(s);\n}",
                                         "	tt_used_destroyed(s, object, site, NULL);\n	errno = 0;\n	tt_busy_end(s);\n}")]},
        "caught_by": ["mutex"],
    },
    "errno-changed-at-once": {
        "edits": {"preload/hook_mutex.c": [(MUTEX_LOCK, "	errno = EIO;\n" + MUTEX_LOCK)]},
        "caught_by": ["mutex"],
    },
    "errno-changed-by-waiting": {
        "edits": {"preload/hook_mutex.c": [(MUTEX_WAIT, MUTEX_WAIT + "	errno = EIO;\n")]},
        "caught_by": ["mutex"],
    },
    "mutex-awaited-awake": {
        "edits": {"preload/hook_mutex.c": [("#define SOON_TURNS 20u", "#define SOON_TURNS 20000u")]},
        "caught_by": ["cost: just being recorded"],
    },
    "descriptor-opened": {
        "edits": {"preload/init.c": [("		prepare();\n	if (is_root)",
                                      "		prepare();\n	TT_SYS(openat, -100, \"/dev/null\", 0, 0);\n	if (is_root)")]},
        "caught_by": ["resources"],
    },
    "descriptor-kept": {
        "edits": {"preload/file.c": [("	bool ok = file_map(fd);\n	tt_sys_close(fd);\n", "	bool ok = file_map(fd);\n")]},
        "caught_by": ["resources"],
    },
    "thread-specific-key": {
        "edits": {"preload/init.c": [("		prepare();\n	if (is_root)",
                                      "		prepare();\n	static pthread_key_t key;\n	pthread_key_create(&key, NULL);\n	if (is_root)")]},
        "caught_by": ["resources"],
    },
    "thread-of-its-own": {
        "edits": {"preload/init.c": [("__attribute__((constructor(101)))",
                                      "static void *naps(void *arg)\n{\n	poll(NULL, 0, -1);\n	return arg;\n}\n\n"
                                      "__attribute__((constructor(101)))"),
                                     ("		prepare();\n	if (is_root)",
                                      "		prepare();\n	pthread_t t;\n	REAL(pthread_create)(&t, NULL, naps, NULL);\n	if (is_root)")]},
        "caught_by": ["resources"],
    },
    "signal-handler": {
        "edits": {"preload/init.c": [("		prepare();\n	if (is_root)",
                                      "		prepare();\n	signal(SIGUSR2, SIG_IGN);\n	if (is_root)")]},
        "caught_by": ["resources"],
    },
    "preload-not-inherited": {
        "edits": {"preload/init.c": [("		prepare();\n	if (is_root)", "		prepare();\n	unsetenv(\"LD_PRELOAD\");\n	if (is_root)")]},
        "caught_by": ["faults: inherit the preload"],
    },
    "20-kib-frame": {
        "edits": {"preload/acquire.c": [("	struct tt_caller c = tt_caller_of(site, cfa);\n	tt_busy_begin(s);\n	tt_acquired(",
                                         "	volatile char room[20 << 10];\n	room[0] = room[sizeof(room) - 1] = 1;\n"
                                         "	struct tt_caller c = tt_caller_of(site, cfa);\n	tt_busy_begin(s);\n	tt_acquired(")]},
        "caught_by": ["minstack"],
    },
    "16-kib-of-thread-storage": {
        "edits": {"preload/arena.c": [("struct tt_global tt_g = {.clock = clock_gettime};",
                                       "__thread char tt_room[16 << 10] __attribute__((tls_model(\"initial-exec\"), used));\n"
                                       "struct tt_global tt_g = {.clock = clock_gettime};")]},
        "caught_by": ["layers: thread-local storage"],
    },
    # ---------------------------------------------------------------- inside lock calls
    "malloc-in-lock-path": {
        "edits": {"preload/acquire.c": [("	struct tt_caller c = tt_caller_of(site, cfa);\n	tt_busy_begin(s);\n	tt_acquired(",
                                         "	struct tt_caller c = tt_caller_of(site, cfa);\n	void *volatile gone = malloc(8);\n	free(gone);\n	tt_busy_begin(s);\n"
                                         "	tt_acquired(")]},
        "caught_by": ["mallochook"],
    },
    "malloc-while-waiting": {
        "edits": {"preload/hook_mutex.c": [(MUTEX_WAIT, "	void *volatile lost = malloc(8);\n	(void)lost;\n" + MUTEX_WAIT)]},
        "caught_by": ["mallochook"],
    },
    "touched-after-unlock": {
        "edits": {"preload/mutex.h": [(MUTEX_UNLOCKED,
                                       MUTEX_UNLOCKED.replace("		return true;", "		return !(*(volatile int *)&m->__data.__owner & 0);"))]},
        "caught_by": ["faults: the very instruction"],
    },
    "touched-after-unlock-by-the-hook": {
        "edits": {"preload/mutex.h": [("	tt_release_plain(s);\n	return true;", "	tt_release_plain(s);\n	return !(*(volatile int *)&m->__data.__kind & 0);")]},
        "caught_by": ["faults: the very instruction"],
    },
    "touched-after-slow-unlock": {
        "edits": {"preload/hook_mutex.c": [("	int r = REAL(pthread_mutex_unlock)(m);\n	if (at && r == 0)",
                                            "	int r = REAL(pthread_mutex_unlock)(m);\n	owner = (uint32_t)tt_load_relaxed(&m->__data.__owner);\n"
                                            "	(void)*(volatile uint32_t *)&owner;\n	if (at && r == 0)")]},
        "caught_by": ["faults: the very instruction"],
    },
    "touched-after-post": {
        "edits": {"preload/hook_sem.c": [(SEM_POST, "	if (!sem_post_fast(sem) && REAL(sem_post)(sem))\n		return -1;\n"
                                                    "	return tt_load_relaxed((int *)(void *)sem + 2) & 0;\n")]},
        "caught_by": ["faults: the very instruction"],
    },
    "lock-in-cond-wait": {
        "edits": {"preload/hook_cond.c": [(COND_WAIT, "	static pthread_mutex_t private = PTHREAD_MUTEX_INITIALIZER;\n"
                                                      "	REAL(pthread_mutex_lock)(&private);\n" +
                                           COND_WAIT.replace("tt_cond_end", "REAL(pthread_mutex_unlock)(&private);\n	tt_cond_end"))]},
        "caught_by": ["cond"],
    },
    "lock-in-sem-post": {
        "edits": {"preload/hook_sem.c": [(SEM_POST, "	static pthread_mutex_t private = PTHREAD_MUTEX_INITIALIZER;\n"
                                                    "	REAL(pthread_mutex_lock)(&private);\n	int r = REAL(sem_post)(sem);\n"
                                                    "	REAL(pthread_mutex_unlock)(&private);\n	return r;\n")]},
        "caught_by": ["faults: handlers may post semaphores"],
    },
    "system-call-in-lock-path": {
        "edits": {"preload/hook_mutex.c": [(MUTEX_LOCK, "	getppid();\n" + MUTEX_LOCK)]},
        "caught_by": ["cost: steady state"],
    },
    "lock-of-the-loader": {
        "edits": {"preload/stacks.c": [("	if (!n)\n		return last->stack;\n", "	Dl_info info;\n	if (!n || !dladdr((void *)(uintptr_t)pc[0], &info))\n		return last ? last->stack : 0;\n"),
                                       ("#include \"preload/module.h\"\n", "#include \"preload/module.h\"\n#include <dlfcn.h>\n")]},
        "caught_by": ["transparency: without any lock of the loader"],
    },
    "lock-of-the-loader-while-waiting": {
        "edits": {"preload/hook_mutex.c": [("static int mutex_real_wait(",
                                            "struct dl_phdr_info;\n"
                                            "int dl_iterate_phdr(int (*)(struct dl_phdr_info *, size_t, void *), void *);\n"
                                            "static int seen(struct dl_phdr_info *i, size_t n, void *p)\n{\n	return i && n && !p;\n}\n"
                                            "static int mutex_real_wait("),
                                           (MUTEX_WAIT, "	dl_iterate_phdr(seen, NULL);\n" + MUTEX_WAIT)]},
        "caught_by": ["transparency: without any lock of the loader"],
    },
    # ---------------------------------------------------------------- what lock calls answer
    "old-cond-version": {
        "edits": {"preload/hooks.def": [("\"GLIBC_2.3.2\"$RE", "\"GLIBC_2.2.5\"")]},
        "caught_by": ["cond"],
    },
    "owner-died-locked-again": {
        "edits": {"preload/hook_mutex.c": [("	if (r == 0 || r == EOWNERDEAD)\n		return tt_mutex_got(s, m, site, cfa, r);\n	struct tt_wait_for",
                                            "	if (r == 0)\n		return tt_mutex_got(s, m, site, cfa, r);\n	struct tt_wait_for")]},
        "caught_by": ["robust"],
    },
    "not-recoverable-tried": {
        "edits": {"preload/mutex.h": [("	if (m->__data.__kind & 16 && tt_load_relaxed(&m->__data.__owner) == not_recoverable)\n		return TT_TRY_NOT;\n",
                                       "	(void)not_recoverable;\n")]},
        "caught_by": ["robust"],
    },
    "interrupted-wait-retried": {
        "edits": {"preload/hook_sem.c": [("	if (!u->until)\n		return REAL(sem_wait)(sem);\n",
                                          "	if (!u->until) {\n		int r;\n		do {\n			r = REAL(sem_wait)(sem);\n"
                                          "		} while (r && errno == EINTR);\n		return r;\n	}\n")]},
        "caught_by": ["sem"],
    },
    "result-ignored": {
        "edits": {"preload/hook_mutex.c": [("	r = mutex_real_wait(m, u);\n	if (r == 0 || r == EOWNERDEAD) {",
                                            "	mutex_real_wait(m, u);\n	r = 0;\n	if (r == 0 || r == EOWNERDEAD) {")]},
        "caught_by": ["mutex"],
    },
    "rwlock-result-ignored": {
        "edits": {"preload/hook_rwlock.c": [("	r = rwlock_real_wait(rw, u);\n", "	rwlock_real_wait(rw, u);\n	r = 0;\n")]},
        "caught_by": ["rwlock"],
    },
    "timeout-taken-for-lock": {
        "edits": {"preload/hook_mutex.c": [("	if (r == 0 || r == EOWNERDEAD) {\n		if (!w.s)",
                                            "	if (r == 0 || r == EOWNERDEAD || r == ETIMEDOUT) {\n		r = r == ETIMEDOUT ? 0 : r;\n		if (!w.s)")]},
        "caught_by": ["mutex"],
    },
    "clock-mixed-up": {
        "edits": {"preload/hook_cond.c": [("REAL(pthread_cond_clockwait)(c, m, clock, until);\n	tt_cond_end",
                                           "REAL(pthread_cond_timedwait)(c, m, until);\n	tt_cond_end")]},
        "caught_by": ["cond"],
    },
    # ---------------------------------------------------------------- threads, cancellation, unwinding
    "shared-create-arguments": {
        "edits": {"preload/hook_thread.c": [("static void *thread_main(void *arg)\n", "static uint64_t shared_routine, shared_arg;\n\nstatic void *thread_main(void *arg)\n"),
                                            ("(void *(*)(void *))(uintptr_t)t->start_routine;\n	void *routine_arg = (void *)(uintptr_t)tt_g.p->start_arg[t->slot];",
                                             "(void *(*)(void *))(uintptr_t)shared_routine;\n	void *routine_arg = (void *)(uintptr_t)shared_arg;"),
                                            ("	int r = REAL(pthread_create)(thread, attr, thread_main, k.t);",
                                             "	shared_routine = (uintptr_t)routine;\n	shared_arg = (uintptr_t)arg;\n"
                                             "	int r = REAL(pthread_create)(thread, attr, thread_main, k.t);")]},
        "caught_by": ["threads"],
    },
    "handle-read-too-late": {
        "edits": {"preload/hook_thread.c": [("			tt_load_acquire(&t->state) == TTREC_THREAD_CREATING)", "			*thread)"),
                                            ("		if (!k->detached && tt_load_acquire(&t->serial) == k->serial &&", "		if (*thread && tt_load_acquire(&t->serial) == k->serial &&")]},
        "caught_by": ["faults: free the memory of its own pthread_t"],
    },
    "no-unwind-tables": {
        "make": ["SHIM_DEFS=-fno-exceptions -fno-asynchronous-unwind-tables -fno-unwind-tables"],
        "caught_by": ["unwind"],
    },
    "cancellation-disabled": {
        "edits": {"preload/hook_cond.c": [(COND_WAIT, "	int state;\n	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);\n" +
                                           COND_WAIT.replace("	tt_cond_end", "	pthread_setcancelstate(state, NULL);\n	tt_cond_end"))]},
        "caught_by": ["cancel"],
    },
    "cancellation-disabled-in-sem-wait": {
        "edits": {"preload/hook_sem.c": [(SEM_WAIT, "	int state;\n	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);\n" +
                                          SEM_WAIT + "	pthread_setcancelstate(state, NULL);\n")]},
        "caught_by": ["cancel"],
    },
    "cancellation-point-lost": {
        "edits": {"preload/hook_sem.c": [(TESTCANCEL, "")]},
        "caught_by": ["cancel"],
    },
    "cancellation-point-lost-at-once": {
        "edits": {"preload/hook_thread.c": [("	tt_store_relaxed(&tt_inline.sem_wait, 0u);\n", "")]},
        "caught_by": ["cancel"],
    },
    "cancellation-point-added": {
        "edits": {"preload/hook_mutex.c": [("	w.s = NULL;\n	if (r == EBUSY)\n", "	w.s = NULL;\n	pthread_testcancel();\n	if (r == EBUSY)\n")]},
        "caught_by": ["cancel"],
    },
    # ---------------------------------------------------------------- processes, surroundings
    "vfork-child-taken-for-parent": {
        "edits": {"preload/init.c": [("(tt_g.sandboxed || (uint32_t)tt_sys_getpid() == tt_g.pid)", "(tt_g.sandboxed || tt_g.pid)")]},
        "caught_by": ["faults: vfork and exec"],
    },
    "child-writes-to-parent": {
        "edits": {"preload/file.c": [("tt_sys_failed(TT_SYS(madvise, &tt_epoch_mem, sizeof(tt_epoch_mem), MADV_WIPEONFORK, 0))", "false")]},
        "caught_by": ["kill: leaves every count exact", "faults: children of children"],
    },
    "file-not-backed": {
        "edits": {"preload/arena.c": [("		tt_sys_failed(TT_SYS(madvise, tt_g.base + from, to - from, MADV_POPULATE_WRITE, 0))) {",
                                       "		tt_sys_failed(0)) {")]},
        "caught_by": ["faults: full disk"],
    },
    "unused-space-locked": {
        "edits": {"preload/file.c": [("tt_sys_mmap(size, PROT_NONE, MAP_SHARED, fd)", "tt_sys_mmap(size, PROT_READ | PROT_WRITE, MAP_SHARED, fd)")]},
        "caught_by": ["faults: locks its memory"],
    },
    "beyond-the-file-size-limit": {
        "edits": {"preload/file.c": [("	if (file < size)\n		size = file;\n", "	(void)file;\n")]},
        "caught_by": ["faults: SIGXFSZ"],
    },
    "others-may-read": {
        "edits": {"preload/file.c": [("O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600", "O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644")]},
        "caught_by": ["faults: nobody else can read"],
    },
    "follows-links": {
        "edits": {"preload/file.c": [("O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600", "O_RDWR | O_CREAT, 0600")]},
        "caught_by": ["faults: an existing file"],
    },
    "calls-into-the-sandbox": {
        "edits": {"preload/init.c": [("		tt_store_relaxed(&tt_g.h->full, (uint32_t)TTREC_FULL_SANDBOX);\n	else\n", "		;\n	else\n")]},
        "caught_by": ["faults: sandbox of seccomp"],
    },
    "handler-taken-for-longjmp": {
        "edits": {"preload/init.c": [("|| !(alt.ss_flags & SS_ONSTACK);", "|| alt.ss_sp != &alt;")]},
        "caught_by": ["faults: inside the one they interrupt"],
    },
    # ---------------------------------------------------------------- what is recorded
    "evicted-count-lost": {
        "edits": {"preload/counts.c": [("(((old >> TAG_BITS) + n) << TAG_BITS)", "(((old >> TAG_BITS) + n - 1) << TAG_BITS)")]},
        "caught_by": ["kill: leaves every count exact"],
    },
    "eviction-not-journalled": {
        "edits": {"preload/counts.c": [("			tt_store_release(&t->journal.word, seq << 2 | 1);\n", ""),
                                       ("			tt_store_release(&t->journal.word, seq << 2 | 2);\n", "			for (volatile int i = 0; i < 2000; i++)\n				;\n")]},
        "caught_by": ["kill: always on their way"],
    },
}
