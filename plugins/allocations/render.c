/* SPDX-License-Identifier: Apache-2.0 */
/* render - see render.h. */
#include "render.h"

#include <string.h>

struct gantry_writer *render_begin(struct gantry_message *m)
{
	struct gantry_writer *w = gantry_writer(m);

	gantry_write_object(w, NULL);
	gantry_write_bool(w, "success", true);
	return w;
}

enum gantry_verdict render_end(struct gantry_message *m, struct gantry_writer *w,
			       int status, struct gantry_error *err)
{
	const char *text;
	size_t len;

	gantry_write_end(w);
	text = gantry_written(w, &len);
	if (gantry_reply_text(m, status, text, len, err) < 0)
		return GANTRY_FAILED;
	return GANTRY_DONE;
}

void render_allocation(struct gantry_writer *w, const char *name,
		       const struct gantry_allocation *allocation)
{
	gantry_write_object(w, name);
	gantry_write_text(w, "id", allocation->id);
	gantry_write_text(w, "orderId", allocation->order_id);
	gantry_write_text(w, "orderItemId", allocation->order_item_id);
	gantry_write_text(w, "inventoryItemId", allocation->item_id);
	gantry_write_text(w, "warehouseId", allocation->warehouse_id);
	gantry_write_int(w, "quantity", allocation->quantity);
	gantry_write_text(w, "status", allocation->status);
	gantry_write_time(w, "expiresAt", allocation->expires_at_ms);
	gantry_write_time(w, "createdAt", allocation->created_at_ms);
	gantry_write_time(w, "updatedAt", allocation->updated_at_ms);
	gantry_write_end(w);
}

void render_item(struct gantry_writer *w, const char *name,
		 const struct gantry_item *item)
{
	gantry_write_object(w, name);
	gantry_write_text(w, "id", item->id);
	gantry_write_text(w, "sku", item->sku);
	gantry_write_text(w, "productId", item->product_id);
	gantry_write_text(w, "warehouseId", item->warehouse_id);
	gantry_write_int(w, "availableQuantity", item->available);
	gantry_write_int(w, "reservedQuantity", item->reserved);
	gantry_write_int(w, "version", item->version);
	gantry_write_time(w, "createdAt", item->created_at_ms);
	gantry_write_time(w, "updatedAt", item->updated_at_ms);
	gantry_write_end(w);
}

void render_return(struct gantry_writer *w, const char *name,
		   const struct gantry_return *expected)
{
	gantry_write_object(w, name);
	gantry_write_text(w, "id", expected->id);
	gantry_write_text(w, "orderId", expected->order_id);
	gantry_write_text(w, "orderItemId", expected->order_item_id);
	gantry_write_text(w, "allocationId", expected->allocation_id);
	gantry_write_text(w, "inventoryItemId", expected->item_id);
	gantry_write_int(w, "expectedQuantity", expected->expected);
	gantry_write_int(w, "receivedQuantity", expected->received);
	gantry_write_text(w, "status", expected->status);
	gantry_write_time(w, "createdAt", expected->created_at_ms);
	gantry_write_time(w, "updatedAt", expected->updated_at_ms);
	gantry_write_end(w);
}

int render_location(struct gantry_message *m, const char *path, const char *id,
		    struct gantry_error *err)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~";
	static const char digits[] = "0123456789ABCDEF";
	size_t n = strlen(path);
	char *value = gantry_alloc(m, n + 3 * strlen(id) + 1), *p = value + n;

	memcpy(value, path, n);
	for (; *id != '\0'; id++) {
		unsigned char c = (unsigned char)*id;

		if (strchr(plain, c) != NULL) {
			*p++ = *id;
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	return gantry_reply_header(m, "Location", value, err);
}

enum gantry_verdict render_row(struct gantry_message *m, const json_t *row,
			       struct gantry_error *err)
{
	struct gantry_writer *w = render_begin(m);

	gantry_write_json(w, "data", row);
	return render_end(m, w, 200, err);
}

enum gantry_verdict render_one_allocation(struct gantry_message *m, int applied,
					  struct gantry_error *err)
{
	const struct gantry_outcome *outcome =
		gantry_outcome(m, gantry_first_step(m));
	int status = outcome->result == GANTRY_APPLIED ? applied : 200;
	struct gantry_writer *w = render_begin(m);

	render_allocation(w, "data", outcome->allocations[0]);
	if (status == 201 && render_location(m, "/allocations/",
					     outcome->allocations[0]->id, err) < 0)
		return GANTRY_FAILED;
	return render_end(m, w, status, err);
}

enum gantry_verdict render_one_item(struct gantry_message *m, int applied,
				    struct gantry_error *err)
{
	const struct gantry_outcome *outcome =
		gantry_outcome(m, gantry_first_step(m));
	int status = outcome->result == GANTRY_APPLIED ? applied : 200;
	struct gantry_writer *w = render_begin(m);

	render_item(w, "data", outcome->item);
	if (status == 201 && render_location(m, "/inventory-items/",
					     outcome->item->id, err) < 0)
		return GANTRY_FAILED;
	return render_end(m, w, status, err);
}
