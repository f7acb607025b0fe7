/* exec/env.c - the environment of a step. */
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "exec/private.h"

static char **
find(char **env, const char *pair)
{
    size_t n = strcspn(pair, "=");
    for (char **e = env; e && *e; e++)
        if (!strncmp(*e, pair, n) && (*e)[n] == '=')
            return e;
    return NULL;
}

void
tenon_step_env_add(struct tenon_step *s, const char *pair)
{
    char **old = find(s->env, pair);
    if (!old) {
        tenon_strv_push(&s->env, tenon_strdup(pair));
        return;
    }
    free(*old);
    *old = tenon_strdup(pair);
}

static void
add_default(struct tenon_step *s, const char *pair)
{
    if (!find(s->env, pair))
        tenon_strv_push(&s->env, tenon_strdup(pair));
}

static void
add_proxies(struct tenon_step *s)
{
    static const char *const names[5][2] = {
        { "HTTP_PROXY", "http_proxy" }, { "HTTPS_PROXY", "https_proxy" },
        { "FTP_PROXY", "ftp_proxy" },   { "NO_PROXY", "no_proxy" },
        { "ALL_PROXY", "all_proxy" },
    };
    for (size_t i = 0; i < tenon_countof(names); i++) {
        const char *value = s->op->proxy[i];
        if (!value || !*value)
            continue;
        for (size_t k = 0; k < 2; k++) {
            auto_free char *pair = tenon_asprintf("%s=%s", names[i][k], value);
            tenon_step_env_add(s, pair);
        }
    }
}

static int
add_secret(struct tenon_step *s, const struct tenon_op_secretenv *e, struct tenon_error *err)
{
    if (!e->id || !*e->id)
        return tenon_error_set(err, TENON_E_INVALID,
                               "secret ID missing for \"%s\" environment variable", e->name);
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    auto_close int fd = tenon_ctx_client_open(s->ctx, "secret", e->id, &why);
    char *pair = NULL;
    if (fd == TENON_E_NOT_FOUND && e->optional) {
        pair = tenon_asprintf("%s=", e->name);
    } else if (fd == TENON_E_NOT_FOUND) {
        tenon_error_set(err, TENON_E_NOT_FOUND, "secret %s: not found", e->id);
        tenon_error_hint(err, "pass --secret id=%s,src=FILE", e->id);
        return err->code;
    } else if (fd < 0) {
        return tenon_error_move(err, &why);
    } else {
        char *data = tenon_malloc(TENON_SECRET_MAX_BYTES + 1);
        int64_t n = tenon_read_full(fd, data, TENON_SECRET_MAX_BYTES + 1, err);
        if (n > TENON_SECRET_MAX_BYTES)
            tenon_error_set(err, TENON_E_LIMIT, "secret %s too big. max size 500KB", e->id);
        else if (n >= 0 && memchr(data, 0, (size_t)n))
            tenon_error_set(err, TENON_E_INVALID,
                            "secret %s: holds a NUL byte, which no variable can", e->id);
        if (!err->code) {
            tenon_ctx_add_secret(s->ctx, data, (size_t)n);
            pair = tenon_asprintf("%s=%.*s", e->name, (int)n, data);
        }
        explicit_bzero(data, TENON_SECRET_MAX_BYTES + 1);
        free(data);
        if (err->code)
            return err->code;
    }
    tenon_step_env_add(s, pair);
    explicit_bzero(pair, strlen(pair));
    free(pair);
    return 0;
}

/* "[build 2/5] /src # ", in words that every shell has. */
static void
add_prompt(struct tenon_step *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./ [";
    const char *name = s->v->name ? s->v->name : "";
    const size_t len = strspn(name, plain);
    auto_free char *place = name[0] == '[' && name[len] == ']' ? tenon_strndup(name, len + 1)
                                                               : tenon_strdup("[failed step]");
    auto_free char *pair = tenon_asprintf("PS1=%s $PWD %c ", place, s->user.uid ? '$' : '#');
    tenon_step_env_add(s, pair);
}

int
tenon_step_env(struct tenon_step *s, struct tenon_error *err)
{
    /* Mount plugins have set theirs already: they go after the op's own, and replace
     * those of the same name. */
    char **plugins = tenon_steal(&s->env);
    for (const char *const *e = s->op->env; e && *e; e++)
        tenon_strv_push(&s->env, tenon_strdup(*e));
    for (char **e = plugins; e && *e; e++)
        tenon_step_env_add(s, *e);
    tenon_strv_free(plugins);

    add_proxies(s);
    add_default(s, TENON_EXEC_PATH);
    for (size_t i = 0; i < s->op->secretenv_count; i++)
        if (add_secret(s, &s->op->secretenv[i], err) < 0)
            return err->code;
    const char *home = s->user.home && *s->user.home ? s->user.home : "/";
    auto_free char *pair = tenon_asprintf("HOME=%s", home);
    char **given = find(s->env, "HOME=");
    if (!given || !(*given)[strlen("HOME=")]) /* runtimes treat an empty one as unset */
        tenon_step_env_add(s, pair);
    if (s->prompt)
        add_prompt(s);
    return 0;
}
