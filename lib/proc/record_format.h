/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record_format.h - what record.c and replay.c agree on: see record.h for the file. Not for callers. */
#ifndef TT_PROC_RECORD_FORMAT_H
#define TT_PROC_RECORD_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/proc/frame.h"

#define RECORD_MAGIC       "ttoprec"
#define RECORD_HEAD        16
#define RECORD_BLOCK_MAGIC 0x4b424654u
#define RECORD_BLOCK_HEAD  32
#define RECORD_BLOCK_MOST  (64u * 1024 * 1024)
#define RECORD_TASKS_MOST  1000000u
#define RECORD_TEXT_MOST   65536u

enum record_field_type { RECORD_U64, RECORD_I64, RECORD_TEXT };

/* One member of a struct: where it is, how wide. */
struct record_field {
	enum record_field_type type;
	uint16_t offset, size;
};

extern const struct record_field record_machine[], record_proc[], record_task[];
extern const unsigned record_machine_count, record_proc_count, record_task_count;

uint64_t record_get(const void *object, const struct record_field *f);
void record_put(void *object, const struct record_field *f, uint64_t value);

/* Of a block's head (its sum taken as 0) and what follows. */
uint32_t record_crc(uint32_t crc, const void *bytes, size_t len);

static inline uint64_t record_zigzag(uint64_t now, uint64_t before)
{
	int64_t d = (int64_t)(now - before);
	return ((uint64_t)d << 1) ^ (uint64_t)(d >> 63);
}
static inline uint64_t record_unzigzag(uint64_t value, uint64_t before)
{
	return before + ((value >> 1) ^ (0 - (value & 1)));
}

/* A thread's members as the file has them and back: see record.h. */
void record_to_file(struct tt_top_task *t);
void record_from_file(struct tt_top_task *t);

#endif
