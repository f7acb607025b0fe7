/* serve/clientbytes.c - see clientbytes.h. */
#include "clientbytes.h"

#include "base/io.h"
#include "ctlmessages.h"
#include "tools/buf.h"

int
clientbytes_receive(struct grpc_call *call, const struct message_type_info *piece,
               struct budget *budget, int fd, struct tenon_error *err)
{
    auto_buf struct tenon_buf message = TENON_BUF_INIT;
    const char *why;

    while (!err->code && grpc_call_recv(call, &message) == 1) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        struct ctl_bytes bytes = {0};
        if (!message_decode(&arena, piece, message.data, message.len, &bytes, &why))
            tenon_error_set(err, TENON_E_INVALID, "%s", why);
        else if (budget_take(budget, bytes.data.len, err) == 0 && bytes.data.len)
            tenon_write_all(fd, bytes.data.data, bytes.data.len, err);
    }
    return err->code;
}
