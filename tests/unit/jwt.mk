# SPDX-License-Identifier: Apache-2.0
# The plugin's own sources over a host of the test's (jwt_host.h), so the core
# is linked only as far as it is needed.
if CMOCKA
if PLUGIN_JWT
JWT_TESTS = tests/unit/jwt tests/unit/jwt_file tests/unit/jwt_cache tests/unit/jwt_key \
	tests/unit/jwt_token
check_PROGRAMS += $(JWT_TESTS)
TESTS += $(JWT_TESTS)
endif
endif

CFLAGS_UNIT_JWT = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
LDADD_UNIT_JWT = gateway/libcore.a $(CRYPTO_LIBS) $(JANSSON_LIBS) \
	$(CMOCKA_LIBS)

tests_unit_jwt_SOURCES = tests/unit/jwt.c tests/unit/jwt_ask.h \
	tests/unit/jwt_host.h $(JWT_SOURCES)
tests_unit_jwt_CFLAGS = $(CFLAGS_UNIT_JWT)
tests_unit_jwt_LDADD = $(LDADD_UNIT_JWT)

tests_unit_jwt_file_SOURCES = tests/unit/jwt_file.c tests/unit/jwt_ask.h \
	tests/unit/jwt_host.h $(JWT_SOURCES)
tests_unit_jwt_file_CFLAGS = $(CFLAGS_UNIT_JWT)
tests_unit_jwt_file_LDADD = $(LDADD_UNIT_JWT)

tests_unit_jwt_cache_SOURCES = tests/unit/jwt_cache.c tests/unit/jwt_host.h \
	$(JWT_SOURCES)
tests_unit_jwt_cache_CFLAGS = $(CFLAGS_UNIT_JWT)
tests_unit_jwt_cache_LDADD = $(LDADD_UNIT_JWT)

tests_unit_jwt_key_SOURCES = tests/unit/jwt_key.c tests/unit/jwt_host.h \
	$(JWT_SOURCES)
tests_unit_jwt_key_CFLAGS = $(CFLAGS_UNIT_JWT)
tests_unit_jwt_key_LDADD = $(LDADD_UNIT_JWT)

# The command with the plugin as it is built, loaded from the build folder.
tests_unit_jwt_token_SOURCES = tests/unit/jwt_token.c $(CLI_TOKEN_SOURCES) \
	gateway/cli/trial.c gateway/cli/trial.h
tests_unit_jwt_token_CPPFLAGS = $(AM_CPPFLAGS) \
	-DPLUGIN_BUILT='"$(abs_top_builddir)/plugins/jwt/.libs/jwt.so"'
tests_unit_jwt_token_LDADD = $(LDADD_UNIT)
tests_unit_jwt_token_LDFLAGS = $(LDFLAGS_UNIT)
EXTRA_tests_unit_jwt_token_DEPENDENCIES = plugins/jwt/jwt.la
