/* tenon-json.h - JSON as plugins write it, and the configuration of an image.
 *
 * SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * C99, usable from C++; compiled into the plugin, so that nothing of it is part of the interface.
 * Texts live until the ctx ends.
 *
 *     struct tenon_json j;
 *     tenon_json_begin(&j, host, ctx);
 *     tenon_json_open(&j, NULL, '{');
 *     tenon_json_string(&j, "name", name);
 *     tenon_json_open(&j, "files", '[');
 *     tenon_json_int(&j, NULL, 42);
 *     const char *text = tenon_json_end(&j);      closes what is open: {"name":"x","files":[42]}
 */
#ifndef TENON_JSON_H
#define TENON_JSON_H

#include <stdio.h>
#include <string.h>

#include <tenon-plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_JSON_DEPTH 32 /* what is deeper makes tenon_json_end answer NULL */

struct tenon_json {
    const struct tenon_host *host;
    struct tenon_ctx *ctx;
    char *text;
    size_t len, room;
    uint32_t depth, too_deep;
    bool needs_comma, lost;
    char closers[TENON_JSON_DEPTH];
};

static inline void
tenon_json_begin(struct tenon_json *j, const struct tenon_host *host, struct tenon_ctx *ctx)
{
    memset(j, 0, sizeof *j);
    j->host = host;
    j->ctx = ctx;
}

static inline void
tenon_json_put_(struct tenon_json *j, const char *text, size_t len)
{
    if (j->room - j->len <= len) {
        const size_t room = 2 * j->room + len + 256;
        char *grown = (char *)j->host->ctx->alloc(j->ctx, room);
        if (j->len)
            memcpy(grown, j->text, j->len);
        j->text = grown;
        j->room = room;
    }
    memcpy(j->text + j->len, text, len);
    j->len += len;
    j->text[j->len] = '\0';
}

