/* SPDX-License-Identifier: Apache-2.0 */
/* storage - see storage.h. */
#include "gateway/cli/storage.h"

#include <getopt.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"
#include "gateway/cli/open.h"
#include "gateway/cli/storage-copy.h"
#include "gateway/commit/copy.h"
#include "gateway/commit/verify.h"
#include "gateway/stock/verify.h"

static const char storage_usage[] =
	"Usage: gantry storage verify [OPTION]...\n"
	"       gantry storage backup FILE [OPTION]...\n"
	"       gantry storage migrate [OPTION]...\n"
	"       gantry storage copy --from FILE --to FILE [OPTION]...\n"
	"\n"
	"verify   checks the invariants, beside a daemon that runs or not:\n"
	"         I1 reserved of every item is the sum of its open allocations\n"
	"         I2 0 <= reserved <= available\n"
	"         I3 no order item holds an item twice, no key has two answers\n"
	"         I4 every change of an allocation has its one event\n"
	"         I5 no event of an allocation is gone while one before it waits\n"
	"         I6 an event was applied, or is an open dead letter, never both\n"
	"backup   writes a consistent copy to a new FILE, beside a daemon or not\n"
	"migrate  brings the storage to this version's schema; the daemon is stopped\n"
	"copy     copies everything into another, empty storage: see copy --help\n"
	"\n"
	"  --config FILE   configuration (default: " SYSCONFDIR "/gantry.yaml)\n"
	"  --with FILE     one more file, read last (one of several on a host)\n"
	"  --presets DIR   presets that \"use:\" names\n"
	"  --plugins DIR   plugins by short name\n"
	"  --json          verify: print JSON\n"
	"  --help          this text\n"
	"\n"
	"Exit status: 0 done, all holds; 1 failed, something does not hold; 2 usage.\n";

struct storage_findings {
	bool json;
	json_t *list;
	unsigned n;
};

static void storage_found(void *ctx, const char *invariant, const char *row,
			  const char *what)
{
	struct storage_findings *f = ctx;

	f->n++;
	if (f->json)
		json_array_append_new(f->list,
				      json_pack("{ss ss ss}", "invariant", invariant,
						"row", row, "what", what));
	else
		printf("%s %s: %s\n", invariant, row, what);
}

static int storage_tell(struct storage_findings *f)
{
	if (f->json)
		common_print_json(json_pack("{sb so}", "ok", f->n == 0, "findings",
					    f->list));
	else if (f->n == 0)
		puts("ok: I1 to I6 hold");
	else
		printf("%u findings\n", f->n);
	return f->n == 0 ? COMMON_OK : COMMON_FAILED;
}

static int storage_verify(struct open *open, const struct common_options *options)
{
	struct storage_findings f = { .json = options->json };
	struct gantry_error err = ERROR_INIT;
	int status;

	f.list = json_array();
	if (copy_refuse_half(&open->store, &err) < 0 ||
	    stock_verify(&open->store, storage_found, &f, &err) < 0 ||
	    commit_verify(&open->store, storage_found, &f, &err) < 0 ||
	    verify_dead_letters(&open->store, storage_found, &f, &err) < 0 ||
	    verify_references(&open->store, storage_found, &f, &err) < 0) {
		fprintf(stderr, "gantry: storage: %s\n", err.message);
		json_decref(f.list);
		status = COMMON_FAILED;
	} else {
		status = storage_tell(&f);
		if (!f.json)
			json_decref(f.list);
	}
	error_fini(&err);
	return status;
}

static int storage_backup(struct open *open, const char *path)
{
	struct gantry_error err = ERROR_INIT;
	int status = COMMON_OK;

	if (open->store.storage->backup == NULL) {
		const char *name = open->instance->plugin->name;

		fprintf(stderr, "gantry: storage: %s writes no backups: gantry-%s(7) says "
			"what to use instead\n", name, name);
		return COMMON_FAILED;
	}
	if (open->store.storage->backup(open->store.self, path, &err) !=
	    GANTRY_STORED) {
		fprintf(stderr, "gantry: storage: %s\n", err.message);
		status = COMMON_FAILED;
	} else {
		printf("backed up to %s\n", path);
	}
	error_fini(&err);
	return status;
}

int storage_main(int argc, char **argv)
{
	struct common_options options;
	struct open open = { 0 };
	int status, left;
	const char *command;
	bool migrate, backup;

	if (argc > 1 && strcmp(argv[1], "copy") == 0)
		return storage_copy_main(argc, argv);
	status = common_parse(argc, argv, storage_usage, &options);
	if (status >= 0)
		return status;
	left = argc - optind;
	command = left > 0 ? argv[optind] : "";
	migrate = left == 1 && strcmp(command, "migrate") == 0;
	backup = left == 2 && strcmp(command, "backup") == 0;
	if (!migrate && !backup && !(left == 1 && strcmp(command, "verify") == 0))
		return common_usage(storage_usage);
	if (options.json && (migrate || backup)) {
		fprintf(stderr, "gantry: storage %s: --json is for verify\n", command);
		return COMMON_USAGE;
	}
	status = open_storage(&options, migrate ? GANTRY_PREPARE_MIGRATE :
						  GANTRY_PREPARE_LOOK, &open);
	if (status == COMMON_OK && migrate)
		puts("the storage has this version's schema");
	else if (status == COMMON_OK)
		status = backup ? storage_backup(&open, argv[optind + 1]) :
				  storage_verify(&open, &options);
	open_close(&open);
	return status;
}
