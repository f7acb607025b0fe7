/* fuzz-patterns - ignore files, and paths against them: what may be left out unseen is
 * ignored. The input is the ignore file, a NUL, and paths, one a line. */
#define FUZZ_CORPUS "patterns"
#include "fuzz.h"

#include "tools/path.h"
#include "tools/pattern.h"

static size_t
list_len(char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

static void
check_path(const struct tenon_patterns *p, const char *line)
{
    auto_free char *joined = tenon_path_join("/", line);
    const char *path = joined + 1;
    if (!*path)
        return;
    bool ignored = tenon_patterns_match(p, path), bad;
    (void)tenon_patterns_may_match_below(p, path);
    (void)tenon_glob_match(line, path, &bad);
    if (!ignored || tenon_patterns_may_reinclude(p, path))
        return;
    /* The directory is not entered, so all below must be ignored. */
    static const char *const below[] = {"a", "keep/me", ".git", "x/y/z"};
    for (size_t i = 0; i < tenon_countof(below); i++) {
        auto_free char *deep = tenon_path_join(path, below[i]);
        tenon_assert(tenon_patterns_match(p, deep));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size), *end = text + size;
    char *nul = memchr(text, '\0', size);
    size_t len = nul ? (size_t)(nul - text) : size;
    char **lines = tenon_ignore_parse(text, len);
    const char *bad = NULL;
    struct tenon_patterns *p =
        tenon_patterns_compile((const char *const *)lines, list_len(lines), &bad);

    for (char *at = nul ? nul + 1 : end; p && at < end;) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        auto_free char *line = tenon_strndup(at, n);
        check_path(p, line);
        at += n + 1;
    }
    tenon_patterns_free(p);
    tenon_strv_free(lines);
    free(text);
    return 0;
}
