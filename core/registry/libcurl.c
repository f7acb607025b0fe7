/* registry/libcurl.c - see libcurl.h. */
#include "registry/libcurl.h"

#include <pthread.h>
#include <signal.h>

#include "base/lazylib.h"

struct tenon_curl_functions tenon_curl;

static const struct tenon_lazylib_symbol symbols[] = {
#define X(name) { "curl_" #name, (void **)&tenon_curl.name##_ },
    TENON_CURL_FUNCTIONS(X)
#undef X
    { NULL, NULL },
};

static void
initialise(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct tenon_lazylib library = {
    .soname = TENON_CURL_SONAME,
    .symbols = symbols,
    .ready = initialise,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

TENON_LAZYLIB_NOTE(TENON_CURL_SONAME, "registries and the web");

int
tenon_libcurl(struct tenon_error *err)
{
    return tenon_lazylib_load(&library, err);
}

static pthread_t thread;
static bool is_running;

static void *
load(void *unused)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT; /* reported when it is needed */
    (void)unused;
    tenon_libcurl(&ignored);
    return NULL;
}

void
tenon_libcurl_prepare(void)
{
    sigset_t all, old;
    if (is_running)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    is_running = pthread_create(&thread, NULL, load, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void
tenon_libcurl_settle(void)
{
    if (is_running)
        pthread_join(thread, NULL);
    is_running = false;
}
