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

/* The native id in a thread's first line; 0: none. */
static uint32_t nid_of(const char *line)
{
	const char *nid = strstr(line, " nid=");
	return nid ? (uint32_t)strtoul(nid + strlen(" nid="), NULL, 0) : 0;
}

/* A thread's block: its first line names it, the rest is its state, its frames and its locks. */
static void take_thread(struct tt_dump *d, char *block)
{
	uint64_t position;
	char *rest = strchr(block, '\n'), *quote;
	if (rest)
		*rest++ = '\0';
	uint32_t nid = nid_of(block);
	/* The name may hold quotes itself: what follows it does not. */
	char *end = strstr(block, " nid=");
	if (!nid || !end || !tt_hmap_get(&d->by_ns_tid, nid, &position))
		return;
	*end = '\0';
	quote = strrchr(block, '"');
	if (!quote || quote == block)
		return;
	*quote = '\0';
	struct tt_dump_thread *t = &d->threads.data[position - 1];
	t->managed_name = dump_text(d, block + 1);
	t->managed = rest && *rest ? dump_text(d, rest) : NULL;
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
	char *full = strstr(text, "Full thread dump ");
	if (full)
		d->managed_version = dump_text(d, strndupa(full, strcspn(full, "\n")));
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
	}
	free(text);
}
