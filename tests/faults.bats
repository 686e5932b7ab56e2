#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2030,SC2031 # each test runs in a subshell and is to have its own values
# Whatever happens to the program or around it: with the shim it prints the same and ends the same as without, and its
# recordings, if it could make any, can be read. Subjects: tests/programs/ordeal_*.

load helpers

setup()
{
	built "$SHIM" "$PROGRAMS/ordeal_procs" "$BIN/threadreport"
	rec=$BATS_TEST_TMPDIR/rec
	mkdir -p "$rec"
	cd "$BATS_TEST_TMPDIR" || return # some recordings are made where the program is
}

teardown()
{
	kill_bg
	if mountpoint -q "$BATS_TEST_TMPDIR/mount" 2>/dev/null; then
		umount -l "$BATS_TEST_TMPDIR/mount"
	fi
}

# readable - every recording (of very many, 20) can be reported on, within 20 seconds and 1 GiB. JSON in report.N.json; how many
# there are in $recordings.
readable()
{
	local file status
	recordings=0
	for file in "$rec"/*; do
		[ -e "$file" ] || continue
		if [ $recordings -lt 20 ]; then
			status=0
			(ulimit -v 1048576 && exec timeout 20 "$BIN/threadreport" --json "$file") \
				>"$BATS_TEST_TMPDIR/report.$recordings.json" 2>"$BATS_TEST_TMPDIR/report.err" || status=$?
			[ $status -le 1 ] || fail "cannot read ${file##*/}: status $status" "$(head -c 500 "$BATS_TEST_TMPDIR/report.err")" ||
				return
		fi
		recordings=$((recordings + 1))
	done
}

# outcome FILE COMMAND... - all that it says, and its status, go to FILE.
outcome()
{
	local file=$1 status=0
	shift
	timeout -k 5 "${TT_HANG_SECONDS:-120}" "$@" >"$file" 2>&1 </dev/null 3>&- 4>&- || status=$?
	echo "status: $status" >>"$file"
}

# alike COMMAND... - once alone, once with the shim. $wrap, an array, comes before both; $before, a function, runs before each.
wrap=()
before=true
alike()
{
	$before
	outcome "$BATS_TEST_TMPDIR/native" "${wrap[@]}" env "$@"
	$before
	outcome "$BATS_TEST_TMPDIR/shim" "${wrap[@]}" env LD_PRELOAD="$SHIM${also:+:$also}" \
		THREADCHECK_OPTIONS="${options-output=$rec/}" "$@"
	grep -q '^status: 0$' "$BATS_TEST_TMPDIR/native" || fail "it fails without the shim:" "$(tail -3 "$BATS_TEST_TMPDIR/native")" ||
		return
	diff -U2 "$BATS_TEST_TMPDIR/native" "$BATS_TEST_TMPDIR/shim" || return
	readable
}

# survives NUMBER PROGRAM SCENARIO [ARGUMENT] - alike, and it leaves at least so many recordings.
survives()
{
	local least=$1 program=$PROGRAMS/$2
	shift 2
	built "$program"
	alike "$program" "$@"
	assert_between "$recordings" "$least" 100000 "number of recordings"
}

# limited LIMITS COMMAND... - under ulimit options, set in a shell of its own.
limited()
{
	local limits=$1
	shift
	wrap=(sh -c "ulimit $limits && exec \"\$@\"" sh)
	alike "$@"
}

# ------------------------------------------------------------------ signals, jumps, foreign stacks

@test "handlers may post semaphores while every kind of lock call is being recorded" {
	survives 1 ordeal_signals storm
}

@test "a handler may post the semaphore that its thread holds and is about to give back, at every instruction of that" {
	[ "$(uname -m)" = x86_64 ] || skip "single steps are known for x86-64 only"
	options="output=$rec/:max-size=4M" survives 1 ordeal_signals post-in-post
}

@test "handlers may lock, on a stack of their own" {
	survives 1 ordeal_signals altstack
}

