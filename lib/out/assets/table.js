// SPDX-License-Identifier: GPL-3.0-or-later
// table.js - a table that sorts by any column, filters, shows its first rows, and opens a row's details.

const FIRST_ROWS = 20;

// columns: {head, get(row), show(row) -> text or node, num, bar, name, title}. more(row): details or null.
function makeTable(id, columns, rows, all, more) {
	let order = {column: -1, down: true}, words = [], showAll = rows.length <= FIRST_ROWS + 5;
	const texts = rows.map(row => columns.map(c => clean(c.text ? c.text(row) : c.num ? "" : c.get(row) || "")).join(" ").toLowerCase());
	const body = el("tbody"), head = el("tr"), count = el("span", {role: "status"});
	const showButton = el("button.button", {type: "button", click: () => { showAll = !showAll; draw(); }});
	const peaks = columns.map(c => c.bar ? Math.max(1, ...rows.map(r => c.get(r))) : 0);

	columns.forEach((c, i) => {
		const button = el("button", {type: "button", title: c.title, click: () => {
			order = {column: i, down: order.column === i ? !order.down : !!c.num};
			draw();
		}}, c.head);
		head.append(el(c.num ? "th.num" : "th", {scope: "col"}, button));
	});

	function sorted() {
		let list = rows.map((row, i) => i).filter(i => words.every(w => texts[i].includes(w)));
		if (order.column < 0)
			return list;
		const get = columns[order.column].get, sign = order.down ? -1 : 1;
		return list.sort((a, b) => {
			const x = get(rows[a]), y = get(rows[b]);
			const c = typeof x === "number" && typeof y === "number" ? x - y : clean(x || "").localeCompare(clean(y || ""), "en", {numeric: true});
			return c ? sign * c : a - b;
		});
	}

	function rowNodes(row) {
		const detail = more && more(row);
		let opened = null;
		const toggle = detail && el("button.toggle", {type: "button", "aria-expanded": "false", "aria-label": "Details"});
		const tr = el(detail ? "tr.main.opens" : "tr.main");
		columns.forEach((c, i) => {
			const shown = c.show ? c.show(row) : c.get(row);
			const td = el(c.num ? "td.num" : c.name ? "td.name" : "td", null, i === 0 ? toggle : null, i === 0 && toggle ? " " : null,
				shown instanceof Node ? shown : clean(shown === null || shown === undefined ? "" : shown));
			if (c.bar && c.get(row)) {
				td.classList.add("bar");
				td.style.setProperty("--part", (100 * c.get(row) / peaks[i]).toFixed(1) + "%");
			}
			tr.append(td);
		});
		function flip() {
			if (!opened) {
				opened = el("tr.more", {hidden: true}, el("td", {colspan: columns.length}, detail()));
				tr.after(opened);
			}
			opened.hidden = !opened.hidden;
			toggle.setAttribute("aria-expanded", String(!opened.hidden));
		}
		if (detail)
			tr.addEventListener("click", e => {
				if (e.target === toggle || (!String(getSelection()) && !e.target.closest("a, button, tr.more")))
					flip();
			});
		return tr;
	}

	function draw() {
		const list = sorted(), shown = showAll ? list : list.slice(0, FIRST_ROWS);
		[...head.children].forEach((th, i) => {
			if (i === order.column)
				th.setAttribute("aria-sort", order.down ? "descending" : "ascending");
			else
				th.removeAttribute("aria-sort");
		});
		body.replaceChildren(...shown.map(i => rowNodes(rows[i])));
		if (list.length === 0)
			body.append(el("tr", null, el("td.none", {colspan: columns.length}, "Nothing matches the filter.")));
		let text = shown.length < list.length ? shown.length + " of " + list.length + " rows" : plural(list.length, "row");
		if (words.length)
			text += ", filtered from " + rows.length;
		if (all > rows.length)
			text += "; the report holds the first " + rows.length + " of " + fmtCount(all) + " (--top N holds more)";
		count.textContent = text;
		showButton.hidden = list.length <= FIRST_ROWS;
		showButton.textContent = showAll ? "Show fewer" : "Show all " + list.length;
	}

	const filter = rows.length > 5 && el("input.filter", {type: "search", placeholder: "Filter", "aria-label": "Filter the rows", input: () => {
		words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
		draw();
	}});
	draw();
	addEventListener("beforeprint", () => { showAll = true; draw(); });
	const box = el("div.table.card", null, el("table", {id}, el("thead", null, head), body), el("div.foot", null, count, showButton));
	return {box, filter: filter || null};
}
