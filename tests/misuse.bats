#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# misuse.bats - broken rules of the thread library, locks held while blocked, conditions that nobody signals: each is reported
# by its name, and what only looks like it is not.

load helpers

setup()
{
	built "$BIN/threadreport" "$SHIM" "$MKTHREADS"
	TRUTH=$BATS_TEST_TMPDIR/truth.json
	REPORT=$BATS_TEST_TMPDIR/report.json
}

teardown()
{
	kill_bg
}

# judged SCENARIO [NAME=VALUE...] - recorded and reported from scratch.
judged()
{
	rm -rf "$BATS_TEST_TMPDIR/rec"
	recorded "$@" || fail "$* ended with $?" || return
	# A program of one thread that has nothing to tell leaves no recording.
	if ! compgen -G "$BATS_TEST_TMPDIR/rec/*.ttrec" >/dev/null; then
		echo '{"findings": []}' >"$REPORT"
		return
	fi
	report || [ $? -eq 1 ] || fail "no report of $*"
}

# rules [FILTER] - the rules of the findings that FILTER keeps, one line.
rules()
{
	json "$REPORT" "[.findings[] | select(${1:-true}) | .rule] | sort | join(\" \")" -r
}

# ------------------------------------------------------------------ misuse

@test "each broken rule of the thread library is reported once, by its name" {
	local kind rule
	for kind in {0..17}; do
		judged misuse kind="$kind"
		rule=$(json "$TRUTH" .facts.rule -r)
		assert_equal "$(rules '.rule | test("^(thread|lock-(contention|long|starv|held))") | not')" "$rule" "rules of kind $kind"
	done
}

@test "a finding of misuse has the stack of the call, the lock, and where that was taken or destroyed" {
	judged misuse kind=0
	assert_json "$REPORT" '.findings[] | select(.rule == "unlock-not-owner") | .level == "error" and .confidence == "proven" and
		(.locks | length) == 1 and (.threads | length) == 2 and
		([.stacks[].label] == ["here", "its holder had taken it here"]) and
		(.stacks[0].frames | length) > 1 and .evidence.figures.count == 1'
	assert_contains "$(json "$REPORT" '.findings[0].title' -r)" 'victim_unlocks unlocks mutex victim, which mkthreads ('
	judged misuse kind=3
	assert_json "$REPORT" '.findings[] | select(.rule == "use-after-destroy") | [.stacks[].label] == ["here", "destroyed here"]'
	judged misuse kind=5
	assert_json "$REPORT" '.findings[] | select(.rule == "exit-holding-lock") |
		.title == "A thread of cancelled_main ended holding mutex victim, taken in victim_locks"'
}

@test "a lock, a semaphore or a condition used as designed is no misuse" {
	local kind
	for kind in {0..9}; do
		judged proper kind="$kind"
		# How long a child takes to begin is the machine's affair.
	assert_empty "$(rules '(.level == "error" or .level == "warning") and .rule != "lock-held-blocking"')" "$(json "$TRUTH" .facts.rule -r): reported as"
	done
}

@test "what an error-checking mutex told the program is a note" {
	judged proper kind=0
	assert_equal "$(rules)" "lock-call-failed lock-call-failed"
	assert_json "$REPORT" '[.findings[].level] == ["note", "note"]'
	assert_json "$REPORT" '[.findings[].title] | any(endswith("failed with EDEADLK")) and any(endswith("failed with EPERM"))'
}

@test "ordinary programs of every kind of lock break no rule" {
	local scenario
	for scenario in contended-mutex recursive adaptive pi timedlock contended-trylock robust-owner-died process-shared \
		destroy-reinit rwlock-writer-waits-readers rwlock-kinds cond-pingpong cond-broadcast sem-as-lock \
		sem-producer-consumer barrier spin once-contended c11-mutex c11-cnd c11-thrd std-mutex std-shared-mutex \
		std-timed-mutex std-condition-variable jthread std-mutex-reuse detached thrd-exit fork-child; do
		judged $scenario
		assert_empty "$(rules '.rule | test("^(thread|lock-(contention|long|starv|order|held))|invisible") | not')" "$scenario: reported as"
	done
}

# ------------------------------------------------------------------ locks held while blocked

@test "a lock held across a sleep, a wait for another thread, input or a child is reported with what blocked" {
	local kind words=("sleeps" "sleeps" "is blocked in read" "is blocked in recv" "waits on a condition of another mutex"
		"waits for a semaphore" "waits at a barrier" "joins a thread" "waits for a child process"
		"runs a command (system)" "waits for events (epoll_wait, poll, select)" "sleeps")
	for kind in {0..11}; do
		judged held-blocking kind="$kind"
		assert_equal "$(rules '.rule == "lock-held-blocking"')" lock-held-blocking "kind $kind"
		assert_contains "$(json "$REPORT" '.findings[] | select(.rule == "lock-held-blocking") | .title' -r)" \
			" ${words[kind]} while it holds mutex held: up to " "kind $kind"
		# 30 ms were meant; the other thread waited about as long.
		assert_json "$REPORT" '.findings[] | select(.rule == "lock-held-blocking") | .level == "warning" and
			.evidence.figures.blocked_max_ns > 28000000 and .evidence.figures.others_wait_ns > 20000000'
	done
}

