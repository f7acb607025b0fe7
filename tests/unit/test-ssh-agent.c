/* Our own agent: keys of each kind and format, signatures that others take, what it does not
 * do, and keys and messages that are none. */
#include "unit.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <sys/socket.h>

#include "../../cli/sshagent.h"
#include "../../cli/sshkey.h"

#define DATA "what is to be signed"

/* ---- keys -------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    gnutls_pk_algorithm_t algorithm;
    unsigned bits;
    bool is_openssh; /* its own format, else PEM */
    uint32_t flags;
    const char *signature;
    gnutls_sign_algorithm_t sign;
};

#define CURVE(c) GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_##c)
static const struct kind kinds[] = {
    {"ssh-ed25519", GNUTLS_PK_EDDSA_ED25519, 0, true, 0, "ssh-ed25519", GNUTLS_SIGN_EDDSA_ED25519},
    {"ssh-ed25519", GNUTLS_PK_EDDSA_ED25519, 0, true, 4, "ssh-ed25519", GNUTLS_SIGN_EDDSA_ED25519},
    {"ecdsa-sha2-nistp256", GNUTLS_PK_ECDSA, CURVE(SECP256R1), true, 0, "ecdsa-sha2-nistp256",
     GNUTLS_SIGN_ECDSA_SHA256},
    {"ecdsa-sha2-nistp384", GNUTLS_PK_ECDSA, CURVE(SECP384R1), true, 0, "ecdsa-sha2-nistp384",
     GNUTLS_SIGN_ECDSA_SHA384},
    {"ecdsa-sha2-nistp521", GNUTLS_PK_ECDSA, CURVE(SECP521R1), true, 0, "ecdsa-sha2-nistp521",
     GNUTLS_SIGN_ECDSA_SHA512},
    {"ecdsa-sha2-nistp256", GNUTLS_PK_ECDSA, CURVE(SECP256R1), false, 0, "ecdsa-sha2-nistp256",
     GNUTLS_SIGN_ECDSA_SHA256},
    {"ssh-rsa", GNUTLS_PK_RSA, 2048, false, 0, "ssh-rsa", GNUTLS_SIGN_RSA_SHA1},
    {"ssh-rsa", GNUTLS_PK_RSA, 2048, false, 2, "rsa-sha2-256", GNUTLS_SIGN_RSA_SHA256},
    {"ssh-rsa", GNUTLS_PK_RSA, 2048, false, 4, "rsa-sha2-512", GNUTLS_SIGN_RSA_SHA512},
    {"ssh-rsa", GNUTLS_PK_RSA, 2048, false, 6, "rsa-sha2-512", GNUTLS_SIGN_RSA_SHA512},
    {"ssh-rsa", GNUTLS_PK_RSA, 2048, true, 2, "rsa-sha2-256", GNUTLS_SIGN_RSA_SHA256},
};

static void
put_text(struct tenon_buf *b, const char *s)
{
    ssh_put_string(b, s, strlen(s));
}

/* A number of the protocol's, out of one that has a zero in front where it must. */
static void
put_datum(struct tenon_buf *b, gnutls_datum_t *d)
{
    ssh_put_string(b, d->data, d->size);
    gnutls_free(d->data);
}

/* A coordinate, as wide as its curve; and freed. */
static void
put_wide(struct tenon_buf *b, gnutls_datum_t *d, size_t width)
{
    size_t zeros = d->size > width ? d->size - width : 0;
    for (size_t i = d->size; i < width; i++)
        tenon_buf_addc(b, 0);
    tenon_buf_add(b, d->data + zeros, d->size - zeros);
    gnutls_free(d->data);
}

