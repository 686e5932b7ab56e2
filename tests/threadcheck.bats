#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# threadcheck.bats - the launcher: it must not be noticed by the program, nor by who started it, until it reports.

load helpers

setup()
{
	built "$BIN/threadcheck" "$SHIM" "$MKTHREADS"
	cd "$BATS_TEST_TMPDIR"
	mkdir run
	export XDG_RUNTIME_DIR=$PWD/run # where --keep puts recordings
}

teardown()
{
	kill_bg
}

# layout DIR - the tool and its library as they lie when installed below DIR.
layout()
{
	mkdir -p "$1/bin" "$1/lib/threadtools"
	cp "$BIN/threadcheck" "$1/bin"
	cp "$SHIM" "$1/lib/threadtools"
}

# compiled NAME [FLAG...] - a program from the source on standard input.
compiled()
{
	cc -x c -o "$1" - "${@:2}"
}

# ------------------------------------------------------------------ status

@test "the exit status is that of the program" {
	local status_wanted
	for status_wanted in 0 1 3 66 255; do
		run threadcheck -q -- sh -c "exit $status_wanted"
		assert_status $status_wanted
	done
}

@test "a program that is killed gives 128 and the signal's number" {
	run threadcheck -q -- "$MKTHREADS" exit-kinds kind=3
	assert_status 137
	run threadcheck -q -- "$MKTHREADS" exit-kinds kind=2
	assert_status 134
}

@test "findings fail only a program that succeeded, with the status that was asked for" {
	run threadcheck -q -- "$MKTHREADS" leaked-thread
	assert_status 66
	run threadcheck -q --error-exitcode 9 -- "$MKTHREADS" leaked-thread
	assert_status 9
	run threadcheck -q -- sh -c "$MKTHREADS leaked-thread >/dev/null; exit 4"
	assert_status 4
	run threadcheck -q --fail-on never -- "$MKTHREADS" leaked-thread
	assert_status 0
}

@test "--fail-on says which level of findings fails the program" {
	run threadcheck -q -- "$MKTHREADS" contended-mutex
	assert_status 0
	run threadcheck -q --fail-on warning -- "$MKTHREADS" contended-mutex
	assert_status 66
}

@test "a command that is not found gives 127, one that cannot be run 126, and neither is run" {
	run -127 threadcheck -- no-such-command
	assert_status 127
	assert_equal "$output" "threadcheck: cannot run 'no-such-command': No such file or directory"
	run -127 threadcheck -- ./nowhere/x
	assert_status 127
	echo text >plain
	run threadcheck -- ./plain
	assert_status 126
	assert_equal "$output" "threadcheck: cannot run './plain': Permission denied"
	run threadcheck -- "$BATS_TEST_TMPDIR"
	assert_status 126
}

@test "the file of a command is searched for as a shell does, and without a first line it is a shell script" {
	mkdir first second
	echo 'exit 1' >first/tool # not executable
	printf 'echo "$0 $*"\nexit 4\n' >second/tool
	chmod +x second/tool
	PATH=$PWD/first:$PWD/second:$PATH run threadcheck -q -- tool a 'b c'
	assert_status 4
	assert_equal "$output" "$PWD/second/tool a b c"
	cd second
	PATH=:/usr/bin:/bin run "$BIN/threadcheck" -q -- tool
	assert_equal "$output" "./tool "
}

@test "wrong use and trouble of its own give 2, before the program runs" {
	run threadcheck
	assert_status 2
	local wrong
	for wrong in --report=nonsense --report=json=/nowhere/x --output=/nowhere/x/ --section=none --hold=maybe --timeout=soon \
		--threshold=x=1 --stack-depth=41; do
		run threadcheck $wrong -- touch ran
		assert_status 2
		[ ! -e ran ] || fail "ran with $wrong"
	done
	THREADCHECK_LIBRARY=/nowhere.so run threadcheck -- touch ran
	assert_status 2
	assert_contains "$output" "cannot open '/nowhere.so' (THREADCHECK_LIBRARY): No such file or directory"
	THREADCHECK_LIBRARY=$BIN/threadcheck run threadcheck -- touch ran
	assert_status 2
	assert_contains "$output" "is not a library of this machine"
	local length
	for length in 0 3 17 63; do
		head -c $length "$SHIM" >cut.so
		THREADCHECK_LIBRARY=cut.so run threadcheck -- touch ran
		assert_status 2
		assert_contains "$output" "is not a library of this machine"
	done
	[ ! -e ran ]
}

