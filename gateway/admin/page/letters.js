// SPDX-License-Identifier: Apache-2.0
// letters - dead letters: their groups, the letters of one, one of them; and the
// retry of a whole group, which goes on while other views are shown.
import { h, put, age, ask, badge, button, count, nothing, problem, say, table, time } from "./dom.js";
import { get, post, query } from "./api.js";

const PAGE = 50, FREEZE = 1000, MAX_ERRORS = 10;

// --- a group, as it was when it began, letter by letter ---

// What shows it is made once: a click takes longer than a letter, and the focus stays.
let job = null, place = null, parts = null;

export function mount(element) {
	place = element;
	parts = {
		title: h("h2", {}), bar: h("progress", { "aria-label": "Letters tried" }),
		text: h("p", { class: "job-text" }), why: h("div", { hidden: true }),
		note: h("p", { class: "muted" },
			"This page does it: it stops when the page is closed."),
		stop: button("Stop", stop),
		close: button("Close", () => {
			job = null;
			drawJob();
		}, { class: "quiet" }),
	};
	put(place, h("div", { class: "card job" }, parts.title, parts.bar, parts.text, parts.why,
		parts.note, h("div", { class: "actions" }, parts.stop, parts.close)));
}

function jobText() {
	const left = job.refs.length - job.tried;
	const became = [[job.applied, "applied"], [job.refused, "refused"],
		[job.closed, "closed before"], [job.failed, "failed again"],
		[job.lost, "without an answer"]]
		.filter(([n], i) => i === 0 || n > 0).map(([n, word]) => `${n} ${word}`);
	return `${job.tried} of ${count(job.refs.length, "letter")}: ${became.join(", ")}` +
		(left > 0 && job.done ? `; ${left} not tried` : "");
}

function drawJob() {
	place.hidden = job === null;
	if (job === null)
		return;
	const name = `${job.cause} from ${job.queue}`, { title, bar, text, why, note } = parts;
	title.textContent = job.freezing ? `Counting ${name} …` : job.done ?
		`Retried ${name}` : `Retrying ${name} …`;
	bar.max = Math.max(1, job.refs.length);
	bar.value = job.tried;
	text.textContent = jobText();
	why.hidden = !job.why;
	put(why, job.why ? problem(job.why) : null);
	note.hidden = job.done;
	drawButtons();
}

function drawButtons() {
	const { stop, close } = parts, left = job.done && document.activeElement === stop;
	close.hidden = !job.done;
	if (left)
		close.focus();
	stop.hidden = job.done;
	stop.textContent = job.stopping ? "Stopping …" : "Stop";
	stop.setAttribute("aria-disabled", job.stopping);
}

export function stop() {
	if (job === null || job.done)
		return;
	job.stopping = true;
	drawJob();
}

// What comes later is not of the set, and what fails again is not tried twice.
async function freeze(cause, queue) {
	const refs = [];
	let after = null;
	do {
		const page = await get("/dead-letters" + query({ cause, queue, limit: FREEZE, after }));
		refs.push(...page.data.map(letter => letter.ref));
		job.refs = refs;
		drawJob();
		after = page.next;
	} while (after && !job.stopping);
	return refs;
}

function take(outcome) {
	job.tried++;
	if (outcome === "applied")
		job.applied++;
	else if (outcome === "refused")
		job.refused++;
	else
		job.closed++;
}

async function retryOne(ref) {
	try {
		take((await post(`/dead-letters/${ref}/retry`)).data.outcome);
	} catch (error) {
		job.tried++;
		if (error.code !== "RETRY_FAILED" && error.code !== "ROUTE_NOT_FOUND") {
			job.lost++;
			job.why = error;
			job.stopping = true;
		} else if (++job.failed >= MAX_ERRORS) {
			job.why = { message: `Stopped after ${MAX_ERRORS} that failed again`,
				hint: "Mend what they name, then retry the group." };
			job.stopping = true;
		}
	}
}

function guard(event) {
	event.preventDefault();
}

async function retryGroup(group, after) {
	job = { cause: group.cause, queue: group.queue, refs: [], tried: 0, applied: 0, refused: 0,
		closed: 0, failed: 0, lost: 0, freezing: true, stopping: false, done: false,
		why: null };
	drawJob();
	addEventListener("beforeunload", guard);
	try {
		job.refs = await freeze(group.cause, group.queue);
		job.freezing = false;
		for (const ref of job.refs) {
			if (job.stopping)
				break;
			await retryOne(ref);
			drawJob();
		}
	} catch (error) {
		job.why = error;
	}
	job.freezing = false;
	job.done = true;
	removeEventListener("beforeunload", guard);
	drawJob();
	say(jobText());
	after();
}

