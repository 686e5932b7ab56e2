// SPDX-License-Identifier: GPL-3.0-or-later
// graph.js - lays a directed graph out in layers, from left to right, and draws it as SVG.
//
// The steps: turn edges of cycles around; put each node one layer behind its farthest predecessor; split edges that cross
// layers by points of their own; order each layer by the middle of its neighbours; then move nodes towards those, without
// overlap. layoutGraph() knows no document, so that it is tested without one.

const GAP_X = 90, GAP_Y = 18, LINE_Y = 15;

// nodes: [{w, h}], edges: [{from, to}] -> {width, height, at: [{x, y}] (top left), paths: [[{x, y}...]]}
function layoutGraph(nodes, edges) {
	const turned = turnCycles(nodes.length, edges);
	const links = edges.map((e, i) => turned[i] ? {from: e.to, to: e.from} : {from: e.from, to: e.to});
	const layer = layersOf(nodes.length, links);
	const all = nodes.map((n, i) => ({w: n.w, h: n.h, layer: layer[i], before: [], after: []}));
	const chains = links.map(l => chainOf(all, l));
	const layers = [];
	all.forEach((n, i) => (layers[n.layer] = layers[n.layer] || []).push(i));
	orderLayers(all, layers);
	const size = placeNodes(all, layers);
	const paths = chains.map((chain, i) => pathOf(all, chain, edges[i], turned[i]));
	return {width: size.width, height: size.height, at: all.slice(0, nodes.length).map(n => ({x: n.x, y: n.y})), paths};
}

// Which edges lead back to a node that is being visited: with those turned around there is no cycle.
function turnCycles(count, edges) {
	const out = Array.from({length: count}, () => []), state = new Array(count).fill(0), turned = new Array(edges.length).fill(false);
	const into = new Array(count).fill(0);
	edges.forEach((e, i) => {
		out[e.from].push(i);
		into[e.to]++;
	});
	const roots = [...Array(count).keys()].sort((a, b) => into[a] - into[b] || a - b);
	for (const root of roots) {
		if (state[root])
			continue;
		const path = [{node: root, next: 0}];
		state[root] = 1;
		while (path.length) {
			const top = path[path.length - 1];
			if (top.next === out[top.node].length) {
				state[top.node] = 2;
				path.pop();
				continue;
			}
			const i = out[top.node][top.next++], to = edges[i].to;
			if (state[to] === 1)
				turned[i] = true;
			else if (state[to] === 0) {
				state[to] = 1;
				path.push({node: to, next: 0});
			}
		}
	}
	return turned;
}

function layersOf(count, links) {
	const layer = new Array(count).fill(0), into = new Array(count).fill(0), out = Array.from({length: count}, () => []);
	for (const l of links)
		if (l.from !== l.to) {
			out[l.from].push(l.to);
			into[l.to]++;
		}
	const ready = [...Array(count).keys()].filter(i => into[i] === 0), roots = new Set(ready), done = [];
	while (ready.length) {
		const n = ready.shift();
		done.push(n);
		for (const to of out[n]) {
			layer[to] = Math.max(layer[to], layer[n] + 1);
			if (--into[to] === 0)
				ready.push(to);
		}
	}
	// A node without predecessors stands right before its nearest successor.
	for (const n of done.reverse())
		if (roots.has(n) && out[n].length)
			layer[n] = Math.max(0, Math.min(...out[n].map(to => layer[to])) - 1);
	return layer;
}

// The nodes along an edge, with a point in each layer between its ends.
function chainOf(all, link) {
	const chain = [link.from];
	for (let k = all[link.from].layer + 1; k < all[link.to].layer; k++) {
		all.push({w: 0, h: 6, layer: k, before: [], after: []});
		chain.push(all.length - 1);
	}
	chain.push(link.to);
	for (let k = 1; k < chain.length; k++)
		if (chain[k] !== chain[k - 1]) {
			all[chain[k - 1]].after.push(chain[k]);
			all[chain[k]].before.push(chain[k - 1]);
		}
	return chain;
}

