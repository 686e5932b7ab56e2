// SPDX-License-Identifier: GPL-3.0-or-later
// page.js - puts the page together: verdict, findings, tables, graphs. Sections without content are left out.

const data = JSON.parse(document.getElementById("data").textContent);
const MAX_NODES = 60;

function verdict() {
	const level = data.errors ? "error" : data.warnings ? "warning" : data.notes ? "note" : "good";
	const parts = [[data.errors, "error"], [data.warnings, "warning"], [data.notes, "note"]].filter(([n]) => n).map(([n, word]) => plural(n, word));
	for (const state of ["known", "suppressed"])
		if (data[state])
			parts.push(fmtCount(data[state]) + " " + state);
	const lost = data.sums.wait ? "Threads lost " + fmtNs(data.sums.wait) + " waiting for locks, " + fmtPct(data.sums.wait, data.sums.process) + " of wall time."
		: "No thread had to wait for a lock.";
	const box = el("div.verdict.card." + level, null, el("strong", null, parts.length ? parts.join(", ") : "Nothing found"), el("p", null, lost));
	if (data.partial)
		box.append(el("p", null, "The recording is damaged: all figures are lower bounds."));
	else if (data.dropped)
		box.append(el("p", null, "Not everything could be recorded: see the end of this page."));
	return box;
}

function kpi(label, value, more, hot) {
	return el("div.kpi.card" + (hot ? ".hot" : ""), null, el("div.label", null, label), el("div.value", null, value), el("div.more", null, more));
}

function head() {
	const rows = data.processes.rows, one = data.processes.all === 1 && rows[0], s = data.sums;
	const box = el("div");
	if (one) {
		const end = one.end + (one.status === undefined ? "" : " with status " + one.status);
		box.append(el("h1", null, clean(one.name), " ", el("span.sub", null, "pid " + one.pid)), el("p.command", null, clean(one.command)),
			el("p.sub", null, "Started " + one.started + ", ", el(one.bad ? "span.pill.error" : "span.pill.plain", null, end)));
	} else {
		box.append(el("h1", null, data.processes.all ? data.processes.all + " processes of " + plural(data.programs, "program") : "No recording"));
	}
	box.append(verdict(), el("div.kpis", null,
		kpi("Wall time", fmtNs(s.wall), data.processes.all > 1 ? fmtNs(s.process) + " over all processes" : fmtNs(s.thread) + " over all threads"),
		kpi("Lost waiting for locks", fmtNs(s.wait), fmtPct(s.wait, s.thread) + " of the threads' time", s.wait > s.process / 20),
		kpi("Locks", fmtCount(s.locks), "in " + plural(s.classes, "class", "classes")),
		kpi("Acquisitions", fmtCount(s.acquisitions), fmtCount(s.contended) + " had to wait (" + fmtPct(s.contended, s.acquisitions) + ")"),
		kpi("Threads created", fmtCount(s.created), "at most " + fmtCount(s.peak) + " at once, " + fmtCount(s.joined) + " joined")));
	return box;
}

// ------------------------------------------------------------------ findings

function steps(edges) {
	return el("ol.steps", null, edges.map(e => el("li", null,
		el("div", null, el("strong", null, clean(e.thread || "a thread")), e.held ? " holds " : "", e.held ? el("code", null, clean(e.held)) : "",
			e.held && e.wanted ? " and wants " : e.wanted ? " wants " : "", e.wanted ? el("code", null, clean(e.wanted)) : ""),
		stacksNode([e.hold, e.want].filter(Boolean).map(s => [s.label, s.frames])))));
}

function finding(f) {
	const box = el("article.finding.card." + (f.state ? "settled" : f.level), null,
		el("div.row", null, el("span.pill." + f.level, null, f.level), el("code", null, f.rule),
			f.state ? el("span.pill.plain", {title: clean(f.state_why || "")}, f.state) : null,
			f.count > 1 ? el("span.sub", null, fmtCount(f.count) + " times") : null, f.cost ? el("span.sub", null, fmtNs(f.cost) + " lost") : null,
			f.pid && data.processes.all > 1 ? el("span.sub", null, "pid " + f.pid) : null, el("span.print", {title: "fingerprint"}, f.fingerprint)),
		el("h3", null, clean(f.title)), f.evidence.length ? el("ul", null, f.evidence.map(line => el("li", null, clean(line)))) : null,
		f.edges.length ? steps(f.edges) : null,
		el("dl", null, el("dt", null, "Why"), el("dd", null, clean(f.why)), el("dt", null, "Sure"), el("dd", null, f.confidence + ", " + clean(f.reason)),
			el("dt", null, "Do"), el("dd", null, clean(f.advice)),
			f.state ? null : el("dt", null, "Mute"), f.state ? null : el("dd", null, el("code", null, clean(f.mute)))));
	const stacks = stacksNode(f.stacks.map(s => [s.label, s.frames]));
	if (stacks)
		box.append(el("details", {open: f.level === "error" && !f.state}, el("summary", null, plural(f.stacks.length, "stack")), stacks));
	return box;
}

