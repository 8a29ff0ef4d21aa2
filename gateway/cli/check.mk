# SPDX-License-Identifier: Apache-2.0
# Part of the program, not of the core; tests link it too.
CLI_CHECK_SOURCES = gateway/cli/check.c gateway/cli/check.h \
	gateway/cli/common.c gateway/cli/common.h \
	gateway/cli/plugins.c gateway/cli/plugins.h \
	gateway/cli/plugins-check.c gateway/cli/plugins-check.h \
	gateway/cli/trial.c gateway/cli/trial.h \
	gateway/cli/plugins-new.c gateway/cli/plugins-new.h \
	gateway/cli/plugins-test.c gateway/cli/plugins-test.h \
	gateway/cli/sets.c gateway/cli/sets.h
dist_man1_MANS += gateway/cli/gantry-check.1 gateway/cli/gantry-plugins.1
dist_man5_MANS += gateway/cli/gantry.yaml.5
