# SPDX-License-Identifier: Apache-2.0
RATE_LIMIT_SOURCES = plugins/rate-limit/bucket.c plugins/rate-limit/bucket.h \
	plugins/rate-limit/table.c plugins/rate-limit/table.h

if PLUGIN_RATE_LIMIT
plugin_LTLIBRARIES += plugins/rate-limit/rate-limit.la
dist_man7_MANS += plugins/rate-limit/gantry-rate-limit.7
endif

plugins_rate_limit_rate_limit_la_SOURCES = plugins/rate-limit/rate-limit.c \
	$(RATE_LIMIT_SOURCES)
plugins_rate_limit_rate_limit_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_rate_limit_rate_limit_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_rate_limit_rate_limit_la_LIBADD = $(JANSSON_LIBS)
