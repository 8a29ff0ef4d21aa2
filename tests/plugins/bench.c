/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - see bench.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/base/memory.h"
#include "tests/plugins/bench.h"

static int bench_open_copy(void *context, const char *path, void **self_out,
			   struct gantry_error *err)
{
	struct bench *b = (struct bench *)((char *)context - offsetof(struct bench, store));

	snprintf(b->copy_option, sizeof(b->copy_option), "path=%s", path);
	b->copy_options[0] = b->copy_option;
	b->copy = (struct store){ b->store.plugin, b->copy_options };
	return store_open(&b->copy, self_out, err);
}

int bench_new(void **state)
{
	struct bench *b = memory_new(sizeof(*b));

	strcpy(b->folder, "/tmp/gantry-sqlite-XXXXXX");
	if (mkdtemp(b->folder) == NULL)
		return -1;
	chmod(b->folder, 0777);		/* for tests that give up root */
	snprintf(b->path, sizeof(b->path), "%s/gantry.db", b->folder);
	snprintf(b->option, sizeof(b->option), "path=%s", b->path);
	b->options[0] = b->option;
	b->store.plugin = store_plugin("sqlite");
	b->store.options = b->options;
	b->ops = (struct conform_ops){
		.storage = b->store.plugin->storage, .context = &b->store,
		.open = store_open, .close = store_close,
		.keeps = true, .checks = true, .open_copy = bench_open_copy,
	};
	b->kit.ops = &b->ops;
	b->kit.st = b->ops.storage;
	*state = b;
	return 0;
}

int bench_free(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock", ".copy" };
	struct bench *b = *state;
	char path[80];

	kit_close(&b->kit);
	arena_fini(&b->kit.arena);
	error_fini(&b->kit.err);
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		snprintf(path, sizeof(path), "%s%s", b->path, ends[i]);
		unlink(path);
	}
	rmdir(b->path);		/* one test makes a folder of it */
	chmod(b->folder, 0700);
	rmdir(b->folder);
	free(b);
	return 0;
}

void bench_open(struct bench *b)
{
	if (kit_open(&b->kit, &kit_schema_old) < 0)
		fail_msg("%s", b->kit.seen);
}

enum gantry_stored bench_big(struct bench *b, int64_t ref)
{
	static char note[100000];
	char name[32];
	struct gantry_value v[KIT_COLUMNS] = { kit_number(ref), kit_number(1) };
	const struct gantry_change c = kit_change(GANTRY_NEW, HOLDERS, v, 0);

	memset(note, 'x', sizeof(note));
	snprintf(name, sizeof(name), "big %lld", (long long)ref);
	v[NAME] = kit_text(name);
	v[NOTE] = (struct gantry_value){ .kind = GANTRY_STRING, .is.text = note,
					 .len = sizeof(note) };
	return kit_unit(&b->kit, &c, 1);
}
