/* exec/cdi.h - devices by name (RUN --device), as the machine's Container Device Interface
 * files describe them: JSON or YAML in /etc/cdi and /var/run/cdi, or where "cdi-dirs" of
 * tenon.json says.
 *
 * Device nodes, mounts, variables and groups become those of the step.  What a
 * runtime would have to run for a device (hooks) is refused. */
#ifndef TENON_EXEC_CDI_H
#define TENON_EXEC_CDI_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "tools/vec.h"

#define TENON_CDI_MAX_FILE_BYTES (4 << 20)

struct tenon_cdi_device {
    char *name;                /* "vendor.com/class=name" */
    struct json_object *spec;  /* of its file: edits for every device in it */
    struct json_object *device; /* its own edits */
    unsigned dir;              /* later directories win */
};
struct tenon_cdi { /* zeroed: empty */
    TENON_VEC(struct json_object *) files;
    TENON_VEC(struct tenon_cdi_device) devices; /* by name */
    char *broken; /* a file that could not be read and why, or NULL */
};

/* Unusable files are skipped: another one may have the device.  dirs: a list of
 * strings, or NULL. */
void tenon_cdi_load(struct tenon_cdi *c, struct json_object *dirs);
void tenon_cdi_release(struct tenon_cdi *c);
TENON_DEFINE_AUTO_STRUCT(cdi, struct tenon_cdi, tenon_cdi_release);
#define auto_cdi __attribute__((cleanup(tenon_auto_cdi)))

/* Adds the devices that a name stands for: one, the first of a class, all of it
 * ("=*") or those that carry it as an annotation.  NOT_FOUND for none. */
struct tenon_cdi_found {
    TENON_VEC(const struct tenon_cdi_device *) list; /* each once */
};
int tenon_cdi_find(const struct tenon_cdi *c, const char *name,
                   struct tenon_cdi_found *found, struct tenon_error *err);
/* Its file says that no entitlement is needed. */
bool tenon_cdi_is_free(const struct tenon_cdi_device *d);

#endif
