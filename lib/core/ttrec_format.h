/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ttrec_format.h - the recording: every structure of a .ttrec file.
 *
 * What it is: the one contract between the shim (writes, inside the target), the reader in lib/rec (any other process, any
 * time) and man/ttrec.5. Headers only; includes nothing but <stdint.h>.
 * What it is not: policy. The shim records facts; ranking, naming and judging are the reader's work.
 *
 * Rules of the format
 *  - Offsets, never pointers. A "ref" is a uint32_t: file offset / 16, 0 = none. Addresses of the target are raw uint64_t.
 *  - Times are CLOCK_MONOTONIC nanoseconds *relative to header.start_mono_ns*, + 1 (so that 0 means "never").
 *  - Chunk and record numbers are never reused; payloads grow only at their end; unknown types are skipped by size.
 *  - A record is valid once its first published word is non-zero; that word is stored last, with release order.
 *    Memory that was claimed but not filled (the writer died) is all zero: readers skip it.
 *  - Counters are written by one thread, or by atomic adds; readers take any value they see.
 */
#ifndef TT_CORE_TTREC_FORMAT_H
#define TT_CORE_TTREC_FORMAT_H

#include <stdint.h>

/*
 * Not part of a recording: in a launcher's folder, the page that all processes of a run share (preload/shim.h, tt_tree). The
 * launcher makes it of zeros, and removes it with the folder.
 */
#define TTREC_TREE_NAME  ".processes"
#define TTREC_TREE_BYTES 4096

#define TTREC_MAGIC       "TTREC\r\n\x1a" /* 8 bytes; the CR LF and ^Z show text-mode damage, as in PNG */
#define TTREC_MAJOR       0 /* 0: before release 1.0, no promise; readers refuse any other major they do not know */
#define TTREC_MINOR       4
#define TTREC_ENDIAN      0x01020304u
#define TTREC_HEADER_SIZE 8192u       /* header page plus command line, options, event directory */
#define TTREC_CHUNK_MAGIC 0x4b435454u /* "TTCK" little endian */
#define TTREC_ALIGN       64u         /* chunks begin at multiples of this */

static inline uint64_t ttrec_ref_offset(uint32_t ref)
{
	return (uint64_t)ref << 4;
}

/* ------------------------------------------------------------------ enumerations (explicit, never reused) */

#define TTREC_ENUM_(name, value, text) TTREC_##name = value,

/* Chunk types: what follows a struct ttrec_chunk. */
#define TTREC_CHUNKS(X)                                                                                           \
	X(CHUNK_FREE, 0, "free")        /* claimed but not published, or given back */                            \
	X(CHUNK_THREAD, 1, "thread")    /* one struct ttrec_thread, then its inline held stack and first table */ \
	X(CHUNK_TABLE, 2, "table")      /* a larger lock x site table: struct ttrec_line[] */                     \
	X(CHUNK_HELD, 3, "held")        /* a larger held stack: struct ttrec_held[] */                            \
	X(CHUNK_LOCK, 4, "lock")        /* struct ttrec_lock[TTREC_SLAB_LOCKS] */                                 \
	X(CHUNK_LSITE, 5, "lsite")      /* struct ttrec_lsite[] */                                                \
	X(CHUNK_WAIT, 6, "wait")        /* struct ttrec_wait[] */                                                 \
	X(CHUNK_STAT, 7, "stat")        /* struct ttrec_stat[] */                                                 \
	X(CHUNK_GROUP, 8, "group")      /* struct ttrec_group[] */                                                \
	X(CHUNK_VAR, 9, "var")          /* variable records, each beginning with a struct ttrec_var */            \
	X(CHUNK_EVENT, 10, "event")     /* one segment of the event ring: struct ttrec_event[] */                 \
	X(CHUNK_LOOP, 11, "loop")       /* struct ttrec_loop[] */                                                 \
	X(CHUNK_LINEAGE, 12, "lineage") /* struct ttrec_lineage[] */
enum ttrec_chunk_type { TTREC_CHUNKS(TTREC_ENUM_) TTREC_CHUNK_MAX };

/* Variable records inside TTREC_CHUNK_VAR. */
#define TTREC_VARS(X)                                         \
	X(VAR_STACK, 1, "stack")    /* struct ttrec_stack */  \
	X(VAR_MODULE, 2, "module")  /* struct ttrec_module */ \
	X(VAR_STRING, 3, "string")  /* struct ttrec_string */ \
	X(VAR_DEP, 4, "dependency") /* struct ttrec_dep */    \
	X(VAR_MISUSE, 5, "misuse")  /* struct ttrec_misuse */
enum ttrec_var_type { TTREC_VARS(TTREC_ENUM_) TTREC_VAR_MAX };

/* What kind of object a struct ttrec_lock describes. */
#define TTREC_KINDS(X)                                                                                            \
	X(KIND_NONE, 0, "none")                                                                                   \
	X(KIND_MUTEX, 1, "mutex")                                                                                 \
	X(KIND_RWLOCK, 2, "rwlock")                                                                               \
	X(KIND_COND, 3, "cond")                                                                                   \
	X(KIND_SEM, 4, "sem")                                                                                     \
	X(KIND_BARRIER, 5, "barrier")                                                                             \
	X(KIND_SPIN, 6, "spin")                                                                                   \
	X(KIND_ONCE, 7, "once")                                                                                   \
	X(KIND_FUTEX, 8, "futex")   /* a futex word reached through syscall(): Rust std, Abseil, C++20 atomics */ \
	X(KIND_THREAD, 9, "thread") /* only in waits: the object is a pthread_t being joined */
enum ttrec_kind { TTREC_KINDS(TTREC_ENUM_) TTREC_KIND_MAX };

