/* plugin/plugins.c - discovery, checks, and the core's own copy of what a plugin
 * declares. */
#include "plugin/plugins.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/sized.h"
#include "tools/buf.h"
#include "tools/parse.h"
#include "tools/vec.h"
#include "plugin/calls.h"
#include "plugin/module.h"
#include "plugin/names.h"
#include "plugin/segments.h"

/* The largest ops table we know; older plugins' shorter ones are zero-filled. */
union ops_copy {
    struct tenon_frontend_ops frontend;
    struct tenon_source_ops source;
    struct tenon_mount_ops mount;
    struct tenon_executor_ops executor;
    struct tenon_exporter_ops exporter;
    struct tenon_progress_ops progress;
    struct tenon_cache_ops cache;
    struct tenon_attester_ops attester;
};

struct loaded {
    struct tenon_module module; /* first: the public part */
    union ops_copy ops;
    struct tenon_param *params[2]; /* of another stride: our copies of config, options */
    struct tenon_values *config;
    pthread_mutex_t serial;
    bool inited;
    const struct tenon_plugin_file *file;
};

struct tenon_plugins {
    TENON_VEC(struct tenon_plugin_file) files; /* first hit of a name wins */
    TENON_VEC(struct tenon_plugin_skipped) skipped;
    TENON_VEC(struct loaded *) loaded;
    struct json_object *config;
    const struct tenon_host *host;
    char *builtin_dir;
    pthread_mutex_t lock; /* loaded, and each plugin's init */
};

static const char *const kind_names[] = {
    [TENON_KIND_FRONTEND] = "frontend", [TENON_KIND_SOURCE] = "source",
    [TENON_KIND_MOUNT] = "mount",       [TENON_KIND_EXECUTOR] = "executor",
    [TENON_KIND_EXPORTER] = "exporter", [TENON_KIND_PROGRESS] = "progress",
    [TENON_KIND_CACHE] = "cache",       [TENON_KIND_ATTESTER] = "attester",
    [TENON_KIND_SCANNER] = "scanner",
};

const char *
tenon_kind_name(enum tenon_kind kind)
{
    return (size_t)kind < tenon_countof(kind_names) && kind_names[kind]
               ? kind_names[kind] : "?";
}

static void
begin(const struct tenon_plugin *p, const char *op)
{
    tenon_call_begin(tenon_kind_name((enum tenon_kind)p->kind), p->name, op);
}

static bool
split_file_name(const char *file, enum tenon_kind *kind, char **name)
{
    size_t len = strlen(file);
    const char *hyphen = strchr(file, '-');
    if (!hyphen || len < 4 || strcmp(file + len - 3, ".so"))
        return false;
    for (size_t i = 1; i < tenon_countof(kind_names); i++) {
        if (strlen(kind_names[i]) != (size_t)(hyphen - file) ||
            memcmp(kind_names[i], file, (size_t)(hyphen - file)))
            continue;
        *kind = (enum tenon_kind)i;
        *name = tenon_strndup(hyphen + 1, (size_t)(file + len - 3 - (hyphen + 1)));
        if (**name >= 'a' && **name <= 'z' &&
            strspn(*name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(*name))
            return true;
        free(*name);
        return false;
    }
    return false;
}

static int
by_kind_and_name(const void *a, const void *b)
{
    const struct tenon_plugin_file *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->name, y->name);
}

static struct tenon_plugin_file *
find_file(struct tenon_plugins *p, enum tenon_kind kind, const char *name)
{
    tenon_vec_foreach(f, &p->files)
        if (f->kind == kind && !f->shadowed && !strcmp(f->name, name))
            return f;
    return NULL;
}

static void
skip(struct tenon_plugins *p, char *path, const char *why)
{
    struct tenon_plugin_skipped s = { .path = path, .why = tenon_strdup(why) };
    tenon_vec_push(&p->skipped, s);
}

/* Libraries may lie beside plugins; one that was meant to be a plugin is looked for in vain. */
static const char *
why_no_plugin(const char *file)
{
    size_t kind_len = strcspn(file, "-");
    for (size_t i = 1; i < tenon_countof(kind_names); i++)
        if (!strncmp(file, kind_names[i], kind_len) && !kind_names[i][kind_len])
            return "behind the kind are small letters, digits and hyphens only, a letter first";
    return "the name is not KIND-NAME.so with a kind of plugin";
}

