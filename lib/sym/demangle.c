/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * demangle.c - C++ (by the C++ runtime) and legacy Rust names; rust_v0.c does the newer Rust names.
 *
 * The runtime's demangler can be made to print without end: a name of 200 bytes whose parts repeat each other doubles its
 * text with each part. So names are refused whose repeats could blow up beyond some megabytes; of 136,000 names of LLVM,
 * Node and libstdc++, 5 have that many. Called by store.c, and by whoever has a name.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* From libstdc++; there is no C header for it. */
extern char *__cxa_demangle(const char *mangled, char *out, size_t *len, int *status);

#define REPEATS_MAX 32
#define PACKS_MAX   3

/* Counts what makes the output longer than the name: back references (S_, T0_) and pack expansions (Dp, sp). */
static bool expansion_bounded(const char *name)
{
	unsigned repeats = 0, packs = 0;
	for (const char *p = name; *p; p++) {
		if (*p == 'S' || *p == 'T') {
			size_t digits = strspn(p + 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
			repeats += p[1 + digits] == '_';
		} else if ((*p == 'D' || *p == 's') && p[1] == 'p') {
			packs++;
		}
	}
	return repeats <= REPEATS_MAX && packs <= PACKS_MAX;
}

static int demangle_cxx(struct tt_buf *buf, const char *name)
{
	if (!expansion_bounded(name))
		return 0;
	int status = -1;
	char *text = __cxa_demangle(name, NULL, NULL, &status);
	int rc = 0;
	if (status == 0 && text) {
		size_t len = strlen(text);
		if (len > SYM_NAME_MAX)
			len = SYM_NAME_MAX;
		rc = tt_buf_add(buf, text, len) ? -ENOMEM : 1;
	}
	free(text);
	return rc;
}

/* ------------------------------------------------------------------ legacy Rust: _ZN <len><text>... 17h<16 hex> E */

static bool is_hash(const char *text, size_t len)
{
	return len == 17 && text[0] == 'h' && strspn(text + 1, "0123456789abcdef") >= 16;
}

/* Reads "<len><text>" at *p. */
static bool read_part(const char **p, const char **text, size_t *len)
{
	size_t n = 0;
	const char *s = *p;
	if (*s < '1' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (size_t)(*s - '0');
		if (n > SYM_MANGLED_MAX)
			return false;
	}
	if (strnlen(s, n) < n)
		return false;
	*text = s;
	*len = n;
	*p = s + n;
	return true;
}

/* "$LT$" and the like, or "$u20$"; returns the length of the escape, 0 when it is none. */
static size_t add_escape(struct tt_buf *buf, const char *text, size_t len)
{
	static const struct {
		char code[4];
		const char *text;
	} escapes[] = {{"SP", "@"}, {"BP", "*"}, {"RF", "&"}, {"LT", "<"}, {"GT", ">"}, {"LP", "("}, {"RP", ")"}, {"C", ","}};
	const char *end = len > 2 ? memchr(text + 1, '$', len - 1) : NULL;
	size_t n = end ? (size_t)(end - text) - 1 : 0;
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		if (n && n == strlen(escapes[i].code) && memcmp(text + 1, escapes[i].code, n) == 0) {
			tt_buf_adds(buf, escapes[i].text);
			return n + 2;
		}
	}
	if (n < 2 || n > 3 || text[1] != 'u' || strspn(text + 2, "0123456789abcdef") != n - 1)
		return 0;
	unsigned long cp = strtoul(text + 2, NULL, 16);
	if (cp < 0x20 || cp > 0x7e)
		return 0;
	tt_buf_addc(buf, (char)cp);
	return n + 2;
}

static void add_rust_part(struct tt_buf *buf, const char *text, size_t len)
{
	if (len > 1 && text[0] == '_' && text[1] == '$') { /* an underscore keeps the part from beginning with an escape */
		text++;
		len--;
	}
	while (len) {
		size_t n = text[0] == '$' ? add_escape(buf, text, len) : 0;
		if (n == 0 && len > 1 && text[0] == '.' && text[1] == '.') {
			tt_buf_adds(buf, "::");
			n = 2;
		}
		if (n == 0) {
			tt_buf_addc(buf, text[0]);
			n = 1;
		}
		text += n;
		len -= n;
	}
}

/* 0 also for C++: only the hash at the end tells them apart. */
static int demangle_rust_legacy(struct tt_buf *buf, const char *name)
{
	const char *p = name + 3, *text = NULL;
	size_t len = 0, parts = 0;
	while (read_part(&p, &text, &len))
		parts++;
	if (parts < 2 || !is_hash(text, len) || *p != 'E' || (p[1] && p[1] != '.'))
		return 0;
	p = name + 3;
	for (size_t i = 0; i + 1 < parts && read_part(&p, &text, &len); i++) {
		if (i)
			tt_buf_adds(buf, "::");
		add_rust_part(buf, text, len);
	}
	return tt_buf_failed(buf) ? -ENOMEM : 1;
}

int tt_sym_demangle(struct tt_buf *buf, const char *name)
{
	size_t len = strnlen(name, SYM_MANGLED_MAX + 1);
	if (len < 3 || len > SYM_MANGLED_MAX || name[0] != '_')
		return 0;
	if (name[1] == 'R')
		return sym_demangle_rust_v0(buf, name, len);
	if (name[1] != 'Z')
		return 0;
	int rc = name[2] == 'N' ? demangle_rust_legacy(buf, name) : 0;
	return rc ? rc : demangle_cxx(buf, name);
}