/* ttrec_lock.type: attribute of a mutex or rwlock (values of ours, not glibc's). */
#define TTREC_TYPES(X)                                                                   \
	X(TYPE_UNKNOWN, 0, "")                                                           \
	X(TYPE_NORMAL, 1, "normal")                                                      \
	X(TYPE_RECURSIVE, 2, "recursive")                                                \
	X(TYPE_ERRORCHECK, 3, "errorcheck")                                              \
	X(TYPE_ADAPTIVE, 4, "adaptive")                                                  \
	X(TYPE_PREFER_READER, 5, "prefer-reader")                                        \
	X(TYPE_PREFER_WRITER, 6, "prefer-writer") /* glibc: readers may still recurse */ \
	X(TYPE_PREFER_WRITER_NR, 7, "prefer-writer-nonrecursive")
enum ttrec_type { TTREC_TYPES(TTREC_ENUM_) TTREC_TYPE_MAX };

/* ttrec_lock.flags */
enum ttrec_lock_flag {
	TTREC_LOCK_ROBUST = 1u << 0,
	TTREC_LOCK_PI = 1u << 1,
	TTREC_LOCK_PP = 1u << 2,
	TTREC_LOCK_PSHARED = 1u << 3,
	TTREC_LOCK_INIT_SEEN = 1u << 4,     /* born by an init call: birth_site is that call; else the first use */
	TTREC_LOCK_DEAD = 1u << 5,          /* destroyed or its memory freed; revived in place with gen + 1 */
	TTREC_LOCK_DESTROYED = 1u << 6,     /* ... by a destroy call */
	TTREC_LOCK_ON_STACK = 1u << 7,      /* first seen inside the calling thread's stack */
	TTREC_LOCK_SEM_FOREIGN = 1u << 8,   /* sem: posted by a thread that did not hold it: not a lock */
	TTREC_LOCK_SEM_BINARY = 1u << 9,    /* sem: value never above 1 as far as was seen (init value 0 or 1) */
	TTREC_LOCK_SEM_LOCKED = 1u << 10,   /* sem: was taken and given back by the same thread at least once */
	TTREC_LOCK_C11 = 1u << 11,          /* reached through mtx_ and cnd_ calls */
	TTREC_LOCK_HOLD_BLOCKED = 1u << 12, /* some thread blocked elsewhere while holding it (see misuse records) */
	TTREC_LOCK_SIGNALLED = 1u << 13,    /* cond: signal or broadcast was called at least once */
	TTREC_LOCK_SEM_GUESSED = 1u << 13,  /* sem: taken for no lock, as many former lives were none; not seen to be one */
	TTREC_LOCK_WAITED = 1u << 14,       /* cond: somebody waited at least once */
	TTREC_LOCK_HANDED_OVER = 1u << 15,  /* mutex, rwlock: unlocked at least once by a thread that did not hold it */
};

/* The operation, in the top byte of a "site" word (see TTREC_SITE_*). One count is kept for each (lock, operation, site). */
#define TTREC_OPS(X)                                                                                                \
	X(OP_NONE, 0, "none")                                                                                       \
	X(OP_LOCK, 1, "lock")       /* mutex, spin, write side of an rwlock: an exclusive acquire that may block */ \
	X(OP_TRYLOCK, 2, "trylock") /* ... that succeeded without blocking */                                       \
	X(OP_TIMEDLOCK, 3, "timedlock")                                                                             \
	X(OP_RDLOCK, 4, "rdlock")                                                                                   \
	X(OP_TRYRDLOCK, 5, "tryrdlock")                                                                             \
	X(OP_TIMEDRDLOCK, 6, "timedrdlock")                                                                         \
	X(OP_SEM_WAIT, 7, "sem_wait")                                                                               \
	X(OP_SEM_TRYWAIT, 8, "sem_trywait")                                                                         \
	X(OP_SEM_TIMEDWAIT, 9, "sem_timedwait")                                                                     \
	X(OP_SEM_POST, 10, "sem_post")                                                                              \
	X(OP_COND_WAIT, 11, "cond_wait")                                                                            \
	X(OP_COND_TIMEDWAIT, 12, "cond_timedwait")                                                                  \
	X(OP_COND_SIGNAL, 13, "cond_signal")                                                                        \
	X(OP_COND_BROADCAST, 14, "cond_broadcast")                                                                  \
	X(OP_BARRIER_WAIT, 15, "barrier_wait")                                                                      \
	X(OP_ONCE, 16, "once")                                                                                      \
	X(OP_JOIN, 17, "join")                                                                                      \
	X(OP_FUTEX_WAIT, 18, "futex_wait")                                                                          \
	X(OP_FUTEX_WAKE, 19, "futex_wake")                                                                          \
	X(OP_TRY_FAILED, 20, "try_failed") /* a trylock, tryrdlock or sem_trywait that did not get it */            \
	X(OP_TIMED_OUT, 21, "timed_out")   /* a timed operation that ended by its deadline */                       \
	X(OP_LOOP_WAIT, 22, "loop_wait")   /* epoll_wait, poll, select: only in waiting-on and events */            \
	X(OP_OWNER_DIED, 23, "owner_died") /* robust mutex taken over (EOWNERDEAD); also counted as its acquire */  \
	X(OP_SLEEP, 24, "sleep")           /* nanosleep and kin: only in held-blocking facts and waiting-on */      \
	X(OP_IO, 25, "io")                 /* a blocking read, write, accept ...: likewise */                       \
	X(OP_FORK, 26, "fork")                                                                                      \
	X(OP_CREATE, 27, "create")                                                                                  \
	X(OP_CHILD, 28, "child") /* waitpid, system, pclose: like sleep */
enum ttrec_op { TTREC_OPS(TTREC_ENUM_) TTREC_OP_MAX };
_Static_assert(TTREC_OP_MAX <= 32, "5 bits of a site word");

