# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/observe/status.c gateway/observe/status.h
gateway_libcore_a_SOURCES += gateway/observe/page.c
dist_man7_MANS += gateway/observe/gantry-metrics.7
gateway_libcore_a_SOURCES += gateway/observe/process.c gateway/observe/process.h
gateway_libcore_a_SOURCES += gateway/observe/census.c gateway/observe/census.h
gateway_libcore_a_SOURCES += gateway/observe/backlogs.c gateway/observe/backlogs.h
gateway_libcore_a_SOURCES += gateway/observe/called.c gateway/observe/called.h
gateway_libcore_a_SOURCES += gateway/observe/health.c gateway/observe/health.h
gateway_libcore_a_SOURCES += gateway/observe/otlp.c gateway/observe/otlp.h
gateway_libcore_a_SOURCES += gateway/observe/traces.c gateway/observe/traces.h
