# SPDX-License-Identifier: Apache-2.0
# The plugin's own sources over a host of the test's.
if CMOCKA
if PLUGIN_API_KEY
check_PROGRAMS += tests/unit/api_key tests/unit/api_key_file
TESTS += tests/unit/api_key tests/unit/api_key_file
endif
endif
tests_unit_api_key_SOURCES = tests/unit/api_key.c tests/unit/api_key_host.h \
	$(API_KEY_SOURCES)
tests_unit_api_key_CFLAGS = $(AM_CFLAGS) $(NETTLE_CFLAGS)
tests_unit_api_key_LDADD = gateway/libcore.a $(NETTLE_LIBS) $(JANSSON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_api_key_file_SOURCES = tests/unit/api_key_file.c \
	tests/unit/api_key_host.h $(API_KEY_SOURCES)
tests_unit_api_key_file_CFLAGS = $(tests_unit_api_key_CFLAGS)
tests_unit_api_key_file_LDADD = $(tests_unit_api_key_LDADD)
