/* exec/cdi.c - devices by name: CDI files are read, and names are looked up in them. */
#include "exec/cdi.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/yaml.h"
#include "tools/alloc.h"
#include "tools/parse.h"

#define ANNOTATION_CLASS "org.mobyproject.buildkit.device.class"
#define ANNOTATION_FREE "org.mobyproject.buildkit.device.autoallow"

enum { JSON_DEPTH = 32, MAX_FILES = 1000, MAX_DEVICES = 10000 };

/* ---- the files ---------------------------------------------------------- */

static bool
has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && !strcmp(name + n - m, suffix);
}

/* "vendor.com/class" of letters, digits and _ - . */
static bool
is_kind(const char *kind)
{
    const char *slash = strchr(kind, '/');
    static const char set[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    return slash && slash > kind && slash[1] && !strchr(slash + 1, '/') &&
           strspn(kind, set) == (size_t)(slash - kind) &&
           strspn(slash + 1, set) == strlen(slash + 1) &&
           ((kind[0] | 0x20) >= 'a' && (kind[0] | 0x20) <= 'z');
}

static void
note_broken(struct tenon_cdi *c, const char *dir, const char *name, const char *why)
{
    if (!c->broken)
        c->broken = tenon_asprintf("%s/%s: %s", dir, name, why);
}

static void
add_device(struct tenon_cdi *c, struct json_object *spec, const char *kind,
           struct json_object *device, unsigned dir)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const char *name = NULL;
    if (tenon_json_get_str(device, "name", NULL, &name, &ignored) < 0 || !name || !*name ||
        c->devices.len >= MAX_DEVICES)
        return;
    struct tenon_cdi_device d = { tenon_asprintf("%s=%s", kind, name), spec, device, dir };
    tenon_vec_foreach(o, &c->devices) {
        if (strcmp(o->name, d.name))
            continue;
        free(o->name); /* the same again: a later directory wins */
        *o = d;
        return;
    }
    tenon_vec_push(&c->devices, d);
}

static void
add_file(struct tenon_cdi *c, int dirfd, const char *dir, const char *name, unsigned which)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *spec = NULL;
    struct json_object *devices = NULL;
    const char *kind = NULL;
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || tenon_read_all(fd, TENON_CDI_MAX_FILE_BYTES, &text, &err) < 0 ||
        (has_suffix(name, ".json")
             ? tenon_json_parse(tenon_buf_str(&text), text.len, TENON_CDI_MAX_FILE_BYTES, &spec,
                                &err)
             : tenon_yaml_parse(tenon_buf_str(&text), text.len, &spec, &err)) < 0 ||
        tenon_json_get_str(spec, "kind", NULL, &kind, &err) < 0 ||
        tenon_json_get_array(spec, "devices", &devices, &err) < 0) {
        note_broken(c, dir, name, err.message ? err.message : "cannot be opened");
        return;
    }
    if (!kind || !is_kind(kind)) {
        note_broken(c, dir, name, "no valid kind");
        return;
    }
    for (size_t i = 0; devices && i < json_object_array_length(devices); i++)
        add_device(c, spec, kind, json_object_array_get_idx(devices, i), which);
    tenon_vec_push(&c->files, tenon_steal(&spec));
}

static void
add_dir(struct tenon_cdi *c, const char *path, unsigned which)
{
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_dir DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d)
        return;
    tenon_steal_fd(&fd);
    TENON_VEC(char *) names = {0};
    struct dirent *e;
    while ((e = readdir(d)) && names.len < MAX_FILES) {
        if (has_suffix(e->d_name, ".json") || has_suffix(e->d_name, ".yaml"))
            tenon_vec_push(&names, tenon_strdup(e->d_name));
    }
    if (names.len)
        qsort(names.items, names.len, sizeof *names.items, tenon_by_text);
    tenon_vec_foreach(n, &names) {
        add_file(c, dirfd(d), path, *n, which);
        free(*n);
    }
    tenon_vec_release(&names);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct tenon_cdi_device *)a)->name,
                  ((const struct tenon_cdi_device *)b)->name);
}

