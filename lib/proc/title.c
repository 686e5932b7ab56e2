/* SPDX-License-Identifier: GPL-3.0-or-later */
/* title.c - what a process says of itself (title.h). */
#include "lib/proc/title.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/attrs.h"
#include "lib/proc/proc_private.h"

#define LEAST_ID 8 /* hexadecimal digits that are taken for an identifier */

int tt_title_read(pid_t pid, char *out, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	int n = proc_read(path, out, size);
	while (n > 0 && (out[n - 1] == '\0' || out[n - 1] == ' ' || out[n - 1] == '\n'))
		n--;
	for (int i = 0; i < n; i++)
		out[i] = out[i] ? out[i] : ' ';
	if (n > 0) {
		out[n] = '\0';
		return n;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	n = proc_read(path, out, size);
	if (n > 0 && out[n - 1] == '\n')
		out[--n] = '\0';
	return n == 0 ? -ESRCH : n;
}

/* ------------------------------------------------------------------ PostgreSQL */

/* "[local]", or "10.0.0.5(4711)". */
static bool is_client(const char *word, size_t len)
{
	if (len == 7 && memcmp(word, "[local]", 7) == 0)
		return true;
	if (len < 4 || word[len - 1] != ')')
		return false;
	size_t digits = 0;
	while (digits + 2 < len && isdigit((unsigned char)word[len - 2 - digits]))
		digits++;
	return digits && word[len - 2 - digits] == '(';
}

enum tt_backend tt_title_backend(const char *title, size_t *client)
{
	/* Said before it is ready; and for ever, where titles are not kept up to date. */
	static const char *const early[] = {"", "startup", "initializing", "authentication"};
	if (client)
		*client = 0;
	if (strncmp(title, "postgres: ", 10) != 0)
		return TT_BACKEND_NONE;
	for (const char *word = title + 10; *word;) {
		size_t len = strcspn(word, " ");
		const char *state = word + len + strspn(word + len, " ");
		if (!is_client(word, len)) {
			word = state;
			continue;
		}
		size_t end = strlen(state);
		if (client)
			*client = (size_t)(word - title);
		for (size_t i = 0; i < ARRAY_SIZE(early); i++)
			if (strcmp(state, early[i]) == 0)
				return TT_BACKEND_NONE;
		if (strcmp(state, "idle") == 0)
			return TT_BACKEND_IDLE;
		if (strncmp(state, "idle in transaction", 19) == 0)
			return TT_BACKEND_IN_TRANSACTION;
		return end > 8 && strcmp(state + end - 8, " waiting") == 0 ? TT_BACKEND_LOCK : TT_BACKEND_BUSY;
	}
	return TT_BACKEND_NONE;
}

/* ------------------------------------------------------------------ stems */

/* How many characters of word are one address or identifier; 0: none. */
static size_t identifier(const char *word)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
		return strspn(word + 2, hex) ? 2 + strspn(word + 2, hex) : 0;
	size_t len = strspn(word, hex), colons = 0;
	size_t with_colons = strspn(word, "0123456789abcdefABCDEF:");
	for (size_t i = 0; i < with_colons; i++)
		colons += word[i] == ':';
	if (colons >= 2 && len < 5)
		return with_colons;
	bool digit = strcspn(word, "0123456789") < len, ends = !isalnum((unsigned char)word[len]);
	return len >= LEAST_ID && digit && ends ? len : 0;
}

int tt_title_stem(struct tt_buf *out, const char *title)
{
	size_t client, end = strlen(title), first = strcspn(title, " ");
	const char *p = title;
	tt_title_backend(title, &client);
	for (end = client ? client : end; end && title[end - 1] == ' ';)
		end--;
	if (title[0] == '/')
		for (size_t i = 0; i < first && i < end; i++)
			p = title[i] == '/' ? title + i + 1 : p;
	for (bool begins = true; p < title + end;) {
		size_t len = begins ? identifier(p) : 0;
		if (!len && isdigit((unsigned char)*p))
			len = strspn(p, "0123456789");
		begins = !len && !isalnum((unsigned char)*p);
		if (len) {
			tt_buf_addc(out, '#');
			p += len;
		} else {
			tt_buf_addc(out, *p++);
		}
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
