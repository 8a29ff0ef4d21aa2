/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox - see outbox.h. Looks into the storage by itself, so it works
 * whether the daemon runs or not, and changes nothing.
 */
#include "gateway/cli/outbox.h"

#include <getopt.h>
#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/ids.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/cli/open.h"
#include "gateway/commit/schema.h"

#define OUTBOX_PAGE 500
#define OUTBOX_SHOWN 50		/* rows that list prints */
#define OUTBOX_TYPES 64

static const char outbox_usage[] =
	"Usage: gantry outbox list [OPTION]...\n"
	"       gantry outbox show EVENT [OPTION]...\n"
	"\n"
	"What waits to be published. list prints the oldest events with the reason why\n"
	"they wait, and how many there are of each type; show prints one event whole,\n"
	"by its eventId or its ref.\n"
	"\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names\n"
	"  --plugins DIR   plugins by short name\n"
	"  --json          print JSON; list then prints all events\n"
	"  --help          this text\n";

struct outbox_count {
	char *type;
	uint64_t n;
};

/* Rows come by ref, so these are sorted. */
struct outbox_seen {
	int64_t ref;
	char event_id[IDS_UUID];
};

struct outbox {
	struct open open;
	struct arena arena;
	bool json;
	const char *wanted;		/* show: eventId or ref */
	bool found;
	struct common_table table;
	uint64_t rows;
	struct outbox_count counts[OUTBOX_TYPES];
	unsigned n_counts;
	struct gantry_value last_ref;
	int64_t oldest_ms;
	uint64_t held;
	struct outbox_seen *seen;
	size_t n_seen, room_seen;
};

static const char *outbox_text(struct outbox *o, const struct gantry_value *value)
{
	return value->kind == GANTRY_NULL ? NULL :
		arena_text_n(&o->arena, value->is.text, value->len);
}

static void outbox_add_count(struct outbox *o, const struct gantry_value *type)
{
	unsigned i;

	for (i = 0; i < o->n_counts; i++)
		if (strlen(o->counts[i].type) == type->len &&
		    memcmp(o->counts[i].type, type->is.text, type->len) == 0)
			break;
	if (i == OUTBOX_TYPES)
		return;
	if (i == o->n_counts)
		o->counts[o->n_counts++].type = memory_text_n(type->is.text, type->len);
	o->counts[i].n++;
}

static void outbox_see(struct outbox *o, const struct gantry_value *v)
{
	struct outbox_seen *seen;
	size_t len = v[OUTBOX_EVENT_ID].len;

	if (o->n_seen == o->room_seen) {
		o->room_seen = o->room_seen == 0 ? OUTBOX_PAGE : o->room_seen * 2;
		o->seen = memory_grow(o->seen, o->room_seen, sizeof(*o->seen));
	}
	if (len >= sizeof(seen->event_id))
		len = sizeof(seen->event_id) - 1;
	seen = &o->seen[o->n_seen++];
	seen->ref = v[OUTBOX_REF].is.number;
	memcpy(seen->event_id, v[OUTBOX_EVENT_ID].is.text, len);
	seen->event_id[len] = '\0';
}

static int outbox_compare(const void *ref, const void *seen)
{
	int64_t a = *(const int64_t *)ref, b = ((const struct outbox_seen *)seen)->ref;

	return (a > b) - (a < b);
}

/* The eventId of the one that goes first, if that waits too; else NULL. */
static const char *outbox_after(const struct outbox *o, const struct gantry_value *v)
{
	const struct outbox_seen *seen = NULL;

	if (v[OUTBOX_AFTER].kind != GANTRY_NULL && o->n_seen > 0)
		seen = bsearch(&v[OUTBOX_AFTER].is.number, o->seen, o->n_seen,
			       sizeof(*o->seen), outbox_compare);
	return seen != NULL ? seen->event_id : NULL;
}

