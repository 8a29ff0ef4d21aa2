# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/base/again.c gateway/base/again.h \
	gateway/base/arena.c gateway/base/arena.h \
	gateway/base/clock.c gateway/base/clock.h \
	gateway/base/error.c gateway/base/error.h \
	gateway/base/hash.c gateway/base/hash.h \
	gateway/base/ids.c gateway/base/ids.h \
	gateway/base/log.c gateway/base/log.h \
	gateway/base/memory.c gateway/base/memory.h \
	gateway/base/parse.c gateway/base/parse.h \
	gateway/base/thread.c gateway/base/thread.h \
	gateway/base/utf8.c gateway/base/utf8.h \
	gateway/base/writer.c gateway/base/writer.h
gateway_libcore_a_SOURCES += gateway/base/member.c
gateway_libcore_a_SOURCES += gateway/base/exposition.c gateway/base/exposition.h
gateway_libcore_a_SOURCES += gateway/base/metrics.c gateway/base/metrics.h
gateway_libcore_a_SOURCES += gateway/base/digest.c gateway/base/digest.h
gateway_libcore_a_SOURCES += gateway/base/span.c gateway/base/span.h
gateway_libcore_a_SOURCES += gateway/base/tracestate.c gateway/base/tracestate.h
gateway_libcore_a_SOURCES += gateway/base/sized.h
