/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dump_verdict.c - what is wrong in a dump, a line each: deadlocks, queues for locks, waits that no signal ends, busy threads.
 */
#include "lib/out/dump.h"

#include <inttypes.h>
#include <string.h>

#include "lib/util/text.h"

#define LONG_WAIT_NS UINT64_C(1000000000) /* one thread that waits so long for a lock is worth a sentence */
#define BUSY_PCT     80.0                 /* a thread that needs so much of a processor is too */

static void say_place(struct dump_out *o, const struct tt_dump_thread *t)
{
	TT_BUF_AUTO(name);
	tt_dump_where(t, &name);
	if (!name.len)
		return;
	dump_out_say(o, TT_STYLE_NONE, ", in ");
	dump_out_raw(o, TT_STYLE_CODE, tt_buf_str(&name));
}

static void say_deadlock(struct dump_out *o, const struct tt_dump_deadlock *k)
{
	size_t n = k->threads.len;
	dump_out_say(o, TT_STYLE_ERROR, "  deadlock: ");
	if (k->gone) {
		dump_out_thread(o, &o->d->threads.data[k->threads.data[0]]);
		dump_out_say(o, TT_STYLE_NONE, " waits for a lock that thread %u held when it ended", k->gone);
	} else if (n == 1) {
		dump_out_thread(o, &o->d->threads.data[k->threads.data[0]]);
		dump_out_say(o, TT_STYLE_NONE, " waits for itself");
	} else {
		dump_out_say(o, TT_STYLE_NONE, "%zu threads wait for each other: ", n);
		for (size_t i = 0; i < n && i < 4; i++) {
			if (i)
				tt_buf_adds(o->out, ", ");
			dump_out_thread(o, &o->d->threads.data[k->threads.data[i]]);
		}
		if (n > 4)
			dump_out_say(o, TT_STYLE_NONE, " and %zu more", n - 4);
	}
	if (k->behind)
		dump_out_say(o, TT_STYLE_NONE, "; %u more wait for them", k->behind);
	if (k->ends)
		dump_out_say(o, TT_STYLE_NONE, k->left_ns ? "; until a timeout ends it in %s" : "; until a timeout ends it",
			tt_ns(k->left_ns).s);
	tt_buf_addc(o->out, '\n');
}

/* "thread 7 writer, which waits 3 s for ..." of the thread that all wait for in the end. */
static void say_root(struct dump_out *o, const struct tt_dump_jam *j)
{
	const struct tt_dump_thread *first = &o->d->threads.data[j->first];
	if (j->root == TT_DUMP_NONE || first->owner == TT_DUMP_NONE)
		return;
	const struct tt_dump_thread *root = &o->d->threads.data[j->root];
	dump_out_say(o, TT_STYLE_NONE, j->root == first->owner ? "; that one " : "; in the end for ");
	if (j->root != first->owner) {
		dump_out_thread(o, root);
		dump_out_say(o, TT_STYLE_NONE, ", which ");
	}
	if (root->wait.kind == TT_WAIT_NONE)
		dump_out_wait(o, root);
	else
		dump_out_waits(o, root, root->since_ns, "");
	say_place(o, root);
}

static bool is_queue(const struct dump_out *o, const struct tt_dump_jam *j)
{
	const struct tt_dump_thread *first = &o->d->threads.data[j->first];
	bool in_deadlock = j->root != TT_DUMP_NONE && o->d->threads.data[j->root].deadlock != TT_DUMP_NONE;
	return first->doing == TT_DOING_LOCK && first->deadlock == TT_DUMP_NONE && !in_deadlock;
}

/* All locks of one holder are one line: the first of them stands for all. */
struct queues {
	size_t threads, locks;
	uint64_t longest_ns;
	bool earlier; /* another jam was the first */
};

static struct queues queues_of(const struct dump_out *o, const struct tt_dump_jam *j)
{
	struct queues q = {.threads = j->threads.len, .locks = 1, .longest_ns = j->longest_ns};
	uint32_t owner = o->d->threads.data[j->first].owner;
	const struct tt_dump_jam *k;
	if (owner == TT_DUMP_NONE)
		return q;
	vec_for_each (k, &o->d->jams) {
		if (k == j || !is_queue(o, k) || o->d->threads.data[k->first].owner != owner)
			continue;
		q.earlier = q.earlier || k < j;
		q.threads += k->threads.len;
		q.locks++;
		q.longest_ns = k->longest_ns > q.longest_ns ? k->longest_ns : q.longest_ns;
	}
	return q;
}