static const char *outbox_state(const struct outbox *o, const struct gantry_value *v)
{
	if (outbox_after(o, v) != NULL)
		return "behind";
	return v[OUTBOX_CAUSE].kind != GANTRY_NULL ? "held" : "waits";
}

static json_t *outbox_tree(struct outbox *o, const struct gantry_value *v)
{
	char time[CLOCK_TEXT];
	json_t *tree;

	clock_format(v[OUTBOX_CREATED_AT].is.number, time);
	tree = json_pack("{sI ss ss ss ss ss ss ss ss? ss? ss ss ss ss? ss?}",
			 "ref", (json_int_t)v[OUTBOX_REF].is.number,
			 "eventId", outbox_text(o, &v[OUTBOX_EVENT_ID]),
			 "type", outbox_text(o, &v[OUTBOX_TYPE]),
			 "aggregateType", outbox_text(o, &v[OUTBOX_AGGREGATE_TYPE]),
			 "aggregateId", outbox_text(o, &v[OUTBOX_AGGREGATE_ID]),
			 "exchange", outbox_text(o, &v[OUTBOX_EXCHANGE]),
			 "routingKey", outbox_text(o, &v[OUTBOX_ROUTING_KEY]),
			 "correlationId", outbox_text(o, &v[OUTBOX_CORRELATION_ID]),
			 "traceparent", outbox_text(o, &v[OUTBOX_TRACEPARENT]),
			 "tracestate", outbox_text(o, &v[OUTBOX_TRACESTATE]),
			 "owner", outbox_text(o, &v[OUTBOX_OWNER]),
			 "createdAt", time,
			 "state", outbox_state(o, v),
			 "cause", outbox_text(o, &v[OUTBOX_CAUSE]),
			 "after", outbox_after(o, v));
	return tree;
}

/* "3 days", the largest whole unit. */
static const char *outbox_age(struct outbox *o, int64_t created_ms)
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	int64_t age_s = (clock_now_ms() - created_ms) / 1000, n;
	size_t i = 0;

	if (age_s < 0)
		age_s = 0;
	while (i < ARRAY_LENGTH(units) - 1 && age_s < units[i].s)
		i++;
	n = age_s / units[i].s;
	return arena_format(&o->arena, "%lld %s%s", (long long)n, units[i].name,
			    n == 1 ? "" : "s");
}

static const char *outbox_why(struct outbox *o, const struct gantry_value *v)
{
	const char *after = outbox_after(o, v);

	if (after != NULL)
		return arena_format(&o->arena, "behind %s", after);
	return outbox_text(o, &v[OUTBOX_CAUSE]);
}

