/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_proc_record.c - recordings of frames: what was written is played back to the last member, in any order; files that are
 * cut, flipped, foreign or too long.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc/record.h"
#include "lib/util/buf.h"
#include "lib/util/hmap.h"
#include "tests/unit/tap.h"

#define FRAMES 200

static char dir[64], path[96];
static uint64_t seed = 1;

static uint64_t chance(uint64_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return n ? (seed >> 33) % n : seed >> 20;
}

/* ------------------------------------------------------------------ made-up frames */

static struct tt_top_frame frame;
static uint64_t next_id;

static void change_text(char **text)
{
	static const char *const words[] = {NULL, "", "worker", "a\x1b[1mb", "\xff\xfe", "0x7f00, 12 ms left"};
	tt_text_set(text, words[chance(6)]);
}

/* Any members of it get any values. */
#define U64(member)         \
	if (chance(8) == 0) \
		x->member = (__typeof__(x->member))chance(0);
#define I64(member)         \
	if (chance(8) == 0) \
		x->member = (__typeof__(x->member))(chance(0) - (1u << 30));
#define TEXT(member)        \
	if (chance(8) == 0) \
		change_text(&x->member);

static void change_task(struct tt_top_task *x)
{
#define TT_TASK_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_TASK_FIELD
	x->state = "RSDTZ"[chance(5)];
	if (chance(2))
		x->span_ns = x->proc->span_ns;
	x->blocked_ns = chance(2) ? 0 : 1 + chance(x->proc->at_ns - 1);
}

static void change_proc(struct tt_top_proc *x)
{
#define TT_PROC_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_PROC_FIELD
	x->at_ns = 1000000000000u + frame.number * 1000000000u;
	x->span_ns = 1000000000u + chance(1000);
}

static void change_machine(struct tt_machine *x)
{
#define TT_MACHINE_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_MACHINE_FIELD
}
#undef U64
#undef I64
#undef TEXT

static void add_task(struct tt_top_proc *p)
{
	struct tt_top_task *t = calloc(1, sizeof(*t));
	t->id = ++next_id;
	t->proc = p;
	tt_vec_push(&p->tasks, t);
}

static void add_proc(void)
{
	struct tt_top_proc *p = calloc(1, sizeof(*p));
	p->id = ++next_id;
	tt_vec_push(&frame.procs, p);
	add_task(p);
}

static void drop_task(struct tt_top_proc *p)
{
	struct tt_top_task *t = p->tasks.data[--p->tasks.len];
	tt_top_task_deinit(t);
	free(t);
}

static void drop_proc(size_t at)
{
	struct tt_top_proc *p = frame.procs.data[at];
	while (p->tasks.len)
		drop_task(p);
	memmove(&frame.procs.data[at], &frame.procs.data[at + 1], (--frame.procs.len - at) * sizeof(p));
	tt_top_proc_deinit(p);
	free(p);
}

static void next_frame(void)
{
	struct tt_top_proc **p;
	frame.number++;
	frame.time_ns += 1000000000u + chance(1000);
	frame.boot_ns += 1000000000u;
	frame.span_ns = chance(0);
	change_machine(&frame.machine);
	if (frame.procs.len < 3 || chance(4) == 0)
		add_proc();
	if (frame.procs.len > 8)
		drop_proc(chance(frame.procs.len));
	vec_for_each (p, &frame.procs) {
		change_proc(*p);
		if (chance(4) == 0)
			add_task(*p);
		else if ((*p)->tasks.len > 1 && chance(4) == 0)
			drop_task(*p);
		for (size_t i = 0; i < (*p)->tasks.len; i++)
			if (chance(2))
				change_task((*p)->tasks.data[i]);
			else
				(*p)->tasks.data[i]->span_ns = (*p)->span_ns, (*p)->tasks.data[i]->blocked_ns = 0;
	}
	tt_top_frame_gather(&frame);
}

/* ------------------------------------------------------------------ comparison */

#define U64(member)  tt_buf_printf(out, #member "=%llu ", (unsigned long long)x->member);
#define I64(member)  tt_buf_printf(out, #member "=%lld ", (long long)x->member);
#define TEXT(member) tt_buf_printf(out, #member "=%s ", x->member ? x->member : "(none)");

static void dump_task(struct tt_buf *out, const struct tt_top_task *x)
{
	tt_buf_printf(out, "task %llu of %llu: ", (unsigned long long)x->id, (unsigned long long)x->proc->id);
#define TT_TASK_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_TASK_FIELD
	tt_buf_addc(out, '\n');
}