/* What was called, where an operation stands for many functions: in held-blocking facts and waiting-on of SLEEP, IO, CHILD. */
#define TTREC_CALLS(X)                                                              \
	X(CALL_NONE, 0, "")                                                         \
	X(CALL_READ, 1, "read")     /* pread, readv, ... */                         \
	X(CALL_WRITE, 2, "write")   /* likewise */                                  \
	X(CALL_RECV, 3, "recv")     /* recvfrom, recvmsg, recvmmsg */               \
	X(CALL_SEND, 4, "send")     /* likewise */                                  \
	X(CALL_ACCEPT, 5, "accept") /* accept4 */                                   \
	X(CALL_CONNECT, 6, "connect")                                               \
	X(CALL_OPEN, 7, "open")            /* openat, creat */                      \
	X(CALL_FSYNC, 8, "fsync")          /* fdatasync, syncfs, msync */           \
	X(CALL_SENDFILE, 9, "sendfile")    /* splice, copy_file_range */            \
	X(CALL_FLOCK, 10, "flock")         /* lockf, fcntl with F_SETLKW */         \
	X(CALL_QUEUE, 11, "message queue") /* mq_, msgrcv, msgsnd, semop */         \
	X(CALL_RESOLVE, 12, "getaddrinfo") /* getnameinfo */                        \
	X(CALL_SLEEP, 13, "sleep")         /* usleep, nanosleep, clock_nanosleep */ \
	X(CALL_WAIT, 14, "waitpid")        /* wait, wait3, wait4, waitid, pclose */ \
	X(CALL_SYSTEM, 15, "system")
enum ttrec_call { TTREC_CALLS(TTREC_ENUM_) TTREC_CALL_MAX };

/*
 * A site: the return address of the hooked call in the low 56 bits, the operation in the next 5. The 3 bits above are 0 except
 * in a held entry (enum ttrec_held_flag).
 */
#define TTREC_SITE_PC(site)   ((uint64_t)(site)&0x00ffffffffffffffull)
#define TTREC_SITE_WORD(site) ((uint64_t)(site)&0x1fffffffffffffffull) /* without the flags of a held entry */
#define TTREC_SITE_OP(site)   ((unsigned)((uint64_t)(site) >> 56) & 31u)
#define TTREC_SITE(pc, op)    ((uint64_t)(pc) | (uint64_t)(op) << 56)

/* A lock's identity in one word: index of its record, and the low 12 bits of the generation. */
#define TTREC_UID(index, gen) ((uint32_t)(index) | (uint32_t)(gen) << 20)
#define TTREC_UID_INDEX(uid)  ((uint32_t)(uid)&0xfffffu)
#define TTREC_UID_GEN(uid)    ((uint32_t)(uid) >> 20)
#define TTREC_MAX_LOCKS       (1u << 20)

#define TTREC_THREAD_STATES(X)                                                                            \
	X(THREAD_FREE, 0, "free")         /* slot is unused; its table still counts (see ttrec_thread) */ \
	X(THREAD_CREATING, 1, "creating") /* pthread_create was called, the thread did not run yet */     \
	X(THREAD_RUNNING, 2, "running")                                                                   \
	X(THREAD_ENDING, 3, "ending") /* start routine left; destructors of thread data may still run */  \
	X(THREAD_ENDED, 4, "ended")   /* gone, joinable and not joined: its stack stays allocated */
enum ttrec_thread_state { TTREC_THREAD_STATES(TTREC_ENUM_) TTREC_THREAD_STATE_MAX };

enum ttrec_thread_flag {
	TTREC_THREAD_MAIN = 1u << 0,
	TTREC_THREAD_DETACHED = 1u << 1,
	TTREC_THREAD_ADOPTED = 1u << 2, /* registered at its first event: its creation was not seen */
	TTREC_THREAD_C11 = 1u << 3,
	TTREC_THREAD_CANCELLED = 1u << 4, /* pthread_cancel was called on it */
	TTREC_THREAD_JOINING = 1u << 5,   /* somebody is in pthread_join for it */
	TTREC_THREAD_HAS_DEPS = 1u << 6,
	TTREC_THREAD_FORKED = 1u << 7, /* the thread that called fork, in the child */
	TTREC_THREAD_EXIT_HOLDING = 1u << 8,
	TTREC_THREAD_LIMBO = 1u << 9, /* shim: waits to be reaped */
};

#define TTREC_STATES(X)                                                                  \
	X(STATE_NONE, 0, "none")                                                         \
	X(STATE_RUNNING, 1, "running") /* or killed: the reader asks /proc */            \
	X(STATE_EXITED, 2, "exited")   /* exit() or return from main; destructors ran */ \
	X(STATE_FORCED, 3, "forced")   /* _exit(), _Exit(), quick_exit() */              \
	X(STATE_EXEC, 4, "exec")       /* replaced by exec */                            \
	X(STATE_ABORTED, 5, "aborted")
enum ttrec_state { TTREC_STATES(TTREC_ENUM_) TTREC_STATE_MAX };

/* header.exit_code when the process did not say: return from main is not seen. */
#define TTREC_EXIT_UNKNOWN (-1)

/* header.drop[]: what the shim could not record, and why. Every report says the non-zero ones. */
#define TTREC_DROPS(X)                                                                    \
	X(DROP_LOCK, 0, "locks: no space for a lock record")                              \
	X(DROP_LSITE, 1, "lock sites: no space")                                          \
	X(DROP_WAIT, 2, "wait pairs: no space")                                           \
	X(DROP_DEP, 3, "lock-order facts: no space")                                      \
	X(DROP_STACK, 4, "stacks: no space")                                              \
	X(DROP_THREAD, 5, "threads: no space for a thread record")                        \
	X(DROP_EVENT, 6, "events overwritten in the ring")                                \
	X(DROP_NESTED, 7, "events inside a signal handler that interrupted the recorder") \
	X(DROP_HELD, 8, "held locks beyond the held stack's limit")                       \
	X(DROP_COUNT, 9, "acquisitions that no table could take")                         \
	X(DROP_MODULE, 10, "modules: no space")                                           \
	X(DROP_GROUP, 11, "thread groups: no space")                                      \
	X(DROP_PROCESS, 12, "child processes beyond the limit of recordings")             \
	X(DROP_SPACE, 13, "chunk claims for which the recording had no space")            \
	X(DROP_LATE, 14, "events of threads that had no record")                          \
	X(DROP_MISUSE, 15, "misuse facts: no space")                                      \
	X(DROP_STAT, 16, "histograms: no space")
