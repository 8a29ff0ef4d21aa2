/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - the schedule's tick: sends what has its turn, and moves on what was
 * answered. Of one order item only the first is on its way, so the order is kept.
 *
 * What dies on the way is sent again with the same Idempotency-Key, so the
 * inventory side does nothing twice.
 */
#include <string.h>

#include "answer.h"
#include "kept.h"

#define REPLAY_PAGE 32

/* A line of this tick; two order items may share it. */
struct replay_line {
	const char *key;
	struct line line;
	bool moved;
};

struct replay_job {
	const char *id;			/* of the request */
	const char *turn;		/* its key */
	int64_t share;
	struct replay_line *line;
	const json_t *waiting;		/* its record */
	const struct gantry_answer *answer;
	enum answer_is is;
};

struct replay {
	const struct optimistic *o;
	struct gantry_message *m;
	struct gantry_error *err;
	struct replay_job jobs[OPTIMISTIC_MAX_BATCH];
	struct replay_line lines[OPTIMISTIC_MAX_BATCH];
	int64_t n_share[KEPT_MAX_SHARES];	/* of each that wait */
	bool share_moved[KEPT_MAX_SHARES];
	unsigned n_jobs, n_lines;
	unsigned allocated, refused, delayed;
	bool more;			/* whose turn it is, beyond our jobs */
};

static struct replay_line *replay_line(struct replay *r, const char *key)
{
	struct replay_line *line;

	for (unsigned i = 0; i < r->n_lines; i++)
		if (strcmp(r->lines[i].key, key) == 0)
			return &r->lines[i];
	line = &r->lines[r->n_lines++];
	line->key = key;
	return line;
}

/* A clock that was set back must not keep anybody waiting for long. */
static bool replay_is_due(const struct replay *r, int64_t turn_ms)
{
	int64_t now = gantry_now_ms(r->m);

	return turn_ms <= now || turn_ms > now + 2 * r->o->max_backoff;
}

static void replay_add(struct replay *r, const json_t *row)
{
	const char *turn = json_string_value(json_object_get(row, "key"));
	const json_t *value = json_object_get(row, "value");
	const char *id = json_string_value(json_object_get(value, "id"));
	const char *line = json_string_value(json_object_get(value, "line"));
	int64_t share = json_integer_value(json_object_get(value, "share"));

	if (!replay_is_due(r, line_turn_ms(turn)))
		return;
	if (id == NULL || line == NULL || share < 0 || share >= KEPT_MAX_SHARES) {
		gantry_log(r->m, GANTRY_LOG_ERROR, "a turn cannot be read: %s", turn);
		return;
	}
	if (r->n_jobs == (unsigned)r->o->batch) {
		r->more = true;
		return;
	}
	r->jobs[r->n_jobs++] = (struct replay_job){
		.id = id, .turn = turn, .share = share,
		.line = replay_line(r, line),
	};
}

/* Whose turn it is, as far as one tick can take it. */
static int replay_turns(struct replay *r)
{
	const struct gantry_page *page = gantry_find(r->m, &GANTRY_QUERY(
		.name = "records", .key = KEPT_TURN, .limit = REPLAY_PAGE), r->err);
	const json_t *row;
	size_t i;

	if (page == NULL)
		return -1;
	json_array_foreach(page->rows, i, row)
		replay_add(r, row);
	return 0;
}

/* One that cannot be read holds up nobody else. */
static void replay_read(struct replay *r, struct replay_line *line)
{
	const json_t *kept = gantry_record_get(r->m, KEPT_LINE, line->key, r->err);

	if (line_read(&line->line, kept))
		return;
	gantry_log(r->m, GANTRY_LOG_ERROR, "the line %s cannot be read", line->key);
	line->line.n = 0;
}

static int replay_asked(const struct replay *r)
{
	return gantry_asking(r->m) || gantry_failed(r->err) ? -1 : 0;
}

/* The records of all jobs, asked for together. */
static int replay_records(struct replay *r)
{
	for (unsigned i = 0; i < r->n_lines; i++)
		replay_read(r, &r->lines[i]);
	for (unsigned i = 0; i < r->n_jobs; i++)
		r->jobs[i].waiting = gantry_record_get(r->m, KEPT_WAITING, r->jobs[i].id,
						       r->err);
	return replay_asked(r);
}

/* After the calls: whoever joins moves them, and then we would have to begin
   again. */
static int replay_shares(struct replay *r)
{
	for (unsigned i = 0; i < r->n_jobs; i++) {
		int64_t share = r->jobs[i].share;

		if (r->jobs[i].is != ANSWER_AWAY)
			r->n_share[share] = json_integer_value(
				gantry_record_get(r->m, KEPT_SHARE,
						  kept_share_key(r->m, share), r->err));
	}
	return replay_asked(r);
}

/* Another replica was faster, since the turns were read. */
static bool replay_is_ours(struct replay_job *job)
{
	const struct line_place *place = line_find(&job->line->line, job->id);
	char key[LINE_TURN];
	const char *turn = place != NULL ? line_turn(place, key) : NULL;

	return job->waiting != NULL && turn != NULL && strcmp(turn, job->turn) == 0;
}

static const struct gantry_answer *replay_send(struct replay *r,
					       const struct replay_job *job)
{
	const json_t *body = json_object_get(job->waiting, "body");
	const struct request request = {
		.id = job->id,
		.key = json_string_value(json_object_get(job->waiting, "key")),
		.correlation_id = json_string_value(
			json_object_get(job->waiting, "correlation")),
		.body = json_string_value(body),
		.body_len = json_string_length(body),
	};

	return request.key == NULL || request.body == NULL ||
	       !json_is_string(json_object_get(job->waiting, "order")) ? NULL :
		request_send(r->o, r->m, &request, NULL);
}

