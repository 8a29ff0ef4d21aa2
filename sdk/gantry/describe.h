/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe - what a handler takes and gives, said in the words that others
 * read: JSON texts, of which "gantry spec" makes the OpenAPI 3.1 document of
 * the routes and the AsyncAPI 3.0 document of the events. Schemas are JSON
 * Schema 2020-12. Nothing of it is looked at while the gateway runs;
 * "gantry plugins describe NAME --json" shows it, "gantry spec" says what is
 * wrong with it.
 *
 * gantry_handler.operation, for routes of HTTP: an object with members of an
 * Operation Object (tags, summary, description, parameters, requestBody,
 * responses), and beside them
 *
 *	x-errors	["INSUFFICIENT_STOCK", ...]: the codes it rejects with
 *	x-retries	the same for those that it fails with, gantry_retry()
 *	x-passes-on	true: it passes on what somebody else answers, so any other
 *			status may come, with any body
 *	x-headers	{"RateLimit-Limit": {Header Object}}: headers of any answer
 *
 * responses need only say what the handler itself replies: the error envelope
 * of each code, the answers that every route has, the standard headers and the
 * security come from the core. The handlers of a pipeline are put together in
 * their order: parameters, codes and headers add up, a later requestBody or
 * response takes the place of an earlier one.
 *
 * gantry_handler.events, for routes of AMQP and for what is published:
 *
 *	receives	[{"name", "summary", "payload": schema}, ...]
 *	sends		["AllocationCreated", {"name", "summary", "exchange",
 *			"key", "aggregateType", "payload": schema}, ...]
 *	errors		the codes that make a dead letter at once
 *	retries		those that are tried again before
 *
 * name is the eventType; payload the member payload of the envelope, or with
 * "body" in its place the whole body. A text in sends names an event of the
 * stock, which its commands cause.
 *
 * gantry_plugin.schemas: {"Allocation": schema, ...}, referred to by
 * {"$ref": "#/components/schemas/Allocation"}; one name means one thing in all
 * plugins of a configuration. gantry_auth.scheme: a Security Scheme Object.
 *
 * ${exchange} in a text of such a JSON text stands for what the instance's
 * option of that name says.
 */
#ifndef GANTRY_DESCRIBE_H
#define GANTRY_DESCRIBE_H

#include <gantry/abi.h>

/* JSON as it is written, as a text: GANTRY_JSON({"type": "object"}). */
#define GANTRY_JSON(...) #__VA_ARGS__

#endif
