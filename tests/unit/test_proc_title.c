/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_proc_title.c - titles of processes, and what they have in common; what a process takes of the memory. */
#include <unistd.h>

#include "lib/core/attrs.h"
#include "lib/proc/footprint.h"
#include "lib/proc/title.h"
#include "tests/unit/tap.h"

static void test_stems(void)
{
	static const char *const rows[][2] = {
		{"nginx: worker process", "nginx: worker process"},
		{"php-fpm: pool www", "php-fpm: pool www"},
		{"puma: cluster worker 3: 4711 [app]", "puma: cluster worker #: # [app]"},
		{"/usr/bin/python3 /usr/bin/gunicorn -b 127.0.0.1:8000 app:x", "python# /usr/bin/gunicorn -b #.#.#.#:# app:x"},
		{"celeryd: [celery@host:ForkPoolWorker-12]", "celeryd: [celery@host:ForkPoolWorker-#]"},
		{"worker 0x7fff12ab id=deadbeef01 fe80::1:2 12ab", "worker # id=# # #ab"},
		{"add bed cafe decade", "add bed cafe decade"},
		{"postgres: shop web 10.0.0.5(4711) SELECT", "postgres: shop web"},
		{"postgres: 15/main: shop web [local] idle in transaction", "postgres: #/main: shop web"},
		{"postgres: shop2 web [local] idle", "postgres: shop# web"},
		{"postgres: checkpointer", "postgres: checkpointer"},
		{"postgres: parallel worker for PID 4711", "postgres: parallel worker for PID #"},
		{"", ""},
		{"/", ""},
		{"/usr/bin/", ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		TT_BUF_AUTO(out);
		tt_title_stem(&out, rows[i][0]);
		is_str(tt_buf_str(&out), rows[i][1], "the stem of '%s'", rows[i][0]);
	}
}

static void test_backends(void)
{
	static const struct {
		const char *title;
		enum tt_backend state;
	} rows[] = {{"postgres: shop web [local] idle", TT_BACKEND_IDLE},
		{"postgres: shop web 10.0.0.5(4711) idle in transaction", TT_BACKEND_IN_TRANSACTION},
		{"postgres: shop web 10.0.0.5(4711) idle in transaction (aborted)", TT_BACKEND_IN_TRANSACTION},
		{"postgres: shop web ::1(4711) UPDATE waiting", TT_BACKEND_LOCK},
		{"postgres: shop web [local] SELECT", TT_BACKEND_BUSY}, {"postgres: shop web [local]", TT_BACKEND_NONE},
		{"postgres: shop web [local] authentication", TT_BACKEND_NONE},
		{"postgres: background writer", TT_BACKEND_NONE}, {"postgres: shop ()", TT_BACKEND_NONE},
		{"nginx: worker [local] idle", TT_BACKEND_NONE}, {"postgres: ", TT_BACKEND_NONE}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		is_int(tt_title_backend(rows[i].title, NULL), rows[i].state, "'%s'", rows[i].title);
}

static void test_footprint(void)
{
	struct tt_footprint f;
	uint64_t bytes = 0;
	char title[TT_TITLE_MAX];
	ok(tt_footprint_parse("Rss:   10 kB\nPss:            12 kB\n", "Pss", &bytes) && bytes == 12288, "a number of kB");
	ok(!tt_footprint_parse("PssX: 1 kB\nPss: x kB\nPss\n", "Pss", &bytes), "none that is odd");
	ok(tt_footprint_read(getpid(), &f) && f.private_bytes > 4096 && f.private_bytes < UINT64_C(1) << 30,
		"this process takes %llu bytes", (unsigned long long)f.private_bytes);
	ok(!tt_footprint_read(4194000, &f), "one that is not there takes nothing");
	ok(tt_title_read(getpid(), title, sizeof(title)) > 0 && strstr(title, "test_proc_title"), "its title is %s", title);
	ok(tt_title_read(4194000, title, sizeof(title)) < 0, "one that is not there has none");
}

int main(void)
{
	test_stems();
	test_backends();
	test_footprint();
	return done();
}
