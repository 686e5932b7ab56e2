/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ui_act.c - signals and nice values: what the screen does to others. A pid or tid may be another's by the time that a user has
 * answered: a process is signalled through a pidfd that is checked by its start time after it was opened, so that it cannot
 * change any more; a thread's start time is checked right before its nice value is set.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/proc/sample.h"
#include "tools/threadtop/ui.h"

/* The tagged threads that are still there, or the one under the cursor. */
static size_t targets(const struct top_ui *ui, struct tt_top_task **ret, size_t most)
{
	struct tt_top_task **t;
	size_t count = 0;
	const struct top_row *r = top_ui_row(ui);
	if (ui->tags.len == 0) {
		if (r && most && r->proc->tasks.len)
			ret[count++] = r->kind == TOP_ROW_TASK ? (struct tt_top_task *)r->task : r->proc->tasks.data[0];
		return count;
	}
	vec_for_each (t, &top_source_frame(ui->app->source)->tasks)
		if (tt_hmap_find(&ui->tags, (*t)->id) && count < most)
			ret[count++] = *t;
	return count;
}

#define MOST_TARGETS 4096

size_t top_act_targets(const struct top_ui *ui, struct tt_buf *words)
{
	struct tt_top_task **list = calloc(MOST_TARGETS, sizeof(*list));
	const struct tt_top_proc *last = NULL;
	size_t count = list ? targets(ui, list, MOST_TARGETS) : 0, processes = 0;
	for (size_t i = 0; i < count; i++) {
		const struct tt_top_proc *p = list[i]->proc;
		if (p == last)
			continue;
		last = p;
		if (++processes <= 5)
			tt_buf_printf(words, "%s%u %s", processes > 1 ? ", " : "", p->pid, p->name ? p->name : "");
	}
	if (processes > 5)
		tt_buf_printf(words, " and %zu more", processes - 5);
	free(list);
	return processes;
}

static int send_to(const struct tt_top_proc *p, int signal)
{
	int fd = pidfd_open((pid_t)p->pid, 0);
	if (fd < 0)
		return -errno;
	int rc = tt_sampler_same_process(p) ? pidfd_send_signal(fd, signal, NULL, 0) : (errno = ESRCH, -1);
	if (rc < 0)
		rc = -errno;
	close(fd);
	return rc;
}

void top_act_kill(struct top_ui *ui)
{
	struct tt_top_task **list = calloc(MOST_TARGETS, sizeof(*list));
	const struct tt_top_proc *last = NULL;
	size_t count = list ? targets(ui, list, MOST_TARGETS) : 0, sent = 0;
	int failed = 0;
	for (size_t i = 0; i < count; i++) {
		if (list[i]->proc == last)
			continue;
		last = list[i]->proc;
		int rc = send_to(last, ui->signal);
		sent += rc == 0;
		failed = rc < 0 ? rc : failed;
	}
	free(list);
	if (failed)
		top_ui_say(ui, TOP_STYLE_ERROR, "signal not sent: %s", strerror(-failed));
	else
		top_ui_say(ui, TOP_STYLE_GOOD, "SIG%s sent to %zu process%s",
			sigabbrev_np(ui->signal) ? sigabbrev_np(ui->signal) : "?", sent, sent == 1 ? "" : "es");
}

void top_act_nice(struct top_ui *ui, int by)
{
	struct tt_top_task **list = calloc(MOST_TARGETS, sizeof(*list));
	size_t count = list ? targets(ui, list, MOST_TARGETS) : 0, done = 0;
	int failed = 0, value = 0;
	if (top_source_is_replay(ui->app->source)) {
		free(list);
		top_ui_say(ui, TOP_STYLE_WARNING, "a recording's threads have no priority to change");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!tt_sampler_same_thread(list[i])) {
			failed = ESRCH;
			continue;
		}
		value = list[i]->nice + by;
		value = value < -20 ? -20 : value > 19 ? 19 : value;
		if (setpriority(PRIO_PROCESS, list[i]->tid, value) == 0) {
			list[i]->nice = value;
			done++;
		} else {
			failed = errno;
		}
	}
	free(list);
	if (failed)
		top_ui_say(ui, TOP_STYLE_ERROR, "nice value not changed: %s", strerror(failed));
	else if (done)
		top_ui_say(ui, TOP_STYLE_GOOD, "nice value %d for %zu thread%s", value, done, done == 1 ? "" : "s");
}
