#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# top.bats - threadtop without a screen: figures against what the subjects measured themselves, selection, formats, conditions.
# ALONE: it compares what it shows with what its threads got of the processors

load helpers

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	F=$BATS_TEST_TMPDIR/frames.json
}
teardown()
{
	kill_bg
}

# top ARG... - threadtop --json into $F.
top()
{
	threadtop --json "$@" >"$F"
}

# frame - the last line of $F, into one.json, validated.
frame()
{
	tail -1 "$F" >one.json
	validate_json one.json top-1.json
}

# asleep PID N - process PID has N threads, all of them asleep.
asleep()
{
	[ "$(cat /proc/"$1"/task/*/stat 2>/dev/null | sed 's/.*) //' | grep -c '^S')" -ge "$2" ]
}

lines()
{
	[ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]
}

@test "CPU time of threads that are busy for 1, 5, 37, 90 and 100 percent is within a point of their own clocks" {
	built "$PROGRAMS/duty"
	bg "$PROGRAMS/duty" -t 300 1 5 37 90 100 >truth
	poll_until 60 lines truth 5
	top -p "$bg_pid" -n 3 -o tid,cpu_pct,run_queue_pct,blocked_pct
	poll_until 60 lines truth $(($(wc -l <truth) + 10))
	python3 "$TOP/tests/duty.py" truth "$F" >compared
	assert_equal "$(wc -l <compared)" 5 "threads compared"
	assert_empty "$(awk '$3 - $2 > 1 || $2 - $3 > 1' compared)" "more than a point off: tid, true, shown"
	# The three shares of a thread's time make up all of it.
	frame
	assert_json one.json '[.threads[] | (.cpu_pct + .run_queue_pct + .blocked_pct - 100) | fabs < 1.5] | all'
}

@test "waiting for a CPU is within two points of the truth when four threads share one" {
	local stolen
	built "$PROGRAMS/duty"
	bg "$PROGRAMS/duty" -c 0 -t 300 100 100 100 100 >truth
	poll_until 60 lines truth 5
	grep '^cpu0 ' /proc/stat >before
	top -p "$bg_pid" -n 3 -o tid,cpu_pct,run_queue_pct
	# What a hypervisor takes of the CPU meanwhile, the kernel counts neither as running nor as waiting.
	stolen=$(grep '^cpu0 ' /proc/stat | paste before - |
		awk '{ for (i = 2; i <= 9; i++) all += $(i + 11) - $i; print 100 * ($20 - $9) / (all + 1) }')
	poll_until 60 lines truth $(($(wc -l <truth) + 10))
	python3 "$TOP/tests/duty.py" truth "$F" --runnable >compared
	assert_equal "$(wc -l <compared)" 4 "threads compared"
	assert_empty "$(awk -v stolen="$stolen" '$5 - $4 > 2 || $4 - $5 > 2 + stolen' compared)" \
		"more than two points off, $stolen % stolen: tid, true and shown CPU, true and shown wait"
	assert_json <(tail -1 "$F") '[.summary.warnings[] | select(.rule == "run-queue")] | length == 1'
}

# holder_of SCENARIO WAITERS KIND - the main thread holds, WAITERS threads wait for it in KIND.
holder_of()
{
	local scenario=$1 waiters=$2 kind=$3
	bg "$MKTHREADS" "$scenario" hold_us=60000000 --timeout 90 >/dev/null
	local pid=$bg_pid found=
	waiting()
	{
		top -p "$pid" -n 1 -d 50ms -o tid,wait,owner,wait_target
		jq -e --argjson pid "$pid" --arg kind "$kind" --argjson n "$waiters" \
			'[.threads[] | select(.owner == $pid and .wait == $kind and .tid != $pid)] | length == $n' "$F" >/dev/null
	}
	poll_until 60 waiting || fail "$scenario: not seen" "$(cat "$F")"
	kill_bg
}

@test "what a thread waits for and who holds it: every kind of lock" {
	holder_of contended-mutex 1 mutex
	holder_of recursive 1 mutex
	holder_of errorcheck 1 mutex
	holder_of adaptive 1 mutex
	holder_of pi 1 mutex
	holder_of robust-owner-died 1 mutex
	holder_of rwlock-readers-wait-writer 3 'rwlock (read)'
	holder_of c11-mutex 1 mutex
	holder_of std-mutex 1 mutex
	holder_of std-shared-mutex 3 'rwlock (read)'
	holder_of std-timed-mutex 1 mutex
}

