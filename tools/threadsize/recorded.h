/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recorded.h - what the recorder saw of a command that threadsize ran: waits of its threads for locks and for work, exactly,
 * and which threads belong together. Called by measure.c.
 */
#ifndef TT_THREADSIZE_RECORDED_H
#define TT_THREADSIZE_RECORDED_H

#include "lib/launch/child.h"
#include "lib/launch/session.h"
#include "lib/model/model.h"
#include "lib/proc/pools.h"
#include "lib/util/hmap.h"

struct recorded {
	struct tt_session session;
	struct tt_environment env;
	struct tt_model *model;
	const struct tt_process *process; /* the command's own; NULL: it left no recording */
	struct tt_hmap by_tid;            /* tid -> its struct tt_thread */
	bool seen;
};

/* Makes the folder and the environment of the command. 0 or -errno. */
int recorded_prepare(struct recorded *r, struct tt_err *err);

/* Reads the recordings when the command has ended. 0 or -errno; that there is none is no error: see seen. */
int recorded_read(struct recorded *r, const struct tt_child_result *child, struct tt_err *err);

/* For tt_pools_finish(); ctx: the struct. */
bool recorded_thread(void *ctx, pid_t tid, struct tt_pools_record *ret);

/* Of the computing of the pools that wait for locks: the share under the hottest lock, 0..1. 0: none matters. */
double recorded_lock_share(const struct recorded *r, const struct tt_pools *pools);

/* Also removes the folder. */
void recorded_deinit(struct recorded *r);

#endif
