/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recwalk.h - opens bytes that may be a damaged recording, and touches everything that a report could read of it.
 * Called by test_rec_damage.c and the fuzzer. What it looks for is a crash, a hang, or a sanitizer's word.
 */
#ifndef TT_TESTS_RECWALK_H
#define TT_TESTS_RECWALK_H

#include <stddef.h>

/* 1: refused with words; 0: read and walked through. Aborts on a promise broken by reader or model. */
int rec_survive(const void *data, size_t size);

#endif