// --- groups ---

async function askGroup(group, after) {
	const yes = await ask("Retry this group?", [
		h("p", {}, `All ${count(group.count, "letter")} with the cause `,
			h("code", {}, group.cause), " from ", h("code", {}, group.queue),
			" that are open now are handled once more, one after the other. " +
			"What comes later is left alone."),
		h("p", { class: "muted" }, `It stops after ${MAX_ERRORS} that fail again.`),
	], `Retry ${count(group.count, "letter")}`);
	if (yes)
		retryGroup(group, after);
}

async function showGroups(root, { signal, can, show }) {
	const groups = (await get("/dead-letters/causes", signal)).data;
	if (groups.length === 0) {
		put(root, nothing("No dead letters.",
			"Events that cannot be handled come here with their cause, after their retries."));
		return;
	}
	const many = groups.reduce((n, group) => n + group.count, 0);
	put(root, h("p", {}, `${count(many, "letter")} open, in ${count(groups.length, "group")} by cause.`),
		table("Dead letters by cause", [
			["Cause", g => h("a", { href: `#/dead-letters${query({ cause: g.cause,
				queue: g.queue })}` }, g.cause)],
			["Queue", g => h("code", {}, g.queue)],
			["Letters", g => g.count.toLocaleString(), "number"],
			["Oldest", g => time(g.oldest)],
			["Newest", g => time(g.newest)],
			["Do", g => can("retry") ? button("Retry all", () => askGroup(g, show),
				{ class: "quiet", "aria-label": `Retry all: ${g.cause} from ${g.queue}` }) : null, "act"],
		], groups));
}

// --- the letters of a group ---

async function showList(root, context) {
	const { signal, params, can, show } = context;
	const cause = params.get("cause"), queue = params.get("queue");
	const page = await get("/dead-letters" + query({ cause, queue, limit: PAGE,
		after: params.get("after") }), signal);
	const next = page.next ? h("p", {}, h("a", { class: "button", href: "#/dead-letters" +
		query({ cause, queue, after: page.next }) }, "The next ones")) : null;
	put(root, h("p", {}, h("a", { href: "#/dead-letters" }, "All groups")),
		h("h2", {}, cause || "All causes", queue ? [" from ", h("code", {}, queue)] : null),
		can("retry") && cause && queue && page.data.length > 0 && !params.get("after") ?
			h("p", {}, button("Retry the group", async () => {
				const groups = (await get("/dead-letters/causes")).data;
				const group = groups.find(g => g.cause === cause && g.queue === queue);
				if (group)
					askGroup(group, show);
				else
					show();
			})) : null,
		page.data.length === 0 ? nothing("There are none (any more).") :
			table("Dead letters", [
				["Letter", l => h("a", { href: `#/dead-letters/${l.ref}` }, l.eventId || l.ref)],
				["What was wrong", l => l.text || "–"],
				["Died", l => time(l.diedAt)],
				["Attempts", l => l.attempts, "number"],
			], page.data), next);
}

// --- one letter ---

function pretty(letter, body) {
	if (letter.form !== "text")
		return body;
	try {
		return JSON.stringify(JSON.parse(body), null, 2);
	} catch {
		return body;
	}
}