@test "a report that cannot be written fails a program that succeeded, but not the status of one that did not" {
	run threadcheck --report json=/dev/full -- true
	assert_status 2
	assert_contains "$output" "No space left on device"
	run threadcheck --report json=/dev/full -- sh -c 'exit 5'
	assert_status 5
}

# ------------------------------------------------------------------ output

@test "the program's own output and input are untouched; the report goes to standard error" {
	printf 'a\0b\nno newline' >in
	run --separate-stderr threadcheck -- sh -c 'cat >got; printf "out\n"; printf "err\n" >&2' <in
	cmp in got
	assert_equal "$output" out
	assert_matches "$stderr" '^err'
	assert_contains "$stderr" "Nothing found"
	run --separate-stderr threadcheck -q -- sh -c 'printf "err\n" >&2'
	assert_equal "$stderr" err
}

@test "reports are written as asked for, repeatedly, each into its file" {
	run --separate-stderr threadcheck --report text=r.txt --report json=r.json --report=json=again.json -- "$MKTHREADS" contended-mutex
	assert_status 0
	assert_equal "$stderr" "" "stderr: the text was not asked for there"
	assert_contains "$(cat r.txt)" lock-contention
	validate_json r.json report-1.json
	assert_json r.json '.tool.name == "threadcheck" and (.locks | length) > 0 and .processes[0].exit == {kind: "exited", status: 0}'
	cmp r.json again.json
	run --separate-stderr threadcheck --json -- true
	jq -e .schema <<<"$stderr"
}

@test "options of the report select and order as in threadreport" {
	run --separate-stderr threadcheck --section summary -- "$MKTHREADS" contended-mutex
	refute_contains "$stderr" "Findings"
	run --separate-stderr threadcheck --threshold contention-count=1000 --fail-on warning -- "$MKTHREADS" contended-mutex
	refute_contains "$stderr" "lock-contention"
	run threadcheck --list-formats
	assert_status 0
	assert_matches "$output" '^text +'
}

@test "a standard stream that is closed is closed for the program, and no file takes its place" {
	local look='import os; os.write(9, b"".join(b"%d " % fd for fd in range(9) if os.path.exists("/proc/self/fd/%d" % fd)))'
	/usr/bin/python3 -c "$look" 9>native <&- >&- 2>&-
	threadcheck --report text=r.txt -- /usr/bin/python3 -c "$look" 9>ours <&- >&- 2>&-
	diff native ours
	[ -s r.txt ]
}

@test "a terminal or pipe that the program left non-blocking still gets the whole report" {
	threadcheck -- /usr/bin/python3 -c 'import os; os.set_blocking(2, False)' 2> >(cat >got)
	poll_until 60 grep -q "Not seen" got
}

# ------------------------------------------------------------------ what the program sees

@test "the program sees the descriptors, signal mask and dispositions that it would see without" {
	local look='ls /proc/$$/fd; grep -E "^(Sig(Blk|Ign|Cgt)|NoNewPrivs)" /proc/self/status'
	sh -c "$look" >native
	threadcheck -q -- sh -c "$look" >ours
	diff native ours
	(
		trap '' CHLD INT HUP USR1
		sh -c "$look" >native
		threadcheck -q -- sh -c "$look; exit 3" >ours && echo "status lost" >>ours
		:
	)
	diff native ours
}

