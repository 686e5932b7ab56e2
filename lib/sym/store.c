/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store.c - what several address spaces share: opened files, interned text, demangled names, memory that lives to the end.
 * Counted by reference; called by the rest of lib/sym.
 */
#include "lib/sym/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 << 10)

struct sym_block {
	struct sym_block *next;
	size_t used, size;
	_Alignas(16) unsigned char bytes[];
};

int sym_store_create(const struct tt_sym_options *options, struct sym_store **ret)
{
	struct sym_store *store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	store->refs = 1;
	store->no_demangle = options->no_demangle;
	store->debug_dirs = strdup(options->debug_dirs ? options->debug_dirs : "/usr/lib/debug");
	store->sysroot = strdup(options->sysroot ? options->sysroot : "");
	if (!store->debug_dirs || !store->sysroot) {
		sym_store_unref(store);
		return -ENOMEM;
	}
	*ret = store;
	return 0;
}

struct sym_store *sym_store_ref(struct sym_store *store)
{
	store->refs++;
	return store;
}

void sym_store_unref(struct sym_store *store)
{
	if (!store || --store->refs)
		return;
	for (size_t i = 0; i < store->files.len; i++)
		sym_file_free(store->files.entries[i].ptr);
	tt_smap_deinit(&store->files);
	tt_smap_deinit(&store->demangled);
	tt_smap_deinit(&store->strings);
	for (struct sym_block *block = store->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(store->debug_dirs);
	free(store->sysroot);
	free(store);
}

void *sym_store_alloc(struct sym_store *store, size_t size)
{
	struct sym_block *block = store->blocks;
	if (size > SIZE_MAX / 4)
		return NULL;
	size = (size + 15) & ~(size_t)15;
	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		block = calloc(1, sizeof(*block) + room);
		if (!block)
			return NULL;
		block->size = room;
		block->next = store->blocks;
		store->blocks = block;
	}
	void *memory = block->bytes + block->used;
	block->used += size;
	return memory;
}

const char *sym_store_intern(struct sym_store *store, const char *text)
{
	return tt_smap_intern(&store->strings, text);
}

const char *sym_store_intern_n(struct sym_store *store, const char *text, size_t len)
{
	const struct tt_smap_entry *entry = tt_smap_insert(&store->strings, text, len, NULL);
	return entry ? entry->key : NULL;
}

const char *sym_store_demangled(struct sym_store *store, const char *name)
{
	bool is_new;
	struct tt_smap_entry *entry = tt_smap_insert(&store->demangled, name, strlen(name), &is_new);
	if (!entry)
		return NULL;
	const char *key = entry->key;
	if (is_new && !store->no_demangle) {
		TT_BUF_AUTO(text);
		int rc = tt_sym_demangle(&text, name);
		if (rc < 0)
			return NULL;
		entry->ptr = rc ? (void *)sym_store_intern(store, tt_buf_str(&text)) : NULL;
	}
	return entry->ptr ? entry->ptr : key;
}
