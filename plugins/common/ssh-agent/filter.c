/* common/ssh-agent/filter.c - see filter.h. */
#include "filter.h"

#include <stdlib.h>
#include <string.h>

bool
ssh_filter_allows(uint8_t type)
{
    return type == SSH_AGENTC_REQUEST_IDENTITIES || type == SSH_AGENTC_SIGN_REQUEST;
}

static uint32_t
length_of(const struct ssh_reader *r)
{
    return (uint32_t)r->data[0] << 24 | (uint32_t)r->data[1] << 16 |
           (uint32_t)r->data[2] << 8 | r->data[3];
}

size_t
ssh_reader_wants(const struct ssh_reader *r)
{
    if (r->have < 4)
        return 4 - r->have;
    uint32_t len = length_of(r);
    if (len == 0 || len > SSH_MESSAGE_MAX)
        return SIZE_MAX;
    return 4 + (size_t)len - r->have;
}

uint8_t *
ssh_reader_space(struct ssh_reader *r, size_t n)
{
    if (r->have + n > r->cap) {
        size_t cap = r->have + n < 4096 ? 4096 : r->have + n;
        uint8_t *data = malloc(cap);
        if (!data)
            return NULL;
        if (r->data) {
            memcpy(data, r->data, r->have);
            explicit_bzero(r->data, r->cap);
            free(r->data);
        }
        r->data = data;
        r->cap = cap;
    }
    return r->data + r->have;
}

void
ssh_reader_reset(struct ssh_reader *r)
{
    r->have = 0;
}

void
ssh_reader_release(struct ssh_reader *r)
{
    if (r->data)
        explicit_bzero(r->data, r->cap);
    free(r->data);
    memset(r, 0, sizeof *r);
}
