/* libcurl.h - libcurl, loaded beside what a build begins with: it brings along Kerberos,
 * LDAP, SSH and more, of which we use nothing.
 *
 * Functions are members of tenon_curl, named without "curl_" and with a "_" at the end,
 * for whoever has called tenon_libcurl. */
#ifndef TENON_REGISTRY_LIBCURL_H
#define TENON_REGISTRY_LIBCURL_H

#include <curl/curl.h>

#include "base/error.h"

#define TENON_CURL_FUNCTIONS(X)                                                          \
    X(easy_cleanup) X(easy_escape) X(easy_getinfo) X(easy_init) X(easy_reset)            \
    X(easy_setopt) X(easy_strerror) X(free) X(getdate) X(global_init)                    \
    X(multi_add_handle) X(multi_cleanup) X(multi_info_read) X(multi_init)                \
    X(multi_perform) X(multi_poll) X(multi_remove_handle) X(slist_append)                \
    X(slist_free_all) X(url) X(url_cleanup) X(url_get) X(url_set) X(version_info)

struct tenon_curl_functions {
#define X(name) __typeof__(curl_##name) *name##_;
    TENON_CURL_FUNCTIONS(X)
#undef X
};
extern struct tenon_curl_functions tenon_curl;

/* 0 when the functions are there and initialised.  Any thread. */
int tenon_libcurl(struct tenon_error *err);
/* Begin to load it in a thread of its own, if that can be had; tenon_libcurl_settle
 * waits for that thread and must be called before the process ends.  Both by one
 * thread. */
void tenon_libcurl_prepare(void);
void tenon_libcurl_settle(void);

#endif
