# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # variables that tests use; $status and $output come from bats
# helpers.bash - what the end-to-end tests share: paths, runners, assertions. A test file begins with `load helpers`.
#
# Nothing here sleeps for a guessed time: poll_until waits for a condition, with a limit.

bats_require_minimum_version 1.8.0

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${TT_BUILD:-$TOP/build}
BIN=$BUILD/bin
SHIM=$BUILD/lib/libthreadcheck.so
MKTHREADS=$BUILD/tests/bin/mkthreads
PROGRAMS=$BUILD/tests/programs
TRANSPARENCY=$BUILD/tests/transparency
DATA=$TOP/tests/data
SCHEMA=$TOP/tests/schema

# The same surroundings for everybody who runs the tests.
export LC_ALL=C.UTF-8 TZ=UTC
unset NO_COLOR COLUMNS LD_PRELOAD THREADCHECK_OPTIONS XDG_RUNTIME_DIR POSIXLY_CORRECT
PATH=$BIN:$PATH

# ------------------------------------------------------------------ what must be there

# require CMD... - skip the test, saying why, unless all commands exist.
require()
{
	local command
	for command; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
}

# require_file FILE... - likewise for files.
require_file()
{
	local file
	for file; do
		[ -e "$file" ] || skip "${file#"$TOP"/} is not there"
	done
}

# built FILE... - what the build makes must be there: not a reason to skip.
built()
{
	local file
	for file; do
		[ -e "$file" ] || fail "${file#"$TOP"/} is not built"
	done
}

require_root()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

# ------------------------------------------------------------------ assertions: silent when true, explain when false

# fail WORDS - the test fails here.
fail()
{
	printf '%s\n' "$@" >&2
	return 1
}

show_run()
{
	printf 'status: %s\noutput:\n%s\n' "$status" "$output" >&2
	[ -z "${stderr-}" ] || printf 'stderr:\n%s\n' "$stderr" >&2
}

# assert_status N - of the last `run`.
assert_status()
{
	[ "$status" -eq "$1" ] && return
	show_run
	fail "expected status $1, got $status"
}

# assert_equal GOT WANT [WHAT]
assert_equal()
{
	[ "$1" = "$2" ] || fail "${3:-values differ}:" "  got:  $1" "  want: $2"
}

# assert_contains TEXT PART / refute_contains TEXT PART - fixed strings.
assert_contains()
{
	[[ $1 == *"$2"* ]] || fail "'$2' is missing in:" "$1"
}
refute_contains()
{
	[[ $1 != *"$2"* ]] || fail "'$2' must not appear in:" "$1"
}

# assert_matches TEXT REGEX - extended regular expression.
assert_matches()
{
	[[ $1 =~ $2 ]] || fail "'$2' matches nothing in:" "$1"
}

# assert_between VALUE LOW HIGH [WHAT] - numbers, decimals allowed.
assert_between()
{
	awk -v v="$1" -v lo="$2" -v hi="$3" 'BEGIN { exit !(v + 0 >= lo + 0 && v + 0 <= hi + 0) }' ||
		fail "${4:-value} is $1, not between $2 and $3"
}

# assert_empty TEXT [WHAT] - for lists of offenders.
assert_empty()
{
	[ -z "$1" ] || fail "${2:-expected nothing, got}:" "$1"
}

# ------------------------------------------------------------------ JSON

# json FILE FILTER [JQ-OPTION...] - print what the filter yields, raw.
json()
{
	jq -r "${@:3}" "$2" "$1"
}

# assert_json FILE FILTER [JQ-OPTION...] - the filter's last result is neither false nor null.
assert_json()
{
	jq -e "${@:3}" "$2" "$1" >/dev/null || fail "not true of $1: $2" "$(jq -M -c . "$1" 2>&1 | head -c 8000)"
}

# validate_json FILE SCHEMA - against tests/schema/SCHEMA (a file name) with python's jsonschema.
validate_json()
{
	/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
	/usr/bin/python3 - "$1" "$SCHEMA/$2" <<-'PY'
		import json, sys
		import jsonschema
		document, schema = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:3])
		kind = jsonschema.validators.validator_for(schema)
		kind.check_schema(schema)
		errors = sorted(kind(schema).iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))
		for e in errors[:10]:
		    print("%s: /%s: %s" % (sys.argv[1], "/".join(map(str, e.absolute_path)), e.message[:300]), file=sys.stderr)
		sys.exit(bool(errors))
	PY
}

# ------------------------------------------------------------------ processes

# poll_until SECONDS COMMAND... - try COMMAND until it succeeds; fails after SECONDS.
poll_until()
{
	local limit=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $limit ] || fail "gave up waiting for: $*"
		sleep 0.02
	done
}

# gone PID - the process ended or is a zombie.
gone()
{
	[ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# bg COMMAND... - start in the background; its pid is in $bg_pid; kill_bg in teardown ends all of them.
bg()
{
	"$@" 3>&- &
	bg_pid=$!
	bg_pids+=("$bg_pid")
}
kill_bg()
{
	local pid
	for pid in "${bg_pids[@]-}"; do
		[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && { wait "$pid" 2>/dev/null || :; }
	done
	bg_pids=()
	return 0
}

# free_port - print a TCP port of 127.0.0.1 that is free now.
free_port()
{
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# mkthreads SCENARIO [NAME=VALUE...] - run a scenario alone; its truth goes to stdout.
mkthreads()
{
	"$MKTHREADS" "$@"
}

# preloaded DIR COMMAND... - run COMMAND with only the shim preloaded, recording into DIR.
preloaded()
{
	local dir=$1
	shift
	mkdir -p "$dir"
	LD_PRELOAD=$SHIM THREADCHECK_OPTIONS="output=$dir/${TC_OPTIONS:+:$TC_OPTIONS}" "$@"
}

# recorded SCENARIO [NAME=VALUE...] - run a mkthreads scenario under the shim. Leaves truth in $BATS_TEST_TMPDIR/truth.json
# and the recordings in $BATS_TEST_TMPDIR/rec/. TC_OPTIONS adds shim options.
recorded()
{
	preloaded "$BATS_TEST_TMPDIR/rec" "$MKTHREADS" "$@" >"$BATS_TEST_TMPDIR/truth.json"
}

# report [OPTION...] - threadreport --json of those recordings into $BATS_TEST_TMPDIR/report.json.
report()
{
	"$BIN/threadreport" --json "$@" "$BATS_TEST_TMPDIR/rec" >"$BATS_TEST_TMPDIR/report.json"
}
