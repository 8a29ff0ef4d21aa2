/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render - rows as the objects that the API shows (D8, D12), members in its
 * order. Each is new and the caller's; NULL if a row that it needs is not in
 * the set, which only a broken reference can cause.
 */
#ifndef STOCK_RENDER_H
#define STOCK_RENDER_H

#include <jansson.h>

#include "gateway/rows/set.h"

json_t *stock_render_allocation(const struct rowset *rows, const struct row *row);
json_t *stock_render_item(const struct rowset *rows, const struct row *row);
json_t *stock_render_return(const struct rowset *rows, const struct row *row);
json_t *stock_render_order(const struct row *row);
/* What the sweep needs: id, version, expiresAt. */
json_t *stock_render_due(const struct row *row);

#endif
