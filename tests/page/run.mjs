// SPDX-License-Identifier: Apache-2.0
// Goes through every action of the admin page with a real browser, in one theme, lets
// axe look at every view, and takes pictures. tests/system/admin/page.py has started
// the gateway, runs this for both themes, and says by the environment what is in it.
//
//	PAGE_PART	"light" or "dark": everything in that theme; "other": what is not
//			of a theme, who may only look, the order side and foreign pages
//	PAGE_URL	the admin listener, http://127.0.0.1:PORT
//	PAGE_LOGIN	a command that prints a link, as JSON: ["gantry", "admin", ...]
//	PAGE_SEED	what was put into the store for each theme, as JSON
//	PAGE_MODULES	where npm has put its packages
//	PAGE_PICTURES	where pictures go
//	PAGE_BROWSER	the browser
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { PAGE_PART, PAGE_URL, PAGE_LOGIN, PAGE_SEED, PAGE_MODULES, PAGE_PICTURES,
	PAGE_BROWSER } = process.env;
const require = createRequire(PAGE_MODULES + "/");
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const DESK = { width: 1280, height: 900 }, PHONE = { width: 390, height: 844 };
const WAIT_MS = 15000;

const seed = JSON.parse(PAGE_SEED);
let number = 0, failed = 0;

async function test(name, work) {
	const began = Date.now();
	number++;
	try {
		await work();
		console.log(`ok ${number} - ${name} # ${((Date.now() - began) / 1000).toFixed(1)} s`);
	} catch (error) {
		failed++;
		console.log(`not ok ${number} - ${name}`);
		for (const line of String(error.stack || error).split("\n").slice(0, 25))
			console.log(`# ${line}`);
	}
}

function said([program, ...words]) {
	return execFileSync(program, words, { encoding: "utf8",
		stdio: ["ignore", "pipe", "ignore"] }).trim();
}

function link(...roles) {
	return said([...JSON.parse(PAGE_LOGIN), ...roles.flatMap(role => ["--role", role])]);
}

