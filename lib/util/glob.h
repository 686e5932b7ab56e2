/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * glob.h - shell patterns that cannot be made slow: time is at most pattern times text, whatever a target calls its functions.
 * What it is not: fnmatch(), which depends on the locale and may take exponential time. Called by the suppressions.
 */
#ifndef TT_UTIL_GLOB_H
#define TT_UTIL_GLOB_H

#include <stdbool.h>

#include "lib/util/buf.h"

/*
 * True when the whole of text matches: * any bytes, ? one character, [a-z] and [!a-z] one byte of a set, backslash: the next
 * byte as it is. A [ without its ] stands for itself. Letters of different case differ.
 */
bool tt_glob_match(const char *pattern, const char *text);

/* True when a pattern has one of * ? [ outside a backslash: it can match more than one text. */
bool tt_glob_is_pattern(const char *pattern);

/* Appends a pattern that matches text: its special characters get a backslash, controls and invalid bytes become ?. */
int tt_glob_quote(struct tt_buf *out, const char *text);

#endif
