/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * diescan.c - finds the functions of a compilation unit by reading over its DIEs.
 *
 * libdw can only visit DIEs one by one, at some 100 ns each, and a unit of C++ or Rust has tens of thousands that describe
 * types. This reader knows each abbreviation's length and skips at memory speed; it reports the subprograms that have code,
 * in namespaces or at the top. Nothing of a DIE but its shape and DW_AT_sibling is interpreted here.
 * What it does not know (a form of a later standard, a damaged unit) makes it give up: the caller then uses libdw.
 * Called by dwarf.c.
 */
#include "lib/sym/internal.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CODES_MAX 65536u /* abbreviation codes are 1, 2, 3 ... in practice */

/* A window of bytes; `bad` once something was read beyond its end. */
struct bytes {
	const unsigned char *at, *end;
	bool bad;
};

struct abbrev {
	uint32_t forms; /* index of the first, in unit.forms */
	uint16_t form_count;
	uint16_t tag;    /* 0: no such code */
	uint32_t size;   /* of all attributes together; UINT32_MAX: depends on the DIE */
	int16_t sibling; /* which form is DW_AT_sibling's, -1: none */
	bool children, has_code;
};

struct unit {
	TT_VEC(struct abbrev) abbrevs; /* by code */
	TT_VEC(uint16_t) forms;
	unsigned version, offset_size, address_size;
	const unsigned char *start; /* of its header: what DW_FORM_ref counts from */
};

/* ------------------------------------------------------------------ reading */

static uint64_t read_fixed(struct bytes *b, unsigned size)
{
	uint64_t value = 0;
	if ((size_t)(b->end - b->at) < size) {
		b->bad = true;
		return 0;
	}
	memcpy(&value, b->at, size); /* files of the other byte order are left to libdw */
	b->at += size;
	return value;
}

static uint64_t read_uleb(struct bytes *b)
{
	uint64_t value = 0;
	for (unsigned shift = 0; b->at < b->end; shift += 7) {
		unsigned char byte = *b->at++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	b->bad = true;
	return 0;
}

static void skip(struct bytes *b, uint64_t size)
{
	if ((uint64_t)(b->end - b->at) < size)
		b->bad = true;
	else
		b->at += size;
}

static void skip_string(struct bytes *b)
{
	const unsigned char *nul = memchr(b->at, 0, (size_t)(b->end - b->at));
	if (nul)
		b->at = nul + 1;
	else
		b->bad = true;
}

/* ------------------------------------------------------------------ forms */

#define SIZE_VARIES UINT32_MAX

/* Bytes of a form, when all its values have as many. */
static uint32_t form_size(const struct unit *unit, unsigned form)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_ref_sup4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sup8:
	case DW_FORM_ref_sig8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return unit->address_size;
	case DW_FORM_ref_addr:
		return unit->version < 3 ? unit->address_size : unit->offset_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_sec_offset:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return unit->offset_size;
	default:
		return SIZE_VARIES;
	}
}

static void skip_varying(struct bytes *b, unsigned form)
{
	switch (form) {
	case DW_FORM_block1:
		skip(b, read_fixed(b, 1));
		break;
	case DW_FORM_block2:
		skip(b, read_fixed(b, 2));
		break;
	case DW_FORM_block4:
		skip(b, read_fixed(b, 4));
		break;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		skip(b, read_uleb(b));
		break;
	case DW_FORM_udata:
	case DW_FORM_sdata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		read_uleb(b);
		break;
	case DW_FORM_string:
		skip_string(b);
		break;
	default:
		b->bad = true;
	}
}

/* Skips a DIE's attributes. *sibling gets DW_AT_sibling's target, counted from the unit's header, if it has one. */
static void skip_attributes(struct bytes *b, const struct unit *unit, const struct abbrev *abbrev, uint64_t *sibling)
{
	*sibling = 0;
	if (abbrev->size != SIZE_VARIES && abbrev->sibling < 0) {
		skip(b, abbrev->size);
		return;
	}
	for (int i = 0; i < abbrev->form_count && !b->bad; i++) {
		unsigned form = unit->forms.data[abbrev->forms + (unsigned)i];
		uint32_t size = form_size(unit, form);
		if (size == SIZE_VARIES)
			skip_varying(b, form);
		else if (i == abbrev->sibling && size <= 8)
			*sibling = read_fixed(b, size);
		else
			skip(b, size);
	}
}

/* ------------------------------------------------------------------ abbreviations, unit header */

