/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.c - THREADCHECK_OPTIONS=key=value:key=value. A value may be quoted ("..." or '...') to hold a colon.
 *
 * Never prints: a setting that is not understood keeps its default, and the text stands in the recording's header for
 * threadreport to complain about.
 */
#include "preload/shim.h"

enum kind { SIZE, TIME, COUNT, BOOL, HOLD };

static bool word_is(const char *at, size_t len, const char *word)
{
	return __builtin_strlen(word) == len && __builtin_memcmp(at, word, len) == 0;
}

static bool unit_scale(enum kind kind, const char *unit, size_t len, uint64_t *scale)
{
	static const struct {
		enum kind kind;
		const char *unit;
		uint64_t scale;
	} units[] = {
		{SIZE, "", 1},
		{SIZE, "K", 1u << 10},
		{SIZE, "k", 1u << 10},
		{SIZE, "M", 1u << 20},
		{SIZE, "m", 1u << 20},
		{SIZE, "G", 1u << 30},
		{SIZE, "g", 1u << 30},
		{TIME, "", 1000000},
		{TIME, "ns", 1},
		{TIME, "us", 1000},
		{TIME, "ms", 1000000},
		{TIME, "s", 1000000000},
		{COUNT, "", 1},
		{HOLD, "", 1},
	};
	for (unsigned i = 0; i < ARRAY_SIZE(units); i++)
		if (units[i].kind == kind && word_is(unit, len, units[i].unit)) {
			*scale = units[i].scale;
			return true;
		}
	return false;
}

static void set_number(uint64_t *to, enum kind kind, const char *v, size_t len)
{
	if (kind == HOLD && word_is(v, len, "exact")) {
		*to = 1;
		return;
	}
	if (kind == HOLD && word_is(v, len, "sampled")) {
		*to = TT_HOLD_PERIOD_USUAL;
		return;
	}
	if (kind == BOOL) {
		if (word_is(v, len, "1") || word_is(v, len, "yes") || word_is(v, len, "true") || word_is(v, len, "on"))
			*to = 1;
		else if (word_is(v, len, "0") || word_is(v, len, "no") || word_is(v, len, "false") || word_is(v, len, "off"))
			*to = 0;
		return;
	}
	uint64_t n = 0, scale;
	size_t i = 0;
	while (i < len && v[i] >= '0' && v[i] <= '9') {
		if (n > UINT64_MAX / 20)
			return;
		n = n * 10 + (uint64_t)(v[i++] - '0');
	}
	if (i == 0 || !unit_scale(kind, v + i, len - i, &scale) || n > UINT64_MAX / scale)
		return;
	*to = n * scale;
}

static void set_text(char *to, size_t size, const char *v, size_t len)
{
	if (len >= size)
		return;
	__builtin_memcpy(to, v, len);
	to[len] = '\0';
}

static void set_key(struct tt_options *o, const char *key, size_t key_len, const char *v, size_t len)
{
#define OPTION(field, name, kind, def, help) \
	if (word_is(key, key_len, name))     \
		set_number(&o->field, kind, v, len);
#define OPTION_TEXT(field, name, help)   \
	if (word_is(key, key_len, name)) \
		set_text(o->field, sizeof(o->field), v, len);
#include "preload/options.def"
}

/* text may be NULL. */
void tt_options_parse(struct tt_options *o, const char *text)
{
#define OPTION(field, name, kind, def, help) o->field = def;
#define OPTION_TEXT(field, name, help)       o->field[0] = '\0';
#include "preload/options.def"
	while (text && *text) {
		const char *key = text;
		while (*text && *text != '=' && *text != ':')
			text++;
		size_t key_len = (size_t)(text - key);
		if (*text == '=') {
			const char *v = ++text;
			char quote = *v == '"' || *v == '\'' ? *v : '\0';
			if (quote) {
				v = ++text;
				while (*text && *text != quote)
					text++;
			} else {
				while (*text && *text != ':')
					text++;
			}
			set_key(o, key, key_len, v, (size_t)(text - v));
			if (quote && *text)
				text++;
		}
		while (*text && *text != ':')
			text++;
		if (*text)
			text++;
	}
	if (o->stack_depth > 40)
		o->stack_depth = 40;
	if (o->stack_depth < 1)
		o->stack_depth = 1;
	if (o->hold < 1)
		o->hold = 1;
	if (o->hold > TT_HOLD_PERIOD_MAX)
		o->hold = TT_HOLD_PERIOD_MAX;
	if (o->max_size < (1u << 20))
		o->max_size = 1u << 20;
	if (o->max_size > (UINT64_C(32) << 30))
		o->max_size = UINT64_C(32) << 30;
	if (o->events > o->max_size / 4)
		o->events = o->max_size / 4;
	if (o->events > (UINT64_C(512) * TTREC_EVENT_SEGMENT))
		o->events = UINT64_C(512) * TTREC_EVENT_SEGMENT;
}