@test "what only a stack tells: a one-time initialisation that another thread does" {
	: >truth.json
	bg "$PROGRAMS/dumpme" waits "$BATS_TEST_TMPDIR" >truth.json
	poll_until 60 jq -e -s "length == 1" truth.json # an empty file is right for jq 1.6
	top -p "$bg_pid" -n 1 -d 50ms -o tid,name,wait
	assert_json "$F" '[.threads[] | select(.name == "once") | .wait] == ["once"]'
	assert_json "$F" '[.threads[] | select(.name == "barrier") | .wait] == ["barrier"]'
}

# Words before the command.
ring_with=()

# ring SCENARIO [NAME=VALUE...] - a deadlock whose edges the view of locks shows as the truth tells them.
ring()
{
	: >truth.json
	"${ring_with[@]}" "$MKTHREADS" "$@" --timeout 90 >truth.json &
	local pid=$!
	bg_pids+=("$pid")
	shown()
	{
		top -p "$pid" -v locks -n 1 -d 50ms -o tid,wait,wait_target,owner,waiters
		jq -e '.summary.deadlocks == 1' "$F" >/dev/null
	}
	poll_until 60 test -s truth.json
	poll_until 60 shown || fail "$1: no deadlock" "$(cat "$F")"
	frame
	assert_equal "$(json one.json '[.threads[] | select(.deadlock) | {tid, owner}] | sort_by(.tid) | tostring')" \
		"$(json truth.json '[.edges[] | {tid, owner}] | sort_by(.tid) | tostring')" "$1: who waits for whom"
	assert_json one.json '[.summary.warnings[] | select(.rule == "deadlock" and .level == "error")] | length == 1'
	kill_bg
}

@test "deadlocks of mutexes and joins are shown as rings, with those that wait behind them" {
	ring deadlock-ab-ba
	assert_json one.json '[.threads[] | select(.deadlock | not)] | length == 1 and .[0].depth == 1 and .[0].wait == "join"'
	ring deadlock-3 threads=8
	assert_json one.json '[.threads[] | select(.deadlock) | .waiters] | max == 8'
	ring deadlock-self
	assert_json one.json '.summary.warnings[0].text | test("waits for what it holds itself")'
	ring deadlock-join
	ring deadlock-join-ring threads=4
	ring deadlock-std
}

@test "with the recorder loaded, rings through readers and semaphores are seen; which reader holds, too" {
	mkdir rec
	ring_with=(env "LD_PRELOAD=$SHIM" "THREADCHECK_OPTIONS=output=$PWD/rec/")
	ring deadlock-rwlock
	ring deadlock-preference
	ring deadlock-sem
	ring deadlock-own kind=1
	bg "${ring_with[@]}" "$MKTHREADS" rwlock-writer-waits-readers hold_us=60000000 --timeout 90 >/dev/null
	local pid=$bg_pid
	held()
	{
		top -p "$pid" -v threads -n 1 -d 50ms -o tid,wait,wait_target,owner
		jq -e '[.threads[] | select(.wait == "rwlock (write)" and .owner != null)] | length == 1' "$F" >/dev/null
	}
	poll_until 60 held
	assert_json "$F" '.summary.deadlocks == 0'
	assert_json "$F" '.threads as $all | [.threads[] | select(.owner != null)][0].owner as $o | [$all[] | select(.tid == $o)] | length == 1'
}

@test "of who waits for whom only those are shown that touch a selected thread" {
	bg "$MKTHREADS" deadlock-ab-ba --timeout 90 >/dev/null
	local first=$bg_pid
	bg "$MKTHREADS" deadlock-self --timeout 90 >/dev/null
	both()
	{
		top -p "$first,$bg_pid" -v locks -n 1 -d 50ms -o pid,tid
		jq -e '.summary.deadlocks == 2' "$F" >/dev/null
	}
	poll_until 60 both
	top -p "$first,$bg_pid" -w "pid=$bg_pid" -v locks -n 1 -d 50ms -o pid,tid
	assert_json "$F" ".summary.deadlocks == 1 and ([.threads[].pid] | unique == [$bg_pid])"
	assert_json "$F" '[.summary.warnings[] | select(.rule == "deadlock")] | length == 1'
}

