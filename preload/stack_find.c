/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_find.c - from a code address to its entry in the unwind tables: object, segment, FDE, CIE.
 *
 * Takes no lock: _dl_find_object is lock-free and async-signal-safe (glibc 2.35); without it there are no tables. Everything
 * read here is memory of an object that is on the caller's stack and so stays mapped; only an address that was guessed can
 * belong to an object that goes away meanwhile. Not here: what an entry means (stack_cfi.c). Called by stack.c when its cache
 * does not know an address.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "preload/stack_cfi.h"

#pragma weak _dl_find_object

/* Pointer encodings: format in the low nibble, what it is relative to above. */
enum {
	ENC_ABS = 0x00,
	ENC_ULEB = 0x01,
	ENC_UDATA2 = 0x02,
	ENC_UDATA4 = 0x03,
	ENC_UDATA8 = 0x04,
	ENC_SIGNED = 0x08,
	ENC_SLEB = 0x09,
	ENC_SDATA4 = 0x0b,
	ENC_PCREL = 0x10,
	ENC_DATAREL = 0x30,
	ENC_RELATIVE = 0x70,
	ENC_INDIRECT = 0x80,
	ENC_OMIT = 0xff,
};

/* Linear searches look at so many entries at most: an object with more has a search table. */
#define SCAN_MAX (1u << 16)

struct object {
	uintptr_t low, high; /* its mapping, with holes */
	uintptr_t bias;
	uintptr_t hdr; /* .eh_frame_hdr; 0: none */
	const ElfW(Phdr) * ph;
	unsigned phnum; /* 0: not known */
};

/* ------------------------------------------------------------------ cursors */

uint64_t tt_cur_uint(struct tt_cur *c, unsigned bytes)
{
	uint64_t v = 0;
	if (bytes > (size_t)(c->end - c->p)) {
		c->bad = true;
		c->p = c->end;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)c->p[i] << (8 * i);
	c->p += bytes;
	return v;
}

uint64_t tt_cur_uleb(struct tt_cur *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0;; shift += 7) {
		uint64_t byte = tt_cur_uint(c, 1);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
}

int64_t tt_cur_sleb(struct tt_cur *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0;;) {
		uint64_t byte = tt_cur_uint(c, 1);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (shift < 64 && byte & 0x40)
			v |= ~UINT64_C(0) << shift;
		return (int64_t)v;
	}
}

void tt_cur_skip(struct tt_cur *c, uint64_t bytes)
{
	if (bytes > (size_t)(c->end - c->p)) {
		c->bad = true;
		c->p = c->end;
		return;
	}
	c->p += bytes;
}

/* A value in one of the pointer formats; the sign is extended. */
static uint64_t cur_format(struct tt_cur *c, uint8_t encoding)
{
	uint64_t v;
	switch (encoding & 0x0f) {
	case ENC_ABS:
	case ENC_UDATA8:
	case ENC_UDATA8 | ENC_SIGNED:
		return tt_cur_uint(c, 8);
	case ENC_ULEB:
		return tt_cur_uleb(c);
	case ENC_SLEB:
		return (uint64_t)tt_cur_sleb(c);
	case ENC_UDATA4:
		return tt_cur_uint(c, 4);
	case ENC_SDATA4:
		v = tt_cur_uint(c, 4);
		return (uint64_t)(int64_t)(int32_t)(uint32_t)v;
	case ENC_UDATA2:
		return tt_cur_uint(c, 2);
	case ENC_UDATA2 | ENC_SIGNED:
		v = tt_cur_uint(c, 2);
		return (uint64_t)(int64_t)(int16_t)(uint16_t)v;
	default:
		c->bad = true;
		return 0;
	}
}

/* An address: a value and what it is relative to. Indirect ones and the segment-relative kinds do not name code. */
static uintptr_t cur_address(struct tt_cur *c, uint8_t encoding, uintptr_t data)
{
	uintptr_t at = (uintptr_t)c->p;
	uintptr_t v = cur_format(c, encoding);
	switch (encoding & (ENC_RELATIVE | ENC_INDIRECT)) {
	case ENC_ABS:
		return v;
	case ENC_PCREL:
		return at + v;
	case ENC_DATAREL:
		return data + v;
	default:
		c->bad = true;
		return 0;
	}
}

/* ------------------------------------------------------------------ objects and segments */

/* Program headers, when they lie where linkers put them: on the first page of the mapping. */
static void object_headers(struct object *o)
{
	const ElfW(Ehdr) *e = (const void *)o->low;
	if (o->high - o->low < 4096 || o->low & 4095 || __builtin_memcmp(e->e_ident, ELFMAG, SELFMAG) != 0)
		return;
	if (e->e_phentsize != sizeof(ElfW(Phdr)) || e->e_phoff & 7 || e->e_phoff > 4096)
		return;
	if (e->e_phnum > (4096 - e->e_phoff) / sizeof(ElfW(Phdr)))
		return;
	o->ph = (const void *)(o->low + e->e_phoff);
	o->phnum = e->e_phnum;
}

