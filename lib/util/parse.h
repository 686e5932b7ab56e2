/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parse.h - strict readers of what people type: integers, sizes, durations, percentages, booleans.
 *
 * The whole text must be consumed; no leading blanks, no sign where none makes sense, no silent overflow. Each returns 0,
 * or -EINVAL / -ERANGE with words in err ("'12x' is not a number"); *ret is untouched then. Called by cli.c and by readers
 * of option strings. The locale has no influence: the decimal point is '.'.
 */
#ifndef TT_UTIL_PARSE_H
#define TT_UTIL_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/util/err.h"

/* Decimal, or hexadecimal with 0x; within [min, max]. */
int tt_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct tt_err *err);

/* Decimal with an optional sign; within [min, max]. */
int tt_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret, struct tt_err *err);

/* Bytes: "4096", "64K", "64M", "1.5G", "2T", also "64MiB", "64MB" (the same: powers of 1024) and "512B". */
int tt_parse_size(const char *text, uint64_t *ret_bytes, struct tt_err *err);

/* Nanoseconds: "250ns", "100us", "100µs", "2ms", "1.5s", "3m" or "3min", "1h", "2d"; a bare number is seconds. */
int tt_parse_duration(const char *text, uint64_t *ret_ns, struct tt_err *err);

/* Percent: "12.5%" or "12.5" gives 12.5; from 0 to max. */
int tt_parse_percent(const char *text, double max, double *ret_pct, struct tt_err *err);

/* A finite decimal number within [min, max]. */
int tt_parse_double(const char *text, double min, double max, double *ret, struct tt_err *err);

/* yes/no, true/false, on/off, 1/0, in any case. */
int tt_parse_bool(const char *text, bool *ret, struct tt_err *err);

/*
 * The position of text in the NULL-terminated list of names; an unambiguous beginning is accepted too.
 * The error lists the names: "'loud' is not one of: auto, always, never".
 */
int tt_parse_choice(const char *text, const char *const *names, int *ret, struct tt_err *err);

#endif
