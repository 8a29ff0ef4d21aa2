/* SPDX-License-Identifier: Apache-2.0 */
/* traces - what "traces" says, and whether it fits together. Pure text. */
#ifndef CONFIG_TRACES_H
#define CONFIG_TRACES_H

#include <gantry/option.h>

#include "gateway/config/config.h"

extern const struct gantry_option *const traces_options[];

/* Check config->traces, which is filled in; problems with line and column. */
void traces_fill(struct config *config, struct problems *problems);

#endif
