/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe - the events of event.c, for those who consume them, in the words
 * of gantry/describe.h.
 */
#ifndef STOCK_DESCRIBE_H
#define STOCK_DESCRIBE_H

/* JSON texts: an array as the member sends of a handler's events, and the
   schemas that it refers to. */
extern const char stock_describe_events[];
extern const char stock_describe_schemas[];

#endif
