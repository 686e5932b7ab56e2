/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hotspot.h - asks a HotSpot JVM for its own thread dump, the way jstack does: by the attach socket, which the JVM opens when
 * it finds a file of a certain name and gets SIGQUIT. The JVM stops its Java threads at a safepoint for the dump.
 *
 * SIGQUIT ends a process that does not handle it: so it is only sent to one that has libjvm.so mapped, catches SIGQUIT, was not
 * told to refuse attaching, and is not stopped. Works into containers (mount and pid namespaces). Called by lib/dump.
 */
#ifndef TT_PROC_HOTSPOT_H
#define TT_PROC_HOTSPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/proc/tasks.h"
#include "lib/util/buf.h"
#include "lib/util/err.h"

/* True when the process has libjvm.so mapped. */
bool tt_hotspot_is(pid_t pid);

/*
 * Appends the JVM's answer to "threaddump" to out: hostile text. Gives up after limit_ns. 0; -EPERM: not ours to ask; -ENOTSUP:
 * it would not answer, or SIGQUIT could end it; -ETIMEDOUT; -EPROTO: it refused, its words in err; other errors of the system.
 */
int tt_hotspot_dump(const struct tt_proc *p, uint64_t limit_ns, struct tt_buf *out, struct tt_err *err);

#endif
