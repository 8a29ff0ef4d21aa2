# SPDX-License-Identifier: Apache-2.0
gantryincludedir = $(includedir)/gantry
dist_gantryinclude_HEADERS = sdk/gantry/abi.h sdk/gantry/ask.h \
	sdk/gantry/auth.h sdk/gantry/effect.h sdk/gantry/error.h \
	sdk/gantry/handler.h sdk/gantry/member.h \
	sdk/gantry/message.h sdk/gantry/option.h \
	sdk/gantry/outcome.h sdk/gantry/plugin.h sdk/gantry/storage.h \
	sdk/gantry/write.h
dist_gantryinclude_HEADERS += sdk/gantry/breaker.h sdk/gantry/document.h
dist_gantryinclude_HEADERS += sdk/gantry/pass.h
dist_gantryinclude_HEADERS += sdk/gantry/describe.h
dist_gantryinclude_HEADERS += sdk/gantry/backlog.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/gantry.pc


# What the tests of handlers link, with the whole core behind it: ours as an
# archive, those of others as a library that needs no more than this one.
noinst_LIBRARIES += sdk/libtesthost.a
sdk_libtesthost_a_SOURCES = $(TESTHOST_SOURCES)
sdk_libtesthost_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
TESTHOST_SOURCES = sdk/testhost/testhost.c sdk/testhost/testhost.h \
	sdk/testhost/told.c sdk/testhost/told.h
dist_gantryinclude_HEADERS += sdk/testhost/testhost.h
lib_LTLIBRARIES = sdk/libgantry-testhost.la
sdk_libgantry_testhost_la_SOURCES = $(TESTHOST_SOURCES)
sdk_libgantry_testhost_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
# One word again, or libtool would put the libraries before what needs them.
TESTHOST_COMMA = ,
TESTHOST_SPACE = $(subst x,,x x)
sdk_libgantry_testhost_la_LIBADD = @WHOLE_CORE@,$(subst \
	$(TESTHOST_SPACE),$(TESTHOST_COMMA),$(strip $(CORE_LIBS)))
sdk_libgantry_testhost_la_LDFLAGS = $(AM_LDFLAGS) -version-info 1:0:0 \
	-Wl,--version-script=$(top_srcdir)/sdk/testhost/testhost.map
sdk_libgantry_testhost_la_DEPENDENCIES = gateway/libcore.a \
	sdk/testhost/testhost.map
EXTRA_DIST += sdk/testhost/testhost.map
pkgconfig_DATA += sdk/gantry-testhost.pc
dist_doc_DATA = sdk/TUTORIAL.md
dist_man3_MANS = sdk/gantry-plugin.3

# The other pages of section 3 come out of the headers.
MAN3 = $(srcdir)/scripts/man3.py
MAN3_FROM = $(addprefix $(srcdir)/,$(dist_gantryinclude_HEADERS))
EXTRA_DIST += scripts/man3.py
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(man3dir)"
	python3 $(MAN3) "$(DESTDIR)$(man3dir)" $(MAN3_FROM)
uninstall-local:
	cd "$(DESTDIR)$(man3dir)" && rm -f `cd "$(abs_builddir)" && python3 $(MAN3) --list $(MAN3_FROM)`
include sdk/templates/local.mk