enum absent { ABSENT_FAILS, ABSENT_IS_SKIPPED, CLOSED_IS_SKIPPED };

static int
list_dir(struct tenon_plugins *p, const char *dir, enum absent absent, struct tenon_error *err)
{
    if (*dir != '/')
        return tenon_error_set(err, TENON_E_INVALID,
                               "plugin directory \"%s\" is not an absolute path", dir);
    auto_dir DIR *d = opendir(dir);
    if (!d) {
        if (absent != ABSENT_FAILS && errno == ENOENT) {
            skip(p, tenon_strdup(dir), "there is no such directory");
            return TENON_OK;
        }
        if (absent == CLOSED_IS_SKIPPED) {
            skip(p, tenon_strdup(dir), strerror(errno));
            return TENON_OK;
        }
        return tenon_error_sys(err, "open plugin directory %s", dir);
    }
    size_t first = p->files.len;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        enum tenon_kind kind;
        char *name;
        if (!split_file_name(e->d_name, &kind, &name)) {
            if (tenon_has_suffix(e->d_name, ".so"))
                skip(p, tenon_asprintf("%s/%s", dir, e->d_name), why_no_plugin(e->d_name));
            continue;
        }
        struct tenon_plugin_file f = {
            .kind = kind, .name = name,
            .path = tenon_asprintf("%s/%s", dir, e->d_name),
            .shadowed = find_file(p, kind, name) != NULL,
        };
        tenon_vec_push(&p->files, f);
    }
    if (p->files.len > first)
        qsort(p->files.items + first, p->files.len - first,
              sizeof *p->files.items, by_kind_and_name);
    return TENON_OK;
}

int
tenon_plugins_new(const struct tenon_plugins_options *o,
                  struct tenon_plugins **out, struct tenon_error *err)
{
    struct tenon_plugins *p = tenon_new0(struct tenon_plugins);
    p->config = o->config;
    p->host = o->host;
    p->builtin_dir = tenon_strdup(o->builtin_dir);
    pthread_mutex_init(&p->lock, NULL);

    for (const char *const *d = o->dirs; d && *d; d++)
        if (list_dir(p, *d, ABSENT_FAILS, err) < 0)
            goto fail;
    if (o->env_path && *o->env_path) {
        auto_free char *copy = tenon_strdup(o->env_path);
        char *rest = copy;
        for (char *dir = strsep(&rest, ":"); dir; dir = strsep(&rest, ":"))
            if (list_dir(p, dir, ABSENT_IS_SKIPPED, err) < 0) {
                tenon_error_context(err, "TENON_PLUGIN_PATH");
                goto fail;
            }
    }
    for (const char *const *d = o->config_dirs; d && *d; d++)
        if (list_dir(p, *d, CLOSED_IS_SKIPPED, err) < 0) {
            tenon_error_context(err, "configuration: plugin-dirs");
            goto fail;
        }
    if (o->builtin_dir && list_dir(p, o->builtin_dir, ABSENT_IS_SKIPPED, err) < 0)
        goto fail;
    *out = p;
    return TENON_OK;
fail:
    tenon_plugins_free(p);
    return err->code;
}

void
tenon_plugins_vet(struct tenon_plugins *p)
{
    tenon_vec_foreach(f, &p->files) {
        auto_error struct tenon_error why = TENON_ERROR_INIT;
        if (f->shadowed || f->vetted || f->refused)
            continue;
        if (tenon_module_vet(f->path, p->builtin_dir, &why) == 0)
            f->vetted = true;
        else
            f->refused = tenon_strdup(why.message);
    }
}

static void
loaded_free(struct loaded *l)
{
    tenon_values_free(l->config);
    for (size_t i = 0; i < tenon_countof(l->params); i++)
        free(l->params[i]);
    pthread_mutex_destroy(&l->serial);
    free(l);
}

