/* SPDX-License-Identifier: Apache-2.0 */
/* login - see login.h. */
#include "gateway/source/amqp/login.h"

#include <assert.h>
#include <unistd.h>

#include "gateway/base/memory.h"

#define LOGIN_CHANNELS 2047
#define LOGIN_FRAME 131072

/* Where distributions keep the CAs that the system trusts. */
static const char *const login_system_cas[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
};

static struct timeval login_time(int64_t ms)
{
	return (struct timeval){ ms / 1000, ms % 1000 * 1000 };
}

static int login_fail(const struct login *l, struct gantry_error *err,
		      const char *what)
{
	return error_depends(err, GANTRY_DEPENDS_ON_BROKER, "%s: %s",
			     l->endpoint->text, what);
}

static const char *login_ca(const struct login *l)
{
	if (l->amqp->ca_file != NULL)
		return l->amqp->ca_file;
	for (size_t i = 0; i < ARRAY_LENGTH(login_system_cas); i++)
		if (access(login_system_cas[i], R_OK) == 0)
			return login_system_cas[i];
	return NULL;
}

static int login_verify(const struct login *l, amqp_socket_t *socket,
			struct gantry_error *err)
{
	const char *ca = login_ca(l);
	bool verify = l->amqp->verify != CONFIG_VERIFY_NONE;

	amqp_ssl_socket_set_verify_peer(socket, verify);
	amqp_ssl_socket_set_verify_hostname(
		socket, l->amqp->verify == CONFIG_VERIFY_FULL);
	if (!verify)
		return 0;
	if (ca == NULL)
		return login_fail(l, err, "no CA certificates on this system; "
					  "name amqp.ca_file");
	if (amqp_ssl_socket_set_cacert(socket, ca) == AMQP_STATUS_OK)
		return 0;
	return error_depends(err, GANTRY_DEPENDS_ON_BROKER,
			     "%s: cannot read CA certificates from %s",
			     l->endpoint->text, ca);
}

static amqp_socket_t *login_tls(const struct login *l,
				amqp_connection_state_t connection,
				struct gantry_error *err)
{
	const struct config_amqp *amqp = l->amqp;
	amqp_socket_t *socket = amqp_ssl_socket_new(connection);

	if (socket == NULL) {
		login_fail(l, err, "TLS cannot be set up");
		return NULL;
	}
	amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2,
					 AMQP_TLSvLATEST);
	if (login_verify(l, socket, err) < 0)
		return NULL;
	if (amqp->cert_file == NULL ||
	    amqp_ssl_socket_set_key(socket, amqp->cert_file,
				    amqp->key_file) == AMQP_STATUS_OK)
		return socket;
	error_depends(err, GANTRY_DEPENDS_ON_BROKER,
		      "%s: cannot use the certificate %s with the key %s",
		      l->endpoint->text, amqp->cert_file, amqp->key_file);
	return NULL;
}

/* The library's texts differ from release to release, and say less. */
const char *login_status_text(int status)
{
	switch (status) {
	case AMQP_STATUS_SOCKET_ERROR:
	case AMQP_STATUS_CONNECTION_CLOSED:
	case AMQP_STATUS_SOCKET_CLOSED:
	case AMQP_STATUS_SSL_ERROR:
		return "the connection broke";
	case AMQP_STATUS_BAD_AMQP_DATA:
	case AMQP_STATUS_UNKNOWN_CLASS:
	case AMQP_STATUS_UNKNOWN_METHOD:
	case AMQP_STATUS_UNEXPECTED_STATE:
	case AMQP_STATUS_WRONG_METHOD:
	case AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION:
		return "what came is not AMQP 0-9-1";
	case AMQP_STATUS_HEARTBEAT_TIMEOUT:
		return "no sign of life from the broker";
	case AMQP_STATUS_TIMEOUT:
		return "no answer in time";
	default:
		return amqp_error_string2(status);
	}
}

static const char *login_connect_text(const struct login *l, int status)
{
	switch (status) {
	case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED:
		return "its name is not known";
	case AMQP_STATUS_TIMEOUT:
		return "no connection within amqp.connect_timeout";
	case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
	case AMQP_STATUS_SSL_CONNECTION_FAILED:
		return l->amqp->verify == CONFIG_VERIFY_NONE ?
			       "no TLS with it" :
			       "no TLS with it, or no CA known here signed its "
			       "certificate";
	case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
		return "its certificate is for another name, or names no "
		       "host but an address";
	case AMQP_STATUS_SOCKET_ERROR:
	case AMQP_STATUS_TCP_ERROR:
		return "cannot connect";
	default:
		return login_status_text(status);
	}
}