/* The private part of OpenSSH's format, behind the type. */
static void
put_private(struct tenon_buf *b, gnutls_privkey_t key, const struct kind *kind)
{
    gnutls_ecc_curve_t curve;
    gnutls_datum_t x = {0}, y = {0}, k = {0}, m, e, d, p, q, u, e1, e2;
    if (kind->algorithm == GNUTLS_PK_RSA) {
        ck_assert_int_eq(gnutls_privkey_export_rsa_raw2(key, &m, &e, &d, &p, &q, &u, &e1, &e2, 0), 0);
        put_datum(b, &m);
        put_datum(b, &e);
        put_datum(b, &d);
        put_datum(b, &u);
        put_datum(b, &p);
        put_datum(b, &q);
        gnutls_free(e1.data);
        gnutls_free(e2.data);
        return;
    }
    ck_assert_int_eq(gnutls_privkey_export_ecc_raw2(key, &curve, &x, &y, &k, 0), 0);
    if (kind->algorithm == GNUTLS_PK_EDDSA_ED25519) {
        ssh_put_string(b, x.data, x.size);
        ssh_put_u32(b, 64);
        tenon_buf_add(b, k.data, 32);
        tenon_buf_add(b, x.data, 32);
        gnutls_free(x.data);
        gnutls_free(k.data);
        return;
    }
    size_t width = curve == GNUTLS_ECC_CURVE_SECP256R1 ? 32 : curve == GNUTLS_ECC_CURVE_SECP384R1 ? 48 : 66;
    put_text(b, kind->name + strlen("ecdsa-sha2-"));
    ssh_put_u32(b, (uint32_t)(1 + 2 * width));
    tenon_buf_addc(b, 4);
    put_wide(b, &x, width);
    put_wide(b, &y, width);
    put_datum(b, &k);
}

/* How one differs from a right one. */
struct damage {
    const char *cipher, *type;
    uint32_t count, other_check;
};

static void
openssh_binary(struct tenon_buf *out, gnutls_privkey_t key, const struct kind *kind,
               const struct damage *damage)
{
    auto_buf struct tenon_buf in = TENON_BUF_INIT;
    ssh_put_u32(&in, 0x12345678);
    ssh_put_u32(&in, 0x12345678 + damage->other_check);
    put_text(&in, damage->type ? damage->type : kind->name);
    put_private(&in, key, kind);
    put_text(&in, "a comment");
    for (char i = 1; in.len % 8; i++)
        tenon_buf_addc(&in, i);
    tenon_buf_add(out, "openssh-key-v1", sizeof "openssh-key-v1");
    put_text(out, damage->cipher ? damage->cipher : "none");
    put_text(out, "none");
    put_text(out, "");
    ssh_put_u32(out, damage->count ? damage->count : 1);
    put_text(out, "the public half, which nobody reads");
    ssh_put_string(out, in.data, in.len);
}

static void
write_armored(int dirfd, const char *name, const void *data, size_t len)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)data, (unsigned)len}, pem;
    ck_assert_int_eq(gnutls_pem_base64_encode2("OPENSSH PRIVATE KEY", &in, &pem), 0);
    auto_close int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, pem.data, pem.size), (ssize_t)pem.size);
    gnutls_free(pem.data);
}

static gnutls_privkey_t
make_key(const struct kind *kind)
{
    gnutls_privkey_t key;
    ck_assert_int_eq(gnutls_privkey_init(&key), 0);
    ck_assert_int_eq(gnutls_privkey_generate(key, kind->algorithm, kind->bits, 0), 0);
    return key;
}

static void
write_key(int dirfd, gnutls_privkey_t key, const struct kind *kind)
{
    if (kind->is_openssh) {
        auto_buf struct tenon_buf binary = TENON_BUF_INIT;
        openssh_binary(&binary, key, kind, &(struct damage){0});
        write_armored(dirfd, "key", binary.data, binary.len);
        return;
    }
    gnutls_x509_privkey_t x;
    gnutls_datum_t pem;
    ck_assert_int_eq(gnutls_privkey_export_x509(key, &x), 0);
    ck_assert_int_eq(gnutls_x509_privkey_export2(x, GNUTLS_X509_FMT_PEM, &pem), 0);
    unit_write(dirfd, "key", (const char *)pem.data);
    gnutls_free(pem.data);
    gnutls_x509_privkey_deinit(x);
}

struct kit {
    char dir[64], *path;
    int dirfd;
    gnutls_privkey_t key;
    struct ssh_agent *agent;
    int fd;
};

static void
kit_open(struct kit *k, const struct kind *kind)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    *k = (struct kit){0};
    k->dirfd = unit_tmpdir(k->dir);
    k->path = tenon_asprintf("%s/key", k->dir);
    k->key = make_key(kind);
    write_key(k->dirfd, k->key, kind);
    k->agent = ssh_agent_new();
    ck_assert_msg(ssh_agent_add(k->agent, k->path, &err) == 0, "%s", err.message);
    k->fd = ssh_agent_connect(k->agent, &err);
    ck_assert_int_ge(k->fd, 0);
}

