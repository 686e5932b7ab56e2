/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LINK: tests/unit/sym_subject.c */
/* test_sym_dwarf.c - lines and inlined frames, against what the subjects know and against addr2line. */
#include "tests/unit/sym_subject.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end)
{
	size_t n = text ? strlen(text) : 0, m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

static void show(const struct tt_sym_frames *frames)
{
	for (size_t i = 0; i < frames->count; i++)
		diag("%zu: %s %s:%u%s", i, frames->frames[i].function ? frames->frames[i].function : "?",
			frames->frames[i].file ? frames->frames[i].file : "?", frames->frames[i].line,
			frames->frames[i].inlined ? " inlined" : "");
}

/* The chain of one call is the subject's own, frame by frame. */
static bool chain_right(const struct tt_sym_frames *frames, const struct sym_truth *truth, size_t call, const char *source)
{
	bool right = frames->count == truth->calls[call].count;
	for (size_t i = 0; right && i < frames->count; i++) {
		const struct tt_sym_frame *frame = &frames->frames[i];
		const struct sym_place *place = &truth->calls[call].places[i];
		/* DWARF gives C functions their plain names; C++ compilers differ in what they say of parameters. */
		right = frame->function && strncmp(frame->function, place->function, strcspn(place->function, "(")) == 0 &&
		        frame->line == place->line && ends_with(frame->file, source) && frame->kind == TT_SYM_DWARF &&
		        frame->inlined == (i + 1 < frames->count);
	}
	if (!right)
		show(frames);
	return right;
}

static void chains(const char *dir)
{
	static const char *const names[] = {"c_o0", "c_o2", "c_nopie", "c_dwarf4", "c_gz", "c_split", "c_noid", "c_clang",
		"c_lld", "by_link", "by_crc", "by_dir", "by_id", "dwz", "cxx_o0", "cxx_o2", "cxx_clang"};
	char debug_dirs[200];
	snprintf(debug_dirs, sizeof(debug_dirs), "%s/debug", dir);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *why = subject_missing(names[i]);
		skip(!why, 3, why)
		{
			const char *variant = strcmp(names[i], "dwz") == 0 ? "c_dwz1" : names[i];
			const char *source = strncmp(variant, "cxx", 3) == 0 ? "/chain.cc" : "/chain.c";
			struct sym_truth truth;
			subject_run(variant, &truth);
			struct tt_sym_module module = subject_module(&truth, subject_path(variant));
			struct tt_sym *s = subject_sym(&module, debug_dirs);
			size_t right = 0, places = 0, inlined = 0;
			for (size_t c = 0; c < truth.call_count; c++) {
				const struct tt_sym_frames *all =
					tt_sym_resolve(s, truth.calls[c].pc, TT_SYM_RETADDR | TT_SYM_INLINES);
				const struct tt_sym_frames *one =
					tt_sym_resolve(s, truth.calls[c].pc, TT_SYM_RETADDR | TT_SYM_LINES);
				right += chain_right(all, &truth, c, source);
				inlined += all->count - 1;
				places += one->count == 1 && one->frames[0].line == truth.calls[c].places[0].line &&
				          !one->frames[0].inlined &&
				          tap_same_str(one->frames[0].function, all->frames[all->count - 1].function);
			}
			is_int(right, truth.call_count, "%s: inlined frames, lines and files are what the program says",
				names[i]);
			is_int(places, truth.call_count,
				"%s: without inlined frames: the innermost line, the outermost function", names[i]);
			ok(inlined > 0, "%s: %zu inlined frames", names[i], inlined);
			tt_sym_destroy(s);
		}
	}
}

/* DWARF names what the symbol table does not. */
static void without_symtab(void)
{
	struct sym_truth truth;
	ok(subject_shell("cp c_o2 no_symtab && strip -g -o /dev/null c_o2 && objcopy -K main --strip-unneeded-symbol='*' c_o2 "
			 "no_symtab"),
		"symbols are removed, DWARF is not");
	subject_run("no_symtab", &truth);
	struct tt_sym_module module = subject_module(&truth, subject_path("no_symtab"));
	struct tt_sym *s = subject_sym(&module, NULL);
	const struct tt_sym_frame *frame = tt_sym_resolve(s, truth.calls[0].pc, TT_SYM_RETADDR | TT_SYM_LINES)->frames;
	is_str(frame->function, "outer", "the function's name comes from DWARF");
	ok(frame->offset > 0 && frame->offset < 200, "with its offset");
	tt_sym_destroy(s);
}

static void rust(void)
{
	static const char *const names[] = {"rust", "rust_v0"};
	for (size_t i = 0; i < 2; i++) {
		const char *why = subject_missing(names[i]);
		skip(!why, 3, why)
		{
			struct tt_sym_module module = {.start = 0, .end = 1 << 30, .path = subject_path(names[i])};
			struct tt_sym *s = subject_sym(&module, NULL);
			char command[400], line[400];
			snprintf(command, sizeof(command), "nm %s | grep -E 'visit|apply|crate4main'", module.path);
			FILE *pipe = popen(command, "r");
			unsigned visit = 0, apply = 0, placed = 0;
			while (pipe && fgets(line, sizeof(line), pipe)) {
				const struct tt_sym_frames *frames =
					tt_sym_resolve(s, strtoull(line, NULL, 16), TT_SYM_INLINES);
				const struct tt_sym_frame *outer = &frames->frames[frames->count - 1];
				visit += outer->function && strstr(outer->function, "crate::store::Counter<") &&
				         strstr(outer->function, "crate::store::Visit<") &&
				         ends_with(outer->function, "::visit");
				apply += outer->function && strncmp(outer->function, "crate::store::apply", 19) == 0;
				placed += ends_with(outer->file, "crate.rs") && outer->line > 0;
			}
			if (pipe)
				pclose(pipe);
			ok(visit > 0, "%s: a method of a generic type's trait", names[i]);
			ok(apply > 0, "%s: a generic function", names[i]);
			ok(placed > 0, "%s: with its place", names[i]);
			tt_sym_destroy(s);
		}
	}
}

