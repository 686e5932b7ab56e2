/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_rec_format.c - man/ttrec.5 says what lib/core/ttrec_format.h does: sizes of structures, offset and size of each field,
 * the numbers and words of each enumeration. A field or row that is added to the format must be added to the page.
 */
#include "lib/core/ttrec_format.h"
#include "tests/unit/tap.h"

#include <stddef.h>
#include <stdlib.h>

static char *page;

/* The page as one line of words: breaks between lines do not matter. */
static char *page_read(const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		return NULL;
	char *text = calloc(1, 1 << 20);
	size_t n = text ? fread(text, 1, (1 << 20) - 1, f) : 0;
	fclose(f);
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ' ';
	return text;
}

/* The part of the page about one structure: up to the next structure. */
static const char *section_of(const char *name, size_t size, const char **end)
{
	char head[128];
	snprintf(head, sizeof(head), "struct ttrec_%s, %zu bytes:", name, size);
	const char *at = strstr(page, head);
	*end = at ? strstr(at + 1, "struct ttrec_") : NULL;
	if (at && !*end)
		*end = at + strlen(at);
	return at;
}

static void check_struct(const char *name, size_t size)
{
	const char *end;
	ok(section_of(name, size, &end), "struct ttrec_%s has %zu bytes", name, size);
}

static void check_field(const char *name, size_t struct_size, const char *field, size_t offset, size_t size)
{
	char row[128];
	const char *end, *at = section_of(name, struct_size, &end);
	if (size)
		snprintf(row, sizeof(row), ".It %zu Ta %zu Ta %s", offset, size, field);
	else
		snprintf(row, sizeof(row), ".It %zu Ta - Ta %s", offset, field);
	const char *found = at ? strstr(at, row) : NULL;
	char after = found ? found[strlen(row)] : '\0';
	if (!found || found > end || (after != ' ' && after != '['))
		fail("%s.%s: no row '%s'", name, field, row);
}

static void check_row(const char *list, unsigned value, const char *text)
{
	char row[160];
	snprintf(row, sizeof(row), "%u %s", value, text[0] ? text : "unknown");
	if (!strstr(page, row))
		fail("%s: '%s' is not named", list, row);
}

