/* SPDX-License-Identifier: GPL-3.0-or-later */
/* footprint.c - memory of a process (footprint.h). */
#include "lib/proc/footprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"

bool tt_footprint_parse(const char *text, const char *key, uint64_t *ret_bytes)
{
	size_t len = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		char *end;
		unsigned long long kib = strtoull(line + len + 1, &end, 10);
		*ret_bytes = kib * 1024;
		return end != line + len + 1 && strncmp(end, " kB", 3) == 0;
	}
	return false;
}

bool tt_footprint_read(pid_t pid, struct tt_footprint *ret)
{
	static const char *const parts[] = {"Private_Clean", "Private_Dirty", "Private_Hugetlb"};
	char path[64], text[4096];
	uint64_t part;
	bool any = false;
	*ret = (struct tt_footprint){.private_bytes = 0};
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	if (proc_read(path, text, sizeof(text)) > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
			if (!tt_footprint_parse(text, parts[i], &part))
				continue;
			ret->private_bytes += part;
			any = true;
		}
		tt_footprint_parse(text, "Pss", &ret->pss_bytes);
	}
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (proc_read(path, text, sizeof(text)) <= 0)
		return any;
	tt_footprint_parse(text, "VmPTE", &ret->page_table_bytes);
	if (any)
		return true;
	ret->rough = true;
	return tt_footprint_parse(text, "RssAnon", &ret->private_bytes);
}
