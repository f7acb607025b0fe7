/* fuzz-credentials - docker's config.json and its kind, and what a credential helper answers. The
 * input is where to, a line, and the document; the first byte chooses what it is. */
#define FUZZ_CORPUS "credentials"
#include "../../cli/credentials.c"

#include "fuzz.h"

/* What credentials.c has of the rest of the command, and must not do here. */
bool
cli_may_run(const char *file, const char *what)
{
    (void)file, (void)what;
    return false;
}

char *
cli_docker_config_dir(void)
{
    abort();
}

char *
cli_home_path(const char *variable, const char *home, const char *name)
{
    (void)variable, (void)home, (void)name;
    abort();
}

static void
check(int rc, struct answer *found, const struct tenon_error *err)
{
    if (rc < 0)
        tenon_assert(err->message);
    else
        tenon_assert(!found->user == !found->secret);
    free(found->user);
    free(found->secret);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = fuzz_copy(data + 1, size - 1);
    const char *newline = memchr(text, '\n', size - 1);
    size_t line = newline ? (size_t)(newline - text) : 0;
    auto_free char *where = tenon_strndup(text, line);
    auto_buf struct tenon_buf document = TENON_BUF_INIT;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct answer found = {0};
    if (newline)
        tenon_buf_add(&document, newline + 1, size - 2 - line);
    free(text);

    if (data[0] % 2) {
        check(read_answer("docker-credential-fuzz", &document, &found, &err), &found, &err);
        return 0;
    }
    auto_place struct place p = place_of(where);
    auto_json struct json_object *doc = NULL;
    if (tenon_json_parse(tenon_buf_str(&document), document.len, AUTH_FILE_MAX, &doc, &err) == 0)
        check(from_document(doc, "fuzz", &p, &found, &err), &found, &err);
    return 0;
}
