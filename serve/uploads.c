/* serve/uploads.c - Upload/Pull, of http://buildkit-session/NAME. */
#include "uploads.h"

#include <string.h>

#include "callerror.h"
#include "clientbytes.h"
#include "ctlmessages.h"
#include "tools/alloc.h"

/* Headers are printable. */
static bool
is_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return *name;
}

int
uploads_receive(struct callset *asked, struct grpc_conn *conn, const char *name,
                struct budget *budget, int fd, struct tenon_error *err)
{
    auto_free char *path = tenon_asprintf("/%s", name);
    const struct grpc_header headers[] = {{"urlpath", path}, {"urlhost", "buildkit-session"}};
    auto_free char *what = tenon_asprintf("upload \"%s\"", name);
    auto_grpc_status struct grpc_status status = {0};

    if (!is_name(name))
        return tenon_error_set(err, TENON_E_NOT_FOUND, "%s: there is none", what);
    struct grpc_call *call = callset_start(asked, conn, UPLOADS_PULL, headers,
                                           tenon_countof(headers));
    grpc_call_close_send(call);
    if (clientbytes_receive(call, &ctl_bytes_message, budget, fd, err) == 0) {
        grpc_call_status(call, &status);
        if (status.code != GRPC_OK)
            callerror_set(&status, what, err);
    }
    callset_free(asked, call);
    return err->code;
}
