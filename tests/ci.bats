#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # jq has $names of its own; bats sets $stderr and $output
# ci.bats - what continuous integration works with: SARIF, JUnit, annotations, baselines, suppressions, budgets, comparing.

load helpers

setup()
{
	built "$BIN/threadreport" "$BIN/threadcheck" "$SHIM" "$MKTHREADS"
	require jq
	REC=$BATS_TEST_TMPDIR/rec
	R=$BATS_TEST_TMPDIR/report.json
	OUT=$BATS_TEST_TMPDIR/out
	cd "$BATS_TEST_TMPDIR" || return
}

# threadreport [OPTION...] of the recordings; status and output are those of `run`.
reported()
{
	run --separate-stderr "$BIN/threadreport" "$@" "$REC"
}

# A leak (error) and a contended lock (warning).
both_recorded()
{
	recorded leaked-thread
	recorded contended-mutex
}

# ------------------------------------------------------------------ formats

@test "a SARIF report follows the standard, and points to the line that creates the leaked threads" {
	both_recorded
	reported --fail-on never --report "sarif=$OUT" --source-root "$TOP"
	assert_status 0
	validate_json "$OUT" sarif-2.1.0.json
	assert_json "$OUT" '.runs[0].results | map(.ruleId) | contains(["thread-leak-unjoined", "lock-contention"])'
	assert_json "$OUT" '.runs[0] | . as $run | .results | all(.ruleId == $run.tool.driver.rules[.ruleIndex].id)'
	local line
	line=$(json "$OUT" '.runs[0].results[] | select(.ruleId == "thread-leak-unjoined").locations[0].physicalLocation |
		"\(.artifactLocation.uriBaseId) \(.artifactLocation.uri) \(.region.startLine)"')
	assert_matches "$line" '^SRCROOT tests/mkthreads/threads\.c [0-9]+$'
	assert_contains "$(sed -n "${line##* }p" "$TOP/tests/mkthreads/threads.c")" MK_CREATE
	assert_equal "$(json "$OUT" '.runs[0].originalUriBaseIds.SRCROOT.uri')" "file://$TOP/"
	assert_json "$OUT" '.runs[0] | . as $run | [.. | .artifactLocation? // empty | select(.index != null)] | all(.uri == $run.artifacts[.index].location.uri)'
	assert_json "$OUT" '.runs[0].invocations | length == 2 and all(.executionSuccessful and (.commandLine | contains("mkthreads")))'
	run --separate-stderr "$BIN/threadcheck" --fail-on never --report "sarif=$OUT" -- bash -c '"$1" threads-short >/dev/null; exit 3' - "$MKTHREADS"
	assert_status 3
	validate_json "$OUT" sarif-2.1.0.json
	assert_json "$OUT" '.runs[0].invocations | any(.exitCode == 3)'
	run --separate-stderr "$BIN/threadcheck" --fail-on never --report "sarif=$OUT" -- "$MKTHREADS" exit-kinds kind=2
	validate_json "$OUT" sarif-2.1.0.json
	assert_json "$OUT" '.runs[0].invocations[0] | .exitSignalName == "SIGABRT" and .exitSignalNumber == 6 and .exitCode == null'
}

@test "the fingerprint in SARIF is the one of the JSON report, and both stay from run to run" {
	both_recorded
	report --fail-on never
	reported --fail-on never --report "sarif=$OUT"
	assert_equal "$(json "$OUT" '.runs[0].results[].partialFingerprints["threadtools/v1"]')" "$(json "$R" '.findings[].fingerprint')"
}

@test "the steps of a lock-order cycle are thread flows in SARIF" {
	recorded lock-order-inversion
	reported --fail-on never --report "sarif=$OUT"
	validate_json "$OUT" sarif-2.1.0.json
	assert_json "$OUT" '[.runs[0].results[] | select(.ruleId == "lock-order-cycle")][0] | .codeFlows[0].threadFlows | length == 2 and
		all(.locations | length == 2 and (.[0].location.message.text | startswith("takes ")) and (.[1].location.message.text | startswith("wants ")))'
	assert_json "$OUT" '.runs[0].results[0] | .codeFlows[0].threadFlows[0].locations[1].location.physicalLocation == .locations[0].physicalLocation'
	assert_equal "$(json "$OUT" '.runs[0].results[0].message.text' | grep -cE '^- .* holds mutex .*, taken in .*, and wants mutex .* in .*\.c:[0-9]+')" 2 "steps in words"
}

@test "a program without debug information has places by module and address in SARIF" {
	mkdir bin
	strip -o bin/mkthreads "$MKTHREADS"
	preloaded "$REC" bin/mkthreads leaked-thread >/dev/null
	reported --fail-on never --report "sarif=$OUT"
	validate_json "$OUT" sarif-2.1.0.json
	assert_json "$OUT" '.runs[0].results[0].locations[0].physicalLocation | (.address.relativeAddress > 0) and (.artifactLocation.uri | endswith("bin/mkthreads"))'
	assert_json "$OUT" '.runs[0] | .addresses[.results[0].locations[0].physicalLocation.address.parentIndex].name | endswith("bin/mkthreads")'
}

# xml FILE XPATH
xml()
{
	xmllint --xpath "$2" "$1"
}

@test "a JUnit report is valid: findings from --fail-on on are failures, others passed tests, rules without findings too" {
	require xmllint
	both_recorded
	reported --report "junit=$OUT"
	assert_status 1
	xmllint --noout --schema "$SCHEMA/junit.xsd" "$OUT"
	assert_equal "$(xml "$OUT" 'string(//testsuite/@failures)')" 1
	assert_equal "$(xml "$OUT" 'count(//failure)')" 1
	assert_equal "$(xml "$OUT" 'string(//failure/@type)')" thread-leak-unjoined
	assert_contains "$(xml "$OUT" 'string(//testcase[@classname="threadtools.lock-contention"]/system-out)')" "waiting for mutex the_mutex"
	assert_equal "$(xml "$OUT" 'count(//testcase[@name="event-loop-blocked"]/*)')" 0
	assert_equal "$(xml "$OUT" 'string(//testsuite/@tests)')" "$(xml "$OUT" 'count(//testcase)')"
	reported --fail-on warning --report "junit=$OUT"
	assert_equal "$(xml "$OUT" 'count(//failure)')" 2
	reported --fail-on never --report "junit=$OUT"
	assert_equal "$(xml "$OUT" 'count(//failure)')" 0
}

@test "annotations name file, line and rule, one line each, relative to the source root" {
	both_recorded
	reported --fail-on never --report github --source-root "$TOP"
	assert_equal "${#lines[@]}" 2 "lines"
	assert_matches "${lines[0]}" '^::error file=tests/mkthreads/threads\.c,line=[0-9]+,title=thread-leak-unjoined::3 threads of '
	assert_matches "${lines[1]}" '^::warning file=tests/mkthreads/mutex\.c,line=[0-9]+,title=lock-contention::Threads lost .* %25 of wall time'
}

@test "source files are found from the directory that the compiler ran in" {
	require cc
	mkdir -p src build
	cat >src/leak.c <<-'C'
		#include <pthread.h>
		#include <semaphore.h>
		static sem_t done;
		static void *work(void *p)
		{
			sem_post(&done);
			return p;
		}
		int main(void)
		{
			pthread_t t;
			sem_init(&done, 0, 0);
			if (pthread_create(&t, 0, work, 0))
				return 1;
			sem_wait(&done);
			while (pthread_tryjoin_np(t, 0) == 0)
				;
			return 0;
		}
	C
	sed -i 's/while (pthread_tryjoin_np.*/return 0;/; /^\t\t;$/d' src/leak.c
	(cd build && cc -g -pthread -o leak ../src/leak.c)
	run --separate-stderr "$BIN/threadcheck" --fail-on never --report "github=$OUT" -- build/leak
	assert_status 0
	assert_matches "$(<"$OUT")" '^::[a-z]+ file=src/leak\.c,line=13,title=thread-leak'
	run --separate-stderr "$BIN/threadcheck" --fail-on never --source-root src --report "github=$OUT" -- build/leak
	assert_matches "$(<"$OUT")" '^::[a-z]+ file=leak\.c,line=13,'
}

@test "--list-formats names every format, in both tools" {
	local tool
	for tool in threadcheck threadreport; do
		run --separate-stderr "$BIN/$tool" --list-formats
		assert_status 0
		assert_equal "$(grep -cE '^(text|json|sarif|junit|github) ' <<<"$output")" 5
	done
}

# ------------------------------------------------------------------ baseline

@test "findings of a baseline are known and fail nothing; new ones do; those that are gone are named" {
	recorded contended-mutex
	reported --fail-on never --write-baseline base.json
	assert_status 0
	validate_json base.json baseline-1.json
	reported --fail-on warning --baseline base.json
	assert_status 0
	assert_contains "$output" "1 known"
	reported --fail-on warning --baseline base.json --report "sarif=$OUT"
	assert_equal "$(json "$OUT" '.runs[0].results[0].baselineState')" unchanged
	recorded leaked-thread
	reported --json --baseline base.json
	assert_status 1
	assert_json <(printf '%s' "$output") '.findings | map({(.rule): .known}) | add == {"lock-contention": true, "thread-leak-unjoined": false}'
	rm -r "$REC"
	recorded threads-short
	reported --baseline base.json
	assert_status 0
	assert_contains "$output" "Gone since the baseline"
	assert_contains "$output" "lock-contention: "
}

@test "a baseline is written in one order, replaces the file at once, and keeps its mode and link" {
	both_recorded
	reported --fail-on never --write-baseline a.json
	assert_equal "$(json a.json '[.findings[].rule] == ([.findings[].rule] | sort)')" true
	chmod 640 a.json
	ln -s a.json link.json
	reported --fail-on never --write-baseline link.json
	assert_status 0
	[ -L link.json ]
	assert_equal "$(stat -c %a a.json)" 640
	assert_equal "$(find . -maxdepth 1 -name 'a.json*' | wc -l)" 1 "files that are left"
	reported --fail-on never --write-baseline /dev/full
	assert_status 2
	assert_contains "$stderr" "cannot write '/dev/full': No space left on device"
	reported --fail-on never --write-baseline absent/a.json
	assert_status 2
	assert_contains "$stderr" "cannot write 'absent/a.json': No such file or directory"
}

@test "what is no baseline is refused with file, line and reason" {
	recorded threads-short
	printf '{ "schema": "threadtools.baseline/1",\n "findings": [ }' >bad.json
	reported --baseline bad.json
	assert_status 2
	assert_matches "$stderr" "^threadreport: bad\\.json:2: "
	printf '{"schema":"threadtools.baseline/1","findings":[{"fingerprint":"xyz"}]}' >bad.json
	reported --baseline bad.json
	assert_status 2
	assert_contains "$stderr" "bad.json: finding 1 has no fingerprint of 16 hexadecimal digits"
	printf '[]' >bad.json
	reported --baseline bad.json
	assert_status 2
	assert_contains "$stderr" "bad.json:1: not a baseline"
	reported --baseline absent.json
	assert_status 2
	assert_contains "$stderr" "cannot open 'absent.json': No such file or directory"
}

# ------------------------------------------------------------------ suppressions

@test "the line that stands with a finding suppresses it" {
	both_recorded
	reported --fail-on never --section findings
	sed -n 's/^ *mute: //p' <<<"$output" >list
	assert_equal "$(wc -l <list)" 2 "lines to paste"
	reported --fail-on note --json --suppressions list
	assert_status 0
	printf '%s' "$output" >"$R"
	validate_json "$R" report-1.json
	assert_json "$R" '.findings | length == 2 and all(.suppressed)'
	assert_json "$R" '.summary | .suppressed == 2 and .errors + .warnings + .notes == 0'
	assert_json "$R" '.suppressions | length == 2 and all(.used == 1)'
	assert_equal "$("$BIN/threadreport" --fail-on never --json "$REC" | jq -r '.findings[].suppression')" "$(<list)" "lines in JSON"
}

@test "each kind of pattern matches: function, file, module, lock, thread, fingerprint" {
	recorded contended-mutex
	local line fingerprint
	fingerprint=$("$BIN/threadreport" --fail-on never --json "$REC" | jq -r '.findings[0].fingerprint')
	for line in 'lock-contention' 'lock-*' '* function:mutex_waiter' '* function:mutex_*' '* file:mutex.c' '* file:mkthreads/mutex.c' \
		'* module:mkthreads' '* lock:the_mutex' '* lock:"mutex the_mutex"' '* lock:the_[a-z]*' "* fingerprint:$fingerprint" \
		'* function:mutex_waiter lock:the_mutex file:*.c'; do
		echo "$line # because" >list
		reported --fail-on warning --suppressions list
		assert_status 0
		assert_contains "$output" "(because)"
	done
	for line in 'lock-long-hold' '* function:mutex' '* file:other.c' '* file:s/mutex.c' '* module:mk' '* lock:mutex' '* thread:nobody' \
		'* function:mutex_waiter lock:other'; do
		echo "$line" >list
		reported --fail-on warning --suppressions list
		assert_status 1
		assert_contains "$output" "Suppressions that matched nothing"
	done
}

@test "a suppression without a use is named with its file and line; a line with patterns only continues the one above" {
	recorded contended-mutex
	printf '# a comment\n\nthread-leak-* function:gone_long_ago\nlock-contention\n   lock:the_mutex  # two lines\n' >list
	reported --fail-on warning --suppressions list
	assert_status 0
	assert_contains "$output" "list:3: thread-leak-* function:gone_long_ago"
	assert_contains "$output" "(two lines)"
	refute_contains "$output" "list:4"
}

@test "a suppressed finding is skipped in JUnit, has its suppression in SARIF, and no annotation" {
	require xmllint
	both_recorded
	echo 'thread-leak-unjoined # on purpose' >list
	reported --suppressions list --report "junit=j.xml" --report "sarif=$OUT" --report github=g.txt
	assert_status 0
	xmllint --noout --schema "$SCHEMA/junit.xsd" j.xml
	assert_contains "$(xml j.xml 'string(//skipped/@message)')" "on purpose"
	validate_json "$OUT" sarif-2.1.0.json
	assert_json "$OUT" '.runs[0].results | map(select(.ruleId == "thread-leak-unjoined"))[0].suppressions == [{kind: "external", status: "accepted", justification: "on purpose"}]'
	assert_json "$OUT" '.runs[0].results | map(select(.ruleId == "lock-contention"))[0].suppressions == []'
	refute_contains "$(<g.txt)" thread-leak
}

@test "a suppression that is not understood is refused with file, line and reason" {
	recorded threads-short
	local text
	while IFS='|' read -r text reason; do
		printf 'lock-contention\n%b\n' "$text" >list
		reported --suppressions list
		assert_status 2
		assert_contains "$stderr" "threadreport: list:2: $reason"
		run --separate-stderr "$BIN/threadcheck" --suppressions list -- touch "$BATS_TEST_TMPDIR/was-run"
		assert_status 2
		[ ! -e was-run ]
	done <<-'END'
		lock-contentoin|no rule is called 'lock-contentoin'
		lock-contention func:x|the key is none of function, file, module, lock, thread, fingerprint: 'func:x'
		lock-contention worker|not of the form KEY:PATTERN: 'worker'
		lock-contention lock:|there is no pattern behind 'lock:'
		lock-contention lock:"a b|a quote is not closed
		lock-contention \0000 x|a NUL byte: this is no text
	END
	echo 'lock:first' >list
	reported --suppressions list
	assert_contains "$stderr" "list:1: a rule must come first, not 'lock:first'"
	reported --suppressions .
	assert_status 2
	assert_contains "$stderr" "cannot read '.': Is a directory"
}

# ------------------------------------------------------------------ budgets

@test "a budget that is kept is no finding, a broken one is an error that says what was measured and where it comes from" {
	recorded contended-mutex
	reported --budget 'wait_max<10m' --budget 'threads_peak<=64' --budget 'deadlocks==0'
	assert_status 0
	refute_contains "$output" budget-broken
	reported --json --budget 'wait_max<1ms' --budget 'lock_wait_pct < 1'
	assert_status 1
	printf '%s' "$output" >"$R"
	validate_json "$R" report-1.json
	assert_json "$R" '[.findings[] | select(.rule == "budget-broken")] | length == 2 and all(.level == "error" and (.evidence.lines | any(contains("mutex the_mutex"))))'
	assert_json "$R" '[.findings[] | select(.title | startswith("wait_max is "))][0].evidence.figures as $f | .summary.lock_wait_max_ns == $f.measured_ns and $f.limit_ns == 1000000'
	assert_json "$R" '.budgets | length == 2 and all(.broken)'
}

@test "every operator of a budget compares" {
	recorded contended-mutex
	local rule
	for rule in 'threads_created==1' 'threads_created<=1' 'threads_created>=1' 'threads_created<2' 'threads_created>0'; do
		reported --budget "$rule"
		assert_status 0
	done
	for rule in 'threads_created==2' 'threads_created<=0' 'threads_created>=2' 'threads_created<1' 'threads_created>1'; do
		reported --budget "$rule"
		assert_status 1
	done
}

@test "every budget measures what the truth says" {
	recorded leaked-thread
	reported --budget "threads_unjoined==$(json truth.json '.created - .joined - .detached')" --fail-on note --suppressions <(echo 'thread-*')
	assert_status 0
	rm -r "$REC"
	recorded event-loop-stall
	reported --json --budget 'loop_stall_max<1us' --fail-on never
	assert_json <(printf '%s' "$output") '.budgets[0].value == (.event_loops | map(.away_ns.max // 0) | max)'
	local name
	while read -r name; do
		reported --json --fail-on never --budget "$name>=0"
		assert_status 0
		assert_json <(printf '%s' "$output") '.budgets[0].broken == false'
	done < <("$BIN/threadreport" --budget help | awk '{ print $1 }')
}

@test "a budget counts findings without suppressed ones" {
	recorded leaked-thread
	reported --budget 'errors==0' --json
	assert_status 1
	assert_json <(printf '%s' "$output") '.budgets[0].broken'
	echo 'thread-leak-unjoined' >list
	reported --budget 'errors==0' --suppressions list
	assert_status 0
}

@test "a budget that is not understood is refused, and help lists the names" {
	local budget
	for budget in 'wait_p99' 'wait_p99=3' 'no_such<3' 'wait_p99<3parsec' '<3' 'threads_peak<-1' ''; do
		run --separate-stderr "$BIN/threadreport" --budget "$budget" "$REC"
		assert_status 2
		assert_contains "$stderr" "option '--budget': "
	done
	run --separate-stderr "$BIN/threadcheck" --budget help
	assert_status 0
	assert_contains "$output" "wait_p99"
}

@test "threadcheck fails the build for a broken budget, a baseline excuses it" {
	run --separate-stderr "$BIN/threadcheck" -q --budget 'lock_wait_pct<1' --write-baseline base.json -- "$MKTHREADS" contended-mutex
	assert_status 66
	run --separate-stderr "$BIN/threadcheck" -q --budget 'lock_wait_pct<1' --baseline base.json -- "$MKTHREADS" contended-mutex
	assert_status 0
}

@test "SARIF is valid by the official schema, as far as that could be fetched" {
	local official=${XDG_CACHE_HOME:-$HOME/.cache}/threadtools/sarif-official.json
	require_file "$official"
	cp "$official" "$BATS_TEST_TMPDIR"
	SCHEMA=$BATS_TEST_TMPDIR
	local scenario
	for scenario in lock-order-inversion leaked-thread contended-mutex misuse; do
		recorded "$scenario"
	done
	local name=$'{0}[a](1)evil\e[2J\n&"%0A'
	mkdir "$name"
	cp "$MKTHREADS" "$name/$name"
	preloaded "$REC" "$name/$name" leaked-thread >/dev/null
	echo 'thread-leak-unjoined # as it is' >list
	reported --fail-on never --explain --budget 'threads_peak<1' --suppressions list --report "sarif=$OUT"
	assert_json "$OUT" '.runs[0].results | length > 5'
	validate_json "$OUT" sarif-official.json
	run "$BIN/threadcheck" -q --report "sarif=$OUT" -- "$MKTHREADS" deadlock-3
	assert_json "$OUT" '.runs[0].results[0].codeFlows[0].threadFlows | length == 3'
	validate_json "$OUT" sarif-official.json
}

# ------------------------------------------------------------------ comparing

# recorded_as NAME SCENARIO... - recordings of their own.
recorded_as()
{
	preloaded "$BATS_TEST_TMPDIR/$1" "$MKTHREADS" "${@:2}" >/dev/null
}

# diffed [OPTION...] OLD NEW - the comparison in $R, checked; status of `run`.
diffed()
{
	run --separate-stderr "$BIN/threadreport" --json --diff "$@"
	printf '%s' "$output" >"$R"
	validate_json "$R" diff-1.json
}

@test "the same work twice, or three times as long, is no change" {
	recorded_as old contended-mutex hold_us=20000
	recorded_as new contended-mutex hold_us=20000
	recorded_as long contended-mutex hold_us=20000 rounds=60
	diffed old new
	assert_status 0
	assert_json "$R" '.summary | .new == 0 and .gone == 0 and .worse == 0 and .better == 0'
	diffed old long
	assert_status 0
	assert_json "$R" '.summary.worse == 0 and .locks[0].new.wait_ns > 2 * .locks[0].old.wait_ns'
}

@test "a lock that is held ten times longer is worse, and better the other way round" {
	recorded_as old contended-mutex hold_us=2000
	recorded_as new contended-mutex hold_us=20000
	diffed old new
	assert_status 1
	assert_json "$R" '.summary.worse == 1 and .locks[0].verdict == "worse" and .locks[0].lock == "mutex the_mutex" and .waits[0].waiter == "mutex_waiter"'
	diffed --fail-on never old new
	assert_status 0
	diffed new old
	assert_status 0
	assert_json "$R" '.summary.better == 1 and .summary.worse == 0'
	diffed --threshold diff-pct=100000 old new
	assert_json "$R" '.summary.worse == 0'
}

@test "a new finding of the level asked for fails, one that is gone does not; pools are compared" {
	recorded_as old threads-short
	recorded_as new leaked-thread
	diffed old new
	assert_status 1
	assert_json "$R" '[.findings[] | select(.change == "new" and .rule == "thread-leak-unjoined")] | length == 1'
	assert_json "$R" '.pools | map(select(.old == null and .new.unjoined == 3)) | length == 1'
	diffed new old
	assert_status 0
	assert_json "$R" '[.findings[] | select(.change == "gone")] | length == 1'
	run --separate-stderr "$BIN/threadreport" --diff old new
	assert_status 1
	assert_contains "$output" "1 new finding"
	echo 'thread-leak-unjoined' >list
	diffed --suppressions list old new
	assert_status 0
}

@test "a saved JSON report compares as the recordings do that it was made of, also with recordings, and out of a pipe" {
	recorded_as old contended-mutex hold_us=2000
	recorded_as new contended-mutex hold_us=20000
	recorded_as new leaked-thread
	local side old new figures='del(.. | .error_pct?) | tostring' # that is rounded twice
	for side in old new; do
		"$BIN/threadreport" --fail-on never --json "$side" >"$side.json"
		validate_json "$side.json" report-1.json
	done
	diffed old new
	assert_status 1
	assert_json "$R" '.summary | .worse == 1 and .new >= 1'
	cp "$R" want.json
	for old in old old.json; do
		for new in new new.json; do
			diffed "$old" "$new"
			assert_status 1
			assert_equal "$(json "$R" "$figures")" "$(json want.json "$figures")" "$old with $new"
		done
	done
	run --separate-stderr bash -c '"$1" --json --diff <(cat old.json) <(cat new.json)' - "$BIN/threadreport"
	assert_status 1
	assert_equal "$(jq -c .summary <<<"$output")" "$(json want.json '.summary | tostring')"
	diffed new.json old.json
	assert_status 0
	assert_json "$R" '.summary | .better == 1 and .gone >= 1'
}

# refuses FILE WORDS - as a side of a comparison: status 2, one line that names the file.
refuses()
{
	run --separate-stderr "$BIN/threadreport" --diff good.json "$1"
	assert_status 2
	assert_empty "$output"
	assert_equal "$stderr" "threadreport: $1$2"
}

@test "a saved report that is damaged, incomplete or no report is refused, naming file and place" {
	recorded_as old contended-mutex hold_us=2000
	"$BIN/threadreport" --fail-on never --json old >good.json
	# changed FILTER - good.json made bad.
	changed()
	{
		jq "$1" good.json >bad.json
	}
	head -c 500 good.json >bad.json
	run --separate-stderr "$BIN/threadreport" --diff bad.json good.json
	assert_status 2
	assert_matches "$stderr" "^threadreport: bad.json:[0-9]+: "
	printf '{"schema": "threadtools.report/1",\n"complete": true, "complete": false}' >bad.json
	refuses bad.json ":2: duplicate object key near '\"complete\"'"
	: >bad.json
	refuses bad.json ":1: '[' or '{' expected near end of file"
	printf '[%.0s' $(seq 5000) >bad.json
	refuses bad.json ":1: maximum parsing depth reached near '['"
	echo '[]' >bad.json
	refuses bad.json ': not a whole report: "schema" is not "threadtools.report/1"'
	changed '.schema = "threadtools.report/2"'
	refuses bad.json ': not a whole report: "schema" is not "threadtools.report/1"'
	changed 'del(.complete)'
	refuses bad.json ': not a whole report: "complete" is neither true nor false'
	"$BIN/threadreport" --fail-on never --json --top 1 old >bad.json
	refuses bad.json ': not a whole report: "complete" is false: it was written with --top, --lock, --thread or --site; write it without'
	changed '.processes = {}'
	refuses bad.json ': not a whole report: "processes" is no list'
	changed '.lock_classes[0].wait_ns.total = -1'
	refuses bad.json ': not a whole report: lock_classes[0] "total" is no count'
	changed '.lock_classes[0].wait_error_ns = "x"'
	refuses bad.json ': not a whole report: lock_classes[0] "wait_error_ns" is no amount'
	changed '.waits[0].class = 4096'
	refuses bad.json ': not a whole report: waits[0] "class" is the number of nothing in this report'
	changed '.findings[0].fingerprint = "0"'
	refuses bad.json ': not a whole report: findings[0] "fingerprint" is not of 16 hexadecimal digits'
	changed '.findings[0].level = "awful"'
	refuses bad.json ': not a whole report: findings[0] "level" is no level'
	sed 's/"process_ns":[0-9]*/"process_ns":99999999999999999999/' good.json >bad.json
	run --separate-stderr "$BIN/threadreport" --diff bad.json good.json
	assert_status 2
	assert_matches "$stderr" "^threadreport: bad.json:[0-9]+: too big integer"
}

@test "what makes a report does not apply to one that was saved: --diff says so" {
	recorded_as old threads-short
	"$BIN/threadreport" --fail-on never --json old >old.json
	echo 'thread-leak-unjoined' >list
	run --separate-stderr "$BIN/threadreport" --suppressions list --diff old old.json
	assert_status 2
	assert_contains "$stderr" "--suppressions applies when a report is made: 'old.json' is one already"
	run --separate-stderr "$BIN/threadreport" --suppressions list --diff old.json old
	assert_status 0
}

@test "hostile texts of a saved report do no harm in a comparison" {
	recorded_as old leaked-thread
	"$BIN/threadreport" --fail-on never --json old >old.json
	jq '.findings[].title = "\u001b[2Jtitle\u202e" | .findings[].fingerprint = "00000000000000ff" | .findings[].rule = "\u001b]0;x\u0007" |
		.lock_classes[].name = "a\nb\u0085" | .processes[].exe = "/\u001b[31m" | .processes[].recording = "\u009b2J" | .pools[].routine = "\u001b[1m"' old.json >evil.json
	run --separate-stderr "$BIN/threadreport" --fail-on never --diff old.json evil.json
	assert_status 0
	assert_contains "$output" "title"
	assert_empty "$(LC_ALL=C grep -n -P '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' <<<"$output" || true)" "control characters"
	diffed --fail-on never old.json evil.json
	assert_status 0
}

@test "--diff wants two recordings, and text or json" {
	recorded_as old threads-short
	run --separate-stderr "$BIN/threadreport" --diff old
	assert_status 2
	assert_contains "$stderr" "--diff takes two recordings"
	run --separate-stderr "$BIN/threadreport" --diff --report sarif old old
	assert_status 2
	assert_contains "$stderr" "a comparison is written as text or json, not as 'sarif'"
	run --separate-stderr "$BIN/threadreport" --diff old absent
	assert_status 2
	assert_contains "$stderr" "cannot open 'absent'"
}

# ------------------------------------------------------------------ README

# The commands of README's section "In CI", one per line, as a shell gets them.
readme_commands()
{
	sed -n '/^## In CI$/,/^## In production/p' "$TOP/README.md" | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' |
		sed -nE 's/^ *(- )?((threadcheck|threadreport|echo) .*)$/\2/p'
}

@test "the commands of README's section on CI work as they stand there" {
	local commands
	commands=$(readme_commands)
	assert_equal "$(wc -l <<<"$commands")" 5 "commands"
	mkdir ci main
	printf '#!/bin/sh\nexec "%s" contended-mutex\n' "$MKTHREADS" >run-tests
	chmod +x run-tests
	preloaded main ./run-tests >/dev/null
	# The last two make what the first one needs.
	printf '%s\n%s\n' "$(tail -2 <<<"$commands")" "$(head -3 <<<"$commands")" >script
	run bash -e -x script
	assert_status 0
	validate_json threads.sarif sarif-2.1.0.json
	validate_json ci/threads.json baseline-1.json
	[ -s threads.xml ]
	assert_contains "$output" "1 known"
}

# ------------------------------------------------------------------ hostile names

@test "hostile names of threads and programs do no harm in SARIF, JUnit, annotations and comparisons" {
	require xmllint
	local name=$'{0}[a](1)evil\e[2J\n::error file=x::<b>&"]]>%0A'
	mkdir "$name"
	cp "$MKTHREADS" "$name/$name"
	preloaded "$REC" "$name/$name" leaked-thread >/dev/null
	preloaded "$REC" "$name/$name" lock-order-inversion >/dev/null
	recorded thread-names
	reported --fail-on never --report "sarif=$OUT" --report junit=j.xml --report github=g.txt
	assert_status 0
	validate_json "$OUT" sarif-2.1.0.json
	assert_json "$OUT" '.runs[0].results | any(.message.text | contains("{{0}}[a] (1)evil"))'
	xmllint --noout --schema "$SCHEMA/junit.xsd" j.xml
	assert_equal "$(grep -vcE '^::(error|warning|notice) ' g.txt || true)" 0 "lines that are no annotation"
	assert_empty "$(LC_ALL=C grep -n -P '[\x00-\x08\x0b-\x1f\x7f]' j.xml g.txt "$OUT" || true)" "control characters"
	run --separate-stderr "$BIN/threadreport" --fail-on never --diff "$REC" "$REC"
	assert_empty "$(LC_ALL=C grep -n -P '[\x00-\x08\x0b-\x1f\x7f]' <<<"$output" || true)" "control characters"
}
