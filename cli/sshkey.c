/* cli/sshkey.c - private keys of ssh: read from files, kept in locked memory, used to sign. */
#include "sshkey.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libgnutls.h"
#include "tools/alloc.h"

enum { FILE_MAX = 64 * 1024 };
enum { RSA_SHA2_256 = 2, RSA_SHA2_512 = 4 }; /* flags of a sign request */

struct ssh_key {
    uint8_t *data; /* locked: the binary of OpenSSH's format, or PEM text */
    size_t len, mapped;
    bool is_pem;
    struct tenon_buf public;
    char *comment;
};

static const struct curve {
    const char *name; /* after "ecdsa-sha2-" */
    gnutls_ecc_curve_t id;
    gnutls_sign_algorithm_t sign;
    size_t bytes; /* of a coordinate */
} curves[] = {
    { "nistp256", GNUTLS_ECC_CURVE_SECP256R1, GNUTLS_SIGN_ECDSA_SHA256, 32 },
    { "nistp384", GNUTLS_ECC_CURVE_SECP384R1, GNUTLS_SIGN_ECDSA_SHA384, 48 },
    { "nistp521", GNUTLS_ECC_CURVE_SECP521R1, GNUTLS_SIGN_ECDSA_SHA512, 66 },
};

/* ---- the protocol's way to write numbers and strings -------------------- */

void
ssh_put_u32(struct tenon_buf *b, uint32_t v)
{
    const uint8_t bytes[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
                              (uint8_t)v };
    tenon_buf_add(b, bytes, sizeof bytes);
}

void
ssh_put_string(struct tenon_buf *b, const void *data, size_t len)
{
    ssh_put_u32(b, (uint32_t)len);
    tenon_buf_add(b, data, len);
}

static void
put_text(struct tenon_buf *b, const char *s)
{
    ssh_put_string(b, s, strlen(s));
}

/* A positive number: no leading zeros, except one where the sign bit would be. */
static void
put_number(struct tenon_buf *b, const uint8_t *p, size_t len)
{
    while (len && !*p)
        p++, len--;
    size_t pad = len && *p & 0x80;
    ssh_put_u32(b, (uint32_t)(len + pad));
    if (pad)
        tenon_buf_addc(b, 0);
    tenon_buf_add(b, p, len);
}

uint32_t
ssh_get_u32(struct ssh_slice *s)
{
    if (s->len < 4) {
        *s = (struct ssh_slice){ .bad = true };
        return 0;
    }
    uint32_t v = (uint32_t)s->p[0] << 24 | (uint32_t)s->p[1] << 16 |
                 (uint32_t)s->p[2] << 8 | s->p[3];
    s->p += 4;
    s->len -= 4;
    return v;
}

struct ssh_slice
ssh_get_string(struct ssh_slice *s)
{
    uint32_t n = ssh_get_u32(s);
    if (s->bad || n > s->len) {
        *s = (struct ssh_slice){ .bad = true };
        return *s;
    }
    struct ssh_slice out = { s->p, n, false };
    s->p += n;
    s->len -= n;
    return out;
}

static bool
is_text(const struct ssh_slice *s, const char *text)
{
    return s->len == strlen(text) && (!s->len || !memcmp(s->p, text, s->len));
}

/* ---- memory ------------------------------------------------------------- */

static int
lock_bytes(struct ssh_key *k, const void *data, size_t len, struct tenon_error *err)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    k->mapped = (len / page + 1) * page; /* one more byte than len, at least */
    void *p = mmap(NULL, k->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return tenon_error_sys(err, "allocate memory for a key");
    k->data = p;
    if (mlock(p, k->mapped) < 0)
        return tenon_error_sys(err, "lock memory for a key");
    /* Old kernels lack these; that is no reason to refuse. */
    (void)madvise(p, k->mapped, MADV_DONTDUMP);
    (void)madvise(p, k->mapped, MADV_WIPEONFORK);
    memcpy(p, data, len);
    k->len = len;
    return 0;
}

void
ssh_key_free(struct ssh_key *k)
{
    if (!k)
        return;
    if (k->data) {
        explicit_bzero(k->data, k->mapped);
        munmap(k->data, k->mapped);
    }
    tenon_buf_release(&k->public);
    free(k->comment);
    free(k);
}

/* ---- OpenSSH's format --------------------------------------------------- */

static const char magic[] = "openssh-key-v1"; /* its NUL is part of it */
static const char armor[] = "-----BEGIN OPENSSH PRIVATE KEY-----";

static gnutls_datum_t
datum(const struct ssh_slice *s)
{
    return (gnutls_datum_t){ (unsigned char *)(uintptr_t)s->p, (unsigned)s->len };
}