static void dump_proc(struct tt_buf *out, const struct tt_top_proc *x)
{
	tt_buf_printf(out, "process %llu: ", (unsigned long long)x->id);
#define TT_PROC_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_PROC_FIELD
	tt_buf_addc(out, '\n');
}

static void dump_machine(struct tt_buf *out, const struct tt_machine *x)
{
#define TT_MACHINE_FIELD(type, member) type(member)
#include "lib/proc/frame.def"
#undef TT_MACHINE_FIELD
	tt_buf_addc(out, '\n');
}

static int by_id(const void *a, const void *b)
{
	const struct tt_top_task *x = *(struct tt_top_task *const *)a, *y = *(struct tt_top_task *const *)b;
	return (x->id > y->id) - (x->id < y->id);
}

static uint64_t hash_of(const struct tt_top_frame *f)
{
	TT_BUF_AUTO(out);
	struct tt_top_proc *const *p;
	TT_VEC(struct tt_top_task *) tasks = TT_VEC_INIT;
	tt_buf_printf(&out, "%llu %llu %llu %llu ", (unsigned long long)f->number, (unsigned long long)f->time_ns,
		(unsigned long long)f->boot_ns, (unsigned long long)f->span_ns);
	dump_machine(&out, &f->machine);
	vec_for_each (p, &f->procs)
		dump_proc(&out, *p);
	for (size_t i = 0; i < f->tasks.len; i++)
		tt_vec_push(&tasks, f->tasks.data[i]);
	tt_vec_sort(&tasks, by_id);
	for (size_t i = 0; i < tasks.len; i++)
		dump_task(&out, tasks.data[i]);
	tt_vec_deinit(&tasks);
	return tt_hash_stable(TT_HASH_STABLE_INIT, tt_buf_str(&out), out.len);
}

static uint64_t hashes[FRAMES + 1];

/* ------------------------------------------------------------------ tests */

static void write_frames(uint64_t max_bytes)
{
	struct tt_recorder *r;
	struct tt_err err;
	int bad = 0;
	if (!is_int(tt_recorder_create(path, max_bytes, &r, &err), 0, "a recording is begun"))
		diag("%s", err.msg);
	while (frame.number < FRAMES) {
		next_frame();
		bad += tt_recorder_add(r, &frame, &err) < 0;
		hashes[frame.number] = hash_of(&frame);
	}
	is_int(bad, 0, "frames are added");
	is_int(tt_recorder_destroy(r, &err), 0, "it is ended");
}

static void test_exact(void)
{
	struct tt_replay *r;
	struct tt_err err;
	int wrong = 0;
	if (!is_int(tt_replay_open(path, &r, &err), 0, "it is opened"))
		return;
	ok(!tt_replay_problem(r), "and whole");
	is_int(tt_replay_count(r), FRAMES, "all frames are there");
	for (size_t i = 0; i < FRAMES; i++)
		wrong += tt_replay_seek(r, i, &err) < 0 || hash_of(tt_replay_frame(r)) != hashes[i + 1];
	is_int(wrong, 0, "each is what was written, one after the other");
	for (int i = 0; i < 200; i++) {
		size_t at = chance(FRAMES);
		wrong += tt_replay_seek(r, at, &err) < 0 || hash_of(tt_replay_frame(r)) != hashes[at + 1] ||
		         tt_replay_at(r) != at;
	}
	is_int(wrong, 0, "and in any order");
	is_int(tt_replay_seek(r, FRAMES, &err), -ERANGE, "there is none behind the last");
	tt_replay_close(r);
}

/* Histories do not depend on the way that led to a frame. */
static void test_history(void)
{
	struct tt_replay *a, *b;
	struct tt_err err;
	uint8_t x[TT_TASK_HISTORY], y[TT_TASK_HISTORY];
	int wrong = 0, compared = 0;
	if (tt_replay_open(path, &a, &err) < 0 || tt_replay_open(path, &b, &err) < 0)
		return;
	for (size_t i = 0; i < 150; i++)
		tt_replay_seek(a, i, &err);
	tt_replay_seek(b, 190, &err);
	tt_replay_seek(b, 149, &err);
	struct tt_top_task **t, **u;
	vec_for_each (t, &tt_replay_frame(a)->tasks) {
		vec_for_each (u, &tt_replay_frame(b)->tasks) {
			if ((*u)->id != (*t)->id)
				continue;
			tt_top_task_history(*t, 150, false, x, TT_TASK_HISTORY);
			tt_top_task_history(*u, 150, false, y, TT_TASK_HISTORY);
			wrong += memcmp(x, y, sizeof(x)) != 0;
			compared++;
		}
	}
	ok(compared > 0, "threads with a history");
	is_int(wrong, 0, "have the same one by time travel");
	tt_replay_close(a);
	tt_replay_close(b);
}

