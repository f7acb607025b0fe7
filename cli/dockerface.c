/* cli/dockerface.c - docker-tenon: the docker client runs
 *
 *   docker-tenon docker-cli-plugin-metadata
 *   docker-tenon [DOCKER'S FLAGS] tenon VERB ...
 *
 * and, with "aliases": {"builder": "tenon"} in its config.json, turns `docker
 * build`, `docker image build` and `docker builder VERB` into the second
 * form.  A host to talk to (--host, --context) means nothing to us: the
 * build happens here. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "tools/alloc.h"

int
cli_docker_metadata(void)
{
    auto_json struct json_object *o = json_object_new_object();
    json_object_object_add(o, "SchemaVersion", json_object_new_string("0.1.0"));
    json_object_object_add(o, "Vendor", json_object_new_string("tenon"));
    json_object_object_add(o, "Version", json_object_new_string(TENON_VERSION));
    json_object_object_add(o, "ShortDescription",
                           json_object_new_string("Build images without a daemon"));
    cli_put_json(o);
    return CLI_OK;
}

/* Docker's flags that take a value; "--name=value" needs no table. */
static bool
takes_value(const char *word)
{
    static const char *const flags[] = {
        "--config", "--context", "-c", "--host", "-H", "--log-level", "-l",
        "--tlscacert", "--tlscert", "--tlskey",
    };
    for (size_t i = 0; i < tenon_countof(flags); i++)
        if (!strcmp(word, flags[i]))
            return true;
    return false;
}

/* `docker buildx --builder NAME VERB` */
static int
skip_own_flags(int argc, char **argv, int i, bool *debug)
{
    for (; i < argc; i++) {
        if (!strcmp(argv[i], "-D") || !strcmp(argv[i], "--debug")) {
            *debug = true;
            continue;
        }
        if (strcmp(argv[i], "--builder") && !tenon_has_prefix(argv[i], "--builder="))
            return i;
        const char *equals = strchr(argv[i], '=');
        if (!equals && ++i == argc) {
            cli_usage_error("", "option --builder needs a value");
            return -1;
        }
        if (cli_builder_check("", equals ? equals + 1 : argv[i]) != CLI_OK)
            return -1;
    }
    return i;
}

static bool
is_our_word(const char *word)
{
    return !strcmp(word, "tenon") || !strcmp(word, "buildx");
}

int
cli_docker_skip_flags(int argc, char **argv, bool *debug)
{
    bool help = false;
    int i = 0;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *word = argv[i];
        if (!strcmp(word, "-D") || !strcmp(word, "--debug") || !strcmp(word, "--debug=true"))
            *debug = true;
        else if (!strcmp(word, "-h") || !strcmp(word, "--help"))
            help = true;
        else if (tenon_has_prefix(word, "--config="))
            setenv("DOCKER_CONFIG", word + strlen("--config="), 1);
        if (!takes_value(word))
            continue;
        if (++i == argc) {
            cli_usage_error("", "option %s needs a value", word);
            return -1;
        }
        if (!strcmp(word, "--config"))
            setenv("DOCKER_CONFIG", argv[i], 1);
    }
    if (help || i == argc)
        return argc;
    if (is_our_word(argv[i]))
        return skip_own_flags(argc, argv, i + 1, debug);
    if (!strcmp(argv[i], "help")) { /* `docker help tenon [VERB]` */
        if (i + 2 >= argc || !is_our_word(argv[i + 1]))
            return argc;
        argv[i + 1] = argv[i]; /* `help VERB` */
        return i + 1;
    }
    cli_usage_error("", "the docker client calls this as `docker-tenon tenon VERB`, "
                        "not with \"%s\"", argv[i]);
    return -1;
}

/* The client listens on a socket and closes our connection when it stops, which is
 * the only notice we get when it is killed. The kernel turns that into SIGTERM, so
 * there is nothing to poll. */
void
cli_docker_follow_client(void)
{
    const char *name = secure_getenv("DOCKER_CLI_PLUGIN_SOCKET");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (!name || strlen(name) < 2 || strlen(name) >= sizeof addr.sun_path)
        return;
    memcpy(addr.sun_path, name, strlen(name));
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    if (*name == '@')
        addr.sun_path[0] = '\0';
    else
        len++;

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, len) < 0 ||
        fcntl(fd, F_SETOWN, getpid()) < 0 || fcntl(fd, F_SETSIG, SIGTERM) < 0 ||
        fcntl(fd, F_SETFL, O_ASYNC) < 0) {
        tenon_log(TENON_LOG_DEBUG, "docker's plugin socket: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    /* Open until we end. */
    unsetenv("DOCKER_CLI_PLUGIN_SOCKET");
}