/* Bytes of the character that a text begins with, if it goes into JSON as it is, or 0. */
static inline size_t
tenon_json_plain_(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    const size_t len = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (len == 1)
        return c[0] >= ' ' && c[0] != '"' && c[0] != '\\';
    if (c[0] < 0xc2 || c[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than it needs to be, half of a pair, beyond the last. */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return len;
}

static inline void
tenon_json_quote_(struct tenon_json *j, const char *value)
{
    tenon_json_put_(j, "\"", 1);
    while (*value) {
        size_t plain = 0, len;
        char code[8];
        while ((len = tenon_json_plain_(value + plain)) > 0)
            plain += len;
        tenon_json_put_(j, value, plain);
        value += plain;
        if (!*value)
            break;
        if (*value == '"' || *value == '\\')
            snprintf(code, sizeof code, "\\%c", *value);
        else /* a byte that is no UTF-8 is U+FFFD */
            snprintf(code, sizeof code, "\\u%04x",
                     (unsigned char)*value < 0x80 ? (unsigned)(unsigned char)*value : 0xfffdU);
        tenon_json_put_(j, code, strlen(code));
        value++;
    }
    tenon_json_put_(j, "\"", 1);
}

static inline void
tenon_json_lead_(struct tenon_json *j, const char *key)
{
    if (j->needs_comma)
        tenon_json_put_(j, ",", 1);
    j->needs_comma = true;
    if (key) {
        tenon_json_quote_(j, key);
        tenon_json_put_(j, ":", 1);
    }
}

/* kind: '{' or '['.  In each of these key is NULL within a list and outermost. */
static inline void
tenon_json_open(struct tenon_json *j, const char *key, char kind)
{
    if (j->depth == TENON_JSON_DEPTH) {
        j->lost = true;
        j->too_deep++;
        return;
    }
    tenon_json_lead_(j, key);
    tenon_json_put_(j, &kind, 1);
    j->closers[j->depth++] = kind == '[' ? ']' : '}';
    j->needs_comma = false;
}

static inline void
tenon_json_close(struct tenon_json *j)
{
    if (j->too_deep) {
        j->too_deep--;
        return;
    }
    if (!j->depth)
        return;
    tenon_json_put_(j, &j->closers[--j->depth], 1);
    j->needs_comma = true;
}

/* Already JSON. */
static inline void
tenon_json_raw(struct tenon_json *j, const char *key, const char *json)
{
    if (j->too_deep)
        return;
    tenon_json_lead_(j, key);
    tenon_json_put_(j, json, strlen(json));
}

static inline void
tenon_json_string(struct tenon_json *j, const char *key, const char *value)
{
    if (!value || j->too_deep) {
        tenon_json_raw(j, key, "null");
        return;
    }
    tenon_json_lead_(j, key);
    tenon_json_quote_(j, value);
}

static inline void
tenon_json_int(struct tenon_json *j, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    tenon_json_raw(j, key, text);
}

static inline void
tenon_json_bool(struct tenon_json *j, const char *key, bool value)
{
    tenon_json_raw(j, key, value ? "true" : "false");
}

/* A list of strings, NULL at its end. */
static inline void
tenon_json_strings(struct tenon_json *j, const char *key, const char *const *list)
{
    tenon_json_open(j, key, '[');
    for (; list && *list; list++)
        tenon_json_string(j, NULL, *list);
    tenon_json_close(j);
}

/* Closes what is open.  NULL: something was too deep. */
static inline const char *
tenon_json_end(struct tenon_json *j)
{
    while (j->depth || j->too_deep)
        tenon_json_close(j);
    return j->lost ? NULL : j->text ? j->text : "";
}

/* ---- the configuration of an image ------------------------------------------ */

struct tenon_image_config { /* absent members are NULL; lists end with NULL */
    const char *platform;   /* "linux/arm64/v8"; NULL: linux/amd64 */
    const char *user, *working_dir, *stop_signal;
    const char *created;    /* RFC 3339 */
    const char *const *env; /* "K=V" */
    const char *const *entrypoint, *const *cmd;
    const char *const *labels; /* "K=V"; of one name the last */
    const char *const *exposed_ports; /* "80/tcp" */
    const char *const *volumes;
};

static inline size_t
tenon_json_name_len_(const char *item, bool named)
{
    return named ? strlen(item) : strcspn(item, "=");
}

/* Whether the first of a list has its name once more further on. */
static inline bool
tenon_json_comes_again_(const char *const *list, bool named)
{
    const size_t len = tenon_json_name_len_(*list, named);
    for (const char *const *l = list + 1; *l; l++)
        if (tenon_json_name_len_(*l, named) == len && memcmp(*list, *l, len) == 0)
            return true;
    return false;
}

/* "K=V" as members, or as names of empty objects; of one name the last. */
static inline void
tenon_json_members_(struct tenon_json *j, const char *key, const char *const *list, bool named)
{
    if (!list || !*list)
        return;
    tenon_json_open(j, key, '{');
    for (; *list; list++) {
        const char *eq = named ? NULL : strchr(*list, '=');
        if (tenon_json_comes_again_(list, named))
            continue;
        char *name = j->host->ctx->strdup(j->ctx, *list);
        if (eq)
            name[eq - *list] = '\0';
        if (named)
            tenon_json_raw(j, name, "{}");
        else
            tenon_json_string(j, name, eq ? eq + 1 : "");
    }
    tenon_json_close(j);
}

/* For result->set("containerimage.config"): layers and history are the core's to add. */
static inline const char *
tenon_image_config_json(const struct tenon_host *host, struct tenon_ctx *ctx,
                        const struct tenon_image_config *c)
{
    struct tenon_json j;
    char *os = host->ctx->strdup(ctx, c->platform ? c->platform : "linux/amd64");
    char *arch = strchr(os, '/'), *variant = arch ? strchr(arch + 1, '/') : NULL;
    const struct {
        const char *key, *value;
    } texts[] = {{"User", c->user}, {"WorkingDir", c->working_dir}, {"StopSignal", c->stop_signal}};
    if (variant)
        *variant++ = '\0';
    if (arch)
        *arch++ = '\0';
    tenon_json_begin(&j, host, ctx);
    tenon_json_open(&j, NULL, '{');
    if (c->created)
        tenon_json_string(&j, "created", c->created);
    tenon_json_string(&j, "architecture", arch ? arch : "amd64");
    if (variant)
        tenon_json_string(&j, "variant", variant);
    tenon_json_string(&j, "os", os);
    tenon_json_open(&j, "config", '{');
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].value)
            tenon_json_string(&j, texts[i].key, texts[i].value);
    if (c->env)
        tenon_json_strings(&j, "Env", c->env);
    if (c->entrypoint)
        tenon_json_strings(&j, "Entrypoint", c->entrypoint);
    if (c->cmd)
        tenon_json_strings(&j, "Cmd", c->cmd);
    tenon_json_members_(&j, "Labels", c->labels, false);
    tenon_json_members_(&j, "ExposedPorts", c->exposed_ports, true);
    tenon_json_members_(&j, "Volumes", c->volumes, true);
    return tenon_json_end(&j);
}

#ifdef __cplusplus
}
#endif
#endif
