/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backlog - what the storage knows of the outbox: passes over all rows that are
 * ours to publish, and looks for single ones. Whose rows are ours is a matter
 * of leases, which are kept here too.
 *
 * A pass begins at the first row each time: refs become visible out of order,
 * so there is no place from which on everything is new. One thread.
 */
#ifndef AMQP_BACKLOG_H
#define AMQP_BACKLOG_H

#include "gateway/commit/handover.h"
#include "gateway/source/amqp/order.h"

struct backlog_options {
	struct order *order;
	size_t entries;			/* that the order may have */
	struct committer *committer;
	const char *replica;
	const struct gantry_storage *storage;
	void *storage_self;
};

struct backlog;

struct backlog *backlog_new(const struct backlog_options *options);
void backlog_free(struct backlog **backlog);

/* Some events came to nobody's memory: a pass is due. */
void backlog_lost(struct backlog *b);
/*
 * What the committer says of a lease. False: another gateway with our own name
 * is newer, so this one publishes no more.
 */
bool backlog_lease(struct backlog *b, const struct committer_lease *lease);
/* Our own rows are ours now. */
bool backlog_is_ours(const struct backlog *b);

/* Ask for leases whose time has come. */
void backlog_keep(struct backlog *b, int64_t now_ms);
/*
 * While there is a broker: bring the next rows, at most a page, read what is
 * missing, look for strangers. True: there is more to do at once.
 */
bool backlog_step(struct backlog *b, int64_t now_ms);
/* When one of both has something to do; without a broker only the leases. */
int64_t backlog_due_ms(const struct backlog *b, bool broker);

#endif
