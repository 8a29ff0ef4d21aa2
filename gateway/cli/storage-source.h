/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage-source - the storage that "gantry storage copy" reads: there, whole,
 * of our schema, and with nobody at work on it.
 *
 * Finds all that out by the storage's contract, whatever the plugin is.
 */
#ifndef CLI_STORAGE_SOURCE_H
#define CLI_STORAGE_SOURCE_H

#include "gateway/cli/open.h"

struct storage_source {
	struct common_options options;
	struct open lock;	/* prepared to serve: keeps gateways out, if the
				   storage can do that */
	struct open look;	/* one snapshot, to be read */
};

/*
 * 0, or the exit status with the reason in err or, if it is the configuration,
 * on stderr. May wait for leases of a gateway that stopped a moment ago. Close
 * in both cases.
 */
int storage_source_open(struct storage_source *s, struct gantry_error *err);
/* Another snapshot in the place of the first. */
int storage_source_look_again(struct storage_source *s, struct gantry_error *err);
void storage_source_close(struct storage_source *s);

#endif
