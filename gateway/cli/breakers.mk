# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += gateway/cli/breakers.c gateway/cli/breakers.h
dist_man1_MANS += gateway/cli/gantry-breakers.1