function findings(list) {
	const levels = ["error", "warning", "note"].filter(l => list.rows.some(f => f.level === l));
	const nodes = list.rows.map(finding), off = new Set();
	const buttons = levels.length > 1 ? levels.map(level => {
		const button = el("button.button", {type: "button", "aria-pressed": "true", click: () => {
			off[off.has(level) ? "delete" : "add"](level);
			button.setAttribute("aria-pressed", String(!off.has(level)));
			nodes.forEach((node, i) => { node.hidden = off.has(list.rows[i].level); });
		}}, level + "s");
		return button;
	}) : [];
	const rest = list.all - list.rows.length;
	return {extra: buttons, body: el("div", null, nodes, rest > 0 ? el("p.sub", null, "and " + fmtCount(rest) + " more in threadreport --top 0") : null)};
}

// ------------------------------------------------------------------ tables

const place = (head, key, title) => ({head, title, get: r => r[key], show: r => placeNode(r[key]), name: true});
const none = () => el("span.zero", null, "\u2013");
const time = (head, key, extra) => ({head, num: true, get: r => r[key], show: r => r[key] ? fmtNs(r[key]) : none(), ...extra});
const number = (head, key, extra) => ({head, num: true, get: r => r[key], show: r => r[key] ? fmtCount(r[key]) : none(), ...extra});

// "mutex of init_pool \u00d7 12"
const lockName = {head: "Lock", name: true, get: r => r.name, show: r => el("span", null, clean(r.name), r.n > 1 ? el("span.line", null, " \u00d7\u00a0" +
	fmtCount(r.n)) : "", r.ongoing ? el("span", null, " ", el("span.pill.warning", null, "waited for")) : "")};

function locksTable() {
	return makeTable("t-locks", [
		lockName, time("Lost", "wait", {bar: true, title: "time that threads waited for it, in all"}),
		{head: "Of wall", num: true, get: r => r.share, show: r => r.share ? fmtPct(r.share, 100) : none()},
		number("Waits", "cont", {title: "acquisitions that had to wait"}), number("Acquired", "acq"), time("Longest", "max"), time("p50", "p50"), time("p99", "p99"),
		time("Held", "hold", {title: "time held in all, estimated"}), time("Longest hold", "holdmax"),
		place("Made or first used in", "born"),
	], data.locks.rows, data.locks.all, topStacks);
}

const topStacks = r => r.top ? () => stacksNode([["waits in " + (r.top.waiter || "?"), r.top.ws], ["the holder lets go", r.top.hs]]) : null;

function signalsTable() {
	return makeTable("t-signals", [
		{...lockName, head: "What"}, time("Waited", "wait", {bar: true}), number("Waits", "calls"), number("Signals", "signals", {title: "signals, broadcasts, posts, wakes"}),
		number("Acquired", "acq"), time("Longest", "max"), time("p50", "p50"), time("p99", "p99"), place("Made or first used in", "born"),
	], data.signals.rows, data.signals.all, topStacks);
}

function pairsTable(id, list, words) {
	return makeTable(id, [
		place("Waits in", "waiter"), ...(words === "Lost" ? [place("Behind the holder from", "holder")] : []), {head: words === "Lost" ? "Lock" : "For", name: true,
			get: r => r.lock}, time(words, "wait", {bar: true}), number("Waits", "count"), time("Longest", "max"),
	], list.rows, list.all, r => r.ws || r.hs ? () => el("div", null,
		r.by ? el("p.sub", null, "The longest: " + fmtNs(r.max) + " by " + clean(r.by) + (r.behind ? ", behind " + clean(r.behind) : "")) : null,
		stacksNode([["waits here", r.ws], ["the holder lets go here", r.hs]])) : null);
}

function threadsTable() {
	const many = data.processes.all > 1;
	return makeTable("t-threads", [
		{head: "Thread", name: true, get: r => r.name}, ...(many ? [{head: "Pid", num: true, get: r => r.pid, show: r => String(r.pid)}] : []),
		place("Runs", "start"), {head: "State", get: r => r.state},
		{head: "Waits for", name: true, get: r => r.op ? r.op + (r.on ? " " + r.on : "") : ""},
		time("Lost", "wait", {bar: true, title: "time waited for locks"}), number("Waits", "cont"), time("Other waits", "idle"), time("Lived", "life"), time("CPU", "cpu"),
	], data.threads.rows, data.threads.all, r => r.ws || r.cs ? () => stacksNode([["waits here now", r.ws], ["created here", r.cs]]) : null);
}

