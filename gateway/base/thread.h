/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread - what a thread of the gateway says of itself to the system.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/* How long it works at a stretch, and whether somebody waits for that. */
enum thread_kind {
	/*
	 * As a rule well below a millisecond, and a request waits: it runs as soon
	 * as it wakes, though another thread has not had its slice yet.
	 */
	THREAD_BRIEF,
	THREAD_LONG,
};

/*
 * First in a new thread. name: at most 15 bytes, shown by "top -H". The kind is
 * a wish, and not heard before Linux 6.12.
 */
void thread_begin(const char *name, enum thread_kind kind);

/*
 * For a brief one that has to compute for longer: lets in who waits for this
 * processor, which some kernels do at the next tick only, milliseconds later. It
 * costs a slice each time, where anybody waits: of a long thread that would be 3 ms,
 * and so one does not give way.
 */
void thread_give_way(void);

#endif
