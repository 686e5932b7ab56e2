/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fuzz_top.c - the fuzzers' way into what threadtop reads: recordings (first byte 0: as they are, 1: with the sums of their
 * blocks put right, so that what is behind them is reached), 2 conditions, 3 lists of columns, 4 texts of /proc. Built by
 * tests/fuzz/run.
 */
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/proc/record.h"
#include "lib/proc/record_format.h"
#include "lib/proc/tasktext.h"
#include "tools/threadtop/top.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sums_right(char *bytes, size_t size)
{
	for (size_t at = RECORD_HEAD; at + RECORD_BLOCK_HEAD <= size;) {
		uint32_t length, magic = htole32(RECORD_BLOCK_MAGIC), zero = 0;
		memcpy(&length, bytes + at + 8, sizeof(length));
		length = le32toh(length);
		if (length > size - at - RECORD_BLOCK_HEAD)
			return;
		memcpy(bytes + at, &magic, sizeof(magic));
		memcpy(bytes + at + 12, &zero, sizeof(zero));
		uint32_t crc = htole32(record_crc(0, bytes + at, RECORD_BLOCK_HEAD + length));
		memcpy(bytes + at + 12, &crc, sizeof(crc));
		at += RECORD_BLOCK_HEAD + length;
	}
}

static void look_at(struct tt_top_frame *f)
{
	struct top_select select = {0};
	struct top_view v;
	top_view_init(&v, &select);
	v.check_procs = true;
	for (int kind = 0; kind < TOP_VIEWS; kind++) {
		TT_BUF_AUTO(cell);
		v.kind = (enum top_view_kind)kind;
		if (top_view_build(&v, f) < 0)
			abort();
		for (size_t i = 0; i < v.rows.len && i < 20; i++)
			for (int id = 0; id < TOP_COLUMNS; id++)
				top_cell(f, &v.rows.data[i], (enum top_column_id)id, &cell);
	}
	top_view_deinit(&v);
}

static void try_recording(char *bytes, size_t size, bool right)
{
	struct tt_replay *r;
	struct tt_err err;
	char path[32];
	int fd = memfd_create("recording", MFD_CLOEXEC);
	if (right)
		put_sums_right(bytes, size);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (tt_replay_open(path, &r, &err) == 0) {
		for (size_t i = 0; i < tt_replay_count(r) && i < 8; i++)
			if (tt_replay_seek(r, i, &err) == 0)
				look_at(tt_replay_frame(r));
		tt_replay_seek(r, 0, &err);
		tt_replay_close(r);
	} else if (!err.msg[0]) {
		abort();
	}
	close(fd);
}

static void try_condition(const char *text)
{
	struct top_expr e;
	struct tt_err err = {0};
	if (top_expr_parse(text, &e, &err) < 0 && !err.msg[0])
		abort();
	top_expr_deinit(&e);
}

static void try_columns(const char *text)
{
	struct top_column_set set = {.count = 0};
	struct tt_err err = {0};
	if (top_columns_parse(text, &set, &err) == 0 && (set.count == 0 || set.count > TOP_COLUMNS))
		abort();
}

static void try_proc(const char *text)
{
	struct tt_schedstat sched;
	struct tt_stat stat;
	struct tt_status status;
	struct tt_io io;
	char id[13];
	tt_schedstat_parse(text, &sched);
	if (tt_stat_parse(text, &stat) == 0 && strlen(stat.name) >= sizeof(stat.name))
		abort();
	tt_status_parse(text, &status);
	tt_io_parse(text, &io);
	tt_container_id(text, id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (size && text) {
		memcpy(text, data + 1, size - 1);
		text[size - 1] = 0;
		switch (data[0] % 5) {
		case 0:
		case 1:
			try_recording(text, size - 1, data[0] % 5 == 1);
			break;
		case 2:
			try_condition(text);
			break;
		case 3:
			try_columns(text);
			break;
		default:
			try_proc(text);
		}
	}
	free(text);
	return 0;
}

#ifdef FUZZ_MAIN
#include "tests/fuzz/standalone.h"

static void write_seed(const char *dir, const char *name, char kind, const void *bytes, size_t len)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	if (!f || fputc(kind, f) == EOF || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
		abort();
}

/* A recording of two frames of two threads, one of which holds what the other wants. */
static void write_recording(const char *dir)
{
	struct tt_top_proc p = {.id = 1, .pid = 10, .name = (char *)"prog", .at_ns = 5000, .span_ns = 1000};
	struct tt_top_task a = {.id = 2,
		.proc = &p,
		.tid = 10,
		.name = (char *)"a-1",
		.known = UINT32_MAX,
		.state = 'S',
		.owner_tid = 11,
		.wait = (char *)"mutex",
		.blocked_ns = 500,
		.span_ns = 1000};
	struct tt_top_task b = {.id = 3,
		.proc = &p,
		.tid = 11,
		.name = (char *)"a-2",
		.known = UINT32_MAX,
		.state = 'R',
		.d_run_ns = 700,
		.span_ns = 1000};
	struct tt_top_task *tasks[] = {&a, &b};
	struct tt_top_proc *procs[] = {&p};
	struct tt_top_frame f = {.number = 1, .time_ns = 1, .boot_ns = 5000, .span_ns = 1000};
	struct tt_recorder *r;
	struct tt_err err;
	static char bytes[65536];
	char path[4096];
	f.procs.data = procs;
	f.procs.len = 1;
	f.tasks.data = tasks;
	f.tasks.len = 2;
	snprintf(path, sizeof(path), "%s/recording.tmp", dir);
	if (tt_recorder_create(path, 1 << 20, &r, &err) < 0 || tt_recorder_add(r, &f, &err) < 0)
		abort();
	f.number = 2;
	b.d_run_ns = 800;
	if (tt_recorder_add(r, &f, &err) < 0 || tt_recorder_destroy(r, &err) < 0)
		abort();
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
	if (file)
		fclose(file);
	unlink(path);
	write_seed(dir, "recording0", 0, bytes, len);
	write_seed(dir, "recording1", 1, bytes, len);
}

static void write_seeds(const char *dir)
{
	static const char *const texts[] = {"\2run_queue_pct>50 and name~^w.*r for 10s", "\3tid,name,cpu_pct", "\3-tid",
		"\00477 (a) b) R 1 2 3 0 -1 4194368 1 0 2 0 3 4 0 0 20 0 7 0 98765 1 5 9 1 1 0 0 0 0 0 4 8 0 0 0 17 3 50 1 9 0",
		"\4Uid:\t1\t2\nCpus_allowed_list:\t0-1\n"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char name[16];
		snprintf(name, sizeof(name), "text%zu", i);
		write_seed(dir, name, texts[i][0], texts[i] + 1, strlen(texts[i] + 1));
	}
	write_recording(dir);
}

int main(int argc, char **argv)
{
	return fuzz_main(argc, argv, write_seeds);
}
#endif