@test "what others put into LD_PRELOAD stays there, behind the library" {
	! ldd "$BIN/threadcheck" | grep -q libasan || skip "a tool with a sanitizer refuses other preloads"
	LD_PRELOAD=libm.so.6 run threadcheck -q -- sh -c 'echo "$LD_PRELOAD"'
	assert_equal "$output" "$SHIM:libm.so.6"
	LD_PRELOAD=$SHIM:libm.so.6 run threadcheck -q -- sh -c 'echo "$LD_PRELOAD"'
	assert_equal "$output" "$SHIM:libm.so.6"
}

@test "the user's own THREADCHECK_OPTIONS are kept, and options of the command line win over them" {
	THREADCHECK_OPTIONS="output=$PWD/elsewhere/:stack-depth=5:hold=exact:root=1" \
		run threadcheck -q --stack-depth 7 --events 1M -- sh -c 'echo "$THREADCHECK_OPTIONS"'
	assert_matches "$output" '^stack-depth=5:hold=exact:stack-depth=7:events=1048576:output="/[^":]*/":root=[0-9]+$'
	[ ! -e elsewhere ]
	THREADCHECK_OPTIONS="max-processes=7:x='a:output=b':y" run threadcheck -q -- sh -c 'echo "$THREADCHECK_OPTIONS"'
	assert_matches "$output" "^max-processes=7:x='a:output=b':y:output="
	THREADCHECK_OPTIONS='stack-depth="5' run threadcheck -- true
	assert_status 2
	assert_contains "$output" "a quote in THREADCHECK_OPTIONS is not closed"
}

@test "settings of the shim on the command line reach the recording" {
	threadcheck -q --hold exact --stack-depth 3 --max-size 8M --loop-stall 5ms --report json=r.json -- "$MKTHREADS" contended-mutex
	assert_json r.json '.processes[0].options | contains("hold=exact") and contains("stack-depth=3") and contains("max-size=8388608") and contains("loop-stall=5000000ns")'
}

# ------------------------------------------------------------------ where the library is

@test "the library is found beside an installed tool, from any directory and through links" {
	layout inst
	mkdir links
	ln -s ../inst/bin/threadcheck links/tc
	cd links
	run ./tc -q -- sh -c 'echo "$LD_PRELOAD"'
	assert_equal "$output" "$BATS_TEST_TMPDIR/inst/lib/threadtools/libthreadcheck.so"
}

@test "a library in a folder whose name LD_PRELOAD cannot hold is preloaded all the same" {
	layout "a b:c"
	"a b:c/bin/threadcheck" -q --report json=r.json -- "$MKTHREADS" contended-mutex
	assert_json r.json '.locks | length > 0'
}

@test "THREADCHECK_LIBRARY names another library" {
	cp "$SHIM" other.so
	THREADCHECK_LIBRARY=other.so run threadcheck -q -- sh -c 'echo "$LD_PRELOAD"'
	assert_equal "$output" "$PWD/other.so"
}

# ------------------------------------------------------------------ recordings

# session - prints the folder that a run recorded into.
session_of()
{
	"$@" -q -- sh -c 'echo "$THREADCHECK_OPTIONS"' | sed 's/.*output="\([^"]*\)\/".*/\1/'
}

@test "nothing is left behind unless it is asked for" {
	local dir
	dir=$(session_of threadcheck)
	[ -n "$dir" ] && [ ! -e "$dir" ]
	assert_empty "$(find . -name '*.ttrec')"
}

@test "what a killed threadcheck left is swept away by the next one" {
	mkfifo ready
	bg threadcheck -q -- sh -c 'echo "$THREADCHECK_OPTIONS $$" >ready; exec sleep 1000'
	local line dir
	read -r line <ready
	dir=$(sed 's/.*output="\([^"]*\)\/".*/\1/' <<<"$line")
	[ -d "$dir" ]
	threadcheck -q -- true
	[ -d "$dir" ] || fail "swept while in use"
	kill -KILL "$bg_pid" "${line##* }"
	poll_until 60 gone "${line##* }"
	threadcheck -q -- true
	[ ! -e "$dir" ]
}

