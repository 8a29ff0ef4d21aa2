/* SPDX-License-Identifier: Apache-2.0 */
/* reload - "gantry reload": the running gateway reads its configuration again. */
#ifndef CLI_RELOAD_H
#define CLI_RELOAD_H

/* argv[0] is "reload". 0: done, 1: failed, 2: the configuration is refused, or
   wrong usage. */
int reload_main(int argc, char **argv);

#endif
