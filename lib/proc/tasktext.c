/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tasktext.c - reads the texts of /proc/PID/task/TID (tasktext.h). */
#include "lib/proc/tasktext.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/attrs.h"

/* Digits at *p after blanks; *p moves behind them. False when there is none. */
static bool number(const char **p, uint64_t *ret)
{
	const char *c = *p;
	uint64_t value = 0;
	while (*c == ' ' || *c == '\t')
		c++;
	if (*c < '0' || *c > '9')
		return false;
	for (; *c >= '0' && *c <= '9'; c++)
		value = value * 10 + (uint64_t)(*c - '0');
	*p = c;
	*ret = value;
	return true;
}

int tt_schedstat_parse(const char *text, struct tt_schedstat *ret)
{
	if (!number(&text, &ret->run_ns) || !number(&text, &ret->wait_ns) || !number(&text, &ret->slices))
		return -EINVAL;
	return 0;
}

static bool signed_number(const char **p, int64_t *ret)
{
	const char *c = *p;
	uint64_t value;
	while (*c == ' ')
		c++;
	bool minus = *c == '-';
	c += minus;
	if (!number(&c, &value))
		return false;
	*p = c;
	*ret = minus ? -(int64_t)value : (int64_t)value;
	return true;
}

int tt_stat_parse(const char *text, struct tt_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	int64_t field[42]; /* numbered as in proc(5), from 4 = ppid */
	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -EINVAL;
	size_t len = (size_t)(close - open - 1);
	if (len >= sizeof(ret->name))
		len = sizeof(ret->name) - 1;
	memcpy(ret->name, open + 1, len);
	ret->name[len] = 0;
	ret->state = close[2];
	const char *p = close + 3;
	for (int i = 4; i <= 41; i++)
		if (!signed_number(&p, &field[i]))
			return -EINVAL;
	ret->ppid = (uint32_t)field[4];
	ret->flags = (uint32_t)field[9];
	ret->minor_faults = (uint64_t)field[10];
	ret->major_faults = (uint64_t)field[12];
	ret->user_ticks = (uint64_t)field[14];
	ret->system_ticks = (uint64_t)field[15];
	ret->children_ticks = (uint64_t)(field[16] + field[17]);
	ret->priority = (int32_t)field[18];
	ret->nice = (int32_t)field[19];
	ret->start_ticks = (uint64_t)field[22];
	ret->cpu = (uint32_t)field[39];
	ret->rt_priority = (uint32_t)field[40];
	ret->policy = (uint32_t)field[41];
	return 0;
}

/* The value behind "\nkey:" (or the first line), NULL when there is no such line. */
static const char *line_of(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, len) == 0 && p[len] == ':')
			return p + len + 1;
	}
	return NULL;
}

static bool named_number(const char *text, const char *key, uint64_t *ret)
{
	const char *p = line_of(text, key);
	return p && number(&p, ret);
}

int tt_status_parse(const char *text, struct tt_status *ret)
{
	uint64_t real, effective;
	*ret = (struct tt_status){0};
	const char *uid = line_of(text, "Uid");
	if (!uid || !number(&uid, &real) || !number(&uid, &effective))
		return -EINVAL;
	ret->uid = (uint32_t)effective;
	named_number(text, "voluntary_ctxt_switches", &ret->voluntary);
	named_number(text, "nonvoluntary_ctxt_switches", &ret->involuntary);
	const char *list = line_of(text, "Cpus_allowed_list");
	if (list) {
		list += strspn(list, " \t");
		size_t len = strcspn(list, "\n");
		bool cut = len >= sizeof(ret->affinity);
		if (cut)
			len = sizeof(ret->affinity) - 4;
		memcpy(ret->affinity, list, len);
		memcpy(ret->affinity + len, cut ? "..." : "", cut ? 4 : 1);
	}
	return 0;
}

int tt_io_parse(const char *text, struct tt_io *ret)
{
	bool good = named_number(text, "rchar", &ret->rchar) && named_number(text, "wchar", &ret->wchar) &&
	            named_number(text, "read_bytes", &ret->read_bytes) && named_number(text, "write_bytes", &ret->write_bytes);
	return good ? 0 : -EINVAL;
}

const char *tt_container_id(const char *cgroup, char ret[13])
{
	const char *found = NULL;
	for (const char *p = cgroup; *p;) {
		size_t run = strspn(p, "0123456789abcdef");
		if (run >= 32 && run <= 64)
			found = p;
		p += run ? run : 1;
	}
	if (!found)
		return NULL;
	memcpy(ret, found, 12);
	ret[12] = 0;
	return ret;
}
