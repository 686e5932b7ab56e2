/* SPDX-License-Identifier: GPL-3.0-or-later */
/* thresholds.c - the table of thresholds, and reading of --threshold NAME=VALUE. See thresholds.h. */
#include <errno.h>
#include <string.h>

#include "lib/findings/thresholds.h"
#include "lib/util/parse.h"
#include "lib/util/text.h"

static const struct {
	const char *name;
	enum tt_threshold_unit unit;
	double value;
	const char *help;
} rows[TT_THRESHOLD_MAX] = {
#define TT_THRESHOLD(id, name, unit, value, help) {name, TT_UNIT_##unit, value, help},
#include "lib/findings/thresholds.def"
#undef TT_THRESHOLD
};

void tt_thresholds_init(struct tt_thresholds *t)
{
	for (unsigned i = 0; i < TT_THRESHOLD_MAX; i++)
		t->value[i] = rows[i].value;
}

static int parse_value(unsigned row, const char *text, double *ret, struct tt_err *err)
{
	uint64_t n = 0;
	int rc = 0;
	switch (rows[row].unit) {
	case TT_UNIT_DURATION:
		rc = tt_parse_duration(text, &n, err);
		break;
	case TT_UNIT_COUNT:
		rc = tt_parse_u64(text, 0, UINT64_C(1) << 53, &n, err);
		break;
	case TT_UNIT_PERCENT:
		return tt_parse_percent(text, 1e6, ret, err);
	}
	if (rc == 0)
		*ret = (double)n;
	return rc;
}

int tt_thresholds_set(struct tt_thresholds *t, const char *setting, struct tt_err *err)
{
	const char *equals = strchr(setting, '=');
	if (!equals)
		return tt_err_set(err, EINVAL, "'%s' is not of the form NAME=VALUE", setting);
	size_t len = (size_t)(equals - setting);
	for (unsigned i = 0; i < TT_THRESHOLD_MAX; i++) {
		if (strlen(rows[i].name) != len || strncmp(rows[i].name, setting, len) != 0)
			continue;
		double value;
		int rc = parse_value(i, equals + 1, &value, err);
		if (rc < 0)
			return tt_err_prefix(err, "threshold '%s'", rows[i].name);
		t->value[i] = value;
		return 0;
	}
	return tt_err_set(err, EINVAL, "no threshold is called '%.*s'", (int)len, setting);
}

int tt_thresholds_help(struct tt_buf *out)
{
	for (unsigned i = 0; i < TT_THRESHOLD_MAX; i++) {
		TT_BUF_AUTO(value);
		switch (rows[i].unit) {
		case TT_UNIT_DURATION:
			tt_buf_adds(&value, tt_ns((uint64_t)rows[i].value).s);
			break;
		case TT_UNIT_COUNT:
			tt_buf_printf(&value, "%.0f", rows[i].value);
			break;
		case TT_UNIT_PERCENT:
			tt_buf_printf(&value, "%g %%", rows[i].value);
			break;
		}
		tt_buf_printf(out, "  %-18s %8s  %s\n", rows[i].name, tt_buf_str(&value), rows[i].help);
	}
	return tt_buf_failed(out) ? -ENOMEM : 0;
}
