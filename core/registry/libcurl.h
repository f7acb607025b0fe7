/* registry/libcurl.h - libcurl, loaded beside what a build begins with: it brings along
 * Kerberos, LDAP, SSH and more, of which we use nothing.
 *
 * Include this in place of curl/curl.h and call libcurl as anybody does, once
 * tenon_libcurl has given 0.  Nothing is linked with the library, so that the linker
 * refuses what is not in the two lists. */
#ifndef TENON_REGISTRY_LIBCURL_H
#define TENON_REGISTRY_LIBCURL_H

#include <curl/curl.h>

#include "base/error.h"

/* 0 when the library is there and initialised.  Any thread. */
int tenon_libcurl(struct tenon_error *err);
/* Begin to load it in a thread of its own, if one can be started; tenon_libcurl_settle
 * waits for that thread and must be called before the process ends.  Both by one
 * thread. */
void tenon_libcurl_prepare(void);
void tenon_libcurl_settle(void);

#define TENON_CURL_FUNCTIONS(X) \
    X(easy_cleanup) X(easy_escape) X(easy_getinfo) X(easy_init) X(easy_reset)     \
    X(easy_perform) X(easy_setopt) X(easy_strerror) X(free) X(getdate) X(global_init)             \
    X(multi_add_handle) X(multi_cleanup) X(multi_info_read) X(multi_init)         \
    X(multi_perform) X(multi_poll) X(multi_remove_handle) X(slist_append)         \
    X(slist_free_all) X(url) X(url_cleanup) X(url_get) X(url_set) X(version_info)

struct tenon_curl_functions {
#define X(name) __typeof__(curl_##name) *name##_;
    TENON_CURL_FUNCTIONS(X)
#undef X
};
extern struct tenon_curl_functions tenon_curl;

/* curl.h has macros of two, which check types where these are functions. */
#undef curl_easy_getinfo
#undef curl_easy_setopt
#define curl_easy_cleanup tenon_curl.easy_cleanup_
#define curl_easy_escape tenon_curl.easy_escape_
#define curl_easy_getinfo tenon_curl.easy_getinfo_
#define curl_easy_init tenon_curl.easy_init_
#define curl_easy_perform tenon_curl.easy_perform_
#define curl_easy_reset tenon_curl.easy_reset_
#define curl_easy_setopt tenon_curl.easy_setopt_
#define curl_easy_strerror tenon_curl.easy_strerror_
#define curl_free tenon_curl.free_
#define curl_getdate tenon_curl.getdate_
#define curl_global_init tenon_curl.global_init_
#define curl_multi_add_handle tenon_curl.multi_add_handle_
#define curl_multi_cleanup tenon_curl.multi_cleanup_
#define curl_multi_info_read tenon_curl.multi_info_read_
#define curl_multi_init tenon_curl.multi_init_
#define curl_multi_perform tenon_curl.multi_perform_
#define curl_multi_poll tenon_curl.multi_poll_
#define curl_multi_remove_handle tenon_curl.multi_remove_handle_
#define curl_slist_append tenon_curl.slist_append_
#define curl_slist_free_all tenon_curl.slist_free_all_
#define curl_url tenon_curl.url_
#define curl_url_cleanup tenon_curl.url_cleanup_
#define curl_url_get tenon_curl.url_get_
#define curl_url_set tenon_curl.url_set_
#define curl_version_info tenon_curl.version_info_

#endif
