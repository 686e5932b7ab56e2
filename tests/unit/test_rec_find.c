/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/recbuild.c */
/*
 * test_rec_find.c - recordings folders, the recording of a live process, sets of recordings.
 */
#include "lib/rec/set.h"
#include "tests/unit/recbuild.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/test_rec_find.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][300];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

/* A recording in the folder, of a process that ended, was killed (pid 0 is nobody's), or lives (this one). */
static void put(const char *name, uint32_t pid, enum ttrec_state state, uint64_t start_s)
{
	struct recbuild *rb = rb_create("/bin/prog", pid);
	struct stat st;
	rb->header->state = state;
	if (state == TTREC_STATE_RUNNING)
		rb->header->end_ns = 0;
	rb->header->proc_start_ticks = 0;
	rb->header->start_real_ns = start_s * 1000000000;
	rb->header->pid_ns = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
	rb_thread(rb, 1, TTREC_THREAD_RUNNING);
	rb_write(rb, in_dir(name));
	rb_destroy(rb);
}

static void put_text(const char *name, const char *text)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static const struct tt_found *found(const struct tt_found_list *list, const char *name)
{
	const struct tt_found *f;
	vec_for_each (f, &list->items)
		if (strcmp(f->path, in_dir(name)) == 0)
			return f;
	return NULL;
}

/* ------------------------------------------------------------------ folders */

static void fill_folder(void)
{
	put("old.1.ttrec", 999999999, TTREC_STATE_EXITED, 100);
	put("new.2.ttrec", 999999998, TTREC_STATE_RUNNING, 300);
	put("live.3.ttrec", (uint32_t)getpid(), TTREC_STATE_RUNNING, 200);
	put("again.4.ttrec.2", 999999997, TTREC_STATE_FORCED, 50);
	put(".hidden.ttrec", 1, TTREC_STATE_EXITED, 500);
	put("not-one.ttrec.x", 1, TTREC_STATE_EXITED, 500);
	put_text("noise.ttrec", "not a recording at all");
	if (symlink("old.1.ttrec", in_dir("link.ttrec")) < 0 || mkfifo(in_dir("fifo.ttrec"), 0600) < 0)
		abort();
}

static void test_list(void)
{
	struct tt_found_list list = {0};
	struct tt_err err = {0};
	if (!ok(tt_find_list(dir, &list, &err) == 0, "lists a folder: %s", err.msg))
		return;
	is_int(list.items.len, 5, "recordings only: no links, pipes, hidden or other names");
	const struct tt_found *f = found(&list, "old.1.ttrec");
	ok(f && f->life == TT_REC_ENDED && f->state == TTREC_STATE_EXITED && f->pid == 999999999, "an ended one");
	is_str(f ? f->command : NULL, "/bin/prog -x", "its command line");
	f = found(&list, "new.2.ttrec");
	ok(f && f->life == TT_REC_KILLED, "one whose process is gone without an end");
	f = found(&list, "live.3.ttrec");
	ok(f && f->life == TT_REC_RUNNING, "a running one");
	f = found(&list, "noise.ttrec");
	ok(f && f->error == EINVAL && f->reason && !f->exe, "one that cannot be read is listed with the reason");
	ok(!found(&list, "link.ttrec") && found(&list, "again.4.ttrec.2"), "a name that was taken has a number behind it");
	/* noise was written now, by the clock; the others carry times of 1970 */
	bool sorted = list.items.data[0].error && strstr(list.items.data[1].path, "new") &&
	              strstr(list.items.data[2].path, "live") && strstr(list.items.data[3].path, "old");
	ok(sorted, "newest first");
	tt_found_list_deinit(&list);

	is_int(tt_find_list("/nonexistent", &list, &err), -ENOENT, "a folder that is not there");
	has_str(err.msg, "cannot list '/nonexistent'", "in words");
	tt_found_list_deinit(&list);
}

