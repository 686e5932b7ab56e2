// SPDX-License-Identifier: GPL-3.0-or-later
// charts.js - the flame graph of time waited, and the overview of time by thread. Both zoom.

// ------------------------------------------------------------------ flame graph

// rows: [["program;main;work;[lock]", ns]...] -> a tree of {name, ns, kids: Map}.
function flameTree(rows) {
	const root = {name: "all", ns: 0, kids: new Map(), up: null};
	for (const [stack, ns] of rows) {
		let at = root;
		root.ns += ns;
		for (const name of stack.split(";")) {
			if (!at.kids.has(name))
				at.kids.set(name, {name, ns: 0, kids: new Map(), up: at});
			at = at.kids.get(name);
			at.ns += ns;
		}
	}
	return root;
}

// Colours by name, so that a function has the same in both graphs.
function flameColour(name) {
	let h = 7;
	for (let i = 0; i < name.length; i++)
		h = (h * 31 + name.charCodeAt(i)) >>> 0;
	return `hsl(${18 + h % 32} ${72 + h % 13}% ${62 + (h >> 8) % 12}%)`;
}

function makeFlame(rows, words) {
	const tree = flameTree(rows), H = 20, W = 1200;
	const box = el("div.draw"), path = el("span.sub", {role: "status"});
	const back = el("button.button", {type: "button", click: () => draw(tree)}, "Show all");

	function depthOf(node) {
		let depth = 0;
		for (const kid of node.kids.values())
			depth = Math.max(depth, depthOf(kid));
		return depth + 1;
	}

	function draw(focus) {
		const above = [];
		for (let n = focus.up; n; n = n.up)
			above.unshift(n);
		const rootHeight = (above.length + depthOf(focus)) * H + 4;
		const picture = svg("svg.flame", {width: "100%", viewBox: `0 0 ${W} ${rootHeight}`, role: "group",
			"aria-label": words + ": each box is a function, its width the time waited below it"});
		above.forEach((n, i) => put(picture, n, 0, i * H, W, true));
		place(picture, focus, 0, above.length * H, W);
		box.replaceChildren(picture);
		back.hidden = focus === tree;
		path.textContent = focus === tree ? fmtNs(tree.ns) + " in all" : clean(focus.name) + ": " + fmtNs(focus.ns) + ", " + fmtPct(focus.ns, tree.ns);
	}

	function place(picture, node, x, y, w) {
		put(picture, node, x, y, w, false);
		let left = x;
		for (const kid of [...node.kids.values()].sort((a, b) => b.ns - a.ns)) {
			const width = w * kid.ns / node.ns;
			if (width >= 1)
				place(picture, kid, left, y + H, width);
			left += width;
		}
	}

	function put(picture, node, x, y, w, dimmed) {
		const isLock = node.name.startsWith("["), chars = Math.floor((w - 8) / 6.6);
		const name = node === tree ? "all waits" : node.name;
		const rect = svg(isLock ? "rect.lockframe" : "rect", {x: x.toFixed(2), y, width: Math.max(0, w).toFixed(2), height: H - 1, rx: 2});
		if (!isLock)
			rect.setAttribute("fill", flameColour(node.name));
		const g = svg("g", {tabindex: 0, role: "button", "aria-label": clean(name) + ", " + fmtNs(node.ns) + ", " + fmtPct(node.ns, tree.ns),
			opacity: dimmed ? 0.55 : null, click: () => draw(node), keydown: e => {
				if (e.key === "Enter" || e.key === " ") {
					e.preventDefault();
					draw(node);
					box.querySelector("svg g:not([opacity])").focus();
				}
			}}, rect);
		if (chars >= 3)
			g.append(svg("text", {x: (x + 5).toFixed(2), y: y + 14}, clean(name).length <= chars ? clean(name) : clean(name).slice(0, chars - 1) + "\u2026"));
		tipOn(g, () => clean(name) + "\n" + fmtNs(node.ns) + ", " + fmtPct(node.ns, tree.ns) + " of all waits");
		picture.append(g);
	}

	draw(tree);
	return {box, path, back};
}

// ------------------------------------------------------------------ overview of time

const SLICES = [["lock", "waits for a lock"], ["idle", "waits for something else"], ["hold", "holds a lock"], ["stall", "away from its event loop"],
	["misuse", "misuse"]];

// Steps of 1, 2 or 5 that give about `count` marks.
function niceStep(span, count) {
	const raw = Math.max(1, span / count), ten = 10 ** Math.floor(Math.log10(raw));
	return [1, 2, 5, 10].map(f => f * ten).find(step => step >= raw);
}

