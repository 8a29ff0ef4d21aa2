/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugins-check - "gantry plugins check": what stands against installing a
 * plugin, found out in a process of its own.
 */
#ifndef CLI_PLUGINS_CHECK_H
#define CLI_PLUGINS_CHECK_H

#include "gateway/plugin/plugins.h"

struct plugins_check_options {
	const char *plugin;	/* a path, or a short name */
	const char *man;	/* its man page; NULL: gantry-NAME.7 beside it or
				   where man(1) finds it */
	bool json;
};

/* 0 nothing does, 1 something does. */
int plugins_check_run(struct plugins *plugins, const struct plugins_check_options *o);

#endif
