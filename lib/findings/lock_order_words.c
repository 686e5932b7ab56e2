/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lock_order_words.c - titles, reasons and advice of the lock-order rules. Judges nothing: lib/model/order.h did.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/findings/lock_order.h"
#include "lib/util/buf.h"

#define NAMED 4 /* locks or functions named in a title */

/* ------------------------------------------------------------------ lists */

enum word { WORD_FUNCTION, WORD_LOCK };

static const char *word_of(const struct order_words *w, enum word which)
{
	return which == WORD_FUNCTION ? w->function : w->held_class;
}

static bool said(const struct order_words *w, unsigned i, enum word which)
{
	for (unsigned k = 0; k < i; k++)
		if (strcmp(word_of(&w[k], which), word_of(&w[i], which)) == 0)
			return true;
	return false;
}

static unsigned different(const struct tt_order_cycle *c, const struct order_words *w, enum word which)
{
	unsigned n = 0;
	for (unsigned i = 0; i < c->length && n <= NAMED; i++)
		n += !said(w, i, which);
	return n;
}

/* "a, b and c", each once; "a, b, c, d and more". */
static const char *list(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w, enum word which)
{
	TT_BUF_AUTO(text);
	unsigned n = different(c, w, which), k = 0;
	for (unsigned i = 0; i < c->length && k < NAMED; i++) {
		if (said(w, i, which))
			continue;
		const char *between = k == 0 ? "" : k + 1 == n ? " and " : ", ";
		tt_buf_printf(&text, "%s%s", between, word_of(&w[i], which));
		k++;
	}
	if (n > NAMED)
		tt_buf_printf(&text, " and more");
	if (tt_buf_failed(&text))
		d->set->failed = true;
	return tt_findings_text(d->set, "%s", tt_buf_str(&text));
}

/* ------------------------------------------------------------------ titles */

static const char *subject(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w)
{
	const char *who = list(d, c, w, WORD_FUNCTION), *locks = list(d, c, w, WORD_LOCK);
	unsigned functions = different(c, w, WORD_FUNCTION), classes = different(c, w, WORD_LOCK);
	const char *s = functions == 1 ? "s" : "";
	if (classes == 1 && c->length == 2)
		return tt_findings_text(d->set, "%s take%s two locks of one kind (%s) in both orders", who, s, locks);
	if (classes == 1)
		return tt_findings_text(d->set, "%s take%s %u locks of one kind (%s) in a ring", who, s, c->length, locks);
	if (c->length == 2)
		return tt_findings_text(
			d->set, "%s take%s %s in %s", who, s, locks, functions == 1 ? "both orders" : "opposite order");
	return tt_findings_text(d->set, "%s take%s %u locks in a ring: %s", who, s, c->length, locks);
}

const char *order_short_reason(const struct tt_order_cycle *c)
{
	if (c->why & TT_ORDER_GATE)
		return "but never at once: a common lock is held";
	if (c->why & TT_ORDER_TRY)
		return "but without waiting: a trylock is one of the steps";
	if (c->why & TT_ORDER_WAITS)
		return "but only coming back from condition waits, which cannot all be";
	if (c->why & TT_ORDER_THREAD)
		return "but only within one thread";
	return "but one after the other, by create and join";
}

const char *order_title(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w)
{
	const char *what = subject(d, c, w);
	return c->why ? tt_findings_text(d->set, "%s, %s", what, order_short_reason(c)) : what;
}

/* ------------------------------------------------------------------ why it is left out */

static const char *gate_reason(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w)
{
	const struct tt_dep_held *a = c->gate[0], *b = c->gate[1];
	if (!a || !b)
		return order_short_reason(c);
	return tt_findings_text(d->set, "%s and %s both hold %s meanwhile, taken in %s and %s: one of them is in at a time",
		w[c->pair[0]].thread, w[c->pair[1]].thread, tt_detect_lock_name(d, a->lock->class),
		tt_detect_where(d, a->site, NULL), tt_detect_where(d, b->site, NULL));
}