function facts(letter) {
	const trace = (letter.traceparent || "").split("-")[1];
	const rows = [
		["State", badge(letter.state === "open" ? "warn" : "pass", letter.state)],
		["Cause", h("code", {}, letter.cause)], ["What was wrong", letter.text],
		["Attempts", letter.attempts], ["Handler", letter.handler], ["Queue", letter.queue],
		["Event", letter.eventId], ["Published to", letter.exchange &&
			`${letter.exchange} with ${letter.routingKey || ""}`],
		["Trace", trace && h("code", {}, trace)],
		["Correlation", letter.correlationId && h("code", {}, letter.correlationId)],
		["Died", h("span", {}, time(letter.diedAt), ` (${age(letter.diedAt)} ago)`)],
		["Closed", letter.closedAt && time(letter.closedAt)],
		["Content type", letter.contentType],
	];
	return h("dl", { class: "facts" }, rows.filter(([, value]) => value || value === 0)
		.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function headers(letter) {
	const rows = Object.entries(letter.headers || {});
	return rows.length === 0 ? h("p", { class: "muted" }, "It had no headers.") :
		table("Headers", [["Header", ([name]) => h("code", {}, name)],
			["Value", ([, value]) => typeof value === "string" ? value :
				JSON.stringify(value)]], rows);
}

const OUTCOMES = {
	applied: "It was applied, and is closed.",
	refused: "It was handled; stock refused it, which its event says. It is closed.",
	duplicate: "An event with this id was applied before. It is closed.",
	discarded: "It was discarded, and is closed.",
};

// Does it, and shows the letter as it is then, with what came of it above.
async function act(root, context, work) {
	let told;
	try {
		const { outcome } = (await work()).data;
		told = h("div", { class: "done", role: "status" }, h("p", {},
			OUTCOMES[outcome] || `It was closed before: ${outcome}.`));
	} catch (error) {
		told = problem(error);
	}
	await showOne(root, context, told);
}

function editor(letter, root, context) {
	const text = h("textarea", { id: "body", rows: 16, spellcheck: "false" });
	const told = h("div", {});
	text.value = pretty(letter, letter.form === "text" ? letter.body : "");
	const check = async () => {
		try {
			JSON.parse(text.value);
		} catch (error) {
			told.replaceChildren(problem({ message: `This is no JSON: ${error.message}` }));
			return false;
		}
		try {
			await post(`/dead-letters/${letter.ref}/edit?check=true`, text.value);
		} catch (error) {
			told.replaceChildren(problem(error));
			return false;
		}
		told.replaceChildren(h("div", { class: "done", role: "status" },
			h("p", {}, "The gateway would take this event.")));
		return true;
	};
	return h("section", { class: "card" }, h("h2", {}, "Edit and retry"),
		h("label", { for: "body" }, "The event as it should be"), text, told,
		h("div", { class: "actions" },
			button("Check", check, { class: "quiet" }),
			button("Check, then retry with this", async () => {
				if (await check())
					await act(root, context, () =>
						post(`/dead-letters/${letter.ref}/edit`, text.value));
			})));
}

function discard(letter, root, context) {
	return button("Discard …", async () => {
		const said = await ask("Discard this letter?", [
			h("p", {}, "It is closed without being handled, and an event with its id is " +
				"not handled any more. The reason is kept."),
			h("label", { for: "reason" }, "Reason"),
			h("input", { id: "reason", name: "reason", required: true, maxlength: 1024,
				autocomplete: "off" }),
		], "Discard", "danger");
		if (said)
			await act(root, context, () =>
				post(`/dead-letters/${letter.ref}/discard`, { reason: said.reason }));
	}, { class: "danger" });
}

async function showOne(root, context, told = null) {
	const { signal, rest: [ref], can } = context;
	const letter = (await get(`/dead-letters/${encodeURIComponent(ref)}`, signal)).data;
	const open = letter.state === "open";
	const edit = open && can("edit") ? editor(letter, root, context) : null;
	put(root, h("p", {}, h("a", { href: "#/dead-letters" }, "All groups"), " · ",
			h("a", { href: `#/dead-letters${query({ cause: letter.cause,
				queue: letter.queue })}` }, "its group")),
		told, h("section", { class: "card" },
			h("h2", {}, `Letter ${letter.ref}`), facts(letter),
			open ? h("div", { class: "actions" },
				can("retry") ? button("Retry", () => act(root, context, () =>
					post(`/dead-letters/${letter.ref}/retry`))) : null,
				can("discard") ? discard(letter, root, context) : null) : null),
		h("section", { class: "card" }, h("h2", {}, "Headers"), headers(letter)),
		h("section", { class: "card" }, h("h2", {}, "Body"),
			letter.form === "base64" ? h("p", { class: "muted" },
				"It is no text: this is Base64.") : null,
			h("pre", { tabindex: "0" }, pretty(letter, letter.body)),
			letter.original ? h("details", {}, h("summary", {}, "Before it was edited"),
				h("pre", { tabindex: "0" }, letter.original)) : null),
		edit);
}

export async function show(root, context) {
	if (context.rest.length > 0)
		await showOne(root, context);
	else if (context.params.size > 0)
		await showList(root, context);
	else
		await showGroups(root, context);
}
