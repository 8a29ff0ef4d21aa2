# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_CFLAGS += $(CURL_CFLAGS)
gateway_libcore_a_SOURCES += \
	gateway/upstream/local.c gateway/upstream/local.h
gateway_libcore_a_SOURCES += \
	gateway/upstream/breakers.c gateway/upstream/breakers.h \
	gateway/upstream/documents.c gateway/upstream/documents.h \
	gateway/upstream/retry.c gateway/upstream/retry.h \
	gateway/upstream/token.c gateway/upstream/token.h \
	gateway/upstream/transfer.c gateway/upstream/transfer.h \
	gateway/upstream/job.c gateway/upstream/job.h \
	gateway/upstream/events.c gateway/upstream/events.h \
	gateway/upstream/upstream.c gateway/upstream/upstream.h
gateway_libcore_a_SOURCES += gateway/upstream/traced.c gateway/upstream/traced.h
gateway_libcore_a_SOURCES += gateway/upstream/export.c gateway/upstream/export.h