@test "handlers may lock, on a stack that lies inside the one they interrupt" {
	survives 1 ordeal_signals inner-altstack
	# What interrupts the recorder is counted, not mistaken for a thread that left it: 1,500 to 4,200 were, 5 to 400 would be.
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '[.dropped.counters[] | select(.what | test("signal handler")).count] | add > 800'
}

@test "a handler may leave by siglongjmp out of any lock call, again and again" {
	survives 1 ordeal_signals siglongjmp
	# Afterwards nearly everything is recorded again.
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '(.dropped.counters | map(.count) | add // 0) * 100 < .summary.operations'
	# A handler that runs before its thread's first instruction makes no second thread of it.
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '.processes[0] | .threads_created == 3 and .threads_peak == 4'
}

@test "coroutines may wait for locks, on stacks anywhere" {
	survives 1 ordeal_signals coroutines
	survives 1 ordeal_signals inner-coroutines
}

@test "threads are cancelled in the middle of waits, thousands of times" {
	survives 1 ordeal_signals cancel
}

@test "threads are cancelled asynchronously in the middle of lock calls" {
	survives 1 ordeal_signals async-cancel
}

# ------------------------------------------------------------------ processes, threads of other kinds

@test "a threaded process may fork a thousand times; children that only lock leave no file" {
	survives 1 ordeal_procs fork-loop 1000
	assert_equal "$(find "$rec" -type f | wc -l)" 1 "number of recordings"
}

