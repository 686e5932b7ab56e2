/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * life.h - does the process that wrote a recording still live? Which tasks has it? Asks /proc. Called by header.c, find.c,
 * live.c and glance.c.
 */
#ifndef TT_REC_LIFE_H
#define TT_REC_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/rec/reader.h"
#include "lib/util/vec.h"

/*
 * state: header.state. pid and start_ticks (0: not known) as the process itself saw them, pid_ns: inode of its pid namespace
 * (0: not known). TT_REC_UNKNOWN when it belongs to another pid namespace than ours.
 */
enum tt_rec_life tt_life_of(uint32_t state, uint32_t pid, uint64_t start_ticks, uint64_t pid_ns);

/* Field 22 of /proc/PID/stat; *zombie (may be NULL) tells that it is dead and not reaped. 0 or -errno. */
int tt_life_start_ticks(uint32_t pid, uint64_t *ret, bool *zombie);

/*
 * The tids of a process, ascending, without a leader that has ended; `known` tells a list from none. asleep: all of them were,
 * by their state in /proc. A thread that was woken and has no processor yet is not, whatever its recording says. Zeroed at
 * first.
 */
struct tt_life_tasks {
	bool known, asleep;
	TT_VEC(uint32_t) tids;
};
void tt_life_tasks_deinit(struct tt_life_tasks *tasks);

/* Fills *ret, which is empty. states: asleep is wanted, a file for each task. 0 or -errno. */
int tt_life_list_tasks(uint32_t pid, bool states, struct tt_life_tasks *ret);
bool tt_life_has_task(const struct tt_life_tasks *tasks, uint32_t tid);

uint64_t tt_life_now_ns(void); /* CLOCK_MONOTONIC */

#endif
