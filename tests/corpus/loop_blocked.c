// SPDX-License-Identifier: GPL-3.0-or-later
// loop_blocked.c - an event loop that once does 200 ms of work before it comes back.
// EXPECT: event-loop-blocked level=warning
#include <poll.h>
#include "tests/corpus/corpus.h"

int main(void)
{
	int ends[2];
	MUST(pipe(ends));
	struct pollfd fd = {.fd = ends[0], .events = POLLIN};
	for (int i = 0; i < 30; i++) {
		if (poll(&fd, 1, 2) < 0)
			return 1;
		if (i == 20) {
			struct timespec begin, now;
			clock_gettime(CLOCK_MONOTONIC, &begin);
			do
				clock_gettime(CLOCK_MONOTONIC, &now);
			while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < 200);
		}
	}
}
