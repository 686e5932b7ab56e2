/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rust_v0.c - Rust's v0 symbol names (RFC 2603), printed without crate hashes and with generic arguments.
 *
 * A recursive reader that prints as it goes. Back references make names grow exponentially, so the text, the depth and the
 * number of steps are bounded; any error gives the raw name back. Structured constants (tuples, structs as generic
 * arguments) are not known. Called by demangle.c.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 100
#define STEPS_MAX 20000
#define IDENT_MAX 256 /* characters of a punycode identifier */

struct v0 {
	struct tt_buf *out;
	size_t out_start;
	const char *name; /* behind "_R" */
	size_t len, at;
	unsigned depth, steps;
	unsigned lifetimes; /* bound by the binders around us */
	bool silent;        /* read, do not print */
	bool failed;
};

struct ident {
	const char *text;
	size_t len;
	uint64_t disambiguator;
	bool punycode;
};

static void path(struct v0 *v, bool in_value);
static void type(struct v0 *v);
static void constant(struct v0 *v);

/* ------------------------------------------------------------------ reading and printing */

static void fail_v0(struct v0 *v)
{
	v->failed = true;
}

static char peek(const struct v0 *v)
{
	return !v->failed && v->at < v->len ? v->name[v->at] : '\0';
}

static bool eat(struct v0 *v, char c)
{
	if (peek(v) != c)
		return false;
	v->at++;
	return true;
}

static char next(struct v0 *v)
{
	char c = peek(v);
	if (c)
		v->at++;
	else
		fail_v0(v);
	return c;
}

static bool enter(struct v0 *v)
{
	if (++v->depth > DEPTH_MAX || ++v->steps > STEPS_MAX)
		fail_v0(v);
	return !v->failed;
}

static void print_n(struct v0 *v, const char *text, size_t len)
{
	if (v->silent || v->failed)
		return;
	if (v->out->len - v->out_start + len > SYM_NAME_MAX)
		fail_v0(v);
	else
		tt_buf_add(v->out, text, len);
}

static void print(struct v0 *v, const char *text)
{
	print_n(v, text, strlen(text));
}

static void print_number(struct v0 *v, uint64_t n)
{
	char text[24];
	print_n(v, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)n));
}

static uint64_t decimal(struct v0 *v)
{
	uint64_t n = 0;
	if (peek(v) < '0' || peek(v) > '9') {
		fail_v0(v);
		return 0;
	}
	if (eat(v, '0'))
		return 0;
	while (peek(v) >= '0' && peek(v) <= '9') {
		n = n * 10 + (uint64_t)(next(v) - '0');
		if (n > SYM_MANGLED_MAX)
			fail_v0(v);
	}
	return n;
}

/* "_" is 0, "0_" is 1, ... */
static uint64_t base62(struct v0 *v)
{
	uint64_t n = 0;
	if (eat(v, '_'))
		return 0;
	while (!v->failed) {
		char c = next(v);
		if (c == '_')
			return n + 1;
		unsigned digit = 62;
		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'z')
			digit = (unsigned)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'Z')
			digit = (unsigned)(c - 'A') + 36;
		if (digit == 62 || n > UINT64_MAX / 62 - 1)
			fail_v0(v);
		n = n * 62 + digit;
	}
	return 0;
}

/* An optional number behind a tag: absent 0, else base62 + 1. */
static uint64_t tagged(struct v0 *v, char tag)
{
	return eat(v, tag) ? base62(v) + 1 : 0;
}

static struct ident identifier(struct v0 *v, bool disambiguated)
{
	struct ident id = {.text = ""};
	if (disambiguated)
		id.disambiguator = tagged(v, 's');
	id.punycode = eat(v, 'u');
	size_t len = decimal(v);
	eat(v, '_');
	if (v->failed || len > v->len - v->at) {
		fail_v0(v);
		return id;
	}
	id.text = v->name + v->at;
	id.len = len;
	v->at += len;
	return id;
}

/* ------------------------------------------------------------------ punycode (RFC 3492, with '_' for '-') */

static uint32_t puny_adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;
	delta = first ? delta / 700 : delta / 2;
	for (delta += delta / points; delta > 455; k += 36)
		delta /= 35;
	return k + 36 * delta / (delta + 38);
}

