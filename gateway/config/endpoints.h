/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoints - what amqp.url and amqp.retry say in their texts, and what the
 * options of amqp say only together. Pure text: nothing is looked up.
 */
#ifndef CONFIG_ENDPOINTS_H
#define CONFIG_ENDPOINTS_H

#include "gateway/base/error.h"
#include "gateway/config/config.h"

#define ENDPOINTS_MAX 16
#define ENDPOINTS_MAX_RETRY 8

/*
 * "amqp://h1:5672,[::1]/vhost" into endpoints, virtual host and TLS. 0, or -1
 * with what is wrong with it, without the URL itself.
 */
int endpoints_parse(const char *url, struct arena *arena,
		    struct config_amqp *amqp, struct gantry_error *err);

/* Fill what amqp of config is made of; problems with line and column. */
void endpoints_fill(struct config *config, struct problems *problems);

#endif