static char *slurp(size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	fstat(fd, &st);
	char *bytes = malloc((size_t)st.st_size);
	*len = (size_t)read(fd, bytes, (size_t)st.st_size);
	close(fd);
	return bytes;
}

static void spill(const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n = write(fd, bytes, len);
	close(fd);
	if (n != (ssize_t)len)
		diag("cannot write %s", path);
}

/* What can still be shown must be true. */
static int play_all(bool *told)
{
	struct tt_replay *r;
	struct tt_err err;
	int wrong = 0;
	*told = true;
	if (tt_replay_open(path, &r, &err) < 0)
		return err.msg[0] ? 0 : 1;
	*told = tt_replay_problem(r) != NULL;
	for (size_t i = 0; i < tt_replay_count(r); i++) {
		if (tt_replay_seek(r, i, &err) < 0)
			continue;
		const struct tt_top_frame *f = tt_replay_frame(r);
		wrong += f->number > FRAMES || hash_of(f) != hashes[f->number];
	}
	tt_replay_close(r);
	return wrong;
}

static void test_damage(void)
{
	size_t len;
	char *bytes = slurp(&len);
	int wrong = 0, silent = 0;
	bool told;
	for (int i = 0; i < 12; i++) {
		size_t at = 16 + chance(len - 16);
		char kept = bytes[at];
		bytes[at] ^= (char)(1 << chance(8));
		spill(bytes, len);
		wrong += play_all(&told);
		silent += !told;
		bytes[at] = kept;
	}
	is_int(wrong, 0, "a flipped bit: no frame is shown that was not so");
	is_int(silent, 0, "and it is said");
	for (int i = 0; i < 12; i++) {
		spill(bytes, 17 + chance(len - 18));
		wrong += play_all(&told);
		silent += !told;
	}
	is_int(wrong, 0, "a cut file likewise");
	is_int(silent, 0, "and it is said");
	spill(bytes, len);
	is_int(play_all(&told), 0, "undamaged it is whole again");
	ok(!told, "and nothing is said");
	bytes[8] = 9;
	spill(bytes, len);
	struct tt_replay *r;
	struct tt_err err;
	is_int(tt_replay_open(path, &r, &err), -EINVAL, "a newer version is refused");
	has_str(err.msg, "has format 9, this program reads 1", "naming both");
	spill("hello, world, this is text\n", 27);
	is_int(tt_replay_open(path, &r, &err), -EINVAL, "what is none is refused");
	is_int(tt_recorder_create(path, 1 << 20, &(struct tt_recorder *){NULL}, &err), -EEXIST, "and not written over");
	has_str(err.msg, "exists and is no recording", "with words");
	spill(bytes, 16);
	is_int(tt_replay_open(path, &r, &err), -EINVAL, "a head alone of a newer version");
	bytes[8] = 1;
	spill(bytes, 16);
	is_int(tt_replay_open(path, &r, &err), -ENODATA, "a head alone holds no frame");
	free(bytes);
	unlink(path);
}

static void test_bounded(void)
{
	struct stat st;
	struct tt_replay *r;
	struct tt_err err;
	frame.number = 0;
	write_frames(100000);
	stat(path, &st);
	ok(st.st_size <= 100000, "a bounded recording stays below its bound");
	if (!is_int(tt_replay_open(path, &r, &err), 0, "and can be played"))
		return;
	ok(!tt_replay_problem(r), "whole");
	size_t count = tt_replay_count(r);
	ok(count > 20 && count < FRAMES, "the older frames are gone");
	tt_replay_seek(r, count - 1, &err);
	is_u64(hash_of(tt_replay_frame(r)), hashes[FRAMES], "the newest one is there");
	tt_replay_close(r);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%s/recordXXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/r", dir);
	frame.time_ns = 1000000000u;
	frame.boot_ns = 1000000000000u;
	write_frames(1 << 30);
	test_exact();
	test_history();
	test_damage();
	test_bounded();
	unlink(path);
	rmdir(dir);
	while (frame.procs.len)
		drop_proc(0);
	tt_vec_deinit(&frame.procs);
	tt_vec_deinit(&frame.tasks);
	tt_machine_deinit(&frame.machine);
	return done();
}
