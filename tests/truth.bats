#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What a report says is what happened: scenarios of mkthreads know their own acquisitions, waits, holders and threads, and the
# report must agree. Counts exactly, times within 2 % or 1 ms.

load helpers

setup()
{
	built "$SHIM" "$BIN/threadreport" "$MKTHREADS" "$MKTHREADS-O0"
	rec=$BATS_TEST_TMPDIR/rec truth=$BATS_TEST_TMPDIR/truth.json report=$BATS_TEST_TMPDIR/report.json
	bg_pids=()
}

teardown()
{
	kill_bg
}

# record PROGRAM SCENARIO... - leaves $truth, $report and the program's status in $ended. PRELOAD_TOO goes behind the shim.
record()
{
	rm -rf "$rec"
	mkdir "$rec"
	ended=0
	LD_PRELOAD=$SHIM${PRELOAD_TOO:+:$PRELOAD_TOO} THREADCHECK_OPTIONS="output=$rec/" \
		"$@" --second-thread >"$truth" 3>&- || ended=$?
	"$BIN/threadreport" --json "$rec" >"$report" || [ $? -eq 1 ]
}

# agrees PROGRAM SCENARIO... - the report agrees with the truth. When only times differ, which a busy machine can do, it may
# try again; a count that is wrong once is wrong.
agrees()
{
	local try words status
	for try in 1 2 3 4; do
		record "$@"
		status=0
		words=$(/usr/bin/python3 "$TOP/tests/compare.py" "$truth" "$report" 2>&1) || status=$?
		[ $status -eq 0 ] && return
		[ $status -eq 2 ] || break
	done
	fail "$*: attempt $try:" "$words"
}

# everywhere SCENARIO... - also without optimisation, where libstdc++'s wrappers are functions of their own.
everywhere()
{
	agrees "$MKTHREADS" "$@"
	agrees "$MKTHREADS-O0" "$@"
}

# ------------------------------------------------------------------ locks

@test "acquisitions of mutexes that nobody waits for are exact" {
	everywhere uncontended-mutex
	everywhere uncontended-mutex threads=8 rounds=50000
	everywhere nested-mutex
	everywhere nested-mutex depth=300 rounds=3
	everywhere lock-order-inversion locks=5
}

@test "waits for a mutex are exact: how many, how long, who waited, who held" {
	everywhere contended-mutex
	everywhere contended-mutex waiters=5 rounds=10
	everywhere long-hold
	everywhere starvation
}

@test "acquisitions are exact when threads race" {
	everywhere contended-ping
	everywhere contended-ping threads=8 rounds=20000
	everywhere many-locks
	everywhere many-locks threads=8 locks=5000 rounds=5000
}

@test "tries that fail and waits that time out are counted apart from acquisitions" {
	everywhere contended-trylock
	everywhere timedlock
	everywhere clocklock
}

@test "mutexes of every type are counted and timed alike" {
	local type
	for type in recursive errorcheck adaptive pi pp robust-owner-died; do
		everywhere $type
	done
}

@test "a mutex between processes is recorded in each of them" {
	everywhere process-shared
}

@test "one address used for many mutexes loses no count" {
	everywhere destroy-reinit
	everywhere std-mutex-reuse
}

@test "readers and writers are counted and timed, whoever waits for whom" {
	everywhere rwlock-writer-waits-readers
	everywhere rwlock-readers-wait-writer
	everywhere rwlock-kinds kind=0
	everywhere rwlock-kinds kind=2
}

@test "waits for conditions, their signals and their timeouts are exact" {
	everywhere cond-pingpong rounds=300
	everywhere cond-timedwait-timeouts
	everywhere cond-broadcast
	everywhere lost-wakeup
}

@test "a semaphore used as a lock names its holder; others are counted" {
	everywhere sem-as-lock
	everywhere sem-as-lock waiters=4 rounds=10
	everywhere sem-producer-consumer
	everywhere sem-timedwait
	everywhere sem-tries
}

