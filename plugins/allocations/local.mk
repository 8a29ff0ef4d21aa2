# SPDX-License-Identifier: Apache-2.0
if PLUGIN_ALLOCATIONS
plugin_LTLIBRARIES += plugins/allocations/allocations.la
dist_man7_MANS += plugins/allocations/gantry-allocations.7
endif
plugins_allocations_allocations_la_SOURCES = \
	plugins/allocations/allocations.c plugins/allocations/allocations.h \
	plugins/allocations/bulk.c \
	plugins/allocations/change.c \
	plugins/allocations/create.c \
	plugins/allocations/describe.c plugins/allocations/describe.h \
	plugins/allocations/schemas.c \
	plugins/allocations/expire.c \
	plugins/allocations/items.c \
	plugins/allocations/order.c plugins/allocations/order.h \
	plugins/allocations/read.c plugins/allocations/read.h \
	plugins/allocations/render.c plugins/allocations/render.h \
	plugins/allocations/returns.c \
	plugins/allocations/validate.c plugins/allocations/validate.h
plugins_allocations_allocations_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_allocations_allocations_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_allocations_allocations_la_LIBADD = $(JANSSON_LIBS)
