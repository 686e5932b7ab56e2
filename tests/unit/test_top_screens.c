/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * test_top_screens.c - threadtop's screens as text against golden ones in tests/data/top: a made-up recording, keys, the
 * canvas. TT_GOLDEN=1 writes them anew; look at the difference before you keep it.
 */
/* LINK: tools/threadtop/app.c tools/threadtop/batch.c tools/threadtop/batch_json.c */
/* LINK: tools/threadtop/canvas.c tools/threadtop/columns.c tools/threadtop/config.c */
/* LINK: tools/threadtop/expr.c tools/threadtop/facts.c tools/threadtop/metrics.c */
/* LINK: tools/threadtop/pools.c tools/threadtop/screen.c tools/threadtop/select.c */
/* LINK: tools/threadtop/shim.c tools/threadtop/source.c tools/threadtop/stack.c */
/* LINK: tools/threadtop/ui.c tools/threadtop/ui_act.c tools/threadtop/ui_draw.c */
/* LINK: tools/threadtop/ui_keys.c tools/threadtop/ui_menu.c tools/threadtop/ui_page.c */
/* LINK: tools/threadtop/ui_prompt.c tools/threadtop/view.c tools/threadtop/view_locks.c */
/* LINK: tools/threadtop/futex.c tools/threadtop/holders.c tools/threadtop/waiting.c */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/proc/record.h"
#include "lib/util/text.h"
#include "tests/unit/tap.h"
#include "tools/threadtop/ui.h"

#define SECOND 1000000000u
#define FRAMES 70

static char path[96];

/* ------------------------------------------------------------------ a service in trouble */

static struct tt_top_proc server = {.id = 1,
	.pid = 4200,
	.ppid = 1,
	.uid = 33,
	.name = (char *)"shopd",
	.user = (char *)"www",
	.command = (char *)"/usr/sbin/shopd --workers 4",
	.cgroup = (char *)"/system.slice/shop.service",
	.quota_milli = 1500};
static struct tt_top_proc helper = {.id = 2,
	.pid = 4300,
	.ppid = 4200,
	.uid = 33,
	.name = (char *)"mailq",
	.user = (char *)"www",
	.command = (char *)"mailq -d",
	.cgroup = (char *)"/system.slice/shop.service",
	.quota_milli = 1500};
static struct tt_top_task tasks[12];
static struct tt_top_task *server_tasks[9], *helper_tasks[3], *all[12];
static struct tt_top_proc *procs[] = {&server, &helper};
static struct tt_top_frame frame;

#define KNOWN (TT_NEED_SCHED | TT_NEED_STAT | TT_NEED_WAIT | TT_NEED_RATE_STAT)

static struct tt_top_task *task(
	int i, struct tt_top_proc *p, uint32_t tid, const char *name, char state, unsigned run, unsigned wait)
{
	struct tt_top_task *t = &tasks[i];
	*t = (struct tt_top_task){.id = 10 + (uint64_t)i,
		.proc = p,
		.tid = tid,
		.known = KNOWN,
		.name = (char *)name,
		.state = (unsigned char)state,
		.start_ns = 5 * (uint64_t)SECOND,
		.cpu = (uint32_t)i % 2,
		.priority = 20};
	t->span_ns = t->stat_span_ns = SECOND;
	t->d_run_ns = run * (SECOND / 1000);
	t->d_user_ns = t->d_run_ns;
	t->d_wait_ns = wait * (SECOND / 1000);
	t->run_ns = 7 * t->d_run_ns;
	t->blocked_ns = run || wait ? 0 : 12 * (uint64_t)SECOND;
	return t;
}

static void blocked(struct tt_top_task *t, const char *wait, const char *target, uint32_t owner, enum top_wait_class class)
{
	t->wait = (char *)wait;
	t->target = (char *)target;
	t->owner_tid = owner;
	t->wait_class = class;
}

