#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Real programs at work under threadcheck: they do the same as without it, and the report of each is worth reading: the threads
# that the program is known to have, its locks with the functions that use them, nothing called an error that is none, nothing
# dropped. Servers listen on free ports of 127.0.0.1 only, get a bounded load, and end with their test.

load helpers

REAL=$TOP/tests/real

setup()
{
	built "$BIN/threadcheck" "$SHIM"
	J=$BATS_TEST_TMPDIR/report.json T=$BATS_TEST_TMPDIR/report.txt
	# Not all of a runtime's thousands of locks: python takes seconds to validate them.
	UNDER=("$BIN/threadcheck" --fail-on=never --top=100 --report "json=$J" --report "text=$T" --)
	cd "$BATS_TEST_TMPDIR"
}

# Processes below PID, and itself.
tree()
{
	local child
	for child in $(pgrep -P "$1"); do
		tree "$child"
	done
	echo "$1"
}

teardown()
{
	local pid all=()
	for pid in "${bg_pids[@]-}"; do
		[ -z "$pid" ] || mapfile -t -O ${#all[@]} all < <(tree "$pid")
	done
	[ ${#all[@]} -eq 0 ] || kill -KILL "${all[@]}" 2>/dev/null || :
	kill_bg
	[ -z "${folder-}" ] || rm -rf "$folder"
}

# ------------------------------------------------------------------ what every test asks

# sane - the report that threadcheck wrote is valid, complete and calls nothing an error.
sane()
{
	validate_json "$J" report-1.json
	assert_equal "$(json "$J" '[.findings[] | select(.level == "error") | .title] | join("; ")')" "" "findings of level error"
	assert_json "$J" '.dropped | .partial == false and .problems == [] and .counters == []'
	assert_contains "$(cat "$T")" "Nothing was dropped: counts and wait times are exact."
}

# same STATUS COMMAND... - a program that ends by itself: same output and status, with the shim as without.
same()
{
	local want=$1 status=0
	shift
	timeout -k 5 60 "$@" >native.out 2>native.err </dev/null 3>&- || status=$?
	assert_equal "$status" "$want" "status without the shim"
	status=0
	timeout -k 5 120 "${UNDER[@]}" "$@" >shim.out 2>shim.err </dev/null 3>&- || status=$?
	assert_equal "$status" "$want" "status under threadcheck ($(tail -3 shim.err))"
	cmp native.out shim.out || fail "the output differs"
	diff native.err shim.err || fail "standard error differs"
	sane
}

# start HOW READY COMMAND... - a server, native or under the shim, until it answers READY. Leaves $server.
start()
{
	local how=$1 ready=$2
	shift 2
	if [ "$how" = native ]; then
		bg "$@" >"$how.log" 2>&1
		server=$bg_pid
	else
		bg "${UNDER[@]}" "$@" >"$how.log" 2>&1
		poll_until 60 has_child
		server=$(pgrep -P "$bg_pid" | head -1)
	fi
	poll_until 60 answers "$ready"
}
has_child()
{
	pgrep -P "$bg_pid" >/dev/null
}
answers()
{
	! gone "$bg_pid" || fail "the server ended: $(tail -5 ./*.log)"
	eval "$1" >/dev/null 2>&1
}

# finish SIGNAL - ends the server; what it and threadcheck ended with is in $ended.
finish()
{
	ended=0
	kill "-$1" "$server" 2>/dev/null || :
	poll_until 60 gone "$bg_pid"
	wait "$bg_pid" || ended=$?
}

# served FUNCTION - FUNCTION native and FUNCTION shim print the same, and end alike.
served()
{
	"$1" native >native.out || fail "failed without the shim: $(tail -3 native.out)"
	local status=$ended
	"$1" shim >shim.out || fail "failed under the shim: $(tail -3 shim.out)"
	diff native.out shim.out || fail "answers differ"
	assert_equal "$ended" "$status" "the server's exit status"
	sane
}

listens()
{
	printf '(exec 4<>/dev/tcp/127.0.0.1/%s)' "$1"
}

# contended_by FUNCTION - a lock-contention finding whose waiter and holder are both in FUNCTION.
contended_by()
{
	assert_json "$J" '.findings | any(.rule == "lock-contention" and .level == "warning" and (.title | contains("held mostly by \($f)"))
		and (.evidence.lines | any(contains($f) and contains("waited"))))' --arg f "$1"
}

# ------------------------------------------------------------------ programs

@test "C++: a ledger's lock is named with its holder, the queue's condition is none to blame" {
	built "$BUILD/tests/real/orders_cc"
	same 3 "$BUILD/tests/real/orders_cc"
	contended_by ledger::book
	assert_json "$J" '.pools | any(.created == 4 and .ended == 4)'
	assert_json "$J" '.locks | any(.kind == "mutex" and .acquisitions == 300 and .contended >= 1)'
	assert_json "$J" '[.findings[] | select(.rule | startswith("thread-"))] == []'
	assert_matches "$(head -8 "$T")" 'orders_cc .*exited with status 3'
	assert_matches "$(head -12 "$T")" 'mutex .*ledger::book'
}

@test "Rust: threads have their names, futexes the functions that wait" {
	require_file "$BUILD/tests/real/orders_rs"
	same 3 "$BUILD/tests/real/orders_rs"
	assert_json "$J" '[.waits[] | select(.kind == "futex" and .wait_ns.total > 50e6) | .waiter_stack[]?.function | select(. != null and contains("Ledger::book"))] | length > 0'
	assert_json "$J" '[.threads[].name | select(. != null and startswith("clerk-"))] | length == 4'
	# Named by its first use: a wait in Ledger::book, or a wake, which is inlined into what the thread began with.
	assert_matches "$(cat "$T")" "Ledger::book|__rust_begin_short_backtrace"
	assert_json "$J" '.findings | any(.rule == "invisible-locking" and .level == "note")'
}

@test "Python: a lock that threads fight for, a queue, a pool" {
	same 3 /usr/bin/python3 "$REAL/orders.py"
	assert_json "$J" '.processes | length == 1 and .[0].threads_created == 8 and .[0].threads_ended == 8'
	assert_json "$J" '.locks | any(.kind == "sem" and .use == "lock" and .contended >= 50 and .wait_ns.total > 50e6)'
	assert_json "$J" '.findings | any(.rule == "lock-contention" and (.stacks | any(.frames | any(.function == "PyThread_acquire_lock_timed"))))'
	assert_json "$J" '[.findings[] | select(.rule | startswith("thread-"))] == []'
}

@test "Node: the thread pool, worker threads and the event loop" {
	require node
	same 3 node "$REAL/orders.js"
	assert_json "$J" '.pools | any(.created == 4 and (.start_routine.function == "worker" or (.start_routine.module // "" | startswith("libuv"))))'
	assert_json "$J" '.event_loops | length >= 1'
	assert_json "$J" '.summary.acquisitions > 1000'
	assert_json "$J" '[.waits[] | .waiter_stack[]?.function | select(. != null and startswith("uv_"))] | length > 0'
}

@test "Java: an executor and a synchronized method, and what of it cannot be seen" {
	require java javac
	javac -d . "$REAL/Orders.java"
	same 3 java -Xmx128m -cp . Orders
	assert_json "$J" '.processes[0].threads_created >= 10'
	assert_json "$J" '.pools | any(.created >= 5 and (.start_routine.module // "" | startswith("libjvm")))'
	assert_json "$J" '.findings | any(.rule == "invisible-locking" and (.evidence.lines | any(contains("libjvm"))))'
	assert_json "$J" '.locks | any(.kind == "mutex" and .acquisitions > 100)'
}

@test "xz and pigz: the same bytes, their threads, and how they wait for work" {
	require xz pigz
	seq 1 900000 >data
	same 0 xz -T2 -1 --block-size=512KiB -c data
	assert_json "$J" '.pools | any(.created == 2 and (.create_site.module // "" | startswith("liblzma")))'
	assert_json "$J" '[.waits[] | select(.kind == "cond")] | length > 0'
	same 0 pigz -p 3 -c data
	assert_json "$J" '.pools | any(.created >= 3 and .joined == .created)'
	assert_json "$J" '.locks | any(.kind == "mutex" and .acquisitions > 20)'
}

@test "a second preload, jemalloc: both work, and its own locks are seen" {
	built "$BUILD/tests/real/orders_cc"
	local jemalloc
	jemalloc=$(ls /usr/lib/*/libjemalloc.so.2 2>/dev/null | head -1)
	[ -n "$jemalloc" ] || skip "libjemalloc2 is not installed"
	export LD_PRELOAD=$jemalloc
	same 3 "$BUILD/tests/real/orders_cc"
	unset LD_PRELOAD
	contended_by ledger::book
	assert_json "$J" '.locks | any((.birth_site // .site).module // "" | startswith("libjemalloc"))'
}

@test "a static program: it runs, and the report says that nothing of it could be seen" {
	"${CC:-cc}" -O2 -static -pthread -o static "$REAL/static.c" 2>/dev/null || skip "cannot link static programs"
	local status=0
	"${UNDER[@]}" ./static >out 2>err || status=$?
	assert_equal "$status" 3
	assert_equal "$(cat out err)" "counted 2000"
	validate_json "$J" report-1.json
	assert_json "$J" '.processes == [] and (.findings | length) == 1 and .findings[0].rule == "invisible-locking" and .findings[0].level == "note"'
	assert_contains "$(cat "$T")" "is statically linked, so that no library can be preloaded into it"
}

# ------------------------------------------------------------------ servers

redis()
{
	local port
	port=$(free_port)
	start "$1" "redis-cli -p $port ping" redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --io-threads 2 \
		--io-threads-do-reads yes --dir .
	redis-benchmark -p "$port" -t set,incr,lpush -c 16 -P 32 -n 4096 -q >load.txt
	assert_equal "$(grep -c 'requests per second' load.txt)" 3
	redis-cli -p "$port" mget counter:__rand_int__ key:__rand_int__
	redis-cli -p "$port" llen mylist
	redis-cli -p "$port" shutdown nosave || :
	finish 0
}

@test "redis with I/O threads: its threads by name, and no contention where they are only parked" {
	require redis-server redis-benchmark redis-cli
	served redis
	assert_equal "$ended" 0
	assert_json "$J" '.pools | any(.start_routine.function == "IOThreadMain" and .created == 1)'
	assert_json "$J" '.pools | any(.start_routine.function == "bioProcessBackgroundJobs" and .created == 3)'
	assert_json "$J" '[.threads[].name] | index("io_thd_1") != null and index("bio_lazy_free") != null'
	assert_json "$J" '[.findings[] | select((.rule == "lock-contention" or .rule == "lock-starvation") and .level != "note") | .title | select(contains("io_threads_mutex"))] == []'
	assert_json "$J" '.lock_classes | any((.name // "" | contains("io_threads_mutex")) and .acquisitions > 0)'
	assert_json "$J" '.event_loops | length >= 1'
}

memcached_run()
{
	local port user=()
	port=$(free_port)
	[ "$(id -u)" -ne 0 ] || user=(-u root)
	start "$1" "$(listens "$port")" memcached "${user[@]}" -l 127.0.0.1 -p "$port" -U 0 -t 4 -m 64
	/usr/bin/python3 "$REAL/load.py" memcached "$port"
	finish TERM
}

@test "memcached: every operation takes locks, all are counted" {
	require memcached
	served memcached_run
	assert_json "$J" '.pools | any(.created == 4 and .name == "mc-worker")'
	assert_json "$J" '[.event_loops[]] | length >= 4'
	# 12 connections, 60 rounds, 101 operations: each takes its item's lock at least.
	assert_json "$J" '.summary.acquisitions >= 12 * 60 * 101'
	assert_json "$J" '.findings | any(.rule == "thread-leak-running" and .level == "note")'
}

nginx_run()
{
	local port i owner=
	port=$(free_port)
	[ "$(id -u)" -ne 0 ] || owner="user root;"
	mkdir -p www
	for i in {0..7}; do
		[ -e "www/$i" ] || seq "$i" 30000 >"www/$i"
	done
	cat >n.conf <<-CONF
		$owner
		daemon off; pid $PWD/nginx.pid; error_log $PWD/error.log warn; worker_processes 2;
		thread_pool readers threads=4 max_queue=1000;
		events { worker_connections 64; }
		http {
		  access_log off; sendfile off; aio threads=readers;
		  client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2; fastcgi_temp_path $PWD/t3; uwsgi_temp_path $PWD/t4;
		  scgi_temp_path $PWD/t5;
		  server { listen 127.0.0.1:$port; root $PWD/www; keepalive_requests 100000; }
		}
	CONF
	start "$1" "$(listens "$port")" nginx -p "$PWD" -e "$PWD/error.log" -c "$PWD/n.conf"
	/usr/bin/python3 "$REAL/load.py" http "$port"
	finish QUIT
}

@test "nginx with a pool of threads: master and workers are told apart, the pool's queue is named" {
	require nginx
	nginx -V 2>&1 | grep -q -e --with-threads || skip "this nginx has no thread pools"
	served nginx_run
	assert_equal "$ended" 0
	assert_json "$J" '.processes | length >= 3'
	# A worker does not wait for the last of its four threads to be gone before it exits.
	assert_json "$J" '.pools | any(.created == 8 and .ended >= 6 and .start_routine.module == "nginx")'
	assert_json "$J" '[.waits[] | select(.kind == "cond") | .waiter_stack[]?.function] | index("ngx_thread_cond_wait") != null'
	assert_json "$J" '.lock_classes | any(.kind == "mutex" and .acquisitions > 1000)'
	assert_json "$J" '[.event_loops[]] | length >= 2'
	assert_matches "$(cat "$T")" $'[0-9]+ +nginx +[0-9]'
	refute_contains "$(sed -n '/PROGRAM/,/^$/p' "$T")" n.conf
}

# as COMMAND... - as user postgres when we are root: its server refuses root.
as()
{
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u postgres -- "$@"
	else
		"$@"
	fi
}

postgres_run()
{
	local port data=$folder/data-$1
	port=$(free_port)
	as "$pg/initdb" -D "$data" -A trust -U me -E UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1 || fail "initdb: $(tail -3 "$folder/initdb.log")"
	as sh -c "printf '%s\n' \"\$@\" >>'$data/postgresql.conf'" sh "listen_addresses = ''" "unix_socket_directories = '$folder'" \
		'fsync = off' 'max_connections = 20' 'shared_buffers = 16MB' 'autovacuum = off'
	local run=(as "$pg/postgres" -D "$data" -p "$port")
	[ "$1" = native ] || run=(as "$folder/bin/threadcheck" --fail-on=never --report "json=$folder/report.json" \
		--report "text=$folder/report.txt" -- "$pg/postgres" -D "$data" -p "$port")
	bg "${run[@]}" >"$1.log" 2>&1
	poll_until 60 answers "$pg/pg_isready -q -h $folder -p $port -U me -d postgres"
	server=$(head -1 "$data/postmaster.pid")
	local client=(-h "$folder" -p "$port" -U me)
	"$pg/pgbench" "${client[@]}" -i -q -s 1 postgres >pgbench.log 2>&1 || fail "pgbench -i: $(tail -3 pgbench.log)"
	"$pg/pgbench" "${client[@]}" -n -c 6 -j 2 -t 50 postgres 2>&1 | grep 'actually processed'
	"$pg/psql" "${client[@]}" -At -c 'select count(*) from pgbench_history' -c 'select sum(abalance) = sum(delta) from pgbench_accounts,
		(select sum(delta) as delta from pgbench_history) h' postgres | head -1
	finish INT
}

@test "postgresql under pgbench: every process has its recording, and ends as it should" {
	local candidate
	pg=
	for candidate in /usr/lib/postgresql/*/bin; do
		[ ! -x "$candidate/postgres" ] || pg=$candidate
	done
	[ -n "$pg" ] && [ -x "$pg/pgbench" ] || skip "postgresql is not installed"
	[ "$(id -u)" -ne 0 ] || { id postgres >/dev/null 2>&1 && command -v runuser >/dev/null; } || skip "no user postgres, and root may not run it"
	folder=$(mktemp -d /tmp/threadtools-pg.XXXXXX) # for postgres, which may not look into ours; a socket's path must be short
	mkdir -p "$folder/bin" "$folder/lib/threadtools"
	cp "$BIN/threadcheck" "$folder/bin"
	cp "$SHIM" "$folder/lib/threadtools"
	chmod 755 "$folder" "$folder/bin" "$folder/lib" "$folder/lib/threadtools"
	[ "$(id -u)" -ne 0 ] || chown -R postgres "$folder"
	J=$folder/report.json T=$folder/report.txt
	served postgres_run
	assert_equal "$ended" 0
	assert_contains "$(cat shim.out)" "300/300"
	assert_json "$J" '.processes | length >= 2'
	assert_json "$J" '[.processes[] | select(.exit.kind != "exited" and .exit.kind != "forced")] == []'
	assert_matches "$(cat "$T")" $'[0-9]+ +postgres +[0-9]'
}
