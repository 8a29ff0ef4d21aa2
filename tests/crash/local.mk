# SPDX-License-Identifier: Apache-2.0
# Plugins that no one should have, for the tests of suspects and of isolation.
WILD_PLUGINS = tests/crash/crash.so tests/crash/wild.so
check_DATA += $(WILD_PLUGINS)
CLEANFILES += $(WILD_PLUGINS)
EXTRA_DIST += tests/crash/crash.c tests/crash/wild.c
AM_TESTS_ENVIRONMENT += export GANTRY_CRASH=$(abs_top_builddir)/tests/crash/crash.so \
	GANTRY_WILD=$(abs_top_builddir)/tests/crash/wild.so;
tests/crash/crash.so: $(srcdir)/tests/crash/crash.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(WILD_CC) $(srcdir)/tests/crash/crash.c $(JANSSON_LIBS)
tests/crash/wild.so: $(srcdir)/tests/crash/wild.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(WILD_CC) $(srcdir)/tests/crash/wild.c $(JANSSON_LIBS)
WILD_CC = $(CC) $(AM_CPPFLAGS) $(CPPFLAGS) $(JANSSON_CFLAGS) -std=gnu11 -Wall \
	-fPIC -fvisibility=hidden -shared -o $@
