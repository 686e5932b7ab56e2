/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sarif.c - the findings as a SARIF 2.1.0 log, for code scanning services and editors: one run with its rules, invocations,
 * artifacts and results. Streams. What it is not: the JSON report, which holds all facts (json.c).
 *
 * Files below the source root are named relative to SRCROOT, others by file: URIs. Places without a source file name their
 * module and address. Section numbers are those of the standard.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/out/json.h"
#include "lib/out/locate.h"
#include "lib/out/sarif.h"

/*
 * No text of ours has placeholders or links, but names in it may look like them: braces are doubled (3.11.5), and what would
 * read as a link, such as operator[](int), gets a blank (3.11.6: there is no escape for it).
 */
void tt_sarif_message(struct tt_jsonw *j, const char *key, const char *text)
{
	TT_BUF_AUTO(plain);
	for (const char *p = text; *p; p++) {
		tt_buf_addc(&plain, *p);
		if (*p == '{' || *p == '}')
			tt_buf_addc(&plain, *p);
		else if (*p == ']' && p[1] == '(')
			tt_buf_addc(&plain, ' ');
	}
	if (tt_buf_failed(&plain))
		j->error = ENOMEM;
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "text", tt_buf_str(&plain));
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ rules: 3.49 */

static void put_rule(struct tt_jsonw *j, const struct tt_rule_info *rule)
{
	TT_BUF_AUTO(help);
	TT_BUF_AUTO(title);
	tt_buf_printf(&help, "%s %s", rule->why, rule->advice);
	tt_buf_printf(&title, "%s.", rule->title);
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "id", rule->id);
	tt_sarif_message(j, "shortDescription", tt_buf_str(&title));
	tt_sarif_message(j, "fullDescription", rule->why);
	tt_sarif_message(j, "help", tt_buf_str(&help));
	tt_jsonw_begin(j, "defaultConfiguration", '{');
	tt_jsonw_text(j, "level", tt_level_name(rule->level));
	tt_jsonw_end(j, '}');
	tt_jsonw_begin(j, "properties", '{');
	tt_jsonw_begin(j, "tags", '[');
	tt_jsonw_text(j, NULL, "concurrency");
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
	tt_jsonw_end(j, '}');
}

static void put_tool(struct tt_jsonw *j, const struct tt_report *r)
{
	tt_jsonw_begin(j, "tool", '{');
	tt_jsonw_begin(j, "driver", '{');
	tt_jsonw_text(j, "name", r->opts.tool);
	tt_jsonw_text(j, "organization", "threadtools");
	tt_jsonw_text(j, "semanticVersion", TT_VERSION);
	tt_jsonw_begin(j, "rules", '[');
	for (unsigned i = 0; i < TT_RULE_MAX; i++)
		put_rule(j, &tt_rules[i]);
	tt_jsonw_end(j, ']');
	tt_jsonw_end(j, '}');
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ invocations: 3.20 */

static void put_file_uri(struct tt_jsonw *j, const char *key, const char *path, const char *end)
{
	TT_BUF_AUTO(uri);
	if (!path || path[0] != '/')
		return;
	tt_buf_adds(&uri, "file://");
	tt_locate_uri(&uri, path);
	tt_buf_adds(&uri, end);
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "uri", tt_buf_str(&uri));
	tt_jsonw_end(j, '}');
}

static void put_notification(struct tt_jsonw *j, const char *text)
{
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_text(j, "level", "warning");
	tt_sarif_message(j, "message", text);
	tt_jsonw_end(j, '}');
}

/* What could not be recorded or read. */
static void put_notifications(struct tt_jsonw *j, const struct tt_process *p)
{
	const char *problem;
	tt_jsonw_begin(j, "toolExecutionNotifications", '[');
	for (size_t i = 0; (problem = tt_process_problem(p, i)); i++)
		put_notification(j, problem);
	for (unsigned i = 0; i < TTREC_DROP_SLOTS; i++) {
		const char *what = tt_rec_drop_text((enum ttrec_drop)i);
		TT_BUF_AUTO(text);
		if (!p->drop[i])
			continue;
		tt_buf_printf(&text, "not recorded: %" PRIu64 " %s", p->drop[i], what ? what : "facts of an unknown kind");
		put_notification(j, tt_buf_str(&text));
	}
	tt_jsonw_end(j, ']');
}

