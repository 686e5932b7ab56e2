// SPDX-License-Identifier: GPL-3.0-or-later
// loop_look_ok.c - between pieces of its own work a program looks for input, and never waits for it.
// EXPECT: none
// FORBID: event-loop-blocked
#include <poll.h>
#include <sys/select.h>
#include "tests/corpus/corpus.h"

int main(void)
{
	int ends[2];
	MUST(pipe(ends));
	for (int i = 0; i < 16; i++) {
		struct pollfd p = {ends[0], POLLIN, 0};
		fd_set set;
		struct timeval none = {0, 0};
		FD_ZERO(&set);
		FD_SET(ends[0], &set);
		MUST(i % 2 ? poll(&p, 1, 0) : select(ends[0] + 1, &set, NULL, NULL, &none));
		if (i % 4 == 0)
			sleep_ms(120); /* a picture is encoded */
	}
}
