/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate-limit - how often a sender may ask: a handler to be put first in the
 * pipelines of the routes that it shall guard. Instances and gateways count by
 * themselves.
 */
#include <gantry/plugin.h>

#include "table.h"

struct rate_limit {
	int64_t rate, per, burst;
	int64_t by;
	const char *const *roles;
	int64_t senders;
	bool headers;

	int64_t quota;		/* burst, or what it is by default */
	struct table *table;
};

enum { RATE_LIMIT_SUBJECT, RATE_LIMIT_ROLE, RATE_LIMIT_ALL };
static const char *const rate_limit_by[] = { "subject", "role", "all", NULL };

static const struct gantry_option *const options[] = {
	GANTRY_INTEGER(struct rate_limit, rate, .flags = GANTRY_OPTION_REQUIRED,
		       .min = 1, .max = BUCKET_MAX_RATE,
		       .summary = "Requests that may come in each per, on average"),
	GANTRY_DURATION(struct rate_limit, per, .fallback = "1s", .min = 1000,
			.max = BUCKET_MAX_PER_MS, .summary = "The time of rate"),
	GANTRY_INTEGER(struct rate_limit, burst, .fallback = "0",
		       .max = BUCKET_MAX_BURST,
		       .summary = "Requests that may come at once after a rest; "
				  "0: as many as rate"),
	GANTRY_CHOICE(struct rate_limit, by, .fallback = "subject",
		      .choices = rate_limit_by,
		      .summary = "Who is counted together: each subject by itself, "
				 "all of a role, or all"),
	GANTRY_LIST(struct rate_limit, roles, .min = 1, .max = 16,
		    .summary = "Count only senders with one of these roles; the "
			       "first that a sender has is its own"),
	GANTRY_INTEGER(struct rate_limit, senders, .fallback = "16384", .min = 128,
		       .max = 1048576,
		       .summary = "Senders that are remembered"),
	GANTRY_BOOLEAN(struct rate_limit, headers, .fallback = "true",
		       .summary = "Say in each answer what is left"),
	NULL
};

static int rate_limit_check(const void *self, struct gantry_error *err)
{
	const struct rate_limit *r = self;

	if (r->by == RATE_LIMIT_ROLE && r->roles == NULL)
		return gantry_fail(err, "by: role needs roles");
	return 0;
}

static int rate_limit_open(void *self, const struct gantry_instance *instance,
			   struct gantry_error *err)
{
	struct rate_limit *r = self;
	struct bucket_rule rule = { .rate = r->rate, .per_ms = r->per };

	(void)instance;
	r->quota = rule.burst = r->burst > 0 ? r->burst : r->rate;
	r->table = table_new(&rule, (size_t)r->senders);
	return r->table != NULL ? 0 : gantry_fail(err, "out of memory");
}

static void rate_limit_close(void *self)
{
	struct rate_limit *r = self;

	table_free(&r->table);
}

/* Who the sender is to us; NULL: nobody whom we count. */
static const char *rate_limit_sender(const struct rate_limit *r,
				     const struct gantry_message *m)
{
	const char *role = "";

	if (r->roles != NULL) {
		const char *const *each = r->roles;

		while (*each != NULL && !gantry_has_role(m, *each))
			each++;
		role = *each;
	}
	if (role == NULL || r->by == RATE_LIMIT_ROLE)
		return role;
	return r->by == RATE_LIMIT_SUBJECT ? gantry_subject(m) : "";
}

static int rate_limit_say(struct gantry_message *m, const char *name, int64_t number,
			  struct gantry_error *err)
{
	return gantry_header_always(m, name, gantry_format(m, "%lld", (long long)number),
				    err);
}

static int64_t rate_limit_seconds(int64_t ms)
{
	return (ms + 999) / 1000;
}

static enum gantry_verdict rate_limit_refuse(struct gantry_message *m,
					     const struct bucket_answer *answer,
					     struct gantry_error *err)
{
	int64_t seconds = rate_limit_seconds(answer->retry_in_ms);

	if (rate_limit_say(m, "Retry-After", seconds, err) < 0)
		return GANTRY_FAILED;
	gantry_fail(err, "Too many requests, the next may come in %lld s",
		    (long long)seconds);
	return gantry_reject(err, "RATE_LIMITED");
}

/* Only where a caller waits: an event that is refused would not come back. */
static enum gantry_verdict rate_limit_admit(void *self, struct gantry_message *m,
					    struct gantry_error *err)
{
	const struct rate_limit *r = self;
	const char *sender = rate_limit_sender(r, m);
	struct bucket_answer answer;

	if (gantry_source(m) != GANTRY_SOURCE_HTTP || sender == NULL)
		return GANTRY_NEXT;
	table_take(r->table, sender, gantry_id(m), gantry_now_ms(m), &answer);
	if (r->headers &&
	    (rate_limit_say(m, "RateLimit-Limit", r->quota, err) < 0 ||
	     rate_limit_say(m, "RateLimit-Remaining", answer.remaining, err) < 0 ||
	     rate_limit_say(m, "RateLimit-Reset",
			    rate_limit_seconds(answer.full_in_ms), err) < 0))
		return GANTRY_FAILED;
	return answer.granted ? GANTRY_NEXT : rate_limit_refuse(m, &answer, err);
}

static const char rate_limit_operation[] = GANTRY_JSON({
	"x-errors": ["RATE_LIMITED"],
	"x-headers": {
		"RateLimit-Limit": {"description": "Requests that may come at once",
			"schema": {"type": "integer", "minimum": 1}},
		"RateLimit-Remaining": {"description": "How many of them are left",
			"schema": {"type": "integer", "minimum": 0}},
		"RateLimit-Reset": {"description": "Seconds until all are left again",
			"schema": {"type": "integer", "minimum": 0}},
		"Retry-After": {"description": "Also beside an answer that was kept",
			"schema": {"type": "integer", "minimum": 0}}}
});

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "admit", .handle = rate_limit_admit,
		       .operation = rate_limit_operation,
		       .summary = "Go on, or answer 429 if the sender asks too often"),
	NULL
};

GANTRY_PLUGIN(.name = "rate-limit", .version = VERSION_TEXT,
	      .summary = "How often a sender may ask",
	      .threads = GANTRY_INLINE, .instance_size = sizeof(struct rate_limit),
	      .options = options, .check = rate_limit_check, .open = rate_limit_open,
	      .close = rate_limit_close, .handlers = handlers);
