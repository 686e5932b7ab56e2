#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# size.bats - threadsize: the CPU that a process has, in trees and under real quotas; its pools, and their sizes.

# ALONE: it measures what its threads get of the processors

load helpers

setup()
{
	cd "$TOP"
	groups=()
}

teardown()
{
	kill_bg
	local i
	for ((i = ${#groups[@]} - 1; i >= 0; i--)); do
		poll_until 60 remove "${groups[$i]}"
	done
}

# tree NAME - unpack a tree; its folder is in $tree.
tree()
{
	tree=$BATS_TEST_TMPDIR/$1
	tests/trees -v dir="$tree" "tests/data/limits/$1.tree" >/dev/null
}

# group NAME QUOTA_US [PERIOD_US] - make a group of version 1's cpu hierarchy; its directory is in $group.
group()
{
	require_root
	local mount
	mount=$(awk '/ - cgroup [^ ]* [^ ]*/ && $NF ~ /(^|,)cpu(,|$)/ { print $5; exit }' /proc/self/mountinfo)
	[ -n "$mount" ] || skip "the cpu controller of version 1 is not mounted"
	group=$mount/$1
	mkdir "$group" 2>/dev/null || skip "cannot make control groups"
	groups+=("$group")
	if [ -n "${3-}" ]; then
		echo "$3" >"$group/cpu.cfs_period_us"
	fi
	echo "$2" >"$group/cpu.cfs_quota_us" || skip "cannot set quotas"
}

# inside COMMAND... - run in $group.
inside()
{
	bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

# bg_inside COMMAND... - the same in the background: its pid is in $bg_pid.
bg_inside()
{
	bg bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
	poll_until 60 grep -qx "$bg_pid" "$group/cgroup.procs"
}

# A group is busy until the kernel has let go of the last process in it.
remove()
{
	rmdir "$1" 2>/dev/null || [ ! -d "$1" ]
}

# ------------------------------------------------------------------ trees

@test "every document on every tree keeps its schema, and gives the CPUs that the tree is for" {
	local file name want status
	for file in tests/data/limits/*.tree; do
		name=${file##*/}
		tree "${name%.tree}"
		status=0
		"$BIN/threadsize" --root "$tree" --json >"$tree.json" 2>"$tree.err" || status=$?
		want=$(sed -n 's/^expect: .*\bcpus=\([^ ]*\).*/\1/p' "$file" | grep -v = || true)
		[ -z "$want" ] && continue
		if [ "$want" = "?" ]; then
			assert_equal "$status" 2 "status of $name"
			assert_json "$tree.json" '.limits.effective_cpus == null'
			assert_contains "$(cat "$tree.err")" "threadsize: the CPU limit is not known: "
		else
			assert_equal "$status" 0 "status of $name"
			assert_json "$tree.json" ".limits.effective_cpus == $want"
		fi
	done
	jq -s . "$BATS_TEST_TMPDIR"/*.json >"$BATS_TEST_TMPDIR/all"
	/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
	/usr/bin/python3 - "$BATS_TEST_TMPDIR/all" "$SCHEMA/size-1.json" <<-'PY'
		import json, sys, jsonschema
		documents, schema = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:3])
		assert len(documents) > 50
		for d in documents:
		    jsonschema.validate(d, schema)
	PY
}

@test "the text names the limit, the level that binds, and how long the group stood still" {
	tree throttled-v2
	run -0 --separate-stderr "$BIN/threadsize" --root "$tree"
	assert_matches "$output" 'limit +0\.5 CPUs: quota of /a'
	assert_matches "$output" '/a +0\.5 +50\.0 ms / 100 ms +150 of 1000 periods +6\.25 ms to 50\.0 ms'
}

@test "levels that a namespace hides are said to be there, and throttling by them" {
	tree hidden-throttles
	run -0 --separate-stderr "$BIN/threadsize" --root "$tree"
	assert_contains "$output" "a cgroup namespace hides what lies above"
	assert_contains "$output" "its real limit is lower than what is seen here"
	tree systemd-service
	run -0 --separate-stderr "$BIN/threadsize" --root "$tree"
	refute_contains "$output" hidden
}

@test "an unknown limit is said with its reason, and is status 2" {
	tree odd-v2-words
	run -2 --separate-stderr "$BIN/threadsize" --root "$tree"
	assert_matches "$output" "limit +unknown, at most 8: '/sys/fs/cgroup/a/cpu.max' holds 'many 100000', which is odd"
	assert_contains "$stderr" "threadsize: the CPU limit is not known: "
	tree not-mounted
	run -2 --separate-stderr "$BIN/threadsize" --root "$tree"
	assert_contains "$stderr" "no control group hierarchy with 'cpu' is mounted"
}

@test "a control group is given by its path or its directory, and one that is not there is refused" {
	tree docker-v1-host
	run -0 --separate-stderr "$BIN/threadsize" --root "$tree" --cgroup /docker/4d1c9dbe1e09
	assert_matches "$output" 'limit +1\.5 CPUs: quota of /docker'
	run -0 --separate-stderr "$BIN/threadsize" --root "$tree" --cgroup /sys/fs/cgroup/cpu,cpuacct/docker
	assert_matches "$output" 'limit +1\.5 CPUs: quota of /docker'
	run -2 --separate-stderr "$BIN/threadsize" --root "$tree" --cgroup /docker/none
	assert_equal "$output" ""
	assert_contains "$stderr" "threadsize: no control group '/docker/none': cannot read"
}

@test "what runtimes would choose is shown, with what is wrong" {
	tree docker-v1
	run -0 --separate-stderr "$BIN/threadsize" --root "$tree" --runtimes
	assert_matches "$output" 'Go 1\.25 and later +2 +2 +4 times the CPU that there is'
	assert_matches "$output" 'JDK 24 and later +1 +1 +right'
	assert_matches "$output" 'Node up to 20 \(libuv to 1\.48\) +8 +4 +16 times'
	"$BIN/threadsize" --root "$tree" --json >"$BATS_TEST_TMPDIR/r.json"
	assert_json "$BATS_TEST_TMPDIR/r.json" '.runtimes.rust.cpus == 1 and .runtimes.go.verdict == "too-many" and .runtimes.python.threads == 12'
}

# ------------------------------------------------------------------ bad calls

@test "processes and folders that are not there, and bad operands, are refused with status 2" {
	local pid=4194000
	run -2 --separate-stderr "$BIN/threadsize" -p $pid
	assert_contains "$stderr" "threadsize: there is no process $pid"
	run -2 --separate-stderr "$BIN/threadsize" -p 0
	assert_contains "$stderr" "--pid: '0' is not between"
	run -2 --separate-stderr "$BIN/threadsize" -p no-such-program
	assert_contains "$stderr" "threadsize: no process is named 'no-such-program'"
	run -2 --separate-stderr "$BIN/threadsize" --cgroup /no/such/group -w 1s
	assert_contains "$stderr" "threadsize: no control group '/no/such/group'"
	run -2 --separate-stderr "$BIN/threadsize" --cgroup /a -w 1s --limits
	assert_contains "$stderr" "without --window"
	run -2 --separate-stderr "$BIN/threadsize" --root "$BATS_TEST_TMPDIR/none"
	assert_contains "$stderr" "cannot read '$BATS_TEST_TMPDIR/none': No such file or directory"
	run -2 --separate-stderr "$BIN/threadsize" -p 1 --cgroup /a
	assert_contains "$stderr" "exclude each other"
	run -2 --separate-stderr "$BIN/threadsize" --settings=cobol
	assert_contains "$stderr" "nothing is known of 'cobol'"
	run -2 --separate-stderr "$BIN/threadsize" -- "$BATS_TEST_TMPDIR/none"
	assert_contains "$stderr" "cannot run '$BATS_TEST_TMPDIR/none': No such file or directory"
}

@test "hostile names of groups are escaped in the text and in JSON" {
	tree colons-in-path
	mv "$tree/sys/fs/cgroup/cpu/a:b:c" "$tree/sys/fs/cgroup/cpu/"$'a\e[31m"b'
	printf '3:cpu:/a\e[31m"b\n' >"$tree/proc/self/cgroup"
	run -0 --separate-stderr "$BIN/threadsize" --root "$tree"
	assert_contains "$output" 'quota of /a\x1b[31m"b'
	"$BIN/threadsize" --root "$tree" --json >"$BATS_TEST_TMPDIR/h.json"
	assert_equal "$(json "$BATS_TEST_TMPDIR/h.json" .limits.cgroup)" $'/a\e[31m"b'
}

# ------------------------------------------------------------------ real quotas

@test "a real quota is read as it is, and the smaller one of an ancestor binds" {
	group "tt-size-$$" 30000 20000
	run -0 --separate-stderr inside "$BIN/threadsize" --json
	assert_equal "$(jq -r '.limits | [.quota_cpus, .binding] | @csv' <<<"$output")" "1.5,\"quota of /tt-size-$$\""
	group "tt-size-$$/inner" -1
	run -0 --separate-stderr inside "$BIN/threadsize"
	assert_matches "$output" "limit +1\\.5 CPUs: quota of /tt-size-$$[[:space:]]"
	assert_matches "$output" "/tt-size-$$/inner +none "
	echo 35000 >"$group/cpu.cfs_quota_us"
	run -0 --separate-stderr "$BIN/threadsize" --cgroup "$group"
	assert_matches "$output" "limit +0\\.35 CPUs: quota of /tt-size-$$/inner"
}

@test "real throttling is counted, in periods and in time" {
	group "tt-size-$$" 10000 50000
	bg_inside bash -c 'while :; do :; done'
	poll_until 60 grep -qE '^nr_throttled ([3-9]|[0-9]{2})' "$group/cpu.stat"
	"$BIN/threadsize" -p "$bg_pid" --limits --json >"$BATS_TEST_TMPDIR/t.json"
	assert_json "$BATS_TEST_TMPDIR/t.json" '.limits.throttling.throttled_periods >= 3 and .limits.throttling.throttled_cpu_ns > 10000000'
	assert_json "$BATS_TEST_TMPDIR/t.json" '.limits.throttling | .stall_max_ns <= 50000000 and .stall_min_ns <= .stall_max_ns'
}

@test "Rust chooses what the table of runtimes says, also below an ancestor's quota" {
	require rustc
	built "$PROGRAMS/rustcpus"
	local quota version
	version=$(rustc --version | cut -d' ' -f2)
	[ "$(printf '%s\n' 1.64 "$version" | sort -V | head -1)" = 1.64 ] || skip "rustc $version is older than 1.64, of which the table speaks"
	group "tt-size-$$" -1
	group "tt-size-$$/inner" -1
	for quota in 50000 150000; do
		echo $quota >"${groups[0]}/cpu.cfs_quota_us"
		inside "$BIN/threadsize" --json >"$BATS_TEST_TMPDIR/c.json"
		assert_equal "$(inside "$PROGRAMS/rustcpus")" "$(json "$BATS_TEST_TMPDIR/c.json" .runtimes.rust.cpus)" "Rust at $quota"
	done
}

@test "the JDK chooses what the table of runtimes says, also below an ancestor's quota" {
	require java
	group "tt-size-$$" -1
	group "tt-size-$$/inner" -1
	echo 150000 >"${groups[0]}/cpu.cfs_quota_us"
	echo 50000 >"$group/cpu.cfs_quota_us"
	inside "$BIN/threadsize" --json >"$BATS_TEST_TMPDIR/c.json"
	assert_equal "$(inside java -XshowSettings:system -version 2>&1 | sed -n 's/.*Effective CPU Count: *//p')" "$(json "$BATS_TEST_TMPDIR/c.json" .runtimes.jdk_17.cpus)" "the JDK"
}

@test "the processes of a control group are measured together, with --window" {
	group "tt-size-$$" 150000
	built "$PROGRAMS/sizeserver"
	local status=0
	run -2 --separate-stderr "$BIN/threadsize" --cgroup "/tt-size-$$" -w 500ms
	assert_contains "$stderr" "there is no process in control group '/tt-size-$$'"
	bg_inside "$PROGRAMS/sizeserver" seconds=60 threads=3 compute_us=200 wait_us=800
	bg_inside "$PROGRAMS/sizeserver" seconds=60 threads=3 compute_us=200 wait_us=800
	"$BIN/threadsize" --cgroup "/tt-size-$$" -w 500ms --json >"$BATS_TEST_TMPDIR/g.json" || status=$?
	[ $status -le 1 ]
	validate_json "$BATS_TEST_TMPDIR/g.json" size-1.json
	assert_json "$BATS_TEST_TMPDIR/g.json" '.measured.processes == 2 and .limits.quota_cpus == 1.5 and (.pools | any(.threads == 6 and .processes == 2))'
}

# ------------------------------------------------------------------ pools and sizes

# server ARGUMENT... - the server whose truth is known, ready; its pid is in $bg_pid.
server()
{
	built "$PROGRAMS/sizeserver"
	bg "$PROGRAMS/sizeserver" seconds=60 "$@" >"$BATS_TEST_TMPDIR/server.out"
	poll_until 60 grep -q ready "$BATS_TEST_TMPDIR/server.out"
}

# sized ARGUMENT... - threadsize of the server into $doc; status 0 or 1.
sized()
{
	doc=$BATS_TEST_TMPDIR/size.json
	local status=0
	"$BIN/threadsize" -p "$bg_pid" --json "$@" >"$doc" || status=$?
	[ $status -le 1 ] || fail "status $status"
	validate_json "$doc" size-1.json
}

@test "what the threads of a loaded pool wait for is work, and the ratio is theirs, whatever the load of the machine" {
	server threads=8 compute_us=1000 wait_us=4000
	sized --window 2s
	assert_json "$doc" '.pools[0] | .name == "worker-#" and .threads == 8 and .kind == "workers" and .idle_ns == 0 and .lock_wait_ns == 0'
	assert_between "$(json "$doc" '.pools[0].wait_ratio')" 3 5 "wait/compute, which is 4"
	assert_json "$doc" '.pools[0] | (.run_ns + .delay_ns + .blocked_ns - .wall_ns) | fabs < 1e8'
	assert_json "$doc" '.recommendations[0] | .size >= .low and .size <= .high and .evidence.points[0].threads == 1'
}

@test "it looks with real-time priority where it may; what it looks at keeps its own" {
	chrt -r 1 true 2>/dev/null || skip "not permitted"
	server threads=4 compute_us=1000 wait_us=4000
	local server=$bg_pid
	bg "$BIN/threadsize" -p "$server" -q --window 50s
	poll_until 60 bash -c "chrt -p $bg_pid | grep -q SCHED_RR"
	assert_equal "$(chrt -p "$server" | grep -c SCHED_RR)" 0
}

@test "threads that wait at a queue are idle, those that wait for a mutex wait for a lock" {
	server threads=24 compute_us=1000 wait_us=4000 rate=100
	sized --window 2s
	assert_json "$doc" '.pools[0] | .idle_ns > 0.8 * .wall_ns and .lock_wait_ns < 0.1 * .wall_ns'
	assert_between "$(json "$doc" '.pools[0].wait_ratio')" 2 8 "wait/compute, which is 4"
	assert_json "$doc" '[.findings[].rule] | index("pool-idle")'
	kill_bg
	server threads=8 compute_us=1000 wait_us=500 lock_pct=80
	sized --window 2s
	assert_json "$doc" '.pools[0] | .lock_wait_ns > .work_wait_ns and .idle_ns == 0'
}

@test "a size follows its objective, and what lies behind the pool" {
	server threads=4 compute_us=500 wait_us=4500
	sized --window 2s
	local throughput latency
	throughput=$(json "$doc" '.recommendations[0].size')
	sized --window 2s --objective latency
	latency=$(json "$doc" '.recommendations[0].size')
	assert_between "$latency" 1 "$throughput" "the size for latency"
	sized --window 1s --connections 3 --per-task 2
	assert_json "$doc" '.recommendations[0] | .size <= 2 and .evidence.deadlock_floor_connections <= 3'
}

@test "the text has the pool, its size, a plot, the arithmetic and the settings" {
	server threads=4 compute_us=1000 wait_us=4000
	run --separate-stderr "$BIN/threadsize" -p "$bg_pid" -w 2s --explain --settings=node
	[ "$status" -le 1 ]
	assert_matches "$output" 'worker-# +workers +4 +4\.0/4'
	assert_contains "$output" "THREADS  CPU USED UNDER FULL LOAD"
	assert_contains "$output" "machine repairman M/M/c//N"
	assert_contains "$output" "UV_THREADPOOL_SIZE="
	run --separate-stderr "$BIN/threadsize" -p "$bg_pid" -w 1s --no-plot
	refute_contains "$output" "UNDER FULL LOAD         TIME"
}

@test "a quota that runs out is a finding, with the length of the stalls" {
	group "tt-size-$$" 20000 50000
	bg_inside "$PROGRAMS/sizeserver" seconds=60 threads=8 compute_us=1000 wait_us=0
	poll_until 60 grep -qE '^nr_throttled [1-9]' "$group/cpu.stat"
	sized --window 2s
	assert_json "$doc" '.findings[] | select(.rule == "cpu-throttled") | .figures.throttled_periods > 5 and .figures.stall_max_ns <= 50000000'
	assert_json "$doc" '.recommendations[0] | .size == 1 and .threads == 8 and (.evidence.then.stall_ns / 1e6 | . > 29 and . < 33)'
}

@test "a command is run under the recorder: its waits for locks and for work are as recorded" {
	"$BIN/threadsize" --json -- "$PROGRAMS/sizeserver" seconds=2 threads=6 compute_us=1000 wait_us=1000 lock_pct=50 \
		>"$BATS_TEST_TMPDIR/out" || [ $? -eq 1 ]
	sed '/^ready$/d; /^{"threads"/d' "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/size.json"
	validate_json "$BATS_TEST_TMPDIR/size.json" size-1.json
	assert_json "$BATS_TEST_TMPDIR/size.json" '.recommendations[] | select(.pool == "worker-#") | .exact_waits and .evidence.lock_share > 0.2'
	assert_json "$BATS_TEST_TMPDIR/size.json" '.pools[] | select(.name == "worker-#") | .lock_wait_ns > 0 and .threads == 6'
}

@test "there is no size for a pool that did nothing, and the report says why" {
	bg sleep 60
	sized --window 200ms
	assert_json "$doc" '.recommendations == [] or all(.recommendations[]; .size == null and .refusal != null)'
	server threads=4 compute_us=1 wait_us=2000000
	sized --window 500ms
	assert_json "$doc" '.recommendations[] | select(.pool == "worker-#") | .size == null and (.refusal | startswith("idle:"))'
}

@test "a process that ends while it is measured is status 2, in words" {
	bg sleep 0.3
	run -2 --separate-stderr "$BIN/threadsize" -p "$bg_pid" -w 5s
	assert_equal "$output" ""
	assert_contains "$stderr" "threadsize: process $bg_pid ended while it was measured"
}

@test "waits that may not be read are said, with status 2" {
	require_root
	require setpriv
	server threads=4 compute_us=1000 wait_us=4000
	local place
	place=$(mktemp -d /dev/shm/tt-size-XXXXXX) # the folders of tests are closed to others
	cp "$BIN/threadsize" "$place/"
	chmod -R a+rX "$place"
	run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$place/threadsize" -p "$bg_pid" -w 500ms
	rm -r "$place"
	assert_status 2
	assert_contains "$output" "no size: what blocked threads wait for may not be read"
	assert_contains "$stderr" "what the threads wait for cannot be read: "
}

@test "ten thousand threads are measured" {
	server threads=10000 compute_us=50 wait_us=2000000
	sized --window 1s
	assert_json "$doc" '.pools[] | select(.name == "worker-#") | .threads == 10000'
}