static int
import_ecdsa(gnutls_privkey_t key, struct ssh_slice *s)
{
    struct ssh_slice name = ssh_get_string(s), point = ssh_get_string(s), d = ssh_get_string(s);
    for (size_t i = 0; i < tenon_countof(curves); i++) {
        const size_t n = curves[i].bytes;
        if (s->bad || !is_text(&name, curves[i].name) || point.len != 1 + 2 * n ||
            point.p[0] != 4) /* 4: not compressed */
            continue;
        struct ssh_slice x = { point.p + 1, n, false }, y = { point.p + 1 + n, n, false };
        gnutls_datum_t dx = datum(&x), dy = datum(&y), dk = datum(&d);
        return gnutls_privkey_import_ecc_raw(key, curves[i].id, &dx, &dy, &dk);
    }
    return GNUTLS_E_ECC_UNSUPPORTED_CURVE;
}

static int
import_ed25519(gnutls_privkey_t key, struct ssh_slice *s)
{
    struct ssh_slice x = ssh_get_string(s), k = ssh_get_string(s);
    if (s->bad || x.len != 32 || k.len != 64)
        return GNUTLS_E_PARSING_ERROR;
    k.len = 32; /* the seed; the rest is the public half again */
    gnutls_datum_t dx = datum(&x), dk = datum(&k);
    return gnutls_privkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_ED25519, &dx, NULL, &dk);
}

static int
import_rsa(gnutls_privkey_t key, struct ssh_slice *s)
{
    gnutls_datum_t f[6]; /* n e d iqmp p q */
    for (size_t i = 0; i < tenon_countof(f); i++) {
        struct ssh_slice v = ssh_get_string(s);
        f[i] = datum(&v);
    }
    if (s->bad)
        return GNUTLS_E_PARSING_ERROR;
    return gnutls_privkey_import_rsa_raw(key, &f[0], &f[1], &f[2], &f[4], &f[5], NULL, NULL,
                                         NULL);
}

/* The comment is in the private part, too. */
static int
import_openssh(const struct ssh_key *k, gnutls_privkey_t key, char **comment,
               struct tenon_error *err)
{
    struct ssh_slice s = { k->data, k->len, false };
    if (s.len < sizeof magic || memcmp(s.p, magic, sizeof magic))
        return tenon_error_set(err, TENON_E_INVALID, "not a private key of OpenSSH's format");
    s.p += sizeof magic;
    s.len -= sizeof magic;
    struct ssh_slice cipher = ssh_get_string(&s);
    ssh_get_string(&s); /* how a password becomes a key, and its options */
    ssh_get_string(&s);
    uint32_t count = ssh_get_u32(&s);
    ssh_get_string(&s); /* public half */
    struct ssh_slice in = ssh_get_string(&s);
    if (s.bad || count != 1)
        return tenon_error_set(err, TENON_E_INVALID, "damaged private key");
    if (!is_text(&cipher, "none"))
        return tenon_error_set(err, TENON_E_DENIED, "the key is encrypted");

    uint32_t check = ssh_get_u32(&in);
    bool same = check == ssh_get_u32(&in);
    struct ssh_slice type = ssh_get_string(&in);
    int rc;
    if (!same || in.bad)
        rc = GNUTLS_E_PARSING_ERROR;
    else if (is_text(&type, "ssh-ed25519"))
        rc = import_ed25519(key, &in);
    else if (is_text(&type, "ssh-rsa"))
        rc = import_rsa(key, &in);
    else if (type.len > 11 && !memcmp(type.p, "ecdsa-sha2-", 11))
        rc = import_ecdsa(key, &in);
    else
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "keys of type %.*s are not supported",
                               (int)(type.len < 64 ? type.len : 64), (const char *)type.p);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_INVALID, "read the key: %s", gnutls_strerror(rc));
    struct ssh_slice c = ssh_get_string(&in);
    if (comment)
        *comment = c.p ? tenon_strndup((const char *)c.p, c.len) : NULL;
    return 0;
}

/* ---- either format ------------------------------------------------------ */

static int
import_pem(const struct ssh_key *k, gnutls_privkey_t key, struct tenon_error *err)
{
    gnutls_x509_privkey_t x;
    const gnutls_datum_t text = { k->data, (unsigned)k->len };
    if (strstr((char *)k->data, "ENCRYPTED")) /* PKCS#8's label, PEM's Proc-Type */
        return tenon_error_set(err, TENON_E_DENIED, "the key is encrypted");
    if (gnutls_x509_privkey_init(&x) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "out of memory");
    int rc = gnutls_x509_privkey_import(x, &text, GNUTLS_X509_FMT_PEM);
    if (rc >= 0)
        rc = gnutls_privkey_import_x509(key, x, GNUTLS_PRIVKEY_IMPORT_COPY);
    gnutls_x509_privkey_deinit(x);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_INVALID, "not a private key in PEM or OpenSSH's "
                               "format: %s", gnutls_strerror(rc));
    return 0;
}

