/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_size_recommend.c - from measured pools to sizes: bounds, objectives, confidence, refusals; settings in words. */
#include "lib/core/attrs.h"
#include "lib/size/recommend.h"
#include "lib/size/settings.h"
#include "tests/unit/tap.h"

#define S UINT64_C(1000000000)

/* A pool of n threads in 10 s that computed for run and waited r times as long, on two CPUs that nobody else uses. */
static struct tt_size_measured pool(unsigned n, double run_s, double r)
{
	uint64_t run = (uint64_t)(run_s * 1e9), work = (uint64_t)(run_s * r * 1e9);
	return (struct tt_size_measured){.threads = n,
		.window_ns = 10 * S,
		.wall_ns = n * 10 * S,
		.run_ns = run,
		.blocked_ns = work,
		.work_ns = work,
		.delay_ns = n * 10 * S > run + work ? n * 10 * S - run - work : 0,
		.visits = 10000,
		.looks = 5000,
		.busy_mean = n,
		.busy_max = n};
}

static const struct tt_size_room room = {
	.cpu = {.cpus = 2, .machine = 2}, .threads_left = UINT64_MAX, .memory_left = UINT64_MAX};
static const struct tt_size_wishes wishes = {.share = 0.95, .per_task = 1};

static void test_sizes(void)
{
	struct tt_size_advice few, many;
	struct tt_size_measured m = pool(4, 4, 9);
	tt_size_recommend(&m, &room, &wishes, &few);
	ok(!few.refused, "a loaded pool has a size%s", few.refusal);
	is_u64(few.size, 30, "wait/compute 9 on 2 CPUs: 30");
	ok(few.low < 30 && few.low > 20 && few.high > 30 && few.high < 36, "from %u to %u", few.low, few.high);
	m = pool(4, 4, 0.5);
	tt_size_recommend(&m, &room, &wishes, &many);
	is_u64(many.size, 6, "wait/compute 0.5: 6, as two run queues lose a little that one would not");
	m = pool(4, 4, 9);
	ok(!few.enough && few.bound_by == TT_SIZE_BY_CPU, "4 threads are not enough, and the CPU decides");
	is_int(few.confidence, TT_SIZE_HIGH, "nothing is in doubt: %s", few.doubt);
	m = pool(120, 19.9, 9);
	tt_size_recommend(&m, &room, &wishes, &many);
	is_u64(many.size, 28, "from 120 threads, under full load: no idle CPU was woken for what was measured");
	const struct tt_size_wishes latency = {.share = 0.95, .per_task = 1, .objective = TT_SIZE_LATENCY};
	tt_size_recommend(&m, &room, &latency, &many);
	is_u64(many.size, 20, "for latency: where the queue begins");
}

/* Few looks at blocked threads do where these are few beside those that compute. */
static void test_looks(void)
{
	static const struct {
		double blocked;
		unsigned looks;
		bool refused;
	} rows[] = {{0.05, 1, false}, {0.1, 0, true}, {0.5, 12, false}, {0.5, 11, true}, {9, 82, false}, {9, 80, true}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tt_size_advice a;
		struct tt_size_measured m = pool(4, 10, rows[i].blocked);
		m.work_ns /= 2;
		m.lock_ns = m.blocked_ns - m.work_ns;
		m.looks = rows[i].looks;
		tt_size_recommend(&m, &room, &wishes, &a);
		ok(a.refused == rows[i].refused, "%g blocked, %u looks: %s", rows[i].blocked, rows[i].looks, a.refusal);
	}
}

/* A size is for the ratio that is not exceeded in 9 of 10 cases, and that full load will have. */
static void test_margins(void)
{
	struct tt_size_advice sure, unsure;
	struct tt_size_measured m = pool(120, 20, 9);
	tt_size_recommend(&m, &room, &wishes, &sure);
	ok(sure.ratio_error > 0.024 && sure.ratio_error < 0.025, "10,000 pieces: sqrt(2 / n) and 2 %%: %g", sure.ratio_error);
	ok(sure.wake_share == 0, "full load: nobody woke an idle CPU");
	m.visits = 400;
	tt_size_recommend(&m, &room, &wishes, &unsure);
	ok(unsure.ratio_error > 0.073 && unsure.ratio_error < 0.074, "400 pieces: %g", unsure.ratio_error);
	ok(unsure.planned_ratio > 9.84 && unsure.planned_ratio < 9.85, "planned for 9 (1 + 1.28 x 0.0735): %g",
		unsure.planned_ratio);
	ok(unsure.size > sure.size && unsure.size <= sure.size * 13 / 10, "%u instead of %u", unsure.size, sure.size);
	ok(unsure.low < sure.low && unsure.high > sure.high, "and a wider range: %u to %u", unsure.low, unsure.high);
	m = pool(4, 4, 9);
	tt_size_recommend(&m, &room, &wishes, &unsure);
	ok(unsure.wake_share > 0.0799 && unsure.wake_share < 0.0801, "a fifth used, 0.4 ms a piece: 8 %% of it is waking");
	m.visits = 400;
	tt_size_recommend(&m, &room, &wishes, &unsure);
	ok(unsure.wake_share > 0.0039 && unsure.wake_share < 0.0041, "10 ms a piece: 0.4 %%");
	m = pool(120, 20, 9);
	m.work_ns /= 2;
	m.idle_ns = m.blocked_ns - m.work_ns;
	m.looks = 100;
	tt_size_recommend(&m, &room, &wishes, &unsure);
	ok(unsure.ratio_error > 0.102 && unsure.ratio_error < 0.104, "half of 100 looks: a tenth: %g", unsure.ratio_error);
	m.exact = true;
	tt_size_recommend(&m, &room, &wishes, &unsure);
	ok(unsure.ratio_error < 0.025, "what was recorded needs no looks");
}