@test "a wait for a semaphore that showed to be a signal is no wait for a lock, whoever took it first" {
	built "$PROGRAMS/sem_signal"
	run -0 env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$BATS_TEST_TMPDIR/" "$PROGRAMS/sem_signal"
	assert_equal "$output" "done"
	threadreport --json --fail-on never "$BATS_TEST_TMPDIR"/*.ttrec >"$BATS_TEST_TMPDIR/report.json"
	assert_json "$BATS_TEST_TMPDIR/report.json" '[.threads[].wait_ns] | all(.lock == 0 and .sem > 0)'
}

@test "posts of a semaphore that was a lock in one life and a signal in another; locks in memory that realloc to nothing gave back" {
	cd "$BATS_TEST_TMPDIR" || return
	cat >lives.c <<-'C'
		#include <pthread.h>
		#include <semaphore.h>
		#include <stdlib.h>
		static sem_t s;
		static void *post(void *arg) { for (int i = 0; i < 100; i++) sem_post(&s); return arg; }
		static void life(int signal)
		{
			pthread_t t;
			sem_init(&s, 0, !signal);
			if (signal)
				pthread_create(&t, 0, post, 0);
			for (int i = 0; i < (signal ? 100 : 1000); i++) {
				sem_wait(&s);
				if (!signal)
					sem_post(&s);
			}
			if (signal)
				pthread_join(t, 0);
			sem_destroy(&s);
		}
		int main(int argc, char **argv)
		{
			(void)argv;
			life(argc > 1);
			life(argc == 1);
			for (int i = 0; i < 50; i++) {
				pthread_mutex_t *m = calloc(1, 5000);
				pthread_mutex_lock(m);
				pthread_mutex_unlock(m);
				m = realloc(m, 0);
			}
		}
	C
	cc -g -w -pthread -o lives lives.c
	local order
	for order in "" signal-first; do
		"$BIN/threadcheck" --fail-on never --report json=lives.json -- ./lives $order
		assert_json lives.json '[.locks[] | select(.kind == "sem") | .wakes] == [1100]'
		assert_json lives.json '[.locks[] | select(.kind == "mutex") | .generations] | max >= 45'
	done
}

@test "a semaphore that was a signal in all its lives before is a lock as soon as it is used as one, and all is counted" {
	cd "$BATS_TEST_TMPDIR" || return
	cat >guess.c <<-'C'
		#include <pthread.h>
		#include <semaphore.h>
		#include <stdlib.h>
		#include <unistd.h>
		static sem_t s;
		static pthread_mutex_t inner = PTHREAD_MUTEX_INITIALIZER;
		static pthread_barrier_t b;
		__attribute__((noinline)) void make(void) { sem_init(&s, 0, 1); __asm__(""); }
		static void *poster(void *n)
		{
			for (long i = 0; i < (long)n; i++) {
				pthread_barrier_wait(&b);
				sem_post(&s);
				pthread_barrier_wait(&b);
			}
			return 0;
		}
		__attribute__((noinline)) void holder(void) { if (sem_trywait(&s)) sem_wait(&s); __asm__(""); }
		__attribute__((noinline)) void *waiter(void *arg) { sem_wait(&s); sem_post(&s); return arg; }
		static void contended(void)
		{
			pthread_t t;
			int waiting = 0;
			holder();
			pthread_create(&t, 0, waiter, 0);
			while (((unsigned *)&s)[1] == 0)
				usleep(1000);
			sem_post(&s);
			pthread_join(t, 0);
		}
		int main(int argc, char **argv)
		{
			pthread_t t;
			long lives = atoi(argv[1]);
			pthread_barrier_init(&b, 0, 2);
			pthread_create(&t, 0, poster, (void *)lives);
			for (long i = 0; i < lives; i++) {
				make();
				sem_wait(&s);
				pthread_barrier_wait(&b);
				sem_wait(&s);
				pthread_barrier_wait(&b);
				sem_destroy(&s);
			}
			pthread_join(t, 0);
			make();
			contended();
			contended();
			for (int i = 0; i < 1000; i++) {
				holder();
				pthread_mutex_lock(&inner);
				pthread_mutex_unlock(&inner);
				sem_post(&s);
			}
			return 0;
		}
	C
	cc -g -O1 -w -pthread -o guess guess.c
	local lives options sem='.locks[] | select(.kind == "sem")' waiter='.waits[] | select(.waiter == "waiter")'
	for lives in 0 5 40 200 40:direct=no; do
		options=${lives#*:}
		lives=${lives%:*}
		THREADCHECK_OPTIONS=${options#$lives} "$BIN/threadcheck" --fail-on never --report json=guess.json -- ./guess $lives
		assert_json guess.json "[$sem | .use, .acquisitions, .generations] == [\"lock\", $((2 * lives + 1004)), $((lives + 1))]"
		# The first time it is taken after many lives, where it was taken is not known, but by whom it was.
		assert_json guess.json "[$waiter | .count] | add == 2"
		assert_json guess.json "[$waiter | .max_holder.serial] == [$waiter | 1]"
		assert_json guess.json "[$waiter | select(.holder == \"holder\")] | length == 1"
	done
	# What is taken inside it later is an order like any other.
	assert_json guess.json "[$waiter | select(.holder == \"not known\") | .count] == [1]"
}

@test "a lock is over with its memory, wherever it lies in a block of any size, and other frees around it change nothing" {
	cd "$BATS_TEST_TMPDIR" || return
	cat >blocks.c <<-'C'
		#include <pthread.h>
		#include <stdlib.h>
		#include <string.h>
		static void use(pthread_mutex_t *m) { pthread_mutex_lock(m); pthread_mutex_unlock(m); }
		static void *nothing(void *arg) { return arg; }
		int main(void)
		{
			static const size_t sizes[] = {40, 250, 300, 600, 1000, 5000, 20000, 100000, 300000};
			pthread_t t;
			pthread_create(&t, 0, nothing, 0);
			pthread_join(t, 0);
			for (int round = 0; round < 20; round++)
				for (int k = 0; k < 27; k++) {
					size_t size = sizes[k / 3], at = (size - 40) / 2 * (k % 3) & ~7ul;
					char *before = malloc(48), *p = malloc(size), *after = malloc(48);
					pthread_mutex_t *m = memset(p + at, 0, sizeof(*m));
					use(m);
					free(before);
					free(after);
					use(m);
					free(p);
				}
		}
	C
	cc -g -O1 -fno-inline -pthread -o blocks blocks.c
	"$BIN/threadcheck" --fail-on never --report json=blocks.json -- ./blocks
	assert_json blocks.json '[.locks[] | select(.kind == "mutex") | .generations] | add == 20 * 27'
	assert_json blocks.json '[.locks[] | select(.kind == "mutex") | .acquisitions] | add == 2 * 20 * 27'
}

@test "waits at barriers, for spinlocks, for once and on raw futexes are exact" {
	everywhere barrier rounds=20
	everywhere spin
	everywhere once-contended
	everywhere futex-raw
}

@test "C11 mutexes, conditions, threads and call_once are exact" {
	everywhere c11-mutex
	everywhere c11-cnd rounds=300
	everywhere c11-thrd
	everywhere c11-call-once
}

@test "std::mutex and its kin are exact, and the sites are the program's" {
	everywhere std-mutex
	everywhere std-shared-mutex
	everywhere std-timed-mutex
	everywhere std-condition-variable rounds=300
}

@test "a signal handler's operations are recorded, or counted as dropped" {
	everywhere signal-storm
}

@test "the counts are exact beside another allocator" {
	local path
	path=$(ldconfig -p | awk '$1 == "libjemalloc.so.2" { print $NF; exit }')
	[ -n "$path" ] || skip "libjemalloc2 is not installed"
	PRELOAD_TOO=$path
	agrees "$MKTHREADS" contended-mutex
	agrees "$MKTHREADS" many-locks
	agrees "$MKTHREADS" std-condition-variable rounds=300
	agrees "$MKTHREADS" threads-short
}

# ------------------------------------------------------------------ threads

# pool START - the report's threads of one start routine: "created ended joined unjoined running".
pool()
{
	json "$report" '.pools[] | select(.start_routine.function == $f) | "\(.created) \(.ended) \(.joined) \(.unjoined) \(.running)"' \
		--arg f "$1"
}

@test "threads created, joined, detached and ended in every way are exact" {
	everywhere threads-short threads=3000
	assert_equal "$(pool short_main)" "3000 3000 3000 0 0"
	everywhere threads-live threads=300
	assert_equal "$(pool live_main)" "300 300 300 0 0"
	everywhere detached
	everywhere thrd-exit
	everywhere thrd-exception
	everywhere jthread
}

@test "threads that nobody joins are told apart from threads that run for ever" {
	everywhere leaked-thread
	assert_equal "$(pool leaked_main)" "3 3 0 3 0"
	everywhere leaked-running
	assert_equal "$(pool forever_main)" "3 0 0 0 3"
	everywhere leak-growth
	assert_equal "$(pool leaked_main)" "40 40 0 40 0"
	assert_equal "$(pool forever_main)" "40 0 0 0 40"
}

@test "threads of a live process have their names, hostile ones escaped in the text" {
	rm -rf "$rec"
	mkdir "$rec"
	bg env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$rec/" "$MKTHREADS" thread-names hold_us=60000000
	named()
	{
		"$BIN/threadreport" --json "$rec" >"$report" 2>/dev/null || [ $? -eq 1 ] || return
		jq -e '[.threads[].name] | contains(["renamed"])' "$report"
	}
	poll_until 60 named >/dev/null
	assert_json "$report" '[.threads[] | select(.start_routine.function == "name_main") | .name] | length == 8'
	assert_json "$report" '.threads | map(.name) | any(startswith("</script>"))'
	run "$BIN/threadreport" "$rec"
	refute_contains "$output" $'\e[31m'
	refute_contains "$output" $'a\tb'
}

@test "fifty thousand short threads, five thousand live ones and ten thousand locks are all counted" {
	agrees "$MKTHREADS" threads-short threads=50000
	assert_equal "$(pool short_main)" "50000 50000 50000 0 0"
	assert_between "$(du -k "$rec" | cut -f1)" 1 16384 "KiB of the recording"
	agrees "$MKTHREADS" threads-live threads=5000
	assert_equal "$(pool live_main)" "5000 5000 5000 0 0"
	# Threads that all need new space at once do not each claim it.
	assert_between "$(du -k "$rec" | cut -f1)" 1 24576 "KiB of the recording"
	agrees "$MKTHREADS" many-locks locks=10000 rounds=50000
}

# ------------------------------------------------------------------ processes

@test "children, daemons and replaced programs have recordings of their own, with exact counts" {
	everywhere fork-child
	everywhere fork-threads-loop forks=30
	everywhere vfork-exec
	everywhere exec
	everywhere daemonise
}

@test "closed descriptors and another directory take nothing from the counts" {
	everywhere close-all-fds
	everywhere chdir
	[ "$(id -u)" -eq 0 ] || return 0
	agrees "$MKTHREADS" chdir chroot=1
	rmdir "$(json "$truth" .facts.left_behind)"
}

@test "however a process ends, its recording is complete" {
	local kind want
	for kind in 0:5 1:5 2:134 3:137 4:5 5:5 6:0 7:143 8:139 9:5; do
		want=${kind#*:} kind=${kind%:*}
		agrees "$MKTHREADS" exit-kinds kind=$kind hold=$((kind != 6))
		assert_equal "$ended" "$want" "status of kind $kind"
	done
}

# wrapped_agrees STATUS SCENARIO... - as agrees, run and reported by threadcheck, which passes STATUS on.
wrapped_agrees()
{
	local want=$1 try words status=2
	shift
	for try in 1 2 3 4; do
		ended=0
		"$BIN/threadcheck" --report json="$report" --quiet --fail-on=never --wait-all -- "$MKTHREADS" "$@" >"$truth" 3>&- ||
			ended=$?
		assert_equal "$ended" "$want" "status of $*"
		status=0
		words=$(/usr/bin/python3 "$TOP/tests/compare.py" "$truth" "$report" 2>&1) || status=$?
		[ $status -eq 2 ] || break
	done
	[ $status -eq 0 ] || fail "threadcheck $*: attempt $try:" "$words"
}

@test "threadcheck's report is as exact, also of programs with one thread, of their children and of what exec made of them" {
	built "$BIN/threadcheck"
	wrapped_agrees 0 contended-mutex rounds=5
	wrapped_agrees 0 nested-mutex
	wrapped_agrees 0 destroy-reinit
	wrapped_agrees 0 vfork-exec
	wrapped_agrees 0 fork-child
	wrapped_agrees 0 exec --second-thread # without it a step on the way, not worth a recording
	wrapped_agrees 0 daemonise
	wrapped_agrees 0 signal-storm
	wrapped_agrees 5 exit-kinds kind=1
	wrapped_agrees 137 exit-kinds kind=3
	wrapped_agrees 139 exit-kinds kind=8
}

# ------------------------------------------------------------------ event loops

@test "an event loop's turns, stalls and longest time away are exact" {
	local kind got want
	for kind in 0 1 2 3 4; do
		record "$MKTHREADS" event-loop-stall kind=$kind
		assert_json "$report" '.event_loops | length == 1'
		assert_equal "$(json "$report" '.event_loops[0].site.function')" "$(json "$truth" .facts.waits_in)" "where it waits"
		assert_equal "$(json "$report" '.event_loops[0].turns')" $(($(json "$truth" .facts.calls) - 1)) turns
		assert_json "$report" '.event_loops[0].stalls >= $n' --argjson n "$(json "$truth" .facts.stalls)"
		want=$(json "$truth" .facts.max_away_ns)
		got=$(json "$report" '.event_loops[0].away_ns.max')
		assert_between "$got" $((want - 2000000)) $((want + 2000000)) "longest time away"
		want=$(json "$truth" .facts.busy_ns)
		got=$(json "$report" '.event_loops[0].away_ns.total')
		assert_between "$got" $((want - want / 50)) $((want + want / 50)) "time away"
	done
}

# ------------------------------------------------------------------ a process that hangs

# Every edge of the truth: that thread waits for that address, and the owner is the one that is named.
edges_are_reported()
{
	jq -e -n --slurpfile t "$truth" --slurpfile r "$report" '
		$r[0].threads as $threads |
		($threads | map({key: (.id | tostring), value: .tid}) | from_entries) as $tid |
		all($t[0].edges[]; . as $e | any($threads[];
			.tid == $e.tid and .waiting != null
			and ($e.address == "0x0" or .waiting.address == $e.address)
			and ($tid[.waiting.target | tostring] == $e.owner)))' >/dev/null
}

@test "of a process that hangs, a report says at once what each thread waits for and who owns it" {
	local scenario
	for scenario in deadlock-ab-ba deadlock-self deadlock-3 deadlock-join; do
		rm -rf "$rec"
		mkdir "$rec"
		bg env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$rec/" "$MKTHREADS" $scenario --timeout 60 >"$truth"
		poll_until 60 test -s "$truth"
		"$BIN/threadreport" --json "$rec" >"$report" || [ $? -eq 1 ]
		edges_are_reported || fail "$scenario: $(json "$truth" .edges -c) but" "$(json "$report" '[.threads[] | [.tid, .waiting]]' -c)"
		kill_bg
	done
}

# ------------------------------------------------------------------ the comparison itself

# refuses FILTER - compare.py finds the report wrong after this change to it.
refuses()
{
	jq "$1" "$report" >"$report.wrong"
	! cmp -s <(jq . "$report") "$report.wrong" || fail "changes nothing: $1"
	run /usr/bin/python3 "$TOP/tests/compare.py" "$truth" "$report.wrong"
	[ "$status" -ne 0 ] && [ -n "$output" ] || fail "accepted a wrong report: $1"
}

@test "the comparison refuses a report that is wrong in one number or one name" {
	agrees "$MKTHREADS" contended-mutex rounds=10
	refuses '.locks[0].acquisitions += 1'
	refuses '.locks[0].contended -= 1'
	refuses '.locks[0].try_failed += 1'
	refuses '.locks[0].timeouts += 1'
	refuses '.locks[0].kind = "rwlock"'
	refuses '.locks[0].wait_ns.count += 1'
	refuses '.locks[0].wait_ns.total *= 1.05'
	refuses '.locks = []'
	refuses '(.waits[] | select(.kind == "mutex") | .waiter_site.function) = "mutex_holder"'
	refuses '(.waits[] | select(.kind == "mutex") | .holder_site.function) = "mutex_waiter"'
	refuses '(.waits[] | select(.kind == "mutex") | .holder_site) = null'
	refuses '.processes[0].threads_created += 1'
	refuses '.processes[0].threads_joined -= 1'
	refuses '.processes = []'
	refuses '.dropped.any = true | .dropped.counters = [{"what": "locks", "count": 1}]'
	agrees "$MKTHREADS" signal-storm
	refuses '(.locks[].sites[] | select(.op == "sem_post") | .count) += 100000'
}
