// SPDX-License-Identifier: Apache-2.0
// reconcile - runs that compare with the other side; there if the gateway has it.
import { h, nothing } from "./dom.js";
import { get } from "./api.js";

export async function isThere() {
	try {
		await get("/reconcile/runs");
		return true;
	} catch {
		return false;
	}
}

export async function show(root, { signal }) {
	await get("/reconcile/runs", signal);
	root.replaceChildren(nothing("No run yet."), h("p", {}));
}
