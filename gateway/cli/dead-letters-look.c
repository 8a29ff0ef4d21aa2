/* SPDX-License-Identifier: Apache-2.0 */
/* dead-letters-look - list, show and export: reads the storage, writes no row. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/base/parse.h"
#include "gateway/cli/dead-letters.h"
#include "gateway/cli/open.h"
#include "gateway/commit/letters.h"

#define DEAD_LETTERS_EXPORTED 100	/* with their bodies in memory at once */

static int look_failed(struct gantry_error *err)
{
	bool usage = err->code != NULL;

	fprintf(stderr, usage ? "gantry: --%s\n" : "gantry: storage: %s\n", err->message);
	error_fini(err);
	return usage ? COMMON_USAGE : COMMON_FAILED;
}

static void look_print_list(const struct letters_page *page)
{
	struct common_table table = { .columns = 6 };
	char text[CLOCK_TEXT];

	for (unsigned i = 0; i < page->n; i++) {
		const struct letter *l = &page->list[i];

		common_cell(&table, l->cause);
		common_cell(&table, arena_format(&table.arena, "%" PRId64, l->ref));
		clock_format(l->died_at, text);
		common_cell(&table, text);
		common_cell(&table, l->queue);
		common_cell(&table, l->event_id != NULL ? l->event_id : "-");
		common_cell(&table, arena_format(&table.arena, "%" PRId64 " attempts",
						 l->attempts));
	}
	if (page->n == 0)
		puts("no dead letters");
	else
		common_print(&table, stdout);
	if (page->next != NULL)
		printf("more: --after '%s'\n", page->next);
	common_table_fini(&table);
}

static void look_print_tree(const struct letters_page *page)
{
	json_t *list = json_array(), *tree;

	for (unsigned i = 0; i < page->n; i++)
		json_array_append_new(list, letter_tree(&page->list[i], false));
	tree = json_pack("{so}", "deadLetters", list);
	if (page->next != NULL)
		json_object_set_new(tree, "next", json_string(page->next));
	common_print_json(tree);
}

static int look_list(const struct open *open, const struct dead_letters_options *o)
{
	const struct letters_query query = { .cause = o->cause, .queue = o->queue,
					     .after = o->after,
					     .limit = (unsigned)o->limit };
	struct gantry_error err = ERROR_INIT;
	struct letters_page page = { 0 };
	struct arena arena = { 0 };
	int status = COMMON_OK;

	if (letters_read(&open->store, &query, &arena, &page, &err) < 0)
		status = look_failed(&err);
	else if (o->common.json)
		look_print_tree(&page);
	else
		look_print_list(&page);
	arena_fini(&arena);
	return status;
}

static void look_print_groups(const json_t *groups)
{
	static const char *const names[] = { "cause", "queue", "oldest", "newest" };
	struct common_table table = { .columns = 5 };
	json_t *group;
	size_t i;

	json_array_foreach(groups, i, group) {
		common_cell(&table, arena_format(&table.arena, "%" JSON_INTEGER_FORMAT,
			json_integer_value(json_object_get(group, "count"))));
		for (unsigned k = 0; k < ARRAY_LENGTH(names); k++)
			common_cell(&table, json_string_value(
				json_object_get(group, names[k])));
	}
	if (i == 0)
		puts("no dead letters");
	else
		common_print(&table, stdout);
	common_table_fini(&table);
}

static int look_groups(const struct open *open, bool json)
{
	struct gantry_error err = ERROR_INIT;
	json_t *groups = letters_groups(&open->store, &err);

	if (groups == NULL)
		return look_failed(&err);
	if (json) {
		common_print_json(json_pack("{so}", "causes", groups));
		return COMMON_OK;
	}
	look_print_groups(groups);
	json_decref(groups);
	return COMMON_OK;
}

int dead_letters_list(const struct dead_letters_options *o)
{
	struct open open = { 0 };
	int status = open_storage(&o->common, GANTRY_PREPARE_LOOK, &open);

	if (status == COMMON_OK)
		status = o->group ? look_groups(&open, o->common.json) :
				    look_list(&open, o);
	open_close(&open);
	return status;
}

