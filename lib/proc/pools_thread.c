/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pools_thread.c - one look at one thread: its sums, and what it waits for (pools.h). */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/proc/pools_private.h"
#include "lib/proc/tasktext.h"
#include "lib/util/parse.h"

#define STATES_READ 256 /* threads whose states are read at each look */

bool tt_pools_parse_schedstat(const char *text, uint64_t *run_ns, uint64_t *delay_ns, uint64_t *slices)
{
	uint64_t *const out[] = {run_ns, delay_ns, slices};
	for (size_t i = 0; i < 3; i++) {
		size_t len = strspn(text, "0123456789");
		char number[24];
		if (len == 0 || len >= sizeof(number))
			return false;
		memcpy(number, text, len);
		number[len] = '\0';
		if (tt_parse_u64(number, 0, UINT64_MAX, out[i], NULL) < 0)
			return false;
		text += len;
		text += *text == ' ';
	}
	return true;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ------------------------------------------------------------------ files of a thread */

static int open_file(const struct tt_pools *p, uint32_t process, pid_t tid, const char *name)
{
	char path[48];
	snprintf(path, sizeof(path), "%d/%s", (int)tid, name);
	return openat(p->private->processes.data[process].task_dir, path, O_RDONLY | O_CLOEXEC);
}

/* Reads through the kept descriptor, or opens for the time of the reading when there are too many. 0 or -errno. */
static int read_file(
	const struct tt_pools *p, const struct tt_pools_thread *t, const char *name, int kept, char *out, size_t size)
{
	int fd = kept >= 0 ? kept : open_file(p, t->process, t->tid, name);
	if (fd < 0)
		return -errno;
	ssize_t n = pread(fd, out, size - 1, 0);
	int rc = n < 0 ? -errno : 0;
	if (kept < 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	return rc < 0 ? rc : n == 0 ? -ESRCH : 0;
}

uint64_t tt_pools_voluntary(const struct tt_pools *p, const struct tt_pools_thread *t)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char text[4096];
	if (read_file(p, t, "status", -1, text, sizeof(text)) < 0)
		return 0;
	const char *at = strstr(text, key);
	return at ? strtoull(at + sizeof(key) - 1, NULL, 10) : 0;
}

void tt_pools_refresh_thread(struct tt_pools *p, struct tt_pools_thread *t)
{
	char name[32];
	uint64_t voluntary = tt_pools_voluntary(p, t);
	if (voluntary > t->voluntary0)
		t->visits = voluntary - t->voluntary0;
	if (read_file(p, t, "comm", -1, name, sizeof(name)) == 0)
		snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(name, "\n") % 16, name);
}

void tt_pools_open_thread(struct tt_pools *p, struct tt_pools_thread *t)
{
	if (p->private->threads.len * 2 + p->private->processes.len < p->private->descriptors) {
		t->schedstat_fd = open_file(p, t->process, t->tid, "schedstat");
		t->syscall_fd = open_file(p, t->process, t->tid, "syscall");
	}
	t->voluntary0 = t->started ? 0 : tt_pools_voluntary(p, t);
	tt_pools_refresh_thread(p, t);
}

/* ------------------------------------------------------------------ what it waits for */

struct reading {
	const struct tt_pools *pools;
	const struct tt_pools_process *process;
};

static int read_memory(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct reading *r = ctx;
	struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};
	ssize_t n = process_vm_readv(r->process->pid, &local, 1, &remote, 1, 0);
	return n < 0 ? -errno : (size_t)n < len ? -EFAULT : 0;
}

/* Numbers of a pid namespace of its own are not translated: an owner is then simply not known. */
static pid_t find_thread(void *ctx, uint32_t tid)
{
	const struct reading *r = ctx;
	uint64_t at;
	return tt_hmap_get(&r->pools->private->by_tid, tid, &at) ? (pid_t)tid : 0;
}

static bool parse_call(const char *line, struct tt_wait_call *call)
{
	char *end;
	call->nr = strtol(line, &end, 10);
	if (end == line)
		return false;
	for (size_t i = 0; i < 6 && *end; i++)
		call->args[i] = strtoull(end, &end, 16);
	return true;
}

