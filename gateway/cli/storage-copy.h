/* SPDX-License-Identifier: Apache-2.0 */
/* storage-copy - "gantry storage copy". */
#ifndef CLI_STORAGE_COPY_H
#define CLI_STORAGE_COPY_H

/* argv[0] is "storage", argv[1] "copy". Returns the exit status. */
int storage_copy_main(int argc, char **argv);

#endif
