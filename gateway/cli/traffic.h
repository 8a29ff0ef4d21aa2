/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic - what the charts of the admin page show, on the command line: two readings
 * of /metrics, and one taken from the other.
 */
#ifndef CLI_TRAFFIC_H
#define CLI_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

/* Reads over the daemon's socket, waits, and prints; the exit code. */
int traffic_show(const char *socket, int64_t over_ms, bool json);

#endif
