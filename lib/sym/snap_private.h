/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snap_private.h - what the files behind snapshot.h and unwind.h share. Not for anyone outside this directory.
 *
 *   snapshot.c     taking a snapshot: which threads, in which way                (tt_snap)
 *   snap_maps.c    the memory map, and the ELF files in it                       (snap_maps, snap_module)
 *   snap_memory.c  reading memory: live, copied stacks, pages of code and tables
 *   snap_quiet.c   one blocked thread, without a stop
 *   snap_stop.c    stops by ptrace
 *   snap_together.c  all threads at one moment
 *   snap_words.c   permissions and reasons, in words
 *   core.c         core files as a source of the same
 */
#ifndef TT_SYM_SNAP_PRIVATE_H
#define TT_SYM_SNAP_PRIVATE_H

#include "lib/sym/internal.h"
#include "lib/sym/snapshot.h"

#define SNAP_PAGE          4096u
#define SNAP_RED_ZONE      128u /* below the stack pointer, still in use */
#define SNAP_STACK_MAX     ((size_t)1 << 20)
#define SNAP_FOREIGN_MAX   ((size_t)64 << 10)  /* of a stack that may lie amid other memory (a coroutine's) */
#define SNAP_STACKS_BUDGET ((size_t)512 << 20) /* of all copies together */
#define SNAP_DEADLINE_NS   100000000u
#define SNAP_MAPS_MAX      ((size_t)256 << 20) /* text of a memory map */
#define SNAP_THREADS_MAX   ((size_t)1 << 22)

/* ------------------------------------------------------------------ snap_maps.c */

struct snap_module {
	uint64_t start, end; /* of all its mappings */
	uint64_t bias;       /* address in the process - address in the file */
	uint64_t tables;     /* where its .eh_frame_hdr lies in the process; 0: none */
	uint64_t tables_size;
	uint64_t entry; /* where the program begins; 0: it is a library */
	const char *path;
	uint8_t build_id[SYM_BUILD_ID_MAX];
	size_t build_id_len;
};

struct snap_maps {
	char *text;                         /* paths point into it */
	TT_VEC(struct tt_snap_map) list;    /* by start */
	TT_VEC(struct snap_module) modules; /* by start */
	size_t hint;                        /* the mapping that was found last */
	unsigned generation;                /* grows when the maps are read again */
};

/* Parses the text of /proc/PID/maps, which it takes over (also on failure). 0 or -ENOMEM. */
int snap_maps_parse(struct snap_maps *maps, char *text);
void snap_maps_deinit(struct snap_maps *maps);
struct tt_snap_map *snap_maps_find(struct snap_maps *maps, uint64_t address);

/* Reads (again) the map of a live process, and finds its modules. 0 or -errno. */
int snap_maps_read(struct tt_snap *snap);

/* Finds the ELF files among the mappings, by their headers in memory. 0 or -ENOMEM. */
int snap_modules_find(struct tt_snap *snap);
const struct snap_module *snap_module_at(struct tt_snap *snap, uint64_t address);

/* ------------------------------------------------------------------ the snapshot */

/* A copied piece of a thread's memory. */
struct snap_piece {
	uint64_t start, end;
	unsigned char *bytes;
};

struct snap_thread_private {
	struct snap_piece stack;
	TT_VEC(struct snap_piece) late; /* pages that were read after the capture */
	bool late_read;                 /* something was, since it was last cleared */
};

struct snap_core;
struct tt_unwinder;

struct tt_snap {
	pid_t pid;
	pid_t via;   /* a thread that lives: the leader's own files are empty once it has ended */
	int task_fd; /* /proc/PID/task; -1: a core */
	int mem_fd;  /* /proc/VIA/mem, when process_vm_readv is refused; -1: not open */
	bool use_mem;
	struct tt_snap_options options;
	struct snap_maps maps;
	TT_VEC(struct tt_snap_thread *) threads; /* by tid */
	struct tt_hmap by_tid;
	struct tt_snap_pause pause;
	struct tt_hmap pages; /* page number -> its bytes, of memory that nobody writes to */
	size_t copied;        /* bytes of all stacks */
	struct {
		unsigned char *bytes; /* NULL: closed */
		size_t used;
	} room;                 /* see snap_room_open() */
	struct snap_core *core; /* NULL: live */
	/* For unwind_prefetch; NULL until threads are to be stopped. */
	struct tt_sym *sym;
	struct tt_unwinder *unwinder;
};

static inline bool snap_is_live(const struct tt_snap *snap)
{
	return snap->core == NULL;
}

uint64_t snap_now_ns(void);

/* An empty snapshot. NULL: out of memory. */
struct tt_snap *snap_create(pid_t pid);

/* ------------------------------------------------------------------ snap_memory.c */

/* Reads live memory or the core, uncached. */
size_t snap_memory_read(struct tt_snap *snap, uint64_t address, void *bytes, size_t len);

/*
 * One word as thread (NULL: none) would have seen it at its capture: from its stack's copy, from a cached page of constant
 * memory, else from live memory, which sets late_read. False: there is none.
 */
bool snap_memory_word(struct tt_snap *snap, struct tt_snap_thread *thread, uint64_t address, uint64_t *ret);

/* Bytes of code or other constant memory, through the cache. False: not all are there. */
bool snap_memory_constant(struct tt_snap *snap, uint64_t address, void *bytes, size_t len);

/* Whether the stack in that map is where the thread began: it holds its thread block, or is the process's own stack. */
bool snap_memory_own_stack(const struct tt_snap_thread *thread, const struct tt_snap_map *map);