/* What runs is enough when it is within the range and little would be gained. */
static void test_enough(void)
{
	struct tt_size_advice a;
	struct tt_size_room one = room;
	one.cpu = (struct tt_size_cpu){.cpus = 1, .machine = 1};
	struct tt_size_measured m = pool(4, 8.5, 2.5);
	m.visits = 600;
	tt_size_recommend(&m, &one, &wishes, &a);
	ok(!a.enough && a.now.share < 0.87 && a.then.share > 0.95, "4 threads that wait 2.5 times as long: a sixth to gain, %u",
		a.size);
	m = pool(6, 9.7, 2.5);
	tt_size_recommend(&m, &one, &wishes, &a);
	ok(a.enough, "6 do, within %u to %u", a.low, a.high);
	m = pool(20, 10, 2.5);
	tt_size_recommend(&m, &one, &wishes, &a);
	ok(!a.enough, "20 are too many");
}

/* The memory that is left bounds processes by what one takes for itself; an interpreter's lock is one per process. */
static void test_processes(void)
{
	struct tt_size_advice a;
	struct tt_size_measured m = pool(4, 4, 9);
	struct tt_size_room tight = room;
	m.of_processes = true;
	m.processes = 4;
	m.private_bytes = UINT64_C(100) << 20;
	tight.memory_left = UINT64_C(350) << 20;
	tt_size_recommend(&m, &tight, &wishes, &a);
	ok(a.size == 7 && a.bound_by == TT_SIZE_BY_MEMORY, "three more of 100 MiB fit into 350: %u", a.size);
	is_u64(a.memory.resident_bytes, UINT64_C(700) << 20, "which take together");
	m = pool(8, 4, 9);
	m.one_interpreter = true;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.bound_by == TT_SIZE_BY_INTERPRETER && a.capacity > 0.99 && a.capacity < 1.01, "one interpreter: one CPU");
	m.processes = 4;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.bound_by == TT_SIZE_BY_CPU && a.capacity > 1.99, "four interpreters: both");
	m = pool(4, 4, 9);
	m.stopped_ns = 2 * m.wall_ns;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.refused && strstr(a.refusal, "stopped"), "a pool that stood still has no size: %s", a.refusal);
}

static void test_bounds(void)
{
	struct tt_size_advice a;
	struct tt_size_measured m = pool(4, 4, 9);
	struct tt_size_room tight = room;
	tight.threads_left = 6;
	tt_size_recommend(&m, &tight, &wishes, &a);
	ok(a.size == 10 && a.bound_by == TT_SIZE_BY_THREADS && a.by_cpu == 30, "six more threads are allowed: 10");
	tight = room;
	tight.memory_left = 0;
	tt_size_recommend(&m, &tight, &wishes, &a);
	ok(a.size == 4 && a.bound_by == TT_SIZE_BY_MEMORY, "no memory is left: as many as there are");
	const struct tt_size_wishes database = {.share = 0.95, .connections = 9, .per_task = 2};
	tt_size_recommend(&m, &room, &database, &a);
	ok(a.size == 8 && a.bound_by == TT_SIZE_BY_CONNECTIONS && a.deadlock_floor == 9, "nine connections, two each: 8");
	m.one_interpreter = true;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.bound_by == TT_SIZE_BY_INTERPRETER && a.capacity == 1 && a.size < 24, "an interpreter's lock: one CPU, %u threads",
		a.size);
	m = pool(4, 4, 9);
	m.lock_share = 0.8;
	m.lock_ns = m.run_ns;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.bound_by == TT_SIZE_BY_LOCK && a.capacity == 1.25, "a lock held for four fifths: 1.25 CPUs");
	const struct tt_size_wishes slow = {.share = 0.95, .per_task = 1, .slow_share = 0.9};
	m = pool(4, 4, 9);
	tt_size_recommend(&m, &room, &slow, &a);
	ok(a.bound_by == TT_SIZE_BY_SLOW_HALF && a.size > 24, "slow work may take half of libuv's threads only: %u", a.size);
	tight = room;
	tight.others_cpus = 1;
	m = pool(4, 4, 9);
	tt_size_recommend(&m, &tight, &wishes, &a);
	ok(a.capacity == 1 && a.size < 24, "others take one CPU: %u", a.size);
}

