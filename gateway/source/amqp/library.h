/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library - librabbitmq, wherever its release puts the headers: Debian 13 has
 * them in a folder of their own. Everything else includes this file.
 */
#ifndef AMQP_LIBRARY_H
#define AMQP_LIBRARY_H

#include <sys/time.h>

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#endif