@test "-o keeps the recordings, in a folder under their names or in a file, and --keep where threadreport looks" {
	run threadcheck --section summary -o recs/ -- "$MKTHREADS" fork-child
	assert_contains "$output" "threadcheck: 2 recordings are kept: 'recs/mkthreads."
	assert_equal "$(find recs -name 'mkthreads.*.ttrec' | wc -l)" 2
	threadcheck -q -o one.ttrec -- "$MKTHREADS" contended-mutex
	threadreport --json one.ttrec >r.json
	assert_json r.json '.locks | length > 0'
	threadcheck -q -o both.ttrec -- "$MKTHREADS" fork-child
	[ -s both.ttrec ] && [ -s both.ttrec.2 ]
	threadcheck -q --keep -- "$MKTHREADS" contended-mutex
	assert_equal "$(stat -c %a run/threadcheck)" 700
	threadreport --list | grep -q contended-mutex
}

@test "a kept recording takes no more room than what it holds" {
	threadcheck -q -o one.ttrec -- "$MKTHREADS" contended-mutex
	assert_between "$(stat -c %s one.ttrec)" 10000 1000000 "bytes"
	assert_equal "$(stat -c %a one.ttrec)" 600
}

@test "recordings that cannot be kept are left where they are, and that is said" {
	require_root
	mkdir small
	mount -t tmpfs -o size=8k none small 2>/dev/null || skip "cannot mount"
	run threadcheck -q -o small/ -- "$MKTHREADS" contended-mutex
	umount small
	assert_status 2
	assert_matches "$output" "cannot write 'small/.*: No space left on device \\(the recordings are left in '(/[^']*)'\\)"
	local dir=${BASH_REMATCH[1]}
	threadreport --json "$dir" >r.json
	rm -r "$dir"
	assert_json r.json '.locks | length > 0'
}

# ------------------------------------------------------------------ several processes

@test "children are recorded too, and not with --no-follow-children" {
	threadcheck -q --report json=r.json -- "$MKTHREADS" fork-child
	assert_json r.json '.processes | length == 2'
	threadcheck -q --no-follow-children --report json=r.json -- "$MKTHREADS" fork-child
	assert_json r.json '.processes | length == 1'
}

@test "many short children of one program are one program in the report" {
	run --separate-stderr threadcheck --report text --report json=r.json -- sh -c "for i in \$(seq 40); do $MKTHREADS leaked-thread threads=1; done"
	assert_status 66
	assert_contains "$stderr" "processes of 2 programs"
	assert_json r.json '[.processes[] | select(.exe | endswith("mkthreads"))] | length == 40'
	assert_json r.json '[.findings[] | select(.rule == "thread-leak-unjoined")] | length == 1'
}

@test "a program that replaces itself is one process with several recordings; steps that did nothing are left out" {
	threadcheck -q --report json=r.json -- env A=1 sh -c "exec $MKTHREADS exec"
	assert_json r.json '[.processes[].pid] | unique | length == 1'
	assert_json r.json '.processes[-1].command | tostring | contains("uncontended-mutex")'
	assert_json r.json 'all(.processes[]; .exe | endswith("/env") | not)'
}

@test "a program that closes all descriptors, leaves its directory or its root is recorded to its end" {
	local scenario
	for scenario in close-all-fds chdir; do
		threadcheck -q --report json=r.json -- "$MKTHREADS" $scenario >truth.json
		assert_json r.json ".locks[0].acquisitions == $(json truth.json '.locks[0].acquisitions')"
	done
	require_root
	threadcheck -q --report json=r.json -- "$MKTHREADS" chdir chroot=1 >truth.json
	rmdir "$(json truth.json .facts.left_behind)"
	assert_json r.json ".locks[0].acquisitions == $(json truth.json '.locks[0].acquisitions')"
}

