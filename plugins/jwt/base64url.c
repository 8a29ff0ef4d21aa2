/* SPDX-License-Identifier: Apache-2.0 */
/* base64url - see base64url.h. */
#include "base64url.h"

#include <stdint.h>

static const char base64url_alphabet[64] __attribute__((nonstring)) =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each character plus one; 0 for what is none. */
static const unsigned char base64url_value[256] = {
	['A'] = 1,  ['B'] = 2,	['C'] = 3,  ['D'] = 4,	['E'] = 5,  ['F'] = 6,
	['G'] = 7,  ['H'] = 8,	['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12,
	['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18,
	['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
	['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
	['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60,
	['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

int jwt_base64_decode(const char *text, size_t len, unsigned char *out,
		      size_t *n_out)
{
	uint32_t bits = 0;
	unsigned int held = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		unsigned int value = base64url_value[(unsigned char)text[i]];

		if (value == 0)
			return -1;
		bits = (bits << 6 | (value - 1)) & 0xffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[n++] = (unsigned char)(bits >> held);
		}
	}
	if ((bits & ((1U << held) - 1)) != 0)
		return -1;
	*n_out = n;
	return 0;
}

size_t jwt_base64_encode(const unsigned char *bytes, size_t n, char *out)
{
	uint32_t bits = 0;
	unsigned int held = 0;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		for (held += 8; held >= 6; held -= 6)
			out[len++] =
				base64url_alphabet[bits >> (held - 6) & 63];
	}
	if (held > 0)
		out[len++] = base64url_alphabet[bits << (6 - held) & 63];
	return len;
}
