/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * environment.c - session.h's library and environment: what makes the loader bring the shim in, and tells it where to record.
 */
#include "lib/launch/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/launch/elf.h"
#include "lib/util/buf.h"

#define LIBRARY      "libthreadcheck.so"
#define PRELOAD_VAR  "LD_PRELOAD="
#define SETTINGS_VAR "THREADCHECK_OPTIONS="
#define ASAN_VAR     "ASAN_OPTIONS="
#define ASAN_SETTING "verify_asan_link_order"

/* What ends a name in LD_PRELOAD, or that the loader would expand ($ORIGIN). */
static bool preloadable(const char *path)
{
	return !strpbrk(path, " \t\n:$");
}

/* ------------------------------------------------------------------ the library */

static int beside_tool(char *buf, size_t size)
{
	static const char *const folders[] = {"../lib/threadtools", "../lib"};
	char exe[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -ENOENT;
	exe[n] = '\0';
	char *slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	for (unsigned i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		char *real;
		snprintf(path, sizeof(path), "%s/%s/%s", exe, folders[i], LIBRARY);
		if (!(real = realpath(path, NULL)))
			continue;
		n = snprintf(buf, size, "%s", real);
		free(real);
		return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
	}
	return -ENOENT;
}

static int take_given(const char *given, char *buf, size_t size)
{
	char *real = realpath(given, NULL);
	if (!real)
		return -errno;
	int n = snprintf(buf, size, "%s", real);
	free(real);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int link_into(struct tt_session *s, struct tt_err *err)
{
	char link[sizeof(s->dir) + sizeof(LIBRARY) + 1];
	snprintf(link, sizeof(link), "%s/%s", s->dir, LIBRARY);
	if (!preloadable(link))
		return tt_err_set(err, EINVAL, "cannot preload from '%s': the loader splits such names", s->dir);
	if (symlink(s->library, link) < 0)
		return tt_err_set(err, errno, "cannot make '%s': %s", link, strerror(errno));
	snprintf(s->library, sizeof(s->library), "%s", link);
	return 0;
}

int tt_session_library(struct tt_session *s, const char *given, struct tt_err *err)
{
	bool is_given = given && *given;
	int rc = is_given ? take_given(given, s->library, sizeof(s->library)) : beside_tool(s->library, sizeof(s->library));
	if (rc < 0)
		return is_given ? tt_err_set(err, -rc, "cannot open '%s' (THREADCHECK_LIBRARY): %s", given, strerror(-rc))
		                : tt_err_set(err, -rc,
					  "cannot find " LIBRARY " beside this program (THREADCHECK_LIBRARY may name it)");
	struct tt_elf elf;
	rc = tt_elf_read(s->library, &elf);
	if (rc < 0)
		return tt_err_set(err, -rc, "cannot read '%s': %s", s->library, strerror(-rc));
	if (elf.kind != TT_ELF_NATIVE || !elf.shared || elf.interpreter[0])
		return tt_err_set(err, ENOEXEC, "'%s' is not a library of this machine", s->library);
	return preloadable(s->library) ? 0 : link_into(s, err);
}

/* ------------------------------------------------------------------ the environment */

void tt_environment_deinit(struct tt_environment *env)
{
	char **var;
	vec_for_each (var, &env->vars)
		free(*var);
	tt_vec_deinit(&env->vars);
}

/* The end of a setting "key=value", behind a quoted value too; NULL when its quote is not closed. */
static const char *setting_end(const char *at)
{
	at += strcspn(at, "=:");
	if (*at == '=' && (at[1] == '"' || at[1] == '\'')) {
		at = strchr(at + 2, at[1]);
		if (!at)
			return NULL;
	}
	return at + strcspn(at, ":");
}

static bool has_key(const char *setting, const char *key)
{
	size_t len = strlen(key);
	return strncmp(setting, key, len) == 0 && setting[len] == '=';
}

/* Appends the user's settings but for those that are ours to make. */
static int add_user_settings(struct tt_buf *out, const char *text, struct tt_err *err)
{
	while (*text) {
		const char *end = setting_end(text);
		if (!end)
			return tt_err_set(err, EINVAL, "a quote in THREADCHECK_OPTIONS is not closed: '%s'", text);
		if (end > text && !has_key(text, "output") && !has_key(text, "root")) {
			tt_buf_add(out, text, (size_t)(end - text));
			tt_buf_addc(out, ':');
		}
		text = end + (*end == ':');
	}
	return 0;
}

static int add_var(struct tt_environment *env, char *text)
{
	if (text && tt_vec_push(&env->vars, text) == 0)
		return 0;
	free(text);
	return -ENOMEM;
}

static int add_preload(struct tt_environment *env, const struct tt_session *s, const char *others)
{
	TT_BUF_AUTO(var);
	size_t len = strlen(s->library);
	if (!len && !*others)
		return 0;
	tt_buf_adds(&var, PRELOAD_VAR);
	if (len && (strncmp(others, s->library, len) != 0 || (others[len] && !strchr(": ", others[len])))) {
		tt_buf_adds(&var, s->library);
		tt_buf_adds(&var, *others ? ":" : "");
	}
	tt_buf_adds(&var, others);
	return add_var(env, tt_buf_steal(&var));
}

static int add_settings(
	struct tt_environment *env, const struct tt_session *s, const char *user, const char *settings, struct tt_err *err)
{
	TT_BUF_AUTO(var);
	tt_buf_adds(&var, SETTINGS_VAR);
	int rc = add_user_settings(&var, user, err);
	if (rc < 0)
		return rc;
	tt_buf_printf(&var, "%s%soutput=\"%s/\":root=%d", settings, *settings ? ":" : "", s->dir, (int)getpid());
	return add_var(env, tt_buf_steal(&var)) < 0 ? tt_err_set(err, ENOMEM, "out of memory") : 0;
}

/* gcc's libasan refuses to run behind another library, for fear of an allocator in it: ours brings none. */
static int add_asan(struct tt_environment *env, const struct tt_session *s, const char *user)
{
	TT_BUF_AUTO(var);
	bool ours = s->library[0] && !strstr(user, ASAN_SETTING);
	if (!ours && !*user)
		return 0;
	tt_buf_printf(&var, "%s%s%s%s", ASAN_VAR, user, ours && *user ? ":" : "", ours ? ASAN_SETTING "=0" : "");
	return add_var(env, tt_buf_steal(&var));
}

int tt_session_environment(
	const struct tt_session *s, char *const *base, const char *settings, struct tt_environment *ret, struct tt_err *err)
{
	const char *others = "", *user = "", *asan = "";
	*ret = (struct tt_environment){0};
	int rc = 0;
	for (; *base && rc == 0; base++) {
		if (strncmp(*base, PRELOAD_VAR, strlen(PRELOAD_VAR)) == 0)
			others = *base + strlen(PRELOAD_VAR);
		else if (strncmp(*base, SETTINGS_VAR, strlen(SETTINGS_VAR)) == 0)
			user = *base + strlen(SETTINGS_VAR);
		else if (strncmp(*base, ASAN_VAR, strlen(ASAN_VAR)) == 0)
			asan = *base + strlen(ASAN_VAR);
		else
			rc = add_var(ret, strdup(*base));
	}
	if (rc == 0)
		rc = add_preload(ret, s, others);
	if (rc == 0)
		rc = add_asan(ret, s, asan);
	if (rc == 0)
		rc = add_settings(ret, s, user, settings, err);
	if (rc == 0)
		rc = tt_vec_push(&ret->vars, NULL);
	if (rc < 0) {
		tt_environment_deinit(ret);
		return rc == -ENOMEM ? tt_err_set(err, ENOMEM, "out of memory") : rc;
	}
	return 0;
}