/* One member a line, what is long at the end. */
static void look_print_letter(const struct letter *l)
{
	json_t *tree = letter_tree(l, true), *value;
	const char *name;

	json_object_foreach(tree, name, value) {
		AUTO_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		if (strcmp(name, "body") == 0 || strcmp(name, "original") == 0)
			continue;
		printf("%-14s %s\n", name, json_is_string(value) ?
					   json_string_value(value) : text);
	}
	if (l->original != NULL)
		printf("\noriginal\n%s\n", l->original);
	printf("\nbody\n%s\n", l->body);
	json_decref(tree);
}

static int look_show(const struct open *open, const char *text, bool json)
{
	struct gantry_error err = ERROR_INIT;
	struct arena arena = { 0 };
	struct letter letter;
	int64_t ref = 0;
	int found = 0;

	if (parse_integer(text, &ref))
		found = letters_find(&open->store, ref, &arena, &letter, &err);
	if (found < 0)
		look_failed(&err);
	else if (found == 0)
		fprintf(stderr, "gantry: there is no dead letter %s\n", text);
	else if (json)
		common_print_json(letter_tree(&letter, true));
	else
		look_print_letter(&letter);
	arena_fini(&arena);
	return found > 0 ? COMMON_OK : COMMON_FAILED;
}

int dead_letters_show(const struct dead_letters_options *o)
{
	struct open open = { 0 };
	int status = open_storage(&o->common, GANTRY_PREPARE_LOOK, &open);

	if (status == COMMON_OK)
		status = look_show(&open, o->refs[0], o->common.json);
	open_close(&open);
	return status;
}

/* All pages as lines; how many, or -1 with the reason told. */
static int64_t look_write(const struct open *open, const struct dead_letters_options *o,
			  FILE *out)
{
	struct letters_query query = { .cause = o->cause, .queue = o->queue,
				       .limit = DEAD_LETTERS_EXPORTED, .whole = true };
	struct gantry_error err = ERROR_INIT;
	struct letters_page page = { 0 };
	struct arena arena = { 0 };
	AUTO_FREE char *after = NULL;
	int64_t n = 0;

	do {
		arena_reset(&arena);
		query.after = after;
		if (letters_read(&open->store, &query, &arena, &page, &err) < 0) {
			look_failed(&err);
			n = -1;
			break;
		}
		for (unsigned i = 0; i < page.n; i++) {
			json_t *tree = letter_tree(&page.list[i], true);

			json_dumpf(tree, out, JSON_COMPACT);
			fputc('\n', out);
			json_decref(tree);
		}
		n += page.n;
		free(after);
		after = memory_text(page.next);
	} while (after != NULL);
	arena_fini(&arena);
	return n;
}

/* A file of its own first, so that there is never half of one: 0600, as bodies are. */
static int look_export(const struct open *open, const struct dead_letters_options *o)
{
	const char *path = o->refs[0];
	AUTO_FREE char *temporary = memory_format("%s.XXXXXX", path);
	int fd = mkstemp(temporary);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	int64_t n;
	bool done;

	if (out == NULL) {
		fprintf(stderr, "gantry: %s: %s\n", path, strerror(errno));
		return COMMON_FAILED;
	}
	n = look_write(open, o, out);
	done = n >= 0 && fflush(out) == 0 && !ferror(out) && fsync(fd) == 0;
	done &= fclose(out) == 0 && done && rename(temporary, path) == 0;
	if (!done) {
		if (n >= 0)
			fprintf(stderr, "gantry: %s: %s\n", path, strerror(errno));
		unlink(temporary);
		return COMMON_FAILED;
	}
	if (o->common.json)
		common_print_json(json_pack("{sI}", "exported", (json_int_t)n));
	else
		printf("%" PRId64 " dead letters exported to %s\n", n, path);
	return COMMON_OK;
}

int dead_letters_export(const struct dead_letters_options *o)
{
	struct open open = { 0 };
	int status = open_storage(&o->common, GANTRY_PREPARE_LOOK, &open);

	if (status == COMMON_OK)
		status = look_export(&open, o);
	open_close(&open);
	return status;
}
