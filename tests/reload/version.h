/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version - a handler that says which version of itself runs, what it was told
 * and how often it was called since it was opened. Each version is a file.
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <gantry/plugin.h>

struct version {
	const char *text, *notes;
	int64_t nap;
	int64_t calls;
};

static const struct gantry_option *const options[] = {
	GANTRY_TEXT(struct version, text, .fallback = "none", .summary = "What to say"),
	GANTRY_TEXT(struct version, notes,
		    .summary = "File to note in when it is opened and closed"),
	GANTRY_DURATION(struct version, nap, .fallback = "0s", .max = 10000,
			.summary = "How long to take"),
	NULL
};

static void version_note(const struct version *v, const char *what)
{
	FILE *notes = v->notes != NULL ? fopen(v->notes, "a") : NULL;

	if (notes == NULL)
		return;
	fprintf(notes, "%s %s %d %s\n", what, v->text, VERSION_NUMBER,
		syscall(SYS_gettid) == getpid() ? "main" : "other");
	fclose(notes);
}

static int version_open(void *self, const struct gantry_instance *instance,
			struct gantry_error *err)
{
	const struct version *v = self;

	(void)instance;
	if (v->text[0] == '!')
		return gantry_fail(err, "cannot say \"%s\"", v->text);
	version_note(v, "opened");
	return 0;
}

static void version_close(void *self)
{
	version_note(self, "closed");
}

static enum gantry_verdict version_handle(void *self, struct gantry_message *m,
					  struct gantry_error *err)
{
	struct version *v = self;
	const struct timespec nap = { v->nap / 1000, v->nap % 1000 * 1000000 };
	char text[256];
	int n;

	nanosleep(&nap, NULL);
	n = snprintf(text, sizeof(text), "{\"version\":%d,\"text\":\"%s\",\"calls\":%lld}",
		     VERSION_NUMBER, v->text, (long long)++v->calls);
	return gantry_reply_text(m, 200, text, (size_t)n, err) < 0 ? GANTRY_FAILED :
								      GANTRY_DONE;
}

static const struct gantry_handler *const handlers[] = {
	GANTRY_HANDLER(.name = "say", .summary = "Say it", .handle = version_handle),
	NULL
};

GANTRY_PLUGIN(.name = "version", .version = "1.0.0", .summary = "Says which one it is",
	      .instance_size = sizeof(struct version), .options = options,
	      .open = version_open, .close = version_close, .handlers = handlers);
