# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/config/config.h \
	gateway/config/endpoints.c gateway/config/endpoints.h \
	gateway/config/load.c gateway/config/load.h \
	gateway/config/nearest.c gateway/config/nearest.h \
	gateway/config/node.c gateway/config/node.h \
	gateway/config/option.c gateway/config/option.h \
	gateway/config/problems.c gateway/config/problems.h \
	gateway/config/routes.c gateway/config/routes.h \
	gateway/config/secret.c gateway/config/secret.h \
	gateway/config/sections.c gateway/config/sections.h \
	gateway/config/table.c \
	gateway/config/yaml.c gateway/config/yaml.h
gateway_libcore_a_SOURCES += gateway/config/upstreams.c gateway/config/upstreams.h
gateway_libcore_a_SOURCES += gateway/config/traces.c gateway/config/traces.h
