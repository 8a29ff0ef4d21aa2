// SPDX-License-Identifier: Apache-2.0
// audit - what operators did, and how much is logged.
import { h, put, badge, nothing, problem, say, table, time } from "./dom.js";
import { get, post, query } from "./api.js";

const PAGES = 10, PAGE = 1000, SHOWN = 200;

function level(now, can) {
	const told = h("div", {});
	const select = h("select", { id: "level", disabled: !can("log"), onchange: async () => {
		try {
			const { data } = await post("/log-level", { level: select.value });
			told.replaceChildren();
			say(`Logged from ${data.level} on`);
		} catch (error) {
			told.replaceChildren(problem(error));
		}
	} }, ["debug", "info", "warning", "error"].map(name => h("option", { value: name }, name)));
	select.value = now;
	return h("section", { class: "card" }, h("h2", {}, "Log"),
		h("p", {}, h("label", { for: "level" }, "The least that is logged "), select),
		h("p", { class: "muted" }, "Until the next restart or reload, which takes what the " +
			"configuration says. The log tells who changed it."), told);
}

// From the oldest on; who looks wants the newest.
async function newest(signal) {
	const rows = [];
	let after = null;
	for (let i = 0; i < PAGES; i++) {
		const page = await get("/audit" + query({ limit: PAGE, after }), signal);
		rows.push(...page.data);
		after = page.next;
		if (!after)
			break;
	}
	return { rows: rows.slice(-SHOWN).reverse(), all: rows.length, cut: Boolean(after) };
}

// "dead-letter 17" is one that can be looked at.
function object(row) {
	const [, ref] = /^dead-letter (\d+)$/.exec(row.object || "") || [];
	return ref ? h("a", { href: `#/dead-letters/${ref}` }, `letter ${ref}`) : row.object || "–";
}

const GOOD = ["applied", "discarded", "refused"];

export async function show(root, { signal, can }) {
	const [now, audit] = await Promise.all([get("/log-level", signal), newest(signal)]);
	put(root, level(now.data.level, can),
		h("section", { class: "card" }, h("h2", {}, "Audit"),
			audit.rows.length === 0 ? nothing("Nobody has done anything yet.",
				"Each retry, edit and discard of a dead letter is kept here.") : [
				audit.all > SHOWN ? h("p", { class: "muted" }, audit.cut ?
					"There is more: gantry admin audit, or the API." :
					`The newest ${SHOWN} of ${audit.all}.`) : null,
				table("Audit", [
					["At", row => time(row.at)],
					["Who", row => row.actor],
					["What", row => row.action],
					["To", object],
					["Result", row => badge(GOOD.includes(row.result) ? "pass" : "warn",
						row.result)],
					["Reason or error", row => row.text || "–"],
				], audit.rows)]));
}
