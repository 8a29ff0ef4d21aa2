# SPDX-License-Identifier: Apache-2.0
gantryincludedir = $(includedir)/gantry
dist_gantryinclude_HEADERS = sdk/gantry/abi.h sdk/gantry/ask.h \
	sdk/gantry/auth.h sdk/gantry/effect.h sdk/gantry/error.h \
	sdk/gantry/handler.h sdk/gantry/member.h \
	sdk/gantry/message.h sdk/gantry/option.h \
	sdk/gantry/outcome.h sdk/gantry/plugin.h sdk/gantry/storage.h \
	sdk/gantry/write.h
dist_gantryinclude_HEADERS += sdk/gantry/breaker.h sdk/gantry/document.h
dist_gantryinclude_HEADERS += sdk/gantry/describe.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/gantry.pc

# What the tests of handlers link, with the whole core behind it.
noinst_LIBRARIES += sdk/libtesthost.a
sdk_libtesthost_a_SOURCES = sdk/testhost/testhost.c sdk/testhost/testhost.h
sdk_libtesthost_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
dist_man3_MANS = sdk/gantry-plugin.3