static const char *time_reason(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w)
{
	const char *first = w[c->pair[0]].thread, *second = w[c->pair[1]].thread;
	const char *link = "whoever created or joined them";
	if (c->link_thread)
		link = tt_findings_text(
			d->set, "%s", tt_detect_thread_name(d, c->process, c->link_thread, c->link_thread->serial));
	switch (c->link) {
	case TT_LINK_CREATE:
		return tt_findings_text(d->set, "%s was past it before %s was created", first, second);
	case TT_LINK_JOIN:
		return tt_findings_text(d->set, "%s did it after %s had been joined", second, first);
	case TT_LINK_BETWEEN:
		return tt_findings_text(d->set, "%s was joined before %s was created (by %s)", first, second, link);
	case TT_LINK_NONE:
		break;
	}
	return "no choice of the threads that were seen lets all steps happen at once: some were joined before others were "
	       "created";
}

const char *order_reason(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w)
{
	if (c->why & TT_ORDER_GATE)
		return gate_reason(d, c, w);
	if (c->why & TT_ORDER_TRY) {
		for (unsigned i = 0; i < c->length; i++)
			if (c->steps[i].dep->is_try)
				return tt_findings_text(
					d->set, "%s asks for %s with a trylock, which never waits", w[i].where, w[i].wanted);
	}
	if (c->why & TT_ORDER_WAITS)
		return "each step takes a mutex again after a condition wait, which it held when the wait began: whoever began "
		       "last cannot have met one that held it since before";
	if (c->why & TT_ORDER_THREAD)
		return tt_findings_text(d->set, "%s did both: a thread does not wait for itself here", w[c->pair[0]].thread);
	return time_reason(d, c, w);
}

/* ------------------------------------------------------------------ confidence */

const char *order_confidence(const struct tt_detect *d, const struct tt_order_cycle *c, enum tt_confidence *ret)
{
	*ret = c->doubts ? TT_POSSIBLE : TT_LIKELY;
	if (c->doubts & TT_ORDER_TIMED)
		return "a step waits with a deadline only: the threads get stuck until then, not for ever";
	if (c->doubts & TT_ORDER_STACK)
		return "a lock of it lies on a stack, and none sees such locks come and go: it may have been several, one "
		       "after "
		       "another";
	if (c->doubts & TT_ORDER_SEMAPHORE)
		return "a semaphore is used as a lock here, as far as was seen: it could be given back by another thread";
	if (c->doubts & TT_ORDER_WRITER)
		return "it needs a writer that waits between two readers, which this kind of read-write lock does not let pass";
	if (c->doubts & TT_ORDER_UNNAMED)
		return "more threads took these locks than were noted, and the noted ones alone are too few";
	if (c->doubts & TT_ORDER_BETWEEN)
		return "a thread of it did its step between many threads that it created and joined; which of them lived then "
		       "is not known in full";
	if (c->doubts & TT_ORDER_LINEAGE)
		return "who created or joined these threads was not seen in full: they may never run at once";
	return tt_findings_text(d->set,
		"every step was seen in this run, by %u threads that no create or join keeps apart; only the timing was lucky",
		c->length);
}

/* ------------------------------------------------------------------ advice */

/* The step to change: the one that fewer threads did, then the later one. */
static unsigned odd_one(const struct tt_order_cycle *c)
{
	unsigned odd = 0;
	for (unsigned i = 1; i < c->length; i++) {
		const struct tt_dep *a = c->steps[i].dep, *b = c->steps[odd].dep;
		if (a->seen != b->seen ? a->seen < b->seen : a->first_ns > b->first_ns)
			odd = i;
	}
	return odd;
}

const char *order_advice(const struct tt_detect *d, const struct tt_order_cycle *c, const struct order_words *w)
{
	if (c->doubts & TT_ORDER_WRITER)
		return "Do not take a read-write lock of this kind for reading while holding another that is taken the other "
		       "way "
		       "round; or use the default kind, which lets readers pass.";
	if (different(c, w, WORD_LOCK) == 1)
		return "Take locks of one kind in one order, by address or by index; where both are known beforehand, "
		       "std::scoped_lock (std::lock) takes them without an order.";
	const struct order_words *o = &w[odd_one(c)];
	return tt_findings_text(d->set,
		"Take %s before %s everywhere: change %s, which asks for %s while it holds %s. Where that cannot be, use "
		"trylock there, "
		"and on failure let %s go and begin again.",
		o->wanted, o->held, o->where, o->wanted, o->held, o->held);
}
