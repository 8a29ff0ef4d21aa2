/* SPDX-License-Identifier: Apache-2.0 */
/* outbox - "gantry outbox list" and "gantry outbox show". */
#ifndef CLI_OUTBOX_H
#define CLI_OUTBOX_H

/* argv[0] is "outbox". Returns the exit status. */
int outbox_main(int argc, char **argv);

#endif