static void
kit_close(struct kit *k)
{
    ssh_agent_free(k->agent); /* ends the connection, though we hold the other end */
    close(k->fd);
    gnutls_privkey_deinit(k->key);
    free(k->path);
    unit_tmpdir_remove(k->dirfd, k->dir);
}

/* One message and its answer; false when the agent hangs up. */
static bool
ask(int fd, const void *data, size_t len, struct tenon_buf *out)
{
    auto_buf struct tenon_buf framed = TENON_BUF_INIT;
    uint8_t head[4];
    ssh_put_string(&framed, data, len);
    for (size_t at = 0; at < framed.len;) {
        ssize_t n = send(fd, framed.data + at, framed.len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    if (recv(fd, head, 4, MSG_WAITALL) != 4)
        return false;
    struct ssh_slice s = {head, 4, false};
    size_t size = ssh_get_u32(&s);
    auto_free char *body = tenon_malloc(size + 1);
    ck_assert_int_eq(recv(fd, body, size, MSG_WAITALL), (ssize_t)size);
    tenon_buf_clear(out);
    tenon_buf_add(out, body, size);
    return true;
}

static bool
equal(const struct ssh_slice *s, const char *text)
{
    return !s->bad && s->len == strlen(text) && memcmp(s->p, text, s->len) == 0;
}

/* The only key's public half, as the agent lists it. */
static struct ssh_slice
list(struct kit *k, struct tenon_buf *answer)
{
    ck_assert(ask(k->fd, "\x0b", 1, answer));
    struct ssh_slice s = {(const uint8_t *)answer->data, answer->len, false};
    ck_assert_uint_eq(s.p[0], 12);
    s.p++;
    s.len--;
    ck_assert_uint_eq(ssh_get_u32(&s), 1);
    struct ssh_slice public = ssh_get_string(&s), comment = ssh_get_string(&s);
    ck_assert(!public.bad && !comment.bad && s.len == 0);
    ck_assert(equal(&comment, "a comment") || equal(&comment, k->path));
    return public;
}

static void
sign_request(struct tenon_buf *out, const struct ssh_slice *public, uint32_t flags)
{
    tenon_buf_clear(out);
    tenon_buf_addc(out, 13);
    ssh_put_string(out, public->p, public->len);
    put_text(out, DATA);
    ssh_put_u32(out, flags);
}

/* A positive number in as few bytes as it can be. */
static gnutls_datum_t
number(struct ssh_slice *s)
{
    struct ssh_slice n = ssh_get_string(s);
    ck_assert(!n.bad && n.len > 0 && !(n.p[0] & 0x80));
    ck_assert(n.p[0] != 0 || (n.len > 1 && n.p[1] & 0x80));
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)n.p, (unsigned)n.len};
}

static void
check_signature(struct kit *k, const struct kind *kind, struct ssh_slice s)
{
    gnutls_pubkey_t public;
    gnutls_datum_t data = {(unsigned char *)DATA, (unsigned)strlen(DATA)}, sig, made = {0};
    struct ssh_slice name = ssh_get_string(&s), blob = ssh_get_string(&s);
    ck_assert(equal(&name, kind->signature));
    ck_assert(!blob.bad && s.len == 0);
    sig = (gnutls_datum_t){(unsigned char *)(uintptr_t)blob.p, (unsigned)blob.len};
    if (kind->algorithm == GNUTLS_PK_ECDSA) {
        gnutls_datum_t r = number(&blob), t = number(&blob);
        ck_assert_uint_eq(blob.len, 0);
        ck_assert_int_eq(gnutls_encode_rs_value(&made, &r, &t), 0);
        sig = made;
    }
    ck_assert_int_eq(gnutls_pubkey_init(&public), 0);
    ck_assert_int_eq(gnutls_pubkey_import_privkey(public, k->key, 0, 0), 0);
    ck_assert_int_ge(gnutls_pubkey_verify_data2(public, kind->sign, GNUTLS_VERIFY_ALLOW_BROKEN,
                                                &data, &sig), 0);
    gnutls_pubkey_deinit(public);
    gnutls_free(made.data);
}

/* The key is listed under its type, and what it signs is its signature; many times, since the
 * numbers of some are shorter, or begin with a one. */