static void test_refusals(void)
{
	struct tt_size_advice a;
	struct tt_size_measured m = pool(4, 0.001, 9);
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.refused && strncmp(a.refusal, "idle", 4) == 0, "idle: %s", a.refusal);
	m = pool(4, 4, 9);
	m.cannot_look = true;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.refused, "waits may not be read: %s", a.refusal);
	m.exact = true;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(!a.refused, "but they were recorded: a size");
	m = pool(4, 4, 9);
	m.half_run_ns[0] = m.half_run_ns[1] = 2 * S;
	m.half_blocked_ns[0] = 4 * S;
	m.half_blocked_ns[1] = 32 * S;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(a.refused && strncmp(a.refusal, "unstable", 8) == 0, "unstable: %s", a.refusal);
	m.half_blocked_ns[0] = 14 * S;
	m.half_blocked_ns[1] = 22 * S;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(!a.refused && a.confidence == TT_SIZE_MEDIUM && *a.doubt, "halves that differ somewhat: %s", a.doubt);
	m.half_run_ns[1] = S / 10;
	m.half_blocked_ns[0] = 36 * S;
	m.half_blocked_ns[1] = 0;
	tt_size_recommend(&m, &room, &wishes, &a);
	ok(!a.refused && a.confidence == TT_SIZE_HIGH, "a half in which hardly anything was seen says nothing");
	struct tt_size_room stolen = room;
	stolen.steal = 0.4;
	m = pool(4, 4, 9);
	tt_size_recommend(&m, &stolen, &wishes, &a);
	ok(a.refused, "stolen: %s", a.refusal);
	stolen = room;
	stolen.cpu.cpus = 0;
	tt_size_recommend(&m, &stolen, &wishes, &a);
	ok(a.refused, "no limit known: %s", a.refusal);
	m.longest_delay_ns = 2 * S;
	tt_size_recommend(&m, &room, &wishes, &a);
	is_int(a.confidence, TT_SIZE_LOW, "a delay of a fifth of the window: %s", a.doubt);
}

/* ------------------------------------------------------------------ settings */

static void test_settings(void)
{
	static const char *const names[][2] = {{"/usr/bin/node", "node"}, {"/usr/bin/python3.11", "python"}, {"java", "java"},
		{"/usr/lib/postgresql/15/bin/postgres", "postgres"}, {"redis-server", "redis"}, {"nginx", "nginx"},
		{"/opt/nodes", "generic"}, {"", "generic"}};
	struct tt_setting s;
	struct tt_settings_of threads = {.size = 12, .cpus = 1.5, .used = 1}, none = {.cpus = 0.5, .used = 1},
			      spread = {.size = 12, .spread = 5, .cpus = 1.5, .used = 1},
			      processes = {.size = 12, .processes = true, .cpus = 1.5, .used = 1};
	unsigned i = 0;
	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		is_str(tt_settings_program(names[k][0], NULL), names[k][1], "'%s' is %s", names[k][0], names[k][1]);
	ok(tt_settings_next("node", &i, &threads, &s), "node has settings");
	is_str(s.text, "UV_THREADPOOL_SIZE=12", "the size in its words");
	ok(tt_settings_next("node", &i, &threads, &s) && strstr(s.text, "worker_threads: 1 "), "CPUs rounded down: %s", s.text);
	ok(!tt_settings_next("node", &i, &threads, &s), "and no more");
	i = 0;
	ok(tt_settings_next("java", &i, &none, &s) && !strstr(s.text, "#"), "without a size: what needs none: %s", s.text);
	static const char *const titles[][2] = {{"gunicorn: worker [app]", "gunicorn"},
		{"python3 /usr/bin/uvicorn app:x", "uvicorn"}, {"puma: cluster worker 1: 4711 [app]", "puma"},
		{"python3 manage.py", "python"}, {"", "python"}};
	for (size_t k = 0; k < ARRAY_SIZE(titles); k++)
		is_str(tt_settings_program("/usr/bin/python3.11", titles[k][0]), titles[k][1], "'%s' is %s", titles[k][0],
			titles[k][1]);
	is_str(tt_settings_program("/usr/sbin/php-fpm8.2", "php-fpm: pool www"), "php-fpm", "php-fpm");
	is_str(tt_settings_program("/usr/sbin/apache2", "/usr/sbin/apache2 -k start"), "apache", "apache");
	i = 0;
	ok(tt_settings_next("nginx", &i, &processes, &s), "nginx has settings");
	is_str(s.text, "worker_processes 12;", "for processes their number");
	ok(!tt_settings_next("nginx", &i, &processes, &s), "and nothing for threads");
	i = 0;
	ok(tt_settings_next("nginx", &i, &spread, &s), "for threads");
	is_str(s.text, "worker_processes 5;", "the processes that they are of");
	ok(tt_settings_next("nginx", &i, &spread, &s), "and");
	is_str(s.text, "thread_pool default threads=3;", "what each process is to have");
	i = 0;
	ok(!tt_settings_next("postgres", &i, &threads, &s), "threads say nothing of backends");
	ok(tt_settings_known("kubernetes") && !tt_settings_known("cobol"), "what is known");
}

int main(void)
{
	test_sizes();
	test_looks();
	test_margins();
	test_enough();
	test_processes();
	test_bounds();
	test_refusals();
	test_settings();
	return done();
}
