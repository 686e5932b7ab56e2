/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sockets.c - the kernel's tables of sockets, /proc/PID/net/{tcp,udp,unix,...}: inode -> addresses and state.
 */
#include "lib/proc/proc_private.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>

#include "lib/core/attrs.h"

/* Rows of the kernel's enum in include/net/tcp_states.h; UDP uses 1 and 7. */
static const char *const tcp_states[] = {NULL, "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
	"CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"};

static struct tt_socket *add(struct proc_sockets *s, uint64_t inode, const char *protocol)
{
	bool is_new;
	struct tt_hmap_entry *e = inode ? tt_hmap_insert(&s->by_inode, inode, &is_new) : NULL;
	if (!e || !is_new)
		return NULL;
	struct tt_socket *socket = calloc(1, sizeof(*socket));
	if (!socket) {
		tt_hmap_remove(&s->by_inode, inode);
		return NULL;
	}
	socket->inode = inode;
	snprintf(socket->protocol, sizeof(socket->protocol), "%s", protocol);
	e->ptr = socket;
	return socket;
}

/* words: one, or four, in network byte order. An address of all zeros: "*", or "[::]" of IPv6, where a server may listen to
 * both on one port. */
static void put_words(char *out, size_t size, const uint32_t words[4], size_t n, unsigned port, bool any_is_star)
{
	char text[INET6_ADDRSTRLEN] = "";
	bool mapped = n == 4 && !words[0] && !words[1] && words[2] == htonl(0xffff);
	bool any = !words[0] && (n == 1 || (!words[1] && !words[3] && (!words[2] || mapped)));
	out[0] = '\0';
	if (any && any_is_star)
		snprintf(out, size, n == 4 && !mapped ? "[::]:%u" : "*:%u", port);
	else if (any && !port)
		return;
	else if (n == 1 || mapped)
		snprintf(out, size, "%s:%u", inet_ntop(AF_INET, &words[mapped ? 3 : 0], text, sizeof(text)), port);
	else
		snprintf(out, size, "[%s]:%u", inet_ntop(AF_INET6, words, text, sizeof(text)), port);
}

/* "0100007F:1F90": words of the address in the machine's byte order, then the port. */
static void put_address(char *out, size_t size, const char *hex, unsigned port, bool any_is_star)
{
	uint32_t words[4] = {0};
	size_t digits = strspn(hex, "0123456789ABCDEFabcdef"), n = digits / 8;
	for (size_t i = 0; i < n && i < 4; i++) {
		char word[9];
		memcpy(word, hex + 8 * i, 8);
		word[8] = '\0';
		words[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	put_words(out, size, words, n == 4 ? 4 : 1, port, any_is_star);
}

static void inet_told(void *ctx, const struct inet_diag_msg *m)
{
	struct tt_socket *socket = add(ctx, m->idiag_inode, "tcp");
	size_t n = m->idiag_family == AF_INET6 ? 4 : 1;
	if (!socket)
		return;
	socket->listening = m->idiag_state == 10;
	socket->state = m->idiag_state < ARRAY_SIZE(tcp_states) ? tcp_states[m->idiag_state] : NULL;
	socket->queued_in = m->idiag_rqueue;
	socket->queued_out = m->idiag_wqueue;
	put_words(socket->local, sizeof(socket->local), m->id.idiag_src, n, ntohs(m->id.idiag_sport), true);
	put_words(socket->remote, sizeof(socket->remote), m->id.idiag_dst, n, ntohs(m->id.idiag_dport), false);
}

/* sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode */
static void inet_line(struct proc_sockets *s, const char *line, const char *protocol)
{
	char local[40], remote[40];
	unsigned local_port, remote_port, state, out, in;
	unsigned long long inode;
	if (sscanf(line, " %*[^:]: %39[0-9A-Fa-f]:%x %39[0-9A-Fa-f]:%x %x %x:%x %*s %*s %*s %*s %llu", local, &local_port,
		    remote, &remote_port, &state, &out, &in, &inode) != 8)
		return;
	struct tt_socket *socket = add(s, inode, protocol);
	if (!socket)
		return;
	bool tcp = protocol[0] == 't';
	socket->listening = tcp && state == 10;
	socket->state = tcp && state < ARRAY_SIZE(tcp_states) ? tcp_states[state] : NULL;
	socket->queued_in = in;
	socket->queued_out = out;
	put_address(socket->local, sizeof(socket->local), local, local_port, true);
	put_address(socket->remote, sizeof(socket->remote), remote, remote_port, false);
}

/* Num RefCount Protocol Flags Type St Inode [Path] */
static void unix_line(struct proc_sockets *s, const char *line, const char *protocol)
{
	unsigned flags, state;
	unsigned long long inode;
	int path = 0;
	if (sscanf(line, "%*[^:]: %*x %*x %x %*x %x %llu%n", &flags, &state, &inode, &path) != 3 || !path)
		return;
	struct tt_socket *socket = add(s, inode, protocol);
	if (!socket)
		return;
	socket->listening = flags & 0x10000; /* __SO_ACCEPTCON */
	socket->state = socket->listening ? "LISTEN" : state == 3 ? "CONNECTED" : state == 2 ? "CONNECTING" : "UNCONNECTED";
	if (line[path] == ' ')
		snprintf(socket->local, sizeof(socket->local), "%s", line + path + 1);
}

/* The tables of netlink and packet sockets end with the inode: nothing but the kind is of use to a reader. */
static void last_line(struct proc_sockets *s, const char *line, const char *protocol)
{
	const char *last = strrchr(line, ' ');
	size_t n = strlen(line);
	while (last && last > line && (size_t)(last - line) + 1 == n) {
		n--;
		while (last > line && *last != ' ')
			last--;
	}
	if (last)
		add(s, strtoull(last + 1, NULL, 10), protocol);
}

static const struct table {
	const char *file, *kernel, *protocol; /* kernel: the beginning of system.sockprotoname */
	void (*line)(struct proc_sockets *, const char *line, const char *protocol);
	int family; /* of TCP: the kernel can be asked for it without the file; 0 */
} tables[] = {
	{"tcp", "TCP", "tcp", inet_line, AF_INET},
	{"tcp6", "TCPv6", "tcp", inet_line, AF_INET6},
	{"tcp", "MPTCP", "tcp", inet_line, 0},
	{"unix", "UNIX", "unix", unix_line, 0},
	{"udp", "UDP", "udp", inet_line, 0},
	{"udp6", "UDPv6", "udp", inet_line, 0},
	{"netlink", "NETLINK", "netlink", last_line, 0},
	{"packet", "PACKET", "packet", last_line, 0},
	{"raw", "RAW", "raw", inet_line, 0},
	{"raw6", "RAWv6", "raw", inet_line, 0},
};

static void load(struct proc_sockets *s, unsigned row)
{
	char path[64];
	char *line = NULL;
	size_t size = 0;
	s->loaded |= UINT64_C(1) << row;
	if (tables[row].family && proc_inet_sockets(s->pid, tables[row].family, inet_told, s) == 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)s->pid, tables[row].file);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	bool headings = true;
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!headings)
			tables[row].line(s, line, tables[row].protocol);
		headings = false;
	}
	free(line);
	fclose(f);
}