START_TEST(test_ssh_kinds)
{
    struct kit k;
    const struct kind *kind = &kinds[_i];
    auto_buf struct tenon_buf keys = TENON_BUF_INIT;
    auto_buf struct tenon_buf request = TENON_BUF_INIT;
    auto_buf struct tenon_buf answer = TENON_BUF_INIT;
    kit_open(&k, kind);
    struct ssh_slice public = list(&k, &keys), s = public, type = ssh_get_string(&s);
    ck_assert(equal(&type, kind->name));
    sign_request(&request, &public, kind->flags);
    for (int i = 0; i < (kind->algorithm == GNUTLS_PK_ECDSA ? 100 : 2); i++) {
        ck_assert(ask(k.fd, request.data, request.len, &answer));
        s = (struct ssh_slice){(const uint8_t *)answer.data, answer.len, false};
        ck_assert_uint_eq(s.p[0], 14);
        s.p++;
        s.len--;
        struct ssh_slice sig = ssh_get_string(&s);
        ck_assert(!sig.bad && s.len == 0);
        check_signature(&k, kind, sig);
    }
    kit_close(&k);
}
END_TEST

/* ---- what it does not do --------------------------------------------------------------------- */

static void
refuses(struct kit *k, const void *data, size_t len)
{
    auto_buf struct tenon_buf answer = TENON_BUF_INIT;
    ck_assert(ask(k->fd, data, len, &answer));
    ck_assert_uint_eq(answer.len, 1);
    ck_assert_int_eq(answer.data[0], 5);
}

START_TEST(test_ssh_refuses)
{
    struct kit k;
    auto_buf struct tenon_buf keys = TENON_BUF_INIT;
    auto_buf struct tenon_buf request = TENON_BUF_INIT;
    kit_open(&k, &kinds[0]);
    for (int type = 0; type < 256; type++) /* to add, remove, lock, extend, ... */
        if (type != 11)
            refuses(&k, &(char){(char)type}, 1);
    struct ssh_slice public = list(&k, &keys);
    sign_request(&request, &public, 0);
    for (size_t len = 1; len < request.len; len++) /* cut short anywhere */
        refuses(&k, request.data, len);
    struct ssh_slice shorter = {public.p, public.len - 1, false}; /* another's key */
    sign_request(&request, &shorter, 0);
    refuses(&k, request.data, request.len);
    auto_free char *other = tenon_malloc(public.len);
    memcpy(other, public.p, public.len);
    other[public.len - 1] ^= 1;
    struct ssh_slice changed = {(uint8_t *)other, public.len, false};
    sign_request(&request, &changed, 0);
    refuses(&k, request.data, request.len);
    kit_close(&k);
}
END_TEST

/* A message is as long as OpenSSH's may be, and not longer, nor empty. */
START_TEST(test_ssh_message_limits)
{
    static const struct {
        size_t len;
        bool fits;
    } cases[] = {{1, true}, {256 * 1024, true}, {256 * 1024 + 1, false}, {0, false}};
    struct kit k;
    kit_open(&k, &kinds[0]);
    auto_free char *message = tenon_calloc(1, cases[_i].len + 1);
    if (cases[_i].fits) {
        refuses(&k, message, cases[_i].len);
    } else {
        auto_buf struct tenon_buf answer = TENON_BUF_INIT;
        ck_assert(!ask(k.fd, message, cases[_i].len, &answer));
    }
    kit_close(&k);
}
END_TEST

struct asker {
    struct kit *kit;
    int good;
};

static void *
ask_often(void *data)
{
    struct asker *a = data;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf keys = TENON_BUF_INIT;
    auto_buf struct tenon_buf request = TENON_BUF_INIT;
    auto_buf struct tenon_buf answer = TENON_BUF_INIT;
    struct kit mine = *a->kit;
    mine.fd = ssh_agent_connect(mine.agent, &err);
    struct ssh_slice public = list(&mine, &keys);
    sign_request(&request, &public, 0);
    for (int i = 0; i < 20; i++)
        a->good += ask(mine.fd, request.data, request.len, &answer) && answer.data[0] == 14;
    close(mine.fd);
    return NULL;
}

