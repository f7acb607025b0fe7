/* registry/status.c - answers that are not a success: when they may become one, and errors in
 * the words that containerd uses. */
#include <string.h>

#include "registry/private.h"
#include "registry/url.h"
#include "tools/alloc.h"
#include "tools/ascii.h"
#include "tools/conceal.h"
#include "tools/text.h"

#define MESSAGE_MAX 1000

/* Words of a server stay one line of ours: a second one could pass for our own. */
static char *
one_line(const char *text)
{
    struct tenon_buf line = TENON_BUF_INIT;
    tenon_text_add(&line, text, strlen(text));
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '\n' || line.data[i] == '\t')
            line.data[i] = ' ';
    return tenon_buf_steal(&line);
}

/* "CODE: message" of the first of {"errors": [...]}; or NULL. */
static char *
server_message(const struct tenon_http_response *res)
{
    auto_json struct json_object *o = NULL;
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    struct json_object *list = NULL;
    const char *code, *message;
    if (res->body.len == 0 ||
        tenon_json_parse(res->body.data, res->body.len, res->body.len, &o, &none) < 0 ||
        json_object_get_type(o) != json_type_object ||
        tenon_json_get_array(o, "errors", &list, &none) < 0 || !list ||
        json_object_array_length(list) == 0)
        return NULL;
    struct json_object *first = json_object_array_get_idx(list, 0);
    if (json_object_get_type(first) != json_type_object ||
        tenon_json_get_str(first, "code", "UNKNOWN", &code, &none) < 0 ||
        tenon_json_get_str(first, "message", "", &message, &none) < 0)
        return NULL;
    auto_free char *low = tenon_lower(tenon_strdup(code));
    for (char *p = low; *p; p++)
        if (*p == '_')
            *p = ' ';
    auto_free char *said = tenon_asprintf("%.*s%s%.*s", MESSAGE_MAX, low, *message ? ": " : "",
                                          MESSAGE_MAX, message);
    return one_line(said);
}

/* As the standards call it, or else the server. */
static const char *
reason(const struct tenon_http_response *res)
{
    switch (res->status) {
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Request Entity Too Large";
    case 414: return "Request URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Requested Range Not Satisfiable";
    case 422: return "Unprocessable Entity";
    case 425: return "Too Early";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    case 511: return "Network Authentication Required";
    default: return res->reason ? res->reason : "";
    }
}

/* " (it asks to come back in 90s)", for waits that were too long for us; to free. */
static char *
when(const struct tenon_http_response *res)
{
    uint64_t after = tenon_status_is_transient(res->status)
                         ? tenon_retry_after(res->retry_after, res->date) : 0;
    return after >= 1000000000
               ? tenon_asprintf(" (it asks to come back in %llus)",
                                (unsigned long long)(after / 1000000000))
               : tenon_strdup("");
}

char *
tenon_registry_status_text(const struct tenon_http_request *req,
                           const struct tenon_http_response *res)
{
    auto_free char *said = server_message(res);
    auto_free char *after = when(res);
    auto_free char *shown = tenon_url_conceal(req->url);
    return tenon_asprintf("unexpected status from %s request to %s: %ld%s%s%s%s%s",
                          req->method, shown, res->status, *reason(res) ? " " : "",
                          reason(res), said ? ": " : "", said ? said : "", after);
}

int
tenon_registry_status_error(const struct tenon_http_request *req,
                            const struct tenon_http_response *res, const char *ref,
                            struct tenon_error *err)
{
    bool push = tenon_streq(req->method, "PUT") || tenon_streq(req->method, "POST");
    if (res->status == 404 && !push)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "%s not found", ref);
    if (res->status == 401 || res->status == 403) {
        auto_free char *said = server_message(res);
        return tenon_error_set(
            err, TENON_E_DENIED,
            "%s: %s access denied, repository does not exist or may require "
            "authorization: server message: %s",
            ref, push ? "push" : "pull",
            said ? said : "insufficient_scope: authorization failed");
    }
    int code = res->status == 404                        ? TENON_E_NOT_FOUND
               : tenon_status_is_transient(res->status) ? TENON_E_UNAVAILABLE
                                                         : TENON_E_FAILED;
    auto_free char *text = tenon_registry_status_text(req, res);
    return tenon_error_set(err, code, "%s", text);
}
