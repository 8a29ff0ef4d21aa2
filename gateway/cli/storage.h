/* SPDX-License-Identifier: Apache-2.0 */
/* storage - "gantry storage verify", "backup", "migrate" and "copy". */
#ifndef CLI_STORAGE_H
#define CLI_STORAGE_H

/* argv[0] is "storage". Returns the exit status. */
int storage_main(int argc, char **argv);

#endif
