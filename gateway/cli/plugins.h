/* SPDX-License-Identifier: Apache-2.0 */
/* plugins - "gantry plugins": which there are, and what each can be told. */
#ifndef CLI_PLUGINS_H
#define CLI_PLUGINS_H

/* argv[0] is "plugins". 0 ok, 1 a plugin cannot be loaded, 2 wrong usage. */
int plugins_main(int argc, char **argv);

#endif
