/* SPDX-License-Identifier: GPL-3.0-or-later */
/* suppress.c - reads suppression files. What they match is in suppress_match.c. See suppress.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/out/suppress.h"
#include "lib/util/glob.h"

#define FILE_MAX (16u << 20)

const char *const tt_suppress_keys[TT_SUPPRESS_KEY_MAX + 1] = {
	"function", "file", "module", "lock", "thread", "fingerprint", NULL};

void tt_suppressions_deinit(struct tt_suppressions *set)
{
	struct tt_suppression *s;
	vec_for_each (s, &set->list)
		tt_vec_deinit(&s->patterns);
	tt_vec_deinit(&set->list);
	tt_smap_deinit(&set->strings);
}

size_t tt_suppressions_unused(const struct tt_suppressions *set)
{
	size_t n = 0;
	const struct tt_suppression *s;
	vec_for_each (s, &set->list)
		n += s->used == 0;
	return n;
}

/* ------------------------------------------------------------------ one line */

/* A line that is being read; `at` moves over it. */
struct line {
	struct tt_suppressions *set;
	const char *at;
	const char *file;
	unsigned number;
	size_t first; /* where the file's own begin in the set */
	struct tt_err *err;
};

static int wrong(const struct line *l, const char *reason, const char *subject)
{
	return tt_err_set(l->err, EINVAL, "%s:%u: %s%.*s%s", l->file, l->number, reason, 80, subject, *subject ? "'" : "");
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct line *l)
{
	while (is_blank(*l->at))
		l->at++;
}

/*
 * The next word: up to a blank; parts in double quotes may hold blanks, and two quotes there stand for one. 1, 0 at the end of
 * the line or where a comment begins, or -EINVAL.
 */
static int next_word(struct line *l, struct tt_buf *word)
{
	tt_buf_clear(word);
	skip_blanks(l);
	if (!*l->at || *l->at == '#')
		return 0;
	bool quoted = false;
	for (; *l->at && (quoted || !is_blank(*l->at)); l->at++) {
		if (*l->at != '"')
			tt_buf_addc(word, *l->at);
		else if (quoted && l->at[1] == '"')
			tt_buf_addc(word, *l->at++);
		else
			quoted = !quoted;
	}
	return quoted ? wrong(l, "a quote is not closed", "") : 1;
}

static const char *keep(struct line *l, const char *text)
{
	const char *kept = tt_smap_intern(&l->set->strings, text);
	if (!kept)
		tt_err_set(l->err, ENOMEM, "out of memory");
	return kept;
}

static bool some_rule_matches(const char *glob)
{
	for (unsigned i = 0; i < TT_RULE_MAX; i++)
		if (tt_glob_match(glob, tt_rules[i].id))
			return true;
	return false;
}

/* "function:worker_*": the key into p->key; the glob stays in word. */
static int parse_pattern(struct line *l, const char *word, struct tt_suppress_pattern *p)
{
	const char *colon = strchr(word, ':');
	size_t len = colon ? (size_t)(colon - word) : 0;
	if (!colon)
		return wrong(l, "not of the form KEY:PATTERN: '", word);
	for (unsigned i = 0; i < TT_SUPPRESS_KEY_MAX; i++) {
		if (strlen(tt_suppress_keys[i]) != len || strncmp(tt_suppress_keys[i], word, len) != 0)
			continue;
		if (!colon[1])
			return wrong(l, "there is no pattern behind '", word);
		p->key = (enum tt_suppress_key)i;
		p->glob = keep(l, colon + 1);
		return p->glob ? 0 : -ENOMEM;
	}
	return wrong(l, "the key is none of function, file, module, lock, thread, fingerprint: '", word);
}

/* The patterns from here to the end of the line. */
static int parse_patterns(struct line *l, struct tt_suppression *s, struct tt_buf *word)
{
	int rc;
	do {
		struct tt_suppress_pattern p;
		rc = parse_pattern(l, tt_buf_str(word), &p);
		if (rc == 0 && tt_vec_push(&s->patterns, p))
			rc = tt_err_set(l->err, ENOMEM, "out of memory");
	} while (rc == 0 && (rc = next_word(l, word)) > 0);
	return rc;
}