@test "who waits for a lock that readers hold is in the view of locks, although the holder is not known" {
	bg "$MKTHREADS" rwlock-writer-waits-readers hold_us=60000000 --timeout 90 >/dev/null
	local pid=$bg_pid
	waits()
	{
		top -p "$pid" -v locks -n 1 -d 50ms -o tid,wait,owner
		jq -e '[.threads[] | select(.wait == "rwlock (write)" and .owner == null and .depth == 0)] | length == 1' "$F" >/dev/null
	}
	poll_until 60 waits
}

@test "in the tree a process of one thread is one row, which says all of it" {
	sleep 600 3>&- &
	bg_pids+=("$!")
	top -p "$!" -v tree -n 1 -d 50ms -o pid,tid,name,state,wait,wait_ns
	assert_json "$F" ".threads == [{pid: $!, tid: $!, name: \"sleep\", state: \"S\", wait: \"clock_nanosleep\", wait_ns: .threads[0].wait_ns}]"
	run threadtop -b -p "$!" -v tree -n 1 -d 50ms -o tid,state,wait
	assert_matches "${lines[-1]}" "^ *$! +S +clock_nanosleep *\$"
}

@test "a lock that its holder goes on to use is no deadlock, but those that wait are counted" {
	bg "$MKTHREADS" long-hold hold_us=60000000 --timeout 90 >/dev/null
	local pid=$bg_pid
	shown()
	{
		top -p "$pid" -v locks -n 1 -d 50ms
		jq -e '[.summary.warnings[] | select(.rule == "lock-held")] | length == 1' "$F" >/dev/null
	}
	poll_until 60 shown
	assert_json "$F" '.summary.deadlocks == 0 and .summary.on_locks == 3'
	assert_json "$F" '.threads[0].waiters == 3 and .threads[0].depth == 0 and ([.threads[1:][] | .depth] == [1, 1, 1])'
}

@test "hostile names of threads: whole in JSON, harmless in text and CSV" {
	bg "$MKTHREADS" thread-names hold_us=60000000 --timeout 90 >/dev/null
	poll_until 60 asleep "$bg_pid" 4
	top -p "$bg_pid" -n 1 -d 100ms -o tid,name,pool
	frame
	for tid in $(json one.json '.threads[].tid'); do
		assert_equal "$(json one.json ".threads[] | select(.tid == $tid) | .name" | iconv -c -f utf-8 -t utf-8 | tr -d '\357\277\275' | LC_ALL=C tr -cd '[:print:]')" \
			"$(LC_ALL=C tr -cd '[:print:]' <"/proc/$bg_pid/task/$tid/comm")" "name of $tid"
	done
	threadtop -b -p "$bg_pid" -n 1 -d 100ms -o tid,name,pool >text
	threadtop --csv -p "$bg_pid" -n 1 -d 100ms -o tid,name,pool >csv
	assert_empty "$(LC_ALL=C grep -aP '[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xe2\x80[\xa8-\xaf]' text csv)" "controls"
	iconv -f utf-8 -t utf-8 text csv >/dev/null
}

@test "all columns in all formats; the schema knows them" {
	bg "$MKTHREADS" threads-live threads=3 hold_us=60000000 --timeout 90 >/dev/null
	poll_until 60 asleep "$bg_pid" 4
	local all
	all=$(threadtop --list-columns | awk '{ print $1 }' | paste -sd,)
	top -p "$bg_pid" -n 2 -d 100ms -o "$all"
	frame
	assert_equal "$(json one.json '.threads[0] | keys | sort | join(",")')" "$(tr , '\n' <<<"$all" | LC_ALL=C sort | paste -sd,)" keys
	assert_equal "$(json "$SCHEMA/top-1.json" '.properties.threads.items.properties | keys - ["deadlock", "depth"] | join(",")')" \
		"$(tr , '\n' <<<"$all" | LC_ALL=C sort | paste -sd,)" "columns in the schema"
	assert_json one.json '.threads | length == 4'
	assert_json one.json '[.threads[] | .stack_used_bytes > 0 and .stack_reserved_bytes >= .stack_used_bytes] | all'
	assert_json one.json '[.threads[] | select(.wait == "futex" or .wait == "barrier" or .wait == "cond" or .wait == "sem" or .wait == "clock_nanosleep")] | length > 0'
	top -p "$bg_pid" -v pools -n 2 -d 100ms
	frame
	assert_json one.json '.pools | map(.threads) | add == 4'
	assert_json one.json '[.pools[] | .busy + .idle == .threads] | all'
	top -p "$bg_pid" -v tree -n 1 -d 100ms
	frame
	assert_json one.json '.threads | length == 4'
	threadtop --csv -p "$bg_pid" -n 2 -d 100ms -o "$all" >csv
	python3 - csv "$all" <<-'PY'
		import csv, sys
		rows = list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))
		assert rows[0] == ["time"] + sys.argv[2].split(","), rows[0]
		assert len(rows) == 1 + 2 * 4, len(rows)
		assert all(len(r) == len(rows[0]) for r in rows)
	PY
}

