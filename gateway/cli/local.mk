# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += gantry
gantry_SOURCES = gateway/cli/main.c \
	gateway/cli/notify.c gateway/cli/notify.h \
	gateway/cli/open.c gateway/cli/open.h \
	gateway/cli/outbox.c gateway/cli/outbox.h \
	gateway/cli/serve.c gateway/cli/serve.h \
	gateway/cli/serve-reload.c gateway/cli/serve-start.c \
	gateway/cli/serving.h \
	gateway/cli/storage.c gateway/cli/storage.h \
	gateway/cli/topology.c gateway/cli/topology.h \
	gateway/cli/watchdog.c gateway/cli/watchdog.h \
	$(CLI_CHECK_SOURCES) $(CLI_TOKEN_SOURCES)
gantry_LDADD = $(CORE_WHOLE) $(CORE_LIBS)
gantry_LDFLAGS = $(AM_LDFLAGS) @GANTRY_PIE@ $(CORE_EXPORT)
EXTRA_gantry_DEPENDENCIES = gateway/gantry.syms gateway/libcore.a
include gateway/cli/check.mk
include gateway/cli/storage.mk
include gateway/cli/dead-letters.mk
include gateway/cli/run-handler.mk
include gateway/cli/api-key.mk
dist_man1_MANS += gateway/cli/gantry.1 gateway/cli/gantry-serve.1 \
	gateway/cli/gantry-outbox.1 gateway/cli/gantry-storage.1
dist_man1_MANS += gateway/cli/gantry-topology.1
dist_man1_MANS += gateway/cli/gantry-routes.1
include gateway/cli/breakers.mk
include gateway/cli/spec.mk
include gateway/cli/operate.mk
include gateway/cli/reconcile.mk
include gateway/cli/reload.mk
