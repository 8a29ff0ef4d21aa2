/* SPDX-License-Identifier: Apache-2.0 */
/* serve - "gantry serve": the daemon. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

/* argv[0] is "serve". Returns the exit status when the daemon has stopped. */
int serve_main(int argc, char **argv);

#endif