/* Real-time threads that wait for what an ordinary thread holds: neither can say so by itself. */
static void look_for_inversion(struct tt_pools_thread *t, pid_t owner)
{
	if (t->policy < 0)
		t->policy = sched_getscheduler(t->tid) & ~SCHED_RESET_ON_FORK;
	if ((t->policy != SCHED_FIFO && t->policy != SCHED_RR) || owner == 0)
		return;
	int of_owner = sched_getscheduler(owner) & ~SCHED_RESET_ON_FORK;
	t->inversions += of_owner != SCHED_FIFO && of_owner != SCHED_RR;
}

static int find_key(struct tt_pools *p, struct tt_pools_thread *t, const struct tt_wait *w)
{
	uint64_t address = w->word ? w->word & ~UINT64_C(7) : 0;
	const char *words = tt_buf_str(&w->text);
	int use = tt_pools_use(p, t, w, &words);
	for (unsigned i = 0; i < t->key_count; i++)
		if (t->keys[i].kind == w->kind && t->keys[i].address == address && t->keys[i].use == use)
			return (int)i;
	if (t->key_count == TT_POOLS_KEYS)
		return TT_POOLS_KEYS - 1;
	words = tt_smap_intern(&p->private->words, words);
	p->private->failed |= !words;
	t->keys[t->key_count] = (struct tt_pools_key){.kind = w->kind,
		.timed = w->timed,
		.use = (int8_t)use,
		.listens = w->listens,
		.gil = w->meaning && strstr(w->meaning, "GIL"),
		.address = address,
		.words = words ? words : ""};
	return (int)t->key_count++;
}

static int decode(struct tt_pools *p, struct tt_pools_thread *t, const char *line)
{
	struct tt_wait_call call = {.nr = -1};
	struct tt_wait *w = &p->private->wait;
	struct reading reading = {p, &p->private->processes.data[t->process]};
	const struct tt_wait_env env = {.read = read_memory,
		.ctx = &reading,
		.thread = find_thread,
		.fds = reading.process->fds,
		.pid = reading.process->pid};
	if (!parse_call(line, &call) || tt_wait_decode(w, &call, &env) < 0)
		return -1;
	if (tt_wait_is_lock(w->kind))
		look_for_inversion(t, w->owner);
	return find_key(p, t, w);
}

/*
 * Of a stopped thread the kernel shows the call in which it was when it was stopped: only its state tells. As that costs
 * another read, it is asked of threads that have not run since the latest look, of many by turns.
 */
static bool is_stopped(const struct tt_pools *p, const struct tt_pools_thread *t)
{
	const struct tt_pools_private *v = p->private;
	size_t turns = v->threads.len / STATES_READ + 1;
	char text[1024];
	struct tt_stat stat;
	if (t->last_ns != t->begin_ns && t->tid != p->private->processes.data[t->process].pid &&
		(p->ticks + (size_t)(t - v->threads.data)) % turns)
		return t->key == TT_POOLS_STOPPED;
	if (read_file(p, t, "stat", -1, text, sizeof(text)) < 0 || tt_stat_parse(text, &stat) < 0)
		return false;
	return stat.state == 'T' || stat.state == 't';
}

/* away_ns: of the time since the latest look, what it neither ran nor waited for a processor. */
static void count_stop(struct tt_pools_thread *t, bool stopped, uint64_t away_ns)
{
	bool was = t->key == TT_POOLS_STOPPED;
	if (was || stopped)
		t->stopped_ns += was && stopped ? away_ns : away_ns / 2;
	if (stopped)
		t->key = TT_POOLS_STOPPED;
	else if (was)
		t->key = TT_POOLS_READY;
}

/* "running" is also what the kernel says of a thread that only waits for a processor. */
static void read_wait(struct tt_pools *p, struct tt_pools_thread *t, uint64_t dt, uint64_t away_ns, bool ran)
{
	char line[sizeof(t->wait_line)];
	int rc = read_file(p, t, "syscall", t->syscall_fd, line, sizeof(line));
	if (rc < 0) {
		if (rc == -EACCES || rc == -EPERM)
			p->syscall_error = -rc;
		t->ready = false;
		count_stop(t, !ran && is_stopped(p, t), away_ns);
		t->key = t->key == TT_POOLS_STOPPED ? t->key : TT_POOLS_READY;
		return;
	}
	t->ready = strncmp(line, "running", 7) == 0;
	count_stop(t, !t->ready && !ran && is_stopped(p, t), away_ns);
	if (t->key == TT_POOLS_STOPPED)
		return;
	if (t->ready)
		t->key = TT_POOLS_READY;
	else if (t->key < 0 || strcmp(line, t->wait_line) != 0 || p->private->processes.data[t->process].backend)
		t->key = decode(p, t, line);
	memcpy(t->wait_line, line, sizeof(line));
	if (t->key >= 0) {
		t->keys[t->key].seen_ns += dt;
		t->looks++;
	}
}

