/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * init.c - the shim comes to life, notices that it is a forked child, and ends with the process.
 *
 * The recording is made at the first hooked event, so that a program that never uses threads leaves nothing; the launcher's
 * direct child makes it at once. Everything here may run before our constructor (another library's comes first) and after our
 * destructor.
 */
#include "preload/shim.h"
#include "preload/file.h"
#include "preload/init.h"
#include "preload/module.h"
#include "preload/mutex.h"
#include "preload/sys.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/resource.h>

enum mode {
	MODE_NEW,      /* nothing done yet */
	MODE_STARTING, /* one thread is at it; others pass through meanwhile */
	MODE_ARMED,    /* ready to record at the first event */
	MODE_ACTIVE,
	MODE_INERT,
};
static uint32_t mode;
static bool is_root; /* the launcher's direct child */

extern void *__libc_stack_end __attribute__((weak));
extern char **environ;

/* ------------------------------------------------------------------ start */

static const char *env_get(const char *name)
{
	size_t n = __builtin_strlen(name);
	for (char **e = environ; e && *e; e++)
		if (__builtin_strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}

static void tree_map(void)
{
	if (!tt_g.tree)
		tt_g.tree = tt_file_tree();
	if (!tt_g.tree)
		tt_g.tree = tt_sys_mmap(4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
}

static void stack_facts(void)
{
	/* __libc_stack_end lies at the very outside of main's stack: argc and what _start finds there. */
	uintptr_t end = &__libc_stack_end ? (uintptr_t)__libc_stack_end : 0;
	tt_g.main_stack_high = end ? end + 64 : 0;
	struct rlimit rl = {0, 0};
	TT_SYS(prlimit64, 0, RLIMIT_STACK, NULL, &rl);
	/* glibc's ARCH_STACK_DEFAULT_SIZE: what threads get when there is no limit. */
	tt_g.default_stack = rl.rlim_cur == RLIM_INFINITY ? 2u << 20 : rl.rlim_cur;
}

/* Reads the environment once. Leaves mode ARMED or INERT. */
static void prepare(void)
{
	uint32_t expected = MODE_NEW;
	if (!environ) /* a .preinit_array: even libc has not begun; not recorded, and decided later */
		return;
	if (!tt_cas_acq_rel(&mode, &expected, (uint32_t)MODE_STARTING))
		return;
	const char *text = env_get("THREADCHECK_OPTIONS");
	tt_options_parse(&tt_options, text);
	bool ok = tt_real_resolve(tt_options.direct) && !getauxval(AT_SECURE);
	if (ok) {
		tt_file_prepare(env_get("XDG_RUNTIME_DIR"), text);
		stack_facts();
		tt_clock_find();
		tree_map();
		is_root = tt_options.root && (uint64_t)TT_SYS(getppid, 0, 0, 0, 0) == tt_options.root;
		if (!is_root && tt_options.root && !tt_options.follow)
			ok = false;
	}
	tt_store_release(&mode, (uint32_t)(ok ? MODE_ARMED : MODE_INERT));
}

static bool too_many(void)
{
	if (!tt_g.tree || tt_add_relaxed(&tt_g.tree->recordings, 1) < tt_options.max_processes)
		return false;
	tt_add_relaxed(&tt_g.tree->refused, 1);
	return true;
}

/*
 * From ARMED, or in a forked child from ACTIVE with an epoch that was wiped. One thread does it. The parent's recording, which
 * a child still has mapped, is let go, after a note there when the child could not make one of its own.
 */
static bool activate(uint32_t from, uint32_t fork_depth)
{
	if (!tt_cas_acq_rel(&mode, &from, (uint32_t)MODE_STARTING))
		return false;
	struct ttrec_header *parent = tt_g.h;
	tt_g.h = NULL;
	tt_g.base = NULL;
	bool ok = !too_many() && tt_file_create(fork_depth);
	if (parent && !ok)
		tt_add_relaxed(&parent->children_refused, 1);
	if (parent)
		tt_file_leave(parent);
	if (ok)
		tt_store_release(&tt_epochs, tt_epochs_of(1));
	tt_store_release(&mode, (uint32_t)(ok ? MODE_ACTIVE : MODE_INERT));
	return ok;
}

/* The epoch reads 0 although we record: this is a child. Its parent's recording is left alone from here on. */
static bool child_begin(struct tt_self *s)
{
	const struct ttrec_header *parent = tt_g.h;
	uint32_t from = MODE_ACTIVE;
	s->t = NULL;
	s->deps = tt_no_deps;
	s->deps_mask = 0;
	s->stack_last = NULL; /* speaks of the parent's recording, */
	s->found = NULL;      /* and so does this */
	is_root = false;
	if (tt_options.follow && !tt_g.sandboxed)
		return activate(MODE_ACTIVE, parent ? parent->fork_depth + 1 : 1);
	tt_cas_acq_rel(&mode, &from, (uint32_t)MODE_INERT);
	return false;
}

/* ------------------------------------------------------------------ entering */

/*
 * A handler that interrupted the recorder, or a thread that was torn out of it by longjmp? A handler's frames lie below those
 * that it interrupted, and between them the red zone and the signal frame: more than NESTED_GAP. The frames of two hooks
 * called from one place differ by less.
 */
#define NESTED_GAP 512u
static TT_NOINLINE bool busy_is_stale(const struct tt_self *s, uintptr_t sp)
{
	if (!s->t || sp + NESTED_GAP <= s->busy_sp || s->busy_sp < s->t->stack_low || sp >= s->t->stack_high)
		return false;
	if (tt_g.sandboxed)
		return true;
	/* A handler's own stack may lie inside the thread's, above what it interrupted. */
	stack_t alt = {.ss_flags = 0};
	return tt_sys_failed(TT_SYS(sigaltstack, NULL, &alt, 0, 0)) || !(alt.ss_flags & SS_ONSTACK);
}

struct tt_self *tt_enter_slow(struct tt_self *s)
{
	if (tt_load_relaxed(&mode) == MODE_NEW)
		prepare();
	if (!tt_real_ready)
		tt_real_resolve(false); /* somebody else is just preparing: the real functions are needed all the same */
	if (s->epoch == TT_EPOCH_BUSY) {
		if (!busy_is_stale(s, (uintptr_t)__builtin_frame_address(0))) {
			tt_drop(TTREC_DROP_NESTED);
			return NULL;
		}
		s->epoch = s->saved_epoch;
		if (s->epoch == tt_load_relaxed(&tt_epoch))
			return s;
	}
	switch (tt_load_acquire(&mode)) {
	case MODE_ARMED:
		if (!activate(MODE_ARMED, 0))
			return NULL;
		s = tt_self_update(s);
		if (s)
			/* Another tool between us and the C library is to see the locks too (gcc's libtsan). */
			tt_mutex_check(tt_options.direct && tt_object_is_libc((uint64_t)(uintptr_t)tt_real.pthread_mutex_lock));
		return s;
	case MODE_ACTIVE:
		if (unlikely(!tt_load_relaxed(&tt_epoch)) && !child_begin(s))
			return NULL;
		break;
	default:
		return NULL;
	}
	return tt_self_update(s);
}

struct tt_self *tt_enter_if_known(void)
{
	if (unlikely(!tt_real_ready))
		tt_real_resolve(false);
	struct tt_self *s = &tt_self;
	return s->t && tt_load_relaxed(&tt_epoch) ? tt_enter() : NULL;
}

bool tt_is_recording_here(void)
{
	/* Not in a vfork child, which shares our memory but is another process. */
	return tt_load_acquire(&mode) == MODE_ACTIVE && tt_load_relaxed(&tt_epoch) &&
	       (tt_g.sandboxed || (uint32_t)tt_sys_getpid() == tt_g.pid);
}

__attribute__((constructor(101))) static void constructor(void)
{
	if (tt_load_relaxed(&mode) == MODE_NEW)
		prepare();
	if (is_root)
		tt_enter();
}

/* ------------------------------------------------------------------ sandboxes */

#define SANDBOX_SPACE (2u << 20)

/* A filter may kill for any system call that its author did not expect: what is needed later is taken now. */
void tt_sandbox_ahead(void)
{
	if (tt_is_recording_here())
		tt_arena_backed(tt_load_relaxed(&tt_g.h->next) + SANDBOX_SPACE);
}

/* A process that has no recording will not begin one in there, and neither will its children. */
void tt_sandbox_entered(void)
{
	tt_g.sandboxed = true;
	if (tt_load_acquire(&mode) == MODE_ACTIVE && tt_load_relaxed(&tt_epoch))
		tt_store_relaxed(&tt_g.h->full, (uint32_t)TTREC_FULL_SANDBOX);
	else
		tt_store_release(&mode, (uint32_t)MODE_INERT);
}

/* Strict seccomp, and prctl(PR_SET_TSC), make the clock fatal too. What was recorded stays. */
void tt_process_quiet(void)
{
	tt_store_release(&mode, (uint32_t)MODE_INERT);
	union tt_epoch_pair none = {{0, TT_EPOCH_NEVER}};
	tt_store_release(&tt_epochs, none.both);
}

/* ------------------------------------------------------------------ end */

void tt_process_ends(uint32_t state, int code)
{
	if (!tt_is_recording_here() || tt_load_relaxed(&tt_g.h->state) != TTREC_STATE_RUNNING)
		return;
	struct tt_self *s = &tt_self;
	if (s->t && s->epoch == tt_load_relaxed(&tt_epoch)) {
		tt_busy_begin(s);
		tt_log_charge(s->t);
		tt_busy_end(s);
	}
	tt_threads_note_cpu();
	const struct ttrec_header *h = tt_g.h;
	/* One thread, no event loop and nothing to tell: leave no file behind. */
	bool keep = is_root || h->threads_created || h->threads_adopted || tt_g.p->slab[TTREC_CHUNK_WAIT] || tt_g.p->misused ||
	            tt_g.p->slab[TTREC_CHUNK_LOOP];
	tt_file_end(state, code, keep || tt_g.sandboxed);
}

void tt_process_exit_code(int code)
{
	if (tt_is_recording_here())
		tt_g.h->exit_code = code;
}

void tt_process_goes_on(void)
{
	if (tt_is_recording_here())
		tt_store_release(&tt_g.h->state, (uint32_t)TTREC_STATE_RUNNING);
}

__attribute__((destructor)) static void destructor(void)
{
	tt_process_ends(TTREC_STATE_EXITED, tt_g.h ? tt_g.h->exit_code : TTREC_EXIT_UNKNOWN);
}
