/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template - a text with parts of the message in it: "eu.{key}",
 * "{payload.region}". Knows messages, not what is published.
 */
#ifndef PUBLISH_TEMPLATE_H
#define PUBLISH_TEMPLATE_H

#include <gantry/plugin.h>

/* Longest text that a template may make. */
#define TEMPLATE_MAX 255

/*
 * 0 if the text is a template. -1 with err that names the option: a brace
 * without the other, or nothing between them.
 */
int template_check(const char *option, const char *text, struct gantry_error *err);

/*
 * The text for this message, or NULL with a problem that names the member that
 * is missing or no text. body may be NULL. Lives as long as the message.
 */
const char *template_render(struct gantry_message *m, const char *text,
			    const json_t *body, struct gantry_error *err);

#endif
