// SPDX-License-Identifier: Apache-2.0
// plugins - the instances that run, with their versions and what they were told.
import { h, put, badge, table } from "./dom.js";
import { get } from "./api.js";

function value(option) {
	if (option.secret)
		return h("span", { class: "muted" }, "secret, not shown");
	return option.value === null || option.value === "" ? h("span", { class: "muted" }, "–") :
		h("code", {}, option.value);
}

function card(one) {
	const name = one.instance || one.kind;
	return h("section", { class: "card" },
		h("div", { class: "tile-head" }, h("h2", {}, name), badge("plain", one.kind)),
		h("p", {}, h("strong", {}, one.plugin), ` ${one.version}: ${one.summary} `,
			h("span", { class: "muted" }, `(built for level ${one.level})`)),
		one.options.length === 0 ? h("p", { class: "muted" }, "It has no options.") :
			table(`Options of ${name}`, [
				["Option", o => h("code", {}, o.name)],
				["Value", value],
				["Default", o => o.default === null ? "–" : h("code", {}, o.default)],
				["What it is", o => o.summary],
			], one.options));
}

export async function show(root, { signal }) {
	const { data } = await get("/plugins", signal);
	put(root, ...data.map(card));
}