static void test_newest(void)
{
	char *path = NULL;
	struct tt_err err = {0};
	ok(tt_find_newest(dir, &path, &err) == 0 && strcmp(path, in_dir("new.2.ttrec")) == 0, "the newest that can be read");
	free(path);
	char empty[] = "/tmp/test_rec_find.XXXXXX";
	if (!mkdtemp(empty))
		abort();
	is_int(tt_find_newest(empty, &path, &err), -ENOENT, "none in an empty folder");
	has_str(err.msg, "no recordings in '/tmp/", "in words");
	rmdir(empty);
}

static void test_default_folders(void)
{
	char own[300], buf[4096];
	snprintf(own, sizeof(own), "%s/threadcheck", dir);
	if (mkdir(own, 0700) < 0 || setenv("XDG_RUNTIME_DIR", dir, 1) < 0)
		abort();
	put("threadcheck/mine.ttrec", 999999996, TTREC_STATE_EXITED, 4000000000);
	char *path = NULL;
	struct tt_err err = {0};
	ok(tt_find_newest(NULL, &path, &err) == 0 && strcmp(path, in_dir("threadcheck/mine.ttrec")) == 0,
		"without a folder: $XDG_RUNTIME_DIR/threadcheck is looked into: %s", err.msg);
	free(path);
	ok(tt_find_folder(buf, sizeof(buf)) && strcmp(buf, own) == 0, "and is where the shim writes");
	unlink(in_dir("threadcheck/mine.ttrec"));
	rmdir(own);
}

static void test_clean(void)
{
	unsigned removed = 0;
	uint64_t bytes = 0;
	struct tt_err err = {0};
	ok(tt_find_clean(dir, &removed, &bytes, &err) == 0, "cleans: %s", err.msg);
	is_int(removed, 3, "ended and killed ones");
	ok(bytes > 3 * TTREC_HEADER_SIZE, "and says what that freed");
	ok(access(in_dir("live.3.ttrec"), F_OK) == 0 && access(in_dir("noise.ttrec"), F_OK) == 0,
		"running and unreadable ones stay");
	ok(access(in_dir("not-one.ttrec.x"), F_OK) == 0 && access(in_dir("link.ttrec"), F_OK) < 0 && errno == ENOENT,
		"and what is no recording (the link dangles now)");
}

/* ------------------------------------------------------------------ live processes */

/* A child that maps a recording of its own as the shim does, or (NULL) none, and waits to be killed. `other`: also a recording
 * of another. */
