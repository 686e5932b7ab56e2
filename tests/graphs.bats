#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# graphs.bats - graphs to look at: DOT, folded stacks, the timeline, the HTML page. Each is read back by what will open it.

load helpers

setup()
{
	built "$BIN/threadreport" "$SHIM" "$MKTHREADS"
	REC=$BATS_TEST_TMPDIR/rec
	TRUTH=$BATS_TEST_TMPDIR/truth.json
	OUT=$BATS_TEST_TMPDIR/out
}

teardown()
{
	kill_bg
}

# written FORMAT [OPTION...] - that report of the recordings into $OUT.
written()
{
	"$BIN/threadreport" --fail-on never --report "$1=$OUT" "${@:2}" "$REC"
}

# hung SCENARIO - the recording of a program that is stuck, taken once all its threads wait.
hung()
{
	mkdir -p "$REC"
	LD_PRELOAD=$SHIM THREADCHECK_OPTIONS="output=$REC/" bg "$MKTHREADS" "$@" >"$TRUTH"
	poll_until 60 test -s "$TRUTH"
	poll_until 60 stuck
	kill -KILL "$bg_pid"
	poll_until 60 gone "$bg_pid"
}
stuck()
{
	written dot-waits 2>/dev/null && [ "$(grep -c 'held by' "$OUT")" -ge 2 ] &&
		[ "$(grep -c 'shape=box' "$OUT")" -eq "$(grep -c 'held by' "$OUT")" ]
}

# ------------------------------------------------------------------ DOT

@test "the order of locks is a graph that Graphviz draws, with both places on each arrow" {
	recorded lock-order-inversion
	written dot
	assert_equal "$(grep -c ' -> ' "$OUT")" 2 "arrows"
	assert_equal "$(grep -c 'shape=box' "$OUT")" 2 "locks"
	assert_equal "$(grep -c 'held in takes_first .*wanted in takes_second ' "$OUT")" 2 "places"
	require dot
	run dot -Tsvg "$OUT"
	assert_status 0
	assert_contains "$output" "<svg"
}

@test "the graph of waits of a hung program leads from each thread to the lock and on to its holder" {
	hung deadlock-3
	written dot-waits
	local thread lock next start seen=0
	start=$(sed -nE 's/^ *(n[0-9]+) -> n[0-9]+ \[label="lock\\n.*/\1/p' "$OUT" | head -1)
	thread=$start
	# Around the ring of three, back to where it began.
	while :; do
		lock=$(sed -nE "s/^ *$thread -> (n[0-9]+) \\[label=\"lock.*/\\1/p" "$OUT")
		next=$(sed -nE "s/^ *$lock -> (n[0-9]+) \\[label=\"held by.*/\\1/p" "$OUT")
		[ -n "$next" ] || fail "no holder behind $thread" "$(cat "$OUT")"
		seen=$((seen + 1))
		thread=$next
		[ "$thread" != "$start" ] && [ $seen -lt 10 ] || break
	done
	assert_equal $seen 3 "steps of the ring"
	require dot
	run dot -Tsvg "$OUT"
	assert_status 0
}

@test "of a finished program the graph of waits says who had to wait for whom, and how long" {
	recorded contended-mutex waiters=3
	written dot-waits
	assert_equal "$(grep -c ' -> ' "$OUT")" 3 "arrows"
	assert_equal "$(sed -nE 's/^ *n[0-9]+ -> (n[0-9]+) .*/\1/p' "$OUT" | sort -u | wc -l)" 1 "holders"
	assert_contains "$(cat "$OUT")" 'mutex the_mutex\n'
	assert_contains "$(cat "$OUT")" 'in 20 waits'
}

@test "a graph that is cut says so" {
	hung deadlock-3
	written dot --top 2
	assert_contains "$(cat "$OUT")" 'the first 2 of '
	assert_equal "$(grep -c ' -> ' "$OUT")" 2 "arrows"
}

@test "a program without locks under locks has an empty graph that Graphviz accepts" {
	recorded contended-mutex
	written dot
	assert_contains "$(cat "$OUT")" 'nothing to show'
	require dot
	run dot -Tsvg "$OUT"
	assert_status 0
}

# ------------------------------------------------------------------ folded stacks

