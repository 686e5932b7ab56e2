/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* file.h - where the recording is, and how it is begun and ended. */
#ifndef TT_PRELOAD_FILE_H
#define TT_PRELOAD_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct ttrec_header;
struct tt_tree;

/* Takes the folder from the options and the environment; once, at the start of an exec image. */
void tt_file_prepare(const char *xdg_runtime_dir, const char *options_text);

/*
 * Makes this process's recording: file, mapping, header, private memory. Afterwards hooks may record once the caller stores
 * a non-zero tt_epoch. False: none could be made (no folder, no space, no memory), and nothing of it is left.
 */
bool tt_file_create(uint32_t fork_depth);

/* Ends it: state, time. Removes the file when `keep` is false. */
void tt_file_end(uint32_t state, int exit_code, bool keep);

/* In a forked child: lets go of the parent's mapping. */
void tt_file_leave(struct ttrec_header *parent);

/* The page that all processes of a launcher's run share; NULL: there is none. */
struct tt_tree *tt_file_tree(void);

#endif