static pid_t child(const char *path, bool other)
{
	int ready[2];
	char c;
	if (pipe(ready) < 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		if (path) {
			put(strrchr(path, '/') + 1, other ? 1 : (uint32_t)getpid(), TTREC_STATE_RUNNING, 1000);
			int fd = open(path, O_RDWR | O_CLOEXEC);
			void *p = mmap(NULL, 1 << 14, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			close(fd);
			unlink(path);
			if (p == MAP_FAILED)
				_exit(1);
		}
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		abort();
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_pid(void)
{
	struct tt_rec *rec = NULL;
	struct tt_err err = {0};
	pid_t pid = child(in_dir("mapped.ttrec"), false);
	skip(geteuid() == 0, 2, "map_files needs root")
	{
		if (ok(tt_find_open_pid(pid, NULL, &rec, &err) == 0, "a live process's recording, although unlinked: %s",
			    err.msg)) {
			ok(tt_rec_header(rec)->pid == (uint32_t)pid && tt_rec_life(rec) == TT_REC_RUNNING,
				"is its own, and running");
			tt_rec_close(rec);
		}
	}
	end(pid);
	pid = child(in_dir("parent.ttrec"), true);
	skip(geteuid() == 0, 2, "map_files needs root")
	{
		is_int(tt_find_open_pid(pid, NULL, &rec, &err), -ENOENT,
			"a recording inherited from the parent is not the child's");
		has_str(err.msg, "since it was forked", "in words");
	}
	end(pid);
	pid = child(NULL, false);
	is_int(tt_find_open_pid(pid, NULL, &rec, &err), -ENOENT, "a process that does not record");
	has_str(err.msg, "does not record", "in words");
	end(pid);
	is_int(tt_find_open_pid(pid, NULL, &rec, &err), -ENOENT, "a process that is gone");
	has_str(err.msg, "no process", "in words");
}

static void test_note_end(void)
{
	struct tt_rec *rec = NULL;
	struct tt_err err = {0};
	put("killed.ttrec", 999999980, TTREC_STATE_RUNNING, 10);
	put("ended.ttrec", 999999981, TTREC_STATE_EXITED, 10);
	const char *killed = in_dir("killed.ttrec"), *ended = in_dir("ended.ttrec");
	/* rb_create: began at 5 s, ended (if it did) after 1 s. */
	ok(tt_rec_note_end(killed, UINT64_C(7500000000), &err) == 0 &&
			tt_rec_note_end(ended, UINT64_C(7500000000), &err) == 0 &&
			tt_rec_note_end(killed, UINT64_C(9000000000), &err) == 0,
		"whoever saw a process die notes when: %s", err.msg);
	bool estimated = true;
	if (tt_rec_open(killed, NULL, &rec, &err) == 0) {
		is_u64(tt_rec_end_ns(rec, &estimated), 2500000001, "the first note stays");
		ok(!estimated && tt_rec_life(rec) == TT_REC_KILLED, "and it is no estimate");
		tt_rec_close(rec);
	}
	if (tt_rec_open(ended, NULL, &rec, &err) == 0) {
		is_u64(tt_rec_end_ns(rec, NULL), 1000000001, "an end that was recorded stands");
		tt_rec_close(rec);
	}
	unlink(killed);
	unlink(ended);
}

/* ------------------------------------------------------------------ sets */

static void test_set(void)
{
	struct tt_rec_set set = {0};
	struct tt_err err = {0};
	put("b.ttrec", 999999990, TTREC_STATE_EXITED, 20);
	put("a.ttrec", 999999991, TTREC_STATE_EXITED, 10);
	put("a-copy.ttrec", 999999991, TTREC_STATE_EXITED, 10);
	ok(tt_rec_set_add(&set, in_dir("b.ttrec"), NULL, &err) == 0, "adds a file");
	ok(tt_rec_set_add(&set, dir, NULL, &err) == 0, "adds a folder: %s", err.msg);
	is_int(set.recs.len, 5, "with all that it holds");
	ok(set.failures.len == 1 && strstr(set.failures.data[0], "noise.ttrec"), "what cannot be opened is told");
	tt_rec_set_settle(&set);
	is_int(set.recs.len, 3, "each process once");
	ok(tt_rec_header(set.recs.data[0])->pid == 999999991 && tt_rec_header(set.recs.data[1])->pid == 999999990, "by start");
	is_int(tt_rec_set_add(&set, in_dir("noise.ttrec"), NULL, &err), -EINVAL,
		"a single file that cannot be opened is an error");
	is_int(tt_rec_set_add(&set, "999999999", NULL, &err), -ENOENT, "a number is a pid");
	has_str(err.msg, "no process 999999999", "in words");
	is_int(tt_rec_set_add(&set, "nonsense", NULL, &err), -ENOENT, "anything else a file");
	tt_rec_set_deinit(&set);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	fill_folder();
	test_list();
	test_newest();
	test_default_folders();
	test_clean();
	test_pid();
	test_note_end();
	test_set();
	static const char *const left[] = {"live.3.ttrec", ".hidden.ttrec", "not-one.ttrec.x", "noise.ttrec", "link.ttrec",
		"fifo.ttrec", "a.ttrec", "b.ttrec", "a-copy.ttrec"};
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		unlink(in_dir(left[i]));
	is_int(rmdir(dir), 0, "nothing else is left behind");
	return done();
}