function crossings(all, layers) {
	let sum = 0;
	for (const list of layers) {
		const ends = [];
		for (const n of list)
			for (const to of all[n].after)
				ends.push([all[n].rank, all[to].rank]);
		for (let i = 0; i < ends.length; i++)
			for (let k = i + 1; k < ends.length; k++)
				if ((ends[i][0] - ends[k][0]) * (ends[i][1] - ends[k][1]) < 0)
					sum++;
	}
	return sum;
}

function orderLayers(all, layers) {
	const rank = list => list.forEach((n, i) => { all[n].rank = i; });
	layers.forEach(rank);
	let best = layers.map(l => [...l]), fewest = crossings(all, layers);
	for (let round = 0; round < 12 && fewest; round++) {
		const down = round % 2 === 0;
		for (const list of down ? layers : [...layers].reverse()) {
			const key = new Map(list.map(n => {
				const near = down ? all[n].before : all[n].after;
				return [n, near.length ? near.reduce((sum, m) => sum + all[m].rank, 0) / near.length : all[n].rank];
			}));
			list.sort((a, b) => key.get(a) - key.get(b) || all[a].rank - all[b].rank);
			rank(list);
		}
		const now = crossings(all, layers);
		if (now < fewest) {
			fewest = now;
			best = layers.map(l => [...l]);
		}
	}
	best.forEach((list, i) => {
		layers[i] = list;
		rank(list);
	});
}

function placeNodes(all, layers) {
	let x = 0;
	for (const list of layers) {
		const widest = Math.max(0, ...list.map(n => all[n].w));
		let y = 0;
		for (const n of list) {
			all[n].x = x + (widest - all[n].w) / 2;
			all[n].y = y;
			y += all[n].h + GAP_Y;
		}
		x += widest + GAP_X;
	}
	for (let round = 0; round < 24; round++)
		for (const list of round % 2 ? [...layers].reverse() : layers)
			settleLayer(all, list);
	const top = Math.min(...all.map(n => n.y)), bottom = Math.max(...all.map(n => n.y + n.h));
	for (const n of all)
		n.y -= top;
	return {width: x - GAP_X, height: bottom - top};
}

// Moves each node towards the middle of its neighbours, then pushes apart what overlaps, half up, half down.
function settleLayer(all, list) {
	const mid = n => all[n].y + all[n].h / 2;
	const want = list.map(n => {
		const near = [...all[n].before, ...all[n].after];
		return (near.length ? near.reduce((sum, m) => sum + mid(m), 0) / near.length : mid(n)) - all[n].h / 2;
	});
	const down = [], up = [];
	list.forEach((n, i) => {
		down[i] = i ? Math.max(want[i], down[i - 1] + all[list[i - 1]].h + GAP_Y) : want[i];
	});
	for (let i = list.length - 1; i >= 0; i--)
		up[i] = i < list.length - 1 ? Math.min(want[i], up[i + 1] - all[list[i]].h - GAP_Y) : want[i];
	list.forEach((n, i) => { all[n].y = (down[i] + up[i]) / 2; });
}

// From the border of one node to the border of the other. Edges that were turned around leave and arrive a little lower, so
// that those of a pair do not cover each other.
function pathOf(all, chain, edge, turned) {
	const first = all[chain[0]], last = all[chain[chain.length - 1]];
	if (edge.from === edge.to) {
		const wide = Math.min(30, first.w * 0.4), x = first.x + first.w * 0.55, y = first.y;
		return [{x, y}, {x: x + 6, y: y - 26}, {x: x + wide + 6, y: y - 26}, {x: x + wide, y}];
	}
	const shift = turned ? Math.min(9, first.h / 4) : 0, shiftLast = turned ? Math.min(9, last.h / 4) : 0;
	const points = [{x: first.x + first.w, y: first.y + first.h / 2 + shift}];
	for (let k = 1; k < chain.length - 1; k++)
		points.push({x: all[chain[k]].x, y: all[chain[k]].y + all[chain[k]].h / 2});
	points.push({x: last.x, y: last.y + last.h / 2 + shiftLast});
	return turned ? points.reverse() : points;
}

// ------------------------------------------------------------------ drawing

