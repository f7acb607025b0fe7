/* executor-oci/said.c - what the runtime says: whose fault it is that a step did not run. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oci.h"
#include "tools/alloc.h"
#include "tools/cleanup.h"

char *
oci_last_error(const struct tenon_exec *x)
{
    auto_close int fd = openat(x->work_fd, OCI_LOG, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *line = NULL, *found = NULL;
    size_t cap = 0;
    if (f)
        tenon_steal_fd(&fd); /* f's now */
    while (f && getline(&line, &cap, f) > 0) {
        struct json_object *o = json_tokener_parse(line), *level, *message;
        if (o && json_object_object_get_ex(o, "level", &level) && level &&
            json_object_object_get_ex(o, "msg", &message) && message &&
            !strcmp(json_object_get_string(level), "error")) {
            free(found);
            found = tenon_strdup(json_object_get_string(message));
        }
        json_object_put(o);
    }
    free(line);
    if (f)
        fclose(f);
    return found;
}

/* One of the words, outside of quotes: paths are quoted, and may contain any. */
static bool
says(const char *message, const char *const words[], size_t count)
{
    bool is_quoted = false;
    for (const char *p = message; *p; p++) {
        is_quoted ^= *p == '"';
        for (size_t i = 0; !is_quoted && i < count; i++)
            if (!strncmp(p, words[i], strlen(words[i])))
                return true;
    }
    return false;
}

bool
oci_is_of_program(const char *message)
{
    static const char *const words[] = { "exec", "chdir", "cwd" };
    return says(message, words, tenon_countof(words));
}

bool
oci_is_of_end(const char *message)
{
    static const char *const words[] = { "stopped container", "that has stopped",
                                         "is not running", "does not exist" };
    return says(message, words, tenon_countof(words));
}

int
oci_blame(const struct oci *o, const char *message, struct tenon_error *err)
{
    o->host->error->set(err, TENON_E_FAILED, 0, "OCI runtime \"%s\": %s", o->runtime, message);
    if (strstr(message, "cgroups in hybrid mode"))
        o->host->error->hint(err, "it needs control groups of one version, and this machine has "
                              "both: take "
                              "{\"plugins\": {\"executor-oci\": {\"runtime\": \"runc\"}}} or "
                              "{\"executor\": \"native\"} in tenon.json, or boot with "
                              "systemd.unified_cgroup_hierarchy=1");
    else
        o->host->error->hint(err, "{\"executor\": \"native\"} in tenon.json needs no runtime");
    return TENON_E_FAILED;
}
