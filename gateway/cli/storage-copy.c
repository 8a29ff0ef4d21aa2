/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage-copy - see storage-copy.h. Reads the source, copies it, and reads
 * both sides again through new snapshots: what they hold decides, not what was
 * sent.
 */
#include "gateway/cli/storage-copy.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/storage-source.h"
#include "gateway/commit/copy.h"

static const char storage_copy_usage[] =
	"Usage: gantry storage copy --from FILE --to FILE [OPTION]...\n"
	"\n"
	"Copies everything from the storage of one configuration into that of another,\n"
	"which must be empty, and compares both. No gateway runs on either. If it is\n"
	"interrupted, the same command goes on where it stopped; until it has ended, no\n"
	"gateway serves from the target.\n"
	"\n"
	"  --from FILE     configuration whose storage is read\n"
	"  --to FILE       configuration whose storage is filled; the entry \"storage\"\n"
	"                  is enough\n"
	"  --presets DIR   presets that \"use:\" names\n"
	"  --plugins DIR   plugins by short name\n"
	"  --json          print JSON\n"
	"  --help          this text\n"
	"\n"
	"Exit status: 0 copied, both sides hold the same; 1 failed; 2 usage.\n";

#define STORAGE_COPY_LINE_NS INT64_C(1000000000)
#define STORAGE_COPY_TERMINAL_NS INT64_C(100000000)

struct storage_copy {
	struct storage_source source;
	struct common_options to;
	struct open target, look;	/* to be filled; and as it is in the end */
	bool json, resumed, begun;
	struct copy_digest first[COMMIT_TABLES];	/* of the source, before */
	struct copy_digest from[COMMIT_TABLES], into[COMMIT_TABLES];
	int64_t began_ns;
	/* what is shown on stderr */
	struct copy_watch watch;
	bool terminal;
	const char *doing;
	uint64_t total;			/* rows; 0: not known yet */
	int64_t shown_ns;
};

static uint64_t storage_copy_rows(const struct copy_digest *digests)
{
	uint64_t rows = 0;

	for (unsigned i = 0; i < COMMIT_TABLES; i++)
		rows += digests[i].rows;
	return rows;
}

static void storage_copy_show(void *ctx, const char *table, uint64_t rows)
{
	struct storage_copy *c = ctx;
	int64_t now = clock_steady_ns();

	if (now - c->shown_ns <
	    (c->terminal ? STORAGE_COPY_TERMINAL_NS : STORAGE_COPY_LINE_NS))
		return;
	c->shown_ns = now;
	fprintf(stderr, "%s%s %s: %" PRIu64, c->terminal ? "\r\033[K" : "", c->doing,
		table, rows);
	if (c->total > 0)
		fprintf(stderr, " of %" PRIu64 " rows (%" PRIu64 " %%)", c->total,
			rows * 100 / c->total);
	else
		fputs(" rows", stderr);
	if (!c->terminal)
		fputc('\n', stderr);
	fflush(stderr);
}

static void storage_copy_do(struct storage_copy *c, const char *doing)
{
	c->doing = doing;
	if (c->shown_ns == 0)
		c->shown_ns = clock_steady_ns();
}

static void storage_copy_clear(const struct storage_copy *c)
{
	if (c->terminal)
		fputs("\r\033[K", stderr);
}

static int storage_copy_read(struct storage_copy *c, const struct query_store *store,
			     const char *side, struct copy_digest *digests,
			     struct gantry_error *err)
{
	if (copy_digests(store, &c->watch, digests, err) == 0)
		return COMMON_OK;
	error_prefix(err, "%s", side);
	return COMMON_FAILED;
}

static int storage_copy_open_target(struct storage_copy *c, struct gantry_error *err)
{
	int status = open_storage_as(&c->to, GANTRY_PREPARE_SERVE, &commit_schema,
				     &c->target, err);

	if (status == COMMON_OK &&
	    copy_begin(&c->target.store, &c->resumed, err) < 0)
		status = COMMON_FAILED;
	if (status == COMMON_FAILED)
		error_prefix(err, "to");
	c->begun = status == COMMON_OK;
	return status;
}

/* The target as others see it, not through what has filled it. */
static int storage_copy_look_at_target(struct storage_copy *c, struct gantry_error *err)
{
	int status = open_storage_as(&c->to, GANTRY_PREPARE_LOOK, &commit_schema,
				     &c->look, err);
	int half = status == COMMON_OK ? copy_is_half(&c->look.store, err) : 1;

	if (half == 0)
		gantry_fail(err, "it keeps nothing from one process to the next");
	if (half <= 0)
		status = COMMON_FAILED;
	if (status == COMMON_FAILED)
		error_prefix(err, "to");
	return status;
}

static bool storage_copy_is_same(const struct copy_digest *a, const struct copy_digest *b)
{
	return a->rows == b->rows && strcmp(a->sha256, b->sha256) == 0;
}

static int storage_copy_compare(struct storage_copy *c, struct gantry_error *err)
{
	char names[200] = "";
	bool moved = false;
	size_t len = 0;

	for (unsigned i = 0; i < COMMIT_TABLES; i++) {
		moved |= !storage_copy_is_same(&c->first[i], &c->from[i]);
		if (storage_copy_is_same(&c->from[i], &c->into[i]) ||
		    len + strlen(commit_schema.tables[i]->name) + 3 > sizeof(names))
			continue;
		len += (size_t)sprintf(names + len, "%s%s", len > 0 ? ", " : "",
				       commit_schema.tables[i]->name);
	}
	if (len == 0)
		return COMMON_OK;
	gantry_fail(err, "the two sides differ in %s: %s; take an empty storage and "
		    "copy again", names, moved ?
		    "the source was changed while it was copied, so a gateway is at work "
		    "on it" :
		    "the source was changed since the copy into this target began, or "
		    "the target by others");
	return COMMON_FAILED;
}

