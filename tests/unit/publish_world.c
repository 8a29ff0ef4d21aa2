/* SPDX-License-Identifier: Apache-2.0 */
/* publish_world - see publish_world.h. */
#include "tests/unit/publish_world.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct world world;
struct committer_options options;

int open_with(int64_t max_rows, bool publishes)
{
	options = committer_defaults;
	options.outbox_max_rows = max_rows;
	options.publishes = publishes;
	options.owner = "a";
	world_open(&world, &options);
	world_item(&world, "inv_1", 1000);
	return 0;
}

int teardown(void **state)
{
	(void)state;
	world_close(&world);
	return 0;
}

int tell(const char *type)
{
	struct shot s;
	int status;

	shot_init(&world, &s, GANTRY_INLINE, shot_publish);
	s.text = type;
	shot_run(&s);
	status = s.m.answer.status;
	shot_fini(&s);
	return status;
}

struct handover_news news_of(struct committer *c, bool (*want)(const struct handover_news *))
{
	struct handover *h = committer_handover(c);
	struct handover_news news = { 0 };

	for (int i = 0; i < 50; i++) {
		struct pollfd fd = { .fd = handover_fd(h), .events = POLLIN };

		poll(&fd, 1, 100);
		handover_take(h, &news);
		if (want(&news))
			return news;
		handover_news_fini(&news);
	}
	fail_msg("no news");
	return news;
}

bool has_events(const struct handover_news *news)
{
	return news->n > 0;
}

bool has_gone(const struct handover_news *news)
{
	return news->n_gone > 0;
}

static bool has_lease(const struct handover_news *news)
{
	return news->n_leases > 0;
}

struct committer_lease lease(struct committer *c, const char *owner, enum lease_how how,
			     int64_t epoch)
{
	struct committer_lease wish = { .how = how, .epoch = epoch };
	struct handover_news news;

	snprintf(wish.owner, sizeof(wish.owner), "%s", owner);
	committer_lease(c, &wish);
	news = news_of(c, has_lease);
	wish = news.leases[0];
	assert_int_equal(news.n_leases, 1);
	handover_news_fini(&news);
	assert_string_equal(wish.owner, owner);
	return wish;
}

struct committer *replica(const char *name)
{
	struct committer_options other = options;

	other.owner = name;
	other.replica = 1;
	return committer_new(&other, &world.storage, &world);
}