// A smooth line through the points; loops are one curve.
function curveOf(points, isLoop) {
	const p = points.map(q => ({x: +q.x.toFixed(1), y: +q.y.toFixed(1)}));
	if (isLoop)
		return `M${p[0].x},${p[0].y}C${p[1].x},${p[1].y} ${p[2].x},${p[2].y} ${p[3].x},${p[3].y}`;
	let d = `M${p[0].x},${p[0].y}`;
	for (let i = 1; i < p.length; i++) {
		const bend = (p[i].x - p[i - 1].x) * 0.45;
		d += `C${p[i - 1].x + bend},${p[i - 1].y} ${p[i].x - bend},${p[i].y} ${p[i].x},${p[i].y}`;
	}
	return d;
}

function arrowTip(points, isLoop) {
	const end = points[points.length - 1], from = points[points.length - 2];
	const dx = isLoop ? 0.2 : Math.sign(end.x - from.x) || 1, dy = isLoop ? 1 : 0, s = 8, w = 3.8;
	return `M${end.x},${end.y}L${end.x - dx * s - dy * w},${end.y - dy * s - dx * w}L${end.x - dx * s + dy * w},${end.y - dy * s + dx * w}Z`;
}

// No more nodes than people can read; edges come heaviest first. Returns {nodes, edges} with the positions made new.
function cutGraph(graph, maxNodes) {
	const kept = new Map(), edges = [];
	for (const e of graph.edges) {
		const fresh = new Set([e.from, e.to].filter(n => !kept.has(n)));
		if (kept.size + fresh.size > maxNodes)
			continue;
		for (const n of fresh)
			kept.set(n, kept.size);
		edges.push({...e, from: kept.get(e.from), to: kept.get(e.to)});
	}
	return {nodes: [...kept.keys()].map(n => graph.nodes[n]), edges};
}

// Which nodes can be reached from each one.
function reachOf(count, edges) {
	const out = Array.from({length: count}, () => []);
	for (const e of edges)
		out[e.from].push(e.to);
	return out.map((first, n) => {
		const seen = new Set(first), todo = [...first];
		while (todo.length)
			for (const to of out[todo.pop()])
				if (!seen.has(to)) {
					seen.add(to);
					todo.push(to);
				}
		return seen;
	});
}

// Who holds a and b and wants c makes three arrows, of which a -> c follows from the others: it is left out, unless it is on a
// cycle (then it is no consequence, and may be what matters).
function reduceGraph(count, edges) {
	const reach = reachOf(count, edges), inCycle = (a, b) => reach[b].has(a);
	return edges.filter(e => e.mark || e.from === e.to || inCycle(e.from, e.to) ||
		!edges.some(f => f.from === e.from && f.to !== e.to && f.to !== e.from && !inCycle(f.from, f.to) && reach[f.to].has(e.to)));
}

function edgeWords(graph, e) {
	const from = clean(graph.nodes[e.from].label), to = clean(graph.nodes[e.to].label);
	const lines = {
		order: () => [to + "\nwanted while " + from + " was held, by " + plural(e.count, "thread")],
		waits: () => [from + " waits for " + to + " (" + clean(e.label || "") + ") for " + fmtNs(e.wait)],
		held: () => [from + "\n" + clean(e.label || "held by") + " " + to],
		blocked: () => [from + " waited for " + to + "\n" + fmtNs(e.wait) + " in " + plural(e.count, "wait") + ", the longest " + fmtNs(e.max) +
			"\nmost of it for " + clean(e.label || "?")],
	}[e.kind]();
	if (e.hold)
		lines.push((e.kind === "held" ? "taken in " : "held in ") + clean(e.hold));
	if (e.want)
		lines.push((e.kind === "waits" ? "in " : "wanted in ") + clean(e.want));
	if (e.mark === 2)
		lines.push("part of a cycle that can deadlock");
	if (e.mark === 1)
		lines.push("part of a cycle that cannot deadlock: see the findings");
	return lines.join("\n");
}

function edgeLabel(e) {
	return e.kind === "order" ? (e.count > 1 ? "\u00d7" + fmtCount(e.count) : "") : e.kind === "held" ? "held by" : fmtNs(e.wait);
}

