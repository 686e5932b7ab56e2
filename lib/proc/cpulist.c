/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cpulist.c - sets of processors (cpulist.h). */
#include "lib/proc/cpulist.h"

#include <errno.h>
#include <string.h>

#include "lib/core/attrs.h"

static bool number(const char **p, unsigned *ret)
{
	unsigned value = 0;
	const char *start = *p;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		value = value * 10 + (unsigned)(**p - '0');
		if (value > TT_CPUS_MAX * 2)
			return false;
	}
	*ret = value;
	return *p != start;
}

/* One element: N, N-M, N-M:used/group. */
static int element(const char **p, struct tt_cpus *set)
{
	unsigned first, last, used = 1, group = 1;
	if (!number(p, &first))
		return -EINVAL;
	last = first;
	if (**p == '-') {
		(*p)++;
		if (!number(p, &last) || last < first)
			return -EINVAL;
		if (**p == ':') {
			(*p)++;
			if (!number(p, &used) || **p != '/')
				return -EINVAL;
			(*p)++;
			if (!number(p, &group) || group == 0 || used == 0 || used > group)
				return -EINVAL;
		}
	}
	if (last >= TT_CPUS_MAX)
		return -EINVAL;
	for (unsigned cpu = first; cpu <= last; cpu++)
		if ((cpu - first) % group < used)
			set->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
	return 0;
}

int tt_cpus_parse(const char *text, struct tt_cpus *ret)
{
	struct tt_cpus set = {{0}};
	const char *p = text + strspn(text, " \t");
	while (*p && *p != '\n' && *p != ' ' && *p != '\t') {
		if (element(&p, &set) < 0)
			return -EINVAL;
		if (*p == ',' && p[1] >= '0' && p[1] <= '9')
			p++;
		else if (*p && *p != '\n' && *p != ' ' && *p != '\t')
			return -EINVAL;
	}
	if (p[strspn(p, " \t\n")])
		return -EINVAL;
	*ret = set;
	return 0;
}

unsigned tt_cpus_count(const struct tt_cpus *set)
{
	unsigned count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(set->bits); i++)
		count += (unsigned)__builtin_popcountll(set->bits[i]);
	return count;
}

bool tt_cpus_has(const struct tt_cpus *set, unsigned cpu)
{
	return cpu < TT_CPUS_MAX && (set->bits[cpu / 64] >> (cpu % 64) & 1);
}

void tt_cpus_and(struct tt_cpus *set, const struct tt_cpus *other)
{
	for (size_t i = 0; i < ARRAY_SIZE(set->bits); i++)
		set->bits[i] &= other->bits[i];
}

int tt_cpus_format(const struct tt_cpus *set, struct tt_buf *out)
{
	const char *comma = "";
	for (unsigned cpu = 0; cpu < TT_CPUS_MAX; cpu++) {
		if (!tt_cpus_has(set, cpu))
			continue;
		unsigned first = cpu;
		while (tt_cpus_has(set, cpu + 1))
			cpu++;
		if (first == cpu)
			tt_buf_printf(out, "%s%u", comma, cpu);
		else
			tt_buf_printf(out, "%s%u-%u", comma, first, cpu);
		comma = ",";
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
