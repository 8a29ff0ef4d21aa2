/* SPDX-License-Identifier: Apache-2.0 */
/* envelope - see envelope.h. */
#include "envelope.h"

#include <string.h>

#define ENVELOPE_MAX_TYPE 128

/* The same major is understood (D20): "1", "1.4.0", not "2.0.0" or "10". */
static void envelope_version(const json_t *event, struct gantry_error *err)
{
	const char *version = gantry_member_text(event, "", "eventVersion",
						 ENVELOPE_MAX_TYPE, 0, err);

	if (version != NULL && strcmp(version, "1") != 0 &&
	    strncmp(version, "1.", 2) != 0)
		gantry_problem(err, "eventVersion",
			       "is %s, but only major version 1 is understood",
			       version);
}

static void envelope_type(const json_t *event, const char *type,
			  struct gantry_error *err)
{
	const char *given = gantry_member_text(event, "", "eventType",
					       ENVELOPE_MAX_TYPE, 0, err);

	if (given != NULL && strcmp(given, type) != 0)
		gantry_problem(err, "eventType", "is %s, but %s belongs here",
			       given, type);
}

const json_t *envelope_payload(struct gantry_message *m, const char *type,
			       struct gantry_error *err)
{
	const json_t *event = gantry_json(m, err);
	unsigned named = gantry_header(m, "message_id") != NULL ? GANTRY_OPTIONAL : 0;

	if (!json_is_object(event)) {
		if (event != NULL)
			gantry_problem(err, "", "must be an object");
		return NULL;
	}
	gantry_member_text(event, "", "eventId", GANTRY_MAX_ID, named, err);
	envelope_type(event, type, err);
	envelope_version(event, err);
	return gantry_member_object(event, "", "payload", 0, err);
}

enum gantry_verdict envelope_reject(struct gantry_error *err)
{
	return gantry_reject(err, "VALIDATION_ERROR");
}