/* For gnutls_privkey_deinit, which wipes. */
static int
import(const struct ssh_key *k, gnutls_privkey_t *out, char **comment, struct tenon_error *err)
{
    gnutls_privkey_t key;
    if (gnutls_privkey_init(&key) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "out of memory");
    int rc = k->is_pem ? import_pem(k, key, err) : import_openssh(k, key, comment, err);
    if (rc < 0)
        gnutls_privkey_deinit(key);
    else
        *out = key;
    return rc;
}

static const struct curve *
find_curve(gnutls_ecc_curve_t id)
{
    for (size_t i = 0; i < tenon_countof(curves); i++)
        if (curves[i].id == id)
            return &curves[i];
    return NULL;
}

static void
put_padded(struct tenon_buf *b, const gnutls_datum_t *d, size_t bytes)
{
    const uint8_t *p = d->data;
    size_t n = d->size;
    for (; n > bytes; n--)
        p++;
    for (size_t i = n; i < bytes; i++)
        tenon_buf_addc(b, 0);
    tenon_buf_add(b, p, n);
}

static int
public_ecc(gnutls_pubkey_t pub, struct tenon_buf *out)
{
    gnutls_ecc_curve_t id;
    gnutls_datum_t x = {0}, y = {0};
    int rc = gnutls_pubkey_export_ecc_raw2(pub, &id, &x, &y, 0);
    const struct curve *c = rc < 0 ? NULL : find_curve(id);
    if (rc >= 0 && id == GNUTLS_ECC_CURVE_ED25519) {
        put_text(out, "ssh-ed25519");
        ssh_put_string(out, x.data, x.size);
    } else if (c) {
        auto_free char *name = tenon_asprintf("ecdsa-sha2-%s", c->name);
        put_text(out, name);
        put_text(out, c->name);
        ssh_put_u32(out, (uint32_t)(1 + 2 * c->bytes));
        tenon_buf_addc(out, 4);
        put_padded(out, &x, c->bytes);
        put_padded(out, &y, c->bytes);
    } else if (rc >= 0) {
        rc = GNUTLS_E_ECC_UNSUPPORTED_CURVE;
    }
    gnutls_free(x.data);
    gnutls_free(y.data);
    return rc;
}

static int
public_rsa(gnutls_pubkey_t pub, struct tenon_buf *out)
{
    gnutls_datum_t n = {0}, e = {0};
    int rc = gnutls_pubkey_export_rsa_raw2(pub, &n, &e, 0);
    if (rc < 0)
        return rc;
    put_text(out, "ssh-rsa");
    put_number(out, e.data, e.size);
    put_number(out, n.data, n.size);
    gnutls_free(n.data);
    gnutls_free(e.data);
    return 0;
}

static int
make_public(gnutls_privkey_t key, struct tenon_buf *out, struct tenon_error *err)
{
    gnutls_pubkey_t pub;
    if (gnutls_pubkey_init(&pub) < 0)
        return tenon_error_set(err, TENON_E_NOMEM, "out of memory");
    int rc = gnutls_pubkey_import_privkey(pub, key, 0, 0);
    if (rc >= 0) {
        int type = gnutls_privkey_get_pk_algorithm(key, NULL);
        rc = type == GNUTLS_PK_RSA ? public_rsa(pub, out)
             : type == GNUTLS_PK_ECDSA || type == GNUTLS_PK_EDDSA_ED25519
             ? public_ecc(pub, out) : GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    }
    gnutls_pubkey_deinit(pub);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_UNSUPPORTED, "unsupported type of key: %s",
                               gnutls_strerror(rc));
    return 0;
}

/* ---- from files --------------------------------------------------------- */

static int
read_key(struct ssh_key *k, char *text, const char *path, struct tenon_error *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open");
    int64_t n = tenon_read_full(fd, text, FILE_MAX, err);
    if (n < 0)
        return err->code;
    if (n == FILE_MAX)
        return tenon_error_set(err, TENON_E_LIMIT, "too large for a private key");
    text[n] = 0;
    const char *start = strstr(text, "-----BEGIN ");
    if (!start)
        return tenon_error_set(err, TENON_E_INVALID, "not a private key");
    k->is_pem = !tenon_has_prefix(start, armor);
    const gnutls_datum_t in = { (unsigned char *)text, (unsigned)n };
    if (k->is_pem)
        return lock_bytes(k, text, (size_t)n, err);
    gnutls_datum_t binary = {0};
    int rc = gnutls_pem_base64_decode2("OPENSSH PRIVATE KEY", &in, &binary);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_INVALID, "damaged private key: %s",
                               gnutls_strerror(rc));
    rc = lock_bytes(k, binary.data, binary.size, err);
    explicit_bzero(binary.data, binary.size);
    gnutls_free(binary.data);
    return rc;
}