enum ttrec_drop { TTREC_DROPS(TTREC_ENUM_) TTREC_DROP_MAX };
#define TTREC_DROP_SLOTS 32

/* Why a recording takes nothing new: header.full. */
#define TTREC_FULLS(X)                                                                  \
	X(FULL_NOT, 0, "")                                                              \
	X(FULL_DISK, 1, "the file system had no more space for the recording")          \
	X(FULL_SIZE, 2, "the recording has reached its greatest size (raise max-size)") \
	X(FULL_SANDBOX, 3, "the program entered a sandbox (seccomp), where a recording cannot grow without risk")
enum ttrec_full { TTREC_FULLS(TTREC_ENUM_) TTREC_FULL_MAX };

/* ------------------------------------------------------------------ histogram */

/*
 * Two buckets per octave of nanoseconds, after a first bucket for < 64 ns: bucket b >= 1 holds
 * [lo(b), lo(b+1)), lo(b) = 64 * 2^((b-1)/2) for odd b and 1.5 times the octave's start for even b.
 * The last bucket holds everything longer (2^6 * 2^31 = 137 s and more).
 */
#define TTREC_HIST_BUCKETS 64
static inline unsigned ttrec_hist_bucket(uint64_t ns)
{
	if (ns < 64)
		return 0;
	unsigned octave = 63u - (unsigned)__builtin_clzll(ns);
	unsigned b = 1u + (octave - 6u) * 2u + (unsigned)((ns >> (octave - 1u)) & 1u);
	return b < TTREC_HIST_BUCKETS ? b : TTREC_HIST_BUCKETS - 1u;
}
static inline uint64_t ttrec_hist_low(unsigned b)
{
	if (b == 0)
		return 0;
	uint64_t base = UINT64_C(64) << ((b - 1u) / 2u);
	return (b & 1u) ? base : base + base / 2u;
}

/* ------------------------------------------------------------------ header */

/*
 * Written by: the shim's initialiser, before `ready` is set; afterwards only the fields marked (atomic).
 * Read by: anybody. `ready` is stored last, with release order.
 */
struct ttrec_header {
	char magic[8];
	uint16_t major, minor;
	uint32_t endian;      /* TTREC_ENDIAN as the writer stores it */
	uint32_t header_size; /* where the first chunk begins */
	uint32_t word_size;   /* 8 */
	uint32_t ready;       /* 1 once everything below is filled */
	uint32_t pid, ppid;
	uint32_t uid;
	uint64_t file_size;        /* the most that the file can hold: its length */
	uint64_t start_mono_ns;    /* CLOCK_MONOTONIC when the recording began */
	uint64_t start_real_ns;    /* CLOCK_REALTIME at the same moment */
	uint64_t start_boot_ns;    /* CLOCK_BOOTTIME at the same moment */
	uint64_t proc_start_ticks; /* field 22 of /proc/PID/stat: tells a reused pid from this process; 0 unknown */
	uint32_t reserved_seq;
	uint32_t fork_depth; /* 0: recording of an exec image; n: n-th generation child without exec */
	uint64_t pid_ns;     /* inode of /proc/self/ns/pid, 0 unknown */
	char machine[16];    /* "x86_64" */
	char shim_version[32];
	uint8_t exe_build_id[20];
	uint32_t exe_build_id_len;
	/* settings in force */
	uint32_t hold_period;   /* mean acquisitions per timed hold of a new (lock, site), later fewer are; 1 = hold=exact */
	uint32_t stack_depth;   /* frames kept per stack */
	uint64_t event_bytes;   /* size of the event ring */
	uint64_t loop_stall_ns; /* stalls of at least this length leave an event */
	/* (atomic) life */
	uint32_t state; /* enum ttrec_state */
	int32_t exit_code;
	uint64_t end_ns;
	uint32_t full; /* enum ttrec_full; aggregates of known objects go on, new ones are dropped */
	uint32_t reserved0;
	/* (atomic) allocation: everything below `next` was claimed, everything below `backed` has disk or memory behind it */
	uint64_t next, backed;
	/* (atomic) population */
	uint64_t threads_created; /* successful creates seen; excludes the main thread and adopted ones */
	uint64_t threads_ended, threads_joined, threads_detached, threads_adopted;
	uint32_t threads_live, threads_peak;
	uint64_t serials; /* last serial given to a thread */
	uint32_t locks;   /* lock records in use: indices 0 .. locks-1 */
	uint32_t lock_deaths;
	uint64_t event_next;     /* events ever claimed; the ring keeps the newest */
	uint32_t event_segments; /* entries of event_ref[] in use */
	uint32_t events_per_segment;
	uint64_t forks, vforks, execs_failed;
	uint64_t drop[TTREC_DROP_SLOTS]; /* (atomic) enum ttrec_drop */
	uint64_t children_refused;       /* (atomic) forked children that could not make a recording of their own */
	uint64_t reserved1[32];
	/* text, NUL-terminated, truncated with "..." when too long */
	char exe[512];
	char cwd[256];
	char options[512];    /* THREADCHECK_OPTIONS as given */
	uint32_t command_len; /* bytes in command: arguments separated by NUL as in /proc/PID/cmdline */
	uint32_t reserved2;
	char command[2048];
	uint32_t event_ref[512]; /* refs of the event ring's segments, in order */
};
_Static_assert(sizeof(struct ttrec_header) <= TTREC_HEADER_SIZE, "header page");
_Static_assert(__builtin_offsetof(struct ttrec_header, endian) == 12, "fixed prefix");
_Static_assert(__builtin_offsetof(struct ttrec_header, file_size) == 40, "fixed prefix");

/* ------------------------------------------------------------------ chunks */

/* magic is stored last (release). A reader that meets anything else steps TTREC_ALIGN bytes on until it finds the next one. */
struct ttrec_chunk {
	uint32_t magic;
	uint16_t type; /* enum ttrec_chunk_type */
	uint16_t version;
	uint64_t size;  /* with this header; multiple of TTREC_ALIGN */
	uint32_t index; /* LOCK: index of the first lock; EVENT: number of the segment; THREAD: slot */
	uint32_t used;  /* VAR: bytes claimed behind this header (atomic); slabs: records claimed (atomic), may exceed the
	                   capacity */
	uint64_t check; /* ~size: guards against a flipped bit that would lose everything behind */
};
_Static_assert(sizeof(struct ttrec_chunk) == 32, "chunk header");

