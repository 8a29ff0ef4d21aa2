/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conform - runs the checks one after the other, see conform.h.
 */
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/memory.h"
#include "gateway/conform/kit.h"

static int conform_open(struct kit *k)
{
	return k->self != NULL ? 0 : kit_open(k, k->schema);
}

/* Without it there is no sense in the others. */
static const struct kit_check conform_checks_opened[] = {
	{ "open", conform_open, NEEDS_NOTHING },
	{ NULL, NULL, 0 },
};

/* On a new store, several at once comes first: they meet while it is made. */
static const struct kit_check *const conform_lists[] = {
	kit_checks_open, conform_checks_opened, kit_checks_row, kit_checks_key,
	kit_checks_unit, kit_checks_scan, kit_checks_pages, kit_checks_model,
	kit_checks_race, kit_checks_claim, kit_checks_lock, kit_checks_several,
	kit_checks_look, kit_checks_reopen, kit_checks_backup, kit_checks_crash,
	kit_checks_disturb,
};

static const struct kit_check *conform_at(size_t n)
{
	for (size_t i = 0; i < ARRAY_LENGTH(conform_lists); i++)
		for (const struct kit_check *c = conform_lists[i]; c->name != NULL; c++)
			if (n-- == 0)
				return c;
	return NULL;
}

const char *conform_name(size_t n)
{
	const struct kit_check *c = conform_at(n);

	return c != NULL ? c->name : NULL;
}

/* 0, 1 by kit_skip() if the storage does not have what the check needs, or -1. */
static int conform_can(struct kit *k, const struct kit_check *c)
{
	if (c->needs == NEEDS_KEEPS && !k->ops->keeps)
		return kit_skip(k, "the storage forgets all when it is closed");
	if (c->needs == NEEDS_NOT_EVEN_OPEN)
		return 0;
	if (k->self == NULL && kit_open(k, k->schema) < 0)
		return -1;
	if (c->needs == NEEDS_OTHER)
		return kit_other(k);
	if (c->needs == NEEDS_CROWD && kit_crowd_size(k) < 2)
		return kit_skip(k, "only one unit can be open at a time");
	k->seen[0] = '\0';
	return 0;
}

/*
 * A check that failed says nothing of a store that is not there: by an instance
 * of its own, as the kit's may be in the middle of something.
 */
static bool conform_is_away(struct kit *k)
{
	enum gantry_stored stored;
	void *self;

	error_reset(&k->err);
	if (k->ops->open(k->ops->context, &self, &k->err) < 0)
		return false;
	stored = k->st->prepare(self, k->schema, GANTRY_PREPARE_SERVE, &k->err);
	k->ops->close(k->ops->context, self);
	if (stored != GANTRY_AWAY || k->err.message[0] == '\0')
		return false;
	snprintf(k->seen, sizeof(k->seen), "%s", k->err.message);
	return true;
}

static enum conform_verdict conform_verdict(struct kit *k, int outcome)
{
	if (outcome == 0)
		return CONFORM_OK;
	if (outcome > 0)
		return CONFORM_SKIPPED;
	return conform_is_away(k) ? CONFORM_AWAY : CONFORM_FAILED;
}

static enum conform_verdict conform_check(struct kit *k, const struct kit_check *check,
					  const struct conform_how *how)
{
	struct conform_result result = { .name = check->name, .why = k->seen };
	int64_t began = clock_steady_ns();
	int outcome;

	if (how->begins != NULL)
		how->begins(how->context, check->name);
	k->seen[0] = '\0';
	k->seed = k->first_seed;	/* of each check, so that one alone repeats it */
	error_reset(&k->err);
	outcome = conform_can(k, check);
	if (outcome == 0)
		outcome = check->run(k);
	if (outcome == 0)
		k->seen[0] = '\0';
	arena_reset(&k->arena);
	result.verdict = conform_verdict(k, outcome);
	result.ms = (clock_steady_ns() - began) / 1000000;
	if (how->told != NULL)
		how->told(how->context, &result);
	return result.verdict;
}

static bool conform_wanted(const struct conform_how *how, const struct kit_check *c)
{
	const char *name = c->name;

	if (c->needs == NEEDS_DISTURB && how->disturb == NULL)
		return false;
	return how->only == NULL || strncmp(name, how->only, strlen(how->only)) == 0;
}

static int conform_all(struct kit *k, const struct conform_how *how)
{
	enum conform_verdict verdict;
	const struct kit_check *c;
	int failures = 0;

	for (size_t i = 0; (c = conform_at(i)) != NULL; i++) {
		if (c->run != conform_open && !conform_wanted(how, c))
			continue;
		verdict = conform_check(k, c, how);
		failures += verdict == CONFORM_FAILED || verdict == CONFORM_AWAY;
		if (verdict == CONFORM_AWAY || (c->run == conform_open && k->self == NULL))
			break;
	}
	return failures;
}

int conform_run_how(const struct conform_ops *ops, const struct conform_how *how)
{
	struct kit k = { .ops = ops, .st = ops->storage,
			 .schema = &kit_schema_old,
			 .effort = how->effort > 0 ? how->effort : 1,
			 .disturb = how->disturb,
			 .patience_ms = how->patience_ms > 0 ? how->patience_ms : 15000 };
	int failures;

	/* Above all refs that an earlier run left in the store. */
	k.last_ref = clock_now_ms() << 20;
	k.first_seed = how->seed > 0 ? how->seed : (uint64_t)clock_now_ms();
	arena_init(&k.arena);
	error_init(&k.err);
	failures = conform_all(&k, how);
	kit_close(&k);
	error_fini(&k.err);
	arena_fini(&k.arena);
	return failures;
}

void conform_print(FILE *report, const struct conform_result *result)
{
	static const char *const words[] = { "ok", "FAILED", "skipped", "AWAY" };

	fprintf(report, "%s %s%s%s\n", words[result->verdict], result->name,
		result->why[0] != '\0' ? ": " : "", result->why);
}

static void conform_tell(void *context, const struct conform_result *result)
{
	conform_print(context, result);
}

int conform_run(const struct conform_ops *ops, FILE *report)
{
	const struct conform_how how = { .told = conform_tell, .context = report };

	return conform_run_how(ops, &how);
}