@test "children of children record for themselves, up to the limit of recordings" {
	survives 13 ordeal_procs fork-tree
	rm -f "$rec"/*
	options="output=$rec/:max-processes=5" survives 1 ordeal_procs fork-tree
	assert_equal "$(find "$rec" -type f | wc -l)" 5 "number of recordings"
}

@test "children are forked by bare system calls" {
	survives 51 ordeal_procs raw-fork
}

@test "vfork and exec, failed and successful, leave the parent's recording alone" {
	survives 1 ordeal_procs vfork-exec
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '.processes[0].exit.kind == "exited"'
}

@test "a daemon that forks twice and closes all descriptors is recorded" {
	survives 2 ordeal_procs daemon
}

@test "threads made by bare clone do not disturb" {
	survives 1 ordeal_procs raw-clone
}

@test "main may end before its threads, and a thread may end the process" {
	survives 1 ordeal_procs exit-main
	survives 1 ordeal_procs exit-thread
}

@test "real-time threads run" {
	[ "$(ulimit -r)" != 0 ] || require_root
	survives 1 ordeal_procs fifo
}

# ------------------------------------------------------------------ surroundings

@test "a full disk, at the start or in the middle, costs the program nothing" {
	require_root
	local size
	mkdir "$BATS_TEST_TMPDIR/mount"
	rec=$BATS_TEST_TMPDIR/mount
	before=emptied
	emptied()
	{
		rm -f "$rec"/*
	}
	for size in 4k 128k 256k 512k 1m 3m; do
		mount -t tmpfs -o size=$size,mode=700 none "$rec"
		survives 0 ordeal_scale many-locks
		[[ $size != *k || $size = 4k ]] || assert_json "$BATS_TEST_TMPDIR/report.0.json" '.dropped.any'
		survives 0 ordeal_scale short-threads 5000
		survives 0 ordeal_scale nested
		survives 0 ordeal_procs fork-tree
		survives 0 ordeal_signals storm
		umount "$rec"
	done
}

@test "a folder that cannot be written, or is not there, means no recording" {
	require_root
	options=output=/nonexistent/folder/ survives 0 ordeal_procs plain
	mkdir "$BATS_TEST_TMPDIR/mount"
	mount -t tmpfs -o size=1m none "$BATS_TEST_TMPDIR/mount"
	mount -o remount,ro "$BATS_TEST_TMPDIR/mount"
	options=output=$BATS_TEST_TMPDIR/mount/ survives 0 ordeal_procs plain
	umount "$BATS_TEST_TMPDIR/mount"
	assert_equal "$(find "$rec" -type f | wc -l)" 0 "number of recordings"
}

@test "a limit on file sizes never raises SIGXFSZ" {
	local kib
	for kib in 1 8 128 1023 1024 2048 5000; do
		# The shell counts blocks of 512 bytes.
		limited "-f $((2 * kib))" "$PROGRAMS/ordeal_procs" plain
	done
	survives 1 ordeal_procs limits
}

@test "of a limited address space the program keeps what it needs" {
	local kib
	built "$PROGRAMS/ordeal_scale"
	for kib in 25000 40000 100000 400000; do
		limited "-v $kib" "$PROGRAMS/ordeal_scale" memory-limit $((kib * 7 / 8 / 1024 - 16))
		assert_equal "$recordings" 1 "number of recordings at $kib KiB"
		rm -f "$rec"/*
	done
}

@test "no free descriptor means no recording; closed ones do not matter" {
	limited "-n 4" "$PROGRAMS/ordeal_procs" plain
	wrap=()
	survives 0 ordeal_procs full-fds
	survives 1 ordeal_procs closed-fds
}

@test "stack limits from tiny to none" {
	local limit
	for limit in 100 1000 1000000 unlimited; do
		limited "-s $limit" "$PROGRAMS/ordeal_signals" coroutines
		limited "-s $limit" "$PROGRAMS/ordeal_procs" fork-tree
	done
}

@test "chroot and loss of privileges, before the first lock and after" {
	require_root
	mkdir -m 755 "$BATS_TEST_TMPDIR/root"
	survives 1 ordeal_procs chroot "$BATS_TEST_TMPDIR/root"
	survives 1 ordeal_procs chroot-first "$BATS_TEST_TMPDIR/root"
	assert_equal "$(find "$BATS_TEST_TMPDIR/root" -type f | wc -l)" 0 "files in the new root"
}

@test "children of a process that gave up its privileges record into the folder of the new user, or are counted" {
	require_root
	local already theirs=/dev/shm/threadcheck-65534
	survives 1 ordeal_procs privileges
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '.dropped.problems | map(select(.text | test("^3 forked children could not"))) | length == 1'
	assert_equal "$recordings" 1 "number of recordings in a folder of root"
	mkdir -m 700 "$BATS_TEST_TMPDIR/run"
	already=$(find $theirs -name 'ordeal_procs.*' 2>/dev/null | wc -l)
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	options="" survives 0 ordeal_procs privileges
	assert_equal "$(find "$BATS_TEST_TMPDIR/run/threadcheck" -type f | wc -l)" 1 "number of recordings of root"
	assert_equal "$(find $theirs -name 'ordeal_procs.*' | wc -l)" $((already + 3)) "number of recordings of the new user"
	find $theirs -name 'ordeal_procs.*' -newer "$BATS_TEST_TMPDIR/run" -delete
}

@test "a program that locks its memory takes none for what the recording does not use" {
	require_root
	local name
	# On tmpfs, where recordings are, a page that is only read takes memory too.
	mkdir "$BATS_TEST_TMPDIR/mount"
	rec=$BATS_TEST_TMPDIR/mount
	mount -t tmpfs -o size=256m,mode=700 none "$rec"
	for name in mlock mlock-first; do
		rm -f "$rec"/*
		survives 1 ordeal_procs $name
		assert_between "$(du -k "$rec" | cut -f1)" 128 4096 "KiB of the recording after $name"
	done
}

@test "the limit of recordings holds for programs that are executed too" {
	run env THREADCHECK_OPTIONS=max-processes=5 "$BIN/threadcheck" --quiet -o "$rec/" -- \
		sh -c 'for i in 1 2 3 4 5 6 7 8; do "$1" plain || exit; done' sh "$PROGRAMS/ordeal_procs"
	assert_status 0
	assert_between "$(find "$rec" -type f | wc -l)" 4 5 "number of recordings"
}

@test "a program whose name begins with a dot leaves a recording that is listed" {
	cp "$PROGRAMS/ordeal_procs" "$BATS_TEST_TMPDIR/.hidden"
	alike "$BATS_TEST_TMPDIR/.hidden" plain
	run -0 threadreport --folder "$rec" --list
	assert_contains "$output" "hidden.$(basename "$rec"/*.ttrec | cut -d. -f2)."
}

@test "a recording removed under a running program goes on without a name" {
	survives 0 ordeal_procs unlinked "$rec"
}

@test "a program in a directory that was removed" {
	survives 1 ordeal_procs no-directory
	# A relative folder has no place then: nothing may appear at the root instead.
	options=output=ordeal-folder/ survives 0 ordeal_procs no-directory
	options=output=ordeal-file survives 0 ordeal_procs no-directory
	assert_equal "$(ls -d /ordeal-f* 2>/dev/null)" "" "files at the root"
}

@test "a path that is too long means no recording, not one elsewhere" {
	local deep i
	deep=$BATS_TEST_TMPDIR/$(printf 'd%.0s' {1..200})
	for i in 1 2 3 4; do
		deep=$deep/$(printf 'd%.0s' {1..200})
	done
	mkdir -p "$deep"
	cd "$deep"
	options="output=$(printf 'e%.0s' {1..200})" survives 0 ordeal_procs plain
	options="output=$(printf 'e%.0s' {1..600})" survives 0 ordeal_procs plain
	assert_equal "$(find "$BATS_TEST_TMPDIR/$(printf 'd%.0s' {1..200})" -type f | wc -l)" 0 "number of recordings"
}

@test "without /proc a recording is made all the same" {
	require_root
	require unshare
	unshare -m sh -c 'umount -l /proc' 2>/dev/null || skip "no mount namespace here in which /proc could be taken away"
	wrap=(unshare -m sh -c 'umount -l /proc && exec "$@"' sh)
	survives 1 ordeal_procs plain
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '.processes[0].threads_created == 80'
}

@test "a set-user-id program is left alone, and a static one does not notice" {
	require_root
	cp "$PROGRAMS/ordeal_procs" "$BATS_TEST_TMPDIR/setuid"
	chown nobody "$BATS_TEST_TMPDIR/setuid"
	chmod u+s,a+rx "$BATS_TEST_TMPDIR/setuid"
	chmod a+x "$BATS_TEST_TMPDIR"
	# The loader may say that it ignores the library.
	outcome "$BATS_TEST_TMPDIR/out" env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$rec/" "$BATS_TEST_TMPDIR/setuid" plain
	assert_matches "$(cat "$BATS_TEST_TMPDIR/out")" 'plain: survived.*status: 0'
	assert_equal "$(find "$rec" -type f | wc -l)" 0 "recordings of a set-user-id program"

	"${CC:-gcc}" -D_GNU_SOURCE -O2 -static -pthread -w -o "$BATS_TEST_TMPDIR/static" \
		"$TOP/tests/programs/ordeal_procs.c" 2>/dev/null || skip "cannot link static programs"
	alike "$BATS_TEST_TMPDIR/static" plain
	assert_equal "$recordings" 0 "recordings of a static program"
}

@test "a 32-bit program runs, with a word of the loader" {
	"${CC:-gcc}" -D_GNU_SOURCE -m32 -O2 -pthread -w -o "$BATS_TEST_TMPDIR/small" \
		"$TOP/tests/programs/ordeal_procs.c" 2>/dev/null || skip "no 32-bit libraries for the compiler"
	outcome "$BATS_TEST_TMPDIR/out" env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$rec/" "$BATS_TEST_TMPDIR/small" plain
	assert_matches "$(cat "$BATS_TEST_TMPDIR/out")" 'plain: survived.*status: 0'
}

@test "nobody else can read a recording, whatever the umask" {
	wrap=(sh -c 'umask 0 && exec "$@"' sh)
	survives 1 ordeal_procs plain
	assert_equal "$(find "$rec" -type f -perm /077)" "" "recordings that others may use"
}

@test "an existing file is not written to, and a link is not followed" {
	local name=$BATS_TEST_TMPDIR/victim
	echo precious >"$name"
	chmod 666 "$name"
	options=output=$name alike "$PROGRAMS/ordeal_procs" plain
	assert_equal "$(cat "$name")" precious
	rm -f "$name".*
	ln -s "$BATS_TEST_TMPDIR/target" "$name.link"
	options=output=$name.link alike "$PROGRAMS/ordeal_procs" plain
	[ ! -e "$BATS_TEST_TMPDIR/target" ] || fail "it wrote through a link"
}

@test "programs that are started inherit the preload and its options" {
	run -0 env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$rec/" sh -c 'sh -c "env; exit"'
	assert_contains "$output" "LD_PRELOAD=$SHIM"
	assert_contains "$output" "THREADCHECK_OPTIONS=output=$rec/"
}

@test "whatever THREADCHECK_OPTIONS holds, the program says and does the same" {
	cd "$rec"
	local text
	for text in '' : = ::==::== output output= output=: "output='" 'output="x' 'output=%' 'output=%n%s%d%%%e%p%h%t%' \
		output=/ output=// output=/dev/full/ output=/proc/self/x output=. output=.. "output=./" \
		output=x:output=y:output=z max-size=0 max-size=1 max-size=99999999999999999999 max-size=-1 max-size=32G \
		max-size=1M:events=1G events=0 events=1 hold=0 hold=exact hold=99999999 hold=nonsense stack-depth=0 \
		stack-depth=1 stack-depth=4000000000 loop-stall=0 loop-stall=1e9 follow=maybe follow=no max-processes=0 \
		direct=no root=1 "$(printf '=:%.0s' {1..5000})" "$(printf 'a%.0s' {1..100000})" $'output=\x01\x02\n\xff' \
		"$(printf 'output=x:%.0s' {1..2000})"; do
		options=$text alike "$PROGRAMS/ordeal_procs" plain
	done
	# A device is not taken for a file, and a folder for what it is.
	options=output=/dev/null alike "$PROGRAMS/ordeal_procs" plain
	[ -c /dev/null ]
	assert_equal "$(find /dev -maxdepth 1 -name 'null.*')" "" "files beside /dev/null"
	mkdir "$BATS_TEST_TMPDIR/folder"
	options=output=$BATS_TEST_TMPDIR/folder alike "$PROGRAMS/ordeal_procs" plain
	assert_equal "$(find "$BATS_TEST_TMPDIR" -path '*/folder/ordeal_procs.*' | wc -l)" 1 "recordings in a folder"
	assert_equal "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'folder.*')" "" "files beside a folder"
}

