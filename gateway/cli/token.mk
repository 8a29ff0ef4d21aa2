# SPDX-License-Identifier: Apache-2.0
# Part of the program, not of the core; tests link it too.
CLI_TOKEN_SOURCES = gateway/cli/token.c gateway/cli/token.h \
	gateway/cli/token-plugin.c
dist_man1_MANS += gateway/cli/gantry-token.1
