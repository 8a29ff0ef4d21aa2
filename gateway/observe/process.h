/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - what the kernel says of this process, as every Prometheus client
 * shows it: processor time, memory, files, start. Reads /proc/self; what is
 * not to be had there is left out.
 */
#ifndef OBSERVE_PROCESS_H
#define OBSERVE_PROCESS_H

struct exposition;

/* Any thread; a few microseconds. */
void process_write(struct exposition *x);

#endif
