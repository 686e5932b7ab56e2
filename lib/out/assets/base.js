// SPDX-License-Identifier: GPL-3.0-or-later
// base.js - what all parts of the page use: elements, numbers with units, stacks, the tip under the mouse, light and dark.
// Texts of the data are hostile: they reach the page through textContent only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

// el("td.num", {title: "x"}, child, "text"...): classes behind dots; functions become listeners.
function el(spec, attrs, ...children) {
	const [tag, ...classes] = spec.split(".");
	return fill(document.createElement(tag), classes, attrs, children);
}

function svg(spec, attrs, ...children) {
	const [tag, ...classes] = spec.split(".");
	return fill(document.createElementNS(SVG, tag), classes, attrs, children);
}

function fill(node, classes, attrs, children) {
	for (const name of classes)
		node.classList.add(name);
	for (const [key, value] of Object.entries(attrs || {})) {
		if (typeof value === "function")
			node.addEventListener(key, value);
		else if (value !== null && value !== undefined && value !== false)
			node.setAttribute(key, value === true ? "" : value);
	}
	for (const child of children.flat())
		if (child !== null && child !== undefined)
			node.append(child);
	return node;
}

// Three significant digits: 1234567 -> "1.23".
function digits(value) {
	return value >= 999.5 ? String(Math.round(value)) : value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function fmtNs(ns) {
	if (!ns)
		return "0 s";
	if (ns < 999.5)
		return Math.round(ns) + " ns";
	if (ns < 999.5e3)
		return digits(ns / 1e3) + " \u00b5s";
	if (ns < 999.5e6)
		return digits(ns / 1e6) + " ms";
	const s = ns / 1e9;
	if (s < 99.95)
		return digits(s) + " s";
	const two = n => String(n).padStart(2, "0");
	if (s < 3600)
		return Math.floor(s / 60) + "m " + two(Math.floor(s % 60)) + "s";
	if (s < 86400)
		return Math.floor(s / 3600) + "h " + two(Math.floor(s % 3600 / 60)) + "m";
	return Math.floor(s / 86400) + "d " + two(Math.floor(s % 86400 / 3600)) + "h";
}

function fmtCount(n) {
	if (n < 1000)
		return String(n);
	return n < 999.5e3 ? digits(n / 1e3) + " k" : n < 999.5e6 ? digits(n / 1e6) + " M" : digits(n / 1e9) + " G";
}

function fmtPct(part, whole) {
	if (!whole)
		return "-";
	const pct = 100 * part / whole;
	return pct === 0 ? "0 %" : pct < 0.1 ? "<0.1 %" : pct < 10 ? pct.toFixed(1) + " %" : Math.round(pct) + " %";
}

function plural(n, word, many) {
	return fmtCount(n) + " " + (n === 1 ? word : many || word + "s");
}

// Controls and invisible or direction-changing characters are shown, not obeyed.
function clean(text) {
	return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
		c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function middle(text, max) {
	text = clean(text);
	const half = Math.floor((max - 1) / 2);
	return text.length <= max ? text : text.slice(0, max - 1 - half) + "\u2026" + text.slice(-half);
}

// "worker pool.c:12" with its line dimmed.
function placeNode(text) {
	if (!text)
		return el("span.line", null, "not known");
	const m = /^(.*) ([^ ]+:\d+)$/.exec(clean(text));
	return m ? el("span", null, m[1], " ", el("span.line", null, m[2])) : el("span", null, clean(text));
}

function stackNode(label, frames) {
	const list = el("ol");
	for (const id of frames || []) {
		const [fn, at, module, inlined] = data.places[id] || ["?", "", "", 0];
		list.append(el(inlined ? "li.in" : "li", null, el("span.fn", null, clean(fn)),
			el("span.at", {title: clean(module + (inlined ? ", inlined" : ""))}, clean(at || module))));
	}
	return el("div.stack", null, el("div.label", null, clean(label)), list);
}

function stacksNode(pairs) {
	const shown = pairs.filter(([, frames]) => frames && frames.length);
	return shown.length ? el("div.stacks", null, shown.map(([label, frames]) => stackNode(label, frames))) : null;
}

// ------------------------------------------------------------------ tip

const tip = el("div.tip-box", {hidden: true, role: "tooltip"});

function tipAt(x, y, text) {
	tip.textContent = text;
	tip.hidden = false;
	const r = tip.getBoundingClientRect();
	tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - r.width - 6)) + "px";
	tip.style.top = (y + 18 + r.height > innerHeight ? Math.max(4, y - r.height - 10) : y + 18) + "px";
}

function tipOn(node, text) {
	node.addEventListener("mousemove", e => tipAt(e.clientX, e.clientY, text()));
	node.addEventListener("mouseleave", () => { tip.hidden = true; });
	node.addEventListener("focus", () => {
		const r = node.getBoundingClientRect();
		tipAt(r.left, r.bottom - 10, text());
	});
	node.addEventListener("blur", () => { tip.hidden = true; });
}

// ------------------------------------------------------------------ light and dark

const dark = window.matchMedia("(prefers-color-scheme: dark)");
let theme = "auto";

function applyTheme() {
	const now = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
	document.documentElement.setAttribute("data-theme", now);
	return now;
}

function themeButton() {
	try {
		theme = localStorage.getItem("threadtools-theme") || "auto";
	} catch (e) {
		theme = "auto"; // a page from a file may have no storage
	}
	if (/[?&#]theme=(dark|light)/.test(location.href))
		theme = RegExp.$1;
	const button = el("button.button", {type: "button", click: () => {
		theme = applyTheme() === "dark" ? "light" : "dark";
		try {
			localStorage.setItem("threadtools-theme", theme);
		} catch (e) { /* not kept, then */ }
		label();
	}});
	function label() {
		const now = applyTheme();
		button.textContent = now === "dark" ? "Light" : "Dark";
		button.setAttribute("aria-label", "Use " + (now === "dark" ? "light" : "dark") + " colours");
	}
	dark.addEventListener("change", label);
	label();
	return button;
}
