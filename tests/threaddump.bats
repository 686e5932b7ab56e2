#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# threaddump.bats - what threads of live programs wait for and who holds it, deadlocks and what is none, whom it may look at, how it
# says so. Subjects print the truth themselves: programs/dumpme, mkthreads.
load helpers

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	built "$BIN/threaddump" "$PROGRAMS/dumpme"
	D=$BATS_TEST_TMPDIR/dump.json
	TRUTH=$BATS_TEST_TMPDIR/truth.json
}
teardown()
{
	kill_bg
}

complete()
{
	[ -s "$TRUTH" ] && jq -e . "$TRUTH" >/dev/null 2>&1 # an empty file is right for jq 1.6
}

# there COMMAND... - starts a subject, waits until its truth is complete; its pid is in $bg_pid.
there()
{
	: >"$TRUTH"
	bg "$@" >"$TRUTH"
	poll_until 60 complete
}

# dump WANTED_STATUS [OPTION...] PID - into $D, valid by its schema; unset `validated` to check another one.
dump()
{
	local want=$1
	shift
	run --separate-stderr threaddump --json "$@"
	assert_status "$want"
	printf '%s\n' "$output" >"$D"
	[ -n "${validated-}" ] || validate_json "$D" dump-1.json
	validated=1 # once in each test: python takes its time
}

# ------------------------------------------------------------------ waits

