/* cli/signwith.c - see signwith.h. */
#include "signwith.h"

#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "password.h"
#include "signing/signimage.h"
#include "tools/alloc.h"
#include "tools/parse.h"

int
sign_form_parse(const char *text, unsigned *forms, struct tenon_error *err)
{
    static const char *const words[] = { "simple", "bundle", "both", NULL };
    static const unsigned values[] = { TENON_FORM_SIMPLE, TENON_FORM_BUNDLE,
                                       TENON_FORM_SIMPLE | TENON_FORM_BUNDLE };
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], text))
            continue;
        *forms = values[i];
        return 0;
    }
    auto_free char *meant = tenon_meant(text, words);
    return tenon_error_set(err, TENON_E_INVALID, "simple, bundle or both, not \"%s\"%s", text,
                           meant);
}

static int
read_file(const char *path, struct tenon_buf *out, struct tenon_error *err)
{
    tenon_buf_reserve(out, TENON_KEY_FILE_MAX + 1); /* of a key no copy stays behind */
    return tenon_read_file(path, TENON_KEY_FILE_MAX, out, err);
}

/* Whoever reads a key signs with it; one that has a password is of no use without that. */
static void
warn_of_readers(const char *path, const struct tenon_buf *text)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) &&
        !strstr(tenon_buf_str(text), "ENCRYPTED"))
        tenon_log(TENON_LOG_WARNING, "%s: others may read this key (mode %04o): chmod 600", path,
                  (unsigned)st.st_mode & 07777);
}

int
sign_open_key(const struct sign_options *o, struct tenon_signing_key **out,
              struct tenon_error *err)
{
    auto_secret_buf struct tenon_buf text = TENON_BUF_INIT, password = TENON_BUF_INIT;
    if (o->password && password_from_file(o->password, &password, err) < 0)
        return err->code;
    if (read_file(o->key, &text, err) < 0)
        return err->code;
    warn_of_readers(o->key, &text);
    const char *given = o->password ? tenon_buf_str(&password) : NULL;
    int rc = tenon_signing_key_parse(tenon_buf_str(&text), text.len, given, out, err);
    if (rc == TENON_E_DENIED && !given) {
        auto_error struct tenon_error none = TENON_ERROR_INIT;
        auto_free char *question = tenon_asprintf("Password of %s: ", o->key);
        if (password_ask(question, &password, &none) < 0) {
            tenon_error_hint(err, "--password-file FILE");
        } else {
            tenon_error_release(err);
            rc = tenon_signing_key_parse(tenon_buf_str(&text), text.len, tenon_buf_str(&password),
                                         out, err);
        }
    }
    return rc < 0 ? tenon_error_context(err, "%s", o->key) : 0;
}

int
sign_open_certificate(const struct sign_options *o, struct tenon_certificate **out,
                      struct tenon_error *err)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (!o->certificate)
        return 0;
    if (read_file(o->certificate, &text, err) < 0)
        return err->code;
    return tenon_certificate_parse(tenon_buf_str(&text), text.len, out, err) < 0
               ? tenon_error_context(err, "%s", o->certificate) : 0;
}
