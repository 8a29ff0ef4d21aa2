/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dead-letters-change - retry, edit and discard: asks the daemon, one letter
 * after the other, and counts what became of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/cli/dead-letters.h"
#include "gateway/config/config.h"
#include "gateway/upstream/local.h"

#define CHANGE_LETTERS "/admin/api/dead-letters"
#define CHANGE_MAX_SET 1000000
#define CHANGE_MAX_BODY (64 << 20)
#define CHANGE_PROGRESS_S 5		/* without a terminal; with one: 1/5 s */

/* SIGINT and SIGTERM: the one under way is the last. */
static volatile sig_atomic_t change_stop;

static void change_on_signal(int number)
{
	(void)number;
	change_stop = 1;
}

struct change {
	const struct dead_letters_options *options;
	struct local *local;
	const char *action;		/* "retry" */
	char *body;			/* JSON, or NULL */
	size_t body_len;
	char **refs;			/* the frozen set */
	size_t n, room;
	bool gone;			/* the daemon */
	uint64_t tried, applied, refused, closed, failed;
	int64_t next_progress_ns;
};

static int change_open(struct change *c, const struct dead_letters_options *o)
{
	struct problems problems = { 0 };
	struct gantry_error err = ERROR_INIT;
	struct config *config = config_load_with(o->common.config, o->common.with,
						 o->common.presets, &problems);
	int status = COMMON_OK;

	*c = (struct change){ .options = o };
	if (problems.n > 0) {
		problems_print(&problems, stderr);
		status = COMMON_USAGE;
	} else {
		c->local = local_open(config->admin.socket, &err);
		if (c->local == NULL) {
			fprintf(stderr, "gantry: %s\n", err.message);
			status = COMMON_FAILED;
		}
	}
	problems_fini(&problems);
	config_free(&config);
	error_fini(&err);
	return status;
}

static void change_close(struct change *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->refs[i]);
	free(c->refs);
	free(c->body);
	local_close(&c->local);
}

static void change_add(struct change *c, const char *ref)
{
	if (c->n == c->room) {
		c->room = c->room > 0 ? 2 * c->room : 64;
		c->refs = memory_grow(c->refs, c->room, sizeof(*c->refs));
	}
	c->refs[c->n++] = memory_text(ref);
}

static const char *change_member(const json_t *answer, const char *object,
				 const char *name)
{
	const char *text = json_string_value(
		json_object_get(json_object_get(answer, object), name));

	return text != NULL ? text : "";
}

/* What the daemon says of a request that it does not do. */
static void change_tell(const char *what, const struct local_answer *answer)
{
	const char *message = change_member(answer->body, "error", "message");
	const json_t *details, *problem;
	size_t i;

	if (*message == '\0')
		fprintf(stderr, "gantry: %s: status %d\n", what, answer->status);
	else
		fprintf(stderr, "gantry: %s: %s\n", what, message);
	details = json_object_get(json_object_get(answer->body, "error"), "details");
	if (!json_is_array(details))
		return;
	json_array_foreach(details, i, problem)
		fprintf(stderr, "gantry: %s: %s: %s\n", what,
			json_string_value(json_object_get(problem, "field")),
			json_string_value(json_object_get(problem, "problem")));
}

static char *change_target(struct change *c, const char *after)
{
	const char *const values[] = { c->options->cause, c->options->queue, after };
	static const char *const names[] = { "cause", "queue", "after" };
	char *target = memory_text(CHANGE_LETTERS "?limit=1000");

	for (unsigned i = 0; i < ARRAY_LENGTH(values); i++) {
		AUTO_FREE char *old = target, *value = NULL;

		if (values[i] == NULL) {
			old = NULL;
			continue;
		}
		value = local_escape(c->local, values[i]);
		target = memory_format("%s&%s=%s", old, names[i], value);
	}
	return target;
}

/* One page of those that are open now; its next in *after. */
static int change_freeze_page(struct change *c, char **after)
{
	AUTO_FREE char *target = change_target(c, *after);
	struct gantry_error err = ERROR_INIT;
	struct local_answer answer = { 0 };
	const json_t *letter;
	size_t i;

	free(*after);
	*after = NULL;
	if (local_ask(c->local, "GET", target, NULL, 0, &answer, &err) < 0) {
		fprintf(stderr, "gantry: %s\n", err.message);
		error_fini(&err);
		return -1;
	}
	if (answer.status != 200) {
		change_tell("dead letters", &answer);
		json_decref(answer.body);
		return -1;
	}
	json_array_foreach(json_object_get(answer.body, "data"), i, letter)
		change_add(c, json_string_value(json_object_get(letter, "ref")));
	*after = memory_text(json_string_value(json_object_get(answer.body, "next")));
	json_decref(answer.body);
	return 0;
}

/* What comes later, or fails again, is not tried twice. */
static int change_freeze(struct change *c)
{
	char *after = NULL;

	for (int i = 0; i < c->options->n_refs; i++)
		change_add(c, c->options->refs[i]);
	if (c->options->n_refs > 0)
		return 0;
	do {
		if (change_freeze_page(c, &after) < 0)
			return -1;
	} while (after != NULL && c->n < CHANGE_MAX_SET);
	free(after);
	return 0;
}

static void change_count(struct change *c, const char *outcome)
{
	if (strcmp(outcome, "applied") == 0 || strcmp(outcome, "discarded") == 0)
		c->applied++;
	else if (strcmp(outcome, "refused") == 0)
		c->refused++;
	else
		c->closed++;
}