@test "other preloaded libraries, before and behind" {
	local other name ours=$SHIM
	local words
	local -a scenario=()
	for name in libjemalloc.so.2 libtcmalloc_minimal.so.4; do
		other=$(ldconfig -p | awk -v name="$name" '$1 == name { print $NF; exit }')
		[ -n "$other" ] || continue
		for words in "ordeal_scale malloc" "ordeal_scale destructors 4000" "ordeal_procs fork-tree" "ordeal_signals storm"; do
			read -ra scenario <<<"$words"
			rm -f "$rec"/*
			SHIM=$ours also=$other survives 1 "${scenario[@]}"
			SHIM=$other also=$ours survives 1 "${scenario[@]}"
		done
	done
	[ ${#scenario[@]} -gt 0 ] || skip "neither jemalloc nor tcmalloc is installed"
}

@test "glibc's debugging allocator, before and behind" {
	local debug ours=$SHIM
	debug=$(ldconfig -p | awk '$1 == "libc_malloc_debug.so.0" { print $NF; exit }')
	[ -n "$debug" ] || skip "libc_malloc_debug.so.0 is not installed"
	export GLIBC_TUNABLES=glibc.malloc.check=3
	SHIM=$ours also=$debug survives 1 ordeal_scale malloc
	SHIM=$debug also=$ours survives 1 ordeal_scale malloc
}

@test "programs built with a sanitizer run, are recorded, and keep what it finds" {
	local name
	for name in thread address undefined; do
		"${CC:-gcc}" -D_GNU_SOURCE -O1 -pthread -w -fsanitize=$name -o "$BATS_TEST_TMPDIR/$name" \
			"$TOP/tests/programs/ordeal_procs.c" 2>/dev/null || skip "no $name sanitizer"
		# libasan wants to be the first library, and says so; threadcheck sets this.
		export ASAN_OPTIONS=verify_asan_link_order=0
		rm -f "$rec"/*
		alike "$BATS_TEST_TMPDIR/$name" plain
		assert_equal "$recordings" 1 "recordings with -fsanitize=$name"
		unset ASAN_OPTIONS
		run -0 "$BIN/threadcheck" --quiet -o "$BATS_TEST_TMPDIR/$name.ttrec" -- "$BATS_TEST_TMPDIR/$name" plain
		assert_equal "$output" "plain: survived"
	done
}

@test "symbols that are all bound at the start" {
	LD_BIND_NOW=1 survives 1 ordeal_procs fork-tree
}

@test "a program in a sandbox of seccomp makes no system call that it would not make alone" {
	local name
	built "$PROGRAMS/ordeal_sandbox"
	"$PROGRAMS/ordeal_sandbox" filter >/dev/null || skip "this system refuses seccomp filters"
	for name in filter filter-threads filter-fork child strict no-clock; do
		survives 1 ordeal_sandbox $name
		rm -f "$rec"/*
		survives 0 ordeal_sandbox $name first
		assert_equal "$recordings" 0 "recordings begun inside the sandbox"
	done
}

# ------------------------------------------------------------------ very many, very deep, very small, very short

@test "50,000 short threads, joined and detached, leave nothing behind" {
	survives 1 ordeal_scale short-threads 50000
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '.processes[0].threads_created == 50000 and (.dropped.any | not)'
	assert_between "$(du -k "$rec" | cut -f1)" 1 16384 "KiB of the recording"
}

@test "locks nested in destructors of thread data cost no memory for good" {
	survives 1 ordeal_scale destructors
}

@test "5,000 threads alive" {
	[ "$(cat /proc/sys/kernel/threads-max)" -gt 20000 ] || skip "the system allows fewer threads"
	survives 1 ordeal_scale live-threads 5000
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '.processes[0].threads_peak == 5001 and (.dropped.any | not)'
}

@test "threads with the smallest stacks wait for locks" {
	survives 1 ordeal_scale small-stacks
}

@test "a thread may free the memory of its own pthread_t before pthread_create returns" {
	survives 1 ordeal_scale create-unmap
}

@test "64 and 1,000 nested locks are recorded; more than that are counted as not recorded" {
	survives 1 ordeal_scale nested
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '.dropped.counters | length == 1 and (.[0].what | test("held"))'
}

@test "10,000 locks" {
	survives 1 ordeal_scale many-locks
	assert_json "$BATS_TEST_TMPDIR/report.0.json" '(.locks | length) >= 10000 and ([.locks[].acquisitions] | add) == 200000'
}

@test "a lock's memory is unmapped as soon as the next holder lets go of it" {
	survives 1 ordeal_scale unlock-unmap
}

@test "no lock is touched after the very instruction that releases it" {
	[ "$(uname -m)" = x86_64 ] || skip "needs the trap flag of x86-64"
	survives 1 unlock_steps
	refute_contains "$(cat "$BATS_TEST_TMPDIR/shim")" TOUCHED
	refute_contains "$(cat "$BATS_TEST_TMPDIR/shim")" "NOT STEPPED"
}

@test "memory that holds locks is freed, moved and used again all the time" {
	survives 1 ordeal_scale malloc
}

@test "libraries with locks come and go, or are too many" {
	local i
	built "$PROGRAMS/ordeal_locks.so"
	survives 1 ordeal_scale dlopen "$PROGRAMS/ordeal_locks.so"
	rm -f "$rec"/*
	mkdir "$BATS_TEST_TMPDIR/modules"
	for i in {0..599}; do
		cp "$PROGRAMS/ordeal_locks.so" "$BATS_TEST_TMPDIR/modules/$i.so"
	done
	survives 1 ordeal_scale many-modules "$BATS_TEST_TMPDIR/modules"
}
