/* SPDX-License-Identifier: GPL-3.0-or-later */
/* staterec.h - a recording of its own for a program that runs the recorder's state core without hooks (test_state*.c). */
#ifndef TT_TESTS_STATEREC_H
#define TT_TESTS_STATEREC_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/acquire.h"
#include "preload/file.h"

static char staterec_dir[] = "/tmp/test_state.XXXXXX";

/* The hooks' half of it is not linked. */
struct tt_self *tt_enter_slow(struct tt_self *s)
{
	return tt_self_update(s);
}

static bool staterec_begin(void)
{
	char text[128];
	if (!mkdtemp(staterec_dir))
		return false;
	snprintf(text, sizeof(text), "output=%s/r.ttrec:max-size=32M", staterec_dir);
	tt_options_parse(&tt_options, text);
	tt_file_prepare(NULL, text);
	tt_g.default_stack = 8 << 20;
	if (!tt_file_create(0))
		return false;
	tt_epoch = 1;
	return true;
}

/* True: no file is left. */
static bool staterec_end(void)
{
	tt_file_end(TTREC_STATE_EXITED, 0, false);
	return rmdir(staterec_dir) == 0;
}

#endif
