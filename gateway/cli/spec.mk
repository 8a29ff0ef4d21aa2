# SPDX-License-Identifier: Apache-2.0
gantry_SOURCES += gateway/cli/spec.c gateway/cli/spec.h
