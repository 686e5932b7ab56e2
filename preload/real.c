/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real.c - finds the functions behind the hooks.
 *
 * In one pass, early, never inside a lock, without dlerror: dlsym may call into a preloaded allocator (README.md, "Resolving").
 */
#include "preload/real.h"

struct tt_real tt_real;
bool tt_real_ready;

/*
 * Never a tail call: the loader finds "next" by the return address, which must lie in this library.
 * -fno-optimize-sibling-calls sees to it for the whole shim; noinline keeps the frame.
 */
static __attribute__((noinline)) void *find(const char *name, const char *version)
{
	void *p = version[0] ? dlvsym(RTLD_NEXT, name, version) : NULL;
	if (!p)
		p = dlsym(RTLD_NEXT, name);
	return p;
}

bool tt_real_resolve(void)
{
	enum { required, optional };
	static const struct {
		const char *name, *version;
		void **to;
		int need;
	} rows[] = {
#define HOOK(name, version, need, family) {#name, version, (void **)&tt_real.name, need},
#include "preload/hooks.def"
	};
	bool all = true;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *p = find(rows[i].name, rows[i].version);
		if (p)
			*rows[i].to = p;
		else if (rows[i].need == required)
			all = false;
	}
	tt_real_ready = all;
	return all;
}
