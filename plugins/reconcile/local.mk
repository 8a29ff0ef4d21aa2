# SPDX-License-Identifier: Apache-2.0
if PLUGIN_RECONCILE
plugin_LTLIBRARIES += plugins/reconcile/reconcile.la
dist_man7_MANS += plugins/reconcile/gantry-reconcile.7
endif
plugins_reconcile_reconcile_la_SOURCES = \
	plugins/reconcile/apply.c \
	plugins/reconcile/compare.c plugins/reconcile/compare.h \
	plugins/reconcile/counters.c \
	plugins/reconcile/describe.c plugins/reconcile/describe.h \
	plugins/reconcile/drift.c plugins/reconcile/drift.h \
	plugins/reconcile/events.c \
	plugins/reconcile/gather.c plugins/reconcile/gather.h \
	plugins/reconcile/orders.c \
	plugins/reconcile/pass.c plugins/reconcile/pass.h \
	plugins/reconcile/plan.c \
	plugins/reconcile/reconcile.c plugins/reconcile/reconcile.h \
	plugins/reconcile/runs.c plugins/reconcile/runs.h
plugins_reconcile_reconcile_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_reconcile_reconcile_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_reconcile_reconcile_la_LIBADD = $(JANSSON_LIBS)
