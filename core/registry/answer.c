/* registry/answer.c - see answer.h. */
#include "registry/answer.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "tools/alloc.h"

#define REASON_MAX 60

static void
replace(char **to, const char *value, size_t len)
{
    free(*to);
    *to = tenon_strndup(value, len);
}

void
tenon_http_response_release(struct tenon_http_response *r)
{
    tenon_buf_release(&r->body);
    free(r->reason);
    free(r->date);
    free(r->retry_after);
    free(r->content_encoding);
    free(r->content_type);
    free(r->location);
    free(r->digest);
    free(r->content_range);
    free(r->content_disposition);
    free(r->etag);
    free(r->last_modified);
    free(r->link);
    free(r->url);
    tenon_strv_free(r->challenges);
    *r = (struct tenon_http_response){0};
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static void
status_line(struct tenon_http_response *r, const char *line, size_t len)
{
    size_t i = 5;
    tenon_http_response_release(r);
    while (i < len && line[i] != ' ')
        i++;
    for (i++; i < len && line[i] >= '0' && line[i] <= '9' && r->status < 1000; i++)
        r->status = r->status * 10 + (line[i] - '0');
    while (i < len && line[i] == ' ')
        i++;
    while (len > i && (unsigned char)line[len - 1] <= ' ')
        len--;
    size_t n = i < len ? len - i : 0; /* no blank: i is past the end */
    if (n > REASON_MAX)
        n = REASON_MAX;
    for (size_t k = 0; k < n; k++)
        if ((unsigned char)line[i + k] < ' ' || (unsigned char)line[i + k] > '~')
            n = k;
    if (n > 0)
        replace(&r->reason, line + i, n);
}

static const struct {
    const char *name;
    size_t member;
} taken[] = {
#define M(member) offsetof(struct tenon_http_response, member)
    {"Content-Disposition", M(content_disposition)},
    {"Content-Encoding", M(content_encoding)},
    {"Content-Range", M(content_range)},
    {"Content-Type", M(content_type)},
    {"Date", M(date)},
    {"Docker-Content-Digest", M(digest)},
    {"ETag", M(etag)},
    {"Last-Modified", M(last_modified)},
    {"Link", M(link)},
    {"Location", M(location)},
    {"Retry-After", M(retry_after)},
#undef M
};

void
tenon_answer_line(struct tenon_http_response *r, const char *line, size_t len)
{
    if (len > 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        status_line(r, line, len);
        return;
    }
    const char *colon = memchr(line, ':', len);
    if (!colon)
        return;
    size_t name = (size_t)(colon - line);
    const char *value = colon + 1;
    size_t n = len - name - 1;
    while (n > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        n--;
    }
    while (n > 0 && (unsigned char)value[n - 1] <= ' ')
        n--;
    if (name == strlen("WWW-Authenticate") && strncasecmp(line, "WWW-Authenticate", name) == 0) {
        tenon_strv_push(&r->challenges, tenon_strndup(value, n));
        return;
    }
    for (size_t i = 0; i < tenon_countof(taken); i++) {
        if (name != strlen(taken[i].name) || strncasecmp(line, taken[i].name, name) != 0)
            continue;
        char **to = (char **)((char *)r + taken[i].member);
        const char *semicolon = memchr(value, ';', n);
        if (to == &r->content_type && semicolon)
            n = (size_t)(semicolon - value);
        replace(to, value, n);
    }
}
