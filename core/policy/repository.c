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
#define SSH "ssh://"

struct place {
    const char *host, *path;
    size_t host_len, path_len;
    bool is_ssh;
};

/* No word for ssh, which could take it for an option: then source-git asks by https. */
static bool
is_word(const char *s, const char *end)
{
    return s < end && *s != '-' && !memchr(s, '\n', (size_t)(end - s));
}

/* By ssh, as source-git takes it apart: "ssh://user@host/path" or "user@host:path". To ssh "?", "#"
 * and "%" mean nothing, so the host ends at the "/", or the ":", and the path at the end. */
static bool
split_ssh(const char *url, struct place *out)
{
    const bool has_scheme = tenon_has_prefix(url, SSH);
    if (!has_scheme && strstr(url, "://"))
        return false;
    const char *begin = has_scheme ? url + strlen(SSH) : url;
    const size_t len = strcspn(begin, has_scheme ? "/" : ":/");
    const char *at = memrchr(begin, '@', len);
    if (!has_scheme && (begin[len] != ':' || !begin[len + 1] || !at || !is_word(begin, at) ||
                        !is_word(at + 1, begin + len)))
        return false;
    out->host = at ? at + 1 : begin;
    out->host_len = (size_t)(begin + len - out->host);
    out->path = begin + len + (has_scheme ? 0 : 1);
    out->path_len = strlen(out->path);
    out->is_ssh = true;
    return true;
}

/* "https://user@host/path", or that without its scheme. The user ends at the last "@" before the
 * path: what is behind that is who is asked. */
static void
split(const char *url, struct place *out)
{
    if (split_ssh(url, out))
        return;
    const size_t len = strcspn(url, "#?"), word = strcspn(url, ":/?#@");
    const bool has_scheme = word + 3 <= len && !strncmp(url + word, "://", 3);
    const char *begin = has_scheme ? url + word + 3 : url, *end = url + len;
    size_t authority = strcspn(begin, "/?#");
    if (begin + authority > end)
        authority = (size_t)(end - begin);
    const char *at = memrchr(begin, '@', authority);
    out->host = at ? at + 1 : begin;
    out->path = begin + authority;
    out->host_len = (size_t)(out->path - out->host);
    out->path_len = (size_t)(end - out->path);
    out->is_ssh = false;
}

/* Of the path, with its "%41" as they are or as what they stand for. */
static char *
name_of(const struct place *at, bool decode)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT;
    for (size_t i = 0; i < at->path_len; i++) {
        const int high = decode && at->path[i] == '%' && i + 2 < at->path_len
                             ? tenon_hex_digit(at->path[i + 1]) : -1;
        const int low = high >= 0 ? tenon_hex_digit(at->path[i + 2]) : -1;
        tenon_buf_addc(&plain, low >= 0 ? (char)(high * 16 + low) : at->path[i]);
        i += low >= 0 ? 2 : 0;
    }
    auto_free char *clean = tenon_path_join("/", tenon_buf_str(&plain));
    return tenon_asprintf(SCHEME "%.*s%s", (int)at->host_len, at->host, clean);
}

bool
tenon_repository_is_named(const char *identifier, const char *url)
{
    struct place at;
    split(url, &at);
    auto_free char *called = tenon_strndup(identifier, strcspn(identifier, "#"));
    auto_free char *raw = name_of(&at, false);
    auto_free char *decoded = name_of(&at, !at.is_ssh);
    return !strcmp(called, raw) || !strcmp(called, decoded);
}

/* "#REF:SUBDIR" with a subdirectory as a path has it; what says nothing is left out. */
static char *
canonical_fragment(const char *fragment)
{
    const char *colon = strchr(fragment, ':');
    const size_t ref = colon ? (size_t)(colon - fragment) : strlen(fragment);
    auto_free char *below = colon ? tenon_path_join("/", colon + 1) : tenon_strdup("/");
    if (ref <= 1 && !below[1])
        return tenon_strdup("");
    return tenon_asprintf("%.*s%s%s", (int)ref, fragment, below[1] ? ":" : "", below + 1);
}

/* No name has those, and who checks that is to see them. */
static bool
has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

char *
tenon_repository_canonical(const char *identifier, bool has_url, char **url)
{
    struct place at;
    *url = NULL;
    if (!tenon_has_prefix(identifier, SCHEME) || has_control(identifier))
        return tenon_strdup(identifier);
    const size_t len = strcspn(identifier, "#");
    auto_free char *fragment = canonical_fragment(identifier + len);
    auto_free char *called = tenon_strndup(identifier, len);
    split(called + strlen(SCHEME), &at);
    auto_free char *name = has_url || !at.host_len ? tenon_strdup(called)
                                                   : name_of(&at, !at.is_ssh);
    if (strcmp(name, called) != 0)
        *url = tenon_strdup(called + strlen(SCHEME));
    return tenon_asprintf("%s%s", name, fragment);
}