void
tenon_plugins_free(struct tenon_plugins *p)
{
    if (!p)
        return;
    tenon_vec_foreach(l, &p->loaded) {
        const struct tenon_plugin *pl = &(*l)->module.plugin;
        if ((*l)->inited && pl->fini) {
            begin(pl, "fini");
            pl->fini((*l)->module.self);
            tenon_call_end();
        }
        loaded_free(*l);
    }
    tenon_vec_release(&p->loaded);
    tenon_vec_foreach(f, &p->files) {
        free(f->name);
        free(f->path);
        free(f->refused);
    }
    tenon_vec_release(&p->files);
    tenon_vec_foreach(s, &p->skipped) {
        free(s->path);
        free(s->why);
    }
    tenon_vec_release(&p->skipped);
    free(p->builtin_dir);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

bool
tenon_plugins_has(struct tenon_plugins *p, enum tenon_kind kind, const char *name)
{
    return find_file(p, kind, name) != NULL;
}

int
tenon_plugins_list(struct tenon_plugins *p,
                   const struct tenon_plugin_file **files, size_t *count,
                   struct tenon_error *err)
{
    (void)err;
    *files = p->files.items;
    *count = p->files.len;
    return TENON_OK;
}

size_t
tenon_plugins_skipped(const struct tenon_plugins *p, const struct tenon_plugin_skipped **list)
{
    *list = p->skipped.items;
    return p->skipped.len;
}

/* ---- checks ---------------------------------------------------------------- */

/* Major 0 promised nothing: with minor 3 the host's functions became tables, with 4 what grows says
 * how long it is. */
enum { OLDEST_MINOR = 4 };

static int
refuse(const char *path, struct tenon_error *err, const char *why)
{
    return tenon_error_set(err, TENON_E_INVALID, "plugin %s refused: %s", path, why);
}

static int
check_prologue(const struct tenon_plugin *raw, const char *path,
               struct tenon_error *err)
{
    if (raw->magic != TENON_PLUGIN_MAGIC)
        return refuse(path, err, "it does not start with the magic number");
    if (raw->abi_major != TENON_ABI_MAJOR)
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "plugin %s refused: made for interface %u, this tenon has %u",
                               path, raw->abi_major, TENON_ABI_MAJOR);
    if (raw->abi_minor < OLDEST_MINOR)
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "plugin %s refused: made for interface %u.%u, this tenon has %u.%u "
                               "and nothing of before %u.%u", path, raw->abi_major, raw->abi_minor,
                               TENON_ABI_MAJOR, TENON_ABI_MINOR, TENON_ABI_MAJOR, OLDEST_MINOR);
    if (raw->need_minor > TENON_ABI_MINOR)
        return tenon_error_set(err, TENON_E_UNSUPPORTED,
                               "plugin %s refused: it needs interface %u.%u, this tenon has %u.%u",
                               path, raw->abi_major, raw->need_minor,
                               TENON_ABI_MAJOR, TENON_ABI_MINOR);
    if (raw->struct_size < offsetof(struct tenon_plugin, init))
        return refuse(path, err, "its description is too short");
    if (!tenon_sized_is_even(raw->struct_size))
        return refuse(path, err, "its description ends within a member");
    return TENON_OK;
}

/* What nobody knows yet is refused, so that it can mean something later. */
static bool
known_params(const struct tenon_param *p)
{
    const uint32_t flags = TENON_PARAM_REQUIRED | TENON_PARAM_REPEAT | TENON_PARAM_SENSITIVE |
                           TENON_PARAM_NOT_IN_KEY | TENON_PARAM_BARE | TENON_PARAM_DEPRECATED;
    for (; p && p->name; p++)
        if (p->type < TENON_TYPE_STRING || p->type > TENON_TYPE_MAP || (p->flags & ~flags))
            return false;
    return true;
}

static bool
known_ops_flags(uint32_t kind, uint32_t flags)
{
    const uint32_t exporter = TENON_EXPORTER_FILE | TENON_EXPORTER_DIR | TENON_EXPORTER_IMAGE |
                              TENON_EXPORTER_LAST;
    return (flags & ~(kind == TENON_KIND_EXPORTER   ? exporter
                      : kind == TENON_KIND_PROGRESS ? TENON_PROGRESS_ONE_STREAM
                                                    : 0)) == 0;
}

static bool
known_threads(uint32_t t)
{
    return t == TENON_THREADS_SERIAL || t == TENON_THREADS_INSTANCE ||
           t == TENON_THREADS_PARALLEL;
}