@test "a daemon that lives on is reported as it is, and --wait-all waits for it" {
	run --separate-stderr threadcheck --report text --report json=r.json -- "$MKTHREADS" daemonise hold_us=600000
	assert_status 0
	assert_contains "$stderr" "1 process of it still runs"
	assert_json r.json 'any(.processes[]; .exit.kind == "running")'
	run --separate-stderr threadcheck --wait-all -- sh -c '(setsid sh -c "while [ ! -e go ]; do sleep 0.01; done; touch finished" &); (while [ -e /proc/$$ ]; do sleep 0.01; done; touch go) & exit 6'
	assert_status 6
	[ -e finished ] || fail "did not wait"
}

@test "a program that began as root and gave that up goes on recording" {
	require_root
	require setpriv
	local dir
	dir=$(mktemp -d /tmp/threadcheck-test.XXXXXX)
	chmod 755 "$dir"
	layout "$dir"
	cp "$MKTHREADS" "$dir"
	chmod -R a+rX "$dir"
	"$dir/bin/threadcheck" -q --report json=r.json -- setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/mkthreads" contended-mutex
	rm -r "$dir"
	assert_json r.json '.locks | length > 0'
}

# ------------------------------------------------------------------ programs that cannot be seen

@test "a static program runs unharmed, and the report says why nothing of it was recorded" {
	require cc
	echo 'int main(void) { return 5; }' | compiled static -static
	printf '#!%s\n' "$PWD/static" >script
	chmod +x script
	local program
	for program in static script; do
		run threadcheck --report text --report json=r.json -- ./$program
		assert_status 5
		assert_contains "$output" "statically linked"
		assert_json r.json '.findings[0].rule == "invisible-locking" and .processes == []'
	done
}

@test "a program for another C library or word size runs unharmed, and the report says why it was not recorded" {
	require musl-gcc
	echo 'int puts(const char *); int main(void) { puts("ran"); return 5; }' >p.c
	musl-gcc -o musl p.c
	run threadcheck -- ./musl
	assert_status 5
	assert_equal "${lines[0]}" ran
	assert_contains "$output" "musl"
	run threadcheck -q -- ./musl
	assert_equal "$output" ran
}

@test "a program with other privileges than the user's is said to be out of sight" {
	require_root
	require setpriv
	local dir
	dir=$(mktemp -d /tmp/threadcheck-test.XXXXXX)
	chmod 755 "$dir"
	layout "$dir"
	cp "$MKTHREADS" "$dir"
	chmod -R a+rX "$dir"
	chmod u+s "$dir/mkthreads"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/bin/threadcheck" -- "$dir/mkthreads" uncontended-mutex
	rm -r "$dir"
	assert_status 0
	assert_contains "$output" "runs with other privileges than yours"
}

@test "a program that ends in one that cannot be seen is not taken for seen" {
	require cc
	echo 'int main(void) { return 0; }' | compiled static -static
	run threadcheck -- sh -c 'exec ./static'
	assert_status 0
	assert_contains "$output" "replaced itself by another one, which left no recording"
}

# ------------------------------------------------------------------ signals and time

