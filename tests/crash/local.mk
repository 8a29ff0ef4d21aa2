# SPDX-License-Identifier: Apache-2.0
# A plugin that no one should have, for the test of suspects.
check_DATA += tests/crash/crash.so
CLEANFILES += tests/crash/crash.so
EXTRA_DIST += tests/crash/crash.c
AM_TESTS_ENVIRONMENT += export GANTRY_CRASH=$(abs_top_builddir)/tests/crash/crash.so;
tests/crash/crash.so: $(srcdir)/tests/crash/crash.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(AM_CPPFLAGS) $(CPPFLAGS) $(JANSSON_CFLAGS) -std=gnu11 \
		-Wall -fPIC -fvisibility=hidden -shared -o $@ \
		$(srcdir)/tests/crash/crash.c $(JANSSON_LIBS)
