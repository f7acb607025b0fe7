/* registry/settings.h - what tenon.json's "http" says of requests in general: how long they
 * wait, how often they are made again, whom they believe, and through whom they go. */
#ifndef TENON_REGISTRY_SETTINGS_H
#define TENON_REGISTRY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct tenon_http_settings { /* texts and lists are borrowed from the configuration */
    uint64_t connect_ns;    /* until a connection stands, TLS included */
    uint64_t stall_ns;      /* an answer's body that has begun and does not go on */
    uint64_t send_stall_ns; /* a request's body that nobody takes */
    uint64_t pause_ns;      /* before the second try; then longer ones */
    uint64_t patience_ns;   /* all pauses of one operation */
    const char *cert_file;  /* authorities besides the system's, as SSL_CERT_FILE; or NULL */
    struct json_object *cert_dirs; /* as SSL_CERT_DIR; or NULL */
    bool offline;           /* nobody is asked ("offline", beside "http") */
    const char *proxy_http, *proxy_https, *no_proxy; /* or NULL */
};

/* The defaults for what is not said.  INVALID for what means nothing. */
int tenon_http_settings(struct json_object *config, struct tenon_http_settings *out,
                        struct tenon_error *err);

#endif
