/* common/llbbridge/codes.h - the codes of gRPC that BuildKit's clients expect of tenon's errors. */
#ifndef TENON_COMMON_LLBBRIDGE_CODES_H
#define TENON_COMMON_LLBBRIDGE_CODES_H

#include <tenon-plugin.h>

#include "common/grpc/grpc.h"

static inline int
grpc_code_of_error(int code)
{
    switch (code) {
    case TENON_E_NOT_FOUND: return GRPC_NOT_FOUND;
    case TENON_E_DENIED: return GRPC_PERMISSION_DENIED;
    case TENON_E_UNSUPPORTED: return GRPC_UNIMPLEMENTED;
    case TENON_E_CANCELLED: return GRPC_CANCELLED;
    case TENON_E_UNAVAILABLE: return GRPC_UNAVAILABLE;
    case TENON_E_LIMIT: return GRPC_RESOURCE_EXHAUSTED;
    default: return GRPC_UNKNOWN;
    }
}

#endif