@test "signals sent to threadcheck reach the program, and the report is printed after them" {
	cat >program <<-'SH'
		for s in HUP USR1 USR2 QUIT INT WINCH; do trap "echo $s >>got" $s; done
		trap 'echo TERM >>got; exit 9' TERM
		echo ready >got
		while [ -e got ]; do sleep 0.02; done # ends with the test's directory, whatever happens
	SH
	# Background jobs of this shell have INT and QUIT ignored; a program is to get them.
	bg /usr/bin/python3 -c 'import os, signal, sys
for s in (signal.SIGINT, signal.SIGQUIT): signal.signal(s, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' threadcheck --report text=r.txt -- bash program
	poll_until 60 grep -qs ready got
	local s
	for s in HUP USR1 USR2 QUIT INT WINCH; do
		kill -$s "$bg_pid"
		poll_until 60 grep -qx $s got
	done
	kill -TERM "$bg_pid"
	local status=0
	wait "$bg_pid" || status=$?
	assert_equal "$status" 9
	assert_equal "$(tr '\n' ' ' <got)" "ready HUP USR1 USR2 QUIT INT WINCH TERM "
	assert_contains "$(cat r.txt)" "with status 9"
}

@test "on a terminal, ^C ends the program once and the report follows; ^Z stops both, and fg goes on" {
	cat >program.py <<-'PY'
		import os, signal, sys, time
		n = 0
		def on_int(*_):
		    global n
		    n += 1
		    os.write(1, b"interrupt %d\n" % n)  # print() may be interrupted inside itself
		signal.signal(signal.SIGINT, on_int)
		print("rea" + "dy", flush=True)
		while n < 2:
		    time.sleep(0.01)
		sys.exit(7)
	PY
	cat >terminal.py <<-'PY'
		import os, pty, select, sys, time
		pid, fd = pty.fork()
		if pid == 0:
		    os.environ["PS1"] = "PROMPT> "
		    os.execvp("bash", ["bash", "--norc", "--noediting", "-i"])
		text = b""
		def until(what):
		    global text
		    limit = time.time() + 20
		    while what not in text:
		        if time.time() > limit:
		            sys.exit("no %r in %r" % (what, text))
		        if select.select([fd], [], [], 0.1)[0]:
		            text += os.read(fd, 65536)
		    at = text.index(what) + len(what)
		    seen, text = text[:at], text[at:]
		    return seen
		until(b"PROMPT> ")
		os.write(fd, b"threadcheck --section summary -- /usr/bin/python3 program.py\n")
		until(b"ready")
		os.write(fd, b"\x03")
		until(b"interrupt 1")
		os.write(fd, b"\x1a")
		until(b"Stopped")
		until(b"PROMPT> ")
		os.write(fd, b"fg; echo status $?\n")
		until(b"status $?")
		until(b"threadcheck --section")
		# The shell prints the job before it gives it the terminal: an earlier ^C would be the shell's own.
		limit = time.time() + 20
		while os.tcgetpgrp(fd) == pid and time.time() < limit:
		    time.sleep(0.001)
		os.write(fd, b"\x03")
		rest = until(b"status 7")
		if b"interrupt 2" not in rest or b"interrupt 3" in rest or b"exited" not in rest:
		    sys.exit(repr(rest))
		os.write(fd, b"exit\n")
	PY
	run /usr/bin/python3 terminal.py
	assert_status 0
}

@test "--timeout ends the program and says what its threads waited for" {
	run --separate-stderr threadcheck --timeout 300ms --on-deadlock=report --report text --report json=r.json -- "$MKTHREADS" deadlock-ab-ba
	assert_status 143
	assert_contains "$stderr" "timed out after 300 ms"
	assert_contains "$stderr" "for mutex ring_mutex"
	assert_json r.json '[.threads[] | select(.waiting.kind == "mutex" and .waiting.waited_ns > 100000000)] | length == 2'
}

@test "a program that ends by itself after the timeout is shown as it was before, and gives 124 when it succeeded" {
	cat >program.py <<-'PY'
		import os, signal, threading
		signal.signal(signal.SIGTERM, lambda *_: os._exit(int(os.environ["STATUS"])))
		lock = threading.Lock()
		lock.acquire()
		thread = threading.Thread(target=lock.acquire)
		thread.start()
		thread.join()
	PY
	STATUS=0 run threadcheck -q --timeout 500ms --on-deadlock=report --report json=r.json -- /usr/bin/python3 program.py
	assert_status 124
	assert_json r.json '[.threads[] | select(.waiting.kind == "sem")] | length >= 1'
	STATUS=3 run threadcheck -q --timeout 500ms --on-deadlock=report -- /usr/bin/python3 program.py
	assert_status 3
}

@test "after a timeout a program that ignores SIGTERM is killed, with all its descendants" {
	cat >program <<-'SH'
		trap '' TERM
		setsid sh -c 'echo $$ >pid; exec sleep 1000' &
		while :; do sleep 1000; done
	SH
	run threadcheck --timeout 300ms --kill-after 200ms --section summary -- sh program
	assert_status 137
	assert_contains "$output" "had to be killed"
	gone "$(cat pid)" || fail "a descendant lives on"
}

@test "a program that ends in time is not touched by the timeout" {
	run threadcheck -q --timeout 60s -- sh -c 'exit 3'
	assert_status 3
}

# ------------------------------------------------------------------ deadlocks

@test "threads that wait for each other in a cycle are reported at once, and the program is ended" {
	local kind
	for kind in ab-ba self 3 join rwlock; do
		run --separate-stderr threadcheck --section threads --report text --report json=r.json -- "$MKTHREADS" deadlock-$kind
		printf '%s\n' "$output" >truth.json
		assert_status 66
		assert_contains "$stderr" "deadlock in process $(json truth.json .pid): thread"
		# Each edge of the truth is named: who waits, for what, who has it.
		local tid address owner what
		while read -r tid address owner; do
			case $address in
			0x0) what="the end of thread $owner" ;;
			*) what="(mutex|rwlock) $address, which is held by thread $owner" ;;
			esac
			assert_matches "$stderr" "thread $tid( \\([^)]*\\))?(, which)? waits for $what"
		done < <(json truth.json '.edges[] | "\(.tid) \(.address) \(.owner)"')
		assert_contains "$stderr" "was ended because of the deadlock"
		assert_json r.json 'any(.threads[]; .waiting != null and (.waiting.idle | not))'
	done
}

