/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart - which changes of a configuration a running gateway cannot follow.
 * Storage is not looked at here: what it has been told, its plugin knows.
 */
#ifndef CONFIG_RESTART_H
#define CONFIG_RESTART_H

#include "gateway/config/config.h"

/* A problem, "http.listen: needs a restart", for each, where wanted says it. */
void restart_check(const struct config *is, const struct config *wanted,
		   struct problems *problems);

#endif