/* Required members of each kind, by what the table must hold. */
static bool
table_is_complete(const struct loaded *l)
{
    const union ops_copy *o = &l->ops;
    switch ((enum tenon_kind)l->module.plugin.kind) {
    case TENON_KIND_FRONTEND:
        return o->frontend.solve != NULL;
    case TENON_KIND_SOURCE:
        return o->source.schemes && o->source.resolve &&
               (o->source.fetch || o->source.fetch_layer || o->source.open_tree);
    case TENON_KIND_MOUNT:
        return o->mount.attach != NULL;
    case TENON_KIND_EXECUTOR:
        return o->executor.run != NULL;
    case TENON_KIND_EXPORTER:
        return o->exporter.write != NULL;
    case TENON_KIND_PROGRESS:
        return o->progress.open && o->progress.event && o->progress.close;
    case TENON_KIND_CACHE:
        return (o->cache.load && o->cache.fetch) || o->cache.save;
    case TENON_KIND_ATTESTER:
    case TENON_KIND_SCANNER:
        return o->attester.attest != NULL;
    }
    return false;
}

/* All tables begin with their size and flags. */
static int
copy_ops(struct loaded *l, const void *theirs, struct tenon_error *err)
{
    uint32_t size;
    memcpy(&size, theirs, sizeof size);
    if (size < 2 * sizeof size)
        return refuse(l->module.path, err, "its table of operations is too short");
    if (!tenon_sized_is_even(size))
        return refuse(l->module.path, err, "its table of operations ends within a member");
    tenon_sized_take(&l->ops, sizeof l->ops, theirs);
    l->module.plugin.ops.mount = &l->ops.mount; /* same address for each member */
    return TENON_OK;
}

/* Theirs, with our stride: what they do not know is absent. */
static const struct tenon_param *
copy_params(const struct tenon_param *theirs, size_t stride, struct tenon_param **own)
{
    TENON_VEC(struct tenon_param) list = {0};
    if (!theirs || stride == sizeof *theirs)
        return theirs;
    for (const char *at = (const char *)theirs;; at += stride) {
        struct tenon_param *p = tenon_vec_add(&list);
        memcpy(p, at, stride < sizeof *p ? stride : sizeof *p);
        if (!p->name)
            break;
    }
    return *own = list.items;
}

static int
adopt_params(struct loaded *l, struct tenon_error *err)
{
    struct tenon_plugin *own = &l->module.plugin;
    size_t stride = own->param_size ? own->param_size : sizeof(struct tenon_param);
    if (stride < offsetof(struct tenon_param, min))
        return refuse(l->module.path, err, "the descriptions of its options are too short");
    if (!tenon_sized_is_even(stride))
        return refuse(l->module.path, err, "the descriptions of its options end within a member");
    own->config = copy_params(own->config, stride, &l->params[0]);
    own->options = copy_params(own->options, stride, &l->params[1]);
    own->param_size = sizeof(struct tenon_param);
    if (!known_params(own->config) || !known_params(own->options))
        return refuse(l->module.path, err,
                      "an option has a type or flags this tenon does not know");
    return TENON_OK;
}

static int
adopt(struct loaded *l, const struct tenon_plugin *raw, struct tenon_error *err)
{
    const char *path = l->module.path;
    if (check_prologue(raw, path, err) < 0)
        return err->code;
    struct tenon_plugin *own = &l->module.plugin;
    memcpy(own, raw, raw->struct_size < sizeof *own ? raw->struct_size : sizeof *own);

    if (own->kind != (uint32_t)l->file->kind || !own->name ||
        strcmp(own->name, l->file->name))
        return tenon_error_set(err, TENON_E_INVALID,
                               "plugin %s refused: inside it says %s-%s", path,
                               tenon_kind_name((enum tenon_kind)own->kind),
                               own->name ? own->name : "?");
    if ((own->flags & 0xffff) || own->reserved)
        return refuse(path, err, "it sets flags this tenon does not know");
    if (own->key_policy > TENON_KEY_VOLATILE)
        return refuse(path, err, "it declares an unknown key_policy");
    if (!own->ops.mount)
        return refuse(path, err, "it has no table of operations");
    bool keyed = own->kind == TENON_KIND_FRONTEND || own->kind == TENON_KIND_SOURCE ||
                 own->kind == TENON_KIND_MOUNT || own->kind == TENON_KIND_EXECUTOR;
    if (keyed && own->key_policy == TENON_KEY_UNDECLARED)
        return refuse(path, err, "it does not declare key_policy");
    if (own->key_policy == TENON_KEY_CONTENT && !own->cache_key &&
        own->kind == TENON_KIND_MOUNT)
        return refuse(path, err, "key_policy CONTENT needs cache_key");
    if (adopt_params(l, err) < 0)
        return err->code;
    if (!own->threads)
        own->threads = TENON_THREADS_SERIAL;
    if (!known_threads(own->threads))
        return refuse(path, err, "it declares an unknown thread model");
    if (!own->summary)
        own->summary = "";
    if (!own->version)
        own->version = "";
    if (copy_ops(l, own->ops.mount, err) < 0)
        return err->code;
    if (!known_ops_flags(own->kind, l->ops.mount.flags)) /* the second word of each table */
        return refuse(path, err, "its table of operations has flags this tenon does not know");
    if (!table_is_complete(l))
        return refuse(path, err, "its table of operations lacks a required one");
    const char *wrong = tenon_names_wrong(own);
    return wrong ? refuse(path, err, wrong) : TENON_OK;
}

