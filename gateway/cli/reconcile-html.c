/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile-html - the runs as one page that needs nothing else: no script, no
 * other file, light or dark as its reader has it.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/cli/reconcile.h"

static const char html_head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<title>Reconciliation</title>\n"
	"<style>\n"
	":root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fff;\n"
	"  --line: #c9c9d1; --soft: #f1f1f5; --quiet: #4a4a55; }\n"
	"@media (prefers-color-scheme: dark) { :root { --ink: #ececf1;\n"
	"  --paper: #17171b; --line: #45454f; --soft: #222229; --quiet: #b6b6c2; } }\n"
	"body { background: var(--paper); color: var(--ink); margin: 0 auto;\n"
	"  max-width: 72rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }\n"
	"h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }\n"
	"p { color: var(--quiet); }\n"
	".wide { overflow-x: auto; }\n"
	"table { border-collapse: collapse; width: 100%; }\n"
	"caption { text-align: left; color: var(--quiet); padding: .3rem 0; }\n"
	"th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem;\n"
	"  text-align: left; vertical-align: top; }\n"
	"thead th { background: var(--soft); }\n"
	"td { overflow-wrap: anywhere; }\n"
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"<main>\n"
	"<h1>Reconciliation</h1>\n";

static const char html_foot[] = "</main>\n</body>\n</html>\n";

static void html_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void html_cell(FILE *out, const char *tag, const char *text)
{
	fprintf(out, "<%s>", tag);
	html_text(out, text);
	fprintf(out, "</%.2s>", tag);
}

static void html_row_of_class(FILE *out, const char *class, const json_t *count)
{
	struct arena arena = { 0 };

	fputs("<tr>", out);
	html_cell(out, "th scope=\"row\"", class);
	html_cell(out, "td", arena_format(&arena, "%" JSON_INTEGER_FORMAT,
					  json_integer_value(count)));
	fputs("</tr>\n", out);
	arena_fini(&arena);
}

static void html_counts(FILE *out, const char *caption, json_t *counts)
{
	const char *name;
	json_t *count;

	if (json_object_size(counts) == 0)
		return;
	fputs("<table>\n<caption>", out);
	html_text(out, caption);
	fputs("</caption>\n<thead><tr><th scope=\"col\">What</th>"
	      "<th scope=\"col\">How many</th></tr></thead>\n<tbody>\n", out);
	json_object_foreach(counts, name, count)
		html_row_of_class(out, name, count);
	fputs("</tbody>\n</table>\n", out);
}

static void html_drift(FILE *out, const json_t *drift)
{
	struct arena arena = { 0 };
	const json_t *command = json_object_get(drift, "command");

	fputs("<tr>", out);
	html_cell(out, "th scope=\"row\"", reconcile_text(drift, "class"));
	html_cell(out, "td", reconcile_object(&arena, drift));
	html_cell(out, "td", reconcile_value(&arena, drift, "said"));
	html_cell(out, "td", reconcile_value(&arena, drift, "held"));
	html_cell(out, "td", reconcile_text(drift, "why"));
	html_cell(out, "td", command != NULL ? reconcile_text(command, "do") : "nothing");
	fputs("</tr>\n", out);
	arena_fini(&arena);
}

static void html_drifts(FILE *out, json_t *drifts)
{
	static const char *const columns[] = { "Class", "Of what", "Said", "Held",
					       "Why", "Mended by" };
	json_t *drift;
	size_t i;

	if (json_array_size(drifts) == 0)
		return;
	fputs("<div class=\"wide\" role=\"region\" aria-label=\"Drifts\" tabindex=\"0\">\n"
	      "<table>\n<caption>The first of them</caption>\n<thead><tr>", out);
	for (i = 0; i < ARRAY_LENGTH(columns); i++)
		html_cell(out, "th scope=\"col\"", columns[i]);
	fputs("</tr></thead>\n<tbody>\n", out);
	json_array_foreach(drifts, i, drift)
		html_drift(out, drift);
	fputs("</tbody>\n</table>\n</div>\n", out);
}

static void html_run(FILE *out, const json_t *run)
{
	static const char *const numbers[] = { "looked", "spared", "skipped", "staged",
					       "applied", "stood", "moved", "refused" };
	json_t *counts = json_object(), *value;

	for (unsigned i = 0; i < ARRAY_LENGTH(numbers); i++) {
		value = json_object_get(run, numbers[i]);
		if (value != NULL)
			json_object_set(counts, numbers[i], value);
	}
	fputs("<section>\n<h2>", out);
	html_text(out, reconcile_text(run, "kind"));
	fputs(", <time>", out);
	html_text(out, reconcile_text(run, "finishedAt"));
	fputs("</time></h2>\n", out);
	html_counts(out, "Orders that were looked at, and what became of the plan", counts);
	html_counts(out, "Drifts that were found", json_object_get(run, "found"));
	html_drifts(out, json_object_get(run, "sample"));
	fputs("</section>\n", out);
	json_decref(counts);
}

static void html_page(FILE *out, const json_t *runs)
{
	char at[CLOCK_TEXT];
	json_t *run;
	size_t i;

	clock_format(clock_now_ms(), at);
	fputs(html_head, out);
	fprintf(out, "<p>What the Order Service says against what is held: the last runs, "
		"the newest first. Written at <time>%s</time>.</p>\n", at);
	if (json_array_size(runs) == 0)
		fputs("<p>There are no runs yet.</p>\n", out);
	json_array_foreach((json_t *)runs, i, run)
		html_run(out, run);
	fputs(html_foot, out);
}

int reconcile_html(const char *path, const json_t *runs)
{
	AUTO_FREE char *temporary = memory_format("%s.XXXXXX", path);
	int fd = mkstemp(temporary);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool done;

	if (out == NULL) {
		fprintf(stderr, "gantry: %s: %s\n", path, strerror(errno));
		return -1;
	}
	html_page(out, runs);
	done = fflush(out) == 0 && !ferror(out) && fchmod(fd, 0644) == 0;
	done &= fclose(out) == 0 && done && rename(temporary, path) == 0;
	if (done)
		return 0;
	fprintf(stderr, "gantry: %s: %s\n", path, strerror(errno));
	unlink(temporary);
	return -1;
}
