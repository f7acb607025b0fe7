/* cli/buildcall.c - see buildcall.h. */
#include "buildcall.h"

#include <stdio.h>
#include <string.h>

#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/text.h"
#include "checktext.h"
#include "cli.h"

static int
parse_option(const char *text, struct build_call *out, struct tenon_error *err)
{
    static const char status[] = "ignorestatus";
    if (!strcmp(text, "format=json") || !strcmp(text, "format=text")) {
        out->json = !strcmp(text, "format=json");
        return TENON_OK;
    }
    if (!strcmp(text, status)) {
        out->ignores_status = true;
        return TENON_OK;
    }
    if (!tenon_has_prefix(text, "ignorestatus="))
        return tenon_error_set(err, TENON_E_INVALID, "unknown option \"%s\" for --call", text);
    if (!tenon_parse_bool(text + sizeof status, &out->ignores_status))
        return tenon_error_set(err, TENON_E_INVALID, "invalid value for --call: \"%s\"", text);
    return TENON_OK;
}

int
build_call_parse(const struct build_flags *f, struct build_call *out, struct tenon_error *err)
{
    static const char *const words[] = { "build", "check", "lint", "outline", "targets",
                                         "subrequests.describe", NULL };
    static const char *const requests[] = { NULL, "frontend.lint", "frontend.lint",
                                            "frontend.outline", "frontend.targets",
                                            "frontend.subrequests.describe" };
    *out = (struct build_call){ .request = !f->call && f->check ? "frontend.lint" : NULL };
    if (!f->call)
        return TENON_OK;
    auto_strv char **parts = tenon_comma_fields(f->call, NULL);
    const char *word = parts && parts[0] ? parts[0] : f->call;
    size_t i = 0;
    while (words[i] && strcmp(word, words[i]))
        i++;
    auto_free char *meant = tenon_meant(word, words);
    if (!words[i])
        return tenon_error_set(err, TENON_E_INVALID, "unknown method \"%s\" for --call%s: expected "
                               "build, check, outline, targets or subrequests.describe", word,
                               meant);
    for (char **p = parts + 1; *p; p++)
        if (parse_option(*p, out, err) < 0)
            return err->code;
    out->request = requests[i];
    return TENON_OK;
}

static void
print_text(FILE *to, const char *text, size_t len, bool json)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT;
    (json ? tenon_text_add_json : tenon_text_add)(&plain, text, len);
    if (plain.len && plain.data[plain.len - 1] != '\n')
        tenon_buf_addc(&plain, '\n');
    fwrite(plain.data, 1, plain.len, to);
}

static void
print_meta(const struct tenon_result *r, bool json)
{
    const struct tenon_result_value *v = tenon_result_meta(r, json ? "result.json" : "result.txt");
    if (v)
        print_text(stdout, v->data, v->len, json);
}

static int
print_check(const struct build_flags *f, const struct build_call *call,
            const struct tenon_result *r)
{
    const struct tenon_result_value *v = tenon_result_meta(r, "result.json");
    const bool json = call->json;
    struct check_text t = {0};
    const bool read = v && check_text_make(f, v->data, v->len, &t);
    if (t.warnings && !json)
        printf("Check complete, %zu warning%s been found!\n", t.warnings,
               t.warnings == 1 ? " has" : "s have");
    if (json || !read)
        print_meta(r, json);
    else
        print_text(stdout, tenon_buf_str(&t.findings), t.findings.len, false);
    if (t.cannot_build) {
        if (!json && t.warnings) /* between the two, where both are read as one */
            putchar('\n');
        fflush(stdout);
        fputs("ERROR: ", stderr);
        print_text(stderr, t.failure.data, t.failure.len, false);
    } else if (!json && read && !t.warnings) {
        puts("Check complete, no warnings found.");
    }
    /* A file that cannot be built is an error, whatever is asked about the status. */
    const bool failed = t.cannot_build || (t.warnings && !call->ignores_status);
    check_text_release(&t);
    return failed ? CLI_FAILED : CLI_OK;
}

int
build_call_print(const struct build_flags *f, const struct build_call *call,
                 const struct tenon_result *r)
{
    if (!strcmp(call->request, "frontend.lint"))
        return print_check(f, call, r);
    print_meta(r, call->json);
    return CLI_OK;
}
