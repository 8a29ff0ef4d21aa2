# SPDX-License-Identifier: Apache-2.0
if PLUGIN_PROXY
plugin_LTLIBRARIES += plugins/proxy/proxy.la
dist_man7_MANS += plugins/proxy/gantry-proxy.7
endif

plugins_proxy_proxy_la_SOURCES = plugins/proxy/proxy.c plugins/proxy/headers.c \
	plugins/proxy/headers.h
plugins_proxy_proxy_la_CFLAGS = $(CFLAGS_PLUGIN)
plugins_proxy_proxy_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_proxy_proxy_la_LIBADD = $(JANSSON_LIBS)
