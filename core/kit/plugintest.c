/* kit/plugintest.c - see tenon-plugin-test.h. */
#include "tenon-plugin-test.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "kit/standin.h"
#include "plugin/plugins.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/vec.h"

struct tenon_test {
    void *module;
    const struct tenon_plugin *plugin;
    void *self;
    struct tenon_values *config;
    struct tenon_standin *work;
    struct tenon_key *key;
    TENON_VEC(struct tenon_values *) options; /* of this unit of work */
    struct tenon_error err;
};

/* mount_hello_LTX_tenon_plugin_query of "./mount-hello.so". */
static const struct tenon_plugin *
query(void *module, const char *file)
{
    const struct tenon_plugin *(*function)(void);
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    auto_free char *symbol = tenon_asprintf("%.*s_LTX_tenon_plugin_query",
                                            (int)strcspn(base, "."), base);
    for (char *p = symbol; *p; p++)
        if (*p == '-')
            *p = '_';
    void *found = dlsym(module, symbol);
    if (!found) {
        fprintf(stderr, "%s does not export %s\n", file, symbol);
        return NULL;
    }
    memcpy(&function, &found, sizeof function);
    const struct tenon_plugin *p = function();
    if (!p || p->magic != TENON_PLUGIN_MAGIC || p->abi_major != TENON_ABI_MAJOR) {
        fprintf(stderr, "%s is no plugin of interface %u\n", file, TENON_ABI_MAJOR);
        return NULL;
    }
    if (p->need_minor <= TENON_ABI_MINOR)
        return p;
    fprintf(stderr, "%s needs interface %u.%u, this library has %u.%u\n", file, p->abi_major,
            p->need_minor, TENON_ABI_MAJOR, TENON_ABI_MINOR);
    return NULL;
}

static int
start(struct tenon_test *t, const char *const *config)
{
    const struct tenon_plugin *p = t->plugin;
    if (tenon_values_parse(p->config, p->param_size, config, "configuration",
                           &t->config, &t->err) < 0)
        return t->err.code;
    return p->init ? p->init(tenon_standin_host(), t->config, &t->self, &t->err)
                   : TENON_OK;
}

static void
release(struct tenon_test *t)
{
    tenon_test_next(t);
    tenon_standin_free(t->work);
    tenon_standin_key_free(t->key);
    tenon_values_free(t->config);
    tenon_error_release(&t->err);
    tenon_vec_release(&t->options);
    free(t); /* the module stays, as in tenon */
}

struct tenon_test *
tenon_test_open(const char *file, const char *const *config)
{
    struct tenon_test *t = tenon_new0(struct tenon_test);
    t->work = tenon_standin_new();
    t->module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!t->module)
        fprintf(stderr, "%s\n", dlerror());
    else
        t->plugin = query(t->module, file);
    if (t->plugin && start(t, config) == TENON_OK)
        return t;
    if (t->plugin)
        fprintf(stderr, "%s does not start: %s\n", file, tenon_test_message(t));
    release(t);
    return NULL;
}

void
tenon_test_close(struct tenon_test *t)
{
    if (!t)
        return;
    if (t->plugin->fini)
        t->plugin->fini(t->self);
    release(t);
}

const struct tenon_plugin *
tenon_test_plugin(struct tenon_test *t)
{
    return t->plugin;
}

const struct tenon_host *
tenon_test_host(void)
{
    return tenon_standin_host();
}

void *
tenon_test_self(struct tenon_test *t)
{
    return t->self;
}

struct tenon_ctx *
tenon_test_ctx(struct tenon_test *t)
{
    return tenon_standin_ctx(t->work);
}

void
tenon_test_next(struct tenon_test *t)
{
    tenon_vec_foreach (v, &t->options)
        tenon_values_free(*v);
    t->options.len = 0;
    tenon_standin_free(t->work);
    t->work = tenon_standin_new();
}

struct tenon_error *
tenon_test_error(struct tenon_test *t)
{
    tenon_error_release(&t->err);
    return &t->err;
}

const char *
tenon_test_message(struct tenon_test *t)
{
    return t->err.message ? t->err.message : "";
}

const char *
tenon_test_log(struct tenon_test *t)
{
    return tenon_standin_log(t->work);
}

const struct tenon_values *
tenon_test_options(struct tenon_test *t, const char *const *pairs)
{
    const struct tenon_plugin *p = t->plugin;
    struct tenon_values *v = NULL;
    if (tenon_values_parse(p->options, p->param_size, pairs, p->name, &v,
                           tenon_test_error(t)) == 0)
        tenon_vec_push(&t->options, v);
    return v;
}

void
tenon_test_give(struct tenon_test *t, const char *service, const char *id,
                const void *data, size_t len)
{
    tenon_standin_give(t->work, service, id, data, len);
}

void
tenon_test_fail(struct tenon_test *t, unsigned nth)
{
    tenon_standin_fail(t->work, nth);
}

bool
tenon_test_has_failed(struct tenon_test *t)
{
    return tenon_standin_has_failed(t->work);
}

void
tenon_test_cancel(struct tenon_test *t)
{
    tenon_standin_cancel(t->work);
}

int
tenon_test_attach(struct tenon_test *t, const char *const *pairs,
                  struct tenon_mount *out)
{
    const struct tenon_values *values = tenon_test_options(t, pairs);
    *out = (struct tenon_mount){.struct_size = sizeof *out, .fd = -1};
    if (!values)
        return t->err.code;
    const struct tenon_mount_request req = {
        .struct_size = sizeof req,
        .options = values,
        .target = "/target",
        .input_fd = -1,
    };
    if (t->plugin->kind != TENON_KIND_MOUNT || !t->plugin->ops.mount ||
        !t->plugin->ops.mount->attach)
        return tenon_error_set(&t->err, TENON_E_INVALID, "%s is no mount type with attach",
                               t->plugin->name);
    return t->plugin->ops.mount->attach(t->self, tenon_test_ctx(t), &req, out,
                                        &t->err);
}

void
tenon_test_detach(struct tenon_test *t, struct tenon_mount *m)
{
    const struct tenon_mount_ops *ops =
        t->plugin->kind == TENON_KIND_MOUNT ? t->plugin->ops.mount : NULL;
    if (ops && ops->detach)
        ops->detach(t->self, tenon_test_ctx(t), m->cookie, true);
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
}

const char *
tenon_test_key(struct tenon_test *t, const char *const *pairs)
{
    const struct tenon_values *values = tenon_test_options(t, pairs);
    tenon_standin_key_free(t->key);
    t->key = tenon_standin_key_new();
    if (!values)
        return NULL;
    const bool asked = t->plugin->key_policy == TENON_KEY_CONTENT;
    if (asked && !t->plugin->cache_key) {
        tenon_error_set(&t->err, TENON_E_INVALID,
                        "%s has TENON_KEY_CONTENT and no cache_key", t->plugin->name);
        return NULL;
    }
    if (asked && t->plugin->cache_key(t->self, tenon_test_ctx(t), values, t->key,
                             &t->err) < 0)
        return NULL;
    return tenon_standin_key_text(t->key);
}

int
tenon_test_read(int fd, char *text, size_t size)
{
    auto_free char *path = tenon_asprintf("/proc/self/fd/%d", fd);
    auto_close int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = file < 0 ? -1 : 1;
    while (n > 0 && len < size - 1) {
        n = read(file, text + len, size - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    text[len] = 0;
    return n < 0 ? -1 : (int)len;
}
