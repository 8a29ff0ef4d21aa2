// SPDX-License-Identifier: Apache-2.0
// routes - where messages come in, what they pass, and where they end, as a picture
// and as a table.
import { h, put, s, nothing, table } from "./dom.js";
import { get } from "./api.js";

const ROW = 40, BOX = 28, GAP = 30, LETTER = 7.3, PAD = 20;
const TITLES = { http: "HTTP requests", amqp: "Events", schedule: "Schedules",
	admin: "Operators' actions" };

const wide = text => Math.ceil(text.length * LETTER) + PAD;

function address(route) {
	return route.source === "amqp" ?
		(route.bindings || []).map(b => `${b.exchange} ${b.key}`).join(", ") || route.queue :
		route.address;
}

function steps(route) {
	return route.inject ? ["the event's own route"] :
		route.steps.map(step => `${step.instance}.${step.handler}`);
}

function box(x, y, text, kind, title) {
	return s("g", {}, s("title", {}, title || text),
		s("rect", { class: `box ${kind}`, x, y, width: wide(text), height: BOX, rx: 6 }),
		s("text", { x: x + wide(text) / 2, y: y + 18, "text-anchor": "middle" }, text));
}

function arrow(x1, x2, y) {
	return s("path", { class: "flow", d: `M${x1} ${y}H${x2 - 6}m-5 -4l5 4l-5 4` });
}

// Columns: address, who may, as many handlers as the longest pipeline has.
function picture(title, routes, data) {
	const auth = route => route.source === "http" ?
		route.auth.length ? route.auth.join(", ") : "open to all" : "";
	const width = texts => Math.max(0, ...texts.filter(Boolean).map(wide));
	const first = width(routes.map(address)), second = width(routes.map(auth));
	const longest = Math.max(1, ...routes.map(r => steps(r).length));
	const columns = Array.from({ length: longest }, (_, i) =>
		width(routes.map(r => steps(r)[i])));
	const starts = columns.map((_, i) => first + GAP + (second ? second + GAP : 0) +
		columns.slice(0, i).reduce((a, b) => a + b + GAP, 0));
	const end = starts[longest - 1] + columns[longest - 1] + GAP;
	const store = `commit: ${data.storage}`, out = ["outbox", ...data.exchanges];
	const height = routes.length * ROW, last = end + wide(store) + GAP;
	const total = last + Math.max(...out.map(wide)) + 4;
	const tall = Math.max(height, out.length * ROW);
	const rows = routes.flatMap((route, i) => {
		const y = i * ROW + 6, mid = y + BOX / 2, parts = [
			box(2, y, address(route), "in", `${route.address}, ${route.place}`)];
		let at = 2 + wide(address(route));
		if (auth(route)) {
			parts.push(arrow(at, first + GAP, mid), box(first + GAP, y, auth(route), "who",
				route.roles.length ? `one of the roles ${route.roles.join(", ")}` : ""));
			at = first + GAP + wide(auth(route));
		}
		steps(route).forEach((text, k) => {
			parts.push(arrow(at, starts[k], mid), box(starts[k], y, text, "step",
				route.steps[k] && route.steps[k].summary));
			at = starts[k] + wide(text);
		});
		return [...parts, arrow(at, end, mid)];
	});
	return h("div", { class: "scroll picture", tabindex: "0", role: "region",
		"aria-label": `${title}, as a picture` },
	s("svg", { role: "img", width: total, height: tall + 8, viewBox: `0 0 ${total} ${tall + 8}`,
		"aria-label": `${routes.length} routes and their handlers; the table below says the same` },
	rows, s("rect", { class: "box store", x: end, y: 4, width: wide(store), height: tall - 8,
		rx: 6 }),
	s("text", { x: end + wide(store) / 2, y: tall / 2 + 4, "text-anchor": "middle" }, store),
	out.map((text, i) => {
		const y = (tall - out.length * ROW) / 2 + i * ROW + 6;
		return [arrow(end + wide(store), last, y + BOX / 2), box(last, y, text, "out")];
	})));
}

function section(source, routes, data) {
	return h("section", { class: "card" }, h("h2", {}, TITLES[source] || source),
		picture(TITLES[source] || source, routes, data),
		h("details", {}, h("summary", {}, "As a table"), table(TITLES[source] || source, [
			["Address", r => h("code", {}, r.address)],
			["Comes from", r => r.source === "amqp" ? address(r) : "–"],
			["Who may", r => r.source !== "http" ? "–" : r.auth.length === 0 ? "anyone" :
				`${r.auth.join(", ")} with ${r.roles.join(" or ")}`],
			["Pipeline", r => h("code", {}, steps(r).join(" → "))],
			["Said in", r => r.place],
		], routes)));
}

export async function show(root, { signal }) {
	const { data } = await get("/routes", signal);
	const sources = Object.keys(TITLES).filter(source =>
		data.routes.some(route => route.source === source));
	put(root, h("p", { class: "muted" }, "From left to right: where a message comes in, who may " +
			"send it, the handlers that it passes; all that it does is committed at once, " +
			"and its events leave by the outbox."),
		sources.length === 0 ? nothing("There are no routes.") : sources.map(source =>
			section(source, data.routes.filter(route => route.source === source), data)),
		data.upstreams.length > 0 ? h("p", {}, "Upstreams that handlers may ask: ",
			data.upstreams.join(", "), ".") : null);
}
