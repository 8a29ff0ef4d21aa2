// SPDX-License-Identifier: Apache-2.0
// audit - what operators did, and how much is logged.
import { h, put, badge, nothing, problem, say, table, time } from "./dom.js";
import { get, post, query } from "./api.js";

const PAGE = 25;

// What of the log is changed at run time; what the gateway says it is then is shown.
function log(now, can) {
	const told = h("div", {}), disabled = !can("log");
	const draw = data => {
		level.value = data.level;
		sample.value = data.sample;
	};
	const change = async wanted => {
		try {
			const { data } = await post("/log-level", wanted);
			told.replaceChildren();
			draw(data);
			say(`Logged from ${data.level} on, below warning of ${data.sample} % of the messages`);
		} catch (error) {
			told.replaceChildren(problem(error));
		}
	};
	const level = h("select", { id: "level", disabled,
		onchange: () => change({ level: level.value }) },
	["debug", "info", "warning", "error"].map(name => h("option", { value: name }, name)));
	const sample = h("input", { id: "sample", type: "number", min: "0", max: "100",
		required: true, disabled,
		onchange: () => sample.reportValidity() && change({ sample: Number(sample.value) }) });
	draw(now);
	return h("section", { class: "card" }, h("h2", {}, "Log"),
		h("p", {}, h("label", { for: "level" }, "The least that is logged "), level),
		h("p", {}, h("label", { for: "sample" }, "Below warning, of how many messages in 100 "),
			sample),
		h("p", { class: "muted" }, "Until the next restart or reload, which takes what the " +
			"configuration says. The log tells who changed it."), told);
}

// "dead-letter 17" is one that can be looked at.
function object(row) {
	const [, ref] = /^dead-letter (\d+)$/.exec(row.object || "") || [];
	return ref ? h("a", { href: `#/dead-letters/${ref}` }, `letter ${ref}`) : row.object || "–";
}

const GOOD = ["applied", "discarded", "refused"];

export async function show(root, { signal, can, params }) {
	const before = params.get("before");
	const [now, audit] = await Promise.all([get("/log-level", signal),
		get("/audit" + query({ newest: true, limit: PAGE, before }), signal)]);
	put(root, log(now.data, can),
		h("section", { class: "card" }, h("h2", {}, "Audit"),
			audit.data.length === 0 ? before ? nothing("There is nothing older.") :
				nothing("Nobody has done anything yet.",
					"Each retry, edit and discard of a dead letter is kept here.") :
				table("Audit", [
					["At", row => time(row.at)],
					["Who", row => row.actor, "word"],
					["What", row => row.action],
					["To", object, "wrap"],
					["Result", row => badge(GOOD.includes(row.result) ? "pass" : "warn",
						row.result)],
					["Reason or error", row => row.text || "–"],
				], audit.data),
			audit.next ? h("p", {}, h("a", { class: "button", href: "#/audit" +
				query({ before: audit.next }) }, "Older ones")) : null,
			before ? h("p", {}, h("a", { href: "#/audit" }, "From the newest")) : null));
}