static int storage_copy_do_all(struct storage_copy *c, struct gantry_error *err)
{
	int status;

	storage_copy_do(c, "reading");
	status = storage_source_open(&c->source, err);
	if (status == COMMON_OK)
		status = storage_copy_read(c, &c->source.look.store, "from", c->first, err);
	c->total = storage_copy_rows(c->first);
	if (status == COMMON_OK)
		status = storage_copy_open_target(c, err);
	storage_copy_do(c, c->resumed ? "going on with" : "copying");
	if (status == COMMON_OK &&
	    copy_rows(&c->source.look.store, &c->target.store, &c->watch, err) < 0)
		status = COMMON_FAILED;
	storage_copy_do(c, "comparing");
	if (status == COMMON_OK)
		status = storage_copy_look_at_target(c, err);
	if (status == COMMON_OK)
		status = storage_copy_read(c, &c->look.store, "to", c->into, err);
	if (status == COMMON_OK)
		status = storage_source_look_again(&c->source, err);
	if (status == COMMON_OK)
		status = storage_copy_read(c, &c->source.look.store, "from", c->from, err);
	return status;
}

static json_t *storage_copy_side(const struct copy_digest *digest)
{
	return json_pack("{sI ss}", "rows", (json_int_t)digest->rows, "sha256",
			 digest->sha256);
}

static void storage_copy_print_json(const struct storage_copy *c, bool same,
				    double seconds)
{
	json_t *tables = json_array();

	for (unsigned i = 0; i < COMMIT_TABLES; i++)
		json_array_append_new(tables, json_pack(
			"{ss so so}", "table", commit_schema.tables[i]->name,
			"from", storage_copy_side(&c->from[i]),
			"to", storage_copy_side(&c->into[i])));
	common_print_json(json_pack("{sb sI sb sf so}", "ok", same, "rows",
				    (json_int_t)storage_copy_rows(c->into), "resumed",
				    c->resumed, "seconds", seconds, "tables", tables));
}

static void storage_copy_print_row(struct common_table *table, const char *name,
				   const struct copy_digest *digest)
{
	common_cell(table, name);
	common_cell(table, arena_format(&table->arena, "%" PRIu64, digest->rows));
	common_cell(table, digest->sha256);
}

static void storage_copy_print(const struct storage_copy *c, bool same, double seconds)
{
	struct common_table table = { .columns = 3 };

	for (unsigned i = 0; i < COMMIT_TABLES; i++) {
		const char *name = commit_schema.tables[i]->name;

		storage_copy_print_row(&table, name, &c->from[i]);
		if (!storage_copy_is_same(&c->from[i], &c->into[i]))
			storage_copy_print_row(&table, "  but copied", &c->into[i]);
	}
	common_print(&table, stdout);
	common_table_fini(&table);
	if (same)
		printf("ok: %" PRIu64 " rows, the same on both sides (%.1f s)\n",
		       storage_copy_rows(c->into), seconds);
}

static int storage_copy_finish(struct storage_copy *c, struct gantry_error *err)
{
	int status = storage_copy_compare(c, err);
	double seconds = (double)(clock_steady_ns() - c->began_ns) / 1e9;

	if (status == COMMON_OK && copy_end(&c->target.store, err) < 0) {
		error_prefix(err, "to");
		return COMMON_FAILED;
	}
	storage_copy_clear(c);
	if (c->json)
		storage_copy_print_json(c, status == COMMON_OK, seconds);
	else
		storage_copy_print(c, status == COMMON_OK, seconds);
	c->begun = false;	/* the same command again would be in vain */
	return status;
}

static int storage_copy_run(struct storage_copy *c)
{
	struct gantry_error err = ERROR_INIT;
	int status;

	c->began_ns = clock_steady_ns();
	c->terminal = isatty(STDERR_FILENO);
	c->watch = (struct copy_watch){ storage_copy_show, c };
	status = storage_copy_do_all(c, &err);
	if (status == COMMON_OK)
		status = storage_copy_finish(c, &err);
	else
		storage_copy_clear(c);
	if (status == COMMON_FAILED)
		fprintf(stderr, "gantry: storage: %s\n%s", err.message, c->begun ?
			"The same command goes on where this one stopped.\n" : "");
	open_close(&c->look);
	open_close(&c->target);
	storage_source_close(&c->source);
	error_fini(&err);
	return status;
}

static void storage_copy_take(int key, struct storage_copy *c)
{
	switch (key) {
	case 'f':
		c->source.options.config = optarg;
		break;
	case 't':
		c->to.config = optarg;
		break;
	case 'p':
		c->source.options.presets = c->to.presets = optarg;
		break;
	case 'd':
		c->source.options.plugins = c->to.plugins = optarg;
		break;
	default:
		c->json = true;
	}
}

int storage_copy_main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' },
		{ "presets", required_argument, NULL, 'p' },
		{ "plugins", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct storage_copy c = {
		.to = { .presets = PRESETDIR, .plugins = PLUGINDIR },
	};
	int key;

	c.source.options = c.to;
	optind = 0;
	while ((key = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (key == 'h') {
			fputs(storage_copy_usage, stdout);
			return COMMON_OK;
		}
		if (key == '?')
			return common_usage(storage_copy_usage);
		storage_copy_take(key, &c);
	}
	if (argc - optind != 1 || c.to.config == NULL || c.source.options.config == NULL)
		return common_usage(storage_copy_usage);
	return storage_copy_run(&c);
}