static int replay_calls(struct replay *r)
{
	unsigned ours = 0;

	for (unsigned i = 0; i < r->n_jobs; i++)
		if (replay_is_ours(&r->jobs[i]))
			r->jobs[ours++] = r->jobs[i];
	r->n_jobs = ours;
	for (unsigned i = 0; i < r->n_jobs; i++) {
		r->jobs[i].answer = replay_send(r, &r->jobs[i]);
		r->jobs[i].is = answer_judge(r->jobs[i].answer);
	}
	return gantry_asking(r->m) ? -1 : 0;
}

/* What is known of a request when it has ended. */
static json_t *replay_ended(const struct replay *r, const struct replay_job *job)
{
	json_t *ended = json_pack("{s:I, s:I}", "at", (json_int_t)gantry_now_ms(r->m),
				  "status", (json_int_t)job->answer->status);

	if (job->is == ANSWER_ALLOCATED)
		json_object_set_new(ended, "allocation",
				    json_string(answer_id(job->answer)));
	else
		json_object_set_new(ended, "answer",
				    json_stringn(job->answer->body,
						 job->answer->body_len));
	return ended;
}

/* Nobody waits for it any more. */
static int replay_take_away(struct replay *r, const struct replay_job *job)
{
	const char *order = json_string_value(json_object_get(job->waiting, "order"));

	if (gantry_record_put(r->m, KEPT_WAITING, job->id, NULL, r->err) < 0)
		return -1;
	return gantry_record_put(r->m, kept_order_space(r->m, order), job->id, NULL,
				 r->err);
}

static int replay_end(struct replay *r, struct replay_job *job)
{
	json_t *ended = replay_ended(r, job);
	int done = gantry_record_put(r->m, KEPT_ENDED, job->id, ended, r->err);
	const struct line_place *next;

	json_decref(ended);
	if (done < 0 || replay_take_away(r, job) < 0)
		return -1;
	r->n_share[job->share]--;
	r->share_moved[job->share] = true;
	next = line_leave(&job->line->line, job->id);
	if (next == NULL)
		return 0;
	r->more = true;
	return kept_put_turn(r->m, job->line->key, next, r->err);
}

static int replay_delay(struct replay *r, struct replay_job *job)
{
	struct line_place *place = line_find(&job->line->line, job->id);

	line_delay(place, gantry_now_ms(r->m), &(const struct line_backoff){
			r->o->backoff, r->o->max_backoff });
	return kept_put_turn(r->m, job->line->key, place, r->err);
}

static void replay_tell(struct replay *r, const struct replay_job *job)
{
	if (job->is == ANSWER_ALLOCATED) {
		r->allocated++;
	} else if (job->is == ANSWER_REFUSED) {
		r->refused++;
		gantry_log(r->m, GANTRY_LOG_INFO, "%s was refused: %s", job->id,
			   answer_code(job->answer));
	} else {
		r->delayed++;
		if (job->answer != NULL)
			gantry_log(r->m, GANTRY_LOG_WARNING,
				   "%s answers %d to %s, which waits on",
				   r->o->inventory_service, job->answer->status, job->id);
	}
}

static int replay_move(struct replay *r)
{
	for (unsigned i = 0; i < r->n_jobs; i++) {
		struct replay_job *job = &r->jobs[i];

		job->line->moved = true;
		if (gantry_record_put(r->m, KEPT_TURN, job->turn, NULL, r->err) < 0)
			return -1;
		if ((job->is == ANSWER_AWAY ? replay_delay(r, job) : replay_end(r, job)) < 0)
			return -1;
		replay_tell(r, job);
	}
	for (unsigned i = 0; i < r->n_lines; i++)
		if (r->lines[i].moved &&
		    kept_put_line(r->m, r->lines[i].key, &r->lines[i].line, r->err) < 0)
			return -1;
	for (int64_t i = 0; i < KEPT_MAX_SHARES; i++)
		if (r->share_moved[i] &&
		    kept_put_share(r->m, i, r->n_share[i], r->err) < 0)
			return -1;
	return 0;
}

/* At once again if that is not in vain: more can be sent, and they answer. */
static int replay_again(struct replay *r)
{
	if (r->allocated + r->refused == 0)
		return 0;
	gantry_log(r->m, GANTRY_LOG_INFO, "sent what had waited: %u allocated, %u refused, %u wait on",
		   r->allocated, r->refused, r->delayed);
	return r->more ? gantry_again(r->m, r->err) : 0;
}

static enum gantry_verdict replay_handle(void *self, struct gantry_message *m,
					 struct gantry_error *err)
{
	struct replay *r = gantry_alloc(m, sizeof(*r));

	*r = (struct replay){ .o = self, .m = m, .err = err };
	if (replay_turns(r) < 0)
		return GANTRY_FAILED;
	if (r->n_jobs == 0)
		return GANTRY_DONE;
	if (replay_records(r) < 0 || replay_calls(r) < 0)
		return GANTRY_FAILED;
	if (r->n_jobs == 0)
		return GANTRY_DONE;
	if (replay_shares(r) < 0)
		return GANTRY_FAILED;
	return replay_move(r) < 0 || replay_again(r) < 0 ? GANTRY_FAILED : GANTRY_DONE;
}

const struct gantry_handler replay_handler = {
	.size = sizeof(struct gantry_handler),
	.name = "replay",
	.summary = "Send what waits and has its turn",
	.handle = replay_handle,
};