void
tenon_cdi_load(struct tenon_cdi *c, struct json_object *dirs)
{
    static const char *const usual[] = { "/etc/cdi", "/var/run/cdi" };
    if (dirs) {
        for (size_t i = 0; i < json_object_array_length(dirs); i++) {
            const char *dir = json_object_get_string(json_object_array_get_idx(dirs, i));
            if (dir && *dir == '/')
                add_dir(c, dir, (unsigned)i);
        }
    } else {
        for (unsigned i = 0; i < tenon_countof(usual); i++)
            add_dir(c, usual[i], i);
    }
    if (c->devices.len)
        qsort(c->devices.items, c->devices.len, sizeof *c->devices.items, by_name);
}

void
tenon_cdi_release(struct tenon_cdi *c)
{
    tenon_vec_foreach(d, &c->devices)
        free(d->name);
    tenon_vec_foreach(f, &c->files)
        tenon_json_put(*f);
    tenon_vec_release(&c->devices);
    tenon_vec_release(&c->files);
    free(c->broken);
    memset(c, 0, sizeof *c);
}

/* ---- names -------------------------------------------------------------- */

/* An annotation of the device, else of its file: text, though in YAML it may look like a number. */
static const char *
annotation(const struct tenon_cdi_device *d, const char *key)
{
    struct json_object *const from[] = { d->device, d->spec };
    for (size_t i = 0; i < tenon_countof(from); i++) {
        struct json_object *all, *value;
        if (json_object_object_get_ex(from[i], "annotations", &all) &&
            json_object_is_type(all, json_type_object) &&
            json_object_object_get_ex(all, key, &value) && value && /* null: it has none */
            !json_object_is_type(value, json_type_object) &&
            !json_object_is_type(value, json_type_array))
            return json_object_get_string(value);
    }
    return NULL;
}

bool
tenon_cdi_is_free(const struct tenon_cdi_device *d)
{
    const char *value = annotation(d, ANNOTATION_FREE);
    bool is_free;
    return value && tenon_parse_bool(value, &is_free) && is_free;
}

static void
take(struct tenon_cdi_found *f, const struct tenon_cdi_device *d)
{
    tenon_vec_foreach(o, &f->list)
        if (*o == d)
            return;
    tenon_vec_push(&f->list, d);
}

/* A word that may be a class's, though no device has it. */
static bool
is_class(const char *name)
{
    return *name && name[strcspn(name, "/= \t\n")] == '\0';
}

/* Of all that say so themselves: the name is a class's. */
static bool
take_class(const struct tenon_cdi *c, const char *class, struct tenon_cdi_found *found)
{
    bool any = false;
    tenon_vec_foreach(d, &c->devices)
        if (tenon_streq(annotation(d, ANNOTATION_CLASS), class)) {
            any = true;
            take(found, d);
        }
    return any;
}

int
tenon_cdi_find(const struct tenon_cdi *c, const char *name, struct tenon_cdi_found *found,
               struct tenon_error *err)
{
    size_t n = strcspn(name, "=");
    auto_free char *kind = tenon_strndup(name, n);
    const char *which = name[n] ? name + n + 1 : "";
    if (!is_kind(kind) && take_class(c, name, found))
        return 0;
    if (!is_kind(kind) && !is_class(name))
        return tenon_error_set(err, TENON_E_INVALID, "invalid device \"%s\"", name);

    size_t before = found->list.len;
    bool any = false;
    for (int pass = 0; pass < 2 && !any; pass++) /* names first, then classes */
        tenon_vec_foreach(d, &c->devices) {
            if (strncmp(d->name, kind, n) || d->name[n] != '=')
                continue;
            const char *class = pass ? annotation(d, ANNOTATION_CLASS) : NULL;
            bool match = pass ? class && !strcmp(class, which)
                              : !*which || !strcmp(which, "*") || !strcmp(d->name + n + 1, which);
            if (!match)
                continue;
            any = true;
            take(found, d);
            if (!*which)
                break;
        }
    if (any || found->list.len > before || take_class(c, name, found))
        return 0;
    tenon_error_set(err, TENON_E_NOT_FOUND, "required device \"%s\" is not registered", name);
    if (c->broken)
        tenon_error_hint(err, "%s", c->broken);
    else
        tenon_error_hint(err, "describe it in /etc/cdi/NAME.json");
    return err->code;
}