static void make_tasks(unsigned n)
{
	unsigned swing = n % 10 * 100;
	blocked(server_tasks[0] = task(0, &server, 4200, "shopd", 'S', 0, 0), "epoll_wait", "epoll", 0, TOP_WAIT_IDLE);
	server_tasks[1] = task(1, &server, 4201, "worker-1", 'R', 450, 520);
	server_tasks[2] = task(2, &server, 4202, "worker-2", 'R', 430, 540);
	server_tasks[3] = task(3, &server, 4203, "worker-3", 'R', swing, 1000 - swing);
	server_tasks[4] = task(4, &server, 4204, "worker-10", 'R', 460, 530);
	blocked(server_tasks[5] = task(5, &server, 4205, "cache", 'S', 0, 0), "mutex", "0x55d0c0de", 4206, TOP_WAIT_LOCK);
	blocked(server_tasks[6] = task(6, &server, 4206, "index", 'S', 0, 0), "rwlock (write)", "0x55d0c0ff", 4205,
		TOP_WAIT_LOCK);
	blocked(server_tasks[7] = task(7, &server, 4207, "log\x1b[31m\xe2\x80\xae", 'S', 0, 0), "mutex", "0x55d0c0de", 4206,
		TOP_WAIT_LOCK);
	blocked(server_tasks[8] = task(8, &server, 4208, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 'D', 0, 0), "read",
		"/var/lib/shop/\xff.db", 0, TOP_WAIT_IO);
	blocked(helper_tasks[0] = task(9, &helper, 4300, "mailq", 'S', 0, 0), "join", "thread 4301", 4301, TOP_WAIT_JOIN);
	blocked(helper_tasks[1] = task(10, &helper, 4301, "smtp", 'S', 3, 0), "recv", "tcp 192.0.2.7:25 (ESTABLISHED)", 0,
		TOP_WAIT_IO);
	blocked(helper_tasks[2] = task(11, &helper, 4302, "timer", 'S', 0, 0), "clock_nanosleep", "2.50 s left", 0,
		TOP_WAIT_IDLE);
	for (int i = 0; i < 12; i++)
		all[i] = &tasks[i];
}

static void make_frame(unsigned n)
{
	make_tasks(n);
	frame.number = n;
	frame.time_ns = (1700000000u + n) * (uint64_t)SECOND;
	frame.boot_ns = (5000 + n) * (uint64_t)SECOND;
	frame.span_ns = n > 1 ? SECOND : 0;
	frame.machine = (struct tt_machine){.uptime_ns = frame.boot_ns,
		.cpus = 2,
		.busy_ppm = 930000,
		.load_milli = {6100, 4200, 2500},
		.memory_bytes = 8ull << 30,
		.available_bytes = 3ull << 30,
		.runnable = 5,
		.psi_milli = {61500, 1200, 0},
		.cpu_busy = (char *)"XU"};
	for (int i = 0; i < 2; i++) {
		procs[i]->at_ns = frame.boot_ns;
		procs[i]->span_ns = SECOND;
		procs[i]->periods = 10;
		procs[i]->throttled = 4;
		procs[i]->throttled_ns = 350000000;
	}
	server.tasks.data = server_tasks;
	server.tasks.len = 9;
	helper.tasks.data = helper_tasks;
	helper.tasks.len = 3;
	frame.procs.data = procs;
	frame.procs.len = 2;
	frame.tasks.data = all;
	frame.tasks.len = 12;
}

static void write_recording(void)
{
	struct tt_recorder *r;
	struct tt_err err;
	int bad = tt_recorder_create(path, 1 << 24, &r, &err);
	for (unsigned n = 1; n <= FRAMES && bad == 0; n++) {
		make_frame(n);
		bad = tt_recorder_add(r, &frame, &err);
	}
	is_int(bad, 0, "a recording of a service in trouble");
	is_int(tt_recorder_destroy(r, &err), 0, "is written");
}

/* ------------------------------------------------------------------ screens */

static struct top_app app;
static struct top_ui ui;

static void type(const char *keys)
{
	for (; *keys; keys++)
		top_ui_key(&ui, (unsigned char)*keys);
}

static void compare(const char *name)
{
	char golden[128];
	char *text = NULL, want[16384];
	size_t len = 0;
	top_ui_draw(&ui);
	FILE *mem = open_memstream(&text, &len);
	top_canvas_print(&ui.canvas, mem);
	fclose(mem);
	snprintf(golden, sizeof(golden), "tests/data/top/%s.txt", name);
	if (getenv("TT_GOLDEN")) {
		FILE *f = fopen(golden, "w");
		fwrite(text, 1, len, f);
		fclose(f);
	}
	FILE *f = fopen(golden, "r");
	size_t got = f ? fread(want, 1, sizeof(want) - 1, f) : 0;
	want[got] = 0;
	if (f)
		fclose(f);
	is_str(text, want, "screen %s", name);
	free(text);
}