struct snap_copy {
	struct tt_snap_thread *thread; /* NULL: skip it */
	int rc;                        /* 0, -EFAULT: no memory there, -ENOMEM, -ESRCH: skipped */
};

/* Copies the stacks above the threads' stack pointers, with as few system calls as possible. */
void snap_memory_copy_stacks(struct tt_snap *snap, struct snap_copy *copies, size_t count);

/* The same for one. Returns its rc. */
int snap_memory_copy_stack(struct tt_snap *snap, struct tt_snap_thread *thread);

/*
 * While the room is open, copies are put there: memory that has its pages already, for to be given them takes longer than the
 * copy, and threads stand meanwhile. To be closed when they run again, which moves the copies to memory of their own.
 */
void snap_room_open(struct tt_snap *snap);
void snap_room_close(struct tt_snap *snap);
void snap_memory_forget_late(struct tt_snap_thread *thread);
void snap_memory_forget_pages(struct tt_snap *snap);

/* ------------------------------------------------------------------ snap_quiet.c */

/* Reads threads that block. Each one's fail tells whether it is captured (TT_SNAP_OK), or why not. */
void snap_quiet_read_all(struct tt_snap *snap, struct tt_snap_thread *const *threads, size_t count);

/* The same for one. True: it is captured. */
bool snap_quiet_read(struct tt_snap *snap, struct tt_snap_thread *thread);

/* What tells whether a captured thread has run since: a file of its, kept open, that counts its turns on a processor. */
struct snap_watch {
	struct tt_snap_thread *thread;
	int fd;      /* -1: opened when it is read */
	bool status; /* it is `status`, not `schedstat` */
};
void snap_watch_open(const struct tt_snap *snap, struct snap_watch *watch, struct tt_snap_thread *thread);
void snap_watch_close(struct snap_watch *watch);

/* True: it provably has not. */
bool snap_watch_still(const struct tt_snap *snap, const struct snap_watch *watch);

/* ------------------------------------------------------------------ snap_stop.c */

struct user_regs_struct;

/* All registers, and what they tell of the system call that the thread is in. */
void snap_set_registers(struct tt_snap_thread *thread, const struct user_regs_struct *registers);

/* Stops each of the threads, captures it, lets it go. Threads that cannot be stopped keep what they have, and get a fail. */
void snap_stop_each(struct tt_snap *snap, struct tt_snap_thread **threads, size_t count);

/* One thread on its way into a stop and out of it. What fails on the way is in the thread's fail. */
struct snap_stop {
	struct tt_snap_thread *thread;
	pid_t tid;
	bool seized, stopped;
	int signal;        /* to be passed on at the end */
	uint64_t since_ns; /* the last moment at which it had not stopped */
};

/* Calls trace(arg) in a thread that may trace others, and waits for it. What it leaves behind is let go. 0 or -errno. */
int snap_stop_trace(void *(*trace)(void *), void *arg);

/* For a tracer: to run before all ordinary threads from now on. False: not allowed. */
bool snap_stop_go_first(void);

/* Begins to trace it, which it does not notice; asks it to stop. seized tells afterwards whether that was possible. */
void snap_stop_seize(struct snap_stop *stop);
void snap_stop_ask(struct snap_stop *stop);

/* Looks whether it has stopped. False: not yet; when it has ended, seized is false afterwards. */
bool snap_stop_poll(struct snap_stop *stop);

/* Time for `left` threads to come to their stop. A tracer that goes first must sleep: they may need its processor. */
void snap_stop_pause(bool first, uint64_t waited_ns, size_t left);

/* Reads a stopped thread's registers; takes note of what came of the copy of its stack. */
bool snap_stop_registers(struct snap_stop *stop);
void snap_stop_copied(struct tt_snap *snap, struct snap_stop *stop, enum tt_snap_how how, int rc);

/* Lets it go, if it stands. */
void snap_stop_end(struct tt_snap *snap, struct snap_stop *stop);

/* How long a stop is waited for. */
uint64_t snap_stop_deadline(const struct tt_snap *snap);

/* ------------------------------------------------------------------ snap_together.c */

/*
 * Makes one moment of a snapshot whose threads were read without stops, as far as they block: stops all others, also those
 * that come meanwhile (they are added), and captures them. 0 or -errno.
 */
int snap_together(struct tt_snap *snap);

/* ------------------------------------------------------------------ core.c */

/* Memory of a core, or of the files that belong to it. Returns how much is there. */
size_t snap_core_read(struct tt_snap *snap, uint64_t address, void *bytes, size_t len);
void snap_core_close(struct snap_core *core);

/* ------------------------------------------------------------------ unwind.c */

/* To be called before threads are stopped: makes what unwind_prefetch() needs, which takes milliseconds. */
void unwind_prepare(struct tt_snap *snap);

/*
 * For a stopped thread that is not on its own stack (a signal's alternate stack, a coroutine): walks it, so that what its
 * frames need of other stacks is copied, too, before it goes on.
 */
void unwind_prefetch(struct tt_snap *snap, struct tt_snap_thread *thread);

/* ------------------------------------------------------------------ snapshot.c */

void snap_sort_threads(struct tt_snap *snap);

/* The thread of that tid, added if it is new. NULL: out of memory. */
struct tt_snap_thread *snap_thread_add(struct tt_snap *snap, pid_t tid);

/* Lists the live threads. 0 or -errno. The list is the caller's. */
typedef TT_VEC(pid_t) snap_tids;
int snap_list_tids(const struct tt_snap *snap, snap_tids *ret);

/* Whether the process has `count` threads. One of them may have ended and another one come, which this does not tell. */
bool snap_list_is(const struct tt_snap *snap, size_t count);

#endif
