# SPDX-License-Identifier: Apache-2.0
# Part of the program, not of the core; tests link it too.
CLI_API_KEY_SOURCES = gateway/cli/api-key.c gateway/cli/api-key.h
gantry_SOURCES += $(CLI_API_KEY_SOURCES)
dist_man1_MANS += gateway/cli/gantry-api-key.1