#define TTREC_SLAB_LOCKS    64u /* records per TTREC_CHUNK_LOCK */
#define TTREC_SLAB_LSITES   128u
#define TTREC_SLAB_WAITS    64u
#define TTREC_SLAB_STATS    8u
#define TTREC_SLAB_GROUPS   32u
#define TTREC_SLAB_LOOPS    8u
#define TTREC_SLAB_LINEAGES 64u
#define TTREC_VAR_BYTES     32768u /* payload of a TTREC_CHUNK_VAR */
#define TTREC_EVENT_SEGMENT 65536u

/* ------------------------------------------------------------------ events */

#define TTREC_EVENTS(X)                                                                                          \
	X(EVENT_WAIT, 1, "wait")     /* a contended wait ended: a = holder serial, dur, site, b = holder site */ \
	X(EVENT_CREATE, 2, "create") /* a = serial of the new thread, b = start routine */                       \
	X(EVENT_START, 3, "start")                                                                               \
	X(EVENT_END, 4, "end")                                                                                   \
	X(EVENT_JOIN, 5, "join")     /* a = serial joined, dur = time waited */                                  \
	X(EVENT_DETACH, 6, "detach") /* a = serial */                                                            \
	X(EVENT_STALL, 7, "stall")   /* dur = time away from the event loop */                                   \
	X(EVENT_MISUSE, 8, "misuse") /* a = enum ttrec_misuse_type */                                            \
	X(EVENT_FORK, 9, "fork")     /* a = pid of the child */                                                  \
	X(EVENT_HOLD, 10, "hold")    /* a timed hold of at least 1 ms ended */
enum ttrec_event_type { TTREC_EVENTS(TTREC_ENUM_) TTREC_EVENT_MAX };
struct ttrec_event {
	uint64_t seq; /* number + 1, stored last (release); the slot of number n is n modulo the ring's capacity */
	uint64_t end_ns;
	uint64_t dur_ns;
	uint64_t thread; /* serial */
	uint64_t site;
	uint64_t a, b;
	uint32_t uid;
	uint16_t type; /* enum ttrec_event_type */
	uint16_t op;
};
_Static_assert(sizeof(struct ttrec_event) == 64, "event");

/* ------------------------------------------------------------------ thread */

/*
 * One held lock. Written by its thread only, except TTREC_HELD_WANT which a waiter sets (atomic or). The depth is raised
 * before a new top entry is filled, so that a signal handler's own entries go above it: for some nanoseconds a reader
 * finds what stood there before.
 */
struct ttrec_held {
	uint64_t lock;     /* address */
	uint64_t site;     /* acquire site and operation, and in the top 3 bits enum ttrec_held_flag */
	uint64_t since_ns; /* time of acquire; only with TTREC_HELD_TIMED */
	uint64_t hash;     /* of this and all entries below: key of the dependency cache */
};
_Static_assert(sizeof(struct ttrec_held) == 32, "held");
enum ttrec_held_flag {
	TTREC_HELD_TIMED = 1,  /* time of acquire is known */
	TTREC_HELD_WAITED = 2, /* got after a wait: at the release, what the thread has logged may be charged */
	TTREC_HELD_WANT = 4,   /* a waiter asks for the stack of the release */
};
#define TTREC_HELD_FLAGS(site) ((unsigned)((uint64_t)(site) >> 61))
#define TTREC_HELD_FLAG(flag)  ((uint64_t)(flag) << 61)

/* A cache line of a thread's table: what was counted of one lock at up to three sites. */
struct ttrec_count {
	uint64_t site;      /* operation and site; 0: empty */
	uint32_t n;         /* operations counted here since the entry was made */
	uint16_t next, gap; /* shim: low 16 bits of the n after which the next hold is timed; acquisitions that it stands for */
};
#define TTREC_LINE_COUNTS 3u
struct ttrec_line {
	uint64_t lock;  /* address; 0: empty */
	uint32_t uid;   /* TTREC_UID of the lock */
	uint32_t nests; /* shim: not 0: other locks are taken within holds of it */
	struct ttrec_count count[TTREC_LINE_COUNTS];
};
_Static_assert(sizeof(struct ttrec_line) == 64, "line");

/* Classes of waits, totals kept per thread: index of ttrec_thread.waits. */
#define TTREC_WAITS(X)                                                                                                    \
	X(WAIT_LOCK, 0, "lock") /* mutex, spin, write side; also a semaphore used as a lock when it is known to be one */ \
	X(WAIT_RDLOCK, 1, "rdlock")                                                                                       \
	X(WAIT_COND, 2, "cond")                                                                                           \
	X(WAIT_SEM, 3, "sem")                                                                                             \
	X(WAIT_BARRIER, 4, "barrier")                                                                                     \
	X(WAIT_JOIN, 5, "join")                                                                                           \
	X(WAIT_ONCE, 6, "once")                                                                                           \
	X(WAIT_FUTEX, 7, "futex")                                                                                         \
	X(WAIT_LOOP, 8, "loop") /* inside epoll_wait, poll, select */
enum ttrec_wait_class { TTREC_WAITS(TTREC_ENUM_) TTREC_WAIT_MAX };
#define TTREC_WAIT_SLOTS 12

struct ttrec_total {
	uint64_t count, ns;
};

/*
 * What the thread waits for now. Written by the thread: seq odd, fields, seq even (release), op != 0 while it waits, else the
 * other fields are those of its last wait.
 * Read by anybody: take seq, fields, seq again; differing or odd means look again.
 */
