/* SPDX-License-Identifier: Apache-2.0 */
/* describe - the events that come in, in the words of AsyncAPI (gantry/describe.h). */
#ifndef ORDER_EVENTS_DESCRIBE_H
#define ORDER_EVENTS_DESCRIBE_H

extern const char describe_created[], describe_confirmed[], describe_cancelled[],
	describe_return_initiated[];

#endif
