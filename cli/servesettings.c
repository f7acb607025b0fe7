/* cli/servesettings.c - where and for whom `tenon serve` serves. */
#include "servesettings.h"

#include <errno.h>
#include <grp.h>
#include <string.h>

#include "base/log.h"
#include "tools/alloc.h"
#include "tools/parse.h"

enum { OWNER_ALONE = 0600, OTHERS = 07, GROUP_MAX = 64 * 1024 };

int
serve_settings_add_address(struct serve_settings *s, const char *address, struct tenon_error *err)
{
    if (s->address_count >= SERVE_PLACES_MAX)
        return tenon_error_set(err, TENON_E_INVALID, "more than %d addresses", SERVE_PLACES_MAX);
    s->addresses[s->address_count++] = address;
    return 0;
}

static int
fill_text(const char **to, struct json_object *from, const char *key, struct tenon_error *err)
{
    const char *text = NULL;

    if (tenon_json_get_str(from, key, NULL, &text, err) < 0)
        return err->code;
    *to = *to ? *to : text;
    return 0;
}

static int
fill_addresses(struct serve_settings *s, struct json_object *from, struct tenon_error *err)
{
    struct json_object *list = NULL;

    if (tenon_json_get_array(from, "addresses", &list, err) < 0 || s->address_count > 0)
        return err->code;
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        if (!json_object_is_type(one, json_type_string))
            return tenon_error_set(err, TENON_E_INVALID, "addresses: expected strings");
        if (serve_settings_add_address(s, json_object_get_string(one), err) < 0)
            return err->code;
    }
    return 0;
}

int
serve_settings_fill(struct serve_settings *s, struct json_object *config, struct tenon_error *err)
{
    struct json_object *serve = NULL, *tls = NULL;

    if (tenon_json_get_object(config, "serve", &serve, err) < 0)
        return tenon_error_context(err, "configuration");
    if (!serve)
        return 0;
    if (fill_addresses(s, serve, err) < 0 || fill_text(&s->mode, serve, "mode", err) < 0 ||
        fill_text(&s->group, serve, "group", err) < 0 ||
        fill_text(&s->idle, serve, "idle", err) < 0 ||
        tenon_json_get_object(serve, "tls", &tls, err) < 0 ||
        (tls && (fill_text(&s->ca, tls, "ca", err) < 0 ||
                 fill_text(&s->cert, tls, "cert", err) < 0 ||
                 fill_text(&s->key, tls, "key", err) < 0)))
        return tenon_error_context(err, "configuration: serve");
    return 0;
}

/* A name or a number. */
static int
find_group(const char *text, gid_t *out, struct tenon_error *err)
{
    uint64_t number;
    struct group room, *found = NULL;
    auto_free char *names = tenon_malloc(GROUP_MAX);

    if (tenon_parse_u64(text, 10, &number) && number < (gid_t)-1) {
        *out = (gid_t)number;
        return 0;
    }
    const int rc = getgrnam_r(text, &room, names, GROUP_MAX, &found);
    if (!found)
        return tenon_error_set(err, TENON_E_INVALID, "--group %s: %s", text,
                               rc == 0 ? "there is no such group" : strerror(rc));
    *out = found->gr_gid;
    return 0;
}

int
serve_settings_rules(const struct serve_settings *s, struct serve_rules *out,
                     struct tenon_error *err)
{
    uint64_t mode = s->group ? OWNER_ALONE | OWNER_ALONE >> 3 : OWNER_ALONE;

    if (s->mode && (!tenon_parse_u64(s->mode, 8, &mode) || mode & ~UINT64_C(0777)))
        return tenon_error_set(err, TENON_E_INVALID, "--mode %s: expected rights as 0660", s->mode);
    *out = (struct serve_rules){.mode = (mode_t)mode, .has_group = s->group != NULL, .ca = s->ca,
                                .cert = s->cert, .key = s->key};
    if (mode & OTHERS)
        tenon_log(TENON_LOG_WARNING, "mode %s: everybody on this machine gets this user's powers",
                  s->mode);
    return s->group ? find_group(s->group, &out->group, err) : 0;
}

int
serve_settings_idle(const struct serve_settings *s, uint64_t *ns, struct tenon_error *err)
{
    int64_t time = 0;

    if (s->idle && (!tenon_parse_duration(s->idle, &time) || time <= 0))
        return tenon_error_set(err, TENON_E_INVALID, "--idle %s: expected a time as 10m", s->idle);
    *ns = (uint64_t)time;
    return 0;
}
