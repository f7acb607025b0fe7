/* cli/servesettings.h - where and for whom `tenon serve` serves: flags, and for what they leave
 * open the configuration's
 *
 *   "serve": {"addresses": ["unix:///run/tenon/tenon.sock", "tcp://0.0.0.0:8443"],
 *             "group": "docker", "mode": "0660", "idle": "10m",
 *             "tls": {"ca": "...", "cert": "...", "key": "..."}} */
#ifndef TENON_CLI_SERVESETTINGS_H
#define TENON_CLI_SERVESETTINGS_H

#include "cli.h"
#include "serve.h"

struct serve_settings { /* texts as they were given, borrowed; NULL: not */
    const char *addresses[SERVE_PLACES_MAX];
    size_t address_count;
    const char *mode, *group, *idle, *ca, *cert, *key;
    const char *entitlements[4]; /* each once; ends with NULL */
};

int serve_settings_add_address(struct serve_settings *s, const char *address,
                               struct tenon_error *err);
/* What is not there yet. */
int serve_settings_fill(struct serve_settings *s, struct json_object *config,
                        struct tenon_error *err);
/* What the texts mean. */
int serve_settings_rules(const struct serve_settings *s, struct serve_rules *out,
                         struct tenon_error *err);
int serve_settings_idle(const struct serve_settings *s, uint64_t *ns, struct tenon_error *err);

#endif
