/* cli/verb_images.c - tenon images */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "tools/alloc.h"
#include "tools/parse.h"
#include "image/image.h"

static const char help[] =
    "Usage: PROGRAM images [OPTIONS]\n"
    "       PROGRAM images rm NAME...\n"
    "\n"
    "List the images that builds named with --tag and kept in the store, or\n"
    "remove names; `PROGRAM prune` then removes what nothing needs any more.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT   table or json (one object a line)\n"
    "  -h, --help            show this\n"
    "  -q, --quiet           names only\n";

static char *
familiar(const char *name)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    struct tenon_reference ref = {0};
    if (tenon_reference_parse(name, &ref, &ignored) < 0)
        return tenon_strdup(name);
    char *text = tenon_reference_familiar(&ref);
    tenon_reference_release(&ref);
    return text;
}

static int
by_name(const void *a, const void *b)
{
    const struct tenon_image_row *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void
put_json(const struct tenon_image_row *row)
{
    auto_json struct json_object *o = json_object_new_object();
    auto_free char *created = tenon_format_time(row->created_ns);
    json_object_object_add(o, "name", json_object_new_string(row->name));
    json_object_object_add(o, "digest", json_object_new_string(row->digest));
    json_object_object_add(o, "mediaType",
                           json_object_new_string(row->media_type ? row->media_type : ""));
    json_object_object_add(o, "size", json_object_new_int64(row->size_bytes));
    json_object_object_add(o, "created", json_object_new_string(created));
    cli_put_json(o);
}

static int
name_width(const struct tenon_image_row *rows, size_t count)
{
    size_t width = 40;
    for (size_t i = 0; i < count; i++) {
        auto_free char *name = familiar(rows[i].name);
        width = strlen(name) > width ? strlen(name) : width;
    }
    return (int)width;
}

static int
list(struct tenon_store *store, bool json, bool quiet, struct tenon_error *err)
{
    struct tenon_image_row *rows = NULL;
    size_t count = 0;
    if (tenon_image_list(store, &rows, &count, err) < 0)
        return err->code;
    if (count)
        qsort(rows, count, sizeof *rows, by_name);
    const int width = name_width(rows, count);
    if (!json && !quiet)
        printf("%-*s %-12s %-10s %s\n", width, "NAME", "DIGEST", "SIZE", "CREATED");
    for (size_t i = 0; i < count; i++) {
        auto_free char *name = familiar(rows[i].name);
        auto_free char *size = tenon_format_bytes(rows[i].size_bytes);
        auto_free char *age = cli_format_age(rows[i].created_ns);
        if (json)
            put_json(&rows[i]);
        else if (quiet)
            puts(name);
        else
            printf("%-*s %-12.12s %-10s %s\n", width, name,
                   tenon_has_prefix(rows[i].digest, "sha256:") ? rows[i].digest + 7
                                                               : rows[i].digest,
                   size, age);
        tenon_image_row_release(&rows[i]);
    }
    free(rows);
    return 0;
}

static int
remove_one(struct tenon_store *store, const char *name, struct tenon_error *err)
{
    struct tenon_reference ref = {0};
    if (tenon_reference_parse(name, &ref, err) < 0)
        return tenon_error_context(err, "remove image \"%s\"", name);
    auto_free char *full = tenon_reference_string(&ref);
    tenon_reference_release(&ref);
    struct tenon_image_row row = {0};
    if (tenon_image_get(store, full, &row, err) < 0) {
        if (err->code == TENON_E_NOT_FOUND)
            tenon_error_hint(err, "`tenon images` lists what is there");
        return tenon_error_context(err, "remove image \"%s\"", name);
    }
    tenon_image_row_release(&row);
    if (tenon_image_remove(store, full, err) < 0)
        return tenon_error_context(err, "remove image \"%s\"", name);
    printf("%s\n", full);
    return 0;
}

int
cli_images(const struct cli *cli, int argc, char **argv)
{
    enum { FORMAT = 256 };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"quiet", no_argument, NULL, 'q'},
        {0},
    };
    bool json = false, quiet = false;
    for (int o; (o = cli_getopt(argc, argv, "hq", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == 'q')
            quiet = true;
        else if (o != FORMAT || !cli_parse_format("images", optarg, &json))
            return CLI_USAGE;
    }
    char **names = argv + optind;
    int count = argc - optind;
    if (count > 0 && (!strcmp(names[0], "ls") || !strcmp(names[0], "list")) && count == 1)
        count = 0;
    bool removing = count > 0 && !strcmp(names[0], "rm");
    if (count > 0 && !removing) {
        static const char *const words[] = { "list", "ls", "rm", NULL };
        const char *near = tenon_nearest(names[0], words);
        return cli_usage_error("images", "unexpected argument \"%s\"%s%s%s", names[0],
                               near ? " (did you mean " : "", near ? near : "",
                               near ? "?)" : "");
    }
    if (removing && count == 1)
        return cli_usage_error("images", "rm: which image?");

    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *store = NULL;
    if (cli_open_store(cli, &store, &err) < 0)
        return cli_print_error(&err);
    int status = CLI_OK;
    if (!removing && list(store, json, quiet, &err) < 0)
        status = cli_print_error(&err);
    for (int i = 1; removing && i < count; i++) {
        if (remove_one(store, names[i], &err) < 0)
            status = cli_print_error(&err);
        tenon_error_release(&err);
    }
    tenon_store_close(store);
    return status;
}
