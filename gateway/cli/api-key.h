/* SPDX-License-Identifier: Apache-2.0 */
/* api-key - "gantry api-key new" and "gantry api-key check". */
#ifndef CLI_API_KEY_H
#define CLI_API_KEY_H

/*
 * argv[0] is "api-key", argv[1] the command. Returns the exit status: 0 done or
 * good, 1 failed or not good, 2 usage or configuration.
 */
int api_key_main(int argc, char **argv);

#endif
