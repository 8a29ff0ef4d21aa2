/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write - JSON text of a known shape, written straight into the message's
 * memory: what settle should use for replies and payloads (a tree by jansson
 * costs some twenty times as much).
 *
 * name is the member's name inside an object, NULL inside an array and at the
 * top. Text is escaped; bytes that are not UTF-8 become U+FFFD. Nesting is at
 * most 32. Writing cannot fail: memory comes from the message's arena.
 *
 *	struct gantry_writer *w = gantry_writer(m);
 *	gantry_write_object(w, NULL);
 *	gantry_write_text(w, "id", id);
 *	gantry_write_end(w);
 *	text = gantry_written(w, &len);
 */
#ifndef GANTRY_WRITE_H
#define GANTRY_WRITE_H

#include <gantry/message.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gantry_writer;

/* A new writer; lives as long as the message. Level 1 for all of these. */
struct gantry_writer *gantry_writer(struct gantry_message *m);

void gantry_write_object(struct gantry_writer *w, const char *name);
void gantry_write_array(struct gantry_writer *w, const char *name);
void gantry_write_end(struct gantry_writer *w);	/* of the innermost */
void gantry_write_text(struct gantry_writer *w, const char *name,
		       const char *text);	/* NULL: null */
void gantry_write_int(struct gantry_writer *w, const char *name, int64_t value);
void gantry_write_bool(struct gantry_writer *w, const char *name, bool value);
void gantry_write_null(struct gantry_writer *w, const char *name);
/* RFC 3339, UTC, whole seconds, Z (D8); 0: null. */
void gantry_write_time(struct gantry_writer *w, const char *name, int64_t ms);
/* A tree, or text that is JSON already. */
void gantry_write_json(struct gantry_writer *w, const char *name,
		       const json_t *value);
void gantry_write_raw(struct gantry_writer *w, const char *name,
		      const char *json, size_t len);

/* What was written, ended by NUL; everything must be closed. */
const char *gantry_written(const struct gantry_writer *w, size_t *len_out);

#ifdef __cplusplus
}
#endif

#endif
