/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vec.h - growing arrays of any type, as macros around one function.
 *
 *   TT_VEC(struct lock) locks = TT_VEC_INIT;
 *   struct lock *l = tt_vec_add(&locks);          // zeroed; NULL when out of memory
 *   if (tt_vec_push(&ids, 7)) return -ENOMEM;
 *   vec_for_each (l, &locks) { ... }              // struct lock *l
 *   tt_vec_sort(&locks, by_wait);
 *   tt_vec_deinit(&locks);
 *
 * Members data, len, cap may be read directly. Growing moves the elements: no pointers into it across an add.
 */
#ifndef TT_UTIL_VEC_H
#define TT_UTIL_VEC_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TT_VEC(type)             \
	struct {                 \
		type *data;      \
		size_t len, cap; \
	}
#define TT_VEC_INIT \
	{           \
		0   \
	}

/*
 * Makes room for at least `want` elements of `size` bytes in the array *data of *cap elements.
 * Returns 0, or -ENOMEM with everything unchanged (also when want * size would overflow).
 */
int tt_vec_grow(void **data, size_t *cap, size_t want, size_t size);

#define tt_vec_reserve(v, want) tt_vec_grow((void **)&(v)->data, &(v)->cap, (want), sizeof(*(v)->data))

/* A new zeroed element at the end, NULL when out of memory. */
#define tt_vec_add(v)                                                                    \
	({                                                                               \
		__typeof__((v)->data) tt_new_ = NULL;                                    \
		if (tt_vec_reserve((v), (v)->len + 1) == 0)                              \
			tt_new_ = memset(&(v)->data[(v)->len++], 0, sizeof(*(v)->data)); \
		tt_new_;                                                                 \
	})

/* Appends a value. 0 or -ENOMEM. */
#define tt_vec_push(v, value)                                           \
	({                                                              \
		bool tt_room_ = tt_vec_reserve((v), (v)->len + 1) == 0; \
		if (tt_room_)                                           \
			(v)->data[(v)->len++] = (value);                \
		tt_room_ ? 0 : -ENOMEM;                                 \
	})

/* compare: int (*)(const void *, const void *), as for qsort. */
#define tt_vec_sort(v, compare)                                                    \
	do {                                                                       \
		if ((v)->len > 1)                                                  \
			qsort((v)->data, (v)->len, sizeof(*(v)->data), (compare)); \
	} while (0)

#define vec_for_each(it, v) for ((it) = (v)->data; (it) && (it) < (v)->data + (v)->len; (it)++)

/* Frees the array, not what its elements own. */
#define tt_vec_deinit(v)                 \
	do {                             \
		free((v)->data);         \
		(v)->data = NULL;        \
		(v)->len = (v)->cap = 0; \
	} while (0)

#endif
