/* fuzz-policies - expressions, policies and lock files, and sources held to them. The input is an
 * expression or a document, a NUL, and a source. */
#define FUZZ_CORPUS "policies"
#include "fuzz.h"

#include "policy/lockfile.h"
#include "policy/policy.h"
#include "tools/goregexp.h"

static void
as_expression(const char *text, const char *source)
{
    const char *why = NULL;
    struct tenon_goregexp *re = tenon_goregexp_compile(text, &why);
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    struct tenon_goregexp_match m;
    tenon_assert(!re == (why != NULL));
    if (!re)
        return;
    tenon_goregexp_replace(re, source, "<$1>", TENON_GOREGEXP_TEXT, &out);
    if (tenon_goregexp_match(re, source, 0, &m))
        for (size_t i = 0; i < m.count; i++)
            tenon_assert(m.begin[i] <= m.end[i] && m.end[i] <= (ptrdiff_t)strlen(source));
    tenon_goregexp_free(re);
}

static void
as_policy(const char *text, size_t len, const char *source)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_policy *p;
    if (tenon_policy_parse(text, len, &p, &err) < 0)
        return;
    struct tenon_policy_source s = {.identifier = tenon_strdup(source)};
    const struct tenon_policy *const list[] = {p};
    if (tenon_policies_apply(list, 1, &s, &err) >= 0)
        tenon_assert(s.identifier);
    tenon_policy_source_release(&s);
    tenon_policy_free(p);
}

static void
as_lock(const char *text, size_t len, const char *source)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    struct tenon_lockfile *l;
    if (tenon_lockfile_parse(text, len, "L", &l, &err) < 0)
        return;
    struct tenon_policy_source s = {.identifier = tenon_strdup(source)};
    (void)tenon_lockfile_pin(l, &s, "linux/amd64", &err);
    tenon_policy_source_release(&s);
    tenon_lockfile_text(l, &out); /* can be read again */
    tenon_lockfile_free(l);
    auto_error struct tenon_error none = TENON_ERROR_INIT;
    tenon_assert(tenon_lockfile_parse(out.data, out.len, "L", &l, &none) == 0);
    tenon_lockfile_free(l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = tenon_malloc(size + 1);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    const size_t len = strlen(text);
    const char *source = len < size ? text + len + 1 : "docker-image://docker.io/library/a:1";
    as_expression(text, source);
    as_policy(text, len, source);
    as_lock(text, len, source);
    free(text);
    return 0;
}
