// SPDX-License-Identifier: Apache-2.0
// api - asks the gateway, and says in words for people what went wrong.

export class Problem extends Error {
	constructor(status, code, message, details, hint) {
		super(message);
		Object.assign(this, { status, code, details, hint });
	}
}

const HINTS = {
	STORAGE_UNAVAILABLE: "Nothing was changed. Look at the storage, then try again.",
	OVERLOADED: "Nothing was changed. Try again in a moment.",
	CIRCUIT_OPEN: "A breaker is open: see Breakers.",
	RETRY_FAILED: "The dead letter stays, with this as its cause. Mend what it names, " +
		"or edit the event, and try again.",
	FORBIDDEN: "Ask for a link with more roles: gantry admin login --help",
};

let signedOut = () => {};

export function onSignedOut(callback) {
	signedOut = callback;
}

async function send(method, path, body, signal) {
	const headers = { "X-Gantry-Admin": "page" };
	if (body !== undefined)
		headers["Content-Type"] = "application/json";
	try {
		return await fetch(path, {
			method, headers, signal, credentials: "same-origin", cache: "no-store",
			body: body === undefined ? undefined :
				typeof body === "string" ? body : JSON.stringify(body),
		});
	} catch (error) {
		if (error.name === "AbortError")
			throw error;
		throw new Problem(0, "UNREACHABLE", "The gateway does not answer",
			null, "It may be starting again: this page keeps asking.");
	}
}

async function ask(method, path, body, signal) {
	const answer = await send(method, "/admin/api" + path, body, signal);
	let tree = null;
	try {
		tree = await answer.json();
	} catch { /* no JSON: the status has to do */ }
	if (answer.ok && tree)
		return tree;
	const error = (tree && tree.error) || {};
	const problem = new Problem(answer.status, error.code || "UNKNOWN",
		error.message || `The gateway answered with status ${answer.status}`,
		error.details, HINTS[error.code]);
	if (answer.status === 401 && path !== "/session")
		signedOut(problem);
	throw problem;
}

export const get = (path, signal) => ask("GET", path, undefined, signal);
export const post = (path, body) => ask("POST", path, body);
export const remove = path => ask("DELETE", path);

// name{a="b"} 1 -> Map of name: [{labels, value}]
export function parseMetrics(text) {
	const families = new Map();
	const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
	const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;
	for (const row of text.split("\n")) {
		const match = row.startsWith("#") ? null : line.exec(row);
		if (!match)
			continue;
		const labels = {};
		for (const [, name, value] of (match[2] || "").matchAll(label))
			labels[name] = value.replace(/\\(.)/g, (_, c) => c === "n" ? "\n" : c);
		if (!families.has(match[1]))
			families.set(match[1], []);
		families.get(match[1]).push({ labels, value: Number(match[3]) });
	}
	return families;
}

export async function metrics(signal) {
	const answer = await send("GET", "/metrics", undefined, signal);
	if (!answer.ok)
		throw new Problem(answer.status, "UNKNOWN", "The metrics cannot be read");
	return parseMetrics(await answer.text());
}

// query({a: 1, b: undefined}) -> "?a=1"
export function query(values) {
	const given = Object.entries(values).filter(([, value]) => value);
	return given.length ? "?" + new URLSearchParams(given) : "";
}
