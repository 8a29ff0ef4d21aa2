# SPDX-License-Identifier: Apache-2.0
# The plugin's own sources over a host of the test's.
if CMOCKA
if PLUGIN_API_KEY
check_PROGRAMS += tests/unit/api_key
TESTS += tests/unit/api_key
endif
endif
tests_unit_api_key_SOURCES = tests/unit/api_key.c $(API_KEY_SOURCES)
tests_unit_api_key_CFLAGS = $(AM_CFLAGS) $(NETTLE_CFLAGS)
tests_unit_api_key_LDADD = gateway/libcore.a $(NETTLE_LIBS) $(JANSSON_LIBS) \
	$(CMOCKA_LIBS)
