/* SPDX-License-Identifier: Apache-2.0 */
/* tls - see tls.h. Only this file includes GnuTLS. */
#include "gateway/source/http/tls.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <gantry/option.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/base/arena.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"
#include "gateway/base/memory.h"
#include "gateway/source/http/http.h"

#define TLS_MAX_FILE (1u << 20)
#define TLS_MIN_RSA 2048u
/* What every client of today speaks: fresh keys for each connection, and
   ciphers that need no separate MAC. */
#define TLS_PRIORITIES                                                    \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"                      \
	":-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA"                                \
	":-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM"       \
	":-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

struct tls {
	atomic_uint references;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
	int64_t begins_ms, expires_ms;
	bool asks;		/* for a certificate of the client */
};

struct tls_chain {
	gnutls_x509_crt_t *crts;
	unsigned n;
};

static void tls_chain_free(struct tls_chain *chain)
{
	for (unsigned i = 0; i < chain->n; i++)
		gnutls_x509_crt_deinit(chain->crts[i]);
	gnutls_free(chain->crts);
}

/* NULL with err. The caller frees. */
static char *tls_read_file(const char *path, size_t *len_out, struct gantry_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = fd < 0 ? NULL : memory_new(TLS_MAX_FILE + 1);
	size_t len = 0;
	ssize_t n = -1;

	while (fd >= 0 && len <= TLS_MAX_FILE &&
	       (n = read(fd, text + len, TLS_MAX_FILE + 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		gantry_fail(err, "%s: %s", path, strerror(errno));
	else if (len > TLS_MAX_FILE)
		gantry_fail(err, "%s is larger than %u bytes", path, TLS_MAX_FILE);
	if (fd >= 0)
		close(fd);
	if (n == 0 && len <= TLS_MAX_FILE) {
		*len_out = len;
		return text;
	}
	free(text);
	return NULL;
}

static gnutls_datum_t tls_datum(char *text, size_t len)
{
	return (gnutls_datum_t){ (unsigned char *)text, (unsigned)len };
}

static int tls_check_crt(const char *path, gnutls_x509_crt_t crt,
			 struct gantry_error *err)
{
	unsigned bits = 0;
	int algorithm = gnutls_x509_crt_get_pk_algorithm(crt, &bits);

	if (algorithm == GNUTLS_PK_RSA && bits < TLS_MIN_RSA)
		return gantry_fail(err, "%s: an RSA key of %u bits, at least %u are "
				   "needed", path, bits, TLS_MIN_RSA);
	if (!gnutls_x509_crt_check_key_purpose(crt, GNUTLS_KP_TLS_WWW_SERVER, 0))
		return gantry_fail(err, "%s: the certificate is not made for servers "
				   "(extended key usage)", path);
	return 0;
}

/* Ours first, then those that signed it, in any order. */
static int tls_read_chain(const char *path, struct tls_chain *chain,
			  struct gantry_error *err)
{
	size_t len;
	char *text = tls_read_file(path, &len, err);
	gnutls_datum_t pem;
	int rc;

	if (text == NULL)
		return -1;
	pem = tls_datum(text, len);
	rc = gnutls_x509_crt_list_import2(&chain->crts, &chain->n, &pem,
					  GNUTLS_X509_FMT_PEM,
					  GNUTLS_X509_CRT_LIST_SORT);
	free(text);
	if (rc >= 0)
		return tls_check_crt(path, chain->crts[0], err);
	*chain = (struct tls_chain){ 0 };
	if (rc == GNUTLS_E_NO_CERTIFICATE_FOUND)
		return gantry_fail(err, "%s: there is no certificate in PEM", path);
	return gantry_fail(err, "%s: not a chain of certificates: %s", path,
			   gnutls_strerror(rc));
}

static int tls_refuse_key(const char *path, int why, struct gantry_error *err)
{
	switch (why) {
	case GNUTLS_E_DECRYPTION_FAILED:
	case GNUTLS_E_UNKNOWN_CIPHER_TYPE:
		return gantry_fail(err, "%s: the key is encrypted, and there is "
				   "nobody to ask for its passphrase", path);
	case GNUTLS_E_CERTIFICATE_KEY_MISMATCH:
		return gantry_fail(err, "%s: not the key of the certificate", path);
	case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
	case GNUTLS_E_BASE64_DECODING_ERROR:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return gantry_fail(err, "%s: there is no private key in PEM", path);
	}
	return gantry_fail(err, "%s: not a private key that can be used: %s", path,
			   gnutls_strerror(why));
}

static int tls_set_key(struct tls *tls, const char *path,
		       const struct tls_chain *chain, struct gantry_error *err)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_datum_t pem;
	size_t len;
	char *secret = gantry_secret(path, &len, err);
	int rc;

	if (secret == NULL)
		return -1;
	pem = tls_datum(secret, len);
	rc = gnutls_x509_privkey_init(&key);
	if (rc >= 0)
		rc = gnutls_x509_privkey_import2(key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc >= 0)
		rc = gnutls_certificate_set_x509_key(tls->credentials, chain->crts,
						     (int)chain->n, key);
	gnutls_x509_privkey_deinit(key);
	gantry_secret_free(&secret, len);
	return rc < 0 ? tls_refuse_key(path, rc, err) : 0;
}

static int tls_set_cas(struct tls *tls, const char *path, struct gantry_error *err)
{
	gnutls_datum_t pem;
	size_t len;
	char *text = tls_read_file(path, &len, err);
	int rc;

	if (text == NULL)
		return -1;
	pem = tls_datum(text, len);
	rc = gnutls_certificate_set_x509_trust_mem(tls->credentials, &pem,
						   GNUTLS_X509_FMT_PEM);
	free(text);
	if (rc <= 0)
		return gantry_fail(err, "%s: there is no certificate in PEM", path);
	tls->asks = true;
	return 0;
}

/* Said to the other side, too, which else sees its connection end. */
static int tls_refuse_client(gnutls_session_t session, unsigned status)
{
	gnutls_alert_description_t alert =
		status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED) ?
			GNUTLS_A_CERTIFICATE_EXPIRED :
		status & GNUTLS_CERT_SIGNER_NOT_FOUND ? GNUTLS_A_UNKNOWN_CA :
							GNUTLS_A_BAD_CERTIFICATE;
	gnutls_datum_t text = { NULL, 0 };

	if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509,
							 &text, 0) >= 0)
		log_info("http: a client's certificate is refused: %s",
			 (const char *)text.data);
	gnutls_free(text.data);
	gnutls_alert_send(session, GNUTLS_AL_FATAL, alert);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static int tls_verify_client(gnutls_session_t session)
{
	char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st data = { GNUTLS_DT_KEY_PURPOSE_OID,
				       (unsigned char *)purpose, 0 };
	unsigned status = 0;

	if (gnutls_certificate_verify_peers(session, &data, 1, &status) < 0)
		status = GNUTLS_CERT_INVALID;
	return status == 0 ? 0 : tls_refuse_client(session, status);
}

