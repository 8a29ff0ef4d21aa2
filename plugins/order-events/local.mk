# SPDX-License-Identifier: Apache-2.0
if PLUGIN_ORDER_EVENTS
plugin_LTLIBRARIES += plugins/order-events/order-events.la
dist_man7_MANS += plugins/order-events/gantry-order-events.7
endif
plugins_order_events_order_events_la_SOURCES = \
	plugins/order-events/order-events.c \
	plugins/order-events/describe.c plugins/order-events/describe.h \
	plugins/order-events/envelope.c plugins/order-events/envelope.h \
	plugins/order-events/lookup.c plugins/order-events/lookup.h
plugins_order_events_order_events_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_order_events_order_events_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_order_events_order_events_la_LIBADD = $(JANSSON_LIBS)
