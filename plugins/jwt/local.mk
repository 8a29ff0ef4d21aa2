# SPDX-License-Identifier: Apache-2.0
JWT_SOURCES = \
	plugins/jwt/base64url.c plugins/jwt/base64url.h \
	plugins/jwt/cache.c plugins/jwt/cache.h \
	plugins/jwt/claims.c plugins/jwt/claims.h \
	plugins/jwt/json.c plugins/jwt/json.h \
	plugins/jwt/jwk.c plugins/jwt/jwk.h \
	plugins/jwt/key.c plugins/jwt/key.h plugins/jwt/keyfile.c \
	plugins/jwt/keyring.c plugins/jwt/keyring.h \
	plugins/jwt/mint.c plugins/jwt/mint.h \
	plugins/jwt/signature.c plugins/jwt/signature.h \
	plugins/jwt/verify.c plugins/jwt/verify.h \
	plugins/jwt/jwt.c

if PLUGIN_JWT
plugin_LTLIBRARIES += plugins/jwt/jwt.la
dist_man7_MANS += plugins/jwt/gantry-jwt.7
endif

plugins_jwt_jwt_la_SOURCES = $(JWT_SOURCES)
plugins_jwt_jwt_la_CFLAGS = $(CFLAGS_PLUGIN) $(CRYPTO_CFLAGS)
plugins_jwt_jwt_la_LDFLAGS = $(LDFLAGS_PLUGIN)
plugins_jwt_jwt_la_LIBADD = $(CRYPTO_LIBS) $(JANSSON_LIBS)
