/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * threadsize.c - the CPU that is really a process's, and how many threads to run on it. main(): options, the order of events.
 * What it is not: reading limits and measuring (lib/proc), deciding (lib/size), layout (lib/out).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/out/size.h"
#include "lib/proc/limits.h"
#include "lib/proc/rootfile.h"
#include "lib/util/cli.h"
#include "lib/util/parse.h"

static struct {
	const char *pid, *cgroup, *root;
	bool json, runtimes;
	enum tt_color color;
} opt;

static const struct tt_opt options[] = {
	TT_OPT_GROUP("Subject"),
	TT_OPT_STR('p', "pid", "PID", &opt.pid, "of this process, instead of threadsize's own place"),
	TT_OPT_STR(0, "cgroup", "PATH", &opt.cgroup, "of this control group: its path, or its directory"),
	TT_OPT_STR(0, "root", "DIR", &opt.root, "read every file of /proc and /sys below DIR"),
	TT_OPT_GROUP("Report"),
	TT_OPT_FLAG(0, "runtimes", &opt.runtimes, "show what runtimes and servers would choose here, and where that is wrong"),
	TT_OPT_FLAG(0, "json", &opt.json, "write a JSON document (threadtools.size/1) instead of text"),
	TT_OPT_COLOR(&opt.color),
	TT_OPT_END,
};

static const struct tt_cli cli = {
	.tool = "threadsize",
	.usage = {"[OPTION]... [-p PID | --cgroup PATH]"},
	.summary = "Show the CPU that a process really has.",
	.options = options,
	.footer = "Status: 0 all is known, 2 not (the report says what and why), or trouble.\n",
	.args = TT_ARGS_NONE,
};

/* "process 4711 (java)"; the name is the process's own: the text escapes it. */
static void name_subject(struct tt_buf *out, pid_t pid)
{
	TT_BUF_AUTO(name);
	char path[64];
	if (opt.cgroup) {
		tt_buf_printf(out, "control group %s", opt.cgroup);
		return;
	}
	if (pid == 0) {
		tt_buf_printf(out, opt.root ? "the process that '%s/proc/self' is" : "this place", opt.root);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	tt_buf_printf(out, "process %d", (int)pid);
	if (tt_rootfile_read(opt.root, path, &name) == 0 && name.len > 1)
		tt_buf_printf(out, " (%.*s)", (int)name.len - 1, name.data);
}

static int write_report(const struct tt_size_doc *doc)
{
	TT_BUF_AUTO(out);
	struct tt_term term = tt_term_get(STDOUT_FILENO, opt.color);
	if (opt.json)
		return tt_size_json(doc, stdout) < 0 ? tt_cli_error(&cli, "cannot write the report") : TT_EXIT_OK;
	if (tt_size_text(doc, &term, &out) < 0)
		return tt_cli_error(&cli, "out of memory");
	fputs(tt_buf_str(&out), stdout);
	return TT_EXIT_OK;
}

static int run(pid_t pid)
{
	struct tt_limits limits;
	struct tt_err err = {0};
	TT_BUF_AUTO(subject);
	const struct tt_limits_query query = {.root = opt.root, .cgroup = opt.cgroup, .pid = pid};
	int status = TT_EXIT_OK;
	name_subject(&subject, pid);
	if (tt_limits_read(&query, &limits, &err) < 0) {
		status = tt_cli_error(&cli, "%s", err.msg);
	} else {
		const struct tt_size_doc doc = {.limits = &limits, .subject = tt_buf_str(&subject), .runtimes = opt.runtimes};
		status = write_report(&doc);
		if (status == TT_EXIT_OK && !limits.effective_known)
			status = tt_cli_error(&cli, "the CPU limit is not known: %s",
				limits.quota_why ? limits.quota_why : "no processors can be read");
	}
	tt_limits_deinit(&limits);
	return status;
}

int main(int argc, char **argv)
{
	struct tt_err err = {0};
	uint64_t pid = 0;
	int first = tt_cli_start(&cli, argc, argv), dir;
	if (first < argc)
		return tt_cli_misuse(&cli, "unexpected operand '%s': a process is given with -p PID", argv[first]);
	if (opt.pid && opt.cgroup)
		return tt_cli_misuse(&cli, "--pid and --cgroup exclude each other");
	if (opt.pid && tt_parse_u64(opt.pid, 1, INT32_MAX, &pid, &err) < 0)
		return tt_cli_misuse(&cli, "--pid: %s", err.msg);
	if (opt.root && !tt_rootfile_is_dir(NULL, opt.root, &dir))
		return tt_cli_error(&cli, "cannot read '%s': %s", opt.root, strerror(dir ? dir : ENOTDIR));
	return tt_cli_finish(&cli, run((pid_t)pid));
}
