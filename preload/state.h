/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.h - what the recorder keeps: its settings, the process's words, the thread's words. Only data; what is done with them
 * is declared in shim.h.
 */
#ifndef TT_PRELOAD_STATE_H
#define TT_PRELOAD_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "lib/core/ttrec_format.h"

/* ------------------------------------------------------------------ settings (options.def) */

struct tt_options {
#define OPTION(field, key, type, def, help) uint64_t field;
#define OPTION_TEXT(field, key, help)       char field[512];
#include "preload/options.def"
};
extern struct tt_options tt_options;
void tt_options_parse(struct tt_options *o, const char *text); /* unknown keys and bad values are ignored: never print */

/* ------------------------------------------------------------------ process-wide state */

/*
 * The one word that every hook compares with its thread's copy. It lives on a page that reads 0 in a forked child
 * (MADV_WIPEONFORK), and it is advanced when a lock dies whose identity other threads may have cached. So one load tells a hook
 * that all is as it was; any difference leads to tt_enter_slow(). Written rarely, read by all: the cache line stays shared.
 */
union tt_epoch_pair {
	struct {
		uint32_t epoch; /* 0: not recording, or a child that has not noticed yet. Never one of those below. */
		uint32_t sem; /* the same for hooks that change semaphores; TT_EPOCH_NEVER: these are the library's business */
	};
	uint64_t both;
};
struct tt_epoch_page {
	union tt_epoch_pair epochs;
} __attribute__((aligned(4096)));
extern union tt_epoch_mem {
	struct tt_epoch_page page;
	char bytes[4096];
} tt_epoch_mem __attribute__((visibility("hidden"))); /* said here, or it is reached through the GOT */
#define tt_epochs    (tt_epoch_mem.page.epochs.both)
#define tt_epoch     (tt_epoch_mem.page.epochs.epoch)
#define tt_epoch_sem (tt_epoch_mem.page.epochs.sem)

#define TT_EPOCH_NEW   0xffffffffu /* a thread that has not called a hook yet */
#define TT_EPOCH_BUSY  0xfffffffeu /* the thread is inside the recorder: a signal handler that comes now is a nested event */
#define TT_EPOCH_NEVER 0xfffffffdu /* no thread's */

#define TT_DEATH_RING        256u
#define TT_LOCK_HEADS        (1u << 15)
#define TT_LSITE_HEADS       (1u << 15)
#define TT_WAIT_HEADS        (1u << 13)
#define TT_DEP_HEADS         (1u << 14)
#define TT_STACK_HEADS       (1u << 13)
#define TT_MISUSE_HEADS      (1u << 9)
#define TT_GROUP_HEADS       (1u << 8)
#define TT_MAX_SLOTS         (1u << 16)
#define TT_TID_MAP           (1u << 12)
#define TT_PTHREAD_MAP       (1u << 15)
#define TT_MODULES           512u
#define TT_FILTER_BITS       (1u << 22) /* 1 GiB of addresses: the arenas of malloc lie 64 MiB apart */
#define TT_RULE_BYTES        (256u << 10)
#define TT_DEP_SIZES         3u /* of the dependency caches: order.c */
#define TT_FREE_CLASSES      10u
#define TT_HOLD_PERIOD_USUAL 512u
#define TT_HOLD_PERIOD_MAX   16384u /* twice that fits below the flag in ttrec_count.gap: hook_sem.c */

struct tt_death {
	uint64_t seq; /* number of the death + 1; stored last */
	uint64_t lock;
	uint64_t sharers; /* of the record: who may have entries for it */
};
struct tt_pthread_key {
	uint64_t pthread; /* key, set once by compare and swap; addresses come back, so keys are never removed */
	uint32_t slot;    /* slot + 1 */
	uint32_t reserved;
};

