# SPDX-License-Identifier: Apache-2.0
gateway_libcore_a_SOURCES += \
	gateway/source/amqp/broker.c gateway/source/amqp/broker.h \
	gateway/source/amqp/content.c gateway/source/amqp/content.h \
	gateway/source/amqp/declare.c gateway/source/amqp/declare.h \
	gateway/source/amqp/library.h \
	gateway/source/amqp/login.c gateway/source/amqp/login.h \
	gateway/source/amqp/topology.c gateway/source/amqp/topology.h \
	gateway/source/amqp/watchdog.c gateway/source/amqp/watchdog.h
gateway_libcore_a_SOURCES += gateway/source/amqp/consumer.c gateway/source/amqp/consumer.h
gateway_libcore_a_SOURCES += gateway/source/amqp/delivery.c gateway/source/amqp/delivery.h
gateway_libcore_a_SOURCES += gateway/source/amqp/guard.c gateway/source/amqp/guard.h
gateway_libcore_a_SOURCES += gateway/source/amqp/desk.c gateway/source/amqp/desk.h
gateway_libcore_a_SOURCES += gateway/source/amqp/headers.c gateway/source/amqp/headers.h
gateway_libcore_a_SOURCES += gateway/source/amqp/hop.c gateway/source/amqp/hop.h
gateway_libcore_a_SOURCES += gateway/source/amqp/hopper.c gateway/source/amqp/hopper.h
gateway_libcore_a_SOURCES += gateway/source/amqp/intake.c gateway/source/amqp/intake.h
gateway_libcore_a_SOURCES += gateway/source/amqp/intakes.c gateway/source/amqp/intakes.h
gateway_libcore_a_SOURCES += gateway/source/amqp/ring.c gateway/source/amqp/ring.h
gateway_libcore_a_SOURCES += gateway/source/amqp/suspects.c gateway/source/amqp/suspects.h
gateway_libcore_a_SOURCES += \
	gateway/source/amqp/backlog.c gateway/source/amqp/backlog.h \
	gateway/source/amqp/order.c gateway/source/amqp/order.h \
	gateway/source/amqp/publish.c gateway/source/amqp/publish.h \
	gateway/source/amqp/publisher.c gateway/source/amqp/publisher.h \
	gateway/source/amqp/window.c gateway/source/amqp/window.h
gateway_libcore_a_SOURCES += gateway/source/amqp/traced.c gateway/source/amqp/traced.h
