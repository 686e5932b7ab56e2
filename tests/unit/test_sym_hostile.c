/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/sym_subject.c */
/*
 * test_sym_hostile.c - damaged ELF files and DWARF: any answer is good, a crash or a hang is not.
 *
 * TT_SYM_ROUNDS=N: damage each file N times (default 60). TT_SYM_SEED=N: begin elsewhere.
 */
#include "tests/unit/sym_subject.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_EACH 20 /* for one damaged file; a healthy one takes milliseconds */

static unsigned long environment(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	return text ? strtoul(text, NULL, 10) : otherwise;
}

static unsigned char *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	unsigned char *data = NULL;
	*size = 0;
	if (f && fseek(f, 0, SEEK_END) == 0 && ftell(f) > 0) {
		*size = (size_t)ftell(f);
		data = malloc(*size);
		rewind(f);
		*size = fread(data, 1, *size, f);
	}
	if (f)
		fclose(f);
	return data;
}

static void write_file(const char *path, const unsigned char *data, size_t size)
{
	FILE *f = fopen(path, "wb");
	if (f) {
		fwrite(data, 1, size, f);
		fclose(f);
	}
}

/* Asks for everything. Returns how many answers there were. */
static unsigned ask_everything(const char *path, const char *debug_dirs, uint64_t size)
{
	struct tt_sym_module module = {.start = 0, .end = size, .path = path};
	struct tt_sym *s = subject_sym(&module, debug_dirs);
	struct tt_sym_module mapping = {
		.start = size, .end = 2 * size, .file_offset = 0x1000, .from_maps = true, .path = path, .pid = getpid()};
	struct tt_sym_module_info info;
	unsigned named = 0;
	for (unsigned i = 0; i < 80; i++) {
		uint64_t address = 0x1000 + ((uint64_t)rand() % 0x3000);
		static const unsigned flags[] = {TT_SYM_INLINES, TT_SYM_INLINES | TT_SYM_RETADDR, TT_SYM_LINES, 0, TT_SYM_DATA};
		for (unsigned f = 0; f < 5; f++) {
			const struct tt_sym_frames *frames = tt_sym_resolve(s, address, flags[f]);
			for (size_t j = 0; j < frames->count; j++)
				named += frames->frames[j].function &&
				         strlen(frames->frames[j].function) +
				                         (frames->frames[j].file ? strlen(frames->frames[j].file) : 0) >
				                 0;
		}
	}
	tt_sym_add_module(s, &mapping, NULL);
	named += tt_sym_module_info(s, 0, &info) && tt_sym_module_info(s, 1, &info);
	tt_sym_destroy(s);
	return named;
}

/* Places worth damaging: the headers, and each section that is read. */
struct places {
	struct {
		size_t offset, size;
	} list[32];
	size_t count;
};

static void find_places(const char *path, size_t size, struct places *places)
{
	char command[200], line[400], name[64];
	snprintf(command, sizeof(command), "readelf -SW %s 2>/dev/null", path);
	*places = (struct places){.count = 1, .list = {{0, 0x400}}};
	FILE *pipe = popen(command, "r");
	while (pipe && places->count < 32 && fgets(line, sizeof(line), pipe)) {
		size_t offset, length;
		const char *text = strchr(line, ']');
		if (text && sscanf(text, "] %63s %*s %*x %zx %zx", name, &offset, &length) == 3 && length &&
			offset + length <= size &&
			(strstr(name, "debug") || strstr(name, "sym") || strstr(name, "str") || strstr(name, "note"))) {
			places->list[places->count].offset = offset;
			places->list[places->count++].size = length;
		}
	}
	if (pipe)
		pclose(pipe);
}

static size_t random_below(size_t n)
{
	return ((size_t)rand() * 32768 + (size_t)rand()) % n;
}

/* One of: some bits anywhere, some in one section, a large number there, zeros or ones over a range, a cut end. */
static size_t damage(unsigned char *data, size_t size, const struct places *places)
{
	unsigned kind = (unsigned)rand() % 6;
	__auto_type place = &places->list[kind == 0 ? 0 : random_below(places->count)];
	size_t from = kind == 0 ? 0 : place->offset, length = kind == 0 ? size : place->size, at = from + random_below(length);
	if (kind <= 2) {
		for (int n = 1 + rand() % 30; n > 0; n--)
			data[from + random_below(length)] ^= (unsigned char)(1 << rand() % 8);
	} else if (kind == 3) {
		static const uint64_t numbers[] = {
			0, 0xff, 0x7fffffff, 0xffffffff, UINT64_MAX, (uint64_t)1 << 63, 0x8080808080808080};
		size_t n = 1 + (size_t)rand() % 8;
		memcpy(data + at, &numbers[rand() % 7], n < size - at ? n : size - at);
	} else if (kind == 4) {
		memset(data + at, rand() % 2 ? 0 : 0xff, size - at < 64 ? size - at : 64);
	} else {
		return at;
	}
	return size;
}

/* Runs in a child, because what must not happen is its death. Returns its wait status. */
static int in_child(const char *path, const char *debug_dirs, uint64_t size, unsigned seed)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(SECONDS_EACH);
		srand(seed);
		_exit(ask_everything(path, debug_dirs, size) == UINT32_MAX);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	return status;
}

/* `original` is damaged as `target`; the names of module `path` are asked for. */
static void damaged(const char *what, const char *original, const char *target, const char *path, const char *debug_dirs)
{
	unsigned long rounds = environment("TT_SYM_ROUNDS", 60), seed = environment("TT_SYM_SEED", 1), bad = 0;
	size_t size;
	unsigned char *good = read_file(original, &size), *data = good ? malloc(size) : NULL;
	if (!ok(data && size > 0x400, "%s is there", what))
		return;
	struct places places;
	find_places(original, size, &places);
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned this_seed = (unsigned)(seed * 1000003 + i);
		srand(this_seed);
		memcpy(data, good, size);
		size_t left = damage(data, size, &places);
		write_file(target, data, left);
		int status = in_child(path, debug_dirs, 1 << 20, this_seed);
		if (status && bad++ < 5)
			diag("%s, TT_SYM_SEED=%lu round %lu: %s %d", what, seed, i, WIFSIGNALED(status) ? "signal" : "status",
				WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	is_int(bad, 0, "%s, damaged in %lu ways: no crash, no hang", what, rounds);
	free(good);
	free(data);
}

int main(void)
{
	const char *dir = subject_build();
	char victim[128], debug[128], debug_file[256];
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	snprintf(debug, sizeof(debug), "%s/debug", dir);
	snprintf(debug_file, sizeof(debug_file), "%.100s/.build-id/01/02030405060708090a0b0c0d0e0f1011121314.debug", debug);
	is_int(in_child(subject_path("cxx_o2"), NULL, 1 << 20, 1), 0, "a healthy file gives no trouble");
	static const char *const names[] = {"c_o2", "c_dwarf4", "c_gz", "c_split", "cxx_o2", "cxx_clang", "mini"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *why = subject_missing(names[i]);
		skip(!why, 2, why)
		{
			damaged(names[i], subject_path(names[i]), victim, victim, NULL);
		}
	}
	ok(subject_shell("cp '%s' keep", debug_file), "a debug file");
	damaged("a separate debug file", subject_path("keep"), debug_file, subject_path("by_id"), debug);
	return done();
}