/*
 * The main program's headers, from the kernel. It may have been mapped with holes that others' mappings may fill; then
 * _dl_find_object gives the one segment around pc only, and the tables are elsewhere. Written once, by tt_cfi_init().
 */
static struct {
	const ElfW(Phdr) * ph;
	unsigned phnum;
} program;

void tt_cfi_init(void)
{
	program.phnum = (unsigned)getauxval(AT_PHNUM);
	program.ph = (const void *)getauxval(AT_PHDR);
}

/* The headers of an object whose tables are outside of its mapping: those of the main program, or none. */
static void object_scattered(struct object *o)
{
	o->phnum = 0;
	for (unsigned i = 0; program.ph && i < program.phnum; i++) {
		const ElfW(Phdr) *p = program.ph + i;
		if (p->p_type != PT_GNU_EH_FRAME || o->bias + p->p_vaddr != o->hdr)
			continue;
		o->ph = program.ph;
		o->phnum = program.phnum;
		o->low = 0;
		o->high = UINTPTR_MAX;
		return;
	}
	o->hdr = 0;
}

static bool object_find(uintptr_t pc, struct object *o)
{
	struct dl_find_object f;
	if (!_dl_find_object || _dl_find_object((void *)pc, &f) != 0)
		return false;
	o->low = (uintptr_t)f.dlfo_map_start;
	o->high = (uintptr_t)f.dlfo_map_end;
	o->bias = f.dlfo_link_map ? f.dlfo_link_map->l_addr : 0;
	o->hdr = (uintptr_t)f.dlfo_eh_frame;
	o->phnum = 0;
	if (o->hdr && (o->hdr < o->low || o->hdr >= o->high))
		object_scattered(o);
	else
		object_headers(o);
	return true;
}

/*
 * The loaded segment with all of `flags` around an address: a mapping has holes between its segments, which must not be read.
 * Without headers, the whole mapping passes for one.
 */
