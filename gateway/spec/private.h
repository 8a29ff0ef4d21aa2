/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private - what the files of this folder share.
 *
 *	describe.c	the texts of plugins as trees
 *	schemas.c	what they refer to by name
 *	answers.c	the answers that the core gives: one for each code
 *	operation.c	a pipeline as one operation
 *	openapi.c	the document of the routes
 *	openapi_admin.c	the document of the admin listener
 *	events.c	what a pipeline takes and sends
 *	asyncapi.c	the document of the events
 *	check.c		a plugin without a configuration
 *
 * Trees are jansson's: what is made here belongs to the caller.
 */
#ifndef SPEC_PRIVATE_H
#define SPEC_PRIVATE_H

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/spec/spec.h"

struct spec {
	const struct spec_source *source;
	struct gantry_error *err;
	struct arena arena;
	json_t *schemas;		/* by name: all that there are */
};

int spec_begin(struct spec *s, const struct spec_source *source,
	       struct gantry_error *err);
void spec_end(struct spec *s);

/*
 * describe.c: text as a tree of that type, with the options of instance (NULL:
 * none) filled in. where names it in err: "allocate.create: operation".
 */
json_t *describe_parse(struct spec *s, const struct gantry_instance *instance,
		       const char *where, const char *text);
/* A member of one of these names only; -1 with err. */
int describe_known(struct spec *s, const char *where, const json_t *tree,
		   const char *const *known);
/* Text of a tree that is our own. */
json_t *describe_own(const char *text);

/*
 * schemas.c: those that doc refers to, and those that they refer to, in the
 * order in which they were said. NULL with err: one is missing.
 */
json_t *schemas_used(struct spec *s, const json_t *doc);
/* Add to what there is; -1 with err: a name has two meanings. */
int schemas_add(struct spec *s, const char *where, const json_t *schemas);

/* answers.c: codes by status, in the order of the statuses. */
struct answers {
	json_t *by_status;		/* {"409": ["INSUFFICIENT_STOCK"]} */
	bool kept;			/* some may be the ones of before */
};

void answers_init(struct answers *a);
void answers_fini(struct answers *a);
/* failed: by a handler that fails, and does not reject. */
void answers_add(struct answers *a, const char *code, bool failed);
void answers_add_all(struct answers *a, const json_t *codes, bool failed);
/* One response for each status into responses; headers are added to each. */
void answers_write(const struct answers *a, json_t *responses, const json_t *headers);
/* components.headers, parameters and the schemas of the error envelope. */
json_t *answers_headers(void);
json_t *answers_parameters(void);
extern const char answers_schemas[];

/* operation.c */
struct operation {
	const char *id, *method, *path;
	json_t *security;		/* or NULL: open to all */
	bool bare;			/* no message: a page of the listener's own */
	bool keyed;			/* answers are kept by the Idempotency-Key */
	bool verbatim;			/* answers are passed on as they come */
	/* gathered */
	json_t *tags, *parameters, *body, *responses, *headers;
	const char *summary, *description;
	struct answers answers;
};

void operation_init(struct operation *o);
void operation_fini(struct operation *o);
/* The next part, in the order of the pipeline; text may be NULL. */
int operation_take(struct spec *s, struct operation *o,
		   const struct gantry_instance *instance, const char *where,
		   const char *text);
json_t *operation_write(struct spec *s, struct operation *o);

/* openapi.c: a document in the making. */
struct openapi {
	struct spec spec;
	json_t *paths, *ids, *responses;
	json_t *headers, *schemes;	/* more components, or NULL */
};

void openapi_begin(struct openapi *o);
void openapi_end(struct openapi *o);
/* Unique among the operations: the second is called name_2. In the arena. */
const char *openapi_id(struct openapi *o, const char *name);
const char *openapi_lower(struct spec *s, const char *text);
int openapi_add(struct openapi *o, struct operation *op);
json_t *openapi_servers(struct spec *s, const char *listen, bool tls);
/* Takes servers; NULL with err. */
json_t *openapi_document(struct openapi *o, const char *title, json_t *servers);
/* openapi_admin.c: the page for who depends on the API, on its own listener. */
int openapi_health(struct openapi *o);

/* events.c: what all handlers of a route say; NULL with err. */
struct events {
	json_t *receives, *sends;	/* arrays; sends: objects only */
	json_t *errors, *retries;	/* codes, each once */
};

int events_of_route(struct spec *s, const struct route *route, struct events *out);
void events_fini(struct events *e);

/* Append a text unless it is there. */
void spec_append_once(json_t *list, const char *text);

#endif