struct ttrec_waiting {
	uint32_t seq;
	uint8_t op;      /* enum ttrec_op; 0 = not waiting */
	uint8_t kind;    /* enum ttrec_kind */
	uint16_t flags;  /* enum ttrec_waiting_flag */
	uint64_t object; /* address of the lock, cond, sem ...; pthread_t for a join; sleep, io, child: enum ttrec_call */
	uint64_t site;   /* return address, without operation */
	uint64_t since_ns;
	uint64_t other; /* cond: the mutex; join: serial of the thread awaited; lock: holder's serial when known */
	uint32_t stack; /* ref of a ttrec_stack; 0 when it was not captured this time */
	uint32_t uid;   /* TTREC_UID of the object */
};
_Static_assert(sizeof(struct ttrec_waiting) == 48, "waiting");
enum ttrec_waiting_flag {
	TTREC_WAITING_TIMED = 1,    /* a join with a deadline, which its operation does not tell */
	TTREC_WAITING_BORROWED = 2, /* `stack` is that of an earlier wait at this site */
};

/* An evicted count on its way into a ttrec_lsite: see preload/README.md, "Eviction". word: seq << 2 | phase (0 idle, 1, 2). */
struct ttrec_journal {
	uint64_t word;
	uint64_t n;
	uint32_t lsite; /* ref */
	uint32_t entry; /* that is being given up: its line's index in the thread's table * 4 + its own in that */
};

/*
 * Waits of a thread that are over and not charged to their pair, their lock and the ring of events yet: that is done for many
 * at a time, and not within a critical section. Wait number n is logged[n % TTREC_LOGGED_MAX], for logged_first <= n <
 * logged_next. They are the events that they will be, but for `seq`, which holds the refs of the pair and of the waiter's stack
 * (0 none), and whether a deadline ended it.
 */
#define TTREC_LOGGED_MAX                     16u
#define TTREC_LOGGED(pair, stack, timed_out) ((uint64_t)(timed_out) << 63 | (uint64_t)(stack) << 32 | (pair))
#define TTREC_LOGGED_PAIR(seq)               ((uint32_t)(seq))
#define TTREC_LOGGED_STACK(seq)              ((uint32_t)((seq) >> 32) & 0x7fffffffu)
#define TTREC_LOGGED_TIMED_OUT(seq)          ((seq) >> 63 != 0)

/* Shim: where the thread's last waits of some (lock, waiter, holder) are counted. Records stay, so it never goes stale. */
struct ttrec_hint {
	uint64_t waiter_site, holder_site;
	uint32_t lock;
	uint32_t pair;  /* ref of the ttrec_wait; 0: none */
	uint32_t stack; /* ref: of some such wait, 0 not known yet */
	uint32_t n;     /* waits of the pair, as far as this thread knows */
};
#define TTREC_HINTS        8u
#define TTREC_LOCKS_NEAR   32u
#define TTREC_HELD_INLINE  16u
#define TTREC_TABLE_INLINE 32u
#define TTREC_NAME_MAX     16
/*
 * Behind the chunk header. Written by the thread itself once it runs; by its creator before that; by its joiner after that
 * (the join orders them). The slot is used again after the thread was joined, or was detached and is gone. The table stays with
 * the slot and goes on counting for the next thread, so that nothing has to be moved when a thread ends: counts of a
 * table belong to the process; the thread's own number of operations is sum(table) + evicted - base.
 */
struct ttrec_thread {
	struct ttrec_chunk chunk;
	uint32_t slot;
	uint32_t state;  /* enum ttrec_thread_state (atomic) */
	uint64_t serial; /* 1 = the first thread recorded; never reused */
	uint32_t tid;
	uint32_t flags;   /* enum ttrec_thread_flag (atomic or) */
	uint64_t pthread; /* pthread_t */
	uint64_t start_routine;
	uint64_t create_site;
	uint32_t create_stack, group; /* refs */
	uint64_t creator;             /* serial, 0 unknown */
	uint32_t creator_segment, segment;
	uint64_t created_ns, started_ns, ended_ns;
	uint64_t joined_ns;
	uint64_t joiner; /* serial of the thread that joins or joined it */
	uint32_t joiner_segment, end_segment;
	uint64_t cpu_ns;                /* CPU time at its end, or when the process ended orderly; else 0 */
	uint64_t stack_low, stack_high; /* known bounds of its stack, 0 unknown */
	char name[TTREC_NAME_MAX];
	struct ttrec_waiting waiting;
	struct ttrec_total waits[TTREC_WAIT_SLOTS];
	/* lock x site table */
	uint32_t table_ref, table_mask; /* ref of the first ttrec_line (0: inline below); number of lines - 1 */
	uint64_t base, evicted;
	struct ttrec_journal journal;
	uint64_t contended;                 /* acquisitions that had to wait */
	uint64_t loop_return_ns;            /* when the last loop wait returned; 0 while inside one or never */
	uint32_t loop;                      /* ref of its ttrec_loop */
	uint32_t table_epoch;               /* shim: deaths of locks that the table has seen */
	uint32_t logged_first, logged_next; /* next: stored last; first: advanced before that wait is charged */
	/* Held stack, at held_ref (0: inline below). One cache line with the first of it: every release looks here. */
	uint32_t held_depth, held_cap;
	uint32_t held_ref, held_seq; /* held_seq odd: the stack is being rearranged */
	struct ttrec_held held[TTREC_HELD_INLINE];
	struct ttrec_hint hints[TTREC_HINTS] __attribute__((aligned(64)));
	uint32_t locks_near[TTREC_LOCKS_NEAR]; /* shim: index + 1 of locks that were looked for by their addresses */
	struct ttrec_event logged[TTREC_LOGGED_MAX];
	struct ttrec_line table[TTREC_TABLE_INLINE];
};
_Static_assert(__builtin_offsetof(struct ttrec_thread, held_depth) % 64 == 0, "held line");
_Static_assert(sizeof(struct ttrec_thread) % TTREC_ALIGN == 0, "thread chunk");
_Static_assert(__builtin_offsetof(struct ttrec_thread, table) % 64 == 0, "table line");

/* ------------------------------------------------------------------ locks */

/*
 * Operations of one site that were counted in the lock's own record, as those of locks of many short lives are: they belong to
 * the ttrec_lsite of the lock and that site. The tag is set once, n only grows.
 */
