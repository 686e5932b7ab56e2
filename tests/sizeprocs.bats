#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# sizeprocs.bats - threadsize: pools that are made of processes, of a server whose truth is known, and of real ones.

# ALONE: it measures what its processes get of the processors

load helpers

setup()
{
	cd "$TOP"
}

teardown()
{
	[ -z "${server-}" ] || kill -KILL "$server" 2>/dev/null || :
	kill_bg
	[ -z "${folder-}" ] || rm -rf "$folder"
}

# forked ARGUMENT... - the server with workers, ready; its pid is in $server, its first words in $truth.
forked()
{
	built "$PROGRAMS/prefork"
	truth=$BATS_TEST_TMPDIR/truth
	bg "$PROGRAMS/prefork" "$@" >"$truth"
	poll_until 60 grep -q client "$truth"
	server=$(jq -r .pid "$truth")
}

# sized ARGUMENT... - threadsize of $server into $doc, which the last test validates; status 0 or 1.
sized()
{
	doc=$(mktemp "$BATS_FILE_TMPDIR/size-XXXXXX.json")
	local status=0
	"$BIN/threadsize" -p "$server" --json "$@" >"$doc" || status=$?
	[ $status -le 1 ] || fail "status $status"
}

# pool NAME FILTER - the filter holds for the pool of this name.
pool()
{
	assert_json "$doc" "[.pools[] | select(.name == \$n)] | length == 1 and (.[0] | $2)" --arg n "$1"
}

# sized_so NAME FILTER - sized, with longer windows until the filter holds for the pool of this name: what a starved machine
# shows in 600 ms is little.
sized_so()
{
	local window
	for window in 600ms 2s 5s; do
		sized --window $window
		! jq -e --arg n "$1" "any(.pools[]; .name == \$n and ($2))" "$doc" >/dev/null || return 0
	done
	pool "$1" "$2"
}

WORKERS="prefork: worker # [app]"

@test "processes of one parent, program and title are one pool, and idle where they wait for clients" {
	forked workers=6 clients=3 compute_us=500 wait_us=2000
	sized_so "$WORKERS" '.idle_ns > 0.2 * .wall_ns and .lock_wait_ns == 0 and .work_wait_ns > 0 and .busy_mean < 5 and .busy_max >= 2 and
		.wait_ratio > 2 and .wait_ratio < 8' # which is 4
	pool "$WORKERS" '.members == "processes" and .threads == 6 and .processes == 6 and .kind == "workers" and .process == $n'
	pool "$WORKERS" 'any(.waits[]; .use == "idle" and (.words | startswith("accept on tcp 127.0.0.1")))'
	pool "$WORKERS" '.memory.private_bytes > 8192 and .memory.private_bytes < 1e8 and .memory.source == "smaps"'
	assert_json "$doc" '.recommendations[] | select(.members == "processes") | .evidence.memory | .virtual_bytes == null and .resident_bytes > 0'
	assert_json "$doc" '[.recommendations[].pool] == [$n]' --arg n "$WORKERS"
	assert_json "$doc" '.measured.processes == 8'
	sized --window 200ms --no-children
	assert_json "$doc" '.measured.processes == 1 and .measured.threads == 1'
}

@test "a worker that keeps its client is idle while it waits for that; one that waits for its turn to accept is idle, too" {
	forked workers=5 clients=2 keep=1 compute_us=200 wait_us=0
	sized_so "$WORKERS" '.idle_ns > 0.4 * .wall_ns and .work_wait_ns < 0.1 * .wall_ns and .busy_max <= 3'
	kill_bg
	forked workers=5 clients=0 turn=1
	sized_so "$WORKERS" '.idle_ns > 0.9 * .wall_ns and .busy_max == 0 and any(.waits[]; .kind == "file-lock" and .use == "idle")'
}