@test "where a lock was taken by way of a wrapper, the finding says that its callers may be others" {
	cd "$BATS_TEST_TMPDIR" || return
	cat >wrapped.c <<-'C'
		#include <pthread.h>
		#include <time.h>
		static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
		static pthread_barrier_t taken;
		#define nap() nanosleep(&(struct timespec){.tv_nsec = 150000000}, 0)
		__attribute__((noinline)) static void grab(void) { pthread_mutex_lock(&m); __asm__(""); }
		__attribute__((noinline)) static void brief(void) { grab(); pthread_mutex_unlock(&m); }
		__attribute__((noinline)) static void sleeper(void) { grab(); nap(); pthread_mutex_unlock(&m); }
		static void *holder(void *arg)
		{
			pthread_mutex_lock(&m);
			pthread_barrier_wait(&taken);
			nap();
			pthread_mutex_unlock(&m);
			return arg;
		}
		int main(void)
		{
			pthread_t t;
			pthread_barrier_init(&taken, 0, 2);
			pthread_create(&t, 0, holder, 0);
			pthread_barrier_wait(&taken);
			/* Waits: the stack of this use is kept. */
			FIRST();
			pthread_join(t, 0);
			/* A fact with a stack of its own: asked for below another lock. */
			pthread_mutex_lock(&other);
			sleeper();
			pthread_mutex_unlock(&other);
			(void)brief;
		}
	C
	cc -g -O1 -pthread -DFIRST=sleeper -o alone wrapped.c
	cc -g -O1 -pthread -DFIRST=brief -o wrapped wrapped.c
	local kept='.findings[] | select(.rule == "lock-held-blocking" and (.title | contains("holds mutex m")) and
		.stacks[0].frames[0].function == "sleeper") | .stacks[1]'
	"$BIN/threadcheck" --fail-on never --report json=alone.json -- ./alone
	assert_json alone.json "$kept"' | .label == "the lock was taken here" and .frames[1].function == "sleeper"'
	"$BIN/threadcheck" --fail-on never --report json=wrapped.json -- ./wrapped
	assert_json wrapped.json "$kept"' | .label == "the lock was taken here, maybe by other callers than these"'
}

@test "the same without the lock is no finding" {
	local kind
	for kind in {0..11}; do
		judged free-blocking kind="$kind"
		assert_empty "$(rules '.rule == "lock-held-blocking"')" "kind $kind"
	done
}

@test "from where on a lock counts as held while blocked can be set" {
	judged held-blocking kind=0
	report --threshold held-blocking=10s --threshold held-blocking-total=10s || [ $? -eq 1 ]
	assert_empty "$(rules '.rule == "lock-held-blocking"')"
}

@test "a program that hangs in input with a lock held is reported while it runs" {
	bg env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$BATS_TEST_TMPDIR/" "$MKTHREADS" held-blocking kind=2 block_us=60000000
	# shellcheck disable=SC2317 # called by poll_until
	seen()
	{
		"$BIN/threadreport" --json "$BATS_TEST_TMPDIR"/*.ttrec >"$REPORT" 2>/dev/null
		[ "$(rules '.rule == "lock-held-blocking"')" = lock-held-blocking ]
	}
	poll_until 60 seen
	assert_json "$REPORT" '.findings[] | select(.rule == "lock-held-blocking") | .title | contains("k_read is blocked in read")'
}

# ------------------------------------------------------------------ conditions

@test "waits that only their deadline ends are a note that says whether signals were made" {
	judged cond-deadlines
	assert_equal "$(rules)" cond-only-timeout
	assert_json "$REPORT" '.findings[0] | .level == "note" and .confidence == "possible" and .evidence.figures.timeouts == 5'
	judged cond-deadlines signals=5
	assert_equal "$(rules)" cond-only-timeout
	assert_json "$REPORT" '.findings[0] | .level == "note" and .evidence.figures.signals == 5 and (.title | endswith("signals may get lost"))'
}

@test "a few short waits that time out are no finding" {
	judged cond-deadlines rounds=2
	assert_empty "$(rules)"
	judged cond-deadlines rounds=2 signals=2 timeout_us=1000
	assert_empty "$(rules)"
}

@test "a consumer whose producer has ended is reported: no thread is left that could wake it" {
	bg env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$BATS_TEST_TMPDIR/" "$MKTHREADS" cond-no-waker --timeout 60
	# shellcheck disable=SC2317 # called by poll_until
	seen()
	{
		"$BIN/threadreport" --json "$BATS_TEST_TMPDIR"/*.ttrec >"$REPORT" 2>/dev/null
		[ "$(rules '.rule == "cond-no-waker"')" = cond-no-waker ]
	}
	poll_until 60 seen
	assert_json "$REPORT" '.findings[] | select(.rule == "cond-no-waker") | .title |
		contains(" waits on cond cond in consumer_main, and no thread is left that could wake it")'
}
