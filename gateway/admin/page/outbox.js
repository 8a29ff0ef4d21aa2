// SPDX-License-Identifier: Apache-2.0
// outbox - what waits to be published: how much, for how long, and why.
import { h, put, age, badge, count, nothing, table, time } from "./dom.js";
import { get, query } from "./api.js";

const PAGE = 25;

function tile(title, text, more) {
	return h("li", { class: "card tile" }, h("div", { class: "tile-head" }, h("h2", {}, title),
		more), h("p", { class: "figure" }, text));
}

export async function show(root, { signal, params }) {
	const page = await get("/outbox" + query({ limit: PAGE, after: params.get("after") }), signal);
	const { data } = page;
	const bound = data.full ? badge("fail", "full") : data.warn ? badge("warn", "near a bound") :
		badge("pass", "within bounds");
	put(root, h("ul", { class: "tiles" },
			tile("Depth", count(data.rows, "event"), bound),
			tile("Oldest", data.oldestAt ? age(data.oldestAt) : "nothing waits"),
			data.dropped > 0 ? tile("Dropped", count(data.dropped, "event"),
				badge("warn", "too old or too many")) : null),
		data.events.length === 0 ?
			nothing(params.get("after") ? "There are no more." : "No event waits.",
				"Events come here with the change that causes them, and leave when the " +
				"broker has confirmed them.") :
			table("Events that wait, the oldest first", [
				["Event", e => h("code", {}, e.eventId)],
				["Type", e => e.type],
				["Of", e => h("code", {}, e.aggregateId)],
				["To", e => `${e.exchange} · ${e.routingKey}`],
				["Since", e => time(e.createdAt)],
				["Why", e => e.cause || "waits for its turn"],
			], data.events),
		page.next ? h("p", {}, h("a", { class: "button", href: "#/outbox" +
			query({ after: page.next }) }, "The next ones")) : null,
		params.get("after") ? h("p", {}, h("a", { href: "#/outbox" }, "From the oldest")) : null);
}