struct ttrec_tally {
	uint32_t tag; /* ttrec_tally_tag() of the site; 0: not used */
	uint32_t n;   /* (atomic add) */
};
#define TTREC_TALLIES 4u

/*
 * One synchronisation object: (address, birth site). Its counts run over all generations that had the same birth site;
 * for lock order, each generation is another lock (uid). Published by `kind`, last.
 */
struct ttrec_lock {
	/* Chunks hold these from half a cache line on: the next 64 bytes are a line, with all that is done to it as a rule. */
	uint64_t birth_site; /* site word: init call, or first use */
	uint64_t death_site; /* destroy call or free, of the last death */
	uint64_t other;      /* cond: mutex of the last wait; barrier: parties; sem: initial value */
	uint32_t chain;      /* shim: next lock of the same hash bucket, index + 1 */
	uint32_t name;       /* ref of a ttrec_string, 0 none */

	uint8_t kind;   /* enum ttrec_kind; 0: not published */
	uint8_t type;   /* enum ttrec_type */
	uint16_t flags; /* enum ttrec_lock_flag (atomic or) */
	uint32_t index;
	uint64_t address;
	uint64_t sharers; /* shim: bit (slot & 63) of every thread that has entries for it (atomic or) */
	uint32_t gen;     /* (atomic) */
	uint32_t owner;   /* shim: sem: slot + 1 of who took it without an entry of its own in a table, 0 none */
	struct ttrec_tally tally[TTREC_TALLIES]; /* of a site: ttrec_tally_slot() */

	uint32_t stat_wait, stat_hold; /* refs of ttrec_stat, 0 until needed (atomic) */
	union {
		uint32_t stat_rdwait; /* rwlock: likewise */
		uint32_t signals;     /* shim: sem: former lives in a row that were no locks */
	};
	uint32_t birth_stack; /* ref */
	uint64_t birth_ns;
	uint64_t birth_thread; /* serial */
};
_Static_assert(sizeof(struct ttrec_lock) == 128 && __builtin_offsetof(struct ttrec_lock, kind) == 32, "lock record");

static inline uint32_t ttrec_tally_tag(uint64_t site)
{
	return (uint32_t)(site * UINT64_C(0x9e3779b97f4a7c15) >> 32) | 1u;
}
/* The four operations of semaphores have a place each. */
static inline unsigned ttrec_tally_slot(uint8_t kind, uint64_t site)
{
	return (unsigned)(kind == TTREC_KIND_SEM ? TTREC_SITE_OP(site) >> 1 : site >> 2) % TTREC_TALLIES;
}

/* A wait or hold histogram. count is written last of an update. All fields atomic adds, max by compare and swap. */
struct ttrec_stat {
	uint64_t count, total_ns, max_ns;
	uint64_t max_at_ns;
	uint32_t lock; /* index + 1; 0: not published */
	uint32_t mode; /* 0 wait (exclusive), 1 wait (shared), 2 hold */
	uint64_t hist[TTREC_HIST_BUCKETS];
	uint64_t reserved;
};
_Static_assert(sizeof(struct ttrec_stat) == 560, "stat");

/*
 * Totals of one (lock, operation, site): what tables gave up, and timed holds.
 * count: acquisitions << 20 | tag of the last writer (slot + 1, 12 bits; seq, 8 bits): see "Eviction" in preload/README.md.
 */
struct ttrec_lsite {
	uint64_t site;  /* 0: not published */
	uint32_t lock;  /* index */
	uint32_t chain; /* shim */
	uint64_t count;
	uint64_t hold_samples;  /* holds that were timed */
	uint64_t hold_weight;   /* acquisitions that the timed holds stand for */
	uint64_t hold_ns;       /* sum over timed holds of hold x weight: estimate of the whole */
	uint64_t hold_timed_ns; /* sum of the timed holds as measured */
	uint64_t hold_max_ns;
	uint32_t release_stack; /* ref: where a holder that others waited for let go */
	uint32_t first_stack;   /* ref: stack of one use */
	uint64_t reserved;
};
_Static_assert(sizeof(struct ttrec_lsite) == 80, "lsite");

/* Waits of one (lock, waiter site, holder site). Atomic adds. */
struct ttrec_wait {
	uint64_t waiter_site;  /* with operation; 0: not published */
	uint64_t holder_site;  /* with operation; 0 = holder not known (or none: condition, semaphore, barrier, join) */
	uint32_t lock;         /* index; for joins TTREC_NO_LOCK */
	uint32_t chain;        /* shim */
	uint32_t waiter_stack; /* ref, of the longest wait whose stack was captured */
	uint32_t reserved;
	uint64_t count, total_ns, max_ns;
	uint64_t max_at_ns;              /* when the longest wait ended */
	uint64_t max_waiter, max_holder; /* serials of the longest wait */
	uint64_t timeouts;               /* ended by a deadline */
	uint64_t reserved1;
};
_Static_assert(sizeof(struct ttrec_wait) == 96, "wait");
#define TTREC_NO_LOCK 0xffffffffu

/* ------------------------------------------------------------------ thread groups, lineage, loops */

/* Threads of one (start routine, creation site): counts that stay when slots are used again. Atomic adds. */
struct ttrec_group {
	uint64_t start_routine; /* 0: not published */
	uint64_t create_site;
	uint32_t create_stack, chain;
	uint64_t created, failed, started, ended, joined, detached;
	uint64_t live, peak;
	uint64_t life_ns, cpu_ns;                   /* sums over ended threads */
	uint64_t first_ns, last_ns;                 /* first and latest creation */
	struct ttrec_total waits[TTREC_WAIT_SLOTS]; /* sums over ended threads */
	uint64_t operations;                        /* likewise */
	char name[TTREC_NAME_MAX];                  /* of the latest ended thread */
};

/* What the lock-order analysis needs of a thread whose slot was used again and that left dependencies. */
struct ttrec_lineage {
	uint64_t serial; /* 0: not published */
	uint64_t creator, joiner;
	uint32_t creator_segment, joiner_segment, end_segment, group;
	char name[TTREC_NAME_MAX];
	uint64_t start_routine;
};

