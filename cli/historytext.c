/* cli/historytext.c - records as `docker buildx history` shows them. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "historyparts.h"
#include "tools/alloc.h"
#include "tools/excerpt.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/path.h"
#include "tools/base64.h"

#define NS_PER_S INT64_C(1000000000)
enum { NAME_WIDTH = 36 };

/* ---- words --------------------------------------------------------------- */

static const char *
base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* The build file as the user would name it: below its directory, if that is in a repository. */
static char *
build_file(const struct ctl_record *r)
{
    const char *file = records_option(r, "filename");
    const char *dir = records_option(r, "vcs:localdir:dockerfile");

    return dir && strcmp(dir, ".") ? tenon_path_join(dir, file ? file : "Dockerfile")
                                   : tenon_strdup(file ? file : "Dockerfile");
}

/* Where it was built from; NULL: only the client knows. */
static const char *
context_of(const struct ctl_record *r)
{
    const char *context = records_option(r, "context");

    return context ? context : *r->context ? r->context : records_option(r, "vcs:localdir:context");
}

char *
history_build_name(const struct ctl_record *r)
{
    const char *given = records_option(r, "build-arg:BUILDKIT_BUILD_NAME");
    const char *target = records_option(r, "target"), *source = records_option(r, "vcs:source");
    const char *context = context_of(r);

    if (given && *given)
        return tenon_strdup(given);
    auto_free char *file = build_file(r);
    auto_free char *name = !context                    ? tenon_strdup("")
                           : strstr(context, "://")    ? tenon_strdup(context)
                           : !strcmp(file, "Dockerfile") ? tenon_strdup(base_of(context))
                           : tenon_asprintf("%s/%s", base_of(context), file);
    if (target && *target)
        return *name ? tenon_asprintf("%s (%s)", name, target) : tenon_strdup(target);
    return tenon_strdup(*name || !source ? name : source);
}

static const char *
status_of(const struct ctl_record *r)
{
    const char *status = records_status(r);

    return !strcmp(status, "running")     ? "Running"
           : !strcmp(status, "completed") ? "Completed"
           : !strcmp(status, "canceled")  ? "Canceled" : "Error";
}

static char *
duration_of(const struct ctl_record *r)
{
    const int64_t started = records_ns(r->created), ended = records_ns(r->completed);
    const int64_t ns = ended > started ? ended - started : 0, s = ns / NS_PER_S;

    return s < 60 ? tenon_asprintf("%lld.%llds", (long long)s,
                                   (long long)(ns % NS_PER_S / (NS_PER_S / 10)))
                  : tenon_asprintf("%lldm %2llds", (long long)(s / 60), (long long)(s % 60));
}

/* ---- the list ------------------------------------------------------------ */

void
history_put_header(void)
{
    printf("%-28s %-*s %-10s %-16s %s\n", "BUILD ID", NAME_WIDTH, "NAME", "STATUS", "CREATED AT",
           "DURATION");
}

void
history_put_row(const struct ctl_record *r)
{
    auto_free char *name = history_build_name(r), *duration = duration_of(r);
    auto_free char *age = cli_format_age(records_ns(r->created));
    const size_t len = strlen(name), left = len > NAME_WIDTH ? len - NAME_WIDTH + 2 : 0;
    auto_free char *shown = tenon_asprintf("%s%s", left ? ".." : "", name + left);

    cli_put_line(stdout, r->ref);
    printf("%*s ", (int)(strlen(r->ref) < 28 ? 28 - strlen(r->ref) : 0), "");
    cli_put_line(stdout, shown);
    printf("%*s %-10s %-16s %s%s\n", (int)(NAME_WIDTH - strlen(shown)), "", status_of(r), age,
           duration, r->pinned ? "  pinned" : "");
}

static void
add_time(struct json_object *o, const char *key, const struct ctl_time *t)
{
    auto_free char *text = t ? tenon_format_time(records_ns(t)) : NULL;

    if (text)
        json_object_object_add(o, key, json_object_new_string(text));
}

/* Members as buildx has them. */
void
history_put_json(const struct ctl_record *r)
{
    auto_json struct json_object *o = json_object_new_object();
    auto_free char *name = history_build_name(r);

    json_object_object_add(o, "ref", json_object_new_string(r->ref));
    json_object_object_add(o, "name", json_object_new_string(name));
    json_object_object_add(o, "status", json_object_new_string(status_of(r)));
    add_time(o, "created_at", r->created);
    add_time(o, "completed_at", r->completed);
    json_object_object_add(o, "total_steps", json_object_new_int64(r->total));
    json_object_object_add(o, "completed_steps", json_object_new_int64(r->finished));
    json_object_object_add(o, "cached_steps", json_object_new_int64(r->cached));
    json_object_object_add(o, "pinned", json_object_new_boolean(r->pinned));
    cli_put_json(o);
}

/* ---- one ----------------------------------------------------------------- */

static void
add_text(struct json_object *o, const char *key, const char *value)
{
    if (value && *value)
        json_object_object_add(o, key, json_object_new_string(value));
}