@test "where the threads of workers do the work, these are the pool, and its size is told per process" {
	forked workers=3 threads=4 clients=4 compute_us=500 wait_us=1000
	sized --window 600ms --settings=gunicorn
	pool "$WORKERS / handler" '.members == "threads" and .threads == 12 and .processes == 3 and .idle_ns > 0 and .lock_wait_ns < 0.1 * .wall_ns'
	pool "$WORKERS" '.kind == "main"'
	assert_json "$doc" '.recommendations[0] | ((.size / 3) | ceil | tostring) as $t | .settings | any(.setting == "gunicorn --threads \($t)") and any(.setting == "gunicorn --workers 3")'
}

@test "workers that come and go are counted, with what nobody saw of them" {
	forked workers=3 clients=6 serve=60 compute_us=500 wait_us=1000
	sized_so "$WORKERS" '.began > 0 and .ended > 0 and .threads >= 2 and .mean_threads > 1 and .mean_threads <= 3.5'
	assert_json "$doc" '.measured.processes_started > 0 and .measured.processes_ended > 0'
}

@test "a worker that is stopped is not blocked: its time is apart" {
	forked workers=4 clients=3 compute_us=500 wait_us=1000
	local pid
	pid=$(jq -r '.workers[0]' "$truth")
	kill -STOP "$pid"
	poll_until 60 grep -q '^State:.T' "/proc/$pid/status"
	sized_so "$WORKERS" '.stopped == 1 and .threads == 4 and .stopped_ns > 0.2 * .wall_ns and .stopped_ns < 0.5 * .wall_ns and .mean_threads < 3.5'
	run --separate-stderr "$BIN/threadsize" -p "$server" -w 200ms --no-plot
	kill -CONT "$pid"
	assert_matches "$output" 'stopped +processes of prefork: worker # \[app\] were stopped for [0-9.]+ %'
}

@test "a name means the process above its likes; several without such are refused" {
	forked workers=2
	run --separate-stderr "$BIN/threadsize" -p prefork -w 200ms --no-plot
	[ "$status" -le 1 ]
	assert_contains "$output" "CPU of process $server (prefork)"
	bg sleep 61
	bg sleep 61
	run -2 --separate-stderr "$BIN/threadsize" -p sleep -w 200ms
	assert_matches "$stderr" "threadsize: [0-9]+ processes are named 'sleep', and none is above the others: give the number of one \\([0-9]+, [0-9]+"
}

