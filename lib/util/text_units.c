/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text_units.c - numbers with units for people: the tt_num functions of text.h. */
#include "lib/util/text.h"

#include "lib/core/attrs.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_SEC UINT64_C(1000000000)

/* Decimals that leave three significant digits of v. The limits sit where rounding would add a digit. */
static int decimals_for(double v)
{
	return v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
}

/* n scaled by `step` until it rounds below `step`; the first unit is printed as an integer. */
static struct tt_num scaled(uint64_t n, double step, const char *const *units, size_t count)
{
	struct tt_num out;
	if ((double)n < step) {
		snprintf(out.s, sizeof(out.s), "%" PRIu64 "%s", n, units[0]);
		return out;
	}
	double v = (double)n;
	size_t unit = 0;
	while (unit + 1 < count && v >= step - 0.5) {
		v /= step;
		unit++;
	}
	snprintf(out.s, sizeof(out.s), "%.*f%s", decimals_for(v), v, units[unit]);
	return out;
}

struct tt_num tt_ns(uint64_t ns)
{
	static const char *const utf8_units[] = {" ns", " \xc2\xb5s", " ms", " s"};
	static const char *const ascii_units[] = {" ns", " us", " ms", " s"};
	if (ns == 0)
		return (struct tt_num){"0 s"};
	if (ns < NS_PER_SEC * 60 - NS_PER_SEC / 20)
		return scaled(ns, 1000, tt_text_utf8() ? utf8_units : ascii_units, ARRAY_SIZE(utf8_units));

	struct tt_num out;
	uint64_t sec = ns / NS_PER_SEC + (ns % NS_PER_SEC >= NS_PER_SEC / 2);
	uint64_t min = sec / 60, hour = min / 60;
	if (hour == 0)
		snprintf(out.s, sizeof(out.s), "%" PRIu64 "m %02" PRIu64 "s", min, sec % 60);
	else if (hour < 24)
		snprintf(out.s, sizeof(out.s), "%" PRIu64 "h %02" PRIu64 "m", hour, min % 60);
	else
		snprintf(out.s, sizeof(out.s), "%" PRIu64 "d %02" PRIu64 "h", hour / 24, hour % 24);
	return out;
}

struct tt_num tt_count(uint64_t n)
{
	static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
	return scaled(n, 1000, units, ARRAY_SIZE(units));
}

struct tt_num tt_bytes(uint64_t bytes)
{
	static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
	return scaled(bytes, 1024, units, ARRAY_SIZE(units));
}

struct tt_num tt_pct(uint64_t part, uint64_t whole)
{
	if (whole == 0)
		return (struct tt_num){"-"};
	if (part == 0)
		return (struct tt_num){"0 %"};
	struct tt_num out;
	double pct = 100.0 * (double)part / (double)whole;
	if (pct < 0.05)
		return (struct tt_num){"<0.1 %"};
	if (part < whole && pct >= 99.5)
		snprintf(out.s, sizeof(out.s), "%.1f %%", pct < 99.9 ? pct : 99.9);
	else
		snprintf(out.s, sizeof(out.s), "%.*f %%", pct < 9.95, pct);
	return out;
}