/* ---- opening ---------------------------------------------------------------- */

bool
tenon_plugin_is_bundled(enum tenon_kind kind, const char *name)
{
    auto_free char *word = tenon_asprintf(" %s-%s ", tenon_kind_name(kind), name);
    return strstr(TENON_BUNDLED_PLUGINS, word) != NULL;
}

void
tenon_plugins_hint_package(struct tenon_error *err, enum tenon_kind kind, const char *name)
{
    auto_free char *word = tenon_asprintf("%s-%s", tenon_kind_name(kind), name);
    tenon_error_hint(err, "is the package " TENON_PACKAGE_PATTERN " installed?", word);
}

/* A package when there is one of that name, else what there is. */
static void
hint(struct tenon_error *err, enum tenon_kind kind, const char *name, const char *const *there)
{
    if (tenon_plugin_is_bundled(kind, name)) {
        tenon_plugins_hint_package(err, kind, name);
        return;
    }
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (; *there; there++)
        tenon_buf_addf(&b, "%s%s", b.len ? ", " : "", *there);
    if (b.len)
        tenon_error_hint(err, "there are: %s", tenon_buf_str(&b));
}

static int
not_there(struct tenon_plugins *p, enum tenon_kind kind, const char *name,
          struct tenon_error *err)
{
    TENON_VEC(const char *) names = {0};
    tenon_vec_foreach(f, &p->files)
        if (f->kind == kind && !f->shadowed)
            tenon_vec_push(&names, f->name);
    tenon_vec_push(&names, NULL);
    const char *near = tenon_nearest(name, names.items);
    tenon_error_set(err, TENON_E_NOT_FOUND, "no %s plugin \"%s\"%s%s%s",
                    tenon_kind_name(kind), name, near ? " (did you mean " : "",
                    near ? near : "", near ? "?)" : "");
    hint(err, kind, name, names.items);
    tenon_vec_release(&names);
    return err->code;
}

static int
open_locked(struct tenon_plugins *p, enum tenon_kind kind, const char *name,
            struct loaded **out, struct tenon_error *err)
{
    tenon_vec_foreach(it, &p->loaded)
        if ((*it)->file->kind == kind && !strcmp((*it)->file->name, name)) {
            *out = *it;
            return TENON_OK;
        }
    const struct tenon_plugin_file *file = find_file(p, kind, name);
    if (!file)
        return not_there(p, kind, name, err);
    if (file->refused)
        return tenon_error_set(err, TENON_E_DENIED, "%s", file->refused);
    if (!file->vetted && tenon_module_vet(file->path, p->builtin_dir, err) < 0)
        return err->code;

    auto_free char *symbol = tenon_asprintf("%s_%s_LTX_tenon_plugin_query",
                                            tenon_kind_name(kind), name);
    for (char *c = symbol; *c; c++)
        if (*c == '-')
            *c = '_';
    const struct tenon_plugin *raw;
    if (tenon_segments_check(file->path, err) < 0)
        return err->code;
    tenon_call_begin(tenon_kind_name(kind), file->name, "load"); /* constructors are theirs, too */
    int rc = tenon_module_open(file->path, symbol, &raw, err);
    tenon_call_end();
    if (rc < 0)
        return rc;