static int tls_load(struct tls *tls, const struct http_tls *files,
		    const char **option_out, struct gantry_error *err)
{
	struct tls_chain chain = { 0 };
	int rc;

	*option_out = "cert_file";
	rc = tls_read_chain(files->cert_file, &chain, err);
	if (rc == 0) {
		tls->begins_ms = gnutls_x509_crt_get_activation_time(chain.crts[0]) *
				 INT64_C(1000);
		tls->expires_ms = gnutls_x509_crt_get_expiration_time(chain.crts[0]) *
				  INT64_C(1000);
		*option_out = "key_file";
		rc = tls_set_key(tls, files->key_file, &chain, err);
	}
	tls_chain_free(&chain);
	if (rc == 0 && files->client_ca_file != NULL) {
		*option_out = "client_ca_file";
		rc = tls_set_cas(tls, files->client_ca_file, err);
	}
	return rc;
}

int tls_new(const struct http_tls *files, struct tls **tls_out,
	    const char **option_out, struct gantry_error *err)
{
	struct tls *tls = memory_new(sizeof(*tls));

	assert(files->cert_file != NULL && files->key_file != NULL);
	atomic_init(&tls->references, 1);
	*option_out = "cert_file";
	if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0 ||
	    gnutls_priority_init(&tls->priorities, TLS_PRIORITIES, NULL) < 0) {
		gantry_fail(err, "GnuTLS has not what is needed");
	} else if (tls_load(tls, files, option_out, err) == 0) {
		gnutls_certificate_set_verify_function(tls->credentials,
						       tls_verify_client);
		*tls_out = tls;
		return 0;
	}
	tls_release(&tls);
	return -1;
}

struct tls *tls_hold(struct tls *tls)
{
	atomic_fetch_add(&tls->references, 1);
	return tls;
}

void tls_release(struct tls **tls_p)
{
	struct tls *tls = *tls_p;

	*tls_p = NULL;
	if (tls == NULL || atomic_fetch_sub(&tls->references, 1) > 1)
		return;
	if (tls->priorities != NULL)
		gnutls_priority_deinit(tls->priorities);
	if (tls->credentials != NULL)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

static const char *tls_date(int64_t ms, char out[static 32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return "?";
	return out;
}

int tls_check_time(const struct tls *tls, int64_t now_ms, struct gantry_error *err)
{
	char date[32];

	if (now_ms >= tls->expires_ms)
		return gantry_fail(err, "the certificate has expired on %s",
				   tls_date(tls->expires_ms, date));
	if (now_ms < tls->begins_ms)
		return gantry_fail(err, "the certificate is not valid before %s",
				   tls_date(tls->begins_ms, date));
	return 0;
}

int64_t tls_expires_ms(const struct tls *tls)
{
	return tls->expires_ms;
}

static int tls_retrieve_none(gnutls_session_t session, const gnutls_datum_t *names,
			     int n_names, const gnutls_pk_algorithm_t *algorithms,
			     int n_algorithms, gnutls_pcert_st **certificates,
			     unsigned *n_certificates, gnutls_privkey_t *key)
{
	(void)session;
	(void)names;
	(void)n_names;
	(void)algorithms;
	(void)n_algorithms;
	(void)certificates;
	(void)n_certificates;
	(void)key;
	return -1;
}

void *tls_no_certificate(void)
{
	gnutls_certificate_retrieve_function2 *none = tls_retrieve_none;

	return (void *)(uintptr_t)none;
}

int tls_begin(struct tls *tls, void *session)
{
	if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0 ||
	    gnutls_priority_set(session, tls->priorities) < 0)
		return -1;
	gnutls_certificate_server_set_request(session, tls->asks ? GNUTLS_CERT_REQUIRE :
								   GNUTLS_CERT_IGNORE);
	return 0;
}

/* Before the end of the handshake nothing can be said, and GnuTLS refuses. */
void tls_last_word(void *session, const char *text, size_t len)
{
	if (gnutls_record_send(session, text, len) >= 0)
		gnutls_bye(session, GNUTLS_SHUT_WR);
}