@test "processes and threads are chosen by number, name, user, state, condition, parents" {
	bash -c 'sleep 60 & exec -a parent-of-it sleep 61' &
	local parent=$!
	bg_pids+=("$parent")
	poll_until 60 pgrep -P "$parent" -x sleep
	bg_pids+=("$(pgrep -P "$parent" -x sleep)")
	bg "$MKTHREADS" threads-live threads=3 hold_us=60000000 --timeout 90 >/dev/null
	poll_until 60 asleep "$bg_pid" 4
	top -p "$parent,$bg_pid" -n 1 -d 50ms -o pid
	assert_json "$F" '.summary.processes == 2 and .summary.threads == 5'
	top -p "$parent" --children -n 1 -d 50ms -o pid,ppid
	assert_json "$F" ".summary.processes == 2 and ([.threads[].ppid] | index($parent) != null)"
	top --name '^mkthreads$' -n 1 -d 50ms -o pid,name
	assert_json "$F" "[.threads[] | select(.pid == $bg_pid)] | length == 4"
	top -p "$bg_pid" --thread nobody -n 1 -d 50ms
	assert_json "$F" '.threads == []'
	top -p "$bg_pid" --state RD -n 1 -d 50ms
	assert_json "$F" '.threads == []'
	top -p "$bg_pid" --state S -n 1 -d 50ms
	assert_json "$F" '.threads | length == 4'
	top -p "$bg_pid" --where "tid=$bg_pid and name~^mk" -n 1 -d 50ms
	assert_json "$F" '.threads | length == 1'
	top -p "$bg_pid" -u "$(id -u)" -n 1 -d 50ms
	assert_json "$F" '.threads | length == 4'
	top -p "$bg_pid" -u 54321 -n 1 -d 50ms
	assert_json "$F" '.threads == []'
	top -p "$bg_pid" --cgroup 'no such group' -n 1 -d 50ms
	assert_json "$F" '.threads == []'
	top -p "$bg_pid" --top 2 -S -tid -n 1 -d 50ms -o tid
	assert_json "$F" '(.threads | length == 2) and .threads[0].tid > .threads[1].tid'
}

@test "--until ends with status 1 when the condition becomes true, and 0 when it does not" {
	built "$PROGRAMS/duty"
	bg "$PROGRAMS/duty" -c 0 -t 300 100 100 >truth
	poll_until 60 lines truth 2
	run --separate-stderr threadtop -p "$bg_pid" --until 'run_queue_pct>20 for 300ms' -d 100ms -n 100
	assert_status 1
	assert_equal "$output" "" stdout
	assert_matches "$stderr" "^threadtop: thread [0-9]+ 'duty-100' of process $bg_pid 'duty': run_queue_pct>20 for 300ms\$"
	run threadtop -p "$bg_pid" --until 'cpu_pct>1000' -d 50ms -n 3
	assert_status 0
	run threadtop -p "$bg_pid" --until 'busy>=2 and pool=duty-*' -d 100ms -n 50
	assert_status 1
	assert_contains "$output" "pool 'duty-*' of process $bg_pid"
}

@test "a pool all of whose threads are busy is said to be, and for how long" {
	built "$PROGRAMS/duty"
	bg "$PROGRAMS/duty" -c 0 -t 300 100 100 100 >truth
	poll_until 60 lines truth 3
	bg threadtop --json -p "$bg_pid" -d 400ms >"$F"
	warned() { sed '$d' "$F" | grep -m 1 pool-busy >one.json; } # but for the last line all are whole
	poll_until 60 warned
	assert_json one.json '[.summary.warnings[] | select(.rule == "pool-busy")] | length == 1 and (.[0].text | test("^pool duty-\\* of duty: 3 of 3 busy for ([3-9]|[1-9][0-9]+)([.][0-9]+)? s$"))'
}

