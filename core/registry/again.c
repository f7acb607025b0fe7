/* registry/again.c - see again.h. */
#include "registry/again.h"

#include "registry/settings.h"

int
tenon_http_patiently(struct tenon_http *h, const struct tenon_http_request *req,
                     struct tenon_http_response *res, struct tenon_patience *p,
                     int (*back)(void *data, struct tenon_error *err), struct tenon_error *err)
{
    const struct tenon_http_settings *s = tenon_http_settings_of(h);
    struct tenon_patience own = {.first_ns = s->pause_ns, .total_ns = s->patience_ns};
    for (;;) {
        bool began = false;
        int rc = tenon_http_do(h, req, res, &began, err);
        bool passes = rc == 0 ? tenon_status_is_transient(res->status)
                              : rc == TENON_E_UNAVAILABLE && res->trouble == TENON_HTTP_BROKEN;
        if (req->once && (rc < 0 || (res->status != 429 && res->status != 503)))
            passes = false;
        if (!passes || (began && !back))
            return rc;
        uint64_t after = tenon_retry_after(res->retry_after, res->date);
        int pause = tenon_patience_pause(p ? p : &own, after, req->cancel, err);
        if (pause < 0)
            return pause == TENON_E_LIMIT ? rc : pause;
        tenon_error_release(err);
        if (began && back(req->data, err) < 0)
            return err->code;
    }
}
