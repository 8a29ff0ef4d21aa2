# SPDX-License-Identifier: Apache-2.0
API_KEY_SOURCES = plugins/api-key/api-key.c \
	plugins/api-key/enroll.c plugins/api-key/enroll.h \
	plugins/api-key/keyring.c plugins/api-key/keyring.h \
	plugins/api-key/keys.c plugins/api-key/keys.h

if PLUGIN_API_KEY
plugin_LTLIBRARIES += plugins/api-key/api-key.la
dist_man7_MANS += plugins/api-key/gantry-api-key.7
endif

plugins_api_key_api_key_la_SOURCES = $(API_KEY_SOURCES)
plugins_api_key_api_key_la_CFLAGS = $(CFLAGS_PLUGIN) $(NETTLE_CFLAGS)
plugins_api_key_api_key_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_api_key_api_key_la_LIBADD = $(NETTLE_LIBS) $(JANSSON_LIBS)
