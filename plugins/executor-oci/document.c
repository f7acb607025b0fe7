/* executor-oci/document.c - JSON for the runtime, in a step's directory for work. */
#include "oci.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
oci_write_json(const struct oci *o, const struct tenon_exec *x, const char *name,
               struct json_object *spec, struct tenon_error *err)
{
    const char *text = json_object_to_json_string_ext(spec, JSON_C_TO_STRING_PLAIN);
    size_t len = strlen(text);
    int fd = openat(x->work_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int sys = fd < 0 ? errno : 0;
    for (size_t done = 0; !sys && done < len;) {
        ssize_t n = write(fd, text + done, len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            sys = errno;
    }
    if (fd >= 0)
        close(fd);
    json_object_put(spec);
    if (sys)
        return o->host->error->set(err, TENON_E_FAILED, sys, "write %s", name);
    return TENON_OK;
}