static void start(int cols, int rows)
{
	struct tt_err err;
	app = (struct top_app){.delay_ns = SECOND};
	top_view_init(&app.view, &app.select);
	app.view.check_procs = true;
	top_ui_init(&ui, &app, cols, rows);
	if (!is_int(top_source_replay(path, &app.select, &app.source, &err), 0, "the recording at %dx%d", cols, rows))
		diag("%s", err.msg);
	for (unsigned i = 0; i < FRAMES - 5; i++)
		top_ui_next(&ui, &err);
	top_ui_draw(&ui);
}

static void stop(void)
{
	top_ui_deinit(&ui);
	top_app_deinit(&app);
}

static void test_views(void)
{
	start(100, 26);
	compare("threads");
	type("2");
	compare("tree");
	type("3");
	compare("pools");
	type("4");
	compare("locks");
	type("5");
	compare("heat");
	type("H");
	compare("heat-queue");
	type("w");
	compare("warnings");
	type("q1Fj");
	type("\n");
	compare("detail");
	stop();
}

static void test_sizes(void)
{
	start(20, 5);
	compare("20x5");
	type("4");
	compare("20x5-locks");
	ui.cols = 40;
	ui.rows = 10;
	type("1");
	compare("40x10");
	ui.cols = 300;
	ui.rows = 20;
	compare("300x20");
	stop();
}

static void test_pages(void)
{
	start(80, 24);
	compare("80x24");
	type("h");
	compare("help");
	type("qC");
	compare("columns");
	type("\x1b>");
	compare("sort");
	type("\x1b\\mail");
	compare("filter");
	type("\x1b\x1b,,");
	compare("back");
	stop();
}

static void test_ascii(void)
{
	start(80, 24);
	tt_text_set_utf8(false);
	compare("ascii");
	type("5");
	compare("ascii-heat");
	tt_text_set_utf8(true);
	stop();
}

/* Any key in any place, at any size: nothing but screens of the right size comes of it. */
static void test_any_keys(void)
{
	static const int special[] = {TOP_KEY_UP, TOP_KEY_DOWN, TOP_KEY_LEFT, TOP_KEY_RIGHT, TOP_KEY_PAGE_UP, TOP_KEY_PAGE_DOWN,
		TOP_KEY_HOME, TOP_KEY_END, TOP_KEY_BACKSPACE, TOP_F(1), TOP_F(2), TOP_F(3), TOP_F(4), TOP_F(5), TOP_F(6), 27,
		'\n', '\t', TOP_KEY_CLICK, TOP_KEY_DOUBLE_CLICK, TOP_KEY_WHEEL_UP, TOP_KEY_WHEEL_DOWN};
	uint64_t seed = 7;
	int wrong = 0;
	start(80, 24);
	ui.config = NULL;
	for (int i = 0; i < 6000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned r = (unsigned)(seed >> 33);
		int key = r % 3 ? special[r / 3 % (sizeof(special) / sizeof(*special))] : (int)(' ' + r / 3 % 95);
		if (key == 'k' || key == TOP_F(9) || key == '[' || key == ']')
			continue; /* of a recording they do nothing */
		ui.mouse_row = (int)(r % 40);
		ui.mouse_col = (int)(r / 40 % 90);
		if (r % 50 == 0) {
			ui.cols = 1 + (int)(r / 50 % 120);
			ui.rows = 1 + (int)(r / 6000 % 40);
		}
		top_ui_key(&ui, key);
		top_ui_draw(&ui);
		for (int row = 0; row < ui.canvas.rows; row++)
			wrong += ui.canvas.lines[row].width > ui.cols;
		wrong += ui.canvas.rows != ui.rows;
	}
	is_int(wrong, 0, "thousands of keys at any size: no line is too long");
	stop();
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(path, sizeof(path), "%s/screensXXXXXX", tmp && strlen(tmp) < 60 ? tmp : "/tmp");
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	setenv("TZ", "UTC", 1);
	tt_text_set_utf8(true);
	write_recording();
	test_views();
	test_sizes();
	test_pages();
	test_ascii();
	test_any_keys();
	unlink(path);
	return done();
}