static int parse_rule(struct line *l, struct tt_suppression *s, struct tt_buf *word)
{
	if (!some_rule_matches(tt_buf_str(word)))
		return wrong(l, "no rule is called '", tt_buf_str(word));
	s->rule = keep(l, tt_buf_str(word));
	int rc = s->rule ? next_word(l, word) : -ENOMEM;
	return rc > 0 ? parse_patterns(l, s, word) : rc;
}

/* The text without the comment, and the comment without its # and blanks. */
static int keep_texts(struct line *l, const char *begin, struct tt_suppression *s)
{
	TT_BUF_AUTO(text);
	const char *end = l->at, *why = l->at;
	while (end > begin && is_blank(end[-1]))
		end--;
	tt_buf_add(&text, begin, (size_t)(end - begin));
	why += strspn(why, "# \t");
	size_t len = strlen(why);
	while (len && is_blank(why[len - 1]))
		len--;
	TT_BUF_AUTO(comment);
	tt_buf_add(&comment, why, len);
	if (!s->file) {
		s->file = l->file;
		s->line = l->number;
		s->text = keep(l, tt_buf_str(&text));
	}
	if (len)
		s->why = keep(l, tt_buf_str(&comment));
	return s->text && (s->why || !len) ? 0 : -ENOMEM;
}

/* A new suppression, or more patterns for the one above: those begin with KEY: instead of a rule. */
static int parse_line(struct line *l)
{
	TT_BUF_AUTO(word);
	skip_blanks(l);
	const char *begin = l->at;
	int rc = next_word(l, &word);
	if (rc > 0 && tt_buf_failed(&word))
		return tt_err_set(l->err, ENOMEM, "out of memory");
	if (rc <= 0)
		return rc;
	bool more = strchr(tt_buf_str(&word), ':') != NULL;
	if (more && l->set->list.len == l->first)
		return wrong(l, "a rule must come first, not '", tt_buf_str(&word));
	struct tt_suppression *s = more ? &l->set->list.data[l->set->list.len - 1] : tt_vec_add(&l->set->list);
	if (!s)
		return tt_err_set(l->err, ENOMEM, "out of memory");
	rc = more ? parse_patterns(l, s, &word) : parse_rule(l, s, &word);
	if (rc == 0)
		rc = keep_texts(l, begin, s);
	if (rc < 0 && !more) {
		tt_vec_deinit(&s->patterns);
		l->set->list.len--;
	}
	return rc;
}

/* ------------------------------------------------------------------ files */

int tt_suppressions_parse(struct tt_suppressions *set, const char *name, const char *text, size_t len, struct tt_err *err)
{
	struct line l = {.set = set, .err = err, .first = set->list.len};
	if (!(l.file = keep(&l, name)))
		return -ENOMEM;
	const char *end = text + len;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);
		TT_BUF_AUTO(copy);
		l.number++;
		if (memchr(text, 0, n))
			return wrong(&l, "a NUL byte: this is no text", "");
		if (tt_buf_add(&copy, text, n) < 0)
			return tt_err_set(err, ENOMEM, "out of memory");
		l.at = tt_buf_str(&copy);
		int rc = parse_line(&l);
		if (rc < 0)
			return rc;
		text += n + (newline != NULL);
	}
	return 0;
}

int tt_suppressions_load(struct tt_suppressions *set, const char *path, struct tt_err *err)
{
	TT_BUF_AUTO(text);
	char piece[8192];
	size_t n;
	FILE *file = fopen(path, "re");
	if (!file)
		return tt_err_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0 && text.len <= FILE_MAX)
		tt_buf_add(&text, piece, n);
	int rc = ferror(file)
	                 ? tt_err_set(err, errno ? errno : EIO, "cannot read '%s': %s", path, strerror(errno ? errno : EIO))
	                 : 0;
	fclose(file);
	if (rc == 0 && text.len > FILE_MAX)
		rc = tt_err_set(err, EFBIG, "cannot read '%s': larger than 16 MiB", path);
	if (rc == 0 && tt_buf_failed(&text))
		rc = tt_err_set(err, ENOMEM, "out of memory");
	return rc < 0 ? rc : tt_suppressions_parse(set, path, tt_buf_str(&text), text.len, err);
}
