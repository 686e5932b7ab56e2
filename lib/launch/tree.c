/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tree.c - see tree.h.
 */
#include "lib/launch/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/util/vec.h"

struct node {
	pid_t pid, parent;
	char state;
	bool below; /* known to descend from the root */
};
typedef TT_VEC(struct node) node_vec;

/* Fields 3 and 4 stand behind the last ')': the name between the parentheses may hold anything. */
static bool parse_stat(const char *text, char *state, pid_t *parent)
{
	const char *at = strrchr(text, ')');
	int ppid;
	if (!at || sscanf(at + 1, " %c %d", state, &ppid) != 2)
		return false;
	*parent = ppid;
	return true;
}

static bool read_stat(pid_t pid, char *state, pid_t *parent)
{
	char path[40], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return parse_stat(text, state, parent);
}

char tt_process_state(pid_t pid)
{
	char state;
	pid_t parent;
	return read_stat(pid, &state, &parent) ? state : 0;
}

static int read_all(node_vec *nodes)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return -errno;
	int rc = 0;
	for (const struct dirent *e; rc == 0 && (e = readdir(proc));) {
		struct node n = {.pid = atoi(e->d_name)};
		if (n.pid > 0 && read_stat(n.pid, &n.state, &n.parent))
			rc = tt_vec_push(nodes, n);
	}
	closedir(proc);
	return rc;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = ((const struct node *)a)->pid, y = ((const struct node *)b)->pid;
	return x < y ? -1 : x > y;
}

static bool parent_is_below(const node_vec *nodes, pid_t parent, pid_t root)
{
	const struct node key = {.pid = parent};
	if (parent == root)
		return true;
	const struct node *n = nodes->len ? bsearch(&key, nodes->data, nodes->len, sizeof(key), by_pid) : NULL;
	return n && n->below;
}

/* Until nothing is added: as many rounds as the tree is deep, at most. */
static void mark(node_vec *nodes, pid_t root)
{
	bool more = true;
	struct node *n;
	while (more) {
		more = false;
		vec_for_each (n, nodes)
			if (!n->below && n->pid != root && parent_is_below(nodes, n->parent, root))
				n->below = more = true;
	}
}

int tt_tree_signal(pid_t root, int sig)
{
	node_vec nodes = TT_VEC_INIT;
	int count = read_all(&nodes);
	if (count == 0) {
		tt_vec_sort(&nodes, by_pid);
		mark(&nodes, root);
		const struct node *n;
		vec_for_each (n, &nodes) {
			if (!n->below)
				continue;
			if (sig)
				kill(n->pid, sig);
			count += n->state != 'Z' && n->state != 'X';
		}
	}
	tt_vec_deinit(&nodes);
	return count;
}
