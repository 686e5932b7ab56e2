// SPDX-License-Identifier: GPL-3.0-or-later
// loop_ok.c - an event loop that always comes back, sleeps long in epoll_wait, and is left for good before other work.
// EXPECT: none
// FORBID: event-loop-blocked
#include <sys/epoll.h>
#include "tests/corpus/corpus.h"

int main(void)
{
	struct epoll_event event;
	int fd = epoll_create1(0);
	for (int i = 0; i < 20; i++)
		if (epoll_wait(fd, &event, 1, i == 10 ? 200 : 1) < 0)
			return 1;
	close(fd);
	sleep_ms(200);
}
