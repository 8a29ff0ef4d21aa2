// SPDX-License-Identifier: Apache-2.0
// main - comes in with a link, shows one view after the other, and goes out.
import { h, badge, button, problem, say, span } from "./dom.js";
import { get, post, remove, onSignedOut } from "./api.js";
import * as overview from "./overview.js";
import * as letters from "./letters.js";
import * as breakers from "./breakers.js";
import * as outbox from "./outbox.js";
import * as routes from "./routes.js";
import * as plugins from "./plugins.js";
import * as audit from "./audit.js";
import * as reconcile from "./reconcile.js";

const VIEWS = [
	["overview", "Overview", overview], ["dead-letters", "Dead letters", letters],
	["breakers", "Breakers", breakers], ["outbox", "Outbox", outbox],
	["reconcile", "Reconcile", reconcile], ["routes", "Routes", routes],
	["plugins", "Plugins", plugins], ["audit", "Log and audit", audit],
];
const HEALTH_MS = 5000;

const at = id => document.getElementById(id);
let session = null, leaving = null, reconciles = false, healthTimer = 0;

function can(right) {
	return session !== null && (session.roles.includes("gantry-admin") ||
		session.roles.includes(`gantry-admin:${right}`));
}

// "#/dead-letters/17?cause=X" -> {view, rest, params}
function place() {
	const [path, params] = location.hash.replace(/^#\/?/, "").split("?");
	const [view, ...rest] = path.split("/");
	return { view: view || "overview", rest, params: new URLSearchParams(params || "") };
}

function views() {
	return VIEWS.filter(([name]) => name !== "reconcile" || reconciles);
}

function drawViews(current) {
	at("views").replaceChildren(h("ul", {}, views().map(([name, title]) => h("li", {},
		h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : null },
			title)))));
	const link = at("views").querySelector("[aria-current]");
	if (link)
		at("views").scrollLeft = link.offsetLeft - 24;
}

async function show() {
	if (leaving)
		leaving.abort();
	if (session === null)
		return;
	leaving = new AbortController();
	const { signal } = leaving, where = place();
	const found = views().find(([name]) => name === where.view) || VIEWS[0];
	const root = h("div", {});
	drawViews(found[0]);
	document.title = `${found[1]} · Gantry`;
	at("main").replaceChildren(h("h1", {}, found[1]), root);
	try {
		await found[2].show(root, { ...where, signal, can, session, show });
	} catch (error) {
		if (!signal.aborted)
			root.replaceChildren(problem(error), h("p", {}, button("Try again", show)));
	}
}

async function drawHealth() {
	clearTimeout(healthTimer);
	if (session === null)
		return;
	let state = "fail", text = "does not answer";
	try {
		({ data: { status: state } } = await get("/overview"));
		text = { pass: "healthy", warn: "needs a look", fail: "failing" }[state];
	} catch { /* that is what it says */ }
	if (session === null)
		return;
	at("health").replaceChildren(text);
	at("health").className = `badge ${state}`;
	at("health").hidden = false;
	healthTimer = setTimeout(drawHealth, HEALTH_MS);
}

function drawSession() {
	const inside = session !== null;
	at("views").hidden = at("leave").hidden = !inside;
	at("health").hidden = true;
	at("where").textContent = inside ? `${session.service} · ${session.replica}` : "";
	at("leave").title = inside && session.endsInMs ?
		`${session.actor}, for ${span(session.endsInMs)} more` : "";
}

function drawLogin(error) {
	const input = h("input", { id: "ticket", name: "ticket", required: true,
		autocomplete: "off", spellcheck: "false", "aria-describedby": "ticket-hint" });
	const form = h("form", { onsubmit: event => {
		event.preventDefault();
		enter(input.value.trim().replace(/^.*#login=/, ""));
	} }, h("label", { for: "ticket" }, "Link"), input,
	h("p", { id: "ticket-hint", class: "muted" },
		"It works once, and for a minute."),
	h("button", {}, "Sign in"));
	document.title = "Sign in · Gantry";
	at("main").replaceChildren(h("div", { class: "card login" }, h("h1", {}, "Sign in"),
		error && error.status !== 0 && error.message !== "A valid token is needed" ?
			problem({ message: error.message }) : null,
		error && error.status === 0 ? problem(error) : null,
		h("p", {}, "On the gateway's machine, as root or a member of the group ",
			h("code", {}, "gantry"), ", run"),
		h("pre", { tabindex: "0" }, "gantry admin login"),
		h("p", {}, "and open the link that it prints, or paste it here."), form));
}

function signOut(error) {
	session = null;
	letters.stop();
	overview.stop();
	if (leaving)
		leaving.abort();
	drawSession();
	drawLogin(error);
	at("main").focus();
}

async function begin() {
	try {
		session = (await get("/session")).data;
	} catch (error) {
		signOut(error.status === 401 || error.status === 0 ? error : new Error(error.message));
		return;
	}
	reconciles = await reconcile.isThere();
	drawSession();
	overview.start();
	drawHealth();
	await show();
}

async function enter(ticket) {
	history.replaceState(null, "", location.pathname + "#/overview");
	try {
		await post("/session", { ticket });
	} catch (error) {
		signOut(error);
		return;
	}
	say("Signed in");
	await begin();
}

function chooseTheme(theme) {
	if (theme === "auto")
		delete document.documentElement.dataset.theme;
	else
		document.documentElement.dataset.theme = theme;
	try {
		localStorage.setItem("gantry-theme", theme);
	} catch { /* then it lasts as long as the page */ }
}

onSignedOut(error => session !== null && signOut(error));
at("theme").value = document.documentElement.dataset.theme || "auto";
at("theme").addEventListener("change", event => chooseTheme(event.target.value));
at("leave").addEventListener("click", async () => {
	try {
		await remove("/session");
	} finally {
		signOut(null);
		say("Signed out");
	}
});
at("skip").addEventListener("click", event => {
	event.preventDefault();
	at("main").focus();
});
addEventListener("hashchange", () => {
	const link = /^#login=(\w+)$/.exec(location.hash);
	if (link) {
		enter(link[1]);
		return;
	}
	show().then(() => at("main").focus());
});
letters.mount(at("job"), badge);
const link = /^#login=(\w+)$/.exec(location.hash);
if (link)
	enter(link[1]);
else
	begin();