START_TEST(test_ssh_many_at_once)
{
    struct kit k;
    struct asker askers[4];
    pthread_t threads[4];
    kit_open(&k, &kinds[2]);
    for (size_t i = 0; i < 4; i++) {
        askers[i] = (struct asker){&k, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &askers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(askers[i].good, 20);
    }
    kit_close(&k);
}
END_TEST

/* ---- what is no key ---------------------------------------------------------------------------- */

static int
open_key(const struct kit *k, struct tenon_error *err)
{
    struct ssh_key *key = NULL;
    tenon_error_release(err);
    int rc = ssh_key_open(k->path, &key, err);
    ssh_key_free(key);
    return rc;
}

START_TEST(test_ssh_damaged)
{
    static const struct {
        struct damage damage;
        int code;
        const char *says;
    } cases[] = {
        {{0}, 0, NULL},
        {{.cipher = "aes256-ctr"}, TENON_E_DENIED, "the key is encrypted"},
        {{.type = "ssh-dss"}, TENON_E_UNSUPPORTED, "keys of type ssh-dss are not supported"},
        {{.count = 2}, TENON_E_INVALID, "damaged private key"},
        {{.other_check = 1}, TENON_E_INVALID, "read the key"},
        {{.type = "ssh-rsa"}, TENON_E_INVALID, "read the key"},
        {{.type = "ecdsa-sha2-nistp256"}, TENON_E_INVALID, "read the key"},
    };
    struct kit k;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf binary = TENON_BUF_INIT;
    kit_open(&k, &kinds[0]);
    openssh_binary(&binary, k.key, &kinds[0], &cases[_i].damage);
    write_armored(k.dirfd, "key", binary.data, binary.len);
    ck_assert_int_eq(open_key(&k, &err), cases[_i].code);
    if (cases[_i].says) {
        ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
        auto_free char *start = tenon_asprintf("ssh key %s: ", k.path);
        ck_assert(tenon_has_prefix(err.message, start));
    }
    kit_close(&k);
}
END_TEST

/* Every beginning of a key is none. */
START_TEST(test_ssh_cut_short)
{
    static const size_t which[] = {0, 2, 10}; /* of each type */
    const struct kind *kind = &kinds[which[_i]];
    struct kit k;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf binary = TENON_BUF_INIT;
    kit_open(&k, kind);
    openssh_binary(&binary, k.key, kind, &(struct damage){0});
    for (size_t len = 1; len < binary.len; len += 1 + len / 64) {
        write_armored(k.dirfd, "key", binary.data, len);
        ck_assert_msg(open_key(&k, &err) < 0, "%zu of %zu", len, binary.len);
    }
    kit_close(&k);
}
END_TEST

START_TEST(test_ssh_no_key)
{
    static const struct {
        const char *text;
        int code;
        const char *says;
    } cases[] = {
        {"", TENON_E_INVALID, "not a private key"},
        {"ssh-ed25519 AAAA me\n", TENON_E_INVALID, "not a private key"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n!\n", TENON_E_INVALID, "damaged private key"},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
         TENON_E_INVALID, "not a private key of OpenSSH's format"},
        {"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", TENON_E_INVALID,
         "not a private key in PEM or OpenSSH's format"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
         TENON_E_DENIED, "the key is encrypted"},
        {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
         TENON_E_DENIED, "the key is encrypted"},
        {NULL, TENON_E_LIMIT, "too large for a private key"},
    };
    struct kit k;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_free char *large = tenon_calloc(1, 65536 + 1);
    memset(large, 'x', 65536);
    kit_open(&k, &kinds[0]);
    unit_write(k.dirfd, "key", cases[_i].text ? cases[_i].text : large);
    ck_assert_int_eq(open_key(&k, &err), cases[_i].code);
    ck_assert_msg(strstr(err.message, cases[_i].says) != NULL, "%s", err.message);
    kit_close(&k);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("ssh-agent");
    TCase *t = tcase_create("ssh-agent");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, test_ssh_kinds, 0, tenon_countof(kinds));
    tcase_add_test(t, test_ssh_refuses);
    tcase_add_loop_test(t, test_ssh_message_limits, 0, 4);
    tcase_add_test(t, test_ssh_many_at_once);
    tcase_add_loop_test(t, test_ssh_damaged, 0, 7);
    tcase_add_loop_test(t, test_ssh_cut_short, 0, 3);
    tcase_add_loop_test(t, test_ssh_no_key, 0, 8);
    suite_add_tcase(s, t);
    return unit_run(s);
}
