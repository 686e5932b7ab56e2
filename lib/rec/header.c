/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * header.c - the header page: is this a recording, can we read it, and what became of its process.
 */
#include "lib/rec/life.h"
#include "lib/rec/rec_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HOUR_NS UINT64_C(3600000000000)

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;
	if (clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/* The prefix that every version of the format shares. */
static int check_identity(uint64_t file_size, const struct ttrec_header *h, struct tt_err *err)
{
	if (file_size < 12)
		return tt_err_set(err, EINVAL, "not a recording: only %llu bytes", (unsigned long long)file_size);
	static const char none[sizeof(h->magic)];
	if (memcmp(h->magic, none, sizeof(none)) == 0) /* the magic is stored when all else of the header is */
		return tt_err_set(err, EAGAIN, "the recording is not ready: its program is starting, or died doing so");
	if (memcmp(h->magic, TTREC_MAGIC, sizeof(h->magic)) != 0) {
		if (memcmp(h->magic, TTREC_MAGIC, 5) == 0)
			return tt_err_set(
				err, EINVAL, "the beginning of the recording is damaged, as by a transfer in text mode");
		return tt_err_set(err, EINVAL, "not a recording of threadcheck");
	}
	if (file_size < sizeof(*h))
		return tt_err_set(err, EINVAL, "the recording is cut off within its header: %llu of %zu bytes",
			(unsigned long long)file_size, sizeof(*h));
	if (h->endian == __builtin_bswap32(TTREC_ENDIAN))
		return tt_err_set(err, ENOTSUP, "recorded on a machine of the other byte order");
	if (h->endian != TTREC_ENDIAN)
		return tt_err_set(err, EINVAL, "the header is damaged: byte order mark 0x%08x", h->endian);
	/* Before the first release, records of an earlier minor version were laid out in another way. */
	if (h->major != TTREC_MAJOR || (TTREC_MAJOR == 0 && h->minor < TTREC_MINOR))
		return tt_err_set(err, ENOTSUP,
			"the recording has format version %u.%u, this program reads version %u (up to %u.%u)", h->major,
			h->minor, TTREC_MAJOR, TTREC_MAJOR, TTREC_MINOR);
	if (h->word_size != 8)
		return tt_err_set(err, ENOTSUP, "the recording has words of %u bytes, this program reads 8", h->word_size);
	if (!h->ready)
		return tt_err_set(err, EAGAIN, "the recording is not ready: its program is starting, or died doing so");
	return 0;
}

static void end_text(char *text, size_t size)
{
	text[size - 1] = '\0';
}

static void normalise(struct tt_rec *rec)
{
	struct ttrec_header *h = &rec->header;
	end_text(h->machine, sizeof(h->machine));
	end_text(h->shim_version, sizeof(h->shim_version));
	end_text(h->exe, sizeof(h->exe));
	end_text(h->cwd, sizeof(h->cwd));
	end_text(h->options, sizeof(h->options));
	if (h->command_len > sizeof(h->command)) {
		tt_rec_complain(rec, false, "the header's command line is damaged");
		h->command_len = sizeof(h->command);
	}
	if (h->exe_build_id_len > sizeof(h->exe_build_id))
		h->exe_build_id_len = 0;
	if (h->state >= TTREC_STATE_MAX || h->state == TTREC_STATE_NONE) {
		tt_rec_complain(rec, false, "how the process ended is not readable");
		h->state = TTREC_STATE_RUNNING;
	}
	if (h->hold_period == 0)
		h->hold_period = 1;
	if (h->header_size < sizeof(*h) || h->header_size % TTREC_ALIGN || h->header_size > rec->file_size) {
		tt_rec_complain(rec, false, "the header's size is damaged");
		h->header_size = TTREC_HEADER_SIZE;
	}
}

/* Times of records are compared with this, so that one flipped bit does not make a run of centuries. */
static uint64_t time_cap(const struct tt_rec *rec)
{
	uint64_t now = clock_ns(CLOCK_REALTIME), start = rec->header.start_real_ns;
	return now > start && start ? now - start + HOUR_NS : UINT64_MAX / 4;
}

int tt_rec_check_header(struct tt_rec *rec, const struct tt_rec_opts *opts, struct tt_err *err)
{
	struct ttrec_header *h = &rec->header;
	memcpy(h, rec->base, rec->size < sizeof(*h) ? rec->size : sizeof(*h));
	int rc = check_identity(rec->file_size, h, err);
	if (rc < 0)
		return rc;
	normalise(rec);
	if (h->children_refused)
		tt_rec_complain(rec, false, "%llu forked children could not make recordings of their own",
			(unsigned long long)h->children_refused);
	if (h->next < h->header_size || h->next > h->file_size || (rec->unannounced && h->state != TTREC_STATE_RUNNING))
		tt_rec_complain(rec, false, "the header does not tell how much of the file is used");
	else if (h->next > rec->file_size)
		tt_rec_complain(rec, true, "the recording is cut off: %llu of %llu bytes", (unsigned long long)rec->file_size,
			(unsigned long long)h->next);
	rec->time_cap = time_cap(rec);
	if (opts && opts->running && h->state == TTREC_STATE_RUNNING)
		rec->life = TT_REC_RUNNING;
	else if (opts && opts->offline)
		rec->life = h->state == TTREC_STATE_RUNNING ? TT_REC_KILLED : TT_REC_ENDED;
	else
		rec->life = tt_life_of(h->state, h->pid, h->proc_start_ticks, h->pid_ns);
	return 0;
}

/* Opens a recording to note something in its header. -errno, or a descriptor. */
static int open_to_note(const char *path, struct ttrec_header *ret, struct tt_err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	int rc = tt_rec_peek_fd(fd, ret, err);
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* Writes the word and closes. */
static int note(int fd, const char *path, const void *word, size_t size, size_t offset, struct tt_err *err)
{
	bool good = pwrite(fd, word, size, (off_t)offset) == (ssize_t)size;
	close(fd);
	return good ? 0 : tt_err_set(err, EIO, "cannot write '%s'", path);
}

int tt_rec_note_end(const char *path, uint64_t end_mono_ns, struct tt_err *err)
{
	struct ttrec_header h;
	int fd = open_to_note(path, &h, err);
	if (fd < 0)
		return fd;
	if (h.state != TTREC_STATE_RUNNING || h.end_ns || end_mono_ns <= h.start_mono_ns ||
		tt_life_of(h.state, h.pid, h.proc_start_ticks, h.pid_ns) != TT_REC_KILLED) {
		close(fd);
		return 0;
	}
	uint64_t end_ns = end_mono_ns - h.start_mono_ns + 1;
	return note(fd, path, &end_ns, sizeof(end_ns), offsetof(struct ttrec_header, end_ns), err);
}

int tt_rec_note_exit(const char *path, int exit_code, struct tt_err *err)
{
	struct ttrec_header h;
	int fd = open_to_note(path, &h, err);
	if (fd < 0)
		return fd;
	if (h.state != TTREC_STATE_EXITED || h.exit_code != TTREC_EXIT_UNKNOWN) {
		close(fd);
		return 0;
	}
	int32_t code = exit_code;
	_Static_assert(sizeof(h.exit_code) == sizeof(code), "what is written there");
	return note(fd, path, &code, sizeof(code), offsetof(struct ttrec_header, exit_code), err);
}

int tt_rec_peek_fd(int fd, struct ttrec_header *ret, struct tt_err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return tt_err_set(err, errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return tt_err_set(err, EINVAL, "not a regular file");
	uint64_t size = (uint64_t)st.st_size;
	memset(ret, 0, sizeof(*ret));
	if (!tt_rec_pread(fd, ret, size < sizeof(*ret) ? size : sizeof(*ret), 0))
		return tt_err_set(err, EIO, "cannot read");
	return check_identity(size, ret, err);
}

void tt_rec_settle_end(struct tt_rec *rec, const struct tt_rec_opts *opts)
{
	const struct ttrec_header *h = &rec->header;
	uint64_t now = opts && opts->now_mono_ns ? opts->now_mono_ns : clock_ns(CLOCK_MONOTONIC);
	rec->end_estimated = false;
	/* A killed process cannot say when: an observer may have (tt_rec_note_end). */
	if (rec->life != TT_REC_RUNNING && h->end_ns && h->end_ns <= rec->time_cap) {
		rec->end_ns = h->end_ns;
	} else if (rec->life == TT_REC_RUNNING && now >= h->start_mono_ns) {
		rec->end_ns = now - h->start_mono_ns + 1;
	} else {
		rec->end_ns = rec->latest_ns;
		rec->end_estimated = true;
	}
	/* Threads of an exiting process may still write for a moment; nothing is later than the end. */
	if (rec->end_ns < rec->latest_ns && rec->life == TT_REC_RUNNING)
		rec->end_ns = rec->latest_ns;
}