@test "a throttled control group is shown as such" {
	require_root
	built "$PROGRAMS/duty"
	local dir=/sys/fs/cgroup/cpu/threadtop-test.$$ version=1
	if ! mkdir "$dir" 2>/dev/null; then
		dir=/sys/fs/cgroup/threadtop-test.$$ version=2
		mkdir "$dir" 2>/dev/null && [ -e "$dir/cpu.max" ] || skip "no cpu controller that may be written"
	fi
	if [ $version = 1 ]; then
		echo 20000 >"$dir/cpu.cfs_quota_us" && echo 100000 >"$dir/cpu.cfs_period_us"
	else
		echo '20000 100000' >"$dir/cpu.max"
	fi
	bash -c "echo \$\$ >$dir/cgroup.procs && exec '$PROGRAMS/duty' -t 300 100 100" >truth &
	local pid=$!
	bg_pids+=("$pid")
	poll_until 60 lines truth 2
	top -p "$pid" -n 2 -o pid,tid,cpu_pct,quota_pct,throttled_pct,run_queue_pct
	kill_bg
	poll_until 60 rmdir "$dir"
	frame
	assert_json one.json '.cgroup | length == 1 and .[0].quota_cpus == 0.2 and .[0].throttled_periods > 0'
	assert_json one.json '[.summary.warnings[] | select(.rule == "throttled")] | length == 1'
	assert_json one.json '[.threads[] | .throttled_pct] | max > 50'
	assert_json one.json '[.threads[] | .quota_pct // 0] | add > 60'
}

@test "a textfile for Prometheus: per pool, bounded, valid for promtool" {
	bg "$MKTHREADS" thread-names hold_us=60000000 --timeout 90 >/dev/null
	poll_until 60 asleep "$bg_pid" 4
	threadtop -p "$bg_pid" --openmetrics m.prom --metrics-pools 2 -n 1 -d 100ms
	assert_equal "$(grep -c '^threadtop_pool_threads{' m.prom)" 3 "pools: two and the rest"
	assert_contains "$(cat m.prom)" 'pool="other"'
	assert_equal "$(tail -1 m.prom)" "# EOF"
	assert_equal "$(awk '/^threadtop_pool_threads/ { n += $NF } END { print n }' m.prom)" "$(ls /proc/"$bg_pid"/task | wc -l)" "threads"
	assert_empty "$(find . -name '*.tmp')" "left over"
	require promtool
	promtool check metrics <m.prom
}

@test "wrong options, unknown columns, conditions that cannot be: status 2 and words" {
	refused()
	{
		run --separate-stderr threadtop "${@:2}"
		assert_status 2
		assert_contains "$stderr" "$1"
	}
	refused "there is no process 4194304" -p 4194304
	refused "'12x' is not a number" -p 12x
	refused "'nonsense' is no column" -b -o tid,nonsense
	refused "'nonsense' is no column" -b --sort nonsense
	refused "no column is left" -b -o "-$(threadtop --list-columns | awk '{ print $1 }' | paste -sd,)"
	refused "is no regular expression" -b --name '('
	refused "its repetitions come to more than 10000 characters" -b --name 'a++++++++++++++++++++++++++++++'
	refused "its repetitions come to more than 10000 characters" -b --where 'name ~ (a{200}){200}'
	refused "'cp' is no column" -b --until "cp > 5"
	refused "a value is missing" -b --where 'cpu_pct >'
	refused "is text: use =" -b --where 'name > 5'
	refused "is a number: '~'" -b --where 'tid ~ 5'
	refused "'and' or 'for'" -b --until 'tid = 5 maybe'
	refused "takes no 'for'" -b --where 'tid = 5 for 3s'
	refused "--children needs --pid" -b --children
	refused "has a letter that is none of" -b --state Q
	refused "there is no user" -b -u no-such-user-here
	refused "exclude each other" --json --csv
	refused "unexpected operand" -b 1
	refused "cannot write 'no/such/m.prom'" --openmetrics no/such/m.prom -n 1 -d 10ms
}

