/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * names.c - function names and source paths for people and for fingerprints. Text only: no files.
 * Called by symbols.c, and by whoever prints frames.
 */
#include "lib/sym/internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ------------------------------------------------------------------ stable names */

/* Length of a function's name without what the compiler appends when it splits or clones it. */
static size_t without_clones(const char *name)
{
	static const char *const marks[] = {
		" [clone ", ".constprop.", ".isra.", ".part.", ".cold", ".lto_priv.", ".llvm.", ".localalias", "@plt"};
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *found = strstr(name, marks[i]);
		if (found && found > name && (size_t)(found - name) < len)
			len = (size_t)(found - name);
	}
	return len;
}

int tt_sym_stable_name(struct tt_buf *buf, const struct tt_sym_frame *frame)
{
	if (frame->module)
		tt_buf_adds(buf, frame->module);
	if (frame->function) {
		tt_buf_adds(buf, frame->module ? "!" : "");
		return tt_buf_add(buf, frame->function, without_clones(frame->function));
	}
	return frame->module ? tt_buf_printf(buf, "+0x%" PRIx64, frame->offset) : tt_buf_addc(buf, '?');
}

/* ------------------------------------------------------------------ names without parameters */

/* Length of the symbol behind "operator" at p: "<<", "()", "->*" ...; 0 for conversions, new and delete. */
static size_t operator_length(const char *p)
{
	static const char *const two_brackets[] = {"()", "[]"};
	for (size_t i = 0; i < 2; i++) {
		if (strncmp(p, two_brackets[i], 2) == 0)
			return 2;
	}
	return strspn(p, "<>=!+-*/%^&|~,");
}

static bool starts_word(const char *text, const char *p)
{
	return p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_' || p[-1] == '$');
}

/* The closing bracket of the opening one at p; NULL: none. Angle brackets of "->" and of operators do not count. */
static const char *closing(const char *p)
{
	unsigned depth = 0;
	for (; *p; p++) {
		if (strchr("([{", *p) || (*p == '<' && p[1] != '='))
			depth++;
		else if ((strchr(")]}", *p) || (*p == '>' && p[-1] != '-')) && --depth == 0)
			return p;
	}
	return NULL;
}

/* Behind a parameter list: " const", " &&", "[abi:cxx11]"; the name goes on only when "::" follows. */
static const char *behind_parameters(const char *p)
{
	static const char *const words[] = {" const", " volatile", " &&", " &", " noexcept"};
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (strncmp(p, words[i], strlen(words[i])) == 0) {
				p += strlen(words[i]);
				again = true;
			}
		}
	}
	return strncmp(p, "::", 2) == 0 ? p : NULL;
}

static bool is_anonymous(const char *p)
{
	return strncmp(p, "(anonymous ", 11) == 0;
}

int tt_sym_short_name(struct tt_buf *buf, const char *function)
{
	size_t start = buf->len;
	bool in_operator = false; /* blanks belong to the name: "operator unsigned long" */
	for (const char *p = function; *p;) {
		const char *stop;
		if (strncmp(p, "operator", 8) == 0 && starts_word(function, p) && !isalnum((unsigned char)p[8]) &&
			p[8] != '_') {
			size_t n = 8 + operator_length(p + 8);
			tt_buf_add(buf, p, n);
			p += n;
			in_operator = true;
		} else if (*p == '(' && !is_anonymous(p)) {
			if (!(stop = closing(p)) || !(stop = behind_parameters(stop + 1)))
				break;
			p = stop;
			in_operator = false;
		} else if (strchr("([{<", *p) && (stop = closing(p))) {
			tt_buf_add(buf, p, (size_t)(stop + 1 - p));
			p = stop + 1;
		} else if (*p == ' ' && strncmp(p, " [clone ", 8) == 0) {
			break;
		} else if (*p == ' ' && !in_operator) {
			tt_buf_truncate(buf, start); /* that was the return type */
			p++;
		} else {
			tt_buf_addc(buf, *p++);
		}
	}
	if (buf->len == start)
		tt_buf_adds(buf, function);
	return tt_buf_failed(buf) ? -ENOMEM : 0;
}

/* ------------------------------------------------------------------ source paths */

/* Removes the last part of a path being built; false when there is none, or it is "..". */
static bool drop_part(struct tt_buf *path, size_t start)
{
	size_t len = path->len;
	if (len == start)
		return false;
	while (len > start && path->data[len - 1] != '/')
		len--;
	if (path->len - len == 2 && memcmp(path->data + len, "..", 2) == 0)
		return false;
	tt_buf_truncate(path, len > start ? len - 1 : start);
	return true;
}

/* Appends file with "//", "." and ".." resolved by text alone. */
static void add_normal(struct tt_buf *path, const char *file)
{
	bool absolute = file[0] == '/';
	size_t start = path->len;
	for (const char *p = file; *p;) {
		size_t len = strcspn(p, "/");
		bool up = len == 2 && p[0] == '.' && p[1] == '.';
		if (len && !(len == 1 && p[0] == '.') && !(up && (drop_part(path, start) || absolute))) {
			if (absolute || path->len > start)
				tt_buf_addc(path, '/');
			tt_buf_add(path, p, len);
		}
		p += len;
		p += *p == '/';
	}
	if (path->len == start)
		tt_buf_adds(path, absolute ? "/" : ".");
}

int sym_source_normal(struct tt_buf *path, const char *file, const char *root)
{
	TT_BUF_AUTO(normal);
	TT_BUF_AUTO(prefix);
	add_normal(&normal, file);
	const char *text = tt_buf_str(&normal);
	if (root && root[0]) {
		add_normal(&prefix, root);
		size_t len = prefix.len;
		if (len == 1 && prefix.data[0] == '/')
			len = 0;
		if (strncmp(text, tt_buf_str(&prefix), len) == 0 && text[len] == '/')
			text += len + 1;
	}
	tt_buf_adds(path, text);
	return tt_buf_failed(path) || tt_buf_failed(&normal) || tt_buf_failed(&prefix) ? -ENOMEM : 0;
}

size_t tt_sym_common_dir(const char *const *paths, size_t count)
{
	const char *first = NULL;
	size_t len = 0;
	for (size_t i = 0; i < count; i++) {
		if (!paths[i])
			continue;
		if (!first) {
			first = paths[i];
			len = strlen(first);
		}
		size_t same = 0;
		while (same < len && paths[i][same] == first[same])
			same++;
		len = same;
	}
	while (len && first[len - 1] != '/')
		len--;
	return len;
}
