/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kvload - load on a memcached of 127.0.0.1: batches of 45 gets and 5 sets on each connection, so that
 * the server's work, and in it its locks, is what limits. Prints operations per second. One thread, poll.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH       50
#define SETS        5
#define KEYS        1000
#define CONNECTIONS 64
/* Every answer ends in a line of which we count only this letter's line: "END" of a get, "STORED" of a set. */
static struct connection {
	size_t ends; /* answers still to come */
	int column;  /* of the line being read */
} connection[CONNECTIONS];

static void die(const char *what)
{
	fprintf(stderr, "kvload: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double seconds(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void send_batch(int fd, struct connection *c, uint32_t *random)
{
	char text[BATCH * 64];
	size_t used = 0;
	for (unsigned i = 0; i < BATCH; i++) {
		*random = *random * 1664525u + 1013904223u;
		unsigned key = (*random >> 8) % KEYS;
		const char *form = i % (BATCH / SETS) ? "get key%u\r\n" : "set key%u 0 0 8\r\nabcdefgh\r\n";
		used += (size_t)snprintf(text + used, sizeof(text) - used, form, key);
	}
	for (size_t at = 0; at < used;) {
		ssize_t n = write(fd, text + at, used - at);
		if (n <= 0)
			die("write");
		at += (size_t)n;
	}
	c->ends = BATCH;
}

/* Returns the number of answers that ended. "VALUE" lines and data ("abcdefgh") are passed over. */
static size_t take(int fd, struct connection *c)
{
	char text[65536];
	ssize_t n = read(fd, text, sizeof(text));
	if (n <= 0)
		die("read");
	size_t ends = 0;
	for (ssize_t i = 0; i < n; i++) {
		if (c->column++ == 0 && (text[i] == 'E' || text[i] == 'S'))
			ends++;
		if (text[i] == '\n')
			c->column = 0;
	}
	/* A letter is counted as soon as it is seen; the rest of its line comes in this read or the next. */
	c->ends -= ends < c->ends ? ends : c->ends;
	return ends;
}

int main(int argc, char **argv)
{
	int port = argc == 4 ? atoi(argv[1]) : 0, count = argc == 4 ? atoi(argv[2]) : 0;
	if (!port || count < 1 || count > CONNECTIONS) {
		fprintf(stderr, "usage: kvload PORT CONNECTIONS MS\n");
		return 2;
	}
	struct pollfd fds[CONNECTIONS];
	uint32_t random = 1;
	for (int i = 0; i < count; i++) {
		fds[i] = (struct pollfd){.fd = dial(port), .events = POLLIN};
		send_batch(fds[i].fd, &connection[i], &random);
	}
	double start = seconds(), end = start + atof(argv[3]) / 1e3;
	uint64_t done = 0;
	while (seconds() < end) {
		if (poll(fds, (nfds_t)count, 1000) <= 0)
			die("no answer");
		for (int i = 0; i < count; i++) {
			if (!fds[i].revents)
				continue;
			done += take(fds[i].fd, &connection[i]);
			if (!connection[i].ends)
				send_batch(fds[i].fd, &connection[i], &random);
		}
	}
	printf("%.0f\n", (double)done / (seconds() - start));
	return 0;
}
