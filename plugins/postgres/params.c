/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params - parameters in the server's binary formats: int8, text, and arrays
 * of both. Nothing is quoted, and nothing is parsed by the server.
 */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "plugins/postgres/postgres.h"

enum { OID_INT8 = 20, OID_TEXT = 25 };

static char *params_room(struct params *p, size_t len)
{
	char *at;

	if (p->room - p->len < len) {
		while (p->room - p->len < len)
			p->room = p->room > 0 ? p->room * 2 : 4096;
		p->bytes = connection_longer(p->bytes, p->room, 1);
	}
	at = p->bytes + p->len;
	p->len += len;
	return at;
}

static void params_put32(struct params *p, uint32_t number)
{
	number = htobe32(number);
	memcpy(params_room(p, sizeof(number)), &number, sizeof(number));
}

static void params_put64(struct params *p, int64_t number)
{
	uint64_t bits = htobe64((uint64_t)number);

	memcpy(params_room(p, sizeof(bits)), &bits, sizeof(bits));
}

int64_t params_decode(const char *bytes)
{
	uint64_t bits;

	memcpy(&bits, bytes, sizeof(bits));
	return (int64_t)be64toh(bits);
}

void params_reset(struct params *p)
{
	p->len = 0;
	p->n = 0;
}

static void params_open(struct params *p)
{
	assert(p->n < PARAMS);
	p->at[p->n] = p->len;
	p->is_null[p->n] = false;
}

void params_end(struct params *p)
{
	p->sizes[p->n] = p->len - p->at[p->n];
	p->n++;
}

void params_number(struct params *p, int64_t number)
{
	params_open(p);
	params_put64(p, number);
	params_end(p);
}

void params_value(struct params *p, enum gantry_value_kind kind,
		  const struct gantry_value *value)
{
	params_open(p);
	p->is_null[p->n] = value->kind == GANTRY_NULL;
	assert(p->is_null[p->n] || value->kind == (uint32_t)kind);
	if (value->kind == GANTRY_INT64)
		params_put64(p, value->is.number);
	else if (value->kind == GANTRY_STRING && value->len > 0)
		memcpy(params_room(p, value->len), value->is.text, value->len);
	params_end(p);
}

/* Dimensions, flags, type, length, lower bound; then a length and bytes each. */
void params_begin(struct params *p, enum gantry_value_kind kind, size_t n)
{
	params_open(p);
	params_put32(p, 1);
	p->flags_at = p->len;
	params_put32(p, 0);
	params_put32(p, kind == GANTRY_INT64 ? OID_INT8 : OID_TEXT);
	params_put32(p, (uint32_t)n);
	params_put32(p, 1);
}

void params_add(struct params *p, enum gantry_value_kind kind,
		const struct gantry_value *value)
{
	if (value->kind != (uint32_t)kind) {
		uint32_t has_null = htobe32(1);

		memcpy(p->bytes + p->flags_at, &has_null, sizeof(has_null));
		params_put32(p, UINT32_MAX);
	} else if (kind == GANTRY_INT64) {
		params_put32(p, sizeof(value->is.number));
		params_put64(p, value->is.number);
	} else {
		params_put32(p, value->len);
		if (value->len > 0)
			memcpy(params_room(p, value->len), value->is.text, value->len);
	}
}