/* Private anonymous memory, wiped in a forked child, touched only where it is used. All indices into the recording. */
struct tt_private {
	uint32_t lock_heads[TT_LOCK_HEADS]; /* index + 1, hashed by address >> 8 so that ranges can be walked */
	uint32_t lsite_heads[TT_LSITE_HEADS];
	uint32_t wait_heads[TT_WAIT_HEADS];
	uint32_t dep_heads[TT_DEP_HEADS];
	uint32_t stack_heads[TT_STACK_HEADS];
	uint32_t misuse_heads[TT_MISUSE_HEADS];
	uint32_t group_heads[TT_GROUP_HEADS];
	uint32_t lock_slab[TTREC_MAX_LOCKS / TTREC_SLAB_LOCKS]; /* ref of the slab's first record */
	uint32_t slot_ref[TT_MAX_SLOTS];
	uint32_t misused;             /* some fact about misuse was recorded */
	uint32_t slots;               /* slots ever made */
	uint32_t tid_map[TT_TID_MAP]; /* slot + 1 of the last thread with tid % TT_TID_MAP; a hint */
	struct tt_pthread_key pthreads[TT_PTHREAD_MAP];
	uint64_t slab[TTREC_CHUNK_MAX]; /* current slab: ref << 32 | records used */
	uint32_t turn[TTREC_CHUNK_MAX]; /* mark of the thread that is about to claim a chunk of that type; 0 none */
	uint64_t var;                   /* current VAR chunk: ref << 32 | bytes used */
	uint64_t loop_free;             /* stack of loop records given back: tag << 32 | ref; link in `calls` */
	uint64_t slot_free;             /* stack of free slots: tag << 32 | slot + 1; links in slot_next */
	uint32_t slot_next[TT_MAX_SLOTS];
	uint64_t limbo[1024]; /* detached and ending: tid << 32 | slot + 1, waiting for the thread to be gone */
	uint32_t limbo_scan;
	uint32_t dep_largest;                 /* caches of the largest size ever made */
	uint64_t block_free[TT_FREE_CLASSES]; /* chunks given back, by log2 size: tag << 32 | ref; link in the chunk's `check`
	                                         word */
	struct tt_death deaths[TT_DEATH_RING];
	uint64_t death_claim;
	uint64_t filter[TT_FILTER_BITS / 64];      /* tt_filter_bit: a lock lies in that 256-byte granule */
	uint64_t filter_near[TT_FILTER_BITS / 64]; /* likewise: in that granule or the next, for free's one question */
	struct {
		uint64_t start, end; /* end is stored last */
	} modules[TT_MODULES];
	uint32_t module_count;
	uint64_t table_bytes; /* in grown tables, against the budget */
	uint64_t dep_block;   /* current block of dependency caches: see order.c */
	uint64_t dep_free[TT_DEP_SIZES];
	uint64_t stack_last_free; /* see stacks.c */
	uint64_t small;           /* not 0: some lock is but a word, and may lie beside another in any block */
	uint64_t reserved[4];     /* else the compiler would pad: `rules` begins a cache line, and clang-tidy wants that said */
	uint64_t slot_total[TT_MAX_SLOTS]; /* operations of the slot's table when its last thread was gone */
	uint64_t start_arg[TT_MAX_SLOTS];  /* argument of a start routine, from create until the thread runs */
	uint8_t rules[TT_RULE_BYTES] __attribute__((aligned(64)));
};

/* Survives fork: one page shared by the whole tree of forked processes. */
struct tt_tree {
	uint32_t recordings;
	uint32_t refused;
};

typedef int tt_clock_fn(clockid_t, struct timespec *);

struct tt_global {
	uint8_t *base; /* the mapped recording */
	tt_clock_fn *clock;
	struct ttrec_header *h;
	struct tt_private *p;
	struct tt_tree *tree;
	uint64_t start_mono_ns;
	uint64_t main_stack_high;
	uint64_t default_stack;
	uint32_t pid;
	uint32_t hold_period;
	uint32_t stack_depth;
	uint64_t table_budget;
	bool sem_inline; /* semaphores are changed without a call (mutex.h) */
	bool sandboxed;  /* a seccomp filter was set: no system calls but those that the thread's life needs anyway */
};
extern struct tt_global tt_g __attribute__((visibility("hidden")));

/* ------------------------------------------------------------------ the thread's own words (TLS, initial-exec, <= 256 bytes)
 */

