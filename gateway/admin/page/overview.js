// SPDX-License-Identifier: Apache-2.0
// overview - how the gateway is, and its traffic since this page was opened: the
// metrics page is read every two seconds, and one reading taken from the next.
import { h, put, putTable, badge, table, nothing, count, age } from "./dom.js";
import { get, metrics } from "./api.js";
import { Chart } from "./chart.js";

const EVERY_MS = 2000, KEEP = 150;

let samples = [], timer = 0, running = false;
const listeners = new Set();

const sum = (rows, fits = () => true) =>
	(rows || []).reduce((n, row) => fits(row.labels) ? n + row.value : n, 0);

// Counts of the buckets of a histogram by their upper bound.
function buckets(rows, fits = () => true) {
	const found = new Map();
	for (const { labels, value } of rows || [])
		if (fits(labels))
			found.set(labels.le, (found.get(labels.le) || 0) + value);
	return found;
}

function sample(families) {
	const requests = families.get("gantry_http_requests_total");
	const times = families.get("gantry_http_request_duration_seconds_bucket");
	const routes = new Map();
	for (const { labels, value } of requests || []) {
		const route = routes.get(labels.route) || { n: 0, failed: 0 };
		route.n += value;
		route.failed += labels.status >= "500" ? value : 0;
		routes.set(labels.route, route);
	}
	return {
		at: Date.now(), routes,
		fine: sum(requests, l => l.status < "400"),
		refused: sum(requests, l => l.status >= "400" && l.status < "500"),
		failed: sum(requests, l => l.status >= "500"),
		times: buckets(times),
		byRoute: new Map([...routes.keys()].map(route =>
			[route, buckets(times, l => l.route === route)])),
		consumed: sum(families.get("gantry_events_total")),
		published: sum(families.get("gantry_published_total")),
		outbox: sum(families.get("gantry_outbox_events")),
	};
}

// A bound below which a share of what came in between was, or null for nothing.
function quantile(before, after, share) {
	const total = (after.get("+Inf") || 0) - (before.get("+Inf") || 0);
	let from = 0, below = 0;
	if (total <= 0)
		return null;
	for (const [le, n] of after) {
		const here = n - (before.get(le) || 0);
		if (here >= share * total) {
			if (le === "+Inf")
				return from;
			const part = here > below ? (share * total - below) / (here - below) : 1;
			return from + (Number(le) - from) * part;
		}
		from = le === "+Inf" ? from : Number(le);
		below = here;
	}
	return from;
}

async function read() {
	try {
		const next = sample(await metrics());
		const before = samples[samples.length - 1];
		// counters that fell are those of a new process
		if (before && next.fine + next.refused + next.failed <
		    before.fine + before.refused + before.failed)
			samples = [];
		samples.push(next);
		samples = samples.slice(-KEEP);
	} catch { /* the badge says so; the next reading may work */ }
	listeners.forEach(tell => tell());
	if (running)
		timer = setTimeout(read, EVERY_MS);
}

export function start() {
	if (running)
		return;
	running = true;
	samples = [];
	read();
}

export function stop() {
	running = false;
	clearTimeout(timer);
}

// One value for each pair of samples that follow each other.
function series(of) {
	return samples.slice(1).map((next, i) =>
		of(samples[i], next, (next.at - samples[i].at) / 1000));
}

const rate = name => series((a, b, seconds) => Math.max(0, b[name] - a[name]) / seconds);
const latency = share => series((a, b) => {
	const value = quantile(a.times, b.times, share);
	return value === null ? null : value * 1000;
});

const few = value => value >= 100 ? Math.round(value).toLocaleString() :
	value >= 10 ? value.toFixed(1) : value.toFixed(value === 0 ? 0 : 2);
const ms = value => value === 0 ? "0 ms" : value >= 1000 ? `${(value / 1000).toFixed(1)} s` :
	`${value >= 10 ? Math.round(value) : value.toFixed(1)} ms`;

const CHARTS = [
	["Requests per second", few, () => [
		{ name: "answered", values: rate("fine") },
		{ name: "refused (4xx)", values: rate("refused") },
		{ name: "failed (5xx)", values: rate("failed") }]],
	["Latency", ms, () => [
		{ name: "half below", values: latency(0.5) },
		{ name: "95 % below", values: latency(0.95) },
		{ name: "99 % below", values: latency(0.99) }]],
	["Errors, of all requests", value => `${few(value)} %`, () => [
		{ name: "refused (4xx)", values: share("refused") },
		{ name: "failed (5xx)", values: share("failed") }]],
	["Events per second", few, () => [
		{ name: "consumed", values: rate("consumed") },
		{ name: "published", values: rate("published") }]],
];

function share(name) {
	return series((a, b) => {
		const all = b.fine + b.refused + b.failed - a.fine - a.refused - a.failed;
		return all > 0 ? 100 * (b[name] - a[name]) / all : null;
	});
}

const TITLES = { storage: "Storage", broker: "Broker", breaker: "Breakers",
	consumer: "Consumer", outbox: "Outbox", isolation: "Isolated handlers" };

