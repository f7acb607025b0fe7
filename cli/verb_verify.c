/* cli/verb_verify.c - tenon verify: is an image what a policy asks for? */
#include "cli.h"

#include <string.h>

#include "base/io.h"
#include "tools/alloc.h"
#include "reach.h"
#include "signing/verifyimage.h"

static const char help[] =
    "Usage: PROGRAM verify [OPTIONS] --policy FILE IMAGE\n"
    "\n"
    "Hold an image to a policy: who has to have signed it under which name, and what has\n"
    "to attest to it. Prints the digest that is good, and why on standard error.\n"
    "\n"
    "An image is NAME, docker-image://NAME, store://NAME, oci-layout://DIR[:TAG][@DIGEST],\n"
    "oci-archive://FILE[:TAG], docker-archive://FILE[:NAME], or the path of one of these.\n"
    "\n"
    "Options:\n"
    "      --blobs           of a registry's image, look at every layer, too\n"
    "      --format FORMAT   table or json: what counted, and what was refused\n"
    "  -h, --help            show this\n"
    "      --insecure        do not verify TLS of registries; HTTP will do\n"
    "      --name NAME       what the image should be (of layouts and archives)\n"
    "      --policy FILE     the policy\n"
    "      --signature FILE  a bundle from elsewhere, besides what is beside the image\n"
    "\n"
    "Exit status: 0 it is, 1 it is not (or could not be looked at), 2 wrong usage.\n";

struct flags {
    const char *policy, *name, *signature;
    bool blobs, insecure, json, wants_help;
};

/* false after an error was printed. */
static bool
parse_flags(int argc, char **argv, struct flags *f)
{
    enum { BLOBS = 256, FORMAT, INSECURE, NAME, POLICY, SIGNATURE };
    static const struct option options[] = {
        {"blobs", no_argument, NULL, BLOBS},
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"insecure", no_argument, NULL, INSECURE},
        {"name", required_argument, NULL, NAME},
        {"policy", required_argument, NULL, POLICY},
        {"signature", required_argument, NULL, SIGNATURE},
        {0},
    };
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        switch (o) {
        case BLOBS:
            f->blobs = true;
            break;
        case FORMAT:
            if (!cli_parse_format("verify", optarg, &f->json))
                return false;
            break;
        case INSECURE:
            f->insecure = true;
            break;
        case NAME:
            f->name = optarg;
            break;
        case POLICY:
            f->policy = optarg;
            break;
        case SIGNATURE:
            f->signature = optarg;
            break;
        case 'h':
            f->wants_help = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

/* "signed by release.pub as example.org/app:1 (bundle)" and the like. */
static void
put_one(const char *lead, struct json_object *o, const char *const *members)
{
    fputs(lead, stderr);
    for (; members[0]; members += 2) {
        struct json_object *value = NULL;
        if (!json_object_object_get_ex(o, members[1], &value))
            continue;
        fprintf(stderr, "%s", members[0]);
        cli_put_line(stderr, json_object_get_string(value));
    }
    fputc('\n', stderr);
}

static void
put_all(struct json_object *report, const char *list_name, const char *lead,
        const char *const *members)
{
    struct json_object *list = NULL;
    json_object_object_get_ex(report, list_name, &list);
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        put_one(lead, json_object_array_get_idx(list, i), members);
}

static void
put_report(struct json_object *report, bool good)
{
    static const char *const signature[] = { " by ", "signer", " as ", "name", ", ", "subject",
                                             ", ", "form", NULL };
    static const char *const attestation[] = { " ", "predicate", " by ", "builder", ", of ",
                                               "digest", ", signed by ", "signer", NULL };
    static const char *const refused[] = { " (", "form", "): ", "reason", NULL };
    put_all(report, "signatures", "signed", signature);
    put_all(report, "attestations", "attested", attestation);
    if (good) /* else they are what the error says */
        put_all(report, "refused", "not counted", refused);
}

static int
read_bundle(const struct flags *f, struct tenon_buf *out, struct tenon_error *err)
{
    return f->signature ? tenon_read_file(f->signature, TENON_PLACE_DOCUMENT_MAX, out, err) : 0;
}

static int
verify(const struct cli *cli, const struct flags *f, const struct tenon_image_policy *policy,
       const char *image, struct tenon_error *err)
{
    auto_reach struct tenon_reach reach = {0};
    auto_place struct tenon_place p = TENON_PLACE_INIT;
    auto_buf struct tenon_buf bundle = TENON_BUF_INIT;
    auto_json struct json_object *report = NULL;
    if (read_bundle(f, &bundle, err) < 0 || tenon_place_parse_trusted(image, &p, err) < 0 ||
        cli_reach_open(cli, f->insecure, &reach, err) < 0)
        return err->code;
    p.itself = true;
    if (tenon_place_find(&reach, &p, err) < 0)
        return err->code;
    const struct tenon_verify_image x = {
        .reach = &reach, .place = &p, .policy = policy, .name = f->name,
        .bundle = f->signature ? &bundle : NULL, .blobs = f->blobs,
    };
    const int rc = tenon_image_verify(&x, &report, err);
    if (report && f->json)
        cli_put_json(report);
    else if (report)
        put_report(report, rc == 0);
    if (rc == 0 && !f->json)
        puts(p.top.digest);
    return rc;
}

int
cli_verify(const struct cli *cli, int argc, char **argv)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_image_policy struct tenon_image_policy *policy = NULL;
    struct flags f = {0};
    if (!parse_flags(argc, argv, &f))
        return CLI_USAGE;
    if (f.wants_help)
        return cli_help(cli, help);
    if (argc - optind != 1)
        return cli_usage_error("verify", argc == optind ? "which image?" : "one image at a time");
    if (!f.policy)
        return cli_usage_error("verify", "by which --policy?");
    if (tenon_image_policy_load(f.policy, &policy, &err) < 0) {
        cli_print_error(&err);
        return CLI_USAGE;
    }
    return verify(cli, &f, policy, argv[optind], &err) < 0 ? cli_print_error(&err) : CLI_OK;
}
