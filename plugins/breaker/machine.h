/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine - the states of a breaker and what moves it, pure: time and results
 * go in, permits come out. No clock, no lock, no memory of its own.
 *
 *	closed --- too many failures ---> open --- reset_ms later ---> half open
 *	  ^                                 ^                             |  |
 *	  |                                 +--------- a failure ---------+  |
 *	  +------------------------- enough successes -----------------------+
 */
#ifndef BREAKER_MACHINE_H
#define BREAKER_MACHINE_H

#include <gantry/breaker.h>

#define MACHINE_BUCKETS 10	/* that the window is cut into */
#define MACHINE_LEASES 16

struct machine_rules {
	bool by_rate;			/* else by failures in a row */
	int64_t failure_threshold;	/* in a row */
	int64_t failure_rate;		/* percent of the window */
	int64_t window_ms, minimum_calls;
	int64_t slow_ms;		/* that long is a failure; 0: never */
	int64_t reset_ms;		/* from open to half open */
	int64_t half_open_calls;	/* at once, at most MACHINE_LEASES */
	int64_t success_threshold;	/* from half open to closed */
	int64_t lease_ms;
};

/* Calls that ended in one part of the window. */
struct machine_bucket {
	int64_t number;			/* time / width */
	int64_t calls, failures;
};

struct machine_lease {
	uint64_t id;			/* 0: free */
	int64_t until_ms;
};

struct machine {
	struct machine_rules rules;
	enum gantry_breaker_state state;
	bool held;
	int64_t held_until_ms;		/* 0: no end */
	uint64_t epoch, last_lease;
	int64_t now_ms;			/* the latest that was said */
	int64_t opened_ms;
	int64_t in_a_row;		/* failures, or successes if half open */
	struct machine_bucket buckets[MACHINE_BUCKETS];
	struct machine_lease leases[MACHINE_LEASES];
	uint64_t opened, refused;
};

/* Closed; rules are copied. */
void machine_init(struct machine *machine, const struct machine_rules *rules);

/* As gantry/breaker.h has it. */
bool machine_permit(struct machine *machine, int64_t now_ms,
		    struct gantry_permit *permit_out, int64_t *wait_ms_out);
void machine_result(struct machine *machine, int64_t now_ms,
		    const struct gantry_permit *permit,
		    enum gantry_call_result result, int64_t duration_ms);
void machine_order(struct machine *machine, int64_t now_ms,
		   enum gantry_breaker_order order, int64_t until_ms);
void machine_status(struct machine *machine, int64_t now_ms,
		    struct gantry_breaker_status *out);

#endif
