# SPDX-License-Identifier: Apache-2.0
if PLUGIN_BREAKER
plugin_LTLIBRARIES += plugins/breaker/breaker.la
dist_man7_MANS += plugins/breaker/gantry-breaker.7
endif
plugins_breaker_breaker_la_SOURCES = plugins/breaker/breaker.c \
	plugins/breaker/machine.c plugins/breaker/machine.h
plugins_breaker_breaker_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_breaker_breaker_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_breaker_breaker_la_LIBADD = $(JANSSON_LIBS)
