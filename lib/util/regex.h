/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * regex.h - extended regular expressions that people type, without those that take the machine's memory. Called by threadtop.
 */
#ifndef TT_UTIL_REGEX_H
#define TT_UTIL_REGEX_H

#include <regex.h>

#include "lib/util/err.h"

/*
 * regcomp() writes out what is repeated (glibc 2.36, posix/regcomp.c, duplicate_tree): a+ as aa*, a{9} as nine times a, and
 * what is repeated there again, so that a++++ has 16 of them. More than this many are refused; they take some 450 bytes each.
 */
#define TT_REGEX_MAX 10000u

/* Groups within groups, each of which regcomp() enters by a call. */
#define TT_REGEX_DEPTH 200u

/* As regcomp() with REG_EXTENDED | REG_NOSUB: to be given to regfree() after a return of 0. Else -EINVAL. */
int tt_regex_compile(regex_t *regex, const char *text, struct tt_err *err);

#endif
