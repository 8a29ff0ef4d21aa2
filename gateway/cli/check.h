/* SPDX-License-Identifier: Apache-2.0 */
/* check - "gantry check": what the configuration comes to, without starting. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

struct config;
struct problems;

/* argv[0] is "check". 0: would start, 2: would not, or wrong usage. */
int check_main(int argc, char **argv);

/* "gantry routes": the same, and only the routes are printed. */
int routes_main(int argc, char **argv);

/* A problem for each listener whose certificate cannot be used today. */
void check_listeners(const struct config *config, struct problems *problems);

#endif
