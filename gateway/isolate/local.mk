# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += gateway/isolate/frame.c gateway/isolate/frame.h \
	gateway/isolate/frame_effects.c gateway/isolate/frame_helper.c \
	gateway/isolate/frame_outcomes.c gateway/isolate/frame_private.h \
	gateway/isolate/helper.c gateway/isolate/helper.h \
	gateway/isolate/host.c gateway/isolate/host.h \
	gateway/isolate/isolate.c gateway/isolate/isolate.h \
	gateway/isolate/mould.c gateway/isolate/mould.h \
	gateway/isolate/sandbox.c gateway/isolate/sandbox.h \
	gateway/isolate/wire.c gateway/isolate/wire.h
