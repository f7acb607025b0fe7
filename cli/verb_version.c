/* cli/verb_version.c - tenon version */
#include "cli.h"

#include <sqlite3.h>
#include <sys/utsname.h>

#include "base/libgnutls.h"
#include "tools/alloc.h"
#include "image/libarchive.h"
#include "image/stream.h"
#include "registry/libcurl.h"

static const char help[] =
    "Usage: PROGRAM version [OPTIONS]\n"
    "\n"
    "Show the version of tenon, of its plugin interface and of its libraries.\n"
    "\n"
    "Options:\n"
    "      --format FORMAT   table or json\n"
    "  -h, --help            show this\n"
    "  -q, --quiet           the number only\n";

static const char *
curl_version_of(void)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    return tenon_libcurl(&ignored) == 0 ? curl_version_info(CURLVERSION_NOW)->version
                                        : "missing";
}

static const char *
archive_version_of(void)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    return tenon_libarchive(&ignored) == 0
               ? archive_version_string() + sizeof "libarchive" : "missing";
}

static const char *
gnutls_version_of(void)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    return tenon_gnutls_try(&ignored) == 0 ? gnutls_check_version(NULL) : "missing";
}

static struct json_object *
collect(void)
{
    struct json_object *o = json_object_new_object();
    struct utsname system = {0};
    uname(&system);
    auto_free char *abi = tenon_asprintf("%d.%d", TENON_ABI_MAJOR, TENON_ABI_MINOR);
    const struct {
        const char *key, *value;
    } facts[] = {
        {"version", TENON_VERSION},
        {"plugin interface", abi},
        {"plugins", TENON_PLUGIN_DIR},
        {"kernel", system.release},
        {"machine", system.machine},
        {"curl", curl_version_of()},
        {"gnutls", gnutls_version_of()},
        {"json-c", json_c_version()},
        {"libarchive", archive_version_of()},
        {"sqlite", sqlite3_libversion()},
        {"gzip encoder", tenon_deflate_maker("gzip")},
        {"zstd", tenon_deflate_maker("zstd")},
    };
    for (size_t i = 0; i < tenon_countof(facts); i++)
        json_object_object_add(o, facts[i].key, json_object_new_string(facts[i].value));
    return o;
}

int
cli_version(const struct cli *cli, int argc, char **argv)
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
        else if (o != FORMAT || !cli_parse_format("version", optarg, &json))
            return CLI_USAGE;
    }
    if (optind < argc)
        return cli_usage_error("version", "unexpected argument \"%s\"", argv[optind]);

    if (quiet) {
        puts(TENON_VERSION);
        return CLI_OK;
    }
    auto_json struct json_object *facts = collect();
    if (json) {
        cli_put_json(facts);
        return CLI_OK;
    }
    json_object_object_foreach(facts, key, value)
        printf("%-17s %s\n", key, json_object_get_string(value));
    return CLI_OK;
}
