/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vec.c - the one function behind vec.h. */
#include "lib/util/vec.h"

#include <stdint.h>

int tt_vec_grow(void **data, size_t *cap, size_t want, size_t size)
{
	if (want <= *cap)
		return 0;
	size_t room = *cap < 8 ? 8 : *cap + *cap / 2;
	if (room < want)
		room = want;
	if (room > SIZE_MAX / 2 / size)
		return -ENOMEM;
	void *p = realloc(*data, room * size);
	if (!p)
		return -ENOMEM;
	*data = p;
	*cap = room;
	return 0;
}
