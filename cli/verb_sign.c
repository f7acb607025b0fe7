/* cli/verb_sign.c - tenon sign: a signature beside an image, or in a file. */
#include "cli.h"

#include <fcntl.h>
#include <time.h>

#include "base/io.h"
#include "reach.h"
#include "signing/signimage.h"
#include "signwith.h"

static const char help[] =
    "Usage: PROGRAM sign [OPTIONS] --key FILE IMAGE\n"
    "\n"
    "Sign an image, and put the signature beside it, where cosign, podman and others look\n"
    "for it. What is signed is the digest and the name; say IMAGE as NAME:TAG@DIGEST to\n"
    "sign what was pushed, whatever the tag has become.\n"
    "\n"
    "An image is NAME, docker-image://NAME, store://NAME, oci-layout://DIR[:TAG][@DIGEST],\n"
    "oci-archive://FILE[:TAG], or the path of one of these.\n"
    "\n"
    "Options:\n"
    "      --certificate FILE    of the key, and what is between it and an authority (PEM)\n"
    "      --each                the image for each platform, too, which podman looks at\n"
    "      --form FORM           simple (the tag sha256-DIGEST.sig), bundle (refers to the\n"
    "                            image), or both (the default)\n"
    "  -h, --help                show this\n"
    "      --insecure            do not verify TLS of registries; HTTP will do\n"
    "      --key FILE            private key in PEM (PKCS#8): ECDSA over P-256, Ed25519, RSA\n"
    "      --name NAME           what the image is called (of layouts and archives)\n"
    "      --output FILE         write the bundle to a file, and nothing beside the image\n"
    "      --password-file FILE  the key's password; - is standard input. Without it, a\n"
    "                            terminal is asked\n";

struct flags {
    struct sign_options how;
    const char *output;
    bool insecure, wants_help;
};

static bool
parse_form(const char *text, unsigned *forms)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    if (sign_form_parse(text, forms, &err) == 0)
        return true;
    cli_usage_error("sign", "--form: %s", err.message);
    return false;
}

/* false after an error was printed. */
static bool
parse_flags(int argc, char **argv, struct flags *f)
{
    enum { CERTIFICATE = 256, EACH, FORM, INSECURE, KEY, NAME, OUTPUT, PASSWORD };
    static const struct option options[] = {
        {"certificate", required_argument, NULL, CERTIFICATE},
        {"each", no_argument, NULL, EACH},
        {"form", required_argument, NULL, FORM},
        {"help", no_argument, NULL, 'h'},
        {"insecure", no_argument, NULL, INSECURE},
        {"key", required_argument, NULL, KEY},
        {"name", required_argument, NULL, NAME},
        {"output", required_argument, NULL, OUTPUT},
        {"password-file", required_argument, NULL, PASSWORD},
        {0},
    };
    f->how.forms = TENON_FORM_SIMPLE | TENON_FORM_BUNDLE;
    for (int o; (o = cli_getopt(argc, argv, "h", options)) != -1;) {
        switch (o) {
        case CERTIFICATE:
            f->how.certificate = optarg;
            break;
        case EACH:
            f->how.each = true;
            break;
        case FORM:
            if (!parse_form(optarg, &f->how.forms))
                return false;
            break;
        case INSECURE:
            f->insecure = true;
            break;
        case KEY:
            f->how.key = optarg;
            break;
        case NAME:
            f->how.name = optarg;
            break;
        case OUTPUT:
            f->output = optarg;
            break;
        case PASSWORD:
            f->how.password = optarg;
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

static int
sign(const struct cli *cli, const struct flags *f, const char *image, struct tenon_error *err)
{
    auto_signing_key struct tenon_signing_key *key = NULL;
    auto_certificate struct tenon_certificate *certificate = NULL;
    auto_reach struct tenon_reach reach = {0};
    auto_place struct tenon_place p = TENON_PLACE_INIT;
    auto_buf struct tenon_buf bundle = TENON_BUF_INIT;
    if (sign_open_key(&f->how, &key, err) < 0 ||
        sign_open_certificate(&f->how, &certificate, err) < 0 ||
        tenon_place_parse_trusted(image, &p, err) < 0 ||
        cli_reach_open(cli, f->insecure, &reach, err) < 0)
        return err->code;
    p.itself = true; /* what is signed under a registry's name is the registry's */
    if (tenon_place_find(&reach, &p, err) < 0)
        return err->code;
    const struct tenon_sign_image x = {
        .reach = &reach, .place = &p, .key = key, .certificate = certificate, .name = f->how.name,
        .forms = f->how.forms, .each = f->how.each, .time_s = (int64_t)time(NULL),
    };
    if ((f->output ? tenon_image_sign_apart(&x, &bundle, err) : tenon_image_sign(&x, err)) < 0)
        return err->code;
    if (f->output && tenon_write_file_at(AT_FDCWD, f->output, bundle.data, bundle.len,
                                         cli_result_mode(0666), false, err) < 0)
        return err->code;
    puts(p.top.digest);
    return 0;
}

int
cli_sign(const struct cli *cli, int argc, char **argv)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct flags f = {0};
    if (!parse_flags(argc, argv, &f))
        return CLI_USAGE;
    if (f.wants_help)
        return cli_help(cli, help);
    if (argc - optind != 1)
        return cli_usage_error("sign", argc == optind ? "which image?" : "one image at a time");
    if (!f.how.key)
        return cli_usage_error("sign", "with which --key?");
    if (f.output && f.how.each)
        return cli_usage_error("sign", "--output is of one signature, and --each of several");
    return sign(cli, &f, argv[optind], &err) < 0 ? cli_print_error(&err) : CLI_OK;
}
