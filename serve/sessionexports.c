/* serve/sessionexports.c - see sessionexports.h. */
#include "sessionexports.h"

#include "callerror.h"
#include "tunnel.h"

#define FIND "/moby.exporter.v1.Exporter/FindExporters"
#define FINALIZE "/moby.exporter.v1.Exporter/FinalizeExport"

/* 1: answered.  0: nobody is there for it. */
static int
ask(struct callset *asked, const struct tunnel *t, const char *method,
    const struct tenon_buf *request, struct tenon_buf *reply, struct tenon_error *err)
{
    auto_grpc_status struct grpc_status status = {0};

    if (!t || !tunnel_has(t, method))
        return 0;
    if (callset_unary(asked, t->conn, method, 0, request, reply, &status))
        return 1;
    if (status.code == GRPC_UNAVAILABLE || status.code == GRPC_UNIMPLEMENTED)
        return 0;
    return callerror_set(&status, "exporters of the session", err);
}

int
sessionexports_find(struct callset *asked, const struct tunnel *t, const struct ses_find *what,
                    struct tenon_arena *arena, struct ses_found *out, struct tenon_error *err)
{
    auto_buf struct tenon_buf request = TENON_BUF_INIT, reply = TENON_BUF_INIT;
    const char *why;

    message_encode(&request, &ses_find_message, what);
    const int rc = ask(asked, t, FIND, &request, &reply, err);
    if (rc <= 0)
        return rc;
    if (!message_decode(arena, &ses_found_message, reply.data, reply.len, out, &why))
        return tenon_error_set(err, TENON_E_FAILED, "exporters of the session: %s", why);
    return TENON_OK;
}

int
sessionexports_finalize(struct callset *asked, const struct tunnel *t,
                        const struct ctl_solved *reply, struct tenon_error *err)
{
    auto_buf struct tenon_buf request = TENON_BUF_INIT, answer = TENON_BUF_INIT;

    message_encode(&request, &ctl_solved_message, reply);
    const int rc = ask(asked, t, FINALIZE, &request, &answer, err);
    return rc < 0 ? rc : TENON_OK;
}