function drawGraph(full, title, maxNodes) {
	const graph = cutGraph(full, maxNodes), MAX = 34, all = graph.edges.length;
	if (all > 8 && graph.edges[0].kind === "order")
		graph.edges = reduceGraph(graph.nodes.length, graph.edges);
	graph.implied = all - graph.edges.length;
	const boxes = graph.nodes.map(n => {
		const label = middle(n.label, MAX), detail = n.detail ? middle(n.detail, MAX + 4) : "";
		return {label, detail, w: Math.max(64, label.length * 7.1, detail.length * 6.2) + 18, h: detail ? 2 * LINE_Y + 12 : LINE_Y + 13};
	});
	const at = layoutGraph(boxes, graph.edges), pad = 34;
	const root = svg("svg", {width: Math.ceil(at.width + 2 * pad), height: Math.ceil(at.height + 2 * pad), role: "img", "aria-label":
		title + ": " + graph.nodes.length + " nodes, " + graph.edges.length + " edges; the table below lists them",
		viewBox: `${-pad} ${-pad} ${Math.ceil(at.width + 2 * pad)} ${Math.ceil(at.height + 2 * pad)}`});
	if (at.width + 2 * pad < 1200 / 0.72)
		root.classList.add("fit"); // a little too wide: smaller rather than scrolled
	const heaviest = Math.max(1, ...graph.edges.map(e => e.wait || e.count));
	const edgeNodes = graph.edges.map((e, i) => {
		const isLoop = e.from === e.to, points = at.paths[i], d = curveOf(points, isLoop);
		const g = svg("g.edge." + e.kind + (e.mark === 2 ? ".bad" : e.mark === 1 ? ".excused" : ""), null, svg("path", {d, "stroke-width":
			(1.1 + 2.4 * Math.sqrt((e.wait || e.count) / heaviest)).toFixed(2)}),
			svg("path.tip", {d: arrowTip(points, isLoop)}), svg("path.hit", {d}));
		const label = graph.edges.length <= 24 && edgeLabel(e);
		if (label) {
			const m = points.length % 2 ? points[(points.length - 1) / 2]
				: {x: (points[points.length / 2 - 1].x + points[points.length / 2].x) / 2, y: (points[points.length / 2 - 1].y + points[points.length / 2].y) / 2};
			g.append(svg("text", {x: m.x, y: m.y - 4, "text-anchor": "middle"}, label));
		}
		tipOn(g, () => edgeWords(graph, e));
		return g;
	});
	const nodeNodes = graph.nodes.map((n, i) => {
		const {x, y} = at.at[i], b = boxes[i];
		const bad = graph.edges.some(e => e.mark === 2 && (e.from === i || e.to === i));
		const g = svg("g.node." + (n.lock ? "lock" : "thread") + (bad ? ".bad" : ""), {transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`},
			svg("rect", {width: b.w, height: b.h, rx: n.lock ? 4 : b.h / 2}),
			svg("text", {x: b.w / 2, y: b.detail ? 18 : b.h / 2 + 4, "text-anchor": "middle"}, b.label),
			b.detail ? svg("text.detail", {x: b.w / 2, y: 33, "text-anchor": "middle"}, b.detail) : null);
		tipOn(g, () => clean(n.label) + (n.detail ? "\n" + clean(n.detail) : ""));
		return g;
	});
	light(root, graph, nodeNodes, edgeNodes);
	root.append(...edgeNodes, ...nodeNodes);
	return {root, graph};
}

// The node under the mouse, and what it is connected with.
function light(root, graph, nodeNodes, edgeNodes) {
	nodeNodes.forEach((node, i) => {
		node.addEventListener("mouseenter", () => {
			root.classList.add("lit");
			node.classList.add("on");
			graph.edges.forEach((e, k) => {
				if (e.from !== i && e.to !== i)
					return;
				edgeNodes[k].classList.add("on");
				nodeNodes[e.from].classList.add("on");
				nodeNodes[e.to].classList.add("on");
			});
		});
		node.addEventListener("mouseleave", () => {
			root.classList.remove("lit");
			for (const other of [...nodeNodes, ...edgeNodes])
				other.classList.remove("on");
		});
	});
}
