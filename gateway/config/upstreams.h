/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstreams - what the entries of "upstreams" say, and whether it fits
 * together. Pure text: nothing is looked up.
 */
#ifndef CONFIG_UPSTREAMS_H
#define CONFIG_UPSTREAMS_H

#include <gantry/option.h>

#include "gateway/config/config.h"

extern const struct gantry_option *const upstreams_options[];

/* Fill config->upstream; problems with line and column. */
void upstreams_fill(struct config *config, struct problems *problems);

#endif