@test "with --on-deadlock=report a deadlock is said once, and fails the program even when it succeeds in the end" {
	cat >program.c <<-'C'
		#include <pthread.h>
		#include <unistd.h>
		static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
		static void *twice(void *arg) { pthread_mutex_lock(&m); pthread_mutex_lock(&m); return arg; }
		int main(void)
		{
			pthread_t t;
			pthread_create(&t, 0, twice, 0);
			while (access("seen", F_OK) != 0 && access("err", F_OK) == 0)
				usleep(1000);
			usleep(1500000); /* another look is taken meanwhile */
			_exit(0);
		}
	C
	cc -pthread -o program program.c
	bg threadcheck --on-deadlock=report --section summary -- ./program 2>err
	poll_until 60 grep -q "^threadcheck: deadlock in process" err
	touch seen
	local status=0
	wait "$bg_pid" || status=$?
	assert_equal "$status" 66
	assert_equal "$(grep -c deadlock err)" 1
}

@test "a deadlock that is suppressed, or in the baseline, fails a program that succeeds, only when that had to be ended" {
	cat >program.c <<-'C'
		#include <pthread.h>
		#include <unistd.h>
		static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
		static void *twice(void *arg) { pthread_mutex_lock(&m); pthread_mutex_lock(&m); return arg; }
		int main(int argc, char **argv)
		{
			pthread_t t;
			pthread_create(&t, 0, twice, 0);
			while (access(argv[argc - 1], F_OK) != 0)
				usleep(1000);
			_exit(0);
		}
	C
	cc -pthread -o program program.c
	echo "deadlock function:twice # meant so" >list
	# reports NAME OPTION... - what threadcheck says and returns; the program goes on once the deadlock was said.
	reports()
	{
		bg threadcheck --on-deadlock=report --report json="$1.report" "${@:2}" -- ./program "$1.go" 2>"$1.err"
		poll_until 60 grep -q "^threadcheck: deadlock in process" "$1.err"
		touch "$1.go"
		wait "$bg_pid" && status=0 || status=$?
	}
	reports plain --write-baseline known.json
	assert_status 66
	reports suppressed --suppressions list
	assert_status 0
	assert_json suppressed.report '[.findings[] | select(.rule == "deadlock" and .suppressed)] | length == 1'
	reports known --baseline known.json
	assert_status 0
	assert_json known.json '.findings | length == 1' # the baseline
	assert_json known.report '[.findings[] | select(.rule == "deadlock" and .known)] | length == 1'
	run threadcheck -q --suppressions list -- ./program never
	assert_status 66
}

@test "a long wait for a lock is no deadlock" {
	run --separate-stderr threadcheck -q -- "$MKTHREADS" long-hold rounds=1 hold_us=3000000
	assert_status 0
	assert_equal "$stderr" ""
}
