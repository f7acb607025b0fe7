/* exec/entitlements.c - entitlements: what a step may only have when the user said so
 * (--allow).
 *
 * One is "network.host", "security.insecure", "device" (all of them),
 * "device=NAME" or "device=NAME,alias=WORD". */
#include "exec/entitlements.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/parse.h"
#include "exec/exec.h"

bool
tenon_entitlement_has(const struct tenon_engine *e, const char *name)
{
    for (const char *const *a = e->entitlements; a && *a; a++)
        if (!strcmp(*a, name))
            return true;
    return false;
}

static int
refuse(struct tenon_error *err, const char *name)
{
    tenon_error_set(err, TENON_E_DENIED, "%s is not allowed", name);
    tenon_error_hint(err, "pass --allow %s", name);
    return err->code;
}

/* ---- devices ------------------------------------------------------------ */

void
tenon_entitlement_load_cdi(const struct tenon_engine *e, struct tenon_cdi *cdi)
{
    struct json_object *dirs = NULL;
    if (e->config)
        json_object_object_get_ex(e->config, "cdi-dirs", &dirs);
    tenon_cdi_load(cdi, json_object_is_type(dirs, json_type_array) ? dirs : NULL);
}

/* Its parts: the device it names, and the word that the build file may use for it. */
static bool
device_of(const char *entitlement, char **name, char **alias)
{
    static const char word[] = "device=", as[] = ",alias=";
    *name = *alias = NULL;
    if (strncmp(entitlement, word, sizeof word - 1))
        return false;
    const char *p = entitlement + sizeof word - 1;
    const char *comma = strstr(p, as);
    *name = comma ? tenon_strndup(p, (size_t)(comma - p)) : tenon_strdup(p);
    *alias = comma ? tenon_strdup(comma + sizeof as - 1) : NULL;
    return true;
}

char *
tenon_entitlement_device(const struct tenon_engine *e, const char *asked)
{
    for (const char *const *a = e->entitlements; a && *a; a++) {
        auto_free char *name = NULL;
        auto_free char *alias = NULL;
        if (device_of(*a, &name, &alias) && alias && !strcmp(alias, asked))
            return tenon_steal(&name);
    }
    return NULL;
}

static void
find_entitled(const struct tenon_engine *e, const struct tenon_cdi *cdi,
              struct tenon_cdi_found *out)
{
    for (const char *const *a = e->entitlements; a && *a; a++) {
        auto_free char *name = NULL;
        auto_free char *alias = NULL;
        auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* names nothing then */
        if (device_of(*a, &name, &alias) && !alias)
            (void)tenon_cdi_find(cdi, name, out, &ignored);
    }
}

static bool
is_in(const struct tenon_cdi_found *f, const struct tenon_cdi_device *d)
{
    tenon_vec_foreach(o, &f->list)
        if (*o == d)
            return true;
    return false;
}

static int
refuse_devices(char **names, struct tenon_error *err)
{
    auto_buf struct tenon_buf list = TENON_BUF_INIT;
    for (char **n = names; *n; n++)
        tenon_buf_addf(&list, "%s%s", n == names ? "" : ", ", *n);
    tenon_error_set(err, TENON_E_DENIED,
                    names[1] ? "devices %s are requested by the build but not allowed"
                             : "device %s is requested by the build but not allowed",
                    tenon_buf_str(&list));
    tenon_error_hint(err, "pass --allow device=%s", names[0]);
    return err->code;
}

static int
check_devices(const struct tenon_engine *e, const struct tenon_op_exec *op,
              struct tenon_error *err)
{
    auto_cdi struct tenon_cdi cdi = {0};
    tenon_entitlement_load_cdi(e, &cdi);
    struct tenon_cdi_found wanted = {0}, allowed = {0};
    int rc = 0;
    for (size_t i = 0; i < op->device_count && rc == 0; i++) {
        auto_free char *alias = tenon_entitlement_device(e, op->devices[i].key);
        if (alias)
            continue; /* the entitlement that gave it a name is one */
        rc = tenon_cdi_find(&cdi, op->devices[i].key, &wanted, err);
        if (rc == TENON_E_NOT_FOUND && *op->devices[i].value) {
            tenon_error_release(err);
            rc = 0;
        }
    }
    find_entitled(e, &cdi, &allowed);
    char **forbidden = NULL;
    tenon_vec_foreach(d, &wanted.list)
        if (!is_in(&allowed, *d) && !tenon_cdi_is_free(*d))
            tenon_strv_push(&forbidden, tenon_strdup((*d)->name));
    if (rc == 0 && forbidden)
        rc = refuse_devices(forbidden, err);
    tenon_strv_free(forbidden);
    tenon_vec_release(&wanted.list);
    tenon_vec_release(&allowed.list);
    return rc;
}

int
tenon_exec_check_entitlement(const char *text, struct tenon_error *err)
{
    auto_free char *name = NULL;
    auto_free char *alias = NULL;
    if (!strcmp(text, "network.host") || !strcmp(text, "security.insecure") ||
        !strcmp(text, "device"))
        return 0;
    if (device_of(text, &name, &alias) && *name && (!alias || *alias))
        return 0;
    static const char *const words[] = { "device", "network.host", "security.insecure", NULL };
    auto_free char *meant = tenon_meant(text, words);
    tenon_error_set(err, TENON_E_INVALID, "unknown entitlement \"%s\"%s", text, meant);
    return tenon_error_hint(err, "there are network.host, security.insecure, device and "
                                 "device=NAME[,alias=WORD]");
}

int
tenon_exec_check_entitled(struct tenon_engine *engine, const struct tenon_vertex *v,
                          struct tenon_error *err)
{
    if (v->op.type != TENON_OP_EXEC)
        return 0;
    const struct tenon_op_exec *op = &v->op.exec;
    if (op->network == TENON_LLB_NET_HOST && !tenon_entitlement_has(engine, "network.host"))
        return refuse(err, "network.host");
    if (op->security != 0 && !tenon_entitlement_has(engine, "security.insecure"))
        return refuse(err, "security.insecure");
    if (op->device_count && !tenon_entitlement_has(engine, "device"))
        return check_devices(engine, op, err);
    return 0;
}
