/* cli/verb_image.c - tenon image: looking at images wherever they are, copying and naming them. */
#include "cli.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "imagetext.h"
#include "places/copyimage.h"
#include "places/inspect.h"
#include "reach.h"

static const char help[] =
    "Usage: PROGRAM image inspect [OPTIONS] IMAGE\n"
    "       PROGRAM image copy [OPTIONS] FROM TO\n"
    "       PROGRAM image tag [OPTIONS] IMAGE NAME\n"
    "       PROGRAM image ls [OPTIONS] [REPOSITORY]\n"
    "       PROGRAM image rm NAME...\n"
    "\n"
    "inspect shows an image's index or manifest, its configuration, and what attests to\n"
    "it. copy takes it to another place with all its platforms, attestations and\n"
    "referrers; what a registry has, or can mount from another repository, is not\n"
    "moved. tag gives an image of a registry one more name, and moves nothing. ls lists\n"
    "the tags of a repository; without one, and as rm, it is `PROGRAM images`.\n"
    "\n"
    "An image is NAME (as in FROM), docker-image://NAME, store://NAME,\n"
    "oci-layout://DIR[:TAG][@DIGEST], oci-archive://FILE[:TAG],\n"
    "docker-archive://FILE[:NAME], or the path of one of these.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT      table or json; inspect also takes templates, such as\n"
    "                           '{{json .Provenance}}' and '{{.Manifest.Digest}}'\n"
    "  -h, --help               show this\n"
    "      --insecure           do not verify TLS of registries; HTTP will do\n"
    "      --no-referrers       copy: leave signatures and the like where they are\n"
    "      --platform PLATFORM  inspect and copy: only this one\n"
    "  -q, --quiet              ls of the store: names only\n"
    "      --raw                inspect: the index or manifest as it is\n";

struct flags {
    bool raw, json, insecure, quiet, no_referrers, has_platform;
    const char *format;
    struct tenon_platform platform;
};

static int
inspect(const struct tenon_reach *reach, const struct flags *f, char **names,
        struct tenon_error *err)
{
    auto_place struct tenon_place p = TENON_PLACE_INIT;
    auto_json struct json_object *o = NULL;
    if (tenon_place_parse(names[0], &p, err) < 0 || tenon_place_find(reach, &p, err) < 0)
        return err->code;
    if (!tenon_place_is_image(&p))
        return tenon_error_set(err, TENON_E_INVALID, "%s is no image, but files", p.text);
    if (f->raw) {
        auto_buf struct tenon_buf text = TENON_BUF_INIT;
        if (tenon_place_read(reach, &p, &p.top, &text, err) < 0)
            return err->code;
        fwrite(text.data, 1, text.len, stdout);
        return 0;
    }
    if (tenon_place_inspect(reach, &p, f->has_platform ? &f->platform : NULL, &o, err) < 0)
        return err->code;
    if (f->format && strcmp(f->format, "json") && strcmp(f->format, "table"))
        return image_put_template(o, f->format, err);
    if (f->format && !strcmp(f->format, "json"))
        cli_put_json(o);
    else
        image_put(o);
    return 0;
}

static int
copy(const struct tenon_reach *reach, const struct flags *f, char **names, struct tenon_error *err)
{
    auto_place struct tenon_place from = TENON_PLACE_INIT, to = TENON_PLACE_INIT;
    auto_free char *digest = NULL;
    if (tenon_place_parse(names[0], &from, err) < 0 ||
        tenon_place_parse_target(names[1], &to, err) < 0)
        return err->code;
    from.itself = true; /* what goes out under its name is no other one */
    if (tenon_place_find(reach, &from, err) < 0)
        return err->code;
    const struct tenon_place_copy x = {
        .reach = reach, .from = &from, .to = &to, .no_referrers = f->no_referrers,
        .platform = f->has_platform ? &f->platform : NULL,
    };
    if (tenon_place_copy(&x, &digest, err) < 0)
        return err->code;
    puts(digest);
    return 0;
}

/* In the repository of a registry it is one small document; elsewhere a name is a copy. */
static int
tag(const struct tenon_reach *reach, const struct flags *f, char **names, struct tenon_error *err)
{
    auto_place struct tenon_place from = TENON_PLACE_INIT, to = TENON_PLACE_INIT;
    struct tenon_reference a = {0}, b = {0};
    auto_free char *as = NULL;
    (void)f;
    if (tenon_place_parse(names[0], &from, err) < 0)
        return err->code;
    /* A name alone is one in the place where the image is. */
    if (from.kind == TENON_PLACE_STORE && !strstr(names[1], "://"))
        as = tenon_asprintf("store://%s", names[1]);
    if (from.kind == TENON_PLACE_REGISTRY && !strstr(names[1], "://"))
        as = tenon_asprintf("docker-image://%s", names[1]);
    if (tenon_place_parse_target(as ? as : names[1], &to, err) < 0)
        return err->code;
    if (from.kind != to.kind ||
        (from.kind != TENON_PLACE_STORE && from.kind != TENON_PLACE_REGISTRY)) {
        tenon_error_set(err, TENON_E_INVALID, "%s cannot be another name of %s", to.text,
                        from.text);
        return tenon_error_hint(err, "tenon image copy %s %s", from.text, to.text);
    }
    from.itself = true;
    if (tenon_place_find(reach, &from, err) < 0)
        return err->code;
    int rc = tenon_reference_parse(from.name, &a, err);
    if (rc == 0)
        rc = tenon_reference_parse(to.name, &b, err);
    const bool same = rc == 0 && from.kind == TENON_PLACE_REGISTRY &&
                      !strcmp(a.domain, b.domain) && !strcmp(a.path, b.path);
    tenon_reference_release(&a);
    tenon_reference_release(&b);
    if (rc == 0 && same) {
        rc = tenon_registry_tag(reach->registry, &reach->call, to.name, &from.top, err);
        if (rc == 0)
            puts(from.top.digest);
        return rc;
    }
    char *two[] = {names[0], (char *)(uintptr_t)to.text};
    return rc == 0 ? copy(reach, f, two, err) : rc;
}