@test "folded stacks hold the time of all waits, by waiter and by holder" {
	require jq
	recorded contended-mutex waiters=2
	report --fail-on never
	local lost
	lost=$(json "$BATS_TEST_TMPDIR/report.json" '.locks[0].wait_ns.total')
	written folded
	assert_matches "$(cat "$OUT")" '^mkthreads;.*;mutex_waiter;\[mutex_the_mutex\] [0-9]+$'
	assert_equal "$(awk '{ sum += $NF } END { printf "%d", sum }' "$OUT")" "$lost" "time by waiter"
	written folded-holder
	assert_matches "$(cat "$OUT")" '^mkthreads;main;.*;\[mutex_the_mutex\] [0-9]+$'
	assert_equal "$(awk '{ sum += $NF } END { printf "%d", sum }' "$OUT")" "$lost" "time by holder"
}

# ------------------------------------------------------------------ timeline

# timeline - the recordings as a timeline in $OUT: valid, ordered by time, its slices nested, its arrows paired and within slices.
# Prints "waits holds joins arrows instants tracks".
timeline()
{
	written timeline
	validate_json "$OUT" timeline-1.json
	/usr/bin/python3 - "$OUT" <<-'PY'
		import decimal, json, sys
		document = json.load(open(sys.argv[1], encoding="utf-8"), parse_float=decimal.Decimal)
		events = [e for e in document["traceEvents"] if e["ph"] != "M"]
		named = {(e["pid"], e["tid"]) for e in document["traceEvents"] if e["name"] == "thread_name"}
		last, stacks, arrows = 0, {}, {}
		for e in events:
		    track = e["pid"], e["tid"]
		    assert track in named, "no name of %s" % (track,)
		    assert e["ts"] >= last, "not ordered: %s" % e
		    last = e["ts"]
		    stack = stacks.setdefault(track, [])
		    while stack and stack[-1] <= e["ts"]:
		        stack.pop()
		    if e["ph"] == "X":
		        end = e["ts"] + e["dur"]
		        assert not stack or end <= stack[-1], "not nested: %s" % e
		        stack.append(end)
		    elif e["ph"] in "sf":
		        assert stack, "an arrow's end is in no slice: %s" % e
		        arrows.setdefault(e["id"], []).append(e)
		for ends in arrows.values():
		    assert [e["ph"] for e in ends] == ["s", "f"], "not a pair: %s" % ends
		    assert ends[0]["tid"] != ends[1]["tid"], "from a thread to itself: %s" % ends
		assert len(arrows) == document["otherData"]["arrows"]
		count = lambda c: sum(e.get("cat") == c for e in events)
		print(count("wait"), count("hold"), count("join"), len(arrows), sum(e["ph"] == "i" for e in events), len(stacks))
	PY
}

@test "the timeline has each wait as a slice on its thread's track, with an arrow from the holder" {
	recorded contended-mutex waiters=3 rounds=8
	local waits holds joins arrows instants tracks
	read -r waits holds joins arrows instants tracks < <(timeline)
	assert_equal "$waits" 24 "waits"
	assert_equal "$arrows" 24 "arrows"
	assert_equal "$holds" 8 "holds of 5 ms"
	assert_equal "$joins" 3 "joins"
	assert_equal "$tracks" 4 "tracks"
	assert_between "$instants" 9 9 "create, start, end of each thread"
	require jq
	assert_json "$OUT" '[.traceEvents[] | select(.cat == "wait")][0].args | .lock == "mutex the_mutex" and .operation == "lock"
		and (.site | startswith("mutex_waiter ")) and (.holder | startswith("mkthreads ("))'
	# From the one who held to those who waited.
	assert_json "$OUT" '([.traceEvents[] | select(.ph == "s") | .tid] | unique | length) == 1'
	assert_json "$OUT" '([.traceEvents[] | select(.ph == "f") | .tid] | unique | length) == 3'
}

@test "waits that had not ended when the program was killed are on the timeline" {
	hung deadlock-ab-ba
	timeline >/dev/null
	require jq
	assert_json "$OUT" '[.traceEvents[] | select(.args.ended == false and (.args.lock // "" | startswith("mutex ")))] | length == 2'
}

@test "the timelines of many kinds of programs are valid, ordered and nested" {
	local scenario
	for scenario in event-loop-stall many-locks rwlock-readers-wait-writer std-shared-mutex cond-pingpong fork-child \
		thread-names recursive threads-short; do
		rm -rf "$REC"
		recorded "$scenario"
		timeline >/dev/null || fail "$scenario"
	done
}