/* ------------------------------------------------------------------ against addr2line, on this program itself */

#define PROBES 400

struct answer {
	size_t count;
	struct {
		char function[128], file[160];
		unsigned line;
	} frames[16];
};

static void read_answers(const char *input, struct answer answers[PROBES])
{
	char command[256], line[1024];
	snprintf(command, sizeof(command), "addr2line -afi -e /proc/%d/exe <%s", (int)getpid(), input);
	FILE *pipe = popen(command, "r");
	long at = -1;
	while (pipe && fgets(line, sizeof(line), pipe)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0x", 2) == 0) {
			at++;
			continue;
		}
		if (at < 0 || at >= PROBES || answers[at].count == 16)
			break;
		__auto_type frame = &answers[at].frames[answers[at].count++];
		snprintf(frame->function, sizeof(frame->function), "%.127s", line);
		if (!fgets(line, sizeof(line), pipe))
			break;
		char *colon = strrchr(line, ':');
		frame->line = colon ? (unsigned)atoi(colon + 1) : 0;
		const char *slash = strrchr(line, '/');
		snprintf(frame->file, sizeof(frame->file), "%.*s", colon ? (int)(colon - (slash ? slash + 1 : line)) : 0,
			slash ? slash + 1 : line);
	}
	if (pipe)
		pclose(pipe);
}

static bool same_answer(const struct answer *answer, const struct tt_sym_frames *frames)
{
	if (answer->count != frames->count)
		return false;
	for (size_t i = 0; i < answer->count; i++) {
		const struct tt_sym_frame *frame = &frames->frames[i];
		const char *function = frame->function ? frame->function : "??";
		if (answer->frames[i].line != frame->line ||
			!ends_with(frame->file ? frame->file : "??", answer->frames[i].file) ||
			strncmp(function, answer->frames[i].function, strcspn(function, ".")) != 0)
			return false;
	}
	return true;
}

extern const char __executable_start[], __etext[];

static void compare(void)
{
	static struct answer answers[PROBES];
	uint64_t addresses[PROBES], inlined = 0, same = 0, known = 0, padding = 0, base = (uintptr_t)__executable_start;
	char path[] = "/tmp/tt-addresses-XXXXXX", exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	FILE *input = fdopen(mkstemp(path), "w");
	uint64_t low = (uintptr_t)tt_sym_create > (uintptr_t)compare ? (uintptr_t)compare : (uintptr_t)tt_sym_create;
	srand(11);
	for (size_t i = 0; i < PROBES; i++) {
		addresses[i] = low + ((uint64_t)rand() * 31 + (uint64_t)rand()) % ((uintptr_t)__etext - low);
		fprintf(input, "%lx\n", addresses[i] - base);
	}
	fclose(input);
	read_answers(path, answers);
	unlink(path);
	exe[n > 0 ? n : 0] = '\0';
	struct tt_sym_module module = {.start = base, .end = (uintptr_t)__etext, .bias = base, .path = exe};
	struct tt_sym *s = subject_sym(&module, NULL);
	unsigned shown = 0;
	for (size_t i = 0; i < PROBES; i++) {
		if (answers[i].count == 0 || answers[i].frames[0].line == 0)
			continue;
		const struct tt_sym_frames *frames = tt_sym_resolve(s, addresses[i], TT_SYM_INLINES);
		if (!frames->frames[0].function) {
			padding++;
			continue;
		}
		known++;
		inlined += frames->count > 1;
		if (same_answer(&answers[i], frames))
			same++;
		else if (shown++ < 3) {
			diag("0x%lx: addr2line says %s %s:%u, %zu frames; we say:", addresses[i] - base,
				answers[i].frames[0].function, answers[i].frames[0].file, answers[i].frames[0].line,
				answers[i].count);
			show(frames);
		}
	}
	diag("%lu of %lu places as addr2line has them, %lu with inlined frames", same, known, inlined);
	ok(padding * 20 <= PROBES, "only padding between functions has no name of ours (%lu of %d)", padding, PROBES);
	ok(known > PROBES / 2, "addr2line knows most places");
	ok(same * 100 >= known * 99, "99 %% of them are named alike, with lines and inlined frames");
	tt_sym_destroy(s);
}

int main(void)
{
	const char *dir = subject_build();
	chains(dir);
	without_symtab();
	rust();
#ifdef __clang__
	const bool comparable = false; /* binutils 2.40 does not know clang's DWARF 5 range lists */
#else
	const bool comparable = true;
#endif
	skip(comparable, 3, "addr2line does not read what clang writes")
	{
		skip(system("command -v addr2line >/dev/null") == 0, 3, "addr2line is not installed")
		{
			compare();
		}
	}
	return done();
}