function poolsTable() {
	return makeTable("t-pools", [
		place("Runs", "start"), {head: "Named", name: true, get: r => r.name}, place("Created in", "site"), number("Created", "created"), number("Peak", "peak"),
		number("Ended", "ended"), number("Not joined", "unjoined"), number("Running", "running"), time("Lost", "wait", {bar: true}), time("Other waits", "idle"),
		time("Lived", "life"), time("CPU", "cpu"),
	], data.pools.rows, data.pools.all, r => r.cs ? () => stacksNode([["created here", r.cs]]) : null);
}

function loopsTable() {
	return makeTable("t-loops", [
		{head: "Thread", name: true, get: r => r.name}, place("Waits in", "site"), number("Turns", "turns"),
		time("Longest away", "max", {bar: true, title: "longest time between two waits for events"}), time("p99", "p99"), time("Away in all", "away"),
		time("Waiting in all", "wait"), number("Stalls", "stalls"),
	], data.loops.rows, data.loops.all, null);
}

function processesTable() {
	return makeTable("t-processes", [
		{head: "Pid", num: true, get: r => r.pid, show: r => String(r.pid)}, {head: "Program", name: true, get: r => r.name},
		{head: "End", get: r => r.end, show: r => el(r.bad ? "span.pill.error" : "span", null, r.end + (r.status === undefined ? "" : " " + r.status))},
		time("Wall", "wall"), number("Threads", "threads"), time("Lost", "wait", {bar: true}), {head: "Command", name: true, get: r => r.command},
	], data.processes.rows, data.processes.all, null);
}

// ------------------------------------------------------------------ graphs

function graphSection(graph, title, id, legend) {
	const {root, graph: shown} = drawGraph(graph, title, MAX_NODES);
	const cut = shown.edges.length + shown.implied < graph.all_edges;
	const isOrder = graph.edges[0].kind === "order";
	const table = makeTable(id, [
		{head: isOrder ? "Held" : "From", name: true, get: e => graph.nodes[e.from].label}, {head: isOrder ? "Wanted" : "To", name: true, get: e => graph.nodes[e.to].label},
		...(isOrder ? [number("Threads", "count"), place("Held in", "hold"), place("Wanted in", "want")]
			: [{head: "What", get: e => e.label || ""}, time("Time", "wait", {bar: true}), number("Waits", "count"), time("Longest", "max"), place("In", "want")]),
		...(graph.edges.some(e => e.mark) ? [{head: "Cycle", get: e => ["", "cannot deadlock", "can deadlock"][e.mark]}] : []),
	], graph.edges, graph.all_edges, null);
	return el("div", null, el("div.card", null, el("div.draw", {tabindex: 0, role: "region", "aria-label": title}, root),
		el("div.legend", null, legend, shown.implied ? el("span", null, plural(shown.implied, "arrow") +
			" that follow from others are not drawn, but in the table.") : null, cut ? el("strong", null, "Drawn: the heaviest " + (shown.edges.length + shown.implied) + " of " + fmtCount(graph.all_edges) + " arrows, among " +
			shown.nodes.length + " of " + fmtCount(graph.all_nodes) + " nodes.") : null)),
		el("details", null, el("summary", null, "The same as a table"), table.box));
}

function flameSection() {
	const holder = el("div"), status = el("span");
	const extra = [["flame_waiter", "Who waits"], ["flame_holder", "Who makes them wait"]].filter(([key]) => data[key].rows.length).map(([key, words]) => {
		const button = el("button.button", {type: "button", "aria-pressed": "false", click: () => show(key, words, button)}, words);
		button.key = key;
		return button;
	});
	function show(key, words, button) {
		const flame = makeFlame(data[key].rows, words);
		extra.forEach(b => b.setAttribute("aria-pressed", String(b === button)));
		holder.replaceChildren(flame.box);
		status.replaceChildren(flame.path, " ", flame.back);
		if (data[key].rest)
			status.append(" ", el("span.sub", null, fmtNs(data[key].rest) + " of rarer stacks are not drawn"));
	}
	show(extra[0].key, extra[0].textContent, extra[0]);
	return {extra: [status, ...extra], body: el("div.card", null, holder)};
}

