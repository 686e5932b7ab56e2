/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits_parse.c - the formats of single files of control groups and of /proc (limits.h). Untrusted text; no files here. */
#include <errno.h>
#include <string.h>

#include "lib/proc/limits.h"
#include "lib/util/parse.h"

#define PERIOD_US_DEFAULT 100000 /* the kernel's default */

/* Copies the word at *p (ended by a blank, a newline or the end) and moves behind it and blanks. False: none, or too long. */
static bool word(const char **p, char *out, size_t size)
{
	size_t len = strcspn(*p, " \t\n");
	if (len == 0 || len >= size)
		return false;
	memcpy(out, *p, len);
	out[len] = '\0';
	*p += len;
	*p += strspn(*p, " \t");
	return true;
}

/* Decimal digits alone: no sign, no blanks, no 0x. */
static int plain_number(const char *text, uint64_t *ret)
{
	if (text[strspn(text, "0123456789")])
		return -EINVAL;
	return tt_parse_u64(text, 0, UINT64_MAX - 1, ret, NULL) < 0 ? -EINVAL : 0;
}

static bool only_newlines(const char *p)
{
	return p[strspn(p, "\n")] == '\0';
}

int tt_limits_parse_number(const char *text, uint64_t *ret)
{
	char number[32];
	const char *p = text;
	if (!word(&p, number, sizeof(number)) || !only_newlines(p))
		return -EINVAL;
	if (strcmp(number, "max") == 0 || strcmp(number, "-1") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return plain_number(number, ret);
}

int tt_limits_parse_cpu_max(const char *text, uint64_t *quota_us, uint64_t *period_us)
{
	char quota[32], period[32];
	const char *p = text;
	uint64_t q = UINT64_MAX, t = PERIOD_US_DEFAULT;
	if (!word(&p, quota, sizeof(quota)))
		return -EINVAL;
	if (strcmp(quota, "max") != 0 && plain_number(quota, &q) < 0)
		return -EINVAL;
	if (*p != '\n' && *p && (!word(&p, period, sizeof(period)) || plain_number(period, &t) < 0))
		return -EINVAL;
	if (!only_newlines(p) || q == 0 || t == 0)
		return -EINVAL;
	*quota_us = q;
	*period_us = t;
	return 0;
}

bool tt_limits_parse_key(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);
	for (const char *p = text; *p;) {
		if (strncmp(p, key, len) == 0 && p[len] == ' ') {
			char number[32];
			const char *value = p + len + 1;
			return word(&value, number, sizeof(number)) && plain_number(number, ret) == 0;
		}
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
	return false;
}

/* "avg10=1.25" at *p into *ret, when it is called so. */
static bool average(const char **p, const char *name, double *ret)
{
	char text[48];
	size_t len = strlen(name);
	if (!word(p, text, sizeof(text)) || strncmp(text, name, len) != 0 || text[len] != '=')
		return false;
	return tt_parse_double(text + len + 1, 0, 1000, ret, NULL) == 0;
}

bool tt_limits_parse_pressure(const char *text, struct tt_pressure *ret)
{
	struct tt_pressure got = {.known = true};
	char total[48];
	if (strncmp(text, "some ", 5) != 0)
		return false;
	const char *p = text + 5;
	if (!average(&p, "avg10", &got.some_avg10) || !average(&p, "avg60", &got.some_avg60) ||
		!average(&p, "avg300", &got.some_avg300) || !word(&p, total, sizeof(total)) ||
		strncmp(total, "total=", 6) != 0 || plain_number(total + 6, &got.some_total_us) < 0)
		return false;
	*ret = got;
	return true;
}

bool tt_limits_parse_rlimit(const char *text, const char *name, uint64_t *ret)
{
	size_t len = strlen(name);
	for (const char *p = text; *p;) {
		if (strncmp(p, name, len) == 0 && p[len] == ' ') {
			char soft[32];
			p += len + strspn(p + len, " ");
			if (!word(&p, soft, sizeof(soft)))
				return false;
			if (strcmp(soft, "unlimited") != 0)
				return plain_number(soft, ret) == 0;
			*ret = UINT64_MAX;
			return true;
		}
		p = strchrnul(p, '\n');
		p += *p == '\n';
	}
	return false;
}
