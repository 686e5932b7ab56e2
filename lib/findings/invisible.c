/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * invisible.c - rule invisible-locking: what the recorder could not see, as far as the recording tells: runtimes that lock
 * past the C library, futex words without an owner, threads that appeared without pthread_create.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/findings/detect.h"
#include "lib/util/text.h"

static const struct {
	const char *prefix, *what, *advice;
} runtimes[] = {
#define TT_INVISIBLE(prefix, what, advice) {prefix, what, advice},
#include "lib/findings/invisible.def"
#undef TT_INVISIBLE
};

static void report(const struct tt_detect *d, const struct tt_process *process, const char *what, const char *advice,
	const char *evidence, const char *identity)
{
	struct tt_finding *f = tt_detect_add(d, TT_RULE_INVISIBLE_LOCKING, process);
	if (!f)
		return;
	f->reason = "seen in the recording";
	f->title = what;
	if (advice)
		f->advice = advice;
	tt_finding_evidence(d->set, f, "%s", evidence);
	tt_finding_identify(f, identity);
}

static void look_for_runtimes(const struct tt_detect *d, const struct tt_process *process)
{
	const struct tt_mapping *map;
	unsigned long done = 0;
	vec_for_each (map, &process->mappings) {
		const char *slash = strrchr(map->module->path, '/');
		const char *name = slash ? slash + 1 : map->module->path;
		for (unsigned i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++) {
			if (strncmp(name, runtimes[i].prefix, strlen(runtimes[i].prefix)) != 0 || (done >> i & 1))
				continue;
			done |= 1ul << i;
			report(d, process, runtimes[i].what, runtimes[i].advice, tt_findings_text(d->set, "%s is loaded", name),
				runtimes[i].prefix);
		}
	}
}

/* Futex words of one process, whose locks stand together: waits are timed, but a futex word does not say who holds it. */
static void judge_futexes(const struct tt_detect *d, const struct tt_lock *locks, size_t n)
{
	uint64_t words = 0, waits = 0, wait_ns = 0;
	for (size_t i = 0; i < n; i++) {
		if (locks[i].kind != TTREC_KIND_FUTEX)
			continue;
		words++;
		waits += locks[i].waits.count;
		wait_ns += locks[i].waits.total_ns;
	}
	if (words == 0)
		return;
	const char *evidence = tt_findings_text(d->set, "%s futex word%s, %s wait%s, %s in all", tt_count(words).s,
		words == 1 ? "" : "s", tt_count(waits).s, waits == 1 ? "" : "s", tt_ns(wait_ns).s);
	report(d, locks->process, "Locks built on the futex system call show their waits, but not who held them", NULL,
		evidence, "futex");
}

static void look_for_futexes(const struct tt_detect *d)
{
	const struct tt_lock *locks = d->model->locks.data;
	for (size_t i = 0, end; i < d->model->locks.len; i = end) {
		for (end = i + 1; end < d->model->locks.len && locks[end].process == locks[i].process;)
			end++;
		judge_futexes(d, &locks[i], end - i);
	}
}

static void look_for_strangers(const struct tt_detect *d, const struct tt_process *process)
{
	if (process->threads_adopted == 0)
		return;
	const char *evidence = tt_findings_text(d->set,
		"%" PRIu64 " threads were met at their first event: made by the C library itself, by clone, or before the "
		"recorder was there",
		process->threads_adopted);
	report(d, process, "Some threads were not created through pthread_create", NULL, evidence, "adopted");
}

void tt_detect_invisible(const struct tt_detect *d)
{
	struct tt_process *const *p;
	vec_for_each (p, &d->model->processes) {
		look_for_runtimes(d, *p);
		look_for_strangers(d, *p);
	}
	look_for_futexes(d);
}