static void put_invocation(struct tt_jsonw *j, const struct tt_process *p)
{
	bool has_status = (p->end == TT_END_EXITED || p->end == TT_END_FORCED) && p->exit_code != TTREC_EXIT_UNKNOWN;
	bool ended = p->end != TT_END_RUNNING && p->end != TT_END_UNKNOWN;
	tt_jsonw_begin(j, NULL, '{');
	tt_jsonw_bool(j, "executionSuccessful", !p->partial);
	if (p->command[0])
		tt_jsonw_text(j, "commandLine", p->command);
	put_file_uri(j, "executableLocation", p->exe, "");
	put_file_uri(j, "workingDirectory", p->cwd, p->cwd[0] && p->cwd[1] ? "/" : "");
	tt_jsonw_u64(j, "processId", p->pid);
	if (has_status)
		tt_jsonw_int(j, "exitCode", p->exit_code);
	tt_jsonw_text(j, "exitCodeDescription", tt_end_name(p->end));
	if (p->end == TT_END_ABORTED) {
		tt_jsonw_text(j, "exitSignalName", "SIGABRT");
		tt_jsonw_int(j, "exitSignalNumber", SIGABRT);
	}
	if (p->start_real_ns)
		tt_json_time(j, "startTimeUtc", p->start_real_ns);
	if (ended && tt_process_real_ns(p, p->end_ns))
		tt_json_time(j, "endTimeUtc", tt_process_real_ns(p, p->end_ns));
	put_notifications(j, p);
	tt_jsonw_end(j, '}');
}

/* ------------------------------------------------------------------ locations: 3.28 */

/* The URI of a file, interned as an artifact: the first byte of the key tells relative ones. Returns its index. */
static int64_t artifact_of(struct tt_sarif *s, const struct tt_spot *spot, struct tt_buf *uri)
{
	const char *path = spot->file ? spot->file : spot->module;
	TT_BUF_AUTO(key);
	bool relative = spot->file && spot->relative, is_new;
	/* "a:b" alone would be read as a scheme; so would "//x" as a host. */
	tt_buf_adds(uri, relative ? "" : "file://");
	tt_locate_uri(uri, path);
	tt_buf_printf(&key, "%c%s", relative ? 'R' : 'A', tt_buf_str(uri));
	struct tt_smap_entry *e = tt_smap_insert(&s->artifacts, tt_buf_str(&key), key.len, &is_new);
	if (!e) {
		s->failed = true;
		return -1;
	}
	if (is_new)
		e->value = s->artifacts.len - 1;
	return (int64_t)e->value;
}

static void put_artifact_location(struct tt_jsonw *j, const char *key, const char *uri, bool relative, int64_t index)
{
	tt_jsonw_begin(j, key, '{');
	tt_jsonw_text(j, "uri", uri);
	if (relative)
		tt_jsonw_text(j, "uriBaseId", "SRCROOT");
	if (index >= 0)
		tt_jsonw_int(j, "index", index);
	tt_jsonw_end(j, '}');
}

/* An offset from where a module was loaded, which is an address of the run: without one, offsets are invalid (3.32). */
static void put_address(struct tt_sarif *s, const struct tt_spot *spot)
{
	bool is_new;
	struct tt_smap_entry *e = tt_smap_insert(&s->modules, spot->module, strlen(spot->module), &is_new);
	if (!e) {
		s->failed = true;
		return;
	}
	if (is_new)
		e->value = s->modules.len - 1;
	tt_jsonw_begin(s->j, "address", '{');
	tt_jsonw_u64(s->j, "parentIndex", e->value);
	tt_jsonw_u64(s->j, "offsetFromParent", spot->offset);
	tt_jsonw_u64(s->j, "relativeAddress", spot->offset);
	tt_jsonw_end(s->j, '}');
}

/* A module without a file, such as [vdso], has an address only. */
static void put_physical(struct tt_sarif *s, const struct tt_spot *spot)
{
	struct tt_jsonw *j = s->j;
	TT_BUF_AUTO(uri);
	bool has_artifact = spot->file || (spot->module && spot->module[0] == '/');
	bool has_address = !spot->file && spot->module && spot->offset <= INT64_MAX;
	if (!has_artifact && !has_address)
		return;
	tt_jsonw_begin(j, "physicalLocation", '{');
	if (has_artifact) {
		int64_t index = artifact_of(s, spot, &uri);
		put_artifact_location(
			j, "artifactLocation", tt_buf_str(&uri), strncmp(tt_buf_str(&uri), "file:", 5) != 0, index);
	}
	if (spot->file && spot->line) {
		tt_jsonw_begin(j, "region", '{');
		tt_jsonw_u64(j, "startLine", spot->line);
		tt_jsonw_end(j, '}');
	}
	if (has_address)
		put_address(s, spot);
	tt_jsonw_end(j, '}');
}

