/* serve/callerror.c - codes of gRPC as ours. */
#include "callerror.h"

int
callerror_set(const struct grpc_status *status, const char *what, struct tenon_error *err)
{
    const char *said = status->message && *status->message ? status->message : NULL;
    char room[24];
    int code;

    switch (status->code) {
    case GRPC_CANCELLED: code = TENON_E_CANCELLED; break;
    case GRPC_INVALID_ARGUMENT: code = TENON_E_INVALID; break;
    case GRPC_NOT_FOUND: code = TENON_E_NOT_FOUND; break;
    case GRPC_ALREADY_EXISTS:
    case GRPC_PERMISSION_DENIED: code = TENON_E_DENIED; break;
    case GRPC_RESOURCE_EXHAUSTED: code = TENON_E_LIMIT; break;
    case GRPC_UNIMPLEMENTED: code = TENON_E_UNSUPPORTED; break;
    default: code = TENON_E_FAILED;
    }
    return tenon_error_set(err, code, "%s: %s", what,
                           said ? said : grpc_code_name(status->code, room));
}