async function lookAccessible(page, what) {
	await page.evaluate(AXE);
	const found = await page.evaluate(() => globalThis.axe.run(document, {
		resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
	const wrong = found.violations.map(v => `${v.id}: ${v.help}\n` + v.nodes.map(n =>
		`  ${n.target.join(" ")}: ${n.failureSummary}`).join("\n"));
	assert.equal(wrong.length, 0, `${what}:\n${wrong.join("\n")}`);
	assert.ok(found.passes.length > 10, `${what}: axe has looked at next to nothing`);
}

// No wider than the screen, but for what scrolls by itself.
async function fits(page, what) {
	const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	assert.ok(over <= 0, `${what} is ${over} px too wide`);
}

async function picture(page, theme, name) {
	for (const [size, viewport] of [["desk", DESK], ["phone", PHONE]]) {
		await page.setViewportSize(viewport);
		await page.evaluate(() => new Promise(done => requestAnimationFrame(() =>
			requestAnimationFrame(done))));
		await fits(page, `${name}, ${size}`);
		await page.screenshot({ path: `${PAGE_PICTURES}/${name}-${theme}-${size}.png`,
			fullPage: true });
		// what a phone shows differently is no matter of colours
		if (size === "desk" || theme === "light")
			await lookAccessible(page, `${name}, ${theme}, ${size}`);
	}
	await page.setViewportSize(DESK);
}

async function go(page, title, path) {
	await page.getByRole("navigation", { name: "Views" })
		.getByRole("link", { name: title, exact: true }).click();
	await page.getByRole("heading", { level: 1, name: title }).waitFor();
	assert.equal(new URL(page.url()).hash, `#/${path}`);
}

const shows = (page, text) => page.getByText(text).first().waitFor({ timeout: WAIT_MS });

async function openLetter(page, ref) {
	await page.goto(`${PAGE_URL}/admin/#/dead-letters/${ref}`);
	await page.getByRole("heading", { name: `Letter ${ref}` }).waitFor();
}

async function everything(browser, theme) {
	const context = await browser.newContext({ viewport: DESK, colorScheme: theme,
		reducedMotion: "reduce" });
	const page = await context.newPage(), mine = seed[theme], wrong = [];
	page.setDefaultTimeout(WAIT_MS);
	page.on("pageerror", error => wrong.push(String(error)));
	page.on("console", line => {
		// what a test provokes is an answer of its own
		if (line.type() === "error" && !/status of 4\d\d/.test(line.text()))
			wrong.push(line.text());
	});
	const named = (name, work) => test(`${theme}: ${name}`, work);

	await named("without a session there is the way in, and nothing else", async () => {
		await page.goto(`${PAGE_URL}/admin/`);
		await page.getByRole("heading", { name: "Sign in" }).waitFor();
		await shows(page, "gantry admin login");
		assert.ok(await page.getByRole("navigation").isHidden());
		await picture(page, theme, "sign-in");
	});

	await named("a link that nobody made is refused in words", async () => {
		await page.getByLabel("Link").fill("0".repeat(64));
		await page.getByRole("button", { name: "Sign in" }).click();
		await shows(page, "This link was used, is older than a minute, or from before " +
			"the last start: gantry admin login makes a new one");
		await picture(page, theme, "sign-in-refused");
	});

	await named("a link lets in once, and leaves the address", async () => {
		const once = link();
		await page.goto(once);
		await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
		assert.equal(page.url(), `${PAGE_URL}/admin/#/overview`);
		const [cookie] = await context.cookies();
		assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path, cookie.secure],
			[true, "Strict", "/admin", false]);
		assert.equal(await page.evaluate(() => document.cookie), "");
		const other = await browser.newContext(), again = await other.newPage();
		await again.goto(once);
		await shows(again, "This link was used");
		await other.close();
	});

	await named("overview: health, charts and routes", async () => {
		for (const title of ["Storage", "Broker", "Breakers", "Consumer", "Outbox",
			"Dead letters"])
			await page.getByRole("heading", { level: 3, name: title }).waitFor();
		for (let i = 0; i < 3; i++)
			await page.request.get(seed.api + "/nothing");
		await page.getByRole("img", { name: /^Requests per second over [1-9]\d* seconds/ })
			.waitFor();
		await page.locator("#chart-0 ~ details summary").click();
		assert.ok(await page.getByRole("region", { name: "Requests per second, as a table" })
			.locator("tbody tr").count() >= 1);
		await page.locator("#chart-0 ~ details summary").click();
		await page.getByRole("region", { name: "Requests by route" }).waitFor();
		assert.match(await page.locator("#health").textContent(), /healthy|needs a look/);
		await page.waitForTimeout(theme === "light" ? 4500 : 500);
		await picture(page, theme, "overview");
	});

	await named("dead letters by cause", async () => {
		await go(page, "Dead letters", "dead-letters");
		const row = page.getByRole("row").filter({ hasText: mine.group.cause });
		await row.waitFor();
		assert.match(await row.textContent(), new RegExp(`${mine.group.n}`));
		await picture(page, theme, "dead-letters");
	});

	await named("the letters of a cause", async () => {
		await page.getByRole("link", { name: mine.group.cause }).click();
		await page.getByRole("heading", { level: 2, name: mine.group.cause }).waitFor();
		const list = page.getByRole("region", { name: "Dead letters", exact: true });
		assert.equal(await list.locator("tbody tr").count(), mine.group.n);
		await picture(page, theme, "dead-letters-of-a-cause");
	});

	await named("more letters of a cause than a page has", async () => {
		const { cause, n } = mine.paged;
		const rows = page.getByRole("region", { name: "Dead letters", exact: true })
			.locator("tbody tr");
		await page.getByRole("link", { name: "All groups" }).click();
		await page.getByRole("link", { name: cause }).click();
		await page.getByRole("heading", { level: 2, name: cause }).waitFor();
		assert.equal(await rows.count(), 50);
		const first = await rows.first().textContent();
		await page.getByRole("link", { name: "The next ones" }).click();
		// between the two pages there is none
		await rows.filter({ hasText: first }).waitFor({ state: "detached" });
		await rows.first().waitFor();
		assert.equal(await rows.count(), n - 50);
		assert.equal(await page.getByRole("link", { name: "The next ones" }).count(), 0);
		await lookAccessible(page, "the last page of a cause");
		await rows.last().getByRole("link").click();
		await page.getByRole("heading", { level: 2, name: /^Letter \d+$/ }).waitFor();
		await page.getByRole("link", { name: "its group" }).click();
		await page.getByRole("heading", { level: 2, name: cause }).waitFor();
		await page.getByRole("link", { name: "All groups" }).click();
		await page.getByRole("link", { name: cause }).waitFor();
	});

	await named("what does not come can be asked for again", async () => {
		await page.route("**/admin/api/plugins", route => route.abort());
		await go(page, "Plugins", "plugins");
		await shows(page, "The gateway does not answer");
		assert.match(wrong.pop(), /ERR_FAILED/);
		await picture(page, theme, "no-answer");
		await page.unroute("**/admin/api/plugins");
		await page.getByRole("button", { name: "Try again" }).click();
		await page.getByRole("region", { name: "Options of services" }).waitFor();
	});

	await named("one letter, whole", async () => {
		await openLetter(page, mine.retry);
		for (const text of ["0af7651916cd43dd8448eb211c80319c", "cor-9", "orders.created",
			"something is wrong", "x-a"])
			await shows(page, text);
		assert.match(await page.locator("pre").first().textContent(), /"OrderCreated"/);
		await picture(page, theme, "dead-letter");
	});

	await named("a letter is retried", async () => {
		await page.getByRole("button", { name: "Retry", exact: true }).click();
		await shows(page, "It was applied, and is closed.");
		assert.equal(await page.getByRole("button", { name: "Retry", exact: true }).count(), 0);
		await lookAccessible(page, "a retried letter");
	});

	await named("a letter that fails again says why", async () => {
		await openLetter(page, mine.edit);
		await page.getByRole("button", { name: "Retry", exact: true }).click();
		await shows(page, /^It failed again: VALIDATION_ERROR: /);
		await shows(page, "Mend what it names");
	});

	await named("what is edited is checked first", async () => {
		const text = page.getByLabel("The event as it should be");
		const event = JSON.parse(await text.inputValue());
		await text.fill("{");
		await page.getByRole("button", { name: "Check", exact: true }).click();
		await shows(page, "This is no JSON");
		await text.fill(JSON.stringify({ ...event, eventId: "another" }));
		await page.getByRole("button", { name: "Check, then retry with this" }).click();
		await shows(page, "The event is not valid");
		await shows(page, `must stay "${event.eventId}"`);
		await picture(page, theme, "edit-refused");
		await text.fill(JSON.stringify({ ...event, payload: mine.payload }));
		await page.getByRole("button", { name: "Check", exact: true }).click();
		await shows(page, "The gateway would take this event.");
	});

	await named("an edited letter is retried", async () => {
		await page.getByRole("button", { name: "Check, then retry with this" }).click();
		await shows(page, "It was applied, and is closed.");
		await page.getByText("Before it was edited").click();
		await picture(page, theme, "dead-letter-edited");
	});

	await named("a letter is discarded with a reason", async () => {
		await openLetter(page, mine.discard);
		await page.getByRole("button", { name: "Discard …" }).click();
		const dialog = page.getByRole("dialog", { name: "Discard this letter?" });
		await dialog.waitFor();
		await picture(page, theme, "discard");
		await dialog.getByRole("button", { name: "Cancel" }).click();
		await dialog.waitFor({ state: "detached" });
		await page.getByRole("button", { name: "Discard …" }).click();
		await dialog.getByLabel("Reason").fill("of no use");
		await dialog.getByRole("button", { name: "Discard" }).click();
		await shows(page, "It was discarded, and is closed.");
	});

	await named("a group is retried as a set, with what came of it", async () => {
		await go(page, "Dead letters", "dead-letters");
		await page.getByRole("button", { name: `Retry all: ${mine.group.cause}` }).click();
		const dialog = page.getByRole("dialog", { name: "Retry this group?" });
		await picture(page, theme, "retry-group");
		await dialog.getByRole("button", { name: `Retry ${mine.group.n} letters` }).click();
		await page.getByRole("heading", { name: `Retried ${mine.group.cause}` }).waitFor();
		const said = await page.locator(".job-text").textContent();
		assert.equal(said, `${mine.group.n} of ${mine.group.n} letters: ` +
			`${mine.group.applied} applied, ${mine.group.refused} refused, ` +
			`${mine.group.failed} failed again`);
		await picture(page, theme, "retried-group");
		await page.getByRole("button", { name: "Close" }).click();
	});

	await named("a group is stopped half-way", async () => {
		let sent = 0, goOn;
		const stopped = new Promise(done => {
			goOn = done;
		});
		// the fourth is under way when it is stopped, however slow anybody is
		await page.route("**/retry", async route => {
			if (++sent > 3)
				await stopped;
			await route.continue();
		});
		await page.getByRole("button", { name: `Retry all: ${mine.many.cause}` }).click();
		await page.getByRole("dialog").getByRole("button", { name: /^Retry \d/ }).click();
		await page.getByText(/^3 of /).waitFor();
		await go(page, "Outbox", "outbox");
		await page.getByRole("button", { name: "Stop" }).click();
		await page.getByRole("button", { name: "Stopping …" }).waitFor();
		goOn();
		await page.getByRole("heading", { name: `Retried ${mine.many.cause}` }).waitFor();
		const left = String(mine.many.n - 4);
		assert.equal(await page.locator(".job-text").textContent(),
			`4 of ${mine.many.n} letters: 4 applied; ${left} not tried`);
		await picture(page, theme, "stopped-group");
		await page.unroute("**/retry");
		await page.getByRole("button", { name: "Close" }).click();
		await go(page, "Dead letters", "dead-letters");
		const row = page.getByRole("row").filter({ hasText: mine.many.cause });
		await row.getByRole("cell", { name: left, exact: true }).waitFor();
	});

	await named("what is told meanwhile takes no button away", async () => {
		const waiting = [];
		await page.route("**/retry", route => waiting.push(route));
		const next = async how => {
			while (waiting.length === 0)
				await page.waitForTimeout(10);
			await waiting.shift()[how]();
		};
		const begin = async () => {
			await page.getByRole("button", { name: `Retry all: ${mine.many.cause}` }).click();
			await page.getByRole("dialog").getByRole("button", { name: /^Retry \d/ }).click();
		};
		const close = async text => {
			await page.getByRole("heading", { name: `Retried ${mine.many.cause}` }).waitFor();
			assert.equal(await page.locator(".job-text").textContent(), text);
			await page.getByRole("button", { name: "Close" }).click();
			await page.locator("#job").waitFor({ state: "hidden" });
		};
		const stop = page.getByRole("button", { name: "Stop", exact: true });
		// a hand takes longer for a click than a letter for its way
		await begin();
		await next("continue");
		await page.getByText(/^1 of 16 /).waitFor();
		await stop.hover();
		await page.mouse.down();
		await next("continue");
		await page.getByText(/^2 of 16 /).waitFor();
		await page.mouse.up();
		await page.getByRole("button", { name: "Stopping …" }).waitFor();
		await next("continue");
		await close("3 of 16 letters: 3 applied; 13 not tried");
		// and so does who has the keyboard alone
		await begin();
		await stop.focus();
		await next("continue");
		await page.getByText(/^1 of 13 /).waitFor();
		await page.keyboard.press("Enter");
		await page.getByRole("button", { name: "Stopping …" }).waitFor();
		await next("continue");
		await page.getByRole("button", { name: "Close" }).waitFor();
		assert.equal(await page.evaluate(() => document.activeElement.textContent), "Close");
		await close("2 of 13 letters: 2 applied; 11 not tried");
		// what nobody answered has not failed again; from the group's own list this time
		await page.getByRole("link", { name: mine.many.cause }).click();
		await page.getByRole("button", { name: "Retry the group" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
		await page.getByRole("button", { name: "Retry the group" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Retry 11 letters" }).click();
		await next("continue");
		await next("abort");
		await shows(page, "The gateway does not answer");
		assert.match(wrong.pop(), /ERR_FAILED/);
		await close("2 of 11 letters: 1 applied, 1 without an answer; 9 not tried");
		await page.unroute("**/retry");
	});

	await named("a breaker is held open, held closed and reset", async () => {
		await go(page, "Breakers", "breakers");
		await page.getByRole("heading", { level: 2, name: "calls-to-orders" }).waitFor();
		await picture(page, theme, "breakers");
		await page.getByLabel("Hold it").selectOption("for 10 minutes");
		await page.getByRole("button", { name: "Hold open: calls-to-orders" }).click();
		await shows(page, /held by hand for \d+ min more/);
		await shows(page, "No call goes through");
		await picture(page, theme, "breaker-open");
		await page.getByLabel("Hold it").selectOption("until it is reset");
		await page.getByRole("button", { name: "Hold closed: calls-to-orders" }).click();
		await shows(page, "held by hand until somebody changes it");
		await page.getByRole("button", { name: "Reset: calls-to-orders" }).click();
		await shows(page, "(by results)");
	});

	await named("outbox: depth, age and the events", async () => {
		await go(page, "Outbox", "outbox");
		await page.getByRole("heading", { level: 2, name: "Depth" }).waitFor();
		const events = page.getByRole("region", { name: "Events that wait, the oldest first" });
		assert.ok(await events.locator("tbody tr").count() > 0);
		await page.getByRole("link", { name: "The next ones" }).click();
		await page.getByRole("link", { name: "From the oldest" }).click();
		await picture(page, theme, "outbox");
	});

	await named("routes as a picture and as a table", async () => {
		await go(page, "Routes", "routes");
		const requests = page.getByRole("img", { name: /routes and their handlers/ }).first();
		assert.match(await requests.textContent(), /POST \/allocations.*allocate\.create.*commit: sqlite/s);
		await picture(page, theme, "routes");
		await page.getByText("As a table").first().click();
		await page.getByRole("row").filter({ hasText: "POST /allocations/bulk" })
			.filter({ hasText: "allocate.create_bulk" }).waitFor();
		await lookAccessible(page, "routes as a table");
	});

	await named("plugins with versions and options, and no secret", async () => {
		await go(page, "Plugins", "plugins");
		const options = page.getByRole("region", { name: "Options of services" });
		await options.waitFor();
		assert.match(await options.getByRole("row", { name: /^issuer/ }).textContent(),
			/shop/);
		assert.match(await options.getByRole("row", { name: /^key_file/ })
			.textContent(), /secret, not shown/);
		assert.ok(!(await page.content()).includes("jwt.key"));
		await picture(page, theme, "plugins");
	});

	await named("what differs from the Order Service is planned", async () => {
		await go(page, "Reconcile", "reconcile");
		await page.getByRole("heading", { level: 2, name: "Runs" }).waitFor();
		await picture(page, theme, "reconcile");
		await page.getByRole("button", { name: "Make a plan" }).click();
		await page.locator("main .job-text").filter({ hasText: /; 1 drift found\.$/ }).waitFor();
		const row = page.getByRole("row").filter({ hasText: "counters" })
			.filter({ hasText: seed.drift }).first();
		assert.match(await row.textContent(), /reserved is not what is heldrecount/);
		await page.getByRole("region", { name: "Runs" }).getByRole("cell", { name: "plan" })
			.first().waitFor();
		await picture(page, theme, "reconcile-plan");
	});

	await named("a plan is stopped on its way, and says so", async () => {
		await page.reload();
		await page.getByRole("heading", { level: 2, name: "Runs" }).waitFor();
		let here;
		const asked = new Promise(done => {
			here = done;
		});
		let asks = 0;
		// one page of a plan that goes on, and the next one when it was told to stop
		await page.route("**/reconcile.plan", async route => {
			if (++asks > 1) {
				here(route);
				return;
			}
			const got = await route.fetch(), tree = await got.json();
			tree.data.done = false;
			await route.fulfill({ response: got, json: tree });
		});
		await page.getByRole("button", { name: "Make a plan" }).click();
		const route = await asked, stop = page.getByRole("button", { name: "Stop", exact: true });
		await stop.focus();
		await page.keyboard.press("Enter");
		await page.getByRole("button", { name: "Stopping …" }).waitFor();
		assert.equal(await page.evaluate(() => document.activeElement.textContent), "Stopping …");
		const got = await route.fetch(), tree = await got.json();
		tree.data.done = false;
		await route.fulfill({ response: got, json: tree });
		await page.locator("main .job-text").filter({ hasText: "; not looked at all of it." })
			.waitFor();
		await page.unroute("**/reconcile.plan");
		assert.equal(asks, 2);
		assert.equal(await page.evaluate(() => document.activeElement.textContent),
			"Make a new plan");
		await page.keyboard.press("Enter");
		await page.locator("main .job-text").filter({ hasText: /; 1 drift found\.$/ }).waitFor();
	});

	await named("and a plan is applied, when that is meant", async () => {
		const applied = page.getByRole("region", { name: "Runs" })
			.getByRole("cell", { name: "1 applied" });
		const before = await applied.count();
		const dialog = page.getByRole("dialog", { name: "Apply this plan?" });
		await page.getByRole("button", { name: "Apply 1 command …" }).click();
		await dialog.getByRole("button", { name: "Cancel" }).click();
		await dialog.waitFor({ state: "detached" });
		await page.getByRole("button", { name: "Apply 1 command …" }).click();
		await dialog.getByRole("button", { name: "Apply" }).click();
		await shows(page, "1 of 1 command: 1 applied");
		await applied.nth(before).waitFor();
		await picture(page, theme, "reconcile-applied");
		await page.getByRole("button", { name: "Make a new plan" }).click();
		await page.locator("main .job-text").filter({ hasText: /; 0 drifts found\.$/ }).waitFor();
		await shows(page, "Nothing differs.");
	});

	await named("what was done is audited, and the log can say more", async () => {
		await go(page, "Log and audit", "audit");
		await page.getByRole("row").filter({ hasText: "reconcile.plan" }).first().waitFor();
		await page.getByRole("link", { name: "Older ones" }).click();
		await page.getByRole("row").filter({ hasText: "dead-letter discard" })
			.filter({ hasText: "of no use" }).first().waitFor();
		await page.getByRole("link", { name: "From the newest" }).click();
		await page.getByRole("row").filter({ hasText: "reconcile.plan" }).first().waitFor();
		await page.getByRole("link", { name: "Older ones" }).click();
		await page.getByRole("row").filter({ hasText: "of no use" }).first()
			.getByRole("link", { name: `letter ${mine.discard}` }).click();
		await page.getByRole("heading", { name: `Letter ${mine.discard}` }).waitFor();
		await go(page, "Log and audit", "audit");
		await picture(page, theme, "audit");
		await page.getByLabel("The least that is logged").selectOption("debug");
		await page.getByText("Logged from debug on").waitFor({ state: "attached" });
		const sample = page.getByLabel("of how many messages in 100");
		await sample.fill("120");
		await sample.press("Enter");
		assert.equal(await sample.evaluate(at => at.validity.rangeOverflow), true);
		await sample.fill("40");
		await sample.press("Enter");
		await page.getByText("debug on, below warning of 40 %").waitFor({ state: "attached" });
		await page.reload();
		await page.getByRole("heading", { level: 1, name: "Log and audit" }).waitFor();
		assert.equal(await page.getByLabel("The least that is logged").inputValue(), "debug");
		await page.getByLabel("The least that is logged").selectOption("info");
		await page.getByText("Logged from info on").waitFor({ state: "attached" });
		assert.equal(await sample.inputValue(), "40");
		await sample.fill("100");
		await sample.press("Enter");
		await page.getByText("below warning of 100 %").waitFor({ state: "attached" });
	});

	await named("the theme is a choice that lasts", async () => {
		const other = theme === "light" ? "dark" : "light";
		const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
		const before = await ground();
		await page.getByLabel("Theme").selectOption(other);
		assert.notEqual(await ground(), before);
		const chosen = await ground();
		await page.reload();
		await page.getByRole("heading", { level: 1 }).waitFor();
		assert.equal(await ground(), chosen);
		assert.equal(await page.getByLabel("Theme").inputValue(), other);
		await page.getByLabel("Theme").selectOption("system");
		assert.equal(await ground(), before);
	});

	await named("by the keyboard alone", async () => {
		await page.goto(`${PAGE_URL}/admin/#/overview`);
		await page.reload();
		await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
		await page.keyboard.press("Tab");
		assert.equal(await page.evaluate(() => document.activeElement.id), "skip");
		await page.keyboard.press("Enter");
		assert.equal(await page.evaluate(() => document.activeElement.id), "main");
		await page.getByRole("link", { name: "Breakers", exact: true }).focus();
		await page.keyboard.press("Enter");
		await page.getByRole("heading", { level: 1, name: "Breakers" }).waitFor();
		await page.waitForFunction(() => document.activeElement.id === "main");
	});

	await named("what changes by itself keeps the focus where it is", async () => {
		const hasFocus = async (path, element) => {
			const read = () => page.waitForResponse(got => got.url().endsWith(path));
			await element.focus();
			await read();
			await read();
			await page.waitForTimeout(100);
			assert.ok(await element.evaluate(at => at === document.activeElement), path);
		};
		await go(page, "Overview", "overview");
		await hasFocus("/overview", page.getByRole("link", { name: "look" }));
		await page.getByRole("region", { name: "Requests by route" }).waitFor();
		await hasFocus("/metrics", page.getByRole("region", { name: "Requests by route" }));
	});

	await named("nothing went wrong behind it", async () => assert.deepEqual(wrong, []));

	await named("a session that has ended leads to the way in, and says so", async () => {
		const [cookie] = await context.cookies();
		await context.addCookies([{ ...cookie, value: "0".repeat(64) }]);
		await shows(page, "The session has ended, or the gateway was started again");
		await page.getByRole("heading", { name: "Sign in" }).waitFor();
		assert.ok(await page.getByRole("navigation").isHidden());
		await page.goto(link());
		await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
	});

	await named("out again", async () => {
		await page.getByRole("button", { name: "Sign out" }).click();
		await page.getByRole("heading", { name: "Sign in" }).waitFor();
		await page.reload();
		await page.getByRole("heading", { name: "Sign in" }).waitFor();
		assert.equal((await context.cookies()).length, 0);
	});
	await context.close();
}

async function withoutRights(browser) {
	const context = await browser.newContext({ viewport: DESK }), page = await context.newPage();
	page.setDefaultTimeout(WAIT_MS);
	await test("who may only look is offered nothing else", async () => {
		await page.goto(link("gantry-admin:view"));
		await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
		await openLetter(page, seed.light.left);
		for (const name of ["Retry", "Discard …", "Check"])
			assert.equal(await page.getByRole("button", { name, exact: true }).count(), 0, name);
		await go(page, "Breakers", "breakers");
		await page.getByRole("heading", { level: 2, name: "calls-to-orders" }).waitFor();
		assert.equal(await page.getByRole("button", { name: /^Hold open/ }).count(), 0);
		await go(page, "Log and audit", "audit");
		assert.ok(await page.getByLabel("The least that is logged").isDisabled());
		assert.ok(await page.getByLabel("of how many messages in 100").isDisabled());
	});
	await context.close();
}

async function edge(browser) {
	const { url, login, waiting } = seed.edge;
	const context = await browser.newContext({ viewport: DESK }), page = await context.newPage();
	page.setDefaultTimeout(WAIT_MS);
	await test("at the order side it shows how many requests wait, and since when", async () => {
		const link = said(login);
		assert.ok(link.startsWith(url), link);
		await page.goto(link);
		const tile = page.getByRole("listitem").filter({
			has: page.getByRole("heading", { name: "edge: requests" }) });
		await tile.getByText(new RegExp(`^${waiting} wait, the oldest for \\d+ `)).waitFor();
		await picture(page, "light", "overview-edge");
	});
	await context.close();
}

async function framed(browser) {
	const context = await browser.newContext(), page = await context.newPage();
	await test("no other page can frame it", async () => {
		await page.route("http://other.test/", route => route.fulfill({
			contentType: "text/html", body: `<iframe src="${PAGE_URL}/admin/"></iframe>` }));
		await page.goto("http://other.test/");
		await page.waitForTimeout(500);
		const [, frame] = page.frames();
		assert.ok(!frame.url().startsWith(PAGE_URL), frame.url());
	});
	await context.close();
}

const browser = await chromium.launch({ executablePath: PAGE_BROWSER,
	args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
	if (PAGE_PART === "other") {
		await withoutRights(browser);
		await edge(browser);
		await framed(browser);
	} else {
		await everything(browser, PAGE_PART);
	}
} finally {
	await browser.close();
}
console.log(`1..${number}`);
process.exitCode = failed ? 1 : 0;