/* One variable-length number; false when malformed. */
static bool puny_delta(const char **p, const char *end, uint32_t bias, uint32_t *i)
{
	uint64_t weight = 1, value = *i;
	for (uint32_t k = 36;; k += 36) {
		if (*p == end)
			return false;
		char c = *(*p)++;
		uint32_t digit = c >= 'a' && c <= 'z'   ? (uint32_t)(c - 'a')
		                 : c >= '0' && c <= '9' ? (uint32_t)(c - '0') + 26
		                                        : 99;
		uint32_t threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
		if (digit == 99)
			return false;
		value += digit * weight;
		if (value > INT32_MAX)
			return false;
		if (digit < threshold)
			break;
		weight *= 36 - threshold;
	}
	*i = (uint32_t)value;
	return true;
}

/* Decodes into cps; returns the number of characters, 0 when malformed. */
static size_t puny_decode(const struct ident *id, uint32_t cps[IDENT_MAX])
{
	const char *mark = memrchr(id->text, '_', id->len), *end = id->text + id->len;
	size_t n = mark ? (size_t)(mark - id->text) : 0;
	if (n >= IDENT_MAX)
		return 0;
	for (size_t j = 0; j < n; j++)
		cps[j] = (unsigned char)id->text[j];
	uint32_t bias = 72, i = 0, cp = 128;
	for (const char *p = mark ? mark + 1 : id->text; p < end;) {
		uint32_t before = i;
		if (n + 1 >= IDENT_MAX || !puny_delta(&p, end, bias, &i))
			return 0;
		n++;
		bias = puny_adapt(i - before, (uint32_t)n, before == 0);
		cp += i / (uint32_t)n;
		i %= (uint32_t)n;
		if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
			return 0;
		memmove(&cps[i + 1], &cps[i], (n - 1 - i) * sizeof(*cps));
		cps[i++] = cp;
	}
	return n;
}

static void print_cp(struct v0 *v, uint32_t cp)
{
	char text[4];
	size_t n = 0;
	if (cp < 0x80) {
		text[n++] = (char)cp;
	} else if (cp < 0x800) {
		text[n++] = (char)(0xc0 | cp >> 6);
		text[n++] = (char)(0x80 | (cp & 63));
	} else if (cp < 0x10000) {
		text[n++] = (char)(0xe0 | cp >> 12);
		text[n++] = (char)(0x80 | (cp >> 6 & 63));
		text[n++] = (char)(0x80 | (cp & 63));
	} else {
		text[n++] = (char)(0xf0 | cp >> 18);
		text[n++] = (char)(0x80 | (cp >> 12 & 63));
		text[n++] = (char)(0x80 | (cp >> 6 & 63));
		text[n++] = (char)(0x80 | (cp & 63));
	}
	print_n(v, text, n);
}

static void print_ident(struct v0 *v, const struct ident *id)
{
	uint32_t cps[IDENT_MAX];
	if (!id->punycode || v->silent) {
		print_n(v, id->text, id->len);
		return;
	}
	size_t n = puny_decode(id, cps);
	if (n == 0)
		fail_v0(v);
	for (size_t i = 0; i < n; i++)
		print_cp(v, cps[i]);
}

/* ------------------------------------------------------------------ lifetimes, back references */

static void print_lifetime(struct v0 *v, uint64_t index)
{
	print(v, "'");
	if (index == 0) {
		print(v, "_");
		return;
	}
	if (index > v->lifetimes) {
		fail_v0(v);
		return;
	}
	uint64_t depth = v->lifetimes - index;
	if (depth < 26) {
		char c = (char)('a' + depth);
		print_n(v, &c, 1);
	} else {
		print(v, "_");
		print_number(v, depth);
	}
}

/* "for<'a, 'b> "; returns how many lifetimes to give back at the end. */
static unsigned binder(struct v0 *v)
{
	uint64_t count = tagged(v, 'G');
	if (count > 64) {
		fail_v0(v);
		return 0;
	}
	if (count == 0)
		return 0;
	print(v, "for<");
	for (uint64_t i = 0; i < count; i++) {
		if (i)
			print(v, ", ");
		v->lifetimes++;
		print_lifetime(v, 1);
	}
	print(v, "> ");
	return (unsigned)count;
}

/* Behind 'B': moves to an earlier place. Returns where to go on afterwards, or 0 when nothing is to be printed. */
static size_t backref(struct v0 *v)
{
	size_t here = v->at - 1, target = base62(v), resume = v->at;
	if (target >= here)
		fail_v0(v);
	if (v->failed || v->silent)
		return 0;
	v->at = target;
	return resume;
}

/* ------------------------------------------------------------------ paths */

static void generic_argument(struct v0 *v)
{
	if (eat(v, 'L'))
		print_lifetime(v, base62(v));
	else if (eat(v, 'K'))
		constant(v);
	else
		type(v);
}

static void argument_list(struct v0 *v)
{
	for (unsigned i = 0; !v->failed && !eat(v, 'E'); i++) {
		if (i)
			print(v, ", ");
		generic_argument(v);
	}
}