void tt_sarif_location(struct tt_sarif *s, const char *key, const struct tt_spot *spot, int64_t id, const char *message)
{
	struct tt_jsonw *j = s->j;
	tt_jsonw_begin(j, key, '{');
	if (id >= 0)
		tt_jsonw_int(j, "id", id);
	put_physical(s, spot);
	if (spot->function) {
		tt_jsonw_begin(j, "logicalLocations", '[');
		tt_jsonw_begin(j, NULL, '{');
		tt_jsonw_text(j, "fullyQualifiedName", spot->function);
		tt_jsonw_text(j, "kind", "function");
		tt_jsonw_end(j, '}');
		tt_jsonw_end(j, ']');
	}
	if (message)
		tt_sarif_message(j, "message", message);
	tt_jsonw_end(j, '}');
}

static void put_artifacts(struct tt_sarif *s)
{
	tt_jsonw_begin(s->j, "artifacts", '[');
	for (size_t i = 0; i < s->artifacts.len; i++) {
		const char *key = s->artifacts.entries[i].key;
		tt_jsonw_begin(s->j, NULL, '{');
		put_artifact_location(s->j, "location", key + 1, key[0] == 'R', -1);
		tt_jsonw_end(s->j, '}');
	}
	tt_jsonw_end(s->j, ']');
}

static void put_addresses(struct tt_sarif *s)
{
	tt_jsonw_begin(s->j, "addresses", '[');
	for (size_t i = 0; i < s->modules.len; i++) {
		tt_jsonw_begin(s->j, NULL, '{');
		tt_jsonw_text(s->j, "name", s->modules.entries[i].key);
		tt_jsonw_text(s->j, "kind", "module");
		tt_jsonw_end(s->j, '}');
	}
	tt_jsonw_end(s->j, ']');
}

/* ------------------------------------------------------------------ the log */

static void put_bases(struct tt_jsonw *j, const struct tt_report *r)
{
	if (!r->opts.root || r->opts.root[0] != '/')
		return;
	size_t len = strlen(r->opts.root);
	tt_jsonw_begin(j, "originalUriBaseIds", '{');
	put_file_uri(j, "SRCROOT", r->opts.root, r->opts.root[len - 1] == '/' ? "" : "/");
	tt_jsonw_end(j, '}');
}

static void put_run(struct tt_sarif *s)
{
	struct tt_jsonw *j = s->j;
	const struct tt_finding *f;
	tt_jsonw_begin(j, NULL, '{');
	put_tool(j, s->r);
	tt_jsonw_begin(j, "invocations", '[');
	for (size_t i = 0; i < tt_json_rows(s->r, s->r->model->processes.len); i++)
		put_invocation(j, s->r->model->processes.data[i]);
	tt_jsonw_end(j, ']');
	put_bases(j, s->r);
	tt_jsonw_begin(j, "results", '[');
	vec_for_each (f, &s->r->findings.list)
		tt_sarif_result(s, f);
	tt_jsonw_end(j, ']');
	put_artifacts(s);
	put_addresses(s);
	tt_jsonw_end(j, '}');
}

int tt_report_sarif(struct tt_report *r, FILE *file, const struct tt_term *term, struct tt_err *err)
{
	(void)term;
	struct tt_jsonw j = {.file = file};
	struct tt_sarif s = {.j = &j, .r = r};
	tt_jsonw_begin(&j, NULL, '{');
	tt_jsonw_text(&j, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	tt_jsonw_text(&j, "version", "2.1.0");
	tt_jsonw_begin(&j, "runs", '[');
	put_run(&s);
	tt_jsonw_end(&j, ']');
	tt_jsonw_end(&j, '}');
	tt_smap_deinit(&s.artifacts);
	tt_smap_deinit(&s.modules);
	int rc = tt_jsonw_finish(&j);
	rc = rc == 0 && s.failed ? -ENOMEM : rc;
	return rc < 0 ? tt_err_set(err, -rc, "cannot write the report: %s", strerror(-rc)) : 0;
}
