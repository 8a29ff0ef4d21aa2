/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open - for commands that look into the storage of a configuration: loads
 * just its plugin and opens it for looking, beside a daemon that runs or not.
 */
#ifndef CLI_OPEN_H
#define CLI_OPEN_H

#include "gateway/cli/common.h"
#include "gateway/config/config.h"
#include "gateway/plugin/instance.h"
#include "gateway/plugin/plugins.h"
#include "gateway/stock/query.h"

struct open {
	struct plugins *plugins;
	struct config *config;
	struct gantry_instance *instance;
	struct query_store store;
};

/*
 * 0, or the exit status with the reason on stderr. Close in both cases.
 */
int open_storage(const struct common_options *options,
		 enum gantry_prepare mode, struct open *out);
/*
 * The same with a schema that lives as long; what the storage says against it
 * is in err, and not on stderr: COMMON_FAILED.
 */
int open_storage_as(const struct common_options *options,
		    enum gantry_prepare mode, const struct gantry_schema *schema,
		    struct open *out, struct gantry_error *err);
void open_close(struct open *open);

#endif
