/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * java.c - a JVM's own dump, cut into threads and joined with the native ones by nid (the thread's id as the JVM sees it).
 *
 * The format is for people, and changes: "name" #12 prio=5 ... nid=0x1f2b ... (hexadecimal before JDK 19, decimal from then
 * on), then lines until an empty one; at the end, with no thread's header, what it found about deadlocks. What is not
 * understood is left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dump/dump_private.h"
#include "lib/proc/hotspot.h"

#define LIMIT_NS UINT64_C(5000000000)

/*
 * A thread's block: its first line names it, the rest is its state, its frames and its locks. The name may hold whatever it
 * likes, quotes and " nid=" too; what follows it does not.
 */
static void take_thread(struct tt_dump *d, char *block)
{
	uint64_t position;
	char *rest = strchr(block, '\n'), *nid = NULL;
	if (rest)
		*rest++ = '\0';
	for (char *at = strstr(block, " nid="); at; at = strstr(at + 1, " nid="))
		nid = at;
	if (!nid || !tt_hmap_get(&d->by_ns_tid, (uint32_t)strtoul(nid + strlen(" nid="), NULL, 0), &position))
		return;
	*nid = '\0';
	char *quote = strrchr(block, '"');
	if (!quote || quote == block)
		return;
	*quote = '\0';
	struct tt_dump_thread *t = &d->threads.data[position - 1];
	t->managed_name = dump_text(d, block + 1);
	t->managed = rest && *rest ? dump_text(d, rest) : NULL;
}

/* ------------------------------------------------------------------ who waits for which Java lock, and who holds it */

/* "\t- locked <0x1f> (a C)": the text behind `words`, up to the end of the line; NULL: no such line. */
static const char *line_with(const char *stack, const char *words, size_t *len)
{
	const char *at = strstr(stack, words);
	if (!at)
		return NULL;
	at += strlen(words);
	at += strspn(at, " ");
	*len = strcspn(at, "\n");
	return *at == '<' ? at : NULL;
}

static void set_wait(
	struct tt_dump *d, struct tt_dump_thread *t, const char *what, const char *object, size_t len, enum tt_doing doing)
{
	TT_BUF_AUTO(b);
	tt_buf_adds(&b, what);
	tt_buf_add(&b, object, len);
	t->managed_wait = dump_text(d, tt_buf_str(&b));
	d->doing[t->doing]--;
	d->doing[doing]++;
	t->doing = doing;
}

/* Only of a thread that is blocked natively as well: the JVM's dump is a little later than ours. */
static void take_wait(struct tt_dump *d, struct tt_dump_thread *t)
{
	size_t len;
	const char *object;
	if (!t->managed || t->wait.kind == TT_WAIT_NONE || !t->wait.word)
		return;
	if ((object = line_with(t->managed, "- waiting to lock", &len)))
		set_wait(d, t, "monitor ", object, len, TT_DOING_LOCK);
	else if ((object = line_with(t->managed, "- waiting on", &len)))
		set_wait(d, t, "notification of ", object, len, TT_DOING_WAITING);
	else if ((object = line_with(t->managed, "- parking to wait for", &len)))
		set_wait(d, t, "java.util.concurrent ", object, len,
			memmem(object, len, ".locks.Reentrant", 16) ? TT_DOING_LOCK : TT_DOING_WAITING);
	else if (strstr(t->managed, ".State: TIMED_WAITING (sleeping)"))
		set_wait(d, t, "Thread.sleep", "", 0, TT_DOING_SLEEPING);
}

static uint64_t number_of(const char *object)
{
	return strtoull(object + 1, NULL, 16);
}

/* Fills held: number of an object -> position + 1 of the thread that is inside its monitor; one that waits in it is not. */
static void find_monitors(const struct tt_dump *d, struct tt_hmap *held)
{
	for (uint32_t i = 0; i < d->threads.len; i++) {
		const char *stack = d->threads.data[i].managed;
		size_t len;
		const char *object = stack ? line_with(stack, "- waiting on", &len) : NULL;
		uint64_t waits_in = object ? number_of(object) : 0;
		for (const char *at = stack; at && (at = strstr(at, "- locked ")); at++) {
			object = line_with(at, "- locked ", &len);
			if (object && number_of(object) != waits_in)
				(void)tt_hmap_put(held, number_of(object), i + 1); /* without memory an owner is not told */
		}
	}
}

static void take_waits(struct tt_dump *d)
{
	struct tt_hmap held = TT_HMAP_INIT;
	struct tt_dump_thread *t;
	uint64_t position;
	size_t len;
	find_monitors(d, &held);
	vec_for_each (t, &d->threads) {
		take_wait(d, t);
		const char *object = t->managed_wait ? line_with(t->managed, "- waiting to lock", &len) : NULL;
		if (object && tt_hmap_get(&held, number_of(object), &position)) {
			t->owner = (uint32_t)position - 1;
			t->wait.owner = d->threads.data[t->owner].task.tid;
		}
	}
	tt_hmap_deinit(&held);
}

/* From "Found one Java-level deadlock:" (or "Found 2 deadlocks" ...) to the end of that part. */
static void take_deadlocks(struct tt_dump *d, char *text)
{
	char *found = strstr(text, "\nFound "), *last = NULL;
	for (char *at = found; at; at = strstr(at + 1, "\nFound "))
		last = at;
	if (!found || !strstr(found, "deadlock"))
		return;
	char *end = strchr(last + 1, '\n');
	if (end)
		*end = '\0';
	d->managed_deadlocks = dump_text(d, found + 1);
}

static void take_answer(struct tt_dump *d, char *text)
{
	take_deadlocks(d, text);
	static const char title[] = "Full thread dump ";
	char *full = strstr(text, title);
	if (full) {
		full += strlen(title);
		size_t len = strcspn(full, "\n");
		d->managed_version = dump_text(d, strndupa(full, len - (len && full[len - 1] == ':')));
	}
	for (char *at = text, *next; at && *at; at = next) {
		next = strstr(at, "\n\n");
		if (next) {
			next[1] = '\0'; /* the block keeps the newline of its last line */
			next += 2;
		}
		while (*at == '\n')
			at++;
		if (*at == '"')
			take_thread(d, at);
	}
}

void dump_java(struct tt_dump *d)
{
	struct tt_err err;
	TT_BUF_AUTO(answer);
	if (!tt_hotspot_is(d->proc.pid))
		return;
	if (tt_hotspot_dump(&d->proc, LIMIT_NS, &answer, &err) < 0) {
		dump_note(d, "no Java stacks: %s", err.msg);
		return;
	}
	char *text = tt_buf_steal(&answer);
	if (text) {
		d->managed_kind = "Java";
		take_answer(d, text);
		take_waits(d);
	}
	free(text);
}