/* Event loop of one thread: times between the return of a loop wait and the next call. Single writer. */
struct ttrec_loop {
	uint64_t site;   /* of the latest loop wait; 0: not published */
	uint64_t thread; /* serial */
	uint64_t calls, busy_ns, wait_ns;
	uint64_t max_ns, max_at_ns; /* longest time away, and when it ended */
	uint64_t stalls;            /* times away of at least header.loop_stall_ns */
	uint64_t hist[TTREC_HIST_BUCKETS];
	uint64_t may_wait; /* calls whose timeout was not 0 */
	uint64_t single;   /* calls of poll with one descriptor, or none */
};

/* ------------------------------------------------------------------ variable records */

struct ttrec_var {
	uint16_t type; /* enum ttrec_var_type; 0: not published (stored last, with size, as one word) */
	uint16_t reserved;
	uint32_t size; /* with this header; multiple of 16 */
};

struct ttrec_stack {
	struct ttrec_var var;
	uint32_t chain; /* shim */
	uint16_t count;
	uint16_t flags; /* enum ttrec_stack_flag */
	uint64_t hash;
	uint64_t pc[]; /* innermost first; return addresses (subtract 1 to look up), never the shim's own frames */
};
enum ttrec_stack_flag {
	TTREC_STACK_COMPLETE = 1,  /* reached the thread's start */
	TTREC_STACK_TRUNCATED = 2, /* depth limit */
	TTREC_STACK_GUESSED = 4,   /* some frame came from a frame pointer, not from unwind tables */
};

struct ttrec_module {
	struct ttrec_var var;
	uint64_t start, end; /* mapped range */
	uint64_t bias;       /* load address: l_addr */
	uint64_t seen_ns, gone_ns;
	uint32_t build_id_len;
	uint32_t path_len;
	uint8_t build_id[32];
	char path[]; /* path_len bytes and a NUL */
};

struct ttrec_string {
	struct ttrec_var var;
	uint32_t length;
	uint32_t reserved;
	char text[];
};

/*
 * A lock-order fact: some thread asked for `wanted` while it held `held`. Recorded at the attempt, before it blocks.
 * One record for each distinct (held set with modes, wanted, operation and site); the first threads that did it are named.
 */
#define TTREC_DEP_THREADS 4
struct ttrec_dep_held {
	uint64_t site;
	uint32_t uid;
	uint32_t reserved;
};
struct ttrec_dep {
	struct ttrec_var var;
	uint32_t chain;
	uint32_t wanted; /* uid */
	uint64_t hash;
	uint64_t site; /* with operation: tells mode and try/timed */
	uint32_t stack;
	uint16_t held_count;
	uint16_t thread_count; /* entries of threads[] in use, atomic */
	uint64_t seen; /* threads that recorded it (not how often it happened); those beyond the named ones may count twice */
	uint64_t first_ns;
	struct {
		uint64_t serial;
		uint32_t segment;      /* in which it did it first */
		uint32_t last_segment; /* in which it did it last */
	} threads[TTREC_DEP_THREADS];
	/* Segments between the first and the last: bit k is segment + 1 + k; bit 15 is one or more from segment + 16 on. */
	uint16_t between[TTREC_DEP_THREADS];
	struct ttrec_dep_held held[]; /* outermost first */
};

/* Facts about the API's rules; each distinct (what, object, site) once, with a count. */
#define TTREC_MISUSES(X)                                                                                                  \
	X(MISUSE_UNLOCK_NOT_OWNER, 1, "unlock-not-owner") /* unlocked by a thread that does not hold it */                \
	X(MISUSE_UNLOCK_UNLOCKED, 2, "unlock-unlocked")                                                                   \
	X(MISUSE_DESTROY_LOCKED, 3, "destroy-locked")                                                                     \
	X(MISUSE_USE_AFTER_DESTROY, 4, "use-after-destroy")                                                               \
	X(MISUSE_EXIT_HOLDING, 5, "exit-holding-lock")                                                                    \
	X(MISUSE_DOUBLE_JOIN, 6, "double-join")                                                                           \
	X(MISUSE_JOIN_SELF, 7, "join-self")                                                                               \
	X(MISUSE_JOIN_DETACHED, 8, "join-detached")                                                                       \
	X(MISUSE_WAIT_WITHOUT_LOCK, 9, "wait-without-lock")                                                               \
	X(MISUSE_WAIT_MIXED, 10, "wait-mixed-mutexes")                                                                    \
	X(MISUSE_RECURSIVE_READ, 11, "recursive-read-lock")                                                               \
	X(MISUSE_RELOCK, 12, "relock")               /* locks again what it holds, not recursive */                       \
	X(MISUSE_HELD_BLOCKING, 13, "held-blocking") /* blocked while holding; op = how; other: cond: mutex, else call */ \
	X(MISUSE_ERROR, 14, "error-returned")        /* a lock call failed; other = errno */                              \
	X(MISUSE_FREED_LOCKED, 15, "freed-locked")   /* memory of a held lock was freed */                                \
	X(MISUSE_REINIT_LOCKED, 16, "reinit-locked")                                                                      \
	X(MISUSE_DESTROY_WAITED, 17, "destroy-waited") /* destroyed while threads wait on it */
enum ttrec_misuse_type { TTREC_MISUSES(TTREC_ENUM_) TTREC_MISUSE_MAX };
struct ttrec_misuse {
	struct ttrec_var var;
	uint32_t chain;
	uint16_t what; /* enum ttrec_misuse_type */
	uint16_t op;
	uint32_t uid; /* lock, or 0xffffffff */
	uint32_t stack;
	uint64_t site;
	uint64_t thread;     /* serial of the first */
	uint64_t other;      /* by type: errno, serial of the owner, second mutex, enum ttrec_call */
	uint64_t other_site; /* acquire site of the lock held, destroy site ... */
	uint64_t first_ns, count, total_ns, max_ns;
};

#endif /* TT_CORE_TTREC_FORMAT_H */
