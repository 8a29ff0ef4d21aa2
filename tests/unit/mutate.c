/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate - the shipped configuration with random bytes in it: never a crash,
 * and always either a configuration without problems or problems with words.
 */
#include "tests/unit/config_files.h"

#include "gateway/pipeline/graph.h"

#define MUTATE_ROUNDS 5000

static char *slurp(const char *path, size_t *len_out)
{
	FILE *file = fopen(path, "r");
	char *text = memory_new(65536);

	assert_non_null(file);
	*len_out = fread(text, 1, 65535, file);
	fclose(file);
	return text;
}

/* One to four changes: a byte set, removed, or a piece copied elsewhere. */
static size_t mutate(char *text, size_t len, unsigned *seed)
{
	static const char special[] = "{}[]:,&*!|>'\"%@`#-?\t\r\n \0\x80\xff";
	unsigned n = 1 + (unsigned)rand_r(seed) % 4;

	while (n-- > 0) {
		size_t at = (size_t)rand_r(seed) % len;
		size_t other = (size_t)rand_r(seed) % len;
		size_t piece = (size_t)rand_r(seed) % 40;

		switch (rand_r(seed) % 4) {
		case 0:
			text[at] = (char)rand_r(seed);
			break;
		case 1:
			text[at] = special[(size_t)rand_r(seed) %
					   sizeof(special)];
			break;
		case 2:
			memmove(text + at, text + at + 1, len - at - 1);
			len--;
			break;
		default:
			if (piece > len - at)
				piece = len - at;
			if (piece > len - other)
				piece = len - other;
			memmove(text + at, text + other, piece);
		}
	}
	return len;
}

/* Both files changed now and then; the plugins stay loaded over all rounds. */
static void test_mutations(void **state)
{
	struct plugins *plugins = plugins_new(STAND_IN_DIR);
	struct files f;
	unsigned seed = 20240229, good = 0, whole = 0;
	size_t n_main, n_preset;
	char *main_file = slurp(ETCDIR "/gantry.yaml", &n_main);
	char *preset = slurp(ETCDIR "/inventory.yaml", &n_preset);

	(void)state;
	files_begin(&f);
	free(files_write(&f, "presets/inventory.yaml", preset, n_preset));
	free(files_write(&f, "gantry.yaml", main_file, n_main));
	for (unsigned i = 0; i < MUTATE_ROUNDS; i++) {
		bool at_main = i % 2 == 0;
		size_t len = at_main ? n_main : n_preset;
		char *copy = memory_new(len + 1);
		struct problems problems = { 0 };
		struct graph *graph = NULL;
		struct config *config;

		memcpy(copy, at_main ? main_file : preset, len);
		len = mutate(copy, len, &seed);
		free(files_write(&f, at_main ? "gantry.yaml" :
					       "presets/inventory.yaml",
				 copy, len));
		config = files_load(&f, &problems);
		assert_true(config != NULL || problems.n > 0);
		if (config != NULL)
			graph_build(config, plugins, &problems, &graph);
		assert_true((graph != NULL) == (problems.n == 0));
		good += graph != NULL;
		whole += config != NULL;
		free(files_problems(&f, &problems));
		graph_free(&graph);
		config_free(&config);
		problems_fini(&problems);
		free(copy);
		if (i % 2 == 1) {
			free(files_write(&f, "presets/inventory.yaml", preset,
					 n_preset));
			free(files_write(&f, "gantry.yaml", main_file, n_main));
		}
	}
	/* the changes reach all floors: some files stay good, some do not parse */
	assert_in_range(good, MUTATE_ROUNDS / 100, MUTATE_ROUNDS / 2);
	assert_in_range(whole, MUTATE_ROUNDS / 10, MUTATE_ROUNDS - 100);
	plugins_free(&plugins);
	free(main_file);
	free(preset);
	files_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests_name("mutate", tests, NULL, NULL);
}
