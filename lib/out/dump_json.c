/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dump_json.c - a dump as the document threadtools.dump/1: tests/schema/dump-1.json. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/out/dump.h"
#include "lib/out/jsonw.h"

static void write_process(struct tt_jsonw *w, const struct tt_dump *d)
{
	const struct tt_proc *p = &d->proc;
	tt_jsonw_begin(w, "process", '{');
	tt_jsonw_int(w, "pid", p->pid);
	tt_jsonw_int(w, "ns_pid", p->ns_pid);
	tt_jsonw_text(w, "name", p->name);
	tt_jsonw_text(w, "exe", p->exe);
	tt_jsonw_text(w, "command", p->command);
	tt_jsonw_text(w, "core", d->core);
	if (d->core_signal)
		tt_jsonw_int(w, "signal", d->core_signal);
	tt_jsonw_u64(w, "age_ns", p->age_ns);
	tt_jsonw_u64(w, "taken_ns", d->taken_real_ns);
	tt_jsonw_bool(w, "recorded", d->recorded);
	tt_jsonw_text(w, "runtime", d->managed_version);
	tt_jsonw_end(w, '}');
}

static void write_fd(struct tt_jsonw *w, const struct tt_wait *wait)
{
	const struct tt_fd *at = wait->at;
	if (wait->fd < 0)
		return;
	tt_jsonw_int(w, "fd", wait->fd);
	if (!at)
		return;
	tt_jsonw_text(w, "fd_kind", tt_fd_kind_name(at->kind));
	if (at->path)
		tt_jsonw_text(w, "path", at->path);
	if (!at->socket)
		return;
	tt_jsonw_text(w, "protocol", at->socket->protocol);
	tt_jsonw_text(w, "local", at->socket->local[0] ? at->socket->local : NULL);
	tt_jsonw_text(w, "peer", at->socket->remote[0] ? at->socket->remote : NULL);
	tt_jsonw_text(w, "socket_state", at->socket->state);
}

static void write_wait(struct tt_jsonw *w, const struct tt_dump *d, const struct tt_dump_thread *t)
{
	static const char *const sure[] = {"guessed", "layout", "named"};
	const struct tt_wait *wait = &t->wait;
	TT_BUF_AUTO(text);
	if (wait->kind == TT_WAIT_NONE) {
		tt_jsonw_null(w, "wait");
		return;
	}
	tt_jsonw_begin(w, "wait", '{');
	tt_jsonw_text(w, "kind", tt_wait_kind_name(wait->kind));
	tt_dump_say(d, t, &text);
	tt_jsonw_text(w, "text", tt_buf_str(&text));
	tt_jsonw_text(w, "call", wait->call);
	if (wait->address)
		tt_jsonw_hex(w, "address", wait->address);
	if (wait->word)
		tt_jsonw_text(w, "known_by", sure[wait->sure]);
	if (t->lock_name)
		tt_jsonw_text(w, "name", t->lock_name);
	if (wait->owner)
		tt_jsonw_int(w, "owner_tid", wait->owner);
	if (wait->readers)
		tt_jsonw_u64(w, "readers", wait->readers);
	if (wait->meaning)
		tt_jsonw_text(w, "meaning", wait->meaning);
	write_fd(w, wait);
	if (wait->peer.pid)
		tt_jsonw_int(w, "peer_pid", wait->peer.pid);
	if (t->since_ns) {
		tt_jsonw_u64(w, "since_ns", t->since_ns);
		tt_jsonw_bool(w, "since_exact", t->since_exact);
	}
	tt_jsonw_bool(w, "timed", wait->timed);
	if (wait->left_known)
		tt_jsonw_u64(w, "left_ns", wait->left_ns);
	tt_jsonw_end(w, '}');
}

static void write_frames(struct tt_jsonw *w, const struct tt_dump_thread *t)
{
	static const char *const trust[] = {"exact", "frame-pointer", "searched"};
	const struct tt_dump_frame *f;
	tt_jsonw_begin(w, "frames", '[');
	vec_for_each (f, &t->frames) {
		tt_jsonw_begin(w, NULL, '{');
		tt_jsonw_hex(w, "pc", f->pc);
		tt_jsonw_text(w, "function", f->function);
		tt_jsonw_u64(w, "offset", f->offset);
		tt_jsonw_text(w, "file", f->file);
		if (f->line)
			tt_jsonw_u64(w, "line", f->line);
		else
			tt_jsonw_null(w, "line");
		tt_jsonw_text(w, "module", f->module);
		tt_jsonw_bool(w, "inlined", f->inlined);
		tt_jsonw_text(w, "trust", trust[f->trust]);
		if (f->signal)
			tt_jsonw_bool(w, "signal", true);
		if (f->label)
			tt_jsonw_text(w, "label", f->label);
		tt_jsonw_end(w, '}');
	}
	tt_jsonw_end(w, ']');
}

