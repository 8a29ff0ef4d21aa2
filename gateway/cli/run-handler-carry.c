/* SPDX-License-Identifier: Apache-2.0 */
/* run-handler-carry - one message from its bytes to its answer, and no further. */
#include <pthread.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/run-handler.h"
#include "gateway/commit/committer.h"
#include "gateway/commit/schema.h"
#include "gateway/pipeline/event.h"

/* The one message that is under way. */
struct carry {
	struct run_handler *r;
	struct gantry_message m;
	pthread_mutex_t lock;		/* of tree */
	pthread_cond_t answered;
	json_t *changes;		/* the committer's until it answers */
	json_t *tree;
};

/* What an upstream would do with it would not be without effect. */
static void carry_call(void *maker, struct call *call)
{
	(void)maker;
	call_fail(call, NULL, GANTRY_DEPENDS_ON_NOTHING,
		  "gantry run-handler makes no calls: %s %s of %s",
		  call->request.method, call->request.path, call->request.upstream);
}

void run_handler_start(struct run_handler *r)
{
	const struct engine_options options = { .workers = 1, .readers = 1, .queue = 16 };
	struct committer_options commit = committer_defaults;
	struct engine_reads reads;

	/* nothing is old: no unit but those of the messages */
	commit.inbox_ms = commit.idempotency_ms = INT64_MAX / 2;
	dry_init(&r->dry, r->store.storage != NULL ? &r->store : NULL);
	reads = (struct engine_reads){ &r->dry.storage, &r->dry, &commit_schema,
				       COMMIT_RECORDS, RECORDS_VALUE };
	r->committer = committer_new(&commit, &r->dry.storage, &r->dry);
	r->engine = engine_new(&options, &reads,
			       &(struct engine_committer){ committer_commit,
							   r->committer });
	engine_set_calls(r->engine, &(struct call_maker){ .make = carry_call });
}

void run_handler_stop(struct run_handler *r)
{
	engine_free(&r->engine);
	committer_free(&r->committer);
}

static void carry_change(void *ctx, const struct gantry_change *change)
{
	struct carry *c = ctx;

	run_handler_change(c->changes, change);
}

/* Whatever the unit lent goes when this returns, so it is looked at now. */
static void carry_answered(struct gantry_message *m)
{
	struct carry *c = m->home_data;
	json_t *tree = run_handler_tree(m, c->changes);

	pthread_mutex_lock(&c->lock);
	c->tree = tree;
	pthread_cond_signal(&c->answered);
	pthread_mutex_unlock(&c->lock);
}

static const struct message_home carry_home = { carry_answered };

static void carry_init(struct carry *c, struct run_handler *r, enum gantry_source source)
{
	*c = (struct carry){ .r = r, .changes = json_array() };
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->answered, NULL);
	message_init(&c->m, source, &carry_home);
	c->m.home_data = c;
	c->m.graph = r->graph;
	c->m.route = r->route;
	c->m.received_ms = clock_now_ms();
	c->m.params = r->options->params;
	c->m.n_params = r->options->n_params;
	r->dry.change = carry_change;
	r->dry.ctx = c;
}

/* What an inbox would know already is run all the same: it gets no key. */
static int carry_run(struct carry *c)
{
	struct run_handler *r = c->r;
	const char *verdict;

	engine_submit(r->engine, &c->m);
	pthread_mutex_lock(&c->lock);
	while (c->tree == NULL)
		pthread_cond_wait(&c->answered, &c->lock);
	pthread_mutex_unlock(&c->lock);
	verdict = json_string_value(json_object_get(c->tree, "verdict"));
	r->n++;
	r->failed += strcmp(verdict, "DONE") != 0;
	run_handler_print(c->tree, r->options->common.json);
	return COMMON_OK;
}

static void carry_fini(struct carry *c)
{
	message_fini(&c->m);
	json_decref(c->changes);
	json_decref(c->tree);
	pthread_cond_destroy(&c->answered);
	pthread_mutex_destroy(&c->lock);
}

int run_handler_event(struct run_handler *r, const char *body, size_t len)
{
	struct gantry_error ignored = ERROR_INIT;
	struct carry c;
	int status;

	carry_init(&c, r, r->route->source);
	c.m.body = body;
	c.m.body_len = len;
	if (c.m.source == GANTRY_SOURCE_HTTP) {
		c.m.method = r->route->method != NULL ? r->route->method : "POST";
	} else {
		const json_t *event = gantry_json(&c.m, &ignored);

		c.m.id = arena_text(&c.m.arena, event_envelope_id(event));
		c.m.causation_id = c.m.id;
		c.m.correlation_id = arena_text(&c.m.arena,
						event_envelope_correlation(event));
	}
	status = carry_run(&c);
	carry_fini(&c);
	error_fini(&ignored);
	return status;
}

int run_handler_letter(struct run_handler *r, const struct letter *letter)
{
	struct gantry_error err = ERROR_INIT;
	struct carry c;
	int status = COMMON_FAILED;

	carry_init(&c, r, GANTRY_SOURCE_AMQP);
	if (c.m.route == NULL)
		c.m.route = letter_route(letter, r->graph);
	if (letter_message(letter, &c.m, &err) < 0)
		fprintf(stderr, "gantry: %s\n", err.message);
	else if (c.m.route == NULL)
		fprintf(stderr, "gantry: no route takes events of the queue %s\n",
			letter->queue);
	else
		status = carry_run(&c);
	carry_fini(&c);
	error_fini(&err);
	return status;
}
