/* cli/usagerows.c - rows of the store's usage, and filters on them. */
#include "usagerows.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "tools/parse.h"

/* ---- filters ------------------------------------------------------------ */

void
usage_filter_release(struct usage_filter *f)
{
    free(f->type);
    free(f->id);
    free(f->origin);
    *f = (struct usage_filter){0};
}

static bool
parse_yes_no(const char *value, int *out)
{
    bool yes;
    if (!tenon_parse_bool(value, &yes))
        return false;
    *out = yes ? 1 : -1;
    return true;
}

/* until=24h is an age, until=2026-01-02T15:04:05Z a moment. */
static bool
parse_until(const char *value, int64_t *older_than_ns)
{
    int64_t ns;
    if (tenon_parse_duration(value, &ns)) {
        *older_than_ns = ns;
        return ns >= 0;
    }
    if (!tenon_parse_time(value, &ns))
        return false;
    *older_than_ns = (int64_t)tenon_now_ns() - ns;
    return *older_than_ns >= 0;
}

bool
usage_filter_add(struct usage_filter *f, const char *verb, const char *text)
{
    static const char *const keys[] = {"id", "inuse", "mutable", "origin", "shared",
                                       "type", "until", "unused-for", NULL};
    const char *equals = strchr(text, '=');
    if (!equals) {
        cli_usage_error(verb, "filter \"%s\": expected KEY=VALUE", text);
        return false;
    }
    auto_free char *key = tenon_strndup(text, (size_t)(equals - text));
    const char *value = equals + 1;
    bool good = true;
    if (!strcmp(key, "type")) {
        free(f->type);
        f->type = tenon_strdup(value);
    } else if (!strcmp(key, "id")) {
        free(f->id);
        f->id = tenon_strdup(value);
    } else if (!strcmp(key, "origin")) {
        free(f->origin);
        f->origin = tenon_strdup(value);
        good = *value;
    } else if (!strcmp(key, "until") || !strcmp(key, "unused-for")) {
        good = parse_until(value, &f->older_than_ns);
    } else if (!strcmp(key, "inuse")) {
        good = parse_yes_no(value, &f->in_use);
    } else if (!strcmp(key, "mutable")) {
        good = parse_yes_no(value, &f->mutable_);
    } else if (!strcmp(key, "shared")) {
        good = parse_yes_no(value, &f->shared);
    } else {
        const char *near = tenon_nearest(key, keys);
        cli_usage_error(verb, "unknown filter \"%s\"%s%s%s", key,
                        near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
        return false;
    }
    if (!good)
        cli_usage_error(verb, "filter %s: bad value \"%s\"", key, value);
    return good;
}

static bool
agrees(int wish, bool is)
{
    return wish == 0 || (wish > 0) == is;
}

bool
usage_filter_passes(const struct usage_filter *f, const struct tenon_usage_row *row,
                    int64_t now_ns)
{
    return (!f->type || tenon_streq(f->type, row->type)) &&
           (!f->id || tenon_has_prefix(row->id, f->id)) &&
           (!f->origin || (row->origin && (!strcmp(f->origin, "import") ||
                                           !strcmp(f->origin, row->origin)))) &&
           (!f->older_than_ns || now_ns - row->last_used_ns >= f->older_than_ns) &&
           agrees(f->in_use, row->in_use) && agrees(f->mutable_, row->is_mutable) &&
           agrees(f->shared, row->shared);
}

/* ---- output ------------------------------------------------------------- */

bool
usage_is_reclaimable(const struct tenon_usage_row *row)
{
    return !row->in_use && !row->is_named;
}

void
usage_print_header(void)
{
    printf("%-40s %-12s %-10s %s\n", "ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED");
}

/* A blob's digest is cut as everywhere; --verbose and json have it whole. */
static char *
short_id(const struct tenon_usage_row *row)
{
    const char *hex = strstr(row->id, "sha256:");
    int len = hex ? (int)(hex - row->id) + 7 + 12 : (int)strlen(row->id);
    return tenon_asprintf("%.*s%s", len, row->id, row->is_mutable ? "*" : "");
}

void
usage_print_row(const struct tenon_usage_row *row)
{
    auto_free char *id = short_id(row);
    auto_free char *size = tenon_format_bytes(row->size_bytes);
    auto_free char *age = cli_format_age(row->last_used_ns);
    printf("%-40s %-12s %-10s %s\n", id, usage_is_reclaimable(row) ? "true" : "false", size,
           age);
}

void
usage_print_verbose(const struct tenon_usage_row *row)
{
    auto_free char *size = tenon_format_bytes(row->size_bytes);
    auto_free char *created = tenon_format_time(row->created_ns);
    auto_free char *age = cli_format_age(row->last_used_ns);
    printf("ID:           %s\n", row->id);
    if (row->parents && *row->parents)
        printf("Parents:      %s\n", row->parents);
    printf("Created at:   %s\n", created);
    printf("Mutable:      %s\n", row->is_mutable ? "true" : "false");
    printf("Reclaimable:  %s\n", usage_is_reclaimable(row) ? "true" : "false");
    printf("Shared:       %s\n", row->shared ? "true" : "false");
    printf("Size:         %s\n", size);
    if (row->description && *row->description) {
        fputs("Description:  ", stdout);
        cli_put_text(stdout, row->description);
        putchar('\n');
    }
    if (row->origin) {
        fputs("Origin:       ", stdout);
        cli_put_text(stdout, row->origin);
        putchar('\n');
    }
    printf("Usage count:  %lld\n", (long long)row->use_count);
    printf("Last used:    %s\n", age);
    printf("Type:         %s\n\n", row->type ? row->type : "regular");
}

static void
add_time(struct json_object *o, const char *key, int64_t ns)
{
    if (ns <= 0)
        return;
    auto_free char *text = tenon_format_time(ns);
    json_object_object_add(o, key, json_object_new_string(text));
}

void
usage_put_json(const struct tenon_usage_row *row)
{
    auto_json struct json_object *o = json_object_new_object();
    json_object_object_add(o, "ID", json_object_new_string(row->id));
    json_object_object_add(o, "Parents",
                           json_object_new_string(row->parents ? row->parents : ""));
    add_time(o, "CreatedAt", row->created_ns);
    json_object_object_add(o, "Mutable", json_object_new_boolean(row->is_mutable));
    json_object_object_add(o, "InUse", json_object_new_boolean(row->in_use));
    json_object_object_add(o, "Reclaimable",
                           json_object_new_boolean(usage_is_reclaimable(row)));
    json_object_object_add(o, "Shared", json_object_new_boolean(row->shared));
    json_object_object_add(o, "Size", json_object_new_int64(row->size_bytes));
    json_object_object_add(o, "Description",
                           json_object_new_string(row->description ? row->description : ""));
    if (row->origin)
        json_object_object_add(o, "Origin", json_object_new_string(row->origin));
    json_object_object_add(o, "UsageCount", json_object_new_int64(row->use_count));
    add_time(o, "LastUsedAt", row->last_used_ns);
    json_object_object_add(o, "Type",
                           json_object_new_string(row->type ? row->type : "regular"));
    cli_put_json(o);
}

void
usage_print_total(const char *label, int64_t bytes)
{
    auto_free char *text = tenon_format_bytes(bytes);
    printf("%-13s %s\n", label, text);
}
