# SPDX-License-Identifier: Apache-2.0
if PLUGIN_PUBLISH
plugin_LTLIBRARIES += plugins/publish/publish.la
dist_man7_MANS += plugins/publish/gantry-publish.7
endif
plugins_publish_publish_la_SOURCES = plugins/publish/publish.c \
	plugins/publish/template.c plugins/publish/template.h
plugins_publish_publish_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_publish_publish_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_publish_publish_la_LIBADD = $(JANSSON_LIBS)
