/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * settings.h - what to set, in the words of the runtime or server that runs the pool (settings.def). Called by threadsize.
 */
#ifndef TT_SIZE_SETTINGS_H
#define TT_SIZE_SETTINGS_H

#include <stdbool.h>

#include "lib/util/buf.h"

/* The program of settings.def that an executable is ("/usr/bin/node20", "java", "python3.11"); "generic" when none fits. */
const char *tt_settings_program(const char *executable);

/* True when settings.def has rows for it. */
bool tt_settings_known(const char *program);

struct tt_setting {
	const char *program;
	char text[160];
	const char *note;
};

/*
 * The i-th setting of a program for a pool of `size` threads (0: no size is known: settings that need one are left out) on
 * `cpus` CPUs, of which `used` are used. False at the end.
 */
bool tt_settings_next(const char *program, unsigned *i, unsigned size, double cpus, double used, struct tt_setting *ret);

#endif
