/* SPDX-License-Identifier: Apache-2.0 */
/* restart - see restart.h. */
#include "gateway/config/restart.h"

#include <string.h>

#include "gateway/base/memory.h"
#include "gateway/config/sections.h"
#include "gateway/config/values.h"

/* What may change while it runs; all else of these sections may not. */
static const char *const restart_free_http[] = {
	"cert_file", "key_file", "client_ca_file", "max_body", "head_timeout",
	"body_timeout", "idle_timeout", NULL
};
static const char *const restart_free_admin[] = {
	"cert_file", "key_file", "client_ca_file", NULL
};
static const char *const restart_free_commit[] = {
	"queue", "outbox_max_rows", "outbox_max_age", NULL
};
static const char *const restart_free_engine[] = { "queue", NULL };
static const char *const restart_free_none[] = { NULL };

static const struct {
	const char *section;
	const char *const *free;
} restart_sections[] = {
	{ "http", restart_free_http },
	{ "admin", restart_free_admin },
	{ "commit", restart_free_commit },
	{ "engine", restart_free_engine },
};

static bool restart_is_free(const char *const *free, const char *name)
{
	while (*free != NULL && strcmp(*free, name) != 0)
		free++;
	return *free != NULL;
}

/* Where the new files say it, else the section, else the main file. */
static void restart_add(const struct config *wanted, const char *section,
			const char *option, struct problems *problems)
{
	const struct config_entry *entry = config_find(&wanted->sections, section);
	const struct node *at = entry == NULL ? NULL : entry->key;
	const struct node *said = entry == NULL || option == NULL ? NULL :
				  node_get(entry->node, option);

	if (said != NULL)
		at = said;
	else if (entry != NULL && option == NULL)
		at = entry->node;
	if (at == NULL && wanted->n_files > 0)
		problems_add_at(problems, wanted->files[0], NULL, "%s%s%s: needs a restart",
				section, option != NULL ? "." : "",
				option != NULL ? option : "");
	else
		problems_add(problems, at, "%s%s%s: needs a restart", section,
			     option != NULL ? "." : "", option != NULL ? option : "");
}

/* Each option that differs by itself, and may not. */
static void restart_check_section(const struct config *is, const struct config *wanted,
				  const char *name, const char *const *free,
				  struct problems *problems)
{
	const struct section *section = section_find(name);
	const char *a = (const char *)is + section->offset;
	const char *b = (const char *)wanted + section->offset;
	const struct gantry_option *const *o = section->options;

	for (; *o != NULL; o++) {
		const struct gantry_option *const one[] = { *o, NULL };

		if (!restart_is_free(free, (*o)->name) && values_differ(one, a, b) != NULL)
			restart_add(wanted, name, (*o)->name, problems);
	}
}

/* A listener has TLS from its start on, or never. */
static void restart_check_tls(const struct config *wanted, const char *section,
			      const char *const certs[2], struct problems *problems)
{
	if ((certs[0] != NULL) != (certs[1] != NULL))
		restart_add(wanted, section, "cert_file", problems);
}

static bool restart_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void restart_check(const struct config *is, const struct config *wanted,
		   struct problems *problems)
{
	if (!restart_same_text(is->service, wanted->service))
		restart_add(wanted, "service", NULL, problems);
	if (!restart_same_text(is->replica, wanted->replica))
		restart_add(wanted, "replica", NULL, problems);
	if ((is->amqp != NULL) != (wanted->amqp != NULL))
		restart_add(wanted, "amqp", NULL, problems);
	else
		restart_check_section(is, wanted, "amqp", restart_free_none, problems);
	for (size_t i = 0; i < ARRAY_LENGTH(restart_sections); i++)
		restart_check_section(is, wanted, restart_sections[i].section,
				      restart_sections[i].free, problems);
	restart_check_tls(wanted, "http", (const char *const[]){
		is->http.cert_file, wanted->http.cert_file }, problems);
	restart_check_tls(wanted, "admin", (const char *const[]){
		is->admin.cert_file, wanted->admin.cert_file }, problems);
}
