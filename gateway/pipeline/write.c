/* SPDX-License-Identifier: Apache-2.0 */
/* write - what gantry/write.h promises, on base/writer. */
#include <gantry/write.h>

#include <string.h>

#include "gateway/base/clock.h"
#include "gateway/base/writer.h"
#include "gateway/pipeline/message.h"

struct gantry_writer {
	struct writer w;
};

struct gantry_writer *gantry_writer(struct gantry_message *m)
{
	struct gantry_writer *w = arena_alloc(&m->arena, sizeof(*w));

	writer_init(&w->w, &m->arena, 512);
	return w;
}

void gantry_write_object(struct gantry_writer *w, const char *name)
{
	writer_object(&w->w, name);
}

void gantry_write_array(struct gantry_writer *w, const char *name)
{
	writer_array(&w->w, name);
}

void gantry_write_end(struct gantry_writer *w)
{
	writer_end(&w->w);
}

void gantry_write_text(struct gantry_writer *w, const char *name, const char *text)
{
	writer_text(&w->w, name, text);
}

void gantry_write_int(struct gantry_writer *w, const char *name, int64_t value)
{
	writer_int(&w->w, name, value);
}

void gantry_write_bool(struct gantry_writer *w, const char *name, bool value)
{
	writer_bool(&w->w, name, value);
}

void gantry_write_null(struct gantry_writer *w, const char *name)
{
	writer_null(&w->w, name);
}

void gantry_write_time(struct gantry_writer *w, const char *name, int64_t ms)
{
	writer_time(&w->w, name, ms);
}

void gantry_write_json(struct gantry_writer *w, const char *name, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (text == NULL)
		writer_null(&w->w, name);
	else
		writer_raw(&w->w, name, text, strlen(text));
	free(text);
}

void gantry_write_raw(struct gantry_writer *w, const char *name, const char *json,
		      size_t len)
{
	writer_raw(&w->w, name, json, len);
}

const char *gantry_written(const struct gantry_writer *w, size_t *len_out)
{
	return writer_done((struct writer *)&w->w, len_out);
}