static int login_connect(const struct login *l, amqp_connection_state_t connection,
			 struct gantry_error *err)
{
	struct timeval timeout = login_time(l->amqp->connect_timeout);
	amqp_socket_t *socket;
	int status;

	if (l->amqp->tls) {
		socket = login_tls(l, connection, err);
		if (socket == NULL)
			return -1;
	} else {
		socket = amqp_tcp_socket_new(connection);
		assert(socket != NULL);
	}
	status = amqp_socket_open_noblock(socket, l->endpoint->host,
					  l->endpoint->port, &timeout);
	if (status == AMQP_STATUS_OK)
		return 0;
	return login_fail(l, err, login_connect_text(l, status));
}

static amqp_table_entry_t login_text(const char *key, const char *value)
{
	return (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value = { .kind = AMQP_FIELD_KIND_UTF8,
			   .value.bytes = amqp_cstring_bytes(value) },
	};
}

static amqp_table_entry_t login_yes(const char *key)
{
	return (amqp_table_entry_t){
		.key = amqp_cstring_bytes(key),
		.value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1 },
	};
}

int login_refused(const amqp_rpc_reply_t *reply, const char *what,
		  struct gantry_error *err)
{
	const amqp_bytes_t *text;

	if (reply->reply_type == AMQP_RESPONSE_NONE)
		return error_depends(err, GANTRY_DEPENDS_ON_BROKER,
				     "%s: no answer", what);
	if (reply->reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
		return error_depends(err, GANTRY_DEPENDS_ON_BROKER, "%s: %s",
				     what,
				     login_status_text(reply->library_error));
	/* both kinds of close begin with code and text */
	text = reply->reply.id == AMQP_CHANNEL_CLOSE_METHOD ?
		       &((amqp_channel_close_t *)reply->reply.decoded)->reply_text :
		       &((amqp_connection_close_t *)reply->reply.decoded)
				->reply_text;
	return error_depends(err, GANTRY_DEPENDS_ON_BROKER, "%s: %.*s", what,
			     (int)text->len, (const char *)text->bytes);
}

static amqp_rpc_reply_t login_handshake(const struct login *l,
					amqp_connection_state_t connection)
{
	amqp_table_entry_t can[] = {
		login_yes("connection.blocked"),
		login_yes("consumer_cancel_notify"),
		login_yes("publisher_confirms"),
		login_yes("basic.nack"),
		login_yes("authentication_failure_close"),
	};
	amqp_table_entry_t says[] = {
		login_text("product", "Gantry"),
		login_text("version", VERSION_TEXT),
		login_text("connection_name", l->name),
		{ .key = amqp_cstring_bytes("capabilities"),
		  .value = { .kind = AMQP_FIELD_KIND_TABLE,
			     .value.table = { ARRAY_LENGTH(can), can } } },
	};
	amqp_table_t table = { ARRAY_LENGTH(says), says };

	return amqp_login_with_properties(connection, l->amqp->vhost,
					  LOGIN_CHANNELS, LOGIN_FRAME,
					  (int)(l->amqp->heartbeat / 1000),
					  &table, AMQP_SASL_METHOD_PLAIN,
					  l->amqp->user, l->password);
}

/* RabbitMQ says who was refused, but not where and as whom. */
static int login_in(const struct login *l, amqp_connection_state_t connection,
		    struct gantry_error *err)
{
	struct timeval timeout = login_time(l->amqp->connect_timeout);
	amqp_rpc_reply_t reply;
	bool late;

	amqp_set_handshake_timeout(connection, &timeout);
	watchdog_arm(l->watchdog, amqp_get_sockfd(connection),
		     l->amqp->connect_timeout + 1000);
	reply = login_handshake(l, connection);
	late = watchdog_disarm(l->watchdog);
	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		return 0;
	if (late || (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
		     reply.library_error == AMQP_STATUS_TIMEOUT))
		return login_fail(l, err, "no answer within "
					  "amqp.connect_timeout");
	login_refused(&reply, "login", err);
	return error_prefix(err, "%s: user \"%s\", virtual host \"%s\"",
			    l->endpoint->text, l->amqp->user, l->amqp->vhost);
}

int login_open(const struct login *l, amqp_connection_state_t *connection_out,
	       struct gantry_error *err)
{
	amqp_connection_state_t connection = amqp_new_connection();

	assert(connection != NULL);
	if (login_connect(l, connection, err) < 0 ||
	    login_in(l, connection, err) < 0) {
		amqp_destroy_connection(connection);
		return -1;
	}
	*connection_out = connection;
	return 0;
}
