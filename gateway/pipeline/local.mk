# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/pipeline/ask.c gateway/pipeline/ask.h \
	gateway/pipeline/effects.c gateway/pipeline/effects.h \
	gateway/pipeline/engine.c gateway/pipeline/engine.h \
	gateway/pipeline/engine_private.h \
	gateway/pipeline/envelope.c gateway/pipeline/envelope.h \
	gateway/pipeline/inject.c gateway/pipeline/inject.h \
	gateway/pipeline/lease.h \
	gateway/pipeline/message.c gateway/pipeline/message.h \
	gateway/pipeline/queue.h \
	gateway/pipeline/readers.c \
	gateway/pipeline/route.h \
	gateway/pipeline/settle.c \
	gateway/pipeline/stage.c \
	gateway/pipeline/tree.c gateway/pipeline/tree.h \
	gateway/pipeline/workers.c \
	gateway/pipeline/write.c
gateway_libcore_a_SOURCES += gateway/pipeline/graph.c gateway/pipeline/graph.h
gateway_libcore_a_SOURCES += gateway/pipeline/route.c gateway/pipeline/route.h
gateway_libcore_a_SOURCES += gateway/pipeline/event.c gateway/pipeline/event.h
gateway_libcore_a_SOURCES += gateway/pipeline/meters.c gateway/pipeline/meters.h
gateway_libcore_a_SOURCES += gateway/pipeline/pulse.c gateway/pipeline/pulse.h
gateway_libcore_a_SOURCES += gateway/pipeline/trace.c gateway/pipeline/trace.h
gateway_libcore_a_SOURCES += gateway/pipeline/call.c gateway/pipeline/call.h
gateway_libcore_a_SOURCES += gateway/pipeline/pass.c gateway/pipeline/pass.h
gateway_libcore_a_SOURCES += gateway/pipeline/records.c gateway/pipeline/records.h
gateway_libcore_a_SOURCES += gateway/pipeline/current.c gateway/pipeline/current.h