/* Threads that queue for locks, unless the deadlock says it already. */
static bool say_jam(struct dump_out *o, const struct tt_dump_jam *j)
{
	const struct tt_dump_thread *first = &o->d->threads.data[j->first];
	struct queues q = queues_of(o, j);
	if (!is_queue(o, j) || q.earlier || (q.threads < 2 && q.longest_ns < LONG_WAIT_NS))
		return false;
	dump_out_say(o, TT_STYLE_WARNING, "  %zu thread%s", q.threads, q.threads == 1 ? " waits" : "s wait");
	if (q.longest_ns)
		dump_out_say(o, TT_STYLE_NONE, q.threads == 1 ? " %s" : " up to %s", tt_ns(q.longest_ns).s);
	dump_out_say(o, TT_STYLE_NONE, " for ");
	if (q.locks > 1) {
		dump_out_say(o, TT_STYLE_NONE, "%zu locks that ", q.locks);
		dump_out_thread(o, &o->d->threads.data[first->owner]);
		dump_out_say(o, TT_STYLE_NONE, " holds");
	} else {
		dump_out_wait(o, first);
	}
	say_root(o, j);
	tt_buf_addc(o->out, '\n');
	return true;
}

static unsigned say_busy(struct dump_out *o)
{
	unsigned said = 0;
	const struct tt_dump_thread *t;
	vec_for_each (t, &o->d->threads) {
		if (t->cpu_pct < BUSY_PCT || said++ >= 3)
			continue;
		dump_out_say(o, TT_STYLE_NONE, "  ");
		dump_out_thread(o, t);
		dump_out_say(o, TT_STYLE_NONE, " uses %.0f %% of a processor", t->cpu_pct);
		say_place(o, t);
		tt_buf_addc(o->out, '\n');
	}
	return said;
}

static void say_counts(struct dump_out *o)
{
	unsigned shown = 0;
	dump_out_say(o, TT_STYLE_NONE, "  ");
	for (unsigned i = 0; i < TT_DOING_MAX; i++)
		if (o->d->doing[i])
			dump_out_say(o, TT_STYLE_NONE, "%s%u %s", shown++ ? ", " : "", o->d->doing[i],
				tt_doing_words((enum tt_doing)i));
	tt_buf_addc(o->out, '\n');
}

static void say_signal(struct dump_out *o)
{
	const char *name = sigabbrev_np(o->d->core_signal);
	dump_out_say(o, TT_STYLE_ERROR, "  ended by SIG%s", name ? name : "?");
	if (o->d->core_address)
		dump_out_say(o, TT_STYLE_NONE, " at address 0x%" PRIx64, o->d->core_address);
	if (o->d->core_thread != TT_DUMP_NONE) {
		dump_out_say(o, TT_STYLE_NONE, ": ");
		dump_out_thread(o, &o->d->threads.data[o->d->core_thread]);
		say_place(o, &o->d->threads.data[o->d->core_thread]);
	}
	tt_buf_addc(o->out, '\n');
}

unsigned dump_out_findings(struct dump_out *o)
{
	struct tt_dump *d = o->d;
	const struct tt_dump_deadlock *k;
	const struct tt_dump_jam *j;
	unsigned said = 0;
	if (d->core_signal) {
		say_signal(o);
		said++;
	}
	vec_for_each (k, &d->deadlocks) {
		say_deadlock(o, k);
		said++;
	}
	if (d->managed_deadlocks) {
		dump_out_say(o, TT_STYLE_ERROR, "  deadlock: ");
		dump_out_say(o, TT_STYLE_NONE, "%s says so: see the end\n", d->managed_kind);
		said++;
	}
	vec_for_each (j, &d->jams)
		if (said < 6)
			said += say_jam(o, j);
	if (d->doing[TT_DOING_DISK]) {
		dump_out_say(o, TT_STYLE_WARNING, "  %u thread%s", d->doing[TT_DOING_DISK],
			d->doing[TT_DOING_DISK] == 1 ? " is" : "s are");
		dump_out_say(o, TT_STYLE_NONE,
			" in a wait that no signal ends (state D): a disk, a network file system, or the kernel\n");
		said++;
	}
	if (d->doing[TT_DOING_STOPPED]) {
		dump_out_say(o, TT_STYLE_WARNING, "  %u thread%s", d->doing[TT_DOING_STOPPED],
			d->doing[TT_DOING_STOPPED] == 1 ? " is" : "s are");
		dump_out_say(o, TT_STYLE_NONE, " stopped, by a signal or a debugger\n");
		said++;
	}
	return said + say_busy(o);
}

void dump_out_verdict(struct dump_out *o)
{
	tt_buf_addc(o->out, '\n');
	if (!dump_out_findings(o) && !o->d->doing[TT_DOING_LOCK])
		dump_out_say(o, TT_STYLE_GOOD, "  no thread waits for a lock\n");
	say_counts(o);
}