function timelineSection(t) {
	const view = makeTimeline(t);
	const notes = [];
	if (t.tracks.length < t.all_tracks)
		notes.push("the " + t.tracks.length + " of " + fmtCount(t.all_tracks) + " threads that lost most");
	if (t.slices.length < t.all_slices)
		notes.push("the longest " + fmtCount(t.slices.length) + " of " + fmtCount(t.all_slices) + " waits one by one, the others as shade");
	if (t.lost_events)
		notes.push(fmtCount(t.lost_events) + " older events were overwritten");
	const kinds = SLICES.filter((k, i) => t.slices.some(s => s[1] === i));
	return {extra: [view.range, view.all], body: el("div.card", null, view.box, el("div.legend", null,
		el("span.key.life", null, el("i"), "lives"), kinds.map(([name, words]) => el("span.key." + name, null, el("i"), words)),
		notes.length ? el("span", null, "Shown: " + notes.join("; ") + ".") : null))};
}

// ------------------------------------------------------------------ the page

const sections = [];

function section(id, title, words, make) {
	const {extra, body} = make();
	const children = [].concat(extra || []).filter(Boolean);
	sections.push([id, title]);
	return el("section", {id, "aria-labelledby": id + "-title"}, el("div.head", null, el("h2", {id: id + "-title"}, title), el("span.sub", null, words),
		el("span.grow"), children), body);
}

function table(id, title, words, make) {
	return section(id, title, words, () => {
		const t = make();
		return {extra: [t.filter], body: t.box};
	});
}

function build() {
	const main = el("main", {id: "main"}, head()), t = data.timeline;
	const add = (wanted, node) => { if (wanted) main.append(node()); };
	add(data.findings.all, () => section("findings", "Findings", "what is wrong, why, and what to do", () => findings(data.findings)));
	add(data.processes.all > 1, () => table("processes", "Processes", "", processesTable));
	add(data.locks.rows.length, () => table("locks", "Locks", "by time lost; click a row for stacks", locksTable));
	add(data.waits.rows.length, () => table("waits", "Waits", "who waits where for whom", () => pairsTable("t-waits", data.waits, "Lost")));
	add(t.tracks.length && t.slices.length, () => section("timeline", "Timeline", "", () => timelineSection(t)));
	add(data.flame_waiter.rows.length || data.flame_holder.rows.length, () => section("flame", "Flame graph", "time waited for locks, by stack", flameSection));
	add(data.order.edges.length, () => section("order", "Lock order", "from the lock held to the lock wanted",
		() => ({body: graphSection(data.order, "Lock order", "t-order", "Red: a cycle that can deadlock. Dashed: a cycle that cannot, with its reason in the findings.")})));
	add(data.now.edges.length, () => section("now", "Waiting at the end", "thread, what it waits for, who holds that",
		() => ({body: graphSection(data.now, "Waiting at the end", "t-now", "Round: threads. Square: locks.")})));
	add(data.blocked.edges.length, () => section("blocked", "Who blocked whom", "from the thread that waited to the thread that held the lock",
		() => ({body: graphSection(data.blocked, "Who blocked whom", "t-blocked", "The thicker an arrow, the more time.")})));
	add(data.signals.rows.length, () => table("signals", "Conditions and signals", "waiting for these is waiting for work, not lost time", signalsTable));
	add(data.other_waits.rows.length, () => table("other-waits", "Other waits", "for work, events and the ends of threads",
		() => pairsTable("t-other-waits", data.other_waits, "Time")));
	add(data.pools.rows.length, () => table("pools", "Pools", "threads of one start routine, created in one place", poolsTable));
	add(data.threads.rows.length, () => table("threads", "Threads", "by time lost", threadsTable));
	add(data.loops.rows.length, () => table("loops", "Event loops", "how long their threads stayed away", loopsTable));
	add(data.gaps.length, () => section("gaps", "Not seen", "what was dropped, damaged or estimated",
		() => ({body: el("div.card", null, el("ul", null, data.gaps.map(line => el("li", null, clean(line)))))})));
	main.append(el("footer", null, "Made by " + data.tool + " of threadtools " + data.version + ". This page needs no network."));
	return main;
}

const button = themeButton(), main = build();
document.getElementById("page").replaceWith(el("a.skip", {href: "#main"}, "Skip to the report"),
	el("header.top", null, el("div.top-in", null, el("span.brand", null, "threadtools"),
		el("nav.nav", {"aria-label": "Sections"}, sections.map(([id, title]) => el("a", {href: "#" + id}, title))), button)), main, tip);
// Paper is white, and nobody can click on it.
addEventListener("beforeprint", () => {
	document.documentElement.setAttribute("data-theme", "light");
	document.querySelectorAll(".finding details").forEach(d => { d.open = true; });
});
addEventListener("afterprint", applyTheme);