/* Options of which the names go on after the prefix. */
static struct json_object *
options_of(const struct ctl_record *r, const char *prefix)
{
    const struct ctl_pair *p = r->options.items;
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < r->options.len; i++) {
        if (!tenon_has_prefix(p[i].key, prefix))
            continue;
        struct json_object *one = json_object_new_object();
        add_text(one, "Name", p[i].key + strlen(prefix));
        json_object_object_add(one, "Value", json_object_new_string(p[i].value));
        json_object_array_add(list, one);
    }
    return list;
}

static void
add_options(struct json_object *o, const char *key, const struct ctl_record *r, const char *prefix)
{
    struct json_object *list = options_of(r, prefix);

    if (json_object_array_length(list))
        json_object_object_add(o, key, list);
    else
        json_object_put(list);
}

static void
add_attached(struct json_object *list, const struct ctl_outcome *o, const char *platform)
{
    const struct ctl_descriptor *d = o ? o->attestations.items : NULL;

    for (size_t i = 0; o && i < o->attestations.len; i++) {
        const struct ctl_pair *p = d[i].annotations.items;
        struct json_object *one = json_object_new_object();
        add_text(one, "Digest", d[i].digest);
        add_text(one, "Platform", platform);
        add_text(one, "Type", d[i].annotations.len ? p[0].value : d[i].media_type);
        json_object_array_add(list, one);
    }
    if (o && o->first) {
        struct json_object *one = json_object_new_object();
        add_text(one, "Digest", o->first->digest);
        add_text(one, "Type", o->first->media_type);
        json_object_array_add(list, one);
    }
}

static struct json_object *
attached(const struct ctl_record *r)
{
    const struct ctl_platform_outcome *o = r->outcomes.items;
    struct json_object *list = json_object_new_array();

    add_attached(list, r->outcome, NULL);
    for (size_t i = 0; i < r->outcomes.len; i++)
        add_attached(list, o[i].value, o[i].platform);
    return list;
}

/* As `docker buildx history inspect --format json`. */
static struct json_object *
record_json(const struct ctl_record *r)
{
    struct json_object *o = json_object_new_object();
    const struct ctl_typed *exporters = r->exporters.items;
    auto_free char *name = history_build_name(r), *file = build_file(r);

    add_text(o, "Name", name);
    json_object_object_add(o, "Ref", json_object_new_string(r->ref));
    add_text(o, "Context", context_of(r));
    add_text(o, "Dockerfile", file);
    add_text(o, "VCSRepository", records_option(r, "vcs:source"));
    add_text(o, "VCSRevision", records_option(r, "vcs:revision"));
    add_text(o, "Target", records_option(r, "target"));
    add_text(o, "Platform", records_option(r, "platform"));
    add_options(o, "NamedContexts", r, "context:");
    add_time(o, "StartedAt", r->created);
    add_time(o, "CompletedAt", r->completed);
    json_object_object_add(
        o, "Duration", json_object_new_int64(records_ns(r->completed) - records_ns(r->created)));
    json_object_object_add(o, "Status", json_object_new_string(records_status(r)));
    if (r->error) {
        struct json_object *e = json_object_new_object();
        json_object_object_add(e, "Code", json_object_new_int64(r->error->code));
        add_text(e, "Message", r->error->message);
        json_object_object_add(o, "Error", e);
    }
    json_object_object_add(o, "NumCompletedSteps", json_object_new_int64(r->finished));
    json_object_object_add(o, "NumTotalSteps", json_object_new_int64(r->total));
    json_object_object_add(o, "NumCachedSteps", json_object_new_int64(r->cached));
    json_object_object_add(o, "NumWarnings", json_object_new_int64(r->warnings));
    json_object_object_add(o, "Pinned", json_object_new_boolean(r->pinned));
    add_options(o, "BuildArgs", r, "build-arg:");
    add_options(o, "Labels", r, "label:");
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < r->exporters.len; i++)
        json_object_array_add(list, json_object_new_string(exporters[i].type));
    json_object_object_add(o, "Exporters", list);
    json_object_object_add(o, "Attachments", attached(r));
    return o;
}

static void
put_line(const char *label, const char *value)
{
    if (!value || !*value)
        return;
    printf("%-16s", label);
    cli_put_line(stdout, value);
    putchar('\n');
}

static void
put_options(const char *title, const struct ctl_record *r, const char *prefix)
{
    const struct ctl_pair *p = r->options.items;
    bool any = false;

    for (size_t i = 0; i < r->options.len; i++) {
        if (!tenon_has_prefix(p[i].key, prefix))
            continue;
        auto_free char *line = tenon_asprintf("%-24s %s", p[i].key + strlen(prefix), p[i].value);
        if (!any)
            printf("\n%s\n", title);
        any = true;
        cli_put_line(stdout, line);
        putchar('\n');
    }
}

static void
put_attached(const struct ctl_record *r)
{
    auto_json struct json_object *list = attached(r);

    if (json_object_array_length(list))
        puts("\nATTACHMENTS");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i), *v = NULL;
        static const char *const keys[] = {"Digest", "Platform", "Type"};
        for (size_t k = 0; k < tenon_countof(keys); k++) {
            if (!json_object_object_get_ex(one, keys[k], &v))
                continue;
            cli_put_line(stdout, json_object_get_string(v));
            putchar(k + 1 < tenon_countof(keys) ? ' ' : '\n');
        }
    }
}

