// SPDX-License-Identifier: Apache-2.0
// dom - elements from values. Text stays text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
	for (const [name, value] of Object.entries(properties || {})) {
		if (value === undefined || value === null || value === false)
			continue;
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (name === "value" || name === "checked" || name === "disabled")
			element[name] = value;
		else
			element.setAttribute(name, value === true ? "" : value);
	}
	element.append(...children.flat(Infinity)
		.filter(child => child !== null && child !== undefined && child !== false));
	return element;
}

// h("button", {type: "button", onclick: f}, "Retry")
export function h(name, properties, ...children) {
	return fill(document.createElement(name), properties, children);
}

// Instead of what is in it; null is nothing.
export function put(element, ...children) {
	element.replaceChildren();
	return fill(element, {}, children);
}

export function s(name, properties, ...children) {
	return fill(document.createElementNS(SVG, name), properties, children);
}

export function badge(state, text = state) {
	return h("span", { class: `badge ${state}` }, text);
}

export function button(text, onclick, more = {}) {
	return h("button", { type: "button", onclick, ...more }, text);
}

// columns: [title, row => cell, class]
export function table(caption, columns, rows) {
	// the roles say what it is where a phone shows its rows as cards
	return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
		h("table", { class: "rows", role: "table" },
			h("caption", { class: "hidden" }, caption),
			h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
				columns.map(([title, , kind]) =>
					h("th", { scope: "col", role: "columnheader", class: kind }, title)))),
			h("tbody", { role: "rowgroup" }, rows.map(row => h("tr", { role: "row" },
				columns.map(([title, cell, kind]) =>
					h("td", { role: "cell", class: kind, "data-title": title },
						cell(row))))))));
}

// A table in the place of one of its caption that is there: rows change, and who
// scrolls in it or has the focus there stays.
export function putTable(place, fresh) {
	const old = place.firstElementChild, label = fresh.getAttribute("aria-label");
	if (old && label && old.getAttribute("aria-label") === label)
		old.querySelector("tbody").replaceWith(fresh.querySelector("tbody"));
	else
		put(place, fresh);
}

// What there is to see when there is nothing.
export function nothing(text, hint) {
	return h("div", { class: "nothing" }, h("p", {}, text),
		hint ? h("p", { class: "muted" }, hint) : null);
}

export function problem(error) {
	const details = Array.isArray(error.details) ? error.details : [];
	return h("div", { class: "problem", role: "alert" },
		h("p", {}, h("strong", {}, error.message)),
		details.length ? h("ul", {}, details.map(d =>
			h("li", {}, h("code", {}, d.field), ": ", d.problem))) : null,
		error.hint ? h("p", {}, error.hint) : null);
}

export function time(text) {
	const at = new Date(text);
	if (!text || Number.isNaN(at.getTime()))
		return "–";
	return h("time", { datetime: text, title: text }, at.toLocaleString(undefined,
		{ dateStyle: "medium", timeStyle: "medium" }));
}

export function span(ms) {
	const units = [["d", 86400000], ["h", 3600000], ["min", 60000], ["s", 1000]];
	for (const [name, size] of units)
		if (ms >= size)
			return `${Math.floor(ms / size)} ${name}`;
	return "under 1 s";
}

export function age(text, now = Date.now()) {
	return text ? span(Math.max(0, now - new Date(text).getTime())) : "–";
}

export function count(n, one, many = one + "s") {
	return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

// For who does not see what has changed.
export function say(text) {
	document.getElementById("said").textContent = text;
}

// A question with a form; resolves with its fields, or null when it is left.
export function ask(title, content, verb, kind = "") {
	return new Promise(resolve => {
		const form = h("form", { method: "dialog" },
			h("h2", { id: "ask-title" }, title), content,
			h("div", { class: "actions" },
				h("button", { value: "yes", class: kind }, verb),
				h("button", { value: "no", class: "quiet", formnovalidate: true },
					"Cancel")));
		const dialog = h("dialog", { "aria-labelledby": "ask-title" }, form);
		dialog.addEventListener("close", () => {
			const fields = Object.fromEntries(new FormData(form));
			dialog.remove();
			resolve(dialog.returnValue === "yes" ? fields : null);
		});
		document.body.append(dialog);
		dialog.showModal();
	});
}
