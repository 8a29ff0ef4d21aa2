/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publish_world - a world whose committer hands its events over: messages that
 * publish, what the hand-over has, leases, other replicas and the time.
 */
#ifndef TESTS_PUBLISH_WORLD_H
#define TESTS_PUBLISH_WORLD_H

#include "gateway/commit/handover.h"
#include "tests/unit/commit_world.h"

extern struct world world;
extern struct committer_options options;

/* With max_rows in the outbox; publishes: a publisher takes what is handed over. */
int open_with(int64_t max_rows, bool publishes);
int teardown(void **state);

/* A message that publishes an event of that type; the status of its answer. */
int tell(const char *type);

/* What the hand-over has within 5 s, of the kind that is asked for. */
struct handover_news news_of(struct committer *c, bool (*want)(const struct handover_news *));
bool has_events(const struct handover_news *news);
bool has_gone(const struct handover_news *news);

struct committer_lease lease(struct committer *c, const char *owner, enum lease_how how,
			     int64_t epoch);

/* One more on the same storage. */
struct committer *replica(const char *name);

#endif