static void write_held(struct tt_jsonw *w, const struct tt_dump_thread *t)
{
	if (!t->held_count)
		return;
	tt_jsonw_begin(w, "holds", '[');
	for (size_t i = 0; i < t->held_count; i++) {
		const struct tt_dump_held *h = &t->held[i];
		tt_jsonw_begin(w, NULL, '{');
		tt_jsonw_text(w, "kind", h->kind);
		tt_jsonw_hex(w, "address", h->address);
		tt_jsonw_text(w, "name", h->name);
		tt_jsonw_text(w, "site", h->site);
		tt_jsonw_bool(w, "shared", h->shared);
		if (h->held_ns)
			tt_jsonw_u64(w, "held_ns", h->held_ns);
		tt_jsonw_end(w, '}');
	}
	tt_jsonw_end(w, ']');
}

static void write_capture(struct tt_jsonw *w, const struct tt_dump_thread *t)
{
	static const char *const how[TT_SNAP_HOW_MAX] = {"none", "quiet", "stopped", "together", "core"};
	uint64_t stopped_ns = t->snap ? t->snap->stopped_ns : 0;
	bool exact = t->end == TT_STACK_COMPLETE;
	for (size_t i = 0; i < t->frames.len; i++)
		exact = exact && t->frames.data[i].trust == TT_FRAME_EXACT;
	tt_jsonw_text(w, "captured", how[t->snap ? t->snap->how : TT_SNAP_NOT]);
	tt_jsonw_real(w, "stopped_us", (double)stopped_ns / 1000);
	tt_jsonw_text(w, "quality",
		exact                         ? "exact"
		: t->end == TT_STACK_COMPLETE ? "recovered"
		: t->frames.len               ? "partial"
					      : "none");
	tt_jsonw_text(w, "stack_end",
		t->end == TT_STACK_NOTHING && t->snap ? tt_snap_fail_text(t->snap->fail) : tt_stack_end_text(t->end));
}

static void write_thread(struct tt_jsonw *w, const struct tt_dump *d, const struct tt_dump_thread *t)
{
	const struct tt_task *k = &t->task;
	tt_jsonw_begin(w, NULL, '{');
	tt_jsonw_int(w, "tid", k->tid);
	tt_jsonw_int(w, "ns_tid", k->ns_tid);
	tt_jsonw_text(w, "name", k->name);
	if (t->managed_name)
		tt_jsonw_text(w, "runtime_name", t->managed_name);
	tt_jsonw_text(w, "state", tt_task_state(k->state));
	tt_jsonw_text(w, "doing", tt_doing_name(t->doing));
	tt_jsonw_u64(w, "cpu_ns", k->run_ns ? k->run_ns : k->user_ns + k->system_ns);
	if (t->cpu_pct >= 0)
		tt_jsonw_real(w, "cpu_pct", t->cpu_pct);
	else
		tt_jsonw_null(w, "cpu_pct");
	tt_jsonw_u64(w, "age_ns", k->age_ns);
	tt_jsonw_text(w, "policy", tt_task_policy(k->policy));
	tt_jsonw_int(w, "priority", k->priority);
	tt_jsonw_int(w, "nice", k->nice);
	tt_jsonw_text(w, "wchan", k->wchan[0] ? k->wchan : NULL);
	tt_jsonw_u64(w, "still_dumps", t->still);
	if (t->snap && t->snap->signal)
		tt_jsonw_int(w, "signal", t->snap->signal);
	write_wait(w, d, t);
	write_held(w, t);
	write_capture(w, t);
	if (t->kernel_stack)
		tt_jsonw_text(w, "kernel_stack", t->kernel_stack);
	if (t->managed)
		tt_jsonw_text(w, "runtime_stack", t->managed);
	write_frames(w, t);
	tt_jsonw_end(w, '}');
}

static void write_tids(struct tt_jsonw *w, const char *key, const struct tt_dump *d, const uint32_t *threads, size_t count)
{
	tt_jsonw_begin(w, key, '[');
	for (size_t i = 0; i < count; i++)
		tt_jsonw_int(w, NULL, d->threads.data[threads[i]].task.tid);
	tt_jsonw_end(w, ']');
}

