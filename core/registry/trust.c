/* registry/trust.c - see trust.h.  SSL_CERT_FILE and SSL_CERT_DIR mean what they mean to
 * Go's crypto/x509: each takes the place of the system's files, or directories, and one of
 * the two alone leaves the other in force, in which the same authorities are. */
#include "registry/trust.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/path.h"

#define FILE_MAX ((size_t)4 << 20)
#define ALL_MAX ((size_t)32 << 20)
#define DIRS_MAX 64

bool
tenon_trust_add_file(struct tenon_buf *to, const char *path, bool warn)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    if (to->len > ALL_MAX)
        return false;
    if (tenon_read_file(path, FILE_MAX, &text, &err) < 0) {
        if (warn)
            tenon_log(TENON_LOG_WARNING, "certificates: %s", err.message ? err.message : path);
        return false;
    }
    if (text.len > 0 && memchr(text.data, '\0', text.len)) { /* DER: it would end the text here */
        if (warn)
            tenon_log(TENON_LOG_WARNING, "certificates: %s: not PEM", path);
        return false;
    }
    tenon_buf_add(to, text.data, text.len);
    tenon_buf_addc(to, '\n');
    return true;
}

static void
add_system(struct tenon_buf *to)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < tenon_countof(bundles); i++)
        if (tenon_trust_add_file(to, bundles[i], false))
            return;
}

/* Each file but links within, which are second names (OpenSSL's hashes). */
static void
add_dir(struct tenon_buf *to, const char *path)
{
    auto_dir DIR *d = opendir(path);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        struct stat st;
        char target[256];
        auto_free char *file = tenon_path_join(path, entry->d_name);
        ssize_t n = readlinkat(dirfd(d), entry->d_name, target, sizeof target);
        bool second = n > 0 && !memchr(target, '/', (size_t)n);
        if (!second && fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            tenon_trust_add_file(to, file, false);
    }
}

char *
tenon_trust_text(const struct tenon_http_settings *s)
{
    size_t dirs = s->cert_dirs ? json_object_array_length(s->cert_dirs) : 0;
    if (!s->cert_file && dirs == 0)
        return NULL;
    struct tenon_buf all = TENON_BUF_INIT;
    if (s->cert_file)
        tenon_trust_add_file(&all, s->cert_file, true);
    if (!s->cert_file || dirs == 0)
        add_system(&all);
    for (size_t i = 0; i < dirs && i < DIRS_MAX; i++) {
        const char *dir = json_object_get_string(json_object_array_get_idx(s->cert_dirs, i));
        if (dir && *dir)
            add_dir(&all, dir);
    }
    tenon_buf_addc(&all, '\n');
    return tenon_buf_steal(&all);
}

int
tenon_trust_file(const char *base, const char *more, char path[32], struct tenon_error *err)
{
    auto_buf struct tenon_buf all = TENON_BUF_INIT;
    if (base)
        tenon_buf_adds(&all, base);
    else
        add_system(&all);
    tenon_buf_addc(&all, '\n');
    tenon_buf_adds(&all, more ? more : "");
    auto_close int fd = memfd_create("ca", MFD_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "keep the certificates of authorities");
    if (tenon_write_all(fd, all.data, all.len, err) < 0)
        return tenon_error_context(err, "keep the certificates of authorities");
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return tenon_steal_fd(&fd);
}