// What a check says, in words.
function words(name, check) {
	if (name === "storage")
		return check.status === "fail" ? "away: nothing is taken until it is back" :
			check.lanesStuck > 0 ? `${count(check.lanesStuck, "lane")} stuck in it` : "takes what it is given";
	if (name === "broker")
		return !check.configured ? "not configured: events wait in the outbox" :
			!check.connected ? "away: events wait in the outbox" :
			check.blocked ? "wants nothing for now" : "connected";
	if (name === "consumer")
		return !check.configured ? "no queues to consume" :
			!check.connected ? "not connected" :
			check.paused ? "pauses, as storage is away" : "connected";
	if (name === "outbox")
		return check.events === 0 ? "nothing waits" :
			`${count(check.events, "event")}, the oldest for ${check.ageSeconds} s`;
	if (name === "isolation") {
		const states = Object.entries(check).filter(([key]) => key !== "status");
		return states.length === 0 ? "none in a process of its own" :
			states.map(([key, state]) => `${key}: ${state}`).join(", ");
	}
	const open = Object.entries(check).filter(([key, state]) =>
		key !== "status" && state !== "closed");
	return open.length ? open.map(([key, state]) => `${key} is ${state}`).join(", ") :
		"all closed";
}

// A tile of that name, made when it is first told of; it stays what it is.
function tile(root, name, aside) {
	for (const one of root.children)
		if (one.dataset.name === name)
			return one;
	const made = h("li", { class: "card tile", "data-name": name },
		h("div", { class: "tile-head" }, h("h3", {}, name), aside), h("p", {}));
	root.append(made);
	return made;
}

function drawTile(root, name, text, state) {
	const one = tile(root, name, state ? badge(state) : null);
	if (state)
		one.querySelector(".badge").replaceWith(badge(state));
	one.querySelector("p").textContent = text;
}

function drawHealth(root, data) {
	for (const [name, check] of Object.entries(data.checks))
		drawTile(root, TITLES[name] || name, words(name, check), check.status);
	tile(root, "Dead letters", h("a", { href: "#/dead-letters" }, "look"));
	drawTile(root, "Dead letters", data.deadLetters === null ? "not counted yet" :
		count(Object.values(data.deadLetters).reduce((a, b) => a + b, 0), "letter") + " open");
	const names = data.backlogs.map(one => `${one.handlers}: ${one.backlog}`);
	data.backlogs.forEach((one, i) => drawTile(root, names[i], one.waiting === 0 ?
		"nothing waits" : one.waiting.toLocaleString() + " wait" +
		(one.oldestAt ? `, the oldest for ${age(one.oldestAt)}` : "")));
	// a reload may take one away
	for (const one of [...root.children])
		if (one.dataset.name.includes(": ") && !names.includes(one.dataset.name))
			one.remove();
}

function drawRoutes(root) {
	const first = samples[0], now = samples[samples.length - 1];
	const seconds = now ? (now.at - first.at) / 1000 : 0;
	const rows = seconds > 0 ? [...now.routes].map(([route, { n, failed }]) => {
		const before = first.routes.get(route) || { n: 0, failed: 0 };
		return { route, n: n - before.n, failed: failed - before.failed, all: n,
			slow: quantile(first.byRoute.get(route) || new Map(),
				now.byRoute.get(route), 0.95) };
	}).filter(row => row.all > 0) : [];
	putTable(root, rows.length === 0 ?
		nothing("No request has come yet.", "What is seen here is the API's listener.") :
		table("Requests by route", [
			["Route", row => row.route === "none" ? "no route" : h("code", {}, row.route)],
			["Per second", row => few(row.n / seconds), "number"],
			["Failed", row => row.failed.toLocaleString(), "number"],
			["95 % below", row => row.slow === null ? "–" : ms(row.slow * 1000), "number"],
			["Since the start", row => row.all.toLocaleString(), "number"],
		], rows.sort((a, b) => b.n - a.n || b.all - a.all)));
}

export async function show(root, { signal }) {
	const tiles = h("ul", { class: "tiles" }), routes = h("div", {});
	const charts = CHARTS.map(([title, format, lines], i) =>
		[new Chart(title, format, `chart-${i}`), lines]);
	const since = h("p", { class: "muted" });
	const draw = () => {
		const times = samples.slice(1).map(one => one.at);
		charts.forEach(([chart, lines]) => chart.draw(times, lines()));
		drawRoutes(routes);
		since.textContent = samples.length > 1 ?
			`Since this page was opened, ${age(new Date(samples[0].at).toISOString())} ago; ` +
			"read every 2 s." : "The first reading comes in 2 s.";
	};
	put(root, h("h2", { class: "hidden" }, "Health"), tiles,
		h("h2", {}, "Traffic"), since,
		h("div", { class: "charts" }, charts.map(([chart]) => chart.element)),
		h("section", { class: "card" }, h("h2", {}, "By route"), routes));
	listeners.add(draw);
	signal.addEventListener("abort", () => listeners.delete(draw));
	new ResizeObserver(draw).observe(root);
	draw();
	const look = async () => {
		drawHealth(tiles, (await get("/overview", signal)).data);
	};
	await look();
	const again = setInterval(() => look().catch(() => {}), EVERY_MS);
	signal.addEventListener("abort", () => clearInterval(again));
}
