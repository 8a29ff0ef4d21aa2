/* SPDX-License-Identifier: Apache-2.0 */
/* describe - the handlers in the words of OpenAPI and AsyncAPI (gantry/describe.h). */
#ifndef RECONCILE_DESCRIBE_H
#define RECONCILE_DESCRIBE_H

extern const char describe_plan[], describe_apply[], describe_report[];
/* What mends drift tells others, too. */
extern const char describe_mended[];

#endif
