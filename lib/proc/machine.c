/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * machine.c - the whole machine in a few numbers, for the head of a frame: CPUs, load, memory by libproc2; pressure from
 * /proc/pressure. The only file that uses libproc2. Called by sample.c.
 */
#include <libproc2/meminfo.h>
#include <libproc2/misc.h>
#include <libproc2/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/attrs.h"
#include "lib/proc/sample_internal.h"

struct tt_machine_source {
	struct stat_info *stat; /* NULL: libproc2 could not read /proc/stat; its members stay 0 */
	struct meminfo_info *mem;
	uint64_t reads;
};

struct tt_machine_source *tt_machine_create(void)
{
	struct tt_machine_source *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	if (procps_stat_new(&m->stat) < 0)
		m->stat = NULL;
	if (procps_meminfo_new(&m->mem) < 0)
		m->mem = NULL;
	return m;
}

void tt_machine_destroy(struct tt_machine_source *m)
{
	if (!m)
		return;
	if (m->stat)
		procps_stat_unref(&m->stat);
	if (m->mem)
		procps_meminfo_unref(&m->mem);
	free(m);
}

enum { ID, BUSY, TOTAL, STOLEN, IOWAIT };
static enum stat_item cpu_items[] = {
	STAT_TIC_ID, STAT_TIC_SUM_DELTA_BUSY, STAT_TIC_SUM_DELTA_TOTAL, STAT_TIC_DELTA_STOLEN, STAT_TIC_DELTA_IOWAIT};

static uint32_t ppm(int64_t part, int64_t whole)
{
	if (part <= 0 || whole <= 0)
		return 0;
	return part >= whole ? 1000000 : (uint32_t)(part * 1000000 / whole);
}

#define VALUE(stack, i) ((stack)->head[i].result.sl_int)

static void read_cpus(struct tt_machine_source *m, struct tt_machine *ret)
{
	struct stat_reaped *all = procps_stat_reap(m->stat, STAT_REAP_CPUS_ONLY, cpu_items, ARRAY_SIZE(cpu_items));
	if (!all || !all->cpus)
		return;
	const struct stat_stack *sum = all->summary;
	bool first = m->reads == 0; /* differences of the first reading are since boot */
	ret->cpus = (uint32_t)all->cpus->total;
	ret->busy_ppm = first ? 0 : ppm(VALUE(sum, BUSY), VALUE(sum, TOTAL));
	ret->stolen_ppm = first ? 0 : ppm(VALUE(sum, STOLEN), VALUE(sum, TOTAL));
	ret->iowait_ppm = first ? 0 : ppm(VALUE(sum, IOWAIT), VALUE(sum, TOTAL));
	char *bars = realloc(ret->cpu_busy, ret->cpus + 1u);
	if (!bars)
		return;
	for (uint32_t i = 0; i < ret->cpus; i++) {
		const struct stat_stack *cpu = all->cpus->stacks[i];
		bars[i] = (char)('0' + (first ? 0 : (ppm(VALUE(cpu, BUSY), VALUE(cpu, TOTAL)) + 12500) / 25000));
	}
	bars[ret->cpus] = 0;
	ret->cpu_busy = bars;
	ret->runnable = (uint32_t)STAT_GET(m->stat, STAT_SYS_PROC_RUNNING, ul_int);
}

static int32_t pressure(const char *what)
{
	char path[32], text[256];
	double avg10;
	snprintf(path, sizeof(path), "/proc/pressure/%s", what);
	if (tt_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0 || sscanf(text, "some avg10=%lf", &avg10) != 1)
		return -1;
	return (int32_t)(avg10 * 1000 + 0.5);
}

void tt_machine_read(struct tt_machine_source *m, const char *root, struct tt_machine *ret)
{
	static const char *const pressures[] = {"cpu", "io", "memory"};
	double load[3] = {0};
	if (root)
		return; /* a tree of files for tests holds threads only */
	ret->uptime_ns = tt_boot_ns();
	if (m->stat)
		read_cpus(m, ret);
	if (m->mem) {
		ret->memory_bytes = (uint64_t)MEMINFO_GET(m->mem, MEMINFO_MEM_TOTAL, ul_int) * 1024;
		ret->available_bytes = (uint64_t)MEMINFO_GET(m->mem, MEMINFO_MEM_AVAILABLE, ul_int) * 1024;
	}
	procps_loadavg(&load[0], &load[1], &load[2]);
	for (int i = 0; i < 3; i++) {
		ret->load_milli[i] = (uint32_t)(load[i] * 1000 + 0.5);
		ret->psi_milli[i] = pressure(pressures[i]);
	}
	m->reads++;
}
