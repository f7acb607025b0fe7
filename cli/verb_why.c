/* cli/verb_why.c - tenon why: where the results of steps came from. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/json.h"
#include "tools/alloc.h"
#include "tools/parse.h"

static const char help[] =
    "Usage: PROGRAM why [OPTIONS] [STEP]\n"
    "\n"
    "Tell where the results of steps that the store knows came from: made here, or\n"
    "imported (--cache-from), by which caches. With STEP, a part of the names of\n"
    "steps as a build shows them, also what their keys consist of.\n"
    "\n"
    "Options:\n"
    "  -a, --all             also what a newer result of the same step replaced\n"
    "      --format FORMAT   table or json (one object a line)\n"
    "  -h, --help            show this\n"
    "      --imported        only what came by caches\n";

struct flags {
    bool all, json, imported;
    const char *step; /* or NULL: all, in short */
};

/* ---- which ------------------------------------------------------------------------------ */

struct shown { /* already: by its place, which it keeps when its words change; or its name */
    char *step;
    UT_hash_handle hh;
};

/* Records come last used first. */
static bool
is_newest(struct shown **seen, const struct tenon_whence *w)
{
    struct shown *one;
    auto_free char *step = tenon_strdup(w->place && *w->place ? w->place : w->name);
    HASH_FIND_STR(*seen, step, one);
    if (one)
        return false;
    one = tenon_new0(struct shown);
    one->step = tenon_steal(&step);
    HASH_ADD_KEYPTR(hh, *seen, one->step, strlen(one->step), one);
    return true;
}

static void
forget(struct shown *seen)
{
    struct shown *one, *next;
    HASH_ITER(hh, seen, one, next) {
        HASH_DEL(seen, one);
        free(one->step);
        free(one);
    }
}

static bool
is_wanted(const struct flags *f, const struct tenon_whence *w)
{
    return w->name && (!f->step || strstr(w->name, f->step)) &&
           (!f->imported || (w->origin && !w->is_trusted));
}

/* ---- how ---------------------------------------------------------------------------------- */

static char *
origin_text(const struct tenon_whence *w)
{
    if (!w->origin)
        return tenon_strdup("here");
    return tenon_asprintf(w->is_trusted ? "%s (trusted)" : "%s", w->origin);
}

static void
put_row(const struct tenon_whence *w)
{
    auto_free char *age = cli_format_age(w->used_ns);
    auto_free char *origin = origin_text(w);
    printf("%-20s ", age);
    cli_put_text(stdout, origin);
    fputs("  ", stdout);
    cli_put_text(stdout, w->name);
    putchar('\n');
}

static void
put_part(void *data, const char *label, const char *value)
{
    (void)data;
    fputs("    ", stdout);
    cli_put_text(stdout, label);
    fputs(": ", stdout);
    cli_put_text(stdout, value);
    putchar('\n');
}

static void
put_line(const char *label, const char *text)
{
    printf("%-14s", label);
    cli_put_text(stdout, text);
    putchar('\n');
}

static int
put_details(struct tenon_store *store, const struct tenon_whence *w, struct tenon_error *err)
{
    auto_free char *created = cli_format_age(w->created_ns);
    auto_free char *used = cli_format_age(w->used_ns);
    auto_free char *origin = origin_text(w);
    put_line("Step:", w->name);
    put_line("Origin:", w->origin ? origin : "made here");
    if (w->place && *w->place)
        put_line("Place:", w->place);
    put_line("Kept since:", created);
    put_line("Last used:", used);
    if (!w->has_result)
        put_line("Result:", "not here, its keys alone are known");
    puts("Key:");
    if (tenon_record_parts(store, w->id, put_part, NULL, err) < 0)
        return err->code;
    putchar('\n');
    return 0;
}

static void
add_part(void *data, const char *label, const char *value)
{
    struct json_object *part = json_object_new_object();
    json_object_object_add(part, "label", json_object_new_string(label));
    json_object_object_add(part, "value", json_object_new_string(value));
    json_object_array_add(data, part);
}

static void
add_text(struct json_object *o, const char *key, const char *text)
{
    if (text)
        json_object_object_add(o, key, json_object_new_string(text));
}

static int
put_json(struct tenon_store *store, const struct tenon_whence *w, struct tenon_error *err)
{
    auto_json struct json_object *o = json_object_new_object();
    struct json_object *parts = json_object_new_array();
    auto_free char *created = tenon_format_time(w->created_ns);
    auto_free char *used = tenon_format_time(w->used_ns);
    add_text(o, "step", w->name);
    add_text(o, "origin", w->origin ? w->origin : "here");
    json_object_object_add(o, "imported", json_object_new_boolean(w->origin && !w->is_trusted));
    json_object_object_add(o, "trusted", json_object_new_boolean(w->is_trusted));
    json_object_object_add(o, "result", json_object_new_boolean(w->has_result));
    add_text(o, "place", w->place);
    add_text(o, "created", created);
    add_text(o, "used", used);
    add_text(o, "id", w->id);
    json_object_object_add(o, "key", parts);
    if (tenon_record_parts(store, w->id, add_part, parts, err) < 0)
        return err->code;
    cli_put_json(o);
    return 0;
}

static int
show(struct tenon_store *store, const struct flags *f, struct tenon_error *err)
{
    struct tenon_whence *rows = NULL;
    struct shown *seen = NULL;
    size_t count = 0, shown = 0;
    int rc = tenon_whence_list(store, &rows, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        /* Seen is also what is not wanted: the older ones are not the last. */
        const bool newest = rows[i].name && is_newest(&seen, &rows[i]);
        if (!is_wanted(f, &rows[i]) || (!newest && !f->all))
            continue;
        if (!f->json && !f->step && !shown)
            printf("%-20s %s\n", "LAST USED", "ORIGIN  STEP");
        shown++;
        if (f->json)
            rc = put_json(store, &rows[i], err);
        else if (f->step)
            rc = put_details(store, &rows[i], err);
        else
            put_row(&rows[i]);
    }
    if (rc == 0 && f->step && !shown) {
        rc = tenon_error_set(err, TENON_E_NOT_FOUND, "no result of a step that is called \"%s\"",
                             f->step);
        tenon_error_hint(err, "`tenon why` lists those that there are");
    }
    forget(seen);
    tenon_whence_free(rows, count);
    return rc;
}

int
cli_why(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256, IMPORTED };
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"imported", no_argument, NULL, IMPORTED},
        {0},
    };
    struct flags flags = {0};
    for (int o; (o = cli_getopt(argc, argv, "ah", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == 'a')
            flags.all = true;
        else if (o == IMPORTED)
            flags.imported = true;
        else if (o != FORMAT || !cli_parse_format("why", optarg, &flags.json))
            return CLI_USAGE;
    }
    if (argc - optind > 1)
        return cli_usage_error("why", "unexpected argument \"%s\"", argv[optind + 1]);
    flags.step = optind < argc ? argv[optind] : NULL;

    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *store = NULL;
    if (cli_open_store(cli, &store, &err) < 0)
        return cli_print_error(&err);
    int rc = show(store, &flags, &err);
    tenon_store_close(store);
    return rc < 0 ? cli_print_error(&err) : CLI_OK;
}
