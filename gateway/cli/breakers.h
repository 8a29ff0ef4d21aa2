/* SPDX-License-Identifier: Apache-2.0 */
/* breakers - gantry breakers: their states, and orders to them. */
#ifndef CLI_BREAKERS_H
#define CLI_BREAKERS_H

int breakers_main(int argc, char **argv);

#endif