@test "each kind of wait is named, with its object and the thread that holds it" {
	local missing
	there "$PROGRAMS/dumpme" waits "$BATS_TEST_TMPDIR"
	dump 0 "$bg_pid"
	missing=$(jq -rn --slurpfile truth "$TRUTH" --slurpfile dump "$D" '
		($dump[0].threads | map({key: "\(.tid)", value: .}) | from_entries) as $seen |
		$truth[0].threads[] | . as $t | $seen["\(.tid)"] as $s |
		select($s == null or $s.name != $t.name or ($s.wait.kind // "none") != $t.kind or
			($t.owner != null and $s.wait.owner_tid != $t.owner) or ($t.owner == null and ($s.wait.owner_tid // 0) != 0) or
			($t.address != null and $s.wait.address != $t.address)) |
		"\(.) but \($s.wait)"')
	assert_empty "$missing" "not as the program says"
	# A C library without a symbol table does not name the functions that wait: who calls it says it.
	run threaddump --debug-dir /nonexistent --json --thread once "$bg_pid"
	[ "$(jq -r '[.threads[] | select(.name == "once") | .wait.kind] | first' <<<"$output")" = once ]
	# That these threads were not even stopped, and since when they wait, is told of each of them.
	assert_json "$D" '[.threads[] | select(.name != "spin" and .name != "dumpme" and .stopped_us != 0)] | length == 0'
	assert_json "$D" '[.threads[] | select(.name != "spin") | .wait.since_ns > 0] | all'
	assert_json "$D" '.threads[] | select(.name == "spin") | .state == "running" and .cpu_pct > 0'
	# Nothing here is a deadlock: who holds everything waits for a signal.
	assert_json "$D" '.deadlocks == []'
}

text_of()
{
	json "$D" ".threads[] | select(.name == \"$1\") | .wait.text"
}

@test "descriptors are named by what is behind them: addresses, states, paths, members, other ends, time left" {
	local port
	there "$PROGRAMS/dumpme" waits "$BATS_TEST_TMPDIR"
	port=$(json "$TRUTH" .port)
	dump 0 "$bg_pid"
	assert_matches "$(text_of recv)" "^recvfrom from tcp 127\.0\.0\.1:$port \(ESTABLISHED\)"
	assert_equal "$(text_of accept)" "accept on tcp 127.0.0.1:$port (LISTEN)"
	assert_contains "$(text_of unix)" "recvfrom from unix $(json "$TRUTH" .unix)"
	assert_matches "$(text_of pipe)" '^read from pipe [0-9]+, other end: process [0-9]+ dumpme$'
	assert_matches "$(text_of pipe-write)" '^write to pipe [0-9]+, other end: process [0-9]+ dumpme$'
	assert_equal "$(text_of eventfd)" "read from eventfd"
	assert_matches "$(text_of timerfd)" '^read from timerfd, 1d 03h left$'
	assert_equal "$(text_of inotify)" "read from inotify"
	assert_equal "$(text_of signalfd)" "read from signalfd"
	assert_matches "$(text_of epoll)" '^epoll_wait on epoll fd [0-9]+: '
	assert_contains "$(text_of epoll)" "tcp 127.0.0.1:$port (LISTEN)"
	assert_contains "$(text_of epoll)" "eventfd"
	assert_matches "$(text_of poll)" '^poll of 2 descriptors: pipe [0-9]+, eventfd, 1d 03h left$'
	assert_matches "$(text_of select)" '^pselect6: pipe [0-9]+$'
	assert_equal "$(text_of sleep)" "sleep of 1d 03h, 1d 03h left"
	assert_equal "$(text_of signal)" "rt_sigtimedwait: signal USR1"
	assert_matches "$(text_of child)" '^wait4: any child process, of [0-9]+ dumpme$'
	assert_matches "$(text_of flock)" "^flock: lock on $BATS_TEST_TMPDIR/locked, held by process [0-9]+ dumpme\$"
	assert_matches "$(text_of fcntl)" "^fcntl: lock on $BATS_TEST_TMPDIR/locked, held by process [0-9]+ dumpme\$"
	assert_equal "$(text_of timed)" "mutex mutex, held by thread $bg_pid dumpme, 1d 03h left"
	assert_equal "$(text_of robust)" "robust mutex robust, held by thread $bg_pid dumpme"
	assert_equal "$(text_of behind-readers)" "rwlock read_rw, to write, held by 1 reader"
	assert_equal "$(text_of barrier)" "barrier barrier, 1 of 3 threads have come"
	assert_equal "$(text_of futex)" "futex word"
	assert_equal "$(json "$D" '.threads[] | select(.name == "recv") | .wait.peer')" "127.0.0.1:$port"
}

@test "a server that listens by IPv4 and by IPv6 on one port is seen to do both" {
	local port
	[ -e /proc/net/if_inet6 ] || skip "there is no IPv6 here"
	: >"$TRUTH"
	bg /usr/bin/python3 -c 'if True:
		import select, socket
		four, six = socket.socket(), socket.socket(socket.AF_INET6)
		six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
		four.bind(("0.0.0.0", 0))
		six.bind(("::", four.getsockname()[1]))
		four.listen()
		six.listen()
		print("{\"port\": %d}" % four.getsockname()[1], flush=True)
		select.select([four, six], [], [])' >"$TRUTH"
	poll_until 60 complete
	port=$(json "$TRUTH" .port)
	selects() { grep -qE '^(23|270) ' "/proc/$bg_pid/syscall"; }
	poll_until 60 selects
	dump 0 "$bg_pid"
	assert_contains "$(json "$D" '.threads[0].wait.text')" "tcp *:$port (LISTEN), tcp [::]:$port (LISTEN)"
}

# ------------------------------------------------------------------ deadlocks

# deadlocked COMMAND... - the subject's members, and no others, are found; leaves $D.
deadlocked()
{
	there "$@"
	dump 1 "$bg_pid"
	assert_equal "$(json "$D" '[.deadlocks[].tids[]] | sort | tostring')" \
		"$(json "$TRUTH" '[(.edges // .threads)[] | select((.name // "") != "behind") | .tid] | sort | tostring')" "$* members"
	assert_equal "$(json "$D" .pause_us.stops)" 0 "threads that were stopped"
	kill -KILL "$bg_pid"
}

@test "deadlocks of mutexes: two, three and forty, a thread with itself, std::mutex, C11, after many waits" {
	deadlocked "$MKTHREADS" deadlock-ab-ba
	deadlocked "$MKTHREADS" deadlock-3
	deadlocked "$MKTHREADS" deadlock-3 threads=40
	deadlocked "$MKTHREADS" deadlock-self
	deadlocked "$MKTHREADS" deadlock-own kind=0
	deadlocked "$MKTHREADS" deadlock-own kind=3
	deadlocked "$MKTHREADS" deadlock-std
	deadlocked "$MKTHREADS" deadlock-late
}

@test "deadlocks of robust, priority-inheriting, timed, error-checking mutexes, of rwlocks with a writer, of stdio, of joins" {
	local kind
	for kind in robust pi timed errorcheck rwlock stdio; do
		deadlocked "$PROGRAMS/dumpme" deadlock $kind
		assert_equal "$(json "$D" '.deadlocks[0].timed')" "$([ $kind = timed ] && echo true || echo false)" "$kind: ends by a timeout"
	done
	deadlocked "$MKTHREADS" deadlock-join
	deadlocked "$MKTHREADS" deadlock-join-ring
}

@test "musl keeps no owner of plain mutexes: they are named, and nobody is accused" {
	require musl-gcc
	cat >plain.c <<-'C'
		#include <pthread.h>
		#include <stdio.h>
		static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
		static pthread_barrier_t both;
		static void *first(void *arg) { pthread_mutex_lock(&a); pthread_barrier_wait(&both); pthread_mutex_lock(&b); return arg; }
		static void *second(void *arg) { pthread_mutex_lock(&b); pthread_barrier_wait(&both); pthread_mutex_lock(&a); return arg; }
		int main(void)
		{
			pthread_t t[2];
			pthread_barrier_init(&both, NULL, 2);
			pthread_create(&t[0], NULL, first, NULL);
			pthread_create(&t[1], NULL, second, NULL);
			puts("{}");
			fflush(stdout);
			return pthread_join(t[0], NULL);
		}
	C
	musl-gcc -O1 -o plain plain.c
	there ./plain
	on_locks() { [ "$(cat /proc/"$bg_pid"/task/*/syscall | grep -c '^202 ')" = 3 ]; }
	poll_until 60 on_locks
	run threaddump "$bg_pid"
	assert_status 0
	assert_matches "$output" $'\n +1 +[0-9.]+ [a-zµ]+  mutex b \\(of musl\'s plain kind, which keeps no owner\\), in first\n'
	assert_contains "$output" "for mutex a (of musl's plain kind, which keeps no owner)"
}

@test "they are found as well where no library has a symbol table" {
	local kind
	for kind in robust pi rwlock stdio; do
		there "$PROGRAMS/dumpme" deadlock $kind
		dump 1 --debug-dir "$BATS_TEST_TMPDIR" "$bg_pid"
		assert_equal "$(json "$D" '.deadlocks[0].tids | length')" 2 "$kind: members"
		kill -KILL "$bg_pid"
	done
}

@test "threads that wait for a deadlock are counted, and a lock whose holder ended is one of its own kind" {
	deadlocked "$PROGRAMS/dumpme" deadlock chain
	assert_equal "$(json "$D" '.deadlocks[0].behind')" 3
	unset validated
	there "$MKTHREADS" deadlock-orphan
	dump 1 "$bg_pid"
	assert_equal "$(json "$D" '.deadlocks[0].tids | tostring')" "$(json "$TRUTH" '[.edges[].tid] | tostring')"
	assert_json "$D" '.deadlocks[0].ended_owner > 0'
}

@test "a deadlock is said first, and shown at the end with owners and stacks" {
	there "$MKTHREADS" deadlock-ab-ba
	run threaddump "$bg_pid"
	assert_status 1
	assert_matches "${lines[3]}" '^  deadlock: 2 threads wait for each other: thread [0-9]+ mkthreads, thread [0-9]+ mkthreads'
	local end=${output##*Found 1 deadlock:}
	assert_matches "$end" 'mkthreads \(thread [0-9]+\) waits [0-9.]+ m?s for mutex ring_mutex(\+0x28)?, held by thread [0-9]+ mkthreads'
	assert_contains "$end" "pthread_mutex_lock"
	assert_equal "$(grep -c takes_second <<<"$end")" 2 "stacks"
}

@test "healthy locking, as hard as it can, never looks like a deadlock, and its results stay right" {
	local n
	bg "$PROGRAMS/dumpme" busy 3600 >"$TRUTH"
	poll_until 60 test -s "$TRUTH"
	for ((n = 0; n < ${DUMP_RUNS:-40}; n++)); do
		run threaddump --summary "$bg_pid"
		assert_status 0
	done
	kill -TERM "$bg_pid"
	wait "$bg_pid"
	assert_equal "$(tail -1 "$TRUTH")" right "sums"
}

# ------------------------------------------------------------------ text

@test "the first lines say what many threads wait for and who holds it" {
	there "$PROGRAMS/dumpme" convoy 40
	run threaddump --summary "$bg_pid"
	assert_status 0
	assert_matches "${lines[0]}" "^dumpme \(pid $bg_pid\): 41 threads, "
	assert_matches "${lines[3]}" "^  40 threads wait up to .* for mutex mutex, held by thread $bg_pid dumpme; that one is in pause: a signal, for .*, in "
	assert_matches "$output" "POOL +THREADS +CPU +START ROUTINE +NOW"
	refute_contains "$output" "clone"
}

@test "identical stacks are shown once with their number, or each by --no-group" {
	there "$PROGRAMS/dumpme" convoy 40
	run threaddump "$bg_pid"
	assert_matches "$output" '40 threads, blocked on a lock, cpu .* together: "worker" [0-9]+, .* and 32 more'
	assert_equal "$(grep -c clone3 <<<"$output")" 1
	run threaddump --no-group "$bg_pid"
	assert_equal "$(grep -c clone3 <<<"$output")" 40
	run threaddump --folded "$bg_pid"
	assert_matches "$output" '^dumpme;[a-z]+;_start;.*;main;.*pause 1'
	assert_matches "$output" 'dumpme;worker;clone3;start_thread;begin;.*pthread_mutex_lock;.* 40'
}

@test "filters by name, id, state and function; the number of a thread means that thread" {
	local tid
	there "$PROGRAMS/dumpme" waits "$BATS_TEST_TMPDIR"
	dump 0 --thread 'rd?ock' --thread 'sem*' "$bg_pid"
	assert_equal "$(json "$D" '[.threads[].name] | sort | tostring')" '["rdlock","sem","semop"]' names
	dump 0 --state lock "$bg_pid"
	assert_equal "$(json "$D" '[.threads[] | select(.doing != "lock")] | length')" 0
	assert_json "$D" '.threads | length == 11'
	dump 0 --function 'epoll_*' "$bg_pid"
	assert_equal "$(json "$D" '[.threads[].name] | tostring')" '["epoll"]' function
	tid=$(json "$TRUTH" '.threads[] | select(.name == "sem") | .tid')
	dump 0 "$tid"
	assert_equal "$(json "$D" '[.threads[].tid] | tostring')" "[$tid]" "thread by number"
	run --separate-stderr threaddump --state tired "$bg_pid"
	assert_status 2
	assert_contains "$stderr" "'tired' is no state"
}

@test "lines and inlined functions on request; frames can be limited; parameters can be left out" {
	there "$PROGRAMS/dumpme" convoy 2
	run threaddump --lines "$bg_pid"
	assert_matches "$output" 'begin  .*dumpme\.c:[0-9]+'
	dump 0 --inlines "$bg_pid"
	assert_json "$D" '[.threads[].frames[] | select(.file != null and .line > 0)] | length > 0'
	dump 0 --frames 2 "$bg_pid"
	assert_json "$D" '[.threads[].frames | length] | max == 2'
	there "$MKTHREADS" deadlock-std
	run threaddump "$bg_pid"
	assert_contains "$output" "::transfer((anonymous namespace)::account&"
	run threaddump --args off "$bg_pid"
	assert_contains "$output" "::transfer"
	refute_contains "$output" "account&"
}

# arrived PID - all threads of badstacks but the one that runs are in pause().
arrived()
{
	[ "$(cat /proc/"$1"/task/*/syscall | grep -c '^34 ')" = 7 ]
}

@test "stacks that are deep, endless, overwritten or nowhere end, and how is said; recursion is shown once" {
	local p
	there "$PROGRAMS/badstacks"
	p=$bg_pid
	poll_until 60 arrived "$p"
	threaddump --json "$p" | jq -c '.threads[] |= (.depth = (.frames | length) | .frames |= .[:3])' >"$D"
	assert_equal "$(json "$D" '.threads[] | select(.name | test("deep|mutual|runaway")) | "\(.name) \(.depth) \(.stack_end)"')" \
		"deep 12004 complete
mutual 9005 complete
runaway 65536 this many frames are the limit"
	assert_json "$D" '[.threads[] | select(.name == "overwritten" or .name == "returns") | .frames | map(.function) | index("overwrite") == 1] == [true, true]'
	assert_json "$D" '.threads[] | select(.name == "overwritten") | .stack_end == "the stack leads to memory that is not there"'
	assert_json "$D" '.threads[] | select(.name == "nowhere") | .stack_end == "its stack pointer points to no memory" and .frames == []'
	run threaddump "$p"
	assert_matches "$output" $'\n +2  deep[^\n]*\n +and 11998 more of the same: it calls itself\n +12001  begin'
	assert_matches "$output" $'\n +and 8997 more, these 3 again and again\n +9002  begin'
	assert_contains "$output" "no stack: its stack pointer points to no memory"
	run threaddump --frames 3 --thread deep "$p"
	refute_contains "$output" "calls itself"
}

# in_vdso - one of the dumps has caught the thread in the kernel's own code; each of them has its whole stack.
in_vdso()
{
	dump 0 --thread clock "$bg_pid"
	assert_json "$D" '.threads[0] | .stack_end == "complete" and .quality == "exact" and ([.frames[].function] | index("read_clock") != null)'
	json "$D" '.threads[0].frames[0].module' | grep -q '^\[vdso\]$'
}

@test "a thread that reads the clock in the vdso has its whole stack" {
	there "$PROGRAMS/badstacks"
	poll_until 60 in_vdso
}

@test "a 32-bit program is refused in words" {
	echo 'void _start(void) { for (;;) __asm__ volatile("int $0x80" : : "a"(29) : "memory"); }' |
		gcc -m32 -ffreestanding -fno-pic -fno-stack-protector -nostdlib -static -x c -o small - 2>/dev/null ||
		skip "this compiler makes no 32-bit programs"
	bg ./small
	poll_until 60 grep -q small "/proc/$bg_pid/comm"
	run --separate-stderr threaddump "$bg_pid"
	assert_status 2
	assert_equal "$stderr" "threaddump: process $bg_pid runs a 32-bit program: only 64-bit ones can be read"
}

# ended_while - kills the subject at some moment of a dump; whatever is said must be said in words, and at once.
ended_while()
{
	there "$PROGRAMS/dumpme" convoy 60
	{ for ((i = 0; i < RANDOM % 40 * 500; i++)); do :; done; kill -KILL "$bg_pid"; } 3>&- &
	run --separate-stderr timeout 20 threaddump "$@" "$bg_pid"
	wait $! || :
	[ "$status" -eq 0 ] || assert_status 2
	[ "$status" -eq 0 ] || assert_matches "$stderr" '^threaddump: (no process|process) [0-9]+( \(dumpme\))?($|: it has ended|.* ended while it was read|.* has ended)'
}

@test "a process that ends while it is dumped is dumped as far as it was there, or said to have ended" {
	local n
	for ((n = 0; n < ${DUMP_KILLS:-6}; n++)); do
		ended_while
		ended_while --consistent
	done
}

@test "a series says which threads did not run" {
	there "$PROGRAMS/dumpme" waits "$BATS_TEST_TMPDIR"
	run threaddump --repeat 3 --interval 50ms --thread mutex --thread spin "$bg_pid"
	assert_status 0
	assert_contains "$output" "dump 3 of 3"
	assert_matches "$output" 'held by thread [0-9]+ dumpme; did not run since 2 dumps, [0-9.]+ m?s ago'
	assert_matches "$output" "1 of 37 threads did not run in all 3 dumps:"
}

# In write(1): the pipe is full. Then it holds what one dump and the next need, and nothing else.
writes()
{
	local call fd
	read -r call fd _ 2>/dev/null <"/proc/$1/syscall" && [ "$call $fd" = "1 0x1" ] || gone "$1"
}

@test "a long series needs no more descriptors and no more memory than a short one" {
	local subject tool repeats=${DUMP_REPEATS:-40} first='' resident=() n
	there "$PROGRAMS/dumpme" waits "$BATS_TEST_TMPDIR"
	subject=$bg_pid
	mkfifo pipe
	exec 6<>pipe 5<pipe
	bg threaddump --repeat "$repeats" --interval 1ms "$subject" >pipe 5<&- 6<&-
	exec 6<&-
	tool=$bg_pid
	for (( ; ; )); do
		poll_until 60 writes "$tool"
		! gone "$tool" || break
		n=$(find "/proc/$tool/fd" -mindepth 1 | wc -l)
		assert_equal "$n" "${first:=$n}" "descriptors"
		resident+=("$(awk '/^VmRSS/ {print $2}' "/proc/$tool/status")")
		dd bs=65536 count=1 <&5 2>/dev/null >>out.txt
	done
	cat <&5 >>out.txt
	exec 5<&-
	assert_contains "$(grep "dump [0-9]* of" out.txt)" "dump $repeats of $repeats"
	[ ${#resident[@]} -ge 5 ] || fail "only ${#resident[@]} looks"
	echo "resident, KiB: ${resident[*]}"
	assert_between $((resident[-1] - resident[2])) -100000 1024
}

@test "names of threads are harmless on a terminal and in JSON" {
	there "$PROGRAMS/dumpme" names
	run threaddump "$bg_pid"
	assert_status 0
	assert_contains "$output" '\x1b[31mred'
	assert_contains "$output" 'a\x0ab'
	assert_contains "$output" '\xff\xfe'
	assert_contains "$output" '%s%n'
	assert_contains "$output" 'a) R 1 2 3'
	refute_contains "$output" $'\x1b'
	dump 0 "$bg_pid"
	assert_json "$D" '[.threads[].name] | index("\"quote\\") != null and index("a) R 1 2 3") != null'
}

# ------------------------------------------------------------------ which processes

@test "processes are found by name, with their descendants, and by control group" {
	cp "$PROGRAMS/dumpme" dumpme-by-name
	there ./dumpme-by-name convoy 2
	run --separate-stderr threaddump --json dumpme-by-name
	assert_status 0
	assert_equal "$(jq .process.pid <<<"$output")" "$bg_pid"
	run --separate-stderr threaddump --json --tree $$
	assert_contains "$(jq -s -c '[.[].process.pid]' <<<"$output")" "$bg_pid"
	# Several begin with all of them, each once, children below their parents.
	bg sh -c './dumpme-by-name deadlock chain >truth.2 & echo $! >child; wait'
	poll_until 60 grep -qs '}$' truth.2
	bg_pids+=("$(cat child)")
	run --separate-stderr threaddump --summary --tree "$bg_pid" dumpme-by-name
	assert_status 1
	assert_equal "${lines[0]}" "3 processes, 10 threads"
	assert_matches "${lines[1]}" '^ +PID  PROCESS +THREADS +RUN +LOCK +DISK +OTHER  FOUND$'
	assert_matches "${lines[2]}" '^ +[0-9]+  \./dumpme-by-name convoy 2 +3 +- +2 +- +1  2 threads wait up to'
	assert_matches "${lines[3]}" "^ +$bg_pid  sh -c .* +1 +- +- +- +1$"
	assert_matches "${lines[4]}" '^ +[0-9]+    \./dumpme-by-name deadlock chain +6 +- +[0-9] +- +[0-9]  deadlock: 2 threads wait for each other'
	assert_equal "$(grep -c '^dumpme-by-name (pid' <<<"$output")" 2
	run --separate-stderr threaddump no-such-program-runs
	assert_status 2
	assert_equal "$stderr" "threaddump: no process named 'no-such-program-runs'"
	run --separate-stderr threaddump --cgroup /no/such/group
	assert_status 2
	assert_contains "$stderr" "no process in control group '/no/such/group'"
}

@test "what cannot be dumped is said with the reason, and the others are dumped" {
	there "$PROGRAMS/dumpme" convoy 2
	run --separate-stderr threaddump --summary 4194304 "$bg_pid"
	assert_status 2
	assert_equal "$stderr" "threaddump: no process 4194304"
	assert_contains "$output" "dumpme (pid $bg_pid)"
	run --separate-stderr threaddump 2
	assert_status 2
	[ ! -e /proc/2 ] || assert_matches "$stderr" '^threaddump: (process 2 \(.*\) is a kernel thread|no process 2)'
	run threaddump
	assert_status 2
	assert_contains "$output" "which process?"
	run threaddump --consistent --never-stop 1
	assert_status 2
}

@test "a zombie is told from a process" {
	# The child ends after the exec: the shell would wait for one that ends before.
	bg bash -c '(until grep -q sleep /proc/$$/comm; do sleep 0.01; done) & exec sleep 1000'
	local child
	poll_until 60 grep -qs 'sleep' "/proc/$bg_pid/comm"
	child=$(cat "/proc/$bg_pid/task/$bg_pid/children")
	poll_until 60 grep -qs '^State:[[:space:]]*Z' "/proc/${child// /}/status"
	run --separate-stderr threaddump "${child// /}"
	assert_status 2
	assert_contains "$stderr" "is a zombie: it has ended, and its parent, process $bg_pid, has not waited for it"
}

# as_nobody COMMAND... - as a user who may do nothing.
as_nobody()
{
	setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

@test "what may not be looked into is refused with the check that refused it, and what to do" {
	require_root
	require setpriv unshare
	local not='threaddump: not permitted to look into process'
	there "$PROGRAMS/dumpme" convoy 2
	cp "$BIN/threaddump" . && chmod 755 . threaddump
	run --separate-stderr as_nobody ./threaddump "$bg_pid"
	assert_status 2
	assert_empty "$output"
	assert_equal "$stderr" "$not $bg_pid: it belongs to user 0, this is user 65534; run as root or as that user"
	run --separate-stderr as_nobody unshare -Ur ./threaddump "$bg_pid"
	if [[ $stderr != unshare:* ]]; then # some kernels do not allow it
		assert_status 2
		assert_matches "$stderr" "^$not $bg_pid: .* user namespace.*; run as root of the host"
	fi
	: >"$TRUTH"
	bg setpriv --reuid 65534 --regid 65534 --clear-groups /usr/bin/python3 -c \
		'import ctypes, time; ctypes.CDLL(None).prctl(4, 0); print("{}", flush=True); time.sleep(1000)' >"$TRUTH"
	poll_until 60 complete
	run --separate-stderr as_nobody ./threaddump "$bg_pid"
	assert_status 2
	assert_matches "$stderr" "^$not $bg_pid: it is marked as not dumpable .*; run as root\$"
}

@test "--never-stop stops nobody, --consistent only what runs, and finds what blocks as it stands; the program goes on" {
	there "$PROGRAMS/dumpme" waits "$BATS_TEST_TMPDIR"
	dump 0 --never-stop "$bg_pid"
	assert_json "$D" '.pause_us.stops == 0'
	assert_json "$D" '.threads[] | select(.name == "spin") | .quality == "none" and .stack_end != "complete"'
	dump 0 --consistent "$bg_pid"
	assert_json "$D" '[.threads[] | select(.captured == "together") | .name] == ["spin"]'
	assert_json "$D" '[.threads[] | select(.captured != "together") | .captured == "quiet" and .stopped_us == 0] | all'
	dump 0 "$bg_pid"
	assert_json "$D" '[.threads[] | select(.state == "stopped" or .state == "traced")] | length == 0'
	there "$PROGRAMS/dumpme" deadlock chain
	dump 1 --consistent "$bg_pid"
	assert_equal "$(json "$D" '.deadlocks[0].behind')" 3 "threads behind the deadlock"
}

# ------------------------------------------------------------------ other places: namespaces, cores, runtimes, the recorder

@test "in a pid and a mount namespace of its own, owners are named by our numbers" {
	require_root
	require unshare
	local inner
	bg unshare --pid --mount --fork --mount-proc sh -c \
		'mount -t tmpfs none /mnt && cp "$1" /mnt/dumpme-inside && exec /mnt/dumpme-inside deadlock chain' sh "$PROGRAMS/dumpme" >"$TRUTH"
	poll_until 60 complete
	inner=$(cat "/proc/$bg_pid/task/$bg_pid/children")
	dump 1 "${inner// /}"
	assert_equal "$(json "$D" '.process.ns_pid')" 1 "its own number"
	assert_equal "$(json "$D" '[.deadlocks[0].tids[] as $t | .threads[] | select(.tid == $t) | .ns_tid] | sort | tostring')" \
		"$(json "$TRUTH" '[.threads[] | select(.name != "behind") | .tid] | sort | tostring')" "members as they number themselves"
	assert_json "$D" '[.threads[].frames[].function] | index("lock_mutex") != null'
	kill -KILL "${inner// /}"
}

@test "a core file shows waits, owners and deadlocks as the live process did" {
	require gcore
	there "$PROGRAMS/dumpme" deadlock chain
	gcore -o core "$bg_pid" >/dev/null 2>&1
	dump 1 "core.$bg_pid"
	assert_equal "$(json "$D" '[.deadlocks[].tids[]] | sort | tostring')" \
		"$(json "$TRUTH" '[.threads[] | select(.name != "behind") | .tid] | sort | tostring')" members
	assert_equal "$(json "$D" '.deadlocks[0].behind')" 3
	assert_equal "$(json "$D" '.process.core')" "core.$bg_pid"
	run --separate-stderr threaddump "$TRUTH"
	assert_status 2
	assert_contains "$stderr" "is not a core file"
}

@test "a crash is said first, with its signal, address and thread" {
	ulimit -c unlimited
	[ "$(cat /proc/sys/kernel/core_pattern)" = core ] || skip "the kernel gives its cores to another program"
	run "$PROGRAMS/dumpme" crash
	local core
	core=$(ls core*)
	run threaddump "$core"
	assert_status 0
	assert_matches "${lines[3]}" '^  ended by SIGSEGV at address 0x10: thread [0-9]+ dumpme, in '
	assert_contains "$output" "got SIGSEGV"
	assert_contains "$output" "sleep of 1d 03h"
}

@test "a thread in vfork() is in state D, and no reason to worry" {
	there "$PROGRAMS/dumpme" vfork
	poll_until 60 grep -q '^State:[[:space:]]*D' "/proc/$bg_pid/status"
	dump 0 "$bg_pid"
	assert_json "$D" '.threads[0] | .wait.text == "vfork: until the child has started its program" and .doing == "other"'
	assert_json "$D" '.threads[0].frames | length > 0'
}

@test "a JVM's threads have their names, stacks and monitors with holders; its deadlock is reported" {
	require java
	bg java -Xmx64m "$TOP/tests/programs/DumpMe.java" dead >ready
	poll_until 60 grep -q ready ready
	dump 1 "$bg_pid"
	assert_json "$D" '.process.runtime | test("^OpenJDK .*[^:]$")'
	assert_equal "$(json "$D" '[.waits[] | select(.text | contains("held by thread")) | .tids | length] | max')" 5 "threads that queue"
	assert_json "$D" '(.threads[] | select(.runtime_name == "holder") | .tid) as $h |
		[.threads[] | select(.runtime_name // "" | startswith("wants \"it\" nid=0x1 ")) | .wait.owner_tid == $h] | length == 5 and all'
	assert_json "$D" '.deadlocks[-1].text | contains("dead-a")'
	run threaddump "$bg_pid"
	assert_status 1
	assert_matches "$output" '5 threads wait up to [0-9.]+ m?s for monitor <0x[0-9a-f]+> \(a java.lang.Object\), held by thread [0-9]+ holder; that one .*Thread.sleep'
	assert_contains "$output" "at DumpMe.wantsShared(DumpMe.java:"
	assert_matches "$output" '5 threads, blocked on a lock, .*: "wants .*'
	assert_equal "$(grep -c 'at DumpMe.wantsShared(' <<<"$output")" 1 "stacks of those that are alike"
	# Each takes from a queue of its own: one line, one stack, no object's address in it.
	assert_matches "$output" $'\n +4 +[0-9.]+ m?s  java.util.concurrent \\(a [^)]*ConditionObject\\), each its own, in DumpMe.takesFromOwn'
	assert_contains "$output" "- parking to wait for  <...> (a java.util.concurrent.locks"
	run threaddump --function '*.takesFromOwn' "$bg_pid"
	assert_contains "$output" '4 threads, waiting for another thread'
	refute_contains "$output" "at DumpMe.wantsShared"
	run threaddump "$bg_pid"
	assert_contains "$output" "Found one Java-level deadlock:"
	[ ! -e "/tmp/.attach_pid$bg_pid" ] || fail "the attach file was left"
	run threaddump --never-stop "$bg_pid"
	assert_status 0
	refute_contains "$output" "DumpMe.wantsShared"
}

@test "a JVM that must not be asked is not, and lives on" {
	require java
	bg java -Xmx64m -XX:+DisableAttachMechanism "$TOP/tests/programs/DumpMe.java" >ready
	poll_until 60 grep -q ready ready
	run threaddump --summary "$bg_pid"
	assert_status 0
	assert_contains "$output" "no Java stacks: the JVM was started with -XX:+DisableAttachMechanism"
	kill -0 "$bg_pid"
}

@test "JavaScript functions have their names by the map that node writes, interpreters are marked" {
	require node
	bg node --perf-basic-prof --interpreted-frames-native-stack -e 'function spinsHere() { for (;;) { Math.sqrt(2) } } console.log("{}"); spinsHere()' >"$TRUTH"
	poll_until 60 complete
	poll_until 60 grep -q spinsHere "/tmp/perf-$bg_pid.map"
	run threaddump "$bg_pid"
	assert_status 0
	assert_contains "$output" "spinsHere"
	# Debian's node has them in a library that is stripped.
	ldd "$(command -v node)" | grep -q libnode || assert_matches "$output" "JavaScript (runtime|interpreter)"
	rm -f "/tmp/perf-$bg_pid.map"
	require_file /usr/bin/python3
	bg /usr/bin/python3 -c 'print("{}", flush=True); import time; time.sleep(1000)' >"$TRUTH"
	poll_until 60 complete
	run threaddump "$bg_pid"
	assert_contains "$output" "Python interpreter"
	bg /usr/bin/python3 -c 'if True:
		import queue, threading
		[threading.Thread(target=lambda: queue.Queue().get()).start() for i in range(4)]
		print("{}", flush=True)' >"$TRUTH"
	waiting() { [ "$(cat /proc/"$bg_pid"/task/*/syscall | grep -c '^202 ')" = 5 ]; }
	poll_until 60 waiting
	run threaddump --summary "$bg_pid"
	assert_matches "$output" $'\n +5 +[0-9.]+ m?s  a lock of Python, each its own, in '
}

@test "with the recorder loaded, held locks, their sites and exact times are shown" {
	local d=$BATS_TEST_TMPDIR/rec
	mkdir -p "$d"
	: >"$TRUTH"
	bg env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$d/" "$MKTHREADS" deadlock-ab-ba >"$TRUTH"
	poll_until 60 complete
	dump 1 "$bg_pid"
	assert_equal "$(json "$D" '[.deadlocks[].tids[]] | sort | tostring')" "$(json "$TRUTH" '[.edges[].tid] | sort | tostring')"
	assert_json "$D" '.process.recorded'
	assert_json "$D" '[.deadlocks[0].tids[] as $t | .threads[] | select(.tid == $t) |
		.wait.since_exact and (.holds | length == 1) and .holds[0].kind == "mutex" and .holds[0].site == "takes_first"] | all'
	run threaddump "$bg_pid"
	assert_matches "$output" 'holds mutex ring_mutex.*, taken in takes_first'
	# Readers keep no owner in an rwlock: only the recording knows them.
	: >"$TRUTH"
	bg env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$d/" "$MKTHREADS" deadlock-readers >"$TRUTH"
	poll_until 60 complete
	run threaddump --json "$bg_pid"
	assert_status 1
	printf '%s\n' "$output" >"$D"
	assert_equal "$(json "$D" '.deadlocks | length')" 1
	assert_json "$D" '[.deadlocks[0].tids[] as $t | .threads[] | select(.tid == $t) | .wait.kind] | sort == ["mutex", "wrlock"]'
}