@test "nginx: its workers are a pool of event loops, told in its own words" {
	require nginx
	local port owner=
	port=$(free_port)
	[ "$(id -u)" -ne 0 ] || owner="user root;"
	folder=$BATS_TEST_TMPDIR/nginx
	mkdir -p "$folder"
	cat >"$folder/n.conf" <<-CONF
		$owner
		daemon off; pid $folder/pid; error_log $folder/error.log warn; worker_processes 3;
		events { worker_connections 64; }
		http { access_log off; client_body_temp_path $folder/t1; proxy_temp_path $folder/t2; fastcgi_temp_path $folder/t3;
		  uwsgi_temp_path $folder/t4; scgi_temp_path $folder/t5;
		  server { listen 127.0.0.1:$port; location / { return 200 "here"; } } }
	CONF
	bg nginx -p "$folder" -e "$folder/error.log" -c "$folder/n.conf"
	server=$bg_pid
	poll_until 60 bash -c "exec 4<>/dev/tcp/127.0.0.1/$port"
	cat >"$folder/load.py" <<-'PY'
		import http.client, sys
		c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
		while True:
		    c.request("GET", "/")
		    c.getresponse().read()
	PY
	bg /usr/bin/python3 "$folder/load.py" "$port"
	sized --window 700ms
	pool "nginx: worker process" '.kind == "loop" and .members == "processes" and .threads == 3 and .idle_ns > 0'
	assert_json "$doc" '.recommendations[] | select(.pool == "nginx: worker process") | .size == null or any(.settings[]; .setting == "worker_processes \($s);") ' \
		--arg s "$(json "$doc" '.recommendations[0].size')"
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

@test "PostgreSQL: backends are a pool; their titles say whether they are idle, within a transaction, or wait for a lock" {
	local candidate pg= port
	for candidate in /usr/lib/postgresql/*/bin; do
		[ ! -x "$candidate/postgres" ] || pg=$candidate
	done
	[ -n "$pg" ] && [ -x "$pg/psql" ] || skip "postgresql is not installed"
	[ "$(id -u)" -ne 0 ] || { id postgres >/dev/null 2>&1 && command -v runuser >/dev/null; } || skip "no user postgres, and root may not run it"
	folder=$(mktemp -d /tmp/threadtools-pg.XXXXXX)
	[ "$(id -u)" -ne 0 ] || chown postgres "$folder"
	as "$pg/initdb" -D "$folder/data" -A trust -U me -E UTF8 --locale=C --no-sync >"$BATS_TEST_TMPDIR/initdb.log"
	port=$(free_port)
	bg as "$pg/postgres" -D "$folder/data" -p "$port" -k "$folder" -c listen_addresses= -c fsync=off -c shared_buffers=16MB \
		>"$BATS_TEST_TMPDIR/pg.log" 2>&1
	poll_until 60 "$pg/pg_isready" -q -h "$folder" -p "$port" -U me -d postgres
	server=$(head -1 "$folder/data/postmaster.pid")
	local psql=("$pg/psql" -q -h "$folder" -p "$port" -U me postgres) i
	"${psql[@]}" -c 'create table t (a int); insert into t values (1)'
	mkfifo "$BATS_TEST_TMPDIR"/{idle,transaction,lock}
	exec 5<>"$BATS_TEST_TMPDIR/idle" 6<>"$BATS_TEST_TMPDIR/transaction" 7<>"$BATS_TEST_TMPDIR/lock"
	for i in idle transaction lock; do
		bg "${psql[@]}" -f "$BATS_TEST_TMPDIR/$i" >/dev/null
	done
	echo 'select 1;' >&5
	echo 'begin; update t set a = 2;' >&6
	poll_until 60 pgrep -f '^postgres: me postgres .local. idle in transaction'
	echo 'update t set a = 3;' >&7
	poll_until 60 pgrep -f '^postgres: me postgres .local. UPDATE waiting'
	sized --window 400ms
	pool "postgres: me postgres" '.members == "processes" and .threads == 3'
	pool "postgres: me postgres" '[.waits[] | "\(.use) \(.words)"] | sort == ["idle its client: idle", "lock a lock", "work its client: idle in transaction"]'
	pool "postgres: me postgres" '[.idle_ns, .lock_wait_ns, .work_wait_ns] | all(. > 3e8)'
	assert_json "$doc" '[.pools[] | select(.name == "postgres: checkpointer")] | length == 1'
	exec 5>&- 6>&- 7>&-
	kill -INT "$server"
}

@test "node: the threads of libuv's pool are told from V8's and from event loops, by what they do" {
	require node
	local n
	for n in 1 3; do
		UV_THREADPOOL_SIZE=$n bg node tests/bench/sizes.d/uv.js "$BATS_TEST_TMPDIR" 30 crypto >"$BATS_TEST_TMPDIR/uv"
		server=$bg_pid
		poll_until 60 grep -q ready "$BATS_TEST_TMPDIR/uv"
		sized_so node ".kind == \"workers\" and .run_ns > 0.1 * .wall_ns / $n and .threads == $n and .busy_max == $n"
		kill_bg
	done
}

@test "every document of these tests keeps its schema" {
	/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "python3-jsonschema is not installed"
	/usr/bin/python3 - "$SCHEMA/size-1.json" "$BATS_FILE_TMPDIR"/size-*.json <<-'PY'
		import json, sys, jsonschema
		schema, *documents = (json.load(open(name, encoding="utf-8")) for name in sys.argv[1:])
		assert documents
		for d in documents:
		    jsonschema.validate(d, schema)
	PY
}
