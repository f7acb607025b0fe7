/* common/objects/settings.c - what stores of objects are told by options and the environment, and
 * keys as parts of URLs. */
#include "common/objects/objects.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/cleanup.h"

#define VALUE_MAX 16384

const char *
objects_environment(const struct tenon_host *host, struct tenon_ctx *ctx, const char *variable)
{
    struct tenon_error *ignored = host->error->create(ctx);
    auto_close int fd = host->client->open(ctx, "env", variable, ignored);
    if (fd < 0)
        return NULL;
    char *text = host->ctx->alloc(ctx, VALUE_MAX + 1);
    ssize_t n;
    do
        n = pread(fd, text, VALUE_MAX, 0);
    while (n < 0 && errno == EINTR);
    return n > 0 ? text : NULL;
}

const char *
objects_setting(const struct tenon_host *host, struct tenon_ctx *ctx,
                const struct tenon_values *options, const char *option, const char *variable,
                const char *def)
{
    if (host->values->given(options, option))
        return host->values->get_string(options, option);
    const char *value = variable ? objects_environment(host, ctx, variable) : NULL;
    return value ? value : def;
}

char *
objects_path(const char *key)
{
    struct tenon_buf out = TENON_BUF_INIT;
    for (; *key; key++) {
        unsigned char c = (unsigned char)*key;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~/", c);
        if (plain)
            tenon_buf_add(&out, key, 1);
        else
            tenon_buf_addf(&out, "%%%02X", c);
    }
    return tenon_buf_steal(&out);
}

char *
objects_host(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    char *out = tenon_strndup(host, strcspn(host, "/?#"));
    const char *own = strncmp(url, "https:", 6) == 0 ? ":443" : ":80";
    size_t len = strlen(out), own_len = strlen(own);
    if (len > own_len && strcmp(out + len - own_len, own) == 0)
        out[len - own_len] = '\0';
    return out;
}
