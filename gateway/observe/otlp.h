/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp - spans as the JSON of OTLP/HTTP: ids in hex, enums as numbers, times and
 * other 64-bit numbers as text. Sends nothing.
 */
#ifndef OBSERVE_OTLP_H
#define OBSERVE_OTLP_H

#include "gateway/base/arena.h"
#include "gateway/base/span.h"
#include "gateway/base/writer.h"

/* Who says it; lives as long as what is made of it. */
struct otlp_resource {
	const char *service, *version, *replica;
};

struct otlp {
	struct arena arena;		/* zero at first; otlp_fini() frees it */
	struct writer writer;
	unsigned n;			/* spans in it */
	int64_t ahead_ns;		/* the wall clock before the steady one */
};

/* A new one; what was made before is gone. */
void otlp_begin(struct otlp *o, const struct otlp_resource *who, int64_t ahead_ns);
void otlp_add(struct otlp *o, const struct span *span);
/* Lives until the next otlp_begin(). */
const char *otlp_end(struct otlp *o, size_t *len_out);
void otlp_fini(struct otlp *o);

#endif