function makeTimeline(t) {
	const NAME = 190, W = 1200, ROW = 20, TOP = 22, area = W - NAME - 30;
	const box = el("div.draw"), range = el("span.sub", {role: "status"});
	const all = el("button.button", {type: "button", click: () => draw(0, t.span)}, "Show all");
	const height = TOP + t.tracks.length * ROW + 4;

	function draw(from, to) {
		const span = Math.max(1, to - from), x = ns => NAME + (ns - from) / span * area;
		const cut = ns => Math.min(NAME + area, Math.max(NAME, x(ns)));
		const picture = svg("svg", {width: "100%", viewBox: `0 0 ${W} ${height}`, role: "img",
			"aria-label": "Time from left to right, a line for each thread; the table of waits lists the same"});
		const axis = svg("g.axis"), step = niceStep(span, 9);
		for (let mark = Math.ceil(from / step) * step; mark <= to; mark += step)
			axis.append(svg("line", {x1: x(mark), x2: x(mark), y1: TOP - 4, y2: height}), svg("text", {x: x(mark), y: 12, "text-anchor": "middle"}, fmtNs(mark)));
		picture.append(axis);
		t.tracks.forEach((track, i) => {
			const y = TOP + i * ROW;
			picture.append(svg("text.tl-name", {x: NAME - 8, y: y + 14, "text-anchor": "end"}, middle(track.name, 29)));
			const a = cut(track.from), b = cut(track.to);
			const life = svg("rect.track-life", {x: a, y: y + 3, width: Math.max(1, b - a), height: ROW - 6, rx: 2});
			tipOn(life, () => clean(track.name) + "\n" + fmtNs(track.lost) + " lost in locks");
			picture.append(life);
			shares(picture, track, y, x, cut);
		});
		for (const s of t.slices)
			slice(picture, s, x, cut, from, to);
		drag(picture, from, to);
		box.replaceChildren(picture);
		all.hidden = from === 0 && to === t.span;
		range.textContent = all.hidden ? fmtNs(t.span) + "; drag to look closer" : fmtNs(from) + " to " + fmtNs(to);
	}

	// What is too short to be drawn by itself still darkens its step of time.
	function shares(picture, track, y, x, cut) {
		const n = track.share.length, step = t.span / n;
		for (let i = 0; i < n; i++) {
			const share = +track.share[i], a = cut(i * step), b = cut((i + 1) * step);
			if (share && b > a)
				picture.append(svg("rect.s0", {x: a.toFixed(1), y: y + 3, width: (b - a).toFixed(1), height: ROW - 6, opacity: (0.08 + share * 0.05).toFixed(2),
					"pointer-events": "none"}));
		}
	}

	function slice(picture, [row, kind, start, dur, what, place, behind], x, cut, from, to) {
		if (start + dur < from || start > to)
			return;
		const a = cut(start), b = Math.max(cut(start + dur), a + 0.8), thin = kind === 2 ? 4 : 0, y = TOP + row * ROW + 3;
		const rect = svg("rect.s" + kind, {x: a.toFixed(1), y: kind === 2 ? y + ROW - 6 - thin : y, width: (b - a).toFixed(1),
			height: kind === 2 ? thin : ROW - 6, rx: 1, opacity: kind === 1 ? 0.75 : null});
		tipOn(rect, () => SLICES[kind][1] + ": " + clean(what) + "\n" + fmtNs(dur) + " from " + fmtNs(start) + (place ? "\nin " + clean(place) : "") +
			(behind ? "\nbehind " + clean(behind) : ""));
		picture.append(rect);
	}

	function drag(picture, from, to) {
		let begin = null, band = null;
		const at = e => {
			const r = picture.getBoundingClientRect(), px = (e.clientX - r.left) / r.width * W;
			return Math.min(NAME + area, Math.max(NAME, px));
		};
		picture.addEventListener("pointerdown", e => {
			begin = at(e);
			band = svg("rect.select", {x: begin, y: TOP - 4, width: 0, height: height - TOP + 4});
			picture.append(band);
			picture.setPointerCapture(e.pointerId);
		});
		picture.addEventListener("pointermove", e => {
			if (begin === null)
				return;
			band.setAttribute("x", Math.min(begin, at(e)));
			band.setAttribute("width", Math.abs(at(e) - begin));
		});
		picture.addEventListener("pointerup", e => {
			const a = Math.min(begin, at(e)), b = Math.max(begin, at(e)), ns = px => from + (px - NAME) / area * (to - from);
			begin = null;
			band.remove();
			if (b - a > 6 && to - from > 1000)
				draw(ns(a), ns(b));
		});
	}

	draw(0, t.span);
	return {box, range, all};
}
