// SPDX-License-Identifier: Apache-2.0
// chart - lines over the last minutes, with what they say as text and as a table.
import { h, s } from "./dom.js";

const HEIGHT = 150, LEFT = 54, RIGHT = 8, TOP = 10, BOTTOM = 22;
const DASHES = ["", "6 4", "2 3"];
const ROWS = 12;

// The next of 1, 2, 5, 10, 20 ... so that the grid has round numbers.
function ceiling(value) {
	const power = 10 ** Math.floor(Math.log10(value || 1));
	for (const step of [1, 2, 5, 10])
		if (value <= step * power)
			return step * power;
	return 10 * power;
}

function path(values, x, y) {
	let text = "", drawing = false;
	values.forEach((value, i) => {
		if (value === null) {
			drawing = false;
			return;
		}
		text += `${drawing ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
		drawing = true;
	});
	return text;
}

function last(values) {
	const known = values.filter(v => v !== null);
	return known.length ? known[known.length - 1] : null;
}

/*
 * title, unit, series: [{name, values}], one value for each of times (ms), null
 * where nothing is known; format: value -> text.
 */
export class Chart {
	constructor(title, format, id) {
		this.title = title;
		this.format = value => value === null ? "–" : format(value);
		this.svg = s("svg", { role: "img", height: HEIGHT });
		this.legend = h("ul", { class: "legend" });
		this.rows = h("tbody", {});
		this.head = h("tr", {});
		this.element = h("section", { class: "card chart", "aria-labelledby": id },
			h("h2", { id }, title), this.legend, this.svg,
			h("details", {}, h("summary", {}, "As a table"),
				h("div", { class: "scroll", tabindex: "0", role: "region",
					"aria-label": `${title}, as a table` },
					h("table", {}, h("caption", { class: "hidden" }, title),
						h("thead", {}, this.head), this.rows))));
	}

	draw(times, series) {
		const width = Math.max(240, Math.floor(this.svg.parentNode.clientWidth - 32));
		const top = ceiling(Math.max(...series.flatMap(one => one.values), 0) || 1);
		const x = i => LEFT + (width - LEFT - RIGHT) *
			(times.length > 1 ? i / (times.length - 1) : 1);
		const y = v => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * v / top;
		const span = times.length > 1 ? (times[times.length - 1] - times[0]) / 1000 : 0;

		this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
		this.svg.setAttribute("aria-label", this.summary(series, span));
		this.svg.replaceChildren(
			...[0, top / 2, top].flatMap(v => [
				s("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(v), y2: y(v) }),
				s("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" },
					this.format(v))]),
			s("text", { x: LEFT, y: HEIGHT - 4 }, span > 0 ? `${Math.round(span)} s ago` : ""),
			s("text", { x: width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, "now"),
			...series.map((one, i) => s("path", { class: `line line-${i}`, d: path(one.values,
				x, y), "stroke-dasharray": DASHES[i] })));
		this.drawLegend(series);
		this.drawTable(times, series);
	}

	summary(series, span) {
		const said = series.map(one => `${one.name} ${this.format(last(one.values))}`);
		return `${this.title} over ${Math.round(span)} seconds; now ${said.join(", ")}`;
	}

	drawLegend(series) {
		this.legend.replaceChildren(...series.map((one, i) => h("li", {},
			s("svg", { width: 26, height: 8, "aria-hidden": "true" },
				s("path", { class: `line line-${i}`, d: "M1 4H25",
					"stroke-dasharray": DASHES[i] })),
			` ${one.name} `, h("strong", {}, this.format(last(one.values))))));
	}

	drawTable(times, series) {
		this.head.replaceChildren(h("th", { scope: "col" }, "Time"),
			...series.map(one => h("th", { scope: "col", class: "number" }, one.name)));
		const from = Math.max(0, times.length - ROWS);
		this.rows.replaceChildren(...times.slice(from).map((at, i) => h("tr", {},
			h("td", {}, new Date(at).toLocaleTimeString()),
			...series.map(one => h("td", { class: "number" },
				this.format(one.values[from + i]))))).reverse());
	}
}
