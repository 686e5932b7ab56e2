/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * life.h - does the process that wrote a recording still live? Asks /proc. Called by header.c and find.c.
 */
#ifndef TT_REC_LIFE_H
#define TT_REC_LIFE_H

#include <stdint.h>

#include "lib/rec/reader.h"

/*
 * state: header.state. pid and start_ticks (0: not known) as the process itself saw them, pid_ns: inode of its pid namespace
 * (0: not known). TT_REC_UNKNOWN when it belongs to another pid namespace than ours.
 */
enum tt_rec_life tt_life_of(uint32_t state, uint32_t pid, uint64_t start_ticks, uint64_t pid_ns);

/* Field 22 of /proc/PID/stat; *zombie (may be NULL) tells that it is dead and not reaped. 0 or -errno. */
int tt_life_start_ticks(uint32_t pid, uint64_t *ret, bool *zombie);

#endif
