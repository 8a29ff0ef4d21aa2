/* SPDX-License-Identifier: Apache-2.0 */
/* token - see token.h. */
#include "gateway/upstream/token.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/error.h"
#include "gateway/base/memory.h"

#define TOKEN_PREFIX "Authorization: Bearer "

struct token {
	const struct config_upstream *upstream;
	struct gantry_instance *auth;
	const char *service;
	int64_t renew_ms;		/* wall clock; 0: there is none */
	int64_t made_ms;
	char header[sizeof(TOKEN_PREFIX) + GANTRY_TOKEN_SIZE];
};

struct token *token_new(const struct config_upstream *upstream,
			struct gantry_instance *auth, const char *service)
{
	struct token *token = memory_new(sizeof(*token));

	assert(auth->plugin->auth->issue != NULL);
	token->upstream = upstream;
	token->auth = auth;
	token->service = service;
	return token;
}

void token_free(struct token **token)
{
	if (*token == NULL)
		return;
	explicit_bzero((*token)->header, sizeof((*token)->header));
	free(*token);
	*token = NULL;
}

void token_forget(struct token *token)
{
	token->renew_ms = 0;
}

static json_t *token_claims(const struct token *token, int64_t now_ms)
{
	const struct config_upstream *u = token->upstream;
	json_int_t now = now_ms / 1000;
	json_t *roles = json_array();

	for (const char *const *role = u->roles; role != NULL && *role != NULL; role++)
		json_array_append_new(roles, json_string(*role));
	if (u->roles == NULL)
		json_array_append_new(roles, json_string(token->service));
	return json_pack("{s:s, s:s, s:I, s:I, s:o}", "sub", token->service, "aud",
			 u->audience != NULL ? u->audience : u->name, "iat", now,
			 "exp", now + (json_int_t)(u->token_ttl / 1000), "roles", roles);
}

static int token_sign(struct token *token, int64_t now_ms, struct gantry_error *err)
{
	const struct config_upstream *u = token->upstream;
	json_t *claims = token_claims(token, now_ms);
	size_t n = sizeof(TOKEN_PREFIX) - 1;
	int result;

	memcpy(token->header, TOKEN_PREFIX, n);
	result = token->auth->plugin->auth->issue(token->auth->self, u->kid, claims,
						  token->header + n, err);
	json_decref(claims);
	if (result < 0)
		return error_prefix(err, "upstream %s: auth %s cannot sign a token",
				    u->name, token->auth->name);
	/* a fifth of its life is left for calls on their way and other clocks */
	token->made_ms = now_ms;
	token->renew_ms = now_ms + u->token_ttl / 5 * 4;
	return 0;
}

const char *token_header(struct token *token, int64_t now_ms,
			 struct gantry_error *err)
{
	/* a clock that went back says that the token is of the future */
	if ((now_ms >= token->renew_ms || now_ms < token->made_ms) &&
	    token_sign(token, now_ms, err) < 0) {
		token_forget(token);
		return NULL;
	}
	return token->header;
}
