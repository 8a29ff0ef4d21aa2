/* SPDX-License-Identifier: Apache-2.0 */
/* topology - "gantry topology plan" and "gantry topology apply". */
#ifndef CLI_TOPOLOGY_H
#define CLI_TOPOLOGY_H

/* argv[0] is "topology". Returns the exit status. */
int topology_main(int argc, char **argv);

#endif
