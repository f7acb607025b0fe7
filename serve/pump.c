/* serve/pump.c - reads and sends, receives and writes. */
#include "pump.h"

#include <errno.h>
#include <unistd.h>

#include "base/io.h"
#include "ctlmessages.h"

enum { PIECE = 32 * 1024 };

bool
pump_out(int fd, struct grpc_call *call)
{
    auto_buf struct tenon_buf message = TENON_BUF_INIT;
    char piece[PIECE];
    ssize_t n;

    while ((n = read(fd, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        const struct ctl_bytes bytes = {{piece, (size_t)n}};
        tenon_buf_clear(&message);
        message_encode(&message, &ctl_bytes_message, &bytes);
        if (grpc_call_send(call, message.data, message.len) < 0)
            return false;
    }
    return true;
}

void
pump_in(struct grpc_call *call, int fd)
{
    auto_buf struct tenon_buf message = TENON_BUF_INIT;

    while (grpc_call_recv(call, &message) == 1) {
        auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
        auto_error struct tenon_error gone = TENON_ERROR_INIT;
        struct ctl_bytes bytes = {0};
        const char *why;
        if (!message_decode(&arena, &ctl_bytes_message, message.data, message.len, &bytes, &why))
            break;
        if (bytes.data.len && tenon_write_all(fd, bytes.data.data, bytes.data.len, &gone) < 0)
            break;
    }
}
