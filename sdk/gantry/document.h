/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document - something small that an upstream has and that changes now and
 * then, such as a set of keys. The core fetches it, again and again, within the
 * bounds of that upstream's configuration, so that no plugin needs a network.
 */
#ifndef GANTRY_DOCUMENT_H
#define GANTRY_DOCUMENT_H

#include <gantry/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gantry_instance;

struct gantry_document {
	size_t size;
	const char *upstream;		/* its name in the configuration */
	const char *path;		/* as of a gantry_request */
	int64_t every_ms;		/* from one fetch to the next, at least
					   1000; after a failure it is sooner */
	/*
	 * It has come: a 2xx with this body, which ends with NUL and lives
	 * until the return. -1 with err: it cannot be used; what there was
	 * before stays. On a thread of the core, one call at a time, from after
	 * open() until before close().
	 */
	int (*take)(void *self, const char *bytes, size_t len,
		    struct gantry_error *err);
};
#define GANTRY_DOCUMENT(...)                                                 \
	((struct gantry_document){ .size = sizeof(struct gantry_document),   \
				   __VA_ARGS__ })

/*
 * Have it fetched for this instance; only during its open(), once. Texts must
 * live as long as the instance. The first fetch is waited for, so that the
 * first message finds it, unless the upstream is away. -1 with err. Level 1.
 */
int gantry_document_keep(const struct gantry_instance *instance,
			 const struct gantry_document *document,
			 struct gantry_error *err);

/*
 * It seems to be out of date: fetch it soon, but no more often than each ten
 * seconds. Any thread, never blocks. Level 1.
 */
void gantry_document_want(const struct gantry_instance *instance);

#ifdef __cplusplus
}
#endif

#endif