static int read_abbrev(struct bytes *b, struct unit *unit, struct abbrev *abbrev)
{
	abbrev->tag = (uint16_t)read_uleb(b);
	abbrev->children = read_fixed(b, 1);
	abbrev->forms = (uint32_t)unit->forms.len;
	abbrev->sibling = -1;
	for (;;) {
		uint64_t name = read_uleb(b), form = read_uleb(b);
		if (b->bad || form > UINT16_MAX || abbrev->form_count == INT16_MAX)
			return -EINVAL;
		if (name == 0 && form == 0)
			return 0;
		if (form == DW_FORM_implicit_const)
			read_uleb(b);
		if (name == DW_AT_sibling &&
			(form == DW_FORM_ref1 || form == DW_FORM_ref2 || form == DW_FORM_ref4 || form == DW_FORM_ref8))
			abbrev->sibling = (int16_t)abbrev->form_count;
		if (name == DW_AT_low_pc || name == DW_AT_ranges)
			abbrev->has_code = true;
		uint32_t size = form_size(unit, (unsigned)form);
		abbrev->size = size == SIZE_VARIES || abbrev->size == SIZE_VARIES ? SIZE_VARIES : abbrev->size + size;
		abbrev->form_count++;
		uint16_t stored = (uint16_t)form;
		if (tt_vec_push(&unit->forms, stored))
			return -ENOMEM;
	}
}

static int read_abbrevs(struct bytes b, struct unit *unit)
{
	for (;;) {
		uint64_t code = read_uleb(&b);
		struct abbrev abbrev = {0};
		if (b.bad || code >= CODES_MAX)
			return -EINVAL;
		if (code == 0)
			return 0;
		int rc = read_abbrev(&b, unit, &abbrev);
		while (rc == 0 && unit->abbrevs.len <= code) {
			if (!tt_vec_add(&unit->abbrevs))
				rc = -ENOMEM;
		}
		if (rc)
			return rc;
		unit->abbrevs.data[code] = abbrev;
	}
}

/* Reads the header at b->at and cuts b off at the unit's end; the abbreviations' place goes to *abbrevs. */
static bool read_header(struct bytes *b, struct unit *unit, uint64_t *abbrevs)
{
	unit->start = b->at;
	unit->offset_size = 4;
	uint64_t length = read_fixed(b, 4);
	if (length == 0xffffffff) {
		unit->offset_size = 8;
		length = read_fixed(b, 8);
	}
	if (b->bad || length > (uint64_t)(b->end - b->at))
		return false;
	b->end = b->at + length;
	unit->version = (unsigned)read_fixed(b, 2);
	if (unit->version >= 5) {
		read_fixed(b, 1); /* unit type: the caller knows where the first DIE is */
		unit->address_size = (unsigned)read_fixed(b, 1);
		*abbrevs = read_fixed(b, unit->offset_size);
	} else {
		*abbrevs = read_fixed(b, unit->offset_size);
		unit->address_size = (unsigned)read_fixed(b, 1);
	}
	return !b->bad && unit->version >= 2 && unit->version <= 5 && (unit->address_size == 4 || unit->address_size == 8);
}

/* ------------------------------------------------------------------ the walk */

static bool is_container(unsigned tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit;
}

/* b stands at the unit's own DIE. info: the start of .debug_info. */
static int walk(struct bytes *b, const struct unit *unit, const unsigned char *info, sym_diescan_fn *found, void *arg)
{
	unsigned depth = 0, opaque = 0; /* opaque: levels below the innermost container */
	do {
		const unsigned char *die = b->at;
		uint64_t code = read_uleb(b), sibling;
		if (b->bad || code >= unit->abbrevs.len)
			return -EINVAL;
		if (code == 0) {
			if (depth == 0)
				return -EINVAL;
			depth--;
			opaque -= opaque > 0;
			continue;
		}
		const struct abbrev *abbrev = &unit->abbrevs.data[code];
		skip_attributes(b, unit, abbrev, &sibling);
		if (b->bad || abbrev->tag == 0)
			return -EINVAL;
		if (opaque == 0 && abbrev->tag == DW_TAG_subprogram && abbrev->has_code && !found(arg, (uint64_t)(die - info)))
			return -ENOMEM;
		if (!abbrev->children)
			continue;
		bool container = opaque == 0 && is_container(abbrev->tag);
		if (!container && sibling > (uint64_t)(b->at - unit->start) && sibling < (uint64_t)(b->end - unit->start)) {
			b->at = unit->start + sibling;
			continue;
		}
		depth++;
		opaque += !container;
	} while (depth && b->at < b->end);
	return 0;
}

int sym_diescan(const struct sym_bytes *info, const struct sym_bytes *abbrev, uint64_t unit_offset, uint64_t die_offset,
	sym_diescan_fn *found, void *arg)
{
	struct unit unit = {0};
	uint64_t abbrevs;
	if (unit_offset >= info->size || die_offset >= info->size)
		return -EINVAL;
	struct bytes b = {.at = info->data + unit_offset, .end = info->data + info->size};
	int rc = -EINVAL;
	if (read_header(&b, &unit, &abbrevs) && abbrevs < abbrev->size && info->data + die_offset < b.end) {
		struct bytes table = {.at = abbrev->data + abbrevs, .end = abbrev->data + abbrev->size};
		b.at = info->data + die_offset;
		rc = read_abbrevs(table, &unit);
		rc = rc ? rc : walk(&b, &unit, info->data, found, arg);
	}
	tt_vec_deinit(&unit.abbrevs);
	tt_vec_deinit(&unit.forms);
	return rc;
}
