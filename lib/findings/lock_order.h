/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lock_order.h - what the two files of the lock-order rules share: lock_order.c finds and fills, lock_order_words.c words.
 * Not for others.
 */
#ifndef TT_FINDINGS_LOCK_ORDER_H
#define TT_FINDINGS_LOCK_ORDER_H

#include "lib/findings/detect.h"
#include "lib/model/order.h"

/* One step of a cycle, in words. Texts belong to the set. */
struct order_words {
	const char *thread;   /* "worker (4711)", or "a thread that was not noted" */
	const char *function; /* that asks */
	const char *where;    /* the same with file and line */
	const char *held, *wanted;
	const char *held_class; /* without an address: the same for all locks of the class */
};

const char *order_title(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w);
const char *order_advice(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w);

/* Why a possible deadlock is no more certain than that. Sets the confidence. */
const char *order_confidence(const struct tt_detect *d, const struct tt_order_cycle *c, enum tt_confidence *ret);

/* Why a cycle cannot close: a sentence of evidence, and the short form that the title ends with. */
const char *order_reason(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w);
const char *order_short_reason(const struct tt_order_cycle *c);

#endif
