// SPDX-License-Identifier: Apache-2.0
// breakers - their states, and what an operator tells them.
import { h, put, badge, button, nothing, problem, say, span } from "./dom.js";
import { get, post } from "./api.js";

const EVERY_MS = 2000;
const STATES = { closed: "pass", "half-open": "warn", open: "fail" };
const MEANS = {
	closed: "Calls go through.",
	"half-open": "A few calls go through, to see whether they work again.",
	open: "No call goes through: requests hear CIRCUIT_OPEN, events wait.",
};

function state(one) {
	const left = one.endsInMs ? ` for ${span(one.endsInMs)} more` : "";
	return one.held ? `held by hand${left || " until somebody changes it"}` :
		left ? `then it tries again${left}` : "by results";
}

function card(one, told, order, can) {
	const hold = h("select", { id: `for-${one.name}` }, [["", "until it is reset"],
		["1m", "for 1 minute"], ["10m", "for 10 minutes"], ["1h", "for 1 hour"]]
		.map(([value, text]) => h("option", { value }, text)));
	const body = () => hold.value ? { for: hold.value } : undefined;
	const draw = next => {
		shown.replaceChildren(
			h("div", { class: "tile-head" }, h("h2", {}, next.name),
				badge(STATES[next.state], next.state)),
			h("p", {}, MEANS[next.state], " ", h("span", { class: "muted" },
				`(${state(next)})`)),
			h("dl", { class: "facts" }, [["Calls", next.calls], ["Failures", next.failures],
				["Opened", next.opened], ["Refused", next.refused]].map(([name, n]) =>
				h("div", {}, h("dt", {}, name), h("dd", {}, n.toLocaleString())))));
	};
	const shown = h("div", {}), tell = (verb, text) => button(text, () =>
		order(one.name, verb, verb === "reset" ? undefined : body(), told),
	{ "aria-label": `${text}: ${one.name}`, class: verb === "reset" ? "quiet" : "" });
	draw(one);
	return { draw, element: h("section", { class: "card" }, shown, told, can("breakers") ?
		h("div", { class: "actions" },
			h("label", { for: hold.id }, "Hold it"), hold, tell("open", "Hold open"),
			tell("close", "Hold closed"), tell("reset", "Reset")) : null) };
}

export async function show(root, { signal, can }) {
	const cards = new Map();
	const look = async () => {
		for (const one of (await get("/breakers", signal)).data) {
			if (cards.has(one.name)) {
				cards.get(one.name).draw(one);
				continue;
			}
			cards.set(one.name, card(one, h("div", {}), order, can));
			root.append(cards.get(one.name).element);
		}
	};
	async function order(name, verb, body, told) {
		try {
			const { data } = await post(`/breakers/${encodeURIComponent(name)}/${verb}`, body);
			told.replaceChildren();
			cards.get(name).draw(data);
			say(`${name} is ${data.state}${data.held ? ", held by hand" : ""}`);
		} catch (error) {
			told.replaceChildren(problem(error));
		}
	}
	await look();
	if (cards.size === 0)
		put(root, nothing("There are no breakers.",
			"The configuration names them under \"breakers:\"."));
	const again = setInterval(() => look().catch(() => {}), EVERY_MS);
	signal.addEventListener("abort", () => clearInterval(again));
}