static void change_one(struct change *c, const char *ref)
{
	AUTO_FREE char *what = memory_format("dead letter %s", ref);
	AUTO_FREE char *target = memory_format(CHANGE_LETTERS "/%s/%s", ref, c->action);
	struct gantry_error err = ERROR_INIT;
	struct local_answer answer = { 0 };
	int64_t number;

	c->tried++;
	if (!parse_integer(ref, &number) || number <= 0) {
		fprintf(stderr, "gantry: %s: no number\n", what);
		c->failed++;
		return;
	}
	if (local_ask(c->local, "POST", target, c->body, c->body_len, &answer, &err) < 0) {
		fprintf(stderr, "gantry: %s: %s\n", what, err.message);
		error_fini(&err);
		c->gone = true;
		c->failed++;
		return;
	}
	if (answer.status != 200) {
		change_tell(what, &answer);
		c->failed++;
	} else {
		const char *outcome = change_member(answer.body, "data", "outcome");

		change_count(c, outcome);
		if (c->options->n_refs > 0 && !c->options->common.json)
			printf("%s: %s\n", what, outcome);
	}
	json_decref(answer.body);
}

static void change_progress(struct change *c)
{
	bool terminal = isatty(STDERR_FILENO);
	int64_t now = clock_steady_ns();

	if (now < c->next_progress_ns || c->n < 2)
		return;
	if (c->next_progress_ns != 0)
		fprintf(stderr, "%s%" PRIu64 " of %zu, %" PRIu64 " failed%s",
			terminal ? "\r" : "", c->tried, c->n, c->failed,
			terminal ? "\033[K" : "\n");
	c->next_progress_ns = now + (terminal ? INT64_C(200000000) :
						CHANGE_PROGRESS_S * INT64_C(1000000000));
}

static void change_wait(const struct change *c, int64_t began_ns)
{
	int64_t due = began_ns + (int64_t)c->tried * c->options->interval_us * 1000;
	const struct timespec until = { .tv_sec = due / 1000000000,
					.tv_nsec = due % 1000000000 };

	while (!change_stop &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static bool change_is_enough(const struct change *c)
{
	return c->gone || change_stop || (c->options->max_errors > 0 &&
			   c->failed >= (uint64_t)c->options->max_errors);
}

static int change_sum_up(const struct change *c)
{
	uint64_t left = c->n - c->tried;

	if (c->options->common.json)
		common_print_json(json_pack("{sI sI sI sI sI sI}",
			"letters", (json_int_t)c->n, "applied", (json_int_t)c->applied,
			"refused", (json_int_t)c->refused, "closedBefore",
			(json_int_t)c->closed, "failed", (json_int_t)c->failed,
			"notTried", (json_int_t)left));
	else if (c->n > 1 && c->options->reason != NULL)
		printf("%zu dead letters: %" PRIu64 " discarded, %" PRIu64
		       " closed before, %" PRIu64 " failed, %" PRIu64 " not tried\n",
		       c->n, c->applied, c->closed, c->failed, left);
	else if (c->options->n_refs == 0 || c->n > 1)
		printf("%zu dead letters: %" PRIu64 " applied, %" PRIu64 " refused, %"
		       PRIu64 " closed before, %" PRIu64 " failed, %" PRIu64
		       " not tried\n", c->n, c->applied, c->refused, c->closed,
		       c->failed, left);
	return c->failed + left == 0 ? COMMON_OK : COMMON_FAILED;
}

static int change_run(struct change *c, int64_t interval_us)
{
	struct sigaction stop = { .sa_handler = change_on_signal };
	int64_t began_ns;

	if (change_freeze(c) < 0)
		return COMMON_FAILED;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	began_ns = clock_steady_ns();
	for (size_t i = 0; i < c->n && !change_is_enough(c); i++) {
		if (i > 0 && interval_us > 0)
			change_wait(c, began_ns);
		if (change_stop)
			break;
		change_one(c, c->refs[i]);
		change_progress(c);
	}
	if (isatty(STDERR_FILENO) && c->n > 1)
		fputs("\r\033[K", stderr);
	return change_sum_up(c);
}

int dead_letters_retry(const struct dead_letters_options *o)
{
	struct change c;
	int status = change_open(&c, o);

	c.action = "retry";
	if (status == COMMON_OK)
		status = change_run(&c, o->interval_us);
	change_close(&c);
	return status;
}

static int change_read(struct change *c, const char *path)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	bool done;

	if (in == NULL) {
		fprintf(stderr, "gantry: %s: %s\n", path, strerror(errno));
		return COMMON_FAILED;
	}
	c->body = memory_new(CHANGE_MAX_BODY + 1);
	c->body_len = fread(c->body, 1, CHANGE_MAX_BODY + 1, in);
	done = !ferror(in) && c->body_len <= CHANGE_MAX_BODY;
	if (!done)
		fprintf(stderr, "gantry: %s: %s\n", path, ferror(in) ?
			strerror(errno) : "larger than 64 MiB");
	if (in != stdin)
		fclose(in);
	return done ? COMMON_OK : COMMON_FAILED;
}

int dead_letters_edit(const struct dead_letters_options *o)
{
	struct change c;
	int status = change_open(&c, o);

	c.action = "edit";
	if (status == COMMON_OK)
		status = change_read(&c, o->body);
	if (status == COMMON_OK)
		status = change_run(&c, 0);
	change_close(&c);
	return status;
}

int dead_letters_discard(const struct dead_letters_options *o)
{
	struct change c;
	int status = change_open(&c, o);
	json_t *body;

	c.action = "discard";
	if (status == COMMON_OK) {
		body = json_pack("{ss}", "reason", o->reason);
		c.body = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
		c.body_len = c.body != NULL ? strlen(c.body) : 0;
		json_decref(body);
		status = change_run(&c, 0);
	}
	change_close(&c);
	return status;
}
