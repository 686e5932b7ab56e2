/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * names.c - words for the enumerations of the recording, and what kind of thing each operation is.
 */
#include "lib/model/model.h"

#define NAME_ROW(name, value, text) [value] = text,
#define NAME_TABLE(fn, type, rows, max)                                \
	const char *fn(type v)                                         \
	{                                                              \
		static const char *const names[max] = {rows};          \
		return (unsigned)v < max && names[v] ? names[v] : "?"; \
	}
#define NAMES(list) list(NAME_ROW)

NAME_TABLE(tt_kind_name, enum ttrec_kind, NAMES(TTREC_KINDS), TTREC_KIND_MAX)
NAME_TABLE(tt_op_name, enum ttrec_op, NAMES(TTREC_OPS), TTREC_OP_MAX)
NAME_TABLE(tt_type_name, enum ttrec_type, NAMES(TTREC_TYPES), TTREC_TYPE_MAX)
NAME_TABLE(tt_wait_class_name, enum ttrec_wait_class, NAMES(TTREC_WAITS), TTREC_WAIT_MAX)
NAME_TABLE(tt_thread_state_name, enum ttrec_thread_state, NAMES(TTREC_THREAD_STATES), TTREC_THREAD_STATE_MAX)
NAME_TABLE(tt_misuse_name, enum ttrec_misuse_type, NAMES(TTREC_MISUSES), TTREC_MISUSE_MAX)
NAME_TABLE(tt_call_name, enum ttrec_call, NAMES(TTREC_CALLS), TTREC_CALL_MAX)
NAME_TABLE(tt_event_name, enum ttrec_event_type, NAMES(TTREC_EVENTS), TTREC_EVENT_MAX)

const char *tt_end_name(enum tt_end end)
{
	static const char *const names[] = {
		[TT_END_RUNNING] = "running",
		[TT_END_EXITED] = "exited",
		[TT_END_FORCED] = "forced",
		[TT_END_EXEC] = "exec",
		[TT_END_ABORTED] = "aborted",
		[TT_END_KILLED] = "killed",
		[TT_END_UNKNOWN] = "unknown",
	};
	return (unsigned)end < sizeof(names) / sizeof(names[0]) ? names[end] : "?";
}

enum { ACQUIRE = 1, SHARED = 2, TRY = 4, TIMED = 8 };

static unsigned op_traits(enum ttrec_op op)
{
	static const unsigned char traits[TTREC_OP_MAX] = {
		[TTREC_OP_LOCK] = ACQUIRE,
		[TTREC_OP_TRYLOCK] = ACQUIRE | TRY,
		[TTREC_OP_TIMEDLOCK] = ACQUIRE | TIMED,
		[TTREC_OP_RDLOCK] = ACQUIRE | SHARED,
		[TTREC_OP_TRYRDLOCK] = ACQUIRE | SHARED | TRY,
		[TTREC_OP_TIMEDRDLOCK] = ACQUIRE | SHARED | TIMED,
		[TTREC_OP_SEM_WAIT] = ACQUIRE,
		[TTREC_OP_SEM_TRYWAIT] = ACQUIRE | TRY,
		[TTREC_OP_SEM_TIMEDWAIT] = ACQUIRE | TIMED,
		[TTREC_OP_COND_TIMEDWAIT] = TIMED,
	};
	return (unsigned)op < TTREC_OP_MAX ? traits[op] : 0;
}

bool tt_op_is_acquire(enum ttrec_op op)
{
	return op_traits(op) & ACQUIRE;
}

bool tt_op_is_shared(enum ttrec_op op)
{
	return op_traits(op) & SHARED;
}

bool tt_op_is_try(enum ttrec_op op)
{
	return op_traits(op) & TRY;
}

bool tt_op_is_timed(enum ttrec_op op)
{
	return op_traits(op) & TIMED;
}