/*
 * A delay is credited when the thread gets its processor: of the first one, of a thread that was ready already when the window
 * began, what lies before the window is not the window's. got_ns: when it got the processor, about.
 */
static void drop_early_delay(struct tt_pools_thread *t, uint64_t got_ns, uint64_t delay)
{
	uint64_t within = got_ns > t->begin_ns ? got_ns - t->begin_ns : 0, credited = delay - t->delay0;
	if (credited > within)
		t->delay0 += credited - within;
}

struct tt_pools_sums tt_pools_sums(const struct tt_pools_thread *t)
{
	uint64_t wall = minus(t->last_ns, t->begin_ns + t->stopped_ns), run = t->run - t->run0, delay = t->delay - t->delay0;
	uint64_t rest = minus(wall, run + delay), pending = t->ready ? minus(t->last_ns, t->ready_ns) : 0;
	if (t->ready && t->looks == 0)
		pending = rest; /* never met in a wait */
	if (pending > rest)
		pending = rest;
	return (struct tt_pools_sums){.wall = wall, .run = run, .delay = delay + pending, .blocked = rest - pending};
}

/*
 * Since when a thread has been ready that was not at the latest look, or ran since: half-way between the looks, but no earlier
 * than it usually waits for a processor. Looks may be seconds apart where this program gets none itself.
 */
static uint64_t ready_since(uint64_t before_ns, uint64_t now, uint64_t delay, uint64_t slices)
{
	uint64_t age = (now - before_ns) / 2;
	return now - (slices && delay / slices < age ? delay / slices : age);
}

bool tt_pools_read_thread(struct tt_pools *p, struct tt_pools_thread *t)
{
	char text[96];
	uint64_t run, delay, slices;
	if (read_file(p, t, "schedstat", t->schedstat_fd, text, sizeof(text)) < 0)
		return false;
	uint64_t now = tt_pools_now(); /* of its own: this program may have waited for a processor since the last thread's */
	if (!tt_pools_parse_schedstat(text, &run, &delay, &slices))
		return false;
	p->has_schedstat |= slices != 0;
	bool first = t->begin_ns == 0, ran = !first && (slices != t->slices || run != t->run);
	uint64_t before_ns = t->last_ns;
	if (first) {
		t->begin_ns = t->changed_ns = now;
		/* A thread that began within the window is counted from its birth, as its sums are. */
		t->run0 = t->started ? 0 : run;
		t->delay0 = t->started ? 0 : delay;
		t->slices0 = t->started ? 0 : slices;
		if (t->started) {
			uint64_t lived = run + delay;
			t->begin_ns = now > lived ? now - lived : 0;
		}
	} else if (ran) {
		t->changed_ns = now;
		if (t->before)
			drop_early_delay(t, before_ns + (now - before_ns) / 2, delay);
	}
	uint64_t since = first ? now : ready_since(before_ns, now, delay - t->delay, slices - t->slices);
	uint64_t dt = first ? 0 : now - t->last_ns, away_ns = first ? 0 : minus(dt, run - t->run + delay - t->delay);
	t->run = run;
	t->delay = delay;
	t->slices = slices;
	t->last_ns = now;
	bool was_ready = t->ready;
	read_wait(p, t, dt ? dt : 1, away_ns, ran);
	t->before = t->ready && (first ? !t->started : t->before && !ran);
	if (!t->ready)
		t->ready_ns = 0;
	else if (!was_ready || ran || first)
		t->ready_ns = since;
	if (t->ready && now - t->ready_ns > t->longest_delay_ns)
		t->longest_delay_ns = now - t->ready_ns;
	if (!t->half.wall && p->private->half_ns && now >= p->private->half_ns)
		t->half = tt_pools_sums(t);
	return true;
}