#define S(name) check_struct(#name, sizeof(struct ttrec_##name));
#define F(name, f)                                                                            \
	check_field(#name, sizeof(struct ttrec_##name), #f, offsetof(struct ttrec_##name, f), \
		sizeof(((struct ttrec_##name *)0)->f));
#define FLEX(name, f)          check_field(#name, sizeof(struct ttrec_##name), #f, offsetof(struct ttrec_##name, f), 0);
#define ROW(name, value, text) check_row(#name, value, text);

/* clang-format off */
static void check_structs(void)
{
	S(header)
	F(header, magic)
	F(header, major)
	F(header, minor)
	F(header, endian)
	F(header, header_size)
	F(header, word_size)
	F(header, ready)
	F(header, pid)
	F(header, ppid)
	F(header, uid)
	F(header, file_size)
	F(header, start_mono_ns)
	F(header, start_real_ns)
	F(header, start_boot_ns)
	F(header, proc_start_ticks)
	F(header, fork_depth)
	F(header, pid_ns)
	F(header, machine)
	F(header, shim_version)
	F(header, exe_build_id)
	F(header, exe_build_id_len)
	F(header, hold_period)
	F(header, stack_depth)
	F(header, event_bytes)
	F(header, loop_stall_ns)
	F(header, state)
	F(header, exit_code)
	F(header, end_ns)
	F(header, full)
	F(header, next)
	F(header, backed)
	F(header, threads_created)
	F(header, threads_ended)
	F(header, threads_joined)
	F(header, threads_detached)
	F(header, threads_adopted)
	F(header, threads_live)
	F(header, threads_peak)
	F(header, serials)
	F(header, locks)
	F(header, lock_deaths)
	F(header, event_next)
	F(header, event_segments)
	F(header, events_per_segment)
	F(header, forks)
	F(header, vforks)
	F(header, execs_failed)
	F(header, drop)
	F(header, children_refused)
	F(header, exe)
	F(header, cwd)
	F(header, options)
	F(header, command_len)
	F(header, command)
	F(header, event_ref)
	S(chunk)
	F(chunk, magic)
	F(chunk, type)
	F(chunk, version)
	F(chunk, size)
	F(chunk, index)
	F(chunk, used)
	F(chunk, check)
	S(thread)
	F(thread, chunk)
	F(thread, slot)
	F(thread, state)
	F(thread, serial)
	F(thread, tid)
	F(thread, flags)
	F(thread, pthread)
	F(thread, start_routine)
	F(thread, create_site)
	F(thread, create_stack)
	F(thread, group)
	F(thread, creator)
	F(thread, creator_segment)
	F(thread, segment)
	F(thread, created_ns)
	F(thread, started_ns)
	F(thread, ended_ns)
	F(thread, joined_ns)
	F(thread, joiner)
	F(thread, joiner_segment)
	F(thread, end_segment)
	F(thread, cpu_ns)
	F(thread, stack_low)
	F(thread, stack_high)
	F(thread, name)
	F(thread, waiting)
	F(thread, waits)
	F(thread, table_ref)
	F(thread, table_mask)
	F(thread, evicted)
	F(thread, base)
	F(thread, journal)
	F(thread, contended)
	F(thread, loop_return_ns)
	F(thread, loop)
	F(thread, table_epoch)
	F(thread, logged_first)
	F(thread, logged_next)
	F(thread, held_depth)
	F(thread, held_cap)
	F(thread, held_ref)
	F(thread, held_seq)
	F(thread, held)
	F(thread, hints)
	F(thread, locks_near)
	F(thread, logged)
	F(thread, table)
	S(waiting)
	F(waiting, seq)
	F(waiting, op)
	F(waiting, kind)
	F(waiting, object)
	F(waiting, site)
	F(waiting, since_ns)
	F(waiting, other)
	F(waiting, stack)
	F(waiting, uid)
	S(held)
	F(held, lock)
	F(held, site)
	F(held, since_ns)
	F(held, hash)
	S(count)
	F(count, lock)
	F(count, site)
	F(count, n)
	F(count, next)
	F(count, gap)
	F(count, uid)
	S(journal)
	F(journal, word)
	F(journal, n)
	F(journal, lsite)
	F(journal, entry)
	S(hint)
	F(hint, waiter_site)
	F(hint, holder_site)
	F(hint, lock)
	F(hint, pair)
	F(hint, stack)
	F(hint, n)
	S(lock)
	F(lock, kind)
	F(lock, type)
	F(lock, flags)
	F(lock, index)
	F(lock, address)
	F(lock, gen)
	F(lock, chain)
	F(lock, birth_site)
	F(lock, sharers)
	F(lock, other)
	F(lock, tally)
	F(lock, stat_wait)
	F(lock, stat_hold)
	F(lock, stat_rdwait)
	F(lock, owner)
	F(lock, name)
	F(lock, birth_stack)
	F(lock, birth_ns)
	F(lock, birth_thread)
	F(lock, death_site)
	S(tally)
	F(tally, tag)
	F(tally, n)
	S(stat)
	F(stat, count)
	F(stat, total_ns)
	F(stat, max_ns)
	F(stat, max_at_ns)
	F(stat, lock)
	F(stat, mode)
	F(stat, hist)
	S(lsite)
	F(lsite, site)
	F(lsite, lock)
	F(lsite, count)
	F(lsite, hold_samples)
	F(lsite, hold_weight)
	F(lsite, hold_ns)
	F(lsite, hold_timed_ns)
	F(lsite, hold_max_ns)
	F(lsite, release_stack)
	F(lsite, first_stack)
	S(wait)
	F(wait, waiter_site)
	F(wait, holder_site)
	F(wait, lock)
	F(wait, waiter_stack)
	F(wait, count)
	F(wait, total_ns)
	F(wait, max_ns)
	F(wait, max_at_ns)
	F(wait, max_waiter)
	F(wait, max_holder)
	F(wait, timeouts)
	S(group)
	F(group, start_routine)
	F(group, create_site)
	F(group, create_stack)
	F(group, created)
	F(group, failed)
	F(group, started)
	F(group, ended)
	F(group, joined)
	F(group, detached)
	F(group, live)
	F(group, peak)
	F(group, life_ns)
	F(group, cpu_ns)
	F(group, first_ns)
	F(group, last_ns)
	F(group, waits)
	F(group, operations)
	F(group, name)
	S(lineage)
	F(lineage, serial)
	F(lineage, creator)
	F(lineage, joiner)
	F(lineage, creator_segment)
	F(lineage, joiner_segment)
	F(lineage, end_segment)
	F(lineage, group)
	F(lineage, name)
	F(lineage, start_routine)
	S(loop)
	F(loop, site)
	F(loop, thread)
	F(loop, calls)
	F(loop, busy_ns)
	F(loop, wait_ns)
	F(loop, max_ns)
	F(loop, max_at_ns)
	F(loop, stalls)
	F(loop, hist)
	F(loop, may_wait)
	F(loop, single)
	S(var)
	F(var, type)
	F(var, size)
	S(stack)
	F(stack, var)
	F(stack, count)
	F(stack, flags)
	F(stack, hash)
	FLEX(stack, pc)
	S(module)
	F(module, var)
	F(module, start)
	F(module, end)
	F(module, bias)
	F(module, seen_ns)
	F(module, gone_ns)
	F(module, build_id_len)
	F(module, path_len)
	F(module, build_id)
	FLEX(module, path)
	S(string)
	F(string, var)
	F(string, length)
	FLEX(string, text)
	S(dep)
	F(dep, var)
	F(dep, wanted)
	F(dep, hash)
	F(dep, site)
	F(dep, stack)
	F(dep, held_count)
	F(dep, thread_count)
	F(dep, seen)
	F(dep, first_ns)
	F(dep, threads)
	F(dep, between)
	FLEX(dep, held)
	S(misuse)
	F(misuse, var)
	F(misuse, what)
	F(misuse, op)
	F(misuse, uid)
	F(misuse, stack)
	F(misuse, site)
	F(misuse, thread)
	F(misuse, other)
	F(misuse, other_site)
	F(misuse, first_ns)
	F(misuse, count)
	F(misuse, total_ns)
	F(misuse, max_ns)
	S(event)
	F(event, seq)
	F(event, end_ns)
	F(event, dur_ns)
	F(event, thread)
	F(event, site)
	F(event, a)
	F(event, b)
	F(event, uid)
	F(event, type)
	F(event, op)
}

static void check_enums(void)
{
	TTREC_CHUNKS(ROW) TTREC_VARS(ROW) TTREC_KINDS(ROW) TTREC_TYPES(ROW) TTREC_OPS(ROW) TTREC_THREAD_STATES(ROW)
	TTREC_STATES(ROW) TTREC_DROPS(ROW) TTREC_WAITS(ROW) TTREC_MISUSES(ROW) TTREC_EVENTS(ROW) TTREC_CALLS(ROW)
}
/* clang-format on */

int main(void)
{
	page = page_read("man/ttrec.5");
	if (!ok(page, "man/ttrec.5 is there (run from the top of the tree)"))
		return done();
	check_structs();
	check_enums();
	is_int(tap_state.failed, 0, "every field and every row of the format is in the page");
	free(page);
	return done();
}
