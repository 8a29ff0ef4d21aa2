/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login - from an endpoint to a connection that is logged in: socket, TLS,
 * handshake, capabilities. Knows nothing of what goes over it, and tries once.
 */
#ifndef AMQP_LOGIN_H
#define AMQP_LOGIN_H

#include "gateway/base/error.h"
#include "gateway/config/config.h"
#include "gateway/source/amqp/library.h"
#include "gateway/source/amqp/watchdog.h"

struct login {
	const struct config_amqp *amqp;
	const struct config_endpoint *endpoint;
	const char *password;
	const char *name;
	struct watchdog *watchdog;
};

/*
 * 0, or -1 with "h1:5672: why". *connection_out is amqp_destroy_connection()ed
 * by the caller.
 */
int login_open(const struct login *login, amqp_connection_state_t *connection_out,
	       struct gantry_error *err);

/* What came of a call of the library, for messages. */
const char *login_status_text(int status);

/* "what: ACCESS_REFUSED - ..." of a close that the broker sent; returns -1. */
int login_refused(const amqp_rpc_reply_t *reply, const char *what,
		  struct gantry_error *err);

#endif
