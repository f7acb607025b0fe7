/* policy/repository.c - see repository.h.
 *
 * A name is made of a URL as BuildKit does: without scheme and user, so that a repository has one
 * name by https and by ssh. */
#include "policy/repository.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/buf.h"
#include "tools/path.h"

#define SCHEME "git://"

/* "user@host:path" of ssh, "https://user@host/path", or the latter without its scheme. The user
 * ends at the last "@" before the path: what is behind that is who is asked. */
static void
split(const char *url, size_t len, const char **host, size_t *host_len, const char **path)
{
    const size_t word = strcspn(url, ":/?#@");
    const char *scheme = word + 3 <= len && !strncmp(url + word, "://", 3) ? url + word : NULL;
    const char *begin = scheme ? scheme + 3 : url, *end = url + len;
    size_t authority = strcspn(begin, "/?#");
    if (begin + authority > end)
        authority = (size_t)(end - begin);
    const char *at = memrchr(begin, '@', authority);
    const char *colon = scheme || !at ? NULL : memchr(at, ':', authority - (size_t)(at - begin));
    *host = at ? at + 1 : begin;
    *host_len = (size_t)((colon ? colon : begin + authority) - *host);
    *path = colon ? colon + 1 : begin + authority;
}

/* Of the path, with its "%41" as they are or as what they stand for. */
static char *
name_of(const char *host, size_t host_len, const char *path, size_t path_len, bool decode)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT;
    for (size_t i = 0; i < path_len; i++) {
        const int high = decode && path[i] == '%' && i + 2 < path_len
                             ? tenon_hex_digit(path[i + 1]) : -1;
        const int low = high >= 0 ? tenon_hex_digit(path[i + 2]) : -1;
        tenon_buf_addc(&plain, low >= 0 ? (char)(high * 16 + low) : path[i]);
        i += low >= 0 ? 2 : 0;
    }
    auto_free char *clean = tenon_path_join("/", tenon_buf_str(&plain));
    return tenon_asprintf(SCHEME "%.*s%s", (int)host_len, host, clean);
}

bool
tenon_repository_is_named(const char *identifier, const char *url)
{
    const char *host, *path;
    size_t host_len;
    const size_t len = strcspn(url, "#?");
    split(url, len, &host, &host_len, &path);
    const size_t path_len = (size_t)(url + len - path);
    auto_free char *called = tenon_strndup(identifier, strcspn(identifier, "#"));
    auto_free char *raw = name_of(host, host_len, path, path_len, false);
    auto_free char *decoded = name_of(host, host_len, path, path_len, true);
    return !strcmp(called, raw) || !strcmp(called, decoded);
}
