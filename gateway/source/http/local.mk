# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/source/http/connection.c \
	gateway/source/http/guard.c gateway/source/http/guard.h \
	gateway/source/http/head.c \
	gateway/source/http/http.c gateway/source/http/http.h \
	gateway/source/http/listen.c gateway/source/http/listen.h \
	gateway/source/http/loop.c gateway/source/http/loop.h \
	gateway/source/http/raw.c gateway/source/http/raw.h \
	gateway/source/http/reply.c \
	gateway/source/http/request.c gateway/source/http/request.h \
	gateway/source/http/submit.c \
	gateway/source/http/target.c gateway/source/http/target.h \
	gateway/source/http/tls.c gateway/source/http/tls.h \
	gateway/source/http/watch.c gateway/source/http/watch.h
gateway_libcore_a_SOURCES += gateway/source/http/traced.c
