/* cli/verb_diff.c - tenon diff: in what two images or trees differ. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/parse.h"
#include "compare/imagediff.h"
#include "reach.h"

static const char help[] =
    "Usage: PROGRAM diff [OPTIONS] A B\n"
    "\n"
    "Tell in what two images, or two trees of files, differ: one line a difference, of\n"
    "the configuration, the history, the layers, and of each file its type, content,\n"
    "mode, owner, time, attributes and link. Nothing is unpacked, and layers that both\n"
    "have are not fetched.\n"
    "\n"
    "A and B are each NAME (as in FROM), docker-image://NAME, store://NAME,\n"
    "oci-layout://DIR[:TAG][@DIGEST], oci-archive://FILE[:TAG],\n"
    "docker-archive://FILE[:NAME], tree://DIR-or-TAR, or the path of one of these.\n"
    "\n"
    "Exit status: 0 nothing differs, 1 something does, 2 they could not be compared.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT      text, or json (one object a line)\n"
    "  -h, --help               show this\n"
    "      --ignore WORD,...    differences that do not count: index platform\n"
    "                           attestation manifest config history layers compression\n"
    "                           tar file type content mode owner time xattr link device\n"
    "      --insecure           do not verify TLS of registries; HTTP will do\n"
    "      --platform PLATFORM  of images for several: only this one\n"
    "  -q, --quiet              print nothing; the exit status tells\n"
    "      --tree               only what the images unpack to, however they are made up\n";

enum { DIFF_EQUAL = CLI_OK, DIFF_DIFFERS = 1, DIFF_TROUBLE = CLI_USAGE };

struct flags {
    bool json, quiet, tree, insecure;
    uint32_t ignored;
    bool has_platform;
    struct tenon_platform platform;
};

/* ---- what is found ------------------------------------------------------------------------ */

static void
add_text(struct json_object *o, const char *key, const char *text)
{
    if (text)
        json_object_object_add(o, key, json_object_new_string(text));
}

static int
put_json(void *data, const struct tenon_difference *d, struct tenon_error *err)
{
    (void)data, (void)err;
    auto_json struct json_object *o = json_object_new_object();
    add_text(o, "differs", tenon_words[d->word]);
    add_text(o, "platform", d->platform);
    if (d->layer)
        json_object_object_add(o, "layer", json_object_new_int64(d->layer));
    add_text(o, "step", d->step);
    add_text(o, "path", d->path);
    add_text(o, "member", d->member);
    add_text(o, "a", d->a);
    add_text(o, "b", d->b);
    cli_put_json(o);
    return 0;
}

static int
put_text(void *data, const struct tenon_difference *d, struct tenon_error *err)
{
    (void)data, (void)err;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_difference_text(d, &text);
    cli_put_line(stdout, tenon_buf_str(&text));
    putchar('\n');
    return 0;
}

/* One is enough to know. */
static int
stop(void *data, const struct tenon_difference *d, struct tenon_error *err)
{
    (void)data, (void)d, (void)err;
    return 1;
}

/* ---- the verb ------------------------------------------------------------------------------ */

static bool
add_ignored(const char *list, uint32_t *ignored)
{
    for (const char *at = list; *at;) {
        const size_t len = strcspn(at, ",");
        auto_free char *word = tenon_strndup(at, len);
        enum tenon_word w = 0;
        while (w < TENON_WORDS && strcmp(word, tenon_words[w]))
            w++;
        if (w == TENON_WORDS) {
            auto_free char *meant = tenon_meant(word, tenon_words);
            cli_usage_error("diff", "--ignore: nothing is called \"%s\"%s", word, meant);
            return false;
        }
        *ignored |= TENON_WORD_BIT(w);
        at += len + (at[len] == ',');
    }
    return true;
}

static int
compare(const struct cli *cli, const struct flags *f, struct tenon_place *a, struct tenon_place *b,
        size_t *found, struct tenon_error *err)
{
    auto_reach struct tenon_reach reach = {0};
    if (cli_reach_open(cli, f->insecure, &reach, err) < 0 || tenon_place_find(&reach, a, err) < 0 ||
        tenon_place_find(&reach, b, err) < 0)
        return err->code;
    const struct tenon_imagediff x = {
        .reach = &reach, .a = a, .b = b, .trees = f->tree,
        .platform = f->has_platform ? &f->platform : NULL,
    };
    struct tenon_comparison c = {
        .ignored = f->ignored,
        .report = f->quiet ? stop : f->json ? put_json : put_text,
    };
    int rc = tenon_imagediff(&x, &c, err);
    *found = c.found;
    return rc < 0 ? rc : 0;
}

/* false after an error was printed. */
static bool
parse_flags(int argc, char **argv, struct flags *f, bool *wants_help)
{
    enum { FORMAT = 256, IGNORE, INSECURE, PLATFORM, TREE };
    static const struct option options[] = {
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"ignore", required_argument, NULL, IGNORE},
        {"insecure", no_argument, NULL, INSECURE},
        {"platform", required_argument, NULL, PLATFORM},
        {"quiet", no_argument, NULL, 'q'},
        {"tree", no_argument, NULL, TREE},
        {0},
    };
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    for (int o; (o = cli_getopt(argc, argv, "hq", options)) != -1;) {
        switch (o) {
        case FORMAT:
            if (strcmp(optarg, "text") && !cli_parse_format("diff", optarg, &f->json))
                return false;
            break;
        case IGNORE:
            if (!add_ignored(optarg, &f->ignored))
                return false;
            break;
        case INSECURE:
            f->insecure = true;
            break;
        case PLATFORM:
            if (tenon_platform_parse(optarg, &f->platform, &err) < 0) {
                cli_usage_error("diff", "--platform: %s", err.message);
                return false;
            }
            f->has_platform = true;
            break;
        case TREE:
            f->tree = true;
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

int
cli_diff(const struct cli *cli, int argc, char **argv)
{
    struct flags f = {0};
    bool wants_help = false;
    if (!parse_flags(argc, argv, &f, &wants_help))
        return DIFF_TROUBLE;
    if (wants_help)
        return cli_help(cli, help);
    if (argc - optind != 2)
        return cli_usage_error("diff", "needs two images or trees");
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_place struct tenon_place a = TENON_PLACE_INIT, b = TENON_PLACE_INIT;
    size_t found = 0;
    if (tenon_place_parse(argv[optind], &a, &err) < 0 ||
        tenon_place_parse(argv[optind + 1], &b, &err) < 0 ||
        compare(cli, &f, &a, &b, &found, &err) < 0) {
        cli_print_error(&err);
        return DIFF_TROUBLE;
    }
    return found ? DIFF_DIFFERS : DIFF_EQUAL;
}