/* The other end of a connection by the loopback device is the socket with the addresses swapped. */
static void find_inet_peer(struct proc_sockets *s, struct tt_socket *socket)
{
	struct tt_hmap_entry *it;
	if (socket->peer_inode || (strncmp(socket->remote, "127.", 4) != 0 && strncmp(socket->remote, "[::1]", 5) != 0))
		return;
	hmap_for_each (it, &s->by_inode) {
		const struct tt_socket *other = it->ptr;
		if (other != socket && strcmp(other->local, socket->remote) == 0 && strcmp(other->remote, socket->local) == 0 &&
			strcmp(other->protocol, socket->protocol) == 0)
			socket->peer_inode = other->inode;
	}
}

static void complete(struct proc_sockets *s, struct tt_socket *socket)
{
	if (strcmp(socket->protocol, "unix") == 0) {
		if (!socket->listening && !socket->peer_inode)
			proc_unix_peer(s->pid, socket->inode, &socket->peer_inode, socket->remote, sizeof(socket->remote));
		return;
	}
	if (strcmp(socket->protocol, "tcp") == 0) {
		/* A connection between an IPv4 and an IPv4-mapped socket has one end in each table. */
		for (unsigned i = 0; i < 2; i++)
			if (!(s->loaded & UINT64_C(1) << i))
				load(s, i);
	}
	find_inet_peer(s, socket);
}

static bool is_named(const struct table *t, const char *kernel)
{
	size_t n = strlen(t->kernel);
	return !kernel[0] || (strncasecmp(kernel, t->kernel, n) == 0 && (kernel[n] == '\0' || kernel[n] == '-'));
}

const struct tt_socket *proc_sockets_find(struct proc_sockets *s, uint64_t inode, const char *protocol)
{
	struct tt_socket *found = tt_hmap_ptr(&s->by_inode, inode);
	for (unsigned i = 0; i < ARRAY_SIZE(tables) && !found; i++) {
		if (!is_named(&tables[i], protocol) || (s->loaded & UINT64_C(1) << i))
			continue;
		load(s, i);
		found = tt_hmap_ptr(&s->by_inode, inode);
	}
	if (!found) { /* not bound, not connected, or of a kind that has no table */
		found = add(s, inode, protocol[0] ? protocol : "");
		for (char *p = found ? found->protocol : NULL; p && *p; p++)
			*p = (char)tolower((unsigned char)*p);
		return found;
	}
	complete(s, found);
	return found;
}

bool proc_sockets_accepted(const struct proc_sockets *s, const struct tt_socket *socket)
{
	const struct tt_hmap_entry *it;
	bool tcp = strcmp(socket->protocol, "tcp") == 0;
	const char *port = tcp ? strrchr(socket->local, ':') : socket->local;
	if (!port || !*port || (!tcp && strcmp(socket->protocol, "unix") != 0))
		return false;
	hmap_for_each (it, &s->by_inode) {
		const struct tt_socket *other = it->ptr;
		const char *end = strrchr(other->local, ':');
		if (other->listening && strcmp(other->protocol, socket->protocol) == 0 &&
			strcmp(tcp ? (end ? end : "") : other->local, port) == 0)
			return true;
	}
	return false;
}

void proc_sockets_clear(struct proc_sockets *s)
{
	struct tt_hmap_entry *it;
	hmap_for_each (it, &s->by_inode)
		free(it->ptr);
	tt_hmap_deinit(&s->by_inode);
	s->loaded = 0;
}