int
ssh_key_open(const char *path, struct ssh_key **out, struct tenon_error *err)
{
    struct ssh_key *k = tenon_new0(struct ssh_key);
    char *text = tenon_malloc(FILE_MAX + 1);
    gnutls_privkey_t key;
    int rc = read_key(k, text, path, err);
    explicit_bzero(text, FILE_MAX + 1);
    free(text);
    if (rc == 0)
        rc = import(k, &key, &k->comment, err);
    if (rc == 0) {
        rc = make_public(key, &k->public, err);
        gnutls_privkey_deinit(key);
    }
    if (rc < 0) {
        ssh_key_free(k);
        return tenon_error_context(err, "ssh key %s", path);
    }
    if (!k->comment || !*k->comment) {
        free(k->comment);
        k->comment = tenon_strdup(path);
    }
    *out = k;
    return 0;
}

const struct tenon_buf *
ssh_key_public(const struct ssh_key *k)
{
    return &k->public;
}

const char *
ssh_key_comment(const struct ssh_key *k)
{
    return k->comment;
}

/* ---- signatures --------------------------------------------------------- */

/* Which signature, and its name; the name of an ecdsa key is its public half's. */
static gnutls_sign_algorithm_t
choose(const struct ssh_key *k, uint32_t flags, struct ssh_slice *name)
{
    struct ssh_slice s = { (const uint8_t *)k->public.data, k->public.len, false };
    *name = ssh_get_string(&s);
    if (is_text(name, "ssh-ed25519"))
        return GNUTLS_SIGN_EDDSA_ED25519;
    if (is_text(name, "ssh-rsa")) {
        if (!(flags & (RSA_SHA2_256 | RSA_SHA2_512)))
            return GNUTLS_SIGN_RSA_SHA1; /* given to whoever asks, as ssh-agent does */
        const char *text = flags & RSA_SHA2_512 ? "rsa-sha2-512" : "rsa-sha2-256";
        *name = (struct ssh_slice){ (const uint8_t *)text, strlen(text), false };
        return flags & RSA_SHA2_512 ? GNUTLS_SIGN_RSA_SHA512 : GNUTLS_SIGN_RSA_SHA256;
    }
    struct ssh_slice curve = ssh_get_string(&s);
    for (size_t i = 0; i < tenon_countof(curves); i++)
        if (is_text(&curve, curves[i].name))
            return curves[i].sign;
    return GNUTLS_SIGN_UNKNOWN;
}

/* X.509 frames an ecdsa signature's two numbers in another way. */
static int
put_signature(const gnutls_datum_t *sig, bool is_ecdsa, struct tenon_buf *out)
{
    if (!is_ecdsa) {
        ssh_put_string(out, sig->data, sig->size);
        return 0;
    }
    gnutls_datum_t r = {0}, s = {0};
    int rc = gnutls_decode_rs_value(sig, &r, &s);
    if (rc < 0)
        return rc;
    auto_buf struct tenon_buf both = TENON_BUF_INIT;
    put_number(&both, r.data, r.size);
    put_number(&both, s.data, s.size);
    ssh_put_string(out, both.data, both.len);
    gnutls_free(r.data);
    gnutls_free(s.data);
    return 0;
}

int
ssh_key_sign(const struct ssh_key *k, const void *data, size_t len, uint32_t flags,
             struct tenon_buf *out, struct tenon_error *err)
{
    gnutls_privkey_t key;
    if (import(k, &key, NULL, err) < 0)
        return err->code;
    struct ssh_slice name;
    const gnutls_sign_algorithm_t how = choose(k, flags, &name);
    const gnutls_datum_t in = { (unsigned char *)(uintptr_t)data, (unsigned)len };
    gnutls_datum_t sig = {0};
    int rc = gnutls_privkey_sign_data2(key, how, 0, &in, &sig);
    gnutls_privkey_deinit(key);
    if (rc >= 0) {
        ssh_put_string(out, name.p, name.len);
        rc = put_signature(&sig, name.len > 5 && !memcmp(name.p, "ecdsa", 5), out);
    }
    gnutls_free(sig.data);
    if (rc < 0)
        return tenon_error_set(err, TENON_E_FAILED, "sign: %s", gnutls_strerror(rc));
    return 0;
}
