/* SPDX-License-Identifier: GPL-3.0-or-later */
/* jsonw.c - streaming frame around small jansson trees. See jsonw.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/out/jsonw.h"
#include "lib/util/buf.h"
#include "lib/util/text.h"

static void put(struct tt_jsonw *w, const char *text)
{
	if (w->error == 0 && fputs(text, w->file) == EOF)
		w->error = errno ? errno : EIO;
}

/* Comma, line break, indentation and key of the next member. Lines below the second level would only cost room. */
static void lead(struct tt_jsonw *w, const char *key)
{
	if (w->depth > 0) {
		put(w, w->used[w->depth] ? ",\n" : "\n");
		for (unsigned i = 0; i < w->depth; i++)
			put(w, " ");
	}
	w->used[w->depth] = true;
	if (key) {
		put(w, "\"");
		put(w, key);
		put(w, "\": ");
	}
}

void tt_jsonw_begin(struct tt_jsonw *w, const char *key, char bracket)
{
	lead(w, key);
	put(w, (char[]){bracket, 0});
	if (w->depth + 1 < TT_JSONW_DEPTH)
		w->depth++;
	else if (w->error == 0)
		w->error = ENAMETOOLONG;
	w->used[w->depth] = false;
}

void tt_jsonw_end(struct tt_jsonw *w, char bracket)
{
	bool filled = w->used[w->depth];
	if (w->depth > 0)
		w->depth--;
	if (filled) {
		put(w, "\n");
		for (unsigned i = 0; i < w->depth; i++)
			put(w, " ");
	}
	put(w, (char[]){bracket, 0});
}

void tt_jsonw_value(struct tt_jsonw *w, const char *key, json_t *value)
{
	lead(w, key);
	if (!value) {
		if (w->error == 0)
			w->error = ENOMEM;
		return;
	}
	if (w->error == 0 && json_dumpf(value, w->file, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
		w->error = errno ? errno : EIO;
	json_decref(value);
}

int tt_jsonw_finish(struct tt_jsonw *w)
{
	put(w, "\n");
	if (w->error == 0 && fflush(w->file) != 0)
		w->error = errno ? errno : EIO;
	return -w->error;
}

json_t *tt_json_text(const char *text)
{
	if (!text)
		return json_null();
	TT_BUF_AUTO(clean);
	tt_text_clean(&clean, text, strlen(text));
	return tt_buf_failed(&clean) ? NULL : json_stringn(tt_buf_str(&clean), clean.len);
}

json_t *tt_json_hex(uint64_t value)
{
	char text[20];
	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

json_t *tt_json_u64(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

void tt_json_put(json_t **object, const char *key, json_t *value)
{
	if (!*object) {
		json_decref(value);
		return;
	}
	if (json_object_set_new(*object, key, value) != 0) {
		json_decref(*object);
		*object = NULL;
	}
}

void tt_json_push(json_t **array, json_t *value)
{
	if (!*array) {
		json_decref(value);
		return;
	}
	if (json_array_append_new(*array, value) != 0) {
		json_decref(*array);
		*array = NULL;
	}
}