static void write_groups(struct tt_jsonw *w, const struct tt_dump *d)
{
	const struct tt_dump_group *g;
	const struct tt_dump_pool *p;
	tt_jsonw_begin(w, "groups", '[');
	vec_for_each (g, &d->groups) {
		tt_jsonw_begin(w, NULL, '{');
		write_tids(w, "tids", d, g->threads.data, g->threads.len);
		tt_jsonw_end(w, '}');
	}
	tt_jsonw_end(w, ']');
	tt_jsonw_begin(w, "pools", '[');
	vec_for_each (p, &d->pools) {
		tt_jsonw_begin(w, NULL, '{');
		tt_jsonw_text(w, "name", p->name);
		tt_jsonw_text(w, "start_routine", p->start);
		tt_jsonw_u64(w, "cpu_ns", p->cpu_ns);
		write_tids(w, "tids", d, p->threads.data, p->threads.len);
		tt_jsonw_end(w, '}');
	}
	tt_jsonw_end(w, ']');
}

static void write_jams(struct tt_jsonw *w, const struct tt_dump *d)
{
	const struct tt_dump_jam *j;
	tt_jsonw_begin(w, "waits", '[');
	vec_for_each (j, &d->jams) {
		const struct tt_dump_thread *first = &d->threads.data[j->first];
		TT_BUF_AUTO(text);
		tt_dump_say(d, first, &text);
		tt_jsonw_begin(w, NULL, '{');
		tt_jsonw_text(w, "kind", tt_wait_kind_name(first->wait.kind));
		tt_jsonw_text(w, "text", tt_buf_str(&text));
		if (first->owner != TT_DUMP_NONE)
			tt_jsonw_int(w, "owner_tid", d->threads.data[first->owner].task.tid);
		if (j->root != TT_DUMP_NONE)
			tt_jsonw_int(w, "root_tid", d->threads.data[j->root].task.tid);
		tt_jsonw_u64(w, "longest_ns", j->longest_ns);
		write_tids(w, "tids", d, j->threads.data, j->threads.len);
		tt_jsonw_end(w, '}');
	}
	tt_jsonw_end(w, ']');
}

static void write_deadlocks(struct tt_jsonw *w, const struct tt_dump *d)
{
	const struct tt_dump_deadlock *k;
	tt_jsonw_begin(w, "deadlocks", '[');
	vec_for_each (k, &d->deadlocks) {
		tt_jsonw_begin(w, NULL, '{');
		tt_jsonw_text(w, "found_by", "threaddump");
		write_tids(w, "tids", d, k->threads.data, k->threads.len);
		if (k->gone)
			tt_jsonw_u64(w, "ended_owner", k->gone);
		tt_jsonw_u64(w, "behind", k->behind);
		tt_jsonw_bool(w, "timed", k->ends);
		tt_jsonw_end(w, '}');
	}
	if (d->managed_deadlocks) {
		tt_jsonw_begin(w, NULL, '{');
		tt_jsonw_text(w, "found_by", d->managed_kind);
		write_tids(w, "tids", d, NULL, 0);
		tt_jsonw_text(w, "text", d->managed_deadlocks);
		tt_jsonw_end(w, '}');
	}
	tt_jsonw_end(w, ']');
}

int tt_dump_write_json(struct tt_dump *d, FILE *out)
{
	struct tt_jsonw w = {.file = out};
	const struct tt_dump_thread *t;
	const char **note;
	tt_jsonw_begin(&w, NULL, '{');
	tt_jsonw_text(&w, "schema", "threadtools.dump/1");
	tt_jsonw_begin(&w, "tool", '{');
	tt_jsonw_text(&w, "name", "threaddump");
	tt_jsonw_text(&w, "version", TT_VERSION);
	tt_jsonw_end(&w, '}');
	write_process(&w, d);
	write_deadlocks(&w, d);
	write_jams(&w, d);
	write_groups(&w, d);
	tt_jsonw_begin(&w, "pause_us", '{');
	tt_jsonw_real(&w, "max", (double)d->pause.max_ns / 1000);
	tt_jsonw_real(&w, "total", (double)d->pause.sum_ns / 1000);
	tt_jsonw_u64(&w, "stops", d->pause.stops);
	tt_jsonw_end(&w, '}');
	tt_jsonw_begin(&w, "notes", '[');
	vec_for_each (note, &d->notes)
		tt_jsonw_text(&w, NULL, *note);
	tt_jsonw_end(&w, ']');
	tt_jsonw_begin(&w, "threads", '[');
	vec_for_each (t, &d->threads)
		if (!t->hidden)
			write_thread(&w, d, t);
	tt_jsonw_end(&w, ']');
	tt_jsonw_end(&w, '}');
	return tt_jsonw_finish(&w);
}