static bool object_segment(const struct object *o, uintptr_t at, uint32_t flags, struct tt_cur *segment)
{
	if (at < o->low || at >= o->high)
		return false;
	if (!o->phnum) {
		*segment = (struct tt_cur){(const uint8_t *)o->low, (const uint8_t *)o->high, false};
		return true;
	}
	for (unsigned i = 0; i < o->phnum; i++) {
		const ElfW(Phdr) *p = o->ph + i;
		uintptr_t start = o->bias + p->p_vaddr, size = p->p_filesz;
		if (p->p_type != PT_LOAD || (p->p_flags & flags) != flags || at - start >= size)
			continue;
		if (start < o->low || size > o->high - start)
			return false;
		*segment = (struct tt_cur){(const uint8_t *)start, (const uint8_t *)(start + size), false};
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ CIE and FDE */

/* The augmentation string tells what the CIE's augmentation data hold, letter by letter. */
static bool cie_augmentation(struct tt_cur *c, const uint8_t *letters, struct tt_cfi_fde *fde)
{
	if (!*letters)
		return true;
	if (*letters != 'z')
		return false;
	uint64_t length = tt_cur_uleb(c);
	struct tt_cur data = *c;
	tt_cur_skip(c, length);
	data.end = c->p;
	for (letters++; *letters && !c->bad && !data.bad; letters++) {
		uint8_t encoding;
		switch (*letters) {
		case 'R':
			fde->encoding = (uint8_t)tt_cur_uint(&data, 1);
			break;
		case 'P':
			encoding = (uint8_t)tt_cur_uint(&data, 1);
			if ((encoding & ENC_RELATIVE) == 0x50) /* aligned to a word */
				tt_cur_skip(&data, -(uintptr_t)data.p & 7);
			cur_format(&data, encoding);
			break;
		case 'L':
			tt_cur_skip(&data, 1);
			break;
		case 'S':
			fde->signal = true;
			break;
		case 'B':
		case 'G':
			break;
		default: /* the rest is unknown; its length is not */
			return true;
		}
	}
	return !c->bad && !data.bad;
}

/* c: the CIE, behind its length and identifier. Fills in what the CIE holds. */
static bool cie_parse(struct tt_cur *c, struct tt_cfi_fde *fde)
{
	uint64_t version = tt_cur_uint(c, 1);
	if (version != 1 && version != 3)
		return false;
	const uint8_t *letters = c->p;
	while (tt_cur_uint(c, 1))
		;
	if (c->bad)
		return false;
	fde->code_align = tt_cur_uleb(c);
	fde->data_align = tt_cur_sleb(c);
	fde->ra_column = (uint8_t)tt_arch_col(version == 1 ? tt_cur_uint(c, 1) : tt_cur_uleb(c));
	fde->encoding = ENC_ABS;
	fde->signal = false;
	fde->augmented = *letters == 'z';
	if (c->bad || !cie_augmentation(c, letters, fde))
		return false;
	fde->init = *c;
	return true;
}

/*
 * The record at c, which moves behind it. Returns its body and the CIE that it points to: 0 for a CIE, whose body is not
 * wanted. bad at the terminator, and when the record is larger than the segment.
 */
static struct tt_cur record_next(struct tt_cur *c, uintptr_t *cie)
{
	struct tt_cur body;
	uint64_t length = tt_cur_uint(c, 4);
	if (length < 4 || length == 0xffffffff)
		c->bad = true;
	body = *c;
	tt_cur_skip(c, length);
	body.bad = c->bad;
	body.end = c->p;
	uintptr_t at = (uintptr_t)body.p;
	uint64_t id = tt_cur_uint(&body, 4);
	*cie = id ? at - id : 0;
	return body;
}

/* Parses an FDE (behind its CIE pointer) down to its program, if it describes pc. */
static bool fde_parse(struct tt_cur segment, struct tt_cur c, uintptr_t cie, uintptr_t pc, struct tt_cfi_fde *fde)
{
	uintptr_t none;
	if (c.bad || cie < (uintptr_t)segment.p || cie >= (uintptr_t)segment.end)
		return false;
	fde->base = segment.p;
	segment.p = (const uint8_t *)cie;
	struct tt_cur head = record_next(&segment, &none);
	if (head.bad || none || !cie_parse(&head, fde))
		return false;
	fde->start = cur_address(&c, fde->encoding, 0);
	uintptr_t size = cur_format(&c, fde->encoding & 0x0f);
	fde->end = fde->start + size;
	if (c.bad || pc - fde->start >= size)
		return false;
	if (fde->augmented)
		tt_cur_skip(&c, tt_cur_uleb(&c));
	fde->body = c;
	return !c.bad;
}

/* ------------------------------------------------------------------ search */

/* Looks at every record from the first one on, for objects without a search table. */
TT_COLD static bool search_linear(const struct object *o, uintptr_t frames, uintptr_t pc, struct tt_cfi_fde *fde)
{
	struct tt_cur segment, c;
	if (!object_segment(o, frames, PF_R, &segment))
		return false;
	c = segment;
	c.p = (const uint8_t *)frames;
	for (unsigned i = 0; i < SCAN_MAX && !c.bad; i++) {
		uintptr_t cie;
		struct tt_cur body = record_next(&c, &cie);
		if (cie && fde_parse(segment, body, cie, pc, fde))
			return true;
	}
	return false;
}

/* Entries of the search table: where code begins, and its FDE; both relative to the header. */
struct entry {
	int32_t start, fde;
};

static struct entry entry_at(const uint8_t *table, uint64_t i)
{
	struct entry e;
	__builtin_memcpy(&e, table + i * sizeof(e), sizeof(e));
	return e;
}

/* Address of the FDE of the last entry that begins at or before pc; 0: there is none. */
static uintptr_t search_table(const uint8_t *table, uint64_t count, uintptr_t hdr, uintptr_t pc)
{
	uint64_t low = 0, high = count;
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;
		if (hdr + (uintptr_t)(intptr_t)entry_at(table, mid).start <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? hdr + (uintptr_t)(intptr_t)entry_at(table, low - 1).fde : 0;
}

/* hdr: version, three encodings, then where .eh_frame is, the number of entries, the table. */
static bool search(const struct object *o, uintptr_t pc, struct tt_cfi_fde *fde)
{
	struct tt_cur segment, c;
	if (!o->hdr || !object_segment(o, o->hdr, PF_R, &segment))
		return false;
	c = segment;
	c.p = (const uint8_t *)o->hdr;
	if (tt_cur_uint(&c, 1) != 1)
		return false;
	uint8_t frames_enc = (uint8_t)tt_cur_uint(&c, 1);
	uint8_t count_enc = (uint8_t)tt_cur_uint(&c, 1);
	uint8_t table_enc = (uint8_t)tt_cur_uint(&c, 1);
	if (c.bad || frames_enc == ENC_OMIT)
		return false;
	uintptr_t frames = cur_address(&c, frames_enc, o->hdr);
	if (c.bad)
		return false;
	if (table_enc != (ENC_DATAREL | ENC_SDATA4) || count_enc == ENC_OMIT)
		return search_linear(o, frames, pc, fde);
	uint64_t count = cur_format(&c, count_enc & 0x0f);
	if (c.bad || count > (size_t)(c.end - c.p) / sizeof(struct entry))
		return false;
	uintptr_t at = search_table(c.p, count, o->hdr, pc), cie;
	if (!at || !object_segment(o, at, PF_R, &segment))
		return false;
	c = segment;
	c.p = (const uint8_t *)at;
	struct tt_cur body = record_next(&c, &cie);
	return cie && fde_parse(segment, body, cie, pc, fde);
}

enum tt_cfi_where tt_cfi_find(uintptr_t pc, struct tt_cfi_fde *fde)
{
	struct object o;
	struct tt_cur code;
	if (!object_find(pc, &o))
		return TT_CFI_NOWHERE;
	if (search(&o, pc, fde))
		return TT_CFI_FOUND;
	return object_segment(&o, pc, PF_X, &code) ? TT_CFI_CODE : TT_CFI_DATA;
}
