// SPDX-License-Identifier: Apache-2.0
// reconcile - runs that were, a plan of what differs from the Order Service, and
// what the plan proposes, done. There if the configuration has its actions.
import { h, put, ask, badge, button, count, nothing, problem, say, table, time } from "./dom.js";
import { get, post } from "./api.js";

const PORTION = 100, MOST = 500, SHOWN = 200;
const RESULTS = { applied: "pass", stood: "pass", moved: "warn", refused: "fail" };

export async function isThere() {
	try {
		const { routes } = (await get("/routes")).data;
		return routes.some(route => route.source === "admin" &&
			route.address.includes("reconcile.plan"));
	} catch {
		return false;
	}
}

// --- a plan: page after page, until it is done or stopped ---

async function makePlan(plan, draw) {
	try {
		while (!plan.done && !plan.stopping) {
			const { data } = await post("/actions/reconcile.plan",
				plan.cursor ? { cursor: plan.cursor } : {});
			plan.drifts.push(...data.drifts);
			plan.cursor = data.cursor;
			plan.done = data.done;
			draw();
		}
	} catch (error) {
		plan.why = error;
	}
	plan.running = false;
	draw();
}

// Drifts of one order stay together: the second knows what the first has done.
function portions(drifts) {
	const found = [];
	let one = [];
	drifts.forEach((drift, i) => {
		const next = drifts[i + 1];
		one.push(drift);
		if (one.length === MOST || (one.length >= PORTION &&
		    !(next && drift.orderId && next.orderId === drift.orderId))) {
			found.push(one);
			one = [];
		}
	});
	return one.length > 0 ? [...found, one] : found;
}

async function apply(plan, draw) {
	const wanted = plan.drifts.filter(drift => drift.command);
	const counts = { applied: 0, stood: 0, moved: 0, refused: 0 };
	Object.assign(plan, { running: true, applying: true, stopping: false, tried: 0,
		wanted: wanted.length, counts, why: null });
	draw();
	try {
		for (const portion of portions(wanted)) {
			if (plan.stopping)
				break;
			const { data } = await post("/actions/reconcile.apply", { drifts: portion });
			data.forEach(({ result, error }, i) => {
				Object.assign(portion[i], { result, error });
				counts[result] = (counts[result] || 0) + 1;
			});
			plan.tried += portion.length;
			draw();
		}
		await post("/actions/reconcile.apply", { run: counts });
	} catch (error) {
		plan.why = error;
	}
	Object.assign(plan, { running: false, applied: true });
	draw();
	say(planText(plan));
}

function planText(plan) {
	const { cursor } = plan;
	if (plan.applying) {
		const parts = Object.entries(plan.counts).filter(([name, n]) => n > 0 || name === "applied")
			.map(([name, n]) => `${n} ${name}`);
		return `${plan.tried} of ${count(plan.wanted, "command")}: ${parts.join(", ")}`;
	}
	const looked = cursor ? `${count(cursor.looked, "order")} looked at, ${cursor.spared} spared, ` +
		`${cursor.skipped} skipped` : "Nothing looked at yet";
	return `${looked}; ${count(plan.drifts.length, "drift")} found` +
		(plan.running ? ` (${cursor ? cursor.stage : "begins"}) …` : plan.done ? "." :
			"; not looked at all of it.");
}

const about = drift => [drift.orderId && `order ${drift.orderId}`, drift.orderItemId,
	drift.allocationId, drift.inventoryItemId].filter(Boolean).join(" · ");

const worth = value => value === undefined || value === null ? "–" :
	typeof value === "object" ? JSON.stringify(value) : String(value);

function drifts(plan) {
	return [plan.drifts.length > SHOWN ? h("p", { class: "muted" },
		`The first ${SHOWN}; gantry reconcile plan shows all.`) : null,
	table("Drifts", [
		["Class", d => h("strong", {}, d.class)],
		["Of", d => h("code", {}, about(d))],
		["Should be", d => worth(d.said)],
		["Is", d => worth(d.held)],
		["Why", d => d.why || "–"],
		["Mended by", d => d.result ? [badge(RESULTS[d.result] || "warn", d.result),
			d.error ? ` ${d.error.message || d.error.code || ""}` : null] :
			d.command ? h("code", {}, d.command.do) : "nothing: only reported"],
	], plan.drifts.slice(0, SHOWN))];
}