@test "the commands of the README" {
	built "$PROGRAMS/duty"
	bg "$PROGRAMS/duty" -c 0 -t 300 100 100 >truth
	poll_until 60 lines truth 2
	local line ran=0
	while read -r line; do
		line=${line%%  #*}
		line=${line%"${line##*[![:space:]]}"}
		line=${line//'$(pidof memcached)'/$bg_pid}
		line=${line//4711/$bg_pid}
		line=${line//for 10s/for 200ms}
		line=${line//-n 10 -d 500ms/-n 2 -d 50ms}
		# The last two are for a terminal.
		[ "$line" = '$ threadtop' ] && line='$ threadtop --screen 80x24 -d 50ms'
		[[ $line == *--replay* ]] && threadtop -b --record night.rec -n 1 -d 50ms >/dev/null && line+=' --screen 80x24'
		run bash -c "${line#'$ '}"
		[[ $line == *--until* ]] && assert_status 1 || assert_status 0
		ran=$((ran + 1))
	done < <(sed -n '/^## What threads do right now/,/^## /p' "$TOP/README.md" | grep '^\$ threadtop' )
	assert_equal $ran 7 "commands"
}

@test "a recording is what was seen: replayed, filtered, and honest about damage" {
	bg "$MKTHREADS" threads-live threads=3 hold_us=60000000 --timeout 90 >/dev/null
	poll_until 60 asleep "$bg_pid" 4
	threadtop --json -p "$bg_pid" -n 5 -d 50ms --record r.rec >seen
	threadtop --json --replay r.rec >played
	cmp seen played
	cp r.rec four.rec
	threadtop --json --top 30 -n 20 -d 20ms --record r.rec >seen
	threadtop --json --top 30 --replay r.rec >played
	cmp seen played
	threadtop --json --replay four.rec --where "tid=$bg_pid" -n 1 >one.json
	validate_json one.json top-1.json
	assert_json one.json '.threads | length == 1'
	head -c $(($(stat -c %s four.rec) - 10)) four.rec >cut.rec
	run --separate-stderr threadtop --json --replay cut.rec
	assert_status 0
	assert_contains "$stderr" "the recording is damaged: 1 frame of it cannot be shown, it ends in the middle of one"
	assert_equal "$(wc -l <<<"$output")" 4 "frames that are whole"
	echo text >text
	run threadtop --replay text -b
	assert_status 2
	assert_contains "$output" "'text' is no recording of threadtop"
	run threadtop --record text -b -n 1 -d 10ms
	assert_status 2
	assert_contains "$output" "'text' exists and is no recording of threadtop"
	assert_equal "$(cat text)" text "not written over"
}

@test "columns of the shim: contention, hottest lock, locks held, start routine" {
	mkdir rec
	bg env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$PWD/rec/" "$MKTHREADS" contended-mutex hold_us=300000 rounds=60 waiters=2 --timeout 30 >/dev/null
	local pid=$bg_pid
	shown()
	{
		top -p "$pid" -n 1 -d 100ms -o tid,name,pool,contention_pct,hottest_lock,locks_held,start_routine
		jq -e '[.threads[] | select(.contention_pct > 50 and (.hottest_lock | test("the_mutex")) and .start_routine == "contend_waiter")] | length == 2' "$F" >/dev/null
	}
	poll_until 60 shown
	assert_json "$F" "[.threads[] | select(.tid == $pid)][0].locks_held == 1"
	assert_json "$F" '[.threads[] | select(.pool == "contend_waiter")] | length == 2'
}

@test "threads and processes that end at every moment: no crash, no leak, nothing of one shown for another" {
	require valgrind
	cat >bomb.sh <<-'EOF'
		for i in 1 2 3 4 5 6 7 8; do (for k in $(seq 200); do /bin/true; done) & done
		wait
	EOF
	bash bomb.sh 3>&- &
	bg_pids+=("$!")
	run --separate-stderr valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
		"$BIN/threadtop" --json -n 8 -d 30ms -o +voluntary_per_s,read_bytes_per_s,wchan,stack_used_bytes,command,cgroup --record r.rec
	assert_status 0
	printf '%s\n' "$output" >"$F"
	frame
	assert_json one.json '[.threads[] | .pid > 0 and .name != null and (.cpu_pct == null or .cpu_pct < 250)] | all'
	run --separate-stderr valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
		"$BIN/threadtop" --replay r.rec --screen 100x30 -n 9 --keys '12345wq1<Enter>q,,;:4'
	assert_status 0
}
