# SPDX-License-Identifier: Apache-2.0
# Configuration, plugin files, routes, and the commands that show them.
CONFIG_TESTS = tests/unit/check tests/unit/config tests/unit/config_routes tests/unit/mutate \
	tests/unit/option tests/unit/plugin tests/unit/route tests/unit/yaml
if CMOCKA
check_PROGRAMS += $(CONFIG_TESTS)
TESTS += $(CONFIG_TESTS)
endif
CPPFLAGS_CONFIG = $(AM_CPPFLAGS) -DETCDIR='"$(abs_top_srcdir)/etc"' \
	-DSTAND_IN_DIR='"$(abs_top_builddir)/tests/stand-in/.libs"' \
	-DPLUGINS_BUILT='"$(abs_top_builddir)/plugins"' \
	-DMANUAL='"$(abs_top_srcdir)/gateway/cli/gantry.yaml.5"' \
	-DBAD_DIR='"$(abs_top_builddir)/tests/bad"'

tests_unit_check_SOURCES = tests/unit/check.c tests/unit/config_files.h \
	$(CLI_CHECK_SOURCES)
tests_unit_check_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_check_LDADD = $(LDADD_UNIT)
tests_unit_check_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_config_SOURCES = tests/unit/config.c tests/unit/config_files.h
tests_unit_config_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_config_LDADD = $(LDADD_UNIT)
tests_unit_config_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_config_routes_SOURCES = tests/unit/config_routes.c tests/unit/config_files.h
tests_unit_config_routes_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_config_routes_LDADD = $(LDADD_UNIT)
tests_unit_config_routes_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_mutate_SOURCES = tests/unit/mutate.c tests/unit/config_files.h
tests_unit_mutate_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_mutate_LDADD = $(LDADD_UNIT)
tests_unit_mutate_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_option_SOURCES = tests/unit/option.c tests/unit/config_files.h
tests_unit_option_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_option_LDADD = $(LDADD_UNIT)
tests_unit_option_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_plugin_SOURCES = tests/unit/plugin.c tests/unit/config_files.h
tests_unit_plugin_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_plugin_LDADD = $(LDADD_UNIT)
tests_unit_plugin_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_route_SOURCES = tests/unit/route.c tests/unit/config_files.h
tests_unit_route_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_route_LDADD = $(LDADD_UNIT)
tests_unit_route_LDFLAGS = $(LDFLAGS_UNIT)
tests_unit_yaml_SOURCES = tests/unit/yaml.c tests/unit/config_files.h
tests_unit_yaml_CPPFLAGS = $(CPPFLAGS_CONFIG)
tests_unit_yaml_LDADD = $(LDADD_UNIT)
tests_unit_yaml_LDFLAGS = $(LDFLAGS_UNIT)
