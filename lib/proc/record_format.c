/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record_format.c - frame.def as tables of members, and the sum of blocks (record_format.h). */
#include "lib/proc/record_format.h"

#include "lib/core/attrs.h"

#define FIELD(object, kind, member) {RECORD_##kind, offsetof(object, member), sizeof(((object *)0)->member)},

const struct record_field record_machine[] = {
#define TT_MACHINE_FIELD(kind, member) FIELD(struct tt_machine, kind, member)
#include "lib/proc/frame.def"
#undef TT_MACHINE_FIELD
};
const struct record_field record_proc[] = {
#define TT_PROC_FIELD(kind, member) FIELD(struct tt_top_proc, kind, member)
#include "lib/proc/frame.def"
#undef TT_PROC_FIELD
};
const struct record_field record_task[] = {
#define TT_TASK_FIELD(kind, member) FIELD(struct tt_top_task, kind, member)
#include "lib/proc/frame.def"
#undef TT_TASK_FIELD
};
const unsigned record_machine_count = ARRAY_SIZE(record_machine);
const unsigned record_proc_count = ARRAY_SIZE(record_proc);
const unsigned record_task_count = ARRAY_SIZE(record_task);

/* Members are 1, 4 or 8 bytes; signed ones are widened with their sign. */
uint64_t record_get(const void *object, const struct record_field *f)
{
	const char *at = (const char *)object + f->offset;
	uint32_t four;
	uint64_t eight;
	switch (f->size) {
	case 1:
		return *(const uint8_t *)at;
	case 4:
		memcpy(&four, at, sizeof(four));
		return f->type == RECORD_I64 ? (uint64_t)(int64_t)(int32_t)four : four;
	default:
		memcpy(&eight, at, sizeof(eight));
		return eight;
	}
}

void record_put(void *object, const struct record_field *f, uint64_t value)
{
	char *at = (char *)object + f->offset;
	uint32_t four = (uint32_t)value;
	switch (f->size) {
	case 1:
		/* A thread's state is a character; the others are bools, also when the file is damaged. */
		*(uint8_t *)at = f >= record_task && f < record_task + record_task_count ? (uint8_t)value : value != 0;
		break;
	case 4:
		memcpy(at, &four, sizeof(four));
		break;
	default:
		memcpy(at, &value, sizeof(value));
	}
}

uint32_t record_crc(uint32_t crc, const void *bytes, size_t len)
{
	static uint32_t table[256];
	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;
			for (int k = 0; k < 8; k++)
				c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
			table[i] = c;
		}
	crc = ~crc;
	for (const uint8_t *p = bytes; len; len--, p++)
		crc = table[(crc ^ *p) & 0xff] ^ (crc >> 8);
	return ~crc;
}

void record_to_file(struct tt_top_task *t)
{
	t->span_ns = t->span_ns == t->proc->span_ns ? 0 : t->span_ns + 1;
	t->blocked_ns = t->blocked_ns ? t->proc->at_ns - t->blocked_ns : 0;
}

void record_from_file(struct tt_top_task *t)
{
	t->span_ns = t->span_ns == 0 ? t->proc->span_ns : t->span_ns - 1;
	t->blocked_ns = t->blocked_ns && t->blocked_ns < t->proc->at_ns ? t->proc->at_ns - t->blocked_ns : 0;
}
