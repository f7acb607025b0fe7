/* Entitlements: what a step may only have when the user granted it.
 *
 * A grant is "network.host", "security.insecure", "device" (all of them),
 * "device=NAME" or "device=NAME,alias=WORD". */
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "exec/devices.h"
#include "exec/exec.h"

static bool
granted(const struct tenon_engine *e, const char *name)
{
    for (const char *const *a = e->allow; a && *a; a++)
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

/* ---- devices ------------------------------------------------------------------ */

/* The parts of a grant: what it names, and the word the build file may use. */
static bool
device_grant(const char *grant, char **name, char **alias)
{
    static const char word[] = "device=", as[] = ",alias=";
    *name = *alias = NULL;
    if (strncmp(grant, word, sizeof word - 1))
        return false;
    const char *p = grant + sizeof word - 1;
    const char *comma = strstr(p, as);
    *name = comma ? tenon_strndup(p, (size_t)(comma - p)) : tenon_strdup(p);
    *alias = comma ? tenon_strdup(comma + sizeof as - 1) : NULL;
    return true;
}

char *
tenon_exec_device_name(const struct tenon_engine *e, const char *asked)
{
    for (const char *const *a = e->allow; a && *a; a++) {
        auto_free char *name = NULL;
        auto_free char *alias = NULL;
        if (device_grant(*a, &name, &alias) && alias && !strcmp(alias, asked))
            return tenon_steal(&name);
    }
    return NULL;
}

static void
find_granted(const struct tenon_engine *e, const struct tenon_cdi *cdi,
             struct tenon_cdi_found *out)
{
    for (const char *const *a = e->allow; a && *a; a++) {
        auto_free char *name = NULL;
        auto_free char *alias = NULL;
        auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* grants nothing then */
        if (device_grant(*a, &name, &alias) && !alias)
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
    tenon_cdi_load(&cdi, tenon_exec_cdi_dirs(e));
    struct tenon_cdi_found wanted = {0}, allowed = {0};
    int r = 0;
    for (size_t i = 0; i < op->device_count && r == 0; i++) {
        auto_free char *alias = tenon_exec_device_name(e, op->devices[i].key);
        if (alias)
            continue; /* whoever gave it a name granted it */
        r = tenon_cdi_find(&cdi, op->devices[i].key, &wanted, err);
        if (r == TENON_E_NOT_FOUND && *op->devices[i].value) {
            tenon_error_release(err);
            r = 0;
        }
    }
    find_granted(e, &cdi, &allowed);
    char **forbidden = NULL;
    tenon_vec_foreach(d, &wanted.list)
        if (!is_in(&allowed, *d) && !tenon_cdi_is_free(*d))
            tenon_strv_push(&forbidden, tenon_strdup((*d)->name));
    if (r == 0 && forbidden)
        r = refuse_devices(forbidden, err);
    tenon_strv_free(forbidden);
    tenon_vec_release(&wanted.list);
    tenon_vec_release(&allowed.list);
    return r;
}

int
tenon_exec_check_grant(const char *grant, struct tenon_error *err)
{
    auto_free char *name = NULL;
    auto_free char *alias = NULL;
    if (!strcmp(grant, "network.host") || !strcmp(grant, "security.insecure") ||
        !strcmp(grant, "device"))
        return 0;
    if (device_grant(grant, &name, &alias) && *name && (!alias || *alias))
        return 0;
    tenon_error_set(err, TENON_E_INVALID, "unknown entitlement \"%s\"", grant);
    return tenon_error_hint(err, "there are network.host, security.insecure, device and "
                                 "device=NAME[,alias=WORD]");
}

int
tenon_exec_allowed(struct tenon_engine *engine, const struct tenon_vertex *v,
                   struct tenon_error *err)
{
    if (v->op.type != TENON_OP_EXEC)
        return 0;
    const struct tenon_op_exec *op = &v->op.exec;
    if (op->network == TENON_LLB_NET_HOST && !granted(engine, "network.host"))
        return refuse(err, "network.host");
    if (op->security != 0 && !granted(engine, "security.insecure"))
        return refuse(err, "security.insecure");
    if (op->device_count && !granted(engine, "device"))
        return check_devices(engine, op, err);
    return 0;
}
