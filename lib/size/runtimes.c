/* SPDX-License-Identifier: GPL-3.0-or-later */
/* runtimes.c - how runtimes count processors (runtimes.h, runtimes.def). */
#include "lib/size/runtimes.h"

#include <math.h>

enum base { AFFINITY, ONLINE };
enum level { NONE, OWN, ALL };
enum versions { BOTH, V2 };
enum rounding { UP, DOWN, NEAREST, UNLESS0 };
enum threads { COUNT, FOUR, PLUS4 };

static const struct rule {
	const char *id, *who, *what;
	enum base base;
	enum level level;
	enum versions versions;
	enum rounding rounding;
	unsigned least;
	enum threads threads;
} rules[] = {
#define TT_RUNTIME(id, who, base, level, versions, rounding, least, threads, what) \
	{#id, who, what, base, level, versions, rounding, least, threads},
#include "lib/size/runtimes.def"
#undef TT_RUNTIME
};

/* The quota as whole processors by the rule; 0: it sees none. */
static unsigned quota_of(const struct rule *r, const struct tt_size_place *place)
{
	double quota = r->level == OWN ? place->own_quota : r->level == ALL ? place->least_quota : 0;
	if (quota <= 0 || (r->versions == V2 && !place->v2))
		return 0;
	double whole = r->rounding == UP ? ceil(quota) : r->rounding == NEAREST ? floor(quota + 0.5) : floor(quota);
	if (whole < 1 && r->rounding == UNLESS0)
		return 0;
	return whole < r->least ? r->least : whole > 1e6 ? 1000000 : (unsigned)whole;
}

struct tt_runtime_choice tt_runtime_choose(enum tt_runtime_id i, const struct tt_size_place *place)
{
	const struct rule *r = &rules[i];
	struct tt_runtime_choice c = {.id = r->id, .who = r->who, .what = r->what};
	unsigned quota = quota_of(r, place);
	c.cpus = r->base == ONLINE ? place->online : place->affinity;
	if (quota && quota < c.cpus)
		c.cpus = quota;
	c.threads = r->threads == FOUR ? 4 : c.cpus;
	if (r->threads == PLUS4 && c.cpus)
		c.threads = c.cpus + 4 < 32 ? c.cpus + 4 : 32;
	return c;
}

enum tt_runtime_verdict tt_runtime_judge(unsigned cpus, double effective_cpus)
{
	if (cpus == 0 || effective_cpus <= 0)
		return TT_RUNTIME_UNKNOWN;
	if (cpus > ceil(effective_cpus - 1e-9))
		return TT_RUNTIME_TOO_MANY;
	return cpus < floor(effective_cpus + 1e-9) ? TT_RUNTIME_TOO_FEW : TT_RUNTIME_RIGHT;
}