    struct loaded *l = tenon_new0(struct loaded);
    pthread_mutex_init(&l->serial, NULL);
    /* A copy: the vector of files may not move any more, but keep it simple. */
    l->file = file;
    l->module.path = file->path;
    l->module.host = p->host;
    if (adopt(l, raw, err) < 0) {
        loaded_free(l);
        return err->code;
    }
    tenon_vec_push(&p->loaded, l);
    *out = l;
    return TENON_OK;
}

static int
init_locked(struct tenon_plugins *p, struct loaded *l, struct tenon_error *err)
{
    if (l->inited)
        return TENON_OK;
    const struct tenon_plugin *pl = &l->module.plugin;
    auto_free char *key = tenon_asprintf("%s-%s", tenon_kind_name((enum tenon_kind)pl->kind),
                                         pl->name);
    struct json_object *conf = NULL;
    if (p->config)
        json_object_object_get_ex(p->config, key, &conf);
    auto_free char *what = tenon_asprintf("configuration of plugin %s", key);
    if (!l->config &&
        tenon_values_from_json(pl->config, pl->param_size, conf, what, &l->config, err) < 0)
        return err->code;
    tenon_values_warn(l->config, what);
    if (pl->init) {
        begin(pl, "init");
        int rc = pl->init(p->host, l->config, &l->module.self, err);
        tenon_call_end();
        if (tenon_module_check(&l->module, "init", rc, err) < 0)
            return tenon_error_context(err, "start plugin %s", key);
    }
    l->inited = true;
    return TENON_OK;
}

int
tenon_plugins_get(struct tenon_plugins *p, enum tenon_kind kind,
                  const char *name, struct tenon_module **out,
                  struct tenon_error *err)
{
    struct loaded *l = NULL;
    pthread_mutex_lock(&p->lock);
    int rc = open_locked(p, kind, name, &l, err);
    if (rc == 0)
        rc = init_locked(p, l, err);
    pthread_mutex_unlock(&p->lock);
    if (rc == 0)
        *out = &l->module;
    return rc;
}

int
tenon_plugins_peek(struct tenon_plugins *p, enum tenon_kind kind,
                   const char *name, const struct tenon_plugin **out,
                   struct tenon_error *err)
{
    struct loaded *l = NULL;
    pthread_mutex_lock(&p->lock);
    int rc = open_locked(p, kind, name, &l, err);
    pthread_mutex_unlock(&p->lock);
    if (rc == 0)
        *out = &l->module.plugin;
    return rc;
}

/* ---- calls ------------------------------------------------------------------- */

void
tenon_module_enter(struct tenon_module *m, const char *op)
{
    if (m->plugin.threads != TENON_THREADS_PARALLEL)
        pthread_mutex_lock(&((struct loaded *)m)->serial);
    begin(&m->plugin, op);
}

void
tenon_module_leave(struct tenon_module *m)
{
    tenon_call_end();
    if (m->plugin.threads != TENON_THREADS_PARALLEL)
        pthread_mutex_unlock(&((struct loaded *)m)->serial);
}

/* 64 MiB of a message are none: its beginning tells what it is about. */
static void
shorten(struct tenon_error *err)
{
    enum { MESSAGE_MAX = 16 << 10 };
    const size_t len = strlen(err->message);
    size_t kept = MESSAGE_MAX;
    if (len <= kept)
        return;
    while (kept && (err->message[kept] & 0xc0) == 0x80) /* within a character */
        kept--;
    char *cut = tenon_asprintf("%.*s... (%zu bytes)", (int)kept, err->message, len);
    free(err->message);
    err->message = cut;
}

int
tenon_module_check(struct tenon_module *m, const char *op, int code,
                   struct tenon_error *err)
{
    const char *kind = tenon_kind_name((enum tenon_kind)m->plugin.kind);
    if (code == 0) {
        if (err->code)
            tenon_error_release(err); /* success with a message: it counts as success */
        return 0;
    }
    if (code > 0)
        return tenon_error_set(err, TENON_E_BUG, "%s-%s: %s answered %d, which is no status",
                               kind, m->plugin.name, op, code);
    if (!err->code || !err->message)
        return tenon_error_set(err, TENON_E_BUG, "%s-%s: %s failed without saying why",
                               kind, m->plugin.name, op);
    shorten(err);
    if (code < TENON_E_BUG)
        err->code = TENON_E_BUG;
    return err->code;
}