/* One set of the cache of known dependencies: the low halves of four keys' hashes, 0 for none. */
typedef uint32_t tt_dep_set __attribute__((vector_size(16)));

/*
 * An acquisition that the thread made with a known dependency: entry (uid, site) with `below` held, and the hash that this came
 * to. Programs nest the same locks in the same way again and again: for them it saves all hashing. Two entries that claim one
 * memo take turns.
 */
struct tt_memo {
	uint64_t below; /* 0: none */
	uint64_t site;
	uint64_t hash;
	uint32_t uid, reserved;
};
#define TT_MEMOS    64u /* before the sets of a thread's cache */
#define TT_DEP_NEAR 4u  /* sets of a lock: one cache line */
extern const struct tt_memo tt_no_memos[TT_MEMOS + TT_DEP_NEAR / 2] __attribute__((visibility("hidden")));
#define tt_no_deps ((const tt_dep_set *)(const void *)(tt_no_memos + TT_MEMOS))

/* A fact about lock order that may be written over: order.c, "passing facts". */
struct tt_spare_dep {
	uint32_t dep;     /* ref; 0 none */
	uint32_t uid;     /* semaphore that was held innermost; TT_SPARE_VOID: it was no lock */
	uint64_t without; /* key of the fact without that */
};
#define TT_SPARE_VOID 0xffffffffu
#define TT_SPARE_DEPS 3u

/*
 * A thread that has waited so often with the same outermost lock held does it always, as CPython's do with the lock that says
 * that they live: what is recorded of each wait because a lock is held is then recorded of some.
 */
#define TT_OUTER_USUAL 16u

struct tt_self {
	/* One cache line of what every hook needs. */
	uint32_t epoch; /* the hot path's comparison; TT_EPOCH_BUSY while inside */
	uint32_t tid;   /* as in *t */
	struct ttrec_thread *t;
	struct ttrec_held *held;
	struct ttrec_line *table;
	const tt_dep_set *deps; /* known dependencies, behind the memos; of tt_no_deps until the first nested acquire */
	uint64_t deps_salt;     /* changes with the thread's segment */
	uint32_t table_lines;   /* bytes of the table - 64: masks the offset of a line */
	uint32_t deps_mask;     /* sets - 1 */
	uint32_t saved_epoch;
	uint8_t refused;    /* no record could be had: pass through (until the epoch changes) */
	uint8_t off;        /* > 0: the thread's events are not recorded (inside real calls that call hooks) */
	uint8_t spare_kept; /* passing facts of this thread are in the table of facts */
	uint8_t log_due;    /* a wait was logged that is to be charged soon */

	/* Another of what waits and rare operations need: a thread that was asleep finds none of these near. */
	uint32_t random;
	uint32_t reborn; /* a lock that tt_lock_get() found used after it was destroyed: its index + 1; see tt_used_destroyed()
	                  */
	uintptr_t busy_sp;        /* frame that went in, to tell a nested event from one that was left by longjmp */
	struct ttrec_lock *found; /* by its address, last */
	uint64_t light_gone;  /* address of what the thread destroyed last, if that is light; 0: memory was given back since */
	uint32_t outer_uid;   /* outermost lock that was held in the last wait */
	uint32_t outer_waits; /* waits in a row with that, up to TT_OUTER_USUAL */
	uint64_t last_attempt[2]; /* keys of dependencies that are known; order.c */
	uint64_t creating;        /* unused slot kept for the next create of this thread; slot + 1 */

	struct tt_stack_last *stack_last; /* stacks.c; NULL: it has captured few */
	uint32_t stacks;                  /* captured until they are remembered */
	uint32_t pressure;                /* on the table since it last grew: counts.c */
	uint32_t deps_misses;
	struct tt_spare_dep spare[TT_SPARE_DEPS];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct tt_self) <= 256, "TLS budget");
_Static_assert(__builtin_offsetof(struct tt_self, random) == 64, "the hot words fill one line");
_Static_assert(__builtin_offsetof(struct tt_self, stack_last) == 128, "and those of waits the next");
extern __thread struct tt_self tt_self __attribute__((tls_model("initial-exec")));

#endif /* TT_PRELOAD_STATE_H */
