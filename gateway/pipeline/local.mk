# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += gateway/pipeline/graph.c gateway/pipeline/graph.h
gateway_libcore_a_SOURCES += gateway/pipeline/route.c gateway/pipeline/route.h
