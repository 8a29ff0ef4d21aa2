# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/stock/allocate.c \
	gateway/stock/decide.c gateway/stock/decide.h \
	gateway/stock/describe.c gateway/stock/describe.h \
	gateway/stock/event.c \
	gateway/stock/find.c \
	gateway/stock/held.c gateway/stock/held.h \
	gateway/stock/item.c \
	gateway/stock/move.c \
	gateway/stock/needs.c \
	gateway/stock/order.c \
	gateway/stock/outcome.c \
	gateway/stock/query.c gateway/stock/query.h \
	gateway/stock/render.c gateway/stock/render.h \
	gateway/stock/return.c \
	gateway/stock/schema.c gateway/stock/schema.h \
	gateway/stock/transition.c \
	gateway/stock/verify.c gateway/stock/verify.h \
	gateway/stock/work.h
