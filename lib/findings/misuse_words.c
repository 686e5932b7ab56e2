/* SPDX-License-Identifier: GPL-3.0-or-later */
/* misuse_words.c - see misuse.h. Called by misuse.c and held_blocking.c. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/findings/misuse.h"
#include "lib/util/text.h"

const char *tt_misuse_lock_name(const struct tt_detect *d, const struct tt_lock *l)
{
	return l && l->class ? tt_detect_lock_name(d, l->class) : "a lock";
}

const char *tt_misuse_times(const struct tt_detect *d, uint64_t count)
{
	if (count <= 1)
		return "once";
	return count == 2 ? "twice" : tt_findings_text(d->set, "%s times", tt_count(count).s);
}

const char *tt_misuse_errno(const struct tt_detect *d, uint64_t error)
{
	const char *name = error < 4096 ? strerrorname_np((int)error) : NULL;
	return name ? name : tt_findings_text(d->set, "error %" PRIu64, error);
}

bool tt_misuse_at_exit(const struct tt_detect *d, const struct tt_misuse *f)
{
	const struct tt_stack *s = f->stack;
	struct tt_stack *one = s ? calloc(1, sizeof(*one) + sizeof(one->frames[0])) : NULL;
	bool found = false;
	if (!one)
		return false;
	one->process = s->process;
	one->count = 1;
	for (unsigned i = 0; i < s->count && !found; i++) {
		one->frames[0] = s->frames[i];
		struct tt_place p = d->namer->place(d->namer->ctx, NULL, one);
		bool libc = p.module && (strncmp(p.module, "libc.", 5) == 0 || strncmp(p.module, "libc-", 5) == 0);
		found = libc && p.function &&
		        (strcmp(p.function, "exit") == 0 || strcmp(p.function, "__run_exit_handlers") == 0);
	}
	free(one);
	return found;
}
