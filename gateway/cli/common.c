/* SPDX-License-Identifier: Apache-2.0 */
/* common - see common.h. */
#include "gateway/cli/common.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Whether it is one of the common ones. */
static bool common_take(int key, struct common_options *out)
{
	switch (key) {
	case 'c':
		out->config = optarg;
		return true;
	case 'p':
		out->presets = optarg;
		return true;
	case 'd':
		out->plugins = optarg;
		return true;
	case 'w':
		out->with = optarg;
		return true;
	case 'j':
		out->json = true;
		return true;
	default:
		return false;
	}
}

int common_usage(const char *usage)
{
	fputs(usage, stderr);
	return COMMON_USAGE;
}

int common_parse_own(int argc, char **argv, const struct common_command *command,
		     struct common_options *out)
{
	int key, status = -1;

	*out = (struct common_options){ SYSCONFDIR "/gantry.yaml", PRESETDIR,
					PLUGINDIR, false, NULL };
	optind = 0;	/* a command may run more than once in a process */
	while (status < 0 && (key = getopt_long(argc, argv, "c:h", command->known,
						NULL)) != -1) {
		if (key == 'h') {
			fputs(command->usage, stdout);
			return COMMON_OK;
		}
		if (key == '?')
			return common_usage(command->usage);
		if (!common_take(key, out))
			status = command->take(key, command->own);
	}
	return status;
}

int common_parse(int argc, char **argv, const char *usage,
		 struct common_options *out)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "with", required_argument, NULL, 'w' },
		{ "presets", required_argument, NULL, 'p' },
		{ "plugins", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	return common_parse_own(argc, argv, &(struct common_command){
		.usage = usage, .known = known }, out);
}

void common_cell(struct common_table *table, const char *text)
{
	const char **larger;

	if (table->n == 0 || (table->n & (table->n - 1)) == 0) {
		larger = arena_zero(&table->arena, (table->n == 0 ? 1 : table->n * 2) *
							   sizeof(*larger));
		if (table->n > 0)
			memcpy(larger, table->cells,
			       table->n * sizeof(*larger));
		table->cells = larger;
	}
	table->cells[table->n++] =
		arena_text(&table->arena, text != NULL ? text : "");
}

static int common_width(const struct common_table *table, unsigned column)
{
	size_t width = 0;

	for (unsigned i = column; i < table->n; i += table->columns)
		if (strlen(table->cells[i]) > width)
			width = strlen(table->cells[i]);
	return (int)width;
}

void common_print(const struct common_table *table, FILE *out)
{
	int widths[16], owed = 0;

	assert(table->columns > 0 && table->columns <= 16 &&
	       table->n % table->columns == 0);
	for (unsigned c = 0; c < table->columns; c++)
		widths[c] = common_width(table, c);
	for (unsigned i = 0; i < table->n; i++) {
		unsigned c = i % table->columns;

		/* what is owed, so that no line ends in spaces */
		if (*table->cells[i] != '\0')
			fprintf(out, "%*s%s", owed, "", table->cells[i]);
		owed = *table->cells[i] != '\0' ? 0 : owed;
		owed += widths[c] + 2 - (int)strlen(table->cells[i]);
		if (c + 1 == table->columns) {
			fputc('\n', out);
			owed = 0;
		}
	}
}

void common_table_fini(struct common_table *table)
{
	arena_fini(&table->arena);
	*table = (struct common_table){ 0 };
}

void common_print_json(json_t *tree)
{
	json_dumpf(tree, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(tree);
}