static void impl_path(struct v0 *v)
{
	bool was = v->silent;
	v->silent = true; /* where the impl stands says less than what it is for */
	tagged(v, 's');
	path(v, false);
	v->silent = was;
}

static void nested_path(struct v0 *v, bool in_value)
{
	char ns = next(v);
	path(v, in_value);
	struct ident id = identifier(v, true);
	if (ns >= 'A' && ns <= 'Z') {
		print(v, "::{");
		if (ns == 'C')
			print(v, "closure");
		else if (ns == 'S')
			print(v, "shim");
		else
			print_n(v, &ns, 1);
		if (id.len) {
			print(v, ":");
			print_ident(v, &id);
		}
		print(v, "#");
		print_number(v, id.disambiguator);
		print(v, "}");
	} else if (ns >= 'a' && ns <= 'z') {
		if (id.len) {
			print(v, "::");
			print_ident(v, &id);
		}
	} else {
		fail_v0(v);
	}
}

static void qualified_path(struct v0 *v, char tag)
{
	if (tag != 'Y')
		impl_path(v);
	print(v, "<");
	type(v);
	if (tag != 'M') {
		print(v, " as ");
		path(v, false);
	}
	print(v, ">");
}

static void path(struct v0 *v, bool in_value)
{
	if (enter(v)) {
		char tag = next(v);
		size_t resume;
		struct ident id;
		switch (tag) {
		case 'C':
			id = identifier(v, true);
			print_ident(v, &id);
			break;
		case 'M':
		case 'X':
		case 'Y':
			qualified_path(v, tag);
			break;
		case 'N':
			nested_path(v, in_value);
			break;
		case 'I':
			path(v, in_value);
			print(v, in_value ? "::<" : "<");
			argument_list(v);
			print(v, ">");
			break;
		case 'B':
			if ((resume = backref(v))) {
				path(v, in_value);
				v->at = resume;
			}
			break;
		default:
			fail_v0(v);
		}
	}
	v->depth--;
}

/* ------------------------------------------------------------------ types */

static const char *basic_type(char tag)
{
	static const char *const names['z' - 'a' + 1] = {"i8", "bool", "char", "f64", "str", "f32", NULL, "u8", "isize",
		"usize", NULL, "i32", "u32", "i128", "u128", "_", NULL, NULL, "i16", "u16", "()", "...", NULL, "i64", "u64",
		"!"};
	return tag >= 'a' && tag <= 'z' ? names[tag - 'a'] : NULL;
}

static void abi(struct v0 *v)
{
	print(v, "extern \"");
	if (eat(v, 'C')) {
		print(v, "C");
	} else {
		struct ident id = identifier(v, false);
		for (size_t i = 0; i < id.len; i++)
			print_n(v, id.text[i] == '_' ? "-" : &id.text[i], 1);
	}
	print(v, "\" ");
}

static void function_type(struct v0 *v)
{
	unsigned bound = binder(v);
	if (eat(v, 'U'))
		print(v, "unsafe ");
	if (eat(v, 'K'))
		abi(v);
	print(v, "fn(");
	for (unsigned i = 0; !v->failed && !eat(v, 'E'); i++) {
		if (i)
			print(v, ", ");
		type(v);
	}
	print(v, ")");
	if (!eat(v, 'u')) {
		print(v, " -> ");
		type(v);
	}
	v->lifetimes -= bound;
}

/* A trait path that leaves its "<" open, so that `Item = T` can follow; true when it did. */
static bool open_path(struct v0 *v)
{
	bool open = false;
	if (enter(v)) {
		size_t resume;
		if (eat(v, 'B')) {
			if ((resume = backref(v))) {
				open = open_path(v);
				v->at = resume;
			}
		} else if (eat(v, 'I')) {
			path(v, false);
			print(v, "<");
			argument_list(v);
			open = true;
		} else {
			path(v, false);
		}
	}
	v->depth--;
	return open;
}

static void dyn_type(struct v0 *v)
{
	print(v, "dyn ");
	unsigned bound = binder(v);
	for (unsigned i = 0; !v->failed && !eat(v, 'E'); i++) {
		if (i)
			print(v, " + ");
		bool open = open_path(v);
		while (eat(v, 'p')) {
			print(v, open ? ", " : "<");
			open = true;
			struct ident id = identifier(v, false);
			print_ident(v, &id);
			print(v, " = ");
			type(v);
		}
		if (open)
			print(v, ">");
	}
	v->lifetimes -= bound;
	uint64_t lifetime = eat(v, 'L') ? base62(v) : (fail_v0(v), 0);
	if (lifetime) {
		print(v, " + ");
		print_lifetime(v, lifetime);
	}
}