/* The lines of the build file, out of the error's details: JSON, of a type that ends so. */
static void
put_place(const char *json)
{
    auto_json struct json_object *o = tenon_json_parse_modest(json);
    struct json_object *info = NULL, *name = NULL, *data = NULL, *ranges = NULL;
    auto_buf struct tenon_buf file = TENON_BUF_INIT, text = TENON_BUF_INIT;
    int64_t lines[2] = {0, 0};
    static const char *const ends[] = {"start", "end"};

    if (!json_object_object_get_ex(o, "info", &info) ||
        !json_object_object_get_ex(info, "filename", &name) ||
        !json_object_object_get_ex(info, "data", &data) ||
        !json_object_object_get_ex(o, "ranges", &ranges) ||
        !json_object_is_type(ranges, json_type_array) || !json_object_array_length(ranges) ||
        !tenon_base64_decode(json_object_get_string(data),
                             strlen(json_object_get_string(data)), &file))
        return;
    for (size_t i = 0; i < 2; i++) {
        struct json_object *at = NULL, *line = NULL;
        if (json_object_object_get_ex(json_object_array_get_idx(ranges, 0), ends[i], &at) &&
            json_object_object_get_ex(at, "line", &line))
            lines[i] = json_object_get_int64(line);
    }
    if (lines[0] > 0 && lines[1] >= lines[0])
        tenon_excerpt_add(&text, json_object_get_string(name), tenon_buf_str(&file), file.len,
                          (size_t)lines[0], (size_t)lines[1]);
    if (text.len)
        putchar('\n');
    cli_put_text(stdout, tenon_buf_str(&text));
}

struct any {
    const char *type;
    struct message_bytes value;
};
struct details {
    struct message_list list; /* any */
};
static const struct message_field any_fields[] = {
    MESSAGE_FIELD(1, STRING, any, type),
    MESSAGE_FIELD(2, BYTES, any, value),
};
static const struct message_type_info any_message = MESSAGE_INFO(any, any_fields);
static const struct message_field details_fields[] = {
    MESSAGE_OF(3, MANY, details, list, any_message),
};
static const struct message_type_info details_message = MESSAGE_INFO(details, details_fields);

static int
put_details(struct tenon_store *s, const struct ctl_record *r, struct tenon_error *err)
{
    enum { DETAILS_MAX = 4 << 20 };
    auto_arena struct tenon_arena arena = TENON_ARENA_INIT;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct details details = {0};
    const char *why;

    if (!r->details)
        return TENON_OK;
    auto_close int fd = records_open(s, r, r->details, err);
    if (fd < 0 || tenon_read_all(fd, DETAILS_MAX, &bytes, err) < 0)
        return err->code;
    if (!message_decode(&arena, &details_message, bytes.data, bytes.len, &details, &why))
        return tenon_error_set(err, TENON_E_CORRUPT, "record of build %s: its error: %s", r->ref,
                               why);
    const struct any *all = details.list.items;
    for (size_t i = 0; i < details.list.len; i++) {
        auto_free char *json = tenon_strndup(all[i].value.data ? all[i].value.data : "",
                                             all[i].value.len);
        if (strstr(all[i].type, "errdefs.Source"))
            put_place(json);
    }
    return TENON_OK;
}

int
history_inspect(struct tenon_store *s, const struct ctl_record *r, bool json,
                struct tenon_error *err)
{
    if (json) {
        auto_json struct json_object *o = record_json(r);
        cli_put_json(o);
        return TENON_OK;
    }
    auto_free char *name = history_build_name(r), *file = build_file(r);
    auto_free char *duration = duration_of(r), *started = tenon_format_time(records_ns(r->created));
    auto_free char *steps = tenon_asprintf(
        "%lld/%lld (%lld%% cached)", (long long)r->finished, (long long)r->total,
        (long long)(r->total > 0 && r->cached >= 0 && r->cached <= r->total
                        ? r->cached * 100 / r->total : 0));
    put_line("Name:", name);
    put_line("Ref:", r->ref);
    put_line("Context:", context_of(r));
    put_line("Dockerfile:", file);
    put_line("VCS Repository:", records_option(r, "vcs:source"));
    put_line("VCS Revision:", records_option(r, "vcs:revision"));
    put_line("Target:", records_option(r, "target"));
    put_line("Platforms:", records_option(r, "platform"));
    put_line("Started:", started);
    put_line("Duration:", duration);
    put_line("Status:", status_of(r));
    put_line("Error:", r->error ? r->error->message : NULL);
    put_line("Build Steps:", steps);
    if (r->pinned)
        put_line("Pinned:", "true");
    put_options("BUILD ARG", r, "build-arg:");
    put_options("LABEL", r, "label:");
    put_options("NAMED CONTEXT", r, "context:");
    put_attached(r);
    return put_details(s, r, err);
}