static void outbox_list_row(struct outbox *o, const struct gantry_value *v)
{
	char time[CLOCK_TEXT];

	outbox_add_count(o, &v[OUTBOX_TYPE]);
	o->held += v[OUTBOX_CAUSE].kind != GANTRY_NULL;
	if (o->rows == 1)
		o->oldest_ms = v[OUTBOX_CREATED_AT].is.number;
	if (o->json) {
		json_t *tree = outbox_tree(o, v);

		json_dumpf(tree, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(tree);
		return;
	}
	if (o->rows > OUTBOX_SHOWN)
		return;
	clock_format(v[OUTBOX_CREATED_AT].is.number, time);
	common_cell(&o->table, time);
	common_cell(&o->table, outbox_text(o, &v[OUTBOX_TYPE]));
	common_cell(&o->table, outbox_text(o, &v[OUTBOX_AGGREGATE_ID]));
	common_cell(&o->table, outbox_text(o, &v[OUTBOX_EVENT_ID]));
	common_cell(&o->table, outbox_why(o, v));
}

static bool outbox_is_wanted(const struct outbox *o, const struct gantry_value *v)
{
	const struct gantry_value *id = &v[OUTBOX_EVENT_ID];
	int64_t ref;

	if (strlen(o->wanted) == id->len && memcmp(o->wanted, id->is.text, id->len) == 0)
		return true;
	return parse_integer(o->wanted, &ref) && ref == v[OUTBOX_REF].is.number;
}

static void outbox_show_row(struct outbox *o, const struct gantry_value *v)
{
	json_t *tree, *body;

	o->found = true;
	tree = outbox_tree(o, v);
	body = json_loadb(v[OUTBOX_BODY].is.text, v[OUTBOX_BODY].len, 0, NULL);
	json_object_set_new(tree, "body", body);
	json_dumpf(tree, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(tree);
}

static int outbox_row(void *context, size_t key, const struct gantry_value *v)
{
	struct outbox *o = context;

	(void)key;
	o->rows++;
	o->last_ref = v[OUTBOX_REF];
	if (o->wanted == NULL)
		outbox_list_row(o, v);
	else if (!o->found && outbox_is_wanted(o, v))
		outbox_show_row(o, v);
	outbox_see(o, v);
	return 0;
}

/* All rows, page by page in the order of their refs. */
static int outbox_scan(struct outbox *o)
{
	const struct query_store *store = &o->open.store;
	struct gantry_sink sink = { outbox_row, o };
	struct gantry_range range = { .size = sizeof(range),
				      .table = COMMIT_OUTBOX,
				      .index = GANTRY_BY_REF,
				      .limit = OUTBOX_PAGE };
	struct gantry_error err = ERROR_INIT;
	uint64_t before;

	do {
		before = o->rows;
		if (store->storage->scan(store->self, &range, &sink, &err) !=
		    GANTRY_STORED) {
			fprintf(stderr, "gantry: storage: %s\n", err.message);
			error_fini(&err);
			return COMMON_FAILED;
		}
		range.from = &o->last_ref;
		range.n_from = 1;
		range.from_after = true;
		arena_reset(&o->arena);
	} while (o->rows - before == OUTBOX_PAGE && !o->found);
	return COMMON_OK;
}

static void outbox_summary(struct outbox *o)
{
	common_print(&o->table, stdout);
	if (o->rows > OUTBOX_SHOWN)
		printf("... and %llu more\n",
		       (unsigned long long)(o->rows - OUTBOX_SHOWN));
	printf("%llu events wait", (unsigned long long)o->rows);
	if (o->rows > 0)
		printf(", the oldest for %s", outbox_age(o, o->oldest_ms));
	if (o->held > 0)
		printf("; the broker did not take %llu", (unsigned long long)o->held);
	putchar('\n');
	for (unsigned i = 0; i < o->n_counts; i++)
		printf("%8llu %s\n", (unsigned long long)o->counts[i].n,
		       o->counts[i].type);
}

static int outbox_run(struct outbox *o, const struct common_options *options)
{
	int status = open_storage(options, GANTRY_PREPARE_LOOK, &o->open);

	o->json = options->json;
	o->table.columns = 5;
	if (status == COMMON_OK)
		status = outbox_scan(o);
	if (status == COMMON_OK && o->wanted == NULL && !o->json)
		outbox_summary(o);
	if (status == COMMON_OK && o->wanted != NULL && !o->found) {
		fprintf(stderr, "gantry: no event %s waits\n", o->wanted);
		status = COMMON_FAILED;
	}
	for (unsigned i = 0; i < o->n_counts; i++)
		free(o->counts[i].type);
	free(o->seen);
	common_table_fini(&o->table);
	arena_fini(&o->arena);
	open_close(&o->open);
	return status;
}

int outbox_main(int argc, char **argv)
{
	struct common_options options;
	struct outbox o = { 0 };
	int status = common_parse(argc, argv, outbox_usage, &options);
	int left = argc - optind;

	if (status >= 0)
		return status;
	if (left == 1 && strcmp(argv[optind], "list") == 0)
		return outbox_run(&o, &options);
	if (left == 2 && strcmp(argv[optind], "show") == 0) {
		o.wanted = argv[optind + 1];
		return outbox_run(&o, &options);
	}
	return common_usage(outbox_usage);
}
