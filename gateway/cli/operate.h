/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operate - gantry admin: a link for the admin page, and what the page shows and
 * changes beside what other commands do.
 */
#ifndef CLI_OPERATE_H
#define CLI_OPERATE_H

int operate_main(int argc, char **argv);

#endif