static void reference_type(struct v0 *v, bool mutable)
{
	print(v, "&");
	uint64_t lifetime = eat(v, 'L') ? base62(v) : 0;
	if (lifetime) {
		print_lifetime(v, lifetime);
		print(v, " ");
	}
	if (mutable)
		print(v, "mut ");
	type(v);
}

static void tuple_type(struct v0 *v)
{
	unsigned count = 0;
	print(v, "(");
	for (; !v->failed && !eat(v, 'E'); count++) {
		if (count)
			print(v, ", ");
		type(v);
	}
	print(v, count == 1 ? ",)" : ")");
}

static void array_type(struct v0 *v, bool sized)
{
	print(v, "[");
	type(v);
	if (sized) {
		print(v, "; ");
		constant(v);
	}
	print(v, "]");
}

static void compound_type(struct v0 *v, char tag)
{
	size_t resume;
	switch (tag) {
	case 'A':
	case 'S':
		array_type(v, tag == 'A');
		break;
	case 'T':
		tuple_type(v);
		break;
	case 'R':
	case 'Q':
		reference_type(v, tag == 'Q');
		break;
	case 'P':
	case 'O':
		print(v, tag == 'P' ? "*const " : "*mut ");
		type(v);
		break;
	case 'F':
		function_type(v);
		break;
	case 'D':
		dyn_type(v);
		break;
	case 'B':
		if ((resume = backref(v))) {
			type(v);
			v->at = resume;
		}
		break;
	default: /* a named type */
		v->at--;
		path(v, false);
	}
}

static void type(struct v0 *v)
{
	if (enter(v)) {
		char tag = next(v);
		const char *basic = basic_type(tag);
		if (basic)
			print(v, basic);
		else if (!v->failed)
			compound_type(v, tag);
	}
	v->depth--;
}

/* ------------------------------------------------------------------ constants */

/* Hex digits up to '_'. False when they do not fit *value: then text tells them. */
static bool hex_digits(struct v0 *v, const char **text, size_t *len, uint64_t *value)
{
	*text = v->name + v->at;
	*value = 0;
	for (*len = 0; !v->failed; ++*len) {
		char c = next(v);
		if (c == '_')
			break;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			fail_v0(v);
		*value = *value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return *len <= 16;
}

static void print_char(struct v0 *v, uint64_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) || cp < 0x20) {
		char text[24];
		print_n(v, text, (size_t)snprintf(text, sizeof(text), "'\\u{%llx}'", (unsigned long long)cp));
		return;
	}
	print(v, "'");
	print_cp(v, (uint32_t)cp);
	print(v, "'");
}

static void scalar_constant(struct v0 *v, char tag)
{
	const char *text;
	size_t len;
	uint64_t value;
	bool negative = strchr("asxlni", tag) && eat(v, 'n');
	bool fits = hex_digits(v, &text, &len, &value);
	if (negative)
		print(v, "-");
	if (tag == 'b')
		print(v, value ? "true" : "false");
	else if (tag == 'c')
		print_char(v, value);
	else if (fits)
		print_number(v, value);
	else {
		print(v, "0x");
		print_n(v, text, len);
	}
}

static void constant(struct v0 *v)
{
	if (enter(v)) {
		char tag = next(v);
		size_t resume;
		if (tag == 'p')
			print(v, "_");
		else if (tag && strchr("bchtmyojasxlni", tag))
			scalar_constant(v, tag);
		else if (tag != 'B')
			fail_v0(v);
		else if ((resume = backref(v))) {
			constant(v);
			v->at = resume;
		}
	}
	v->depth--;
}

/* ------------------------------------------------------------------ */

int sym_demangle_rust_v0(struct tt_buf *buf, const char *name, size_t len)
{
	struct v0 v = {.out = buf, .out_start = buf->len, .name = name + 2, .len = len - 2};
	const char *suffix = strpbrk(v.name, ".$"); /* ".llvm.123": made by the compiler, not part of the name */
	if (suffix)
		v.len = (size_t)(suffix - v.name);
	if (peek(&v) >= '0' && peek(&v) <= '9')
		fail_v0(&v); /* a future version of the encoding */
	path(&v, true);
	if (!v.failed && v.at < v.len) { /* the crate that instantiated it */
		v.silent = true;
		path(&v, false);
	}
	if (v.at != v.len)
		fail_v0(&v);
	if (tt_buf_failed(buf))
		return -ENOMEM;
	if (v.failed) {
		tt_buf_truncate(buf, v.out_start);
		return 0;
	}
	return 1;
}
