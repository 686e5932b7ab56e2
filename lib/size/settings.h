/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * settings.h - what to set, in the words of the runtime or server that runs the pool (settings.def). Called by threadsize.
 */
#ifndef TT_SIZE_SETTINGS_H
#define TT_SIZE_SETTINGS_H

#include <stdbool.h>

#include "lib/util/buf.h"

/*
 * The program of settings.def that an executable is ("/usr/bin/node20", "java", "python3.11"), or the server that its title
 * (NULL: not known) says it is: "gunicorn: worker [app]", "python3 /usr/bin/uvicorn ...". "generic" when none fits.
 */
const char *tt_settings_program(const char *executable, const char *title);

/* True when settings.def has rows for it. */
bool tt_settings_known(const char *program);

struct tt_setting {
	const char *program;
	char text[160];
	const char *note;
};

struct tt_settings_of {
	unsigned size;     /* of the pool, in threads or processes; 0: none is known: settings that need one are left out */
	bool processes;    /* its members are processes */
	unsigned spread;   /* processes that its threads are spread over; 0 is 1 */
	double cpus, used; /* CPUs that there are, and that are used */
};

/* The i-th setting of a program. False at the end. */
bool tt_settings_next(const char *program, unsigned *i, const struct tt_settings_of *of, struct tt_setting *ret);

#endif