static int
list_tags(const struct tenon_reach *reach, const struct flags *f, char **names,
          struct tenon_error *err)
{
    char **tags = NULL;
    const char *name = tenon_has_prefix(names[0], "docker-image://")
                           ? names[0] + strlen("docker-image://") : names[0];
    if (tenon_registry_tags(reach->registry, &reach->call, name, &tags, err) < 0)
        return err->code;
    for (char **t = tags; t && *t; t++) {
        if (f->json) {
            auto_json struct json_object *o = json_object_new_object();
            json_object_object_add(o, "tag", json_object_new_string(*t));
            cli_put_json(o);
        } else {
            cli_put_line(stdout, *t);
            putchar('\n');
        }
    }
    tenon_strv_free(tags);
    return 0;
}

static const struct word {
    const char *name;
    int (*run)(const struct tenon_reach *reach, const struct flags *f, char **names,
               struct tenon_error *err);
    int names; /* as many as it takes */
    const char *usage;
} words[] = {
    {"inspect", inspect, 1, "inspect: which image?"},
    {"copy", copy, 2, "copy: from where, and to where?"},
    {"cp", copy, 2, "cp: from where, and to where?"},
    {"tag", tag, 2, "tag: which image, and which name?"},
    {"ls", list_tags, 1, "ls: one repository at a time"},
    {"list", list_tags, 1, "list: one repository at a time"},
};

static const struct word *
find_word(const char *name)
{
    for (size_t i = 0; i < tenon_countof(words); i++)
        if (!strcmp(words[i].name, name))
            return &words[i];
    return NULL;
}

/* false after an error was printed. */
static bool
parse_flags(int argc, char **argv, struct flags *f, bool *wants_help)
{
    enum { FORMAT = 256, INSECURE, NO_REFERRERS, PLATFORM, RAW };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"insecure", no_argument, NULL, INSECURE},
        {"no-referrers", no_argument, NULL, NO_REFERRERS},
        {"platform", required_argument, NULL, PLATFORM},
        {"quiet", no_argument, NULL, 'q'},
        {"raw", no_argument, NULL, RAW},
        {0},
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (int o; (o = cli_getopt(argc, argv, "hq", options)) != -1;) {
        switch (o) {
        case FORMAT:
            f->format = optarg;
            break;
        case INSECURE:
            f->insecure = true;
            break;
        case NO_REFERRERS:
            f->no_referrers = true;
            break;
        case PLATFORM:
            if (tenon_platform_parse(optarg, &f->platform, &err) < 0) {
                cli_usage_error("image", "--platform: %s", err.message);
                return false;
            }
            f->has_platform = true;
            break;
        case RAW:
            f->raw = true;
            break;
        case 'h':
            *wants_help = true;
            break;
        case 'q':
            f->quiet = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

/* What `tenon images` does as well: ls of no repository, rm. */
static int
as_images(const struct cli *cli, const struct flags *f, char **names, int count)
{
    char **argv = tenon_calloc((size_t)count + 5, sizeof *argv);
    int argc = 0;
    char verb[] = "images", quiet[] = "--quiet", format[] = "--format";
    argv[argc++] = verb;
    if (f->quiet)
        argv[argc++] = quiet;
    if (f->format) {
        argv[argc++] = format;
        argv[argc++] = (char *)(uintptr_t)f->format;
    }
    for (int i = 0; i < count; i++)
        argv[argc++] = names[i];
    optind = 0;
    int status = cli_images(cli, argc, argv);
    free(argv);
    return status;
}

int
cli_image(const struct cli *cli, int argc, char **argv)
{
    struct flags f = {0};
    bool wants_help = false;
    if (!parse_flags(argc, argv, &f, &wants_help))
        return CLI_USAGE;
    if (wants_help)
        return cli_help(cli, help);
    char **names = argv + optind;
    const int count = argc - optind;
    if (!count)
        return cli_usage_error("image", "inspect, copy, tag, ls or rm?");
    const struct word *w = find_word(names[0]);
    const bool lists = w && w->run == list_tags;
    if (!strcmp(names[0], "rm") || (lists && count == 1))
        return as_images(cli, &f, names, count);
    if (!w) {
        static const char *const known[] = { "inspect", "copy", "tag", "ls", "rm", NULL };
        auto_free char *meant = tenon_meant(names[0], known);
        return cli_usage_error("image", "unknown word \"%s\"%s", names[0], meant);
    }
    if (count - 1 != w->names)
        return cli_usage_error("image", "%s", w->usage);
    if (f.format && w->run != inspect && !cli_parse_format("image", f.format, &f.json))
        return CLI_USAGE;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_reach struct tenon_reach reach = {0};
    if (cli_reach_open(cli, f.insecure, &reach, &err) < 0 ||
        w->run(&reach, &f, names + 1, &err) < 0)
        return cli_print_error(&err);
    return CLI_OK;
}