@test "times on the timeline keep their nanoseconds" {
	recorded contended-mutex
	written timeline
	run grep -cE '"ts":[0-9]+\.[0-9]{3},' "$OUT"
	assert_status 0
}

# ------------------------------------------------------------------ the HTML page

# browser [SCRIPT] - the page as Chromium shows it, without network: its document goes to $DOM. SCRIPT runs after the page's own
# one, in a copy of the page without the policy that keeps other scripts out; errors of any script are in data-errors of <html>.
browser()
{
	require chromium
	local page=$BATS_TEST_TMPDIR/page.html tries
	DOM=$BATS_TEST_TMPDIR/dom.html
	/usr/bin/python3 - "$OUT" "$page" "${1-}" <<-'PY'
		import re, sys
		text = open(sys.argv[1], encoding="utf-8").read()
		text, n = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', """<script>
		document.documentElement.dataset.errors = "";
		addEventListener("error", e => { document.documentElement.dataset.errors += e.message; });
		</script>""", text, count=1)
		assert n == 1, "no policy"
		at = text.rindex("</body>")
		open(sys.argv[2], "w", encoding="utf-8").write(text[:at] + "<script>" + sys.argv[3] + "</script>" + text[at:])
	PY
	chromium_dom "$page" >"$DOM"
	assert_equal "$(grep -oE '<html[^>]*' "$DOM" | head -1 | grep -oE 'data-errors="[^"]*"')" 'data-errors=""' "errors of scripts"
}

# chromium_dom FILE - its document, as it is after the scripts ran. On a busy machine the first try may find no display in time.
chromium_dom()
{
	local try profile=$BATS_TEST_TMPDIR/profile
	for try in 1 2 3; do
		rm -rf "$profile"
		timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
			--disable-component-update --disable-sync --host-resolver-rules='MAP * ~NOTFOUND' --user-data-dir="$profile" \
			--window-size=1400,1800 --dump-dom "file://$1" 2>"$BATS_TEST_TMPDIR/chromium.err" >"$BATS_TEST_TMPDIR/dom" &&
			[ -s "$BATS_TEST_TMPDIR/dom" ] && break
	done
	cat "$BATS_TEST_TMPDIR/dom"
}

# on_page REGEX - it is in the document that the browser made.
on_page()
{
	grep -qE "$1" "$DOM" || fail "'$1' matches nothing in the page" "$(head -c 300 "$DOM")"
}

@test "the page loads nothing: no address of anything in it, and a policy that forbids it" {
	recorded contended-mutex
	written html
	assert_equal "$(head -1 "$OUT")" "<!DOCTYPE html>"
	# The one address is the name of SVG's namespace.
	assert_equal "$(grep -oE '(https?|ftp|file|wss?)://[^" ]*' "$OUT" | sort -u)" "http://www.w3.org/2000/svg"
	refute_contains "$(grep -oiE '<(link|img|iframe|object|embed|base|form)[ >]|[ (](src|href|url|srcset|action) *[=(]|@import|fetch\(|XMLHttp|WebSocket|import\(' \
		"$OUT" | grep -v 'href: ' || true)" "="
	assert_matches "$(grep -oE 'content="default-src[^"]*"' "$OUT")" \
		"^content=\"default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'\"\$"
}

@test "the policy names the page's own script and style, so that browsers run them" {
	recorded contended-mutex
	written html
	/usr/bin/python3 - "$OUT" <<-'PY'
		import base64, hashlib, re, sys
		text = open(sys.argv[1], encoding="utf-8").read()
		policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
		for kind, tag in (("script", "<script>"), ("style", "<style>")):
		    found = re.findall(tag + "(.*?)</" + kind + ">", text, re.S)
		    assert len(found) == 1, "%d elements %s" % (len(found), tag)
		    digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
		    assert "%s-src 'sha256-%s'" % (kind, digest) in policy, kind
	PY
	require chromium
	cp "$OUT" "$BATS_TEST_TMPDIR/whole.html"
	DOM=$BATS_TEST_TMPDIR/dom.html
	chromium_dom "$BATS_TEST_TMPDIR/whole.html" >"$DOM"
	on_page '<table id="t-locks">'
	on_page '<html[^>]* data-theme="(light|dark)"'
}

@test "the page shows the verdict, the findings, and the tables, and sorts and filters them" {
	recorded many-locks threads=8 locks=40 rounds=4000
	written html
	browser '
		const locks = document.getElementById("t-locks"), cells = n => [...locks.querySelectorAll("tbody tr.main")].map(r => r.children[n].textContent);
		const heads = [...locks.querySelectorAll("thead button")], put = (k, v) => document.documentElement.setAttribute("data-" + k, v);
		const column = heads.findIndex(b => b.textContent === "Acquired"), value = s => parseFloat(s) * (s.endsWith("k") ? 1000 : 1);
		const ordered = (list, sign) => list.every((x, i) => !i || sign * (x - list[i - 1]) >= 0);
		heads[column].click();
		put("down", ordered(cells(column).map(value), -1) + " " + locks.querySelectorAll("th")[column].getAttribute("aria-sort"));
		heads[column].click();
		put("up", ordered(cells(column).map(value), 1) + " " + locks.querySelectorAll("th")[column].getAttribute("aria-sort"));
		const filter = document.querySelector("#threads input");
		filter.value = "no such thread";
		filter.dispatchEvent(new Event("input"));
		put("filtered", document.querySelectorAll("#t-threads tbody tr.main").length + " " + document.querySelector("#threads .foot span").textContent);
		filter.value = "MKTHREADS";
		filter.dispatchEvent(new Event("input"));
		put("found", document.querySelectorAll("#t-threads tbody tr.main").length);'
	local html
	html=$(grep -oE '<html[^>]*' "$DOM" | head -1)
	assert_contains "$html" 'data-down="true descending"'
	assert_contains "$html" 'data-up="true ascending"'
	assert_matches "$html" 'data-filtered="0 0 rows, filtered from [0-9]+"'
	assert_matches "$html" 'data-found="[1-9]'
	on_page 'class="verdict card'
}

@test "rows and stacks open, boxes of the flame graph zoom, and the colours change, by keyboard too" {
	recorded contended-mutex waiters=3
	written html
	browser '
		const put = (k, v) => document.documentElement.setAttribute("data-" + k, v), was = document.documentElement.dataset.theme;
		const toggle = document.querySelector("#t-waits .toggle");
		toggle.click();
		put("opened", toggle.getAttribute("aria-expanded") + " " + document.querySelector("#t-waits tr.more .stack .fn").textContent);
		toggle.click();
		put("closed", toggle.getAttribute("aria-expanded") + " " + document.querySelector("#t-waits tr.more").hidden);
		const boxes = document.querySelectorAll("#flame svg g");
		boxes[2].dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
		put("zoomed", document.querySelectorAll("#flame svg g[opacity]").length);
		document.querySelector("header .button").click();
		put("switched", was !== document.documentElement.dataset.theme);
		put("named", [...document.querySelectorAll("button, input, section, [role=img], nav")].filter(n =>
			!n.textContent.trim() && !n.getAttribute("aria-label")).length);'
	local html
	html=$(grep -oE '<html[^>]*' "$DOM" | head -1)
	assert_contains "$html" 'data-opened="true mutex_waiter"'
	assert_contains "$html" 'data-closed="false true"'
	assert_contains "$html" 'data-zoomed="2"'
	assert_contains "$html" 'data-switched="true"'
	assert_contains "$html" 'data-named="0"'
}

@test "a ring of locks is drawn, in red when a finding says that it can deadlock" {
	hung deadlock-3
	written html
	browser
	on_page '<dt>Mute</dt><dd><code>[a-z-]+ [a-z]+:'
	local drawn
	on_page '<section id="order"'
	on_page '<section id="now"'
	drawn=$(grep -oE '<section id="order".*<section id="now"' "$DOM" | grep -oE 'class="(edge|node) [a-z ]*"' | sort | uniq -c | sed 's/^ *//')
	assert_contains "$drawn" '3 class="edge order bad"'
	assert_contains "$drawn" '3 class="node lock bad"'
	# And among what waits at the end: three waits, three holds.
	drawn=$(grep -oE '<section id="now".*<section id="blocked"' "$DOM" | grep -oE 'class="edge [a-z ]*"' | sort | uniq -c | sed 's/^ *//')
	assert_contains "$drawn" '3 class="edge held bad"'
	assert_contains "$drawn" '3 class="edge waits bad"'
}

@test "graphs of all shapes are laid out without overlap, every arrow from border to border" {
	require node
	run node - "$TOP/lib/out/assets/graph.js" <<-'JS'
		const fs = require("fs"), vm = require("vm"), assert = require("assert");
		vm.runInThisContext(fs.readFileSync(process.argv[2], "utf8"));
		let seed = 7;
		const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
		const ring = n => [...Array(n).keys()].map(i => ({from: i, to: (i + 1) % n}));
		const shapes = {
			pair: [{from: 0, to: 1}, {from: 1, to: 0}], loop: [{from: 0, to: 0}], ring3: ring(3), ring40: ring(40),
			star: [...Array(59).keys()].map(i => ({from: i + 1, to: 0})), chain: ring(60).slice(0, 59),
			apart: [{from: 0, to: 1}, {from: 2, to: 3}, {from: 4, to: 5}],
		};
		for (let k = 0; k < 30; k++) {
			const n = 2 + random(59), edges = [];
			for (let i = 0; i < 1 + random(160); i++)
				edges.push({from: random(n), to: random(n)});
			shapes["random" + k] = edges;
		}
		for (const [name, edges] of Object.entries(shapes)) {
			const count = 1 + Math.max(...edges.flatMap(e => [e.from, e.to]));
			const nodes = [...Array(count).keys()].map(() => ({w: 60 + random(200), h: 28 + 14 * random(2)}));
			const at = layoutGraph(nodes, edges);
			for (let i = 0; i < count; i++) {
				const a = {...nodes[i], ...at.at[i]};
				assert(a.x >= 0 && a.y >= -1e-6 && a.x + a.w <= at.width + 1e-6 && a.y + a.h <= at.height + 1e-6, name + ": outside");
				for (let k = 0; k < i; k++) {
					const b = {...nodes[k], ...at.at[k]};
					assert(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y + 1e-6 || b.y + b.h <= a.y + 1e-6, name + ": " + i + " covers " + k);
				}
			}
			edges.forEach((e, i) => {
				const path = at.paths[i], ends = [[path[0], e.from], [path[path.length - 1], e.to]];
				for (const [p, n] of ends) {
					const {x, y} = at.at[n], {w, h} = nodes[n];
					assert(Number.isFinite(p.x) && Number.isFinite(p.y), name);
					assert(p.x >= x - 1e-6 && p.x <= x + w + 1e-6 && p.y >= y - 1e-6 && p.y <= y + h + 1e-6, name + ": arrow " + i + " ends beside its node");
				}
			});
		}
		// What follows from other arrows is left out, but nothing of a cycle.
		const left = edges => reduceGraph(5, edges).map(e => e.from + ">" + e.to).join(" ");
		const all = pairs => pairs.split(" ").map(p => ({from: +p[0], to: +p[2], mark: 0}));
		assert.strictEqual(left(all("0>1 0>2 1>2 0>3 2>3")), "0>1 1>2 2>3");
		assert.strictEqual(left(all("0>1 1>0 0>2 1>2")), "0>1 1>0 0>2 1>2");
		assert.strictEqual(left([...all("0>1 1>2"), {from: 0, to: 2, mark: 2}]), "0>1 1>2 0>2");
		console.log("laid out", Object.keys(shapes).length);
	JS
	assert_status 0
	assert_contains "$output" "laid out 37"
}

@test "hostile names of threads are shown on the page and do nothing" {
	recorded thread-names
	written html
	browser '
		document.documentElement.setAttribute("data-foreign", [...document.querySelectorAll("*")].filter(n =>
			[...n.attributes].some(a => /^on/.test(a.name)) || ["IMG", "IFRAME", "B", "FORM"].includes(n.tagName)).length);'
	assert_contains "$(grep -oE '<html[^>]*' "$DOM" | head -1)" 'data-foreign="0"'
	# One closing tag for each element that we opened: none came with a name.
	assert_equal "$(grep -oi '</script' "$OUT" | wc -l)" 2 "ends of scripts"
}

@test "every format of --report is named in threadreport(1)" {
	require mandoc col
	local format text missing=
	text=$(mandoc -T utf8 -O width=200 "$TOP/man/threadreport.1" | col -bx)
	for format in $("$BIN/threadreport" --list-formats | awk '{ print $1 }'); do
		grep -qE "^ +$format( |\$)|\b${format}[ ,]" <<<"$text" || missing+="$format "
	done
	assert_empty "$missing" "not named"
}
