/* tools/sniff.c - see sniff.h. */
#include "tools/sniff.h"

#include <string.h>

#include "tools/alloc.h"

/* By its checksum: old archives have no magic word. */
bool
tenon_has_tar_header(const void *head)
{
    const unsigned char *h = head;
    enum { CHECKSUM = 148, CHECKSUM_END = 156 };
    unsigned sum = 0, said = 0;
    bool has_digits = false;
    for (size_t i = 0; i < TENON_SNIFF_BYTES; i++)
        sum += i >= CHECKSUM && i < CHECKSUM_END ? ' ' : h[i];
    for (size_t i = CHECKSUM; i < CHECKSUM_END; i++) {
        if (h[i] >= '0' && h[i] <= '7') {
            said = said * 8 + (h[i] - '0');
            has_digits = true;
        } else if (has_digits) {
            break;
        }
    }
    return has_digits && sum == said;
}

bool
tenon_may_be_archive(const void *head, size_t len)
{
    static const struct {
        const char *bytes;
        size_t len;
    } magic[] = {{"\x1f\x8b", 2}, {"BZh", 3}, {"\xfd" "7zXZ\0", 6}, {"\x28\xb5\x2f\xfd", 4}};
    for (size_t i = 0; i < tenon_countof(magic); i++)
        if (len >= magic[i].len && memcmp(head, magic[i].bytes, magic[i].len) == 0)
            return true;
    return len >= TENON_SNIFF_BYTES && tenon_has_tar_header(head);
}