// Made once for a plan: its buttons outlive what is told meanwhile.
function planParts(root, plan, context) {
	const draw = () => drawPlan(root, plan, context);
	const parts = {
		title: h("h2", {}), text: h("p", { class: "job-text" }), why: h("div", { hidden: true }),
		drifts: h("div", { hidden: true }),
		stop: button("Stop", () => {
			plan.stopping = true;
			draw();
		}),
		apply: button("", async () => {
			const n = count(mendable(plan), "command"), yes = await ask("Apply this plan?", [
				h("p", {}, `${n} are given, as traffic gives them. ` +
					"What has moved since it was looked at is left alone, and told."),
			], "Apply");
			if (yes)
				apply(plan, draw).then(() => context.signal.aborted || drawRuns(context));
		}),
		again: button("Make a new plan", () => begin(root, context), { class: "quiet" }),
	};
	put(root, parts.title, parts.text, parts.why, parts.drifts,
		h("div", { class: "actions" }, parts.stop, parts.apply, parts.again));
	return parts;
}

const mendable = plan => plan.drifts.filter(drift => drift.command).length;

function drawPlan(root, plan, context) {
	plan.parts = plan.parts || planParts(root, plan, context);
	const { title, text, why, drifts: list, stop, apply, again } = plan.parts;
	const mend = mendable(plan);
	title.textContent = plan.applying ? "Applied" : "Plan";
	text.textContent = planText(plan);
	why.hidden = !plan.why;
	put(why, plan.why ? problem(plan.why) : null);
	list.hidden = plan.drifts.length === 0 && !plan.done;
	put(list, plan.drifts.length > 0 ? drifts(plan) :
		nothing("Nothing differs.", "What moved a moment ago was spared."));
	const focused = [stop, apply, again].find(one => one === document.activeElement);
	again.hidden = plan.running;
	stop.hidden = !plan.running;
	stop.textContent = plan.stopping ? "Stopping …" : "Stop";
	stop.setAttribute("aria-disabled", Boolean(plan.stopping));
	apply.hidden = plan.running || plan.applying || mend === 0 || !context.can("edit");
	apply.textContent = `Apply ${count(mend, "command")} …`;
	// what has the focus may be gone
	if (focused && focused.hidden)
		(plan.running ? stop : again).focus();
	if (!plan.running && !plan.told) {
		plan.told = true;
		say(planText(plan));
		if (!context.signal.aborted)
			drawRuns(context);
	}
}

// --- the runs that were ---

function found(run) {
	if (run.applied !== undefined)
		return Object.keys(RESULTS).filter(name => run[name] > 0)
			.map(name => `${run[name]} ${name}`).join(", ") || "nothing to do";
	return Object.entries(run.found || {}).map(([name, n]) => `${n} ${name}`).join(", ") ||
		"nothing";
}

async function drawRuns({ runs, signal }) {
	const { data } = await get("/reconcile/runs", signal);
	put(runs, h("h2", {}, "Runs"), data.length === 0 ?
		nothing("There was no run yet.", "The schedule looks now and then; a plan is made above.") :
		table("Runs", [
			["Started", run => time(run.startedAt || run.finishedAt)],
			["Kind", run => run.kind],
			["Orders", run => run.looked === undefined ? "–" : run.looked.toLocaleString(), "number"],
			["Spared", run => run.spared === undefined ? "–" : run.spared.toLocaleString(), "number"],
			["Skipped", run => run.skipped === undefined ? "–" : run.skipped.toLocaleString(), "number"],
			["Came of it", found],
			["Finished", run => run.finishedAt ? time(run.finishedAt) : "not yet"],
		], data));
}

function begin(place, context) {
	const plan = { drifts: [], cursor: null, done: false, running: true, why: null };
	drawPlan(place, plan, context);
	plan.parts.stop.focus();
	makePlan(plan, () => drawPlan(place, plan, context));
	context.signal.addEventListener("abort", () => {
		plan.stopping = true;
	});
}

export async function show(root, context) {
	const runs = h("section", { class: "card" }), place = h("section", { class: "card" });
	Object.assign(context, { runs });
	put(place, h("h2", {}, "Plan"),
		h("p", {}, "Asks the Order Service for every order that Gantry has a row for, and " +
			"says what differs. It changes nothing."),
		h("div", { class: "actions" }, button("Make a plan", () => begin(place, context))));
	put(root, place, runs);
	await drawRuns(context);
}
