/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health - GET /health/integration/order-service of the API's listener (D30): for
 * anyone whether it is well, for who may look how.
 */
#include <string.h>

#include "gateway/admin/private.h"
#include "gateway/observe/health.h"
#include "gateway/pipeline/current.h"

void admin_health(void *status, struct gantry_message *m)
{
	struct status *s = status;
	enum health health;
	json_t *checks, *tree;
	char *text;

	m->graph = current_take(s->graphs);
	health = health_look(s, m->graph, &checks);
	tree = json_pack("{ss}", "status", health_name(health));
	if (m->credential != NULL && access_is_known(m, access_role(1)))
		json_object_set(tree, "checks", checks);
	text = json_dumps(tree, JSON_COMPACT);
	json_decref(tree);
	json_decref(checks);
	m->answer = (struct message_answer){ .verdict = GANTRY_DONE,
		.status = health == HEALTH_FAIL ? 503 : 200, .len = strlen(text) };
	m->answer.text = arena_text_n(&m->arena, text, m->answer.len);
	free(text);
}
