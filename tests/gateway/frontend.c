/* frontend - a frontend in an image, for tests: what it does is told by the build argument DO, a
 * list of words.  It speaks LLBBridge on its standard input and output, and says on its standard
 * error what it was answered.
 *
 *   ping                 the names of capabilities
 *   solve:FILE           what dockerfile.v0 makes of FILE: the reference to work on
 *   make:FILE            the same, and runs what it needs
 *   again                the reference by its definition, as another one
 *   evaluate             runs what it needs
 *   read:PATH read:PATH@OFFSET+LENGTH dir:PATH stat:PATH    files of it
 *   hoard:PATH           the same, until it has read 3.5 GiB
 *   meta:IDENTIFIER config:IMAGE                            what a name stands for
 *   warn:TEXT
 *   front:NAME           another frontend, which is none of BuildKit's
 *   use:REF              whatever it is called
 *   chain:IMAGE          another image as the frontend
 *   loop:IMAGE           the same, for ever
 *   return fail:TEXT twice                                  and the end
 *   platforms            returns the reference for two, by names of its own and in an order of its own
 *   linger               returns, and says another word when nobody listens any more
 *   exit:CODE garbage hang  without one; "garbage hang" both
 *   flood                references without end
 *   sandbox              what it is like
 */
#include <ifaddrs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/grpc/grpc.h"
#include "frontend-gateway/llbbridge.h"
#include "tools/alloc.h"
#include "tools/vec.h"

extern char **environ;

static struct grpc_conn *conn;
static struct tenon_arena arena;
static const char *ref;                    /* to work on */
static struct message_bytes definition;    /* of it */
static struct message_list metadata;       /* of the last solve */

static const char *
option(const char *name)
{
    for (char **e = environ; *e; e++) {
        const char *value = strchr(*e, '=');
        if (tenon_has_prefix(*e, "BUILDKIT_FRONTEND_OPT_") && value &&
            tenon_has_prefix(++value, name) && value[strlen(name)] == '=')
            return value + strlen(name) + 1;
    }
    return NULL;
}

/* One call; false with the reason on standard error. */
static bool
call(const char *method, const struct message_type_info *in, const void *request,
     const struct message_type_info *out, void *answer)
{
    auto_free char *path = tenon_asprintf("/moby.buildkit.v1.frontend.LLBBridge/%s", method);
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT, reply = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    const char *why;
    char room[24];

    message_encode(&bytes, in, request);
    if (!grpc_call_unary(conn, path, NULL, 0, 0, tenon_buf_str(&bytes), bytes.len, &reply, &status)) {
        fprintf(stderr, "%s: %s: %s (%zu bytes of details)\n", method,
                grpc_code_name(status.code, room), status.message ? status.message : "",
                status.details_len);
        return false;
    }
    /* What points into it stays. */
    const char *kept = tenon_arena_dup(&arena, tenon_buf_str(&reply), reply.len);
    tenon_assert(message_decode(&arena, out, kept, reply.len, answer, &why));
    return true;
}

static void
ping(void)
{
    struct gw_none none = {0};
    struct gw_pong pong = {0};

    if (!call("Ping", &gw_none_message, &none, &gw_pong_message, &pong))
        return;
    const struct gw_cap *caps = pong.frontend_caps.items;
    const struct gw_worker *workers = pong.workers.items;
    const struct gw_platform *platforms = workers->platforms.items;
    for (size_t i = 0; i < pong.frontend_caps.len; i++)
        fprintf(stderr, "cap %s\n", caps[i].id);
    fprintf(stderr, "%zu caps of LLB, platform %s/%s\n", pong.llb_caps.len, platforms->os,
            platforms->arch);
}

static void
take(const struct gw_solved *solved)
{
    const struct gw_result *r = solved->result;

    if (!r || !r->ref) {
        fprintf(stderr, "no reference\n");
        return;
    }
    ref = r->ref->id;
    definition = r->ref->def;
    if (r->metadata.len)
        metadata = r->metadata;
    fprintf(stderr, "reference %s, definition of %s, %zu keys\n", *ref ? "named" : "empty",
            definition.len ? "some bytes" : "none", r->metadata.len);
}

static void
solve(const char *frontend, const struct gw_pair *options, size_t count, bool now)
{
    struct gw_solved solved = {0};
    const struct gw_solve request = {
        .frontend = frontend, .options = {options, count}, .allow_result = true, .allow_refs = true,
        .evaluate = now,
    };

    if (call("Solve", &gw_solve_message, &request, &gw_solved_message, &solved))
        take(&solved);
}

static void
again(bool now)
{
    struct gw_solved solved = {0};
    const struct gw_solve request = {
        .definition = definition, .allow_result = true, .allow_refs = true, .evaluate = now,
    };

    if (call("Solve", &gw_solve_message, &request, &gw_solved_message, &solved))
        take(&solved);
}

/* Until there are too many. */
static void
flood(void)
{
    const struct gw_solve request = {
        .definition = definition, .allow_result = true, .allow_refs = true,
    };
    unsigned count = 0;
    struct gw_solved solved;

    do
        solved = (struct gw_solved){0};
    while (call("Solve", &gw_solve_message, &request, &gw_solved_message, &solved) &&
           ++count < 100000);
    fprintf(stderr, "%u references\n", count);
}

static void
read_file(char *path)
{
    struct gw_file file = {0};
    struct gw_range range = {0};
    char *at = strchr(path, '@');

    if (at) {
        *at++ = '\0';
        range.offset = strtoll(at, &at, 10);
        range.length = strtoll(at, NULL, 10);
    }
    const struct gw_read_file request = {.ref = ref, .path = path, .range = at ? &range : NULL};
    if (call("ReadFile", &gw_read_file_message, &request, &gw_file_message, &file))
        fprintf(stderr, "%s has %zu bytes: %.*s\n", path, file.data.len, (int)file.data.len,
                (const char *)file.data.data);
}

/* Every answer is forgotten here, and has to be there, too. */
static void
hoard(const char *path)
{
    const struct gw_read_file request = {.ref = ref, .path = path};
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    uint64_t sum = 0;

    message_encode(&bytes, &gw_read_file_message, &request);
    while (sum < UINT64_C(3500) << 20) {
        auto_buf struct tenon_buf reply = TENON_BUF_INIT;
        auto_grpc_status struct grpc_status status = {0};
        if (!grpc_call_unary(conn, "/moby.buildkit.v1.frontend.LLBBridge/ReadFile", NULL, 0, 0,
                             tenon_buf_str(&bytes), bytes.len, &reply, &status)) {
            fprintf(stderr, "hoard: %s\n", status.message);
            return;
        }
        sum += reply.len;
    }
    fprintf(stderr, "read enough\n");
}

static void
show(const struct gw_stat *st)
{
    fprintf(stderr, "%s: mode %llx, size %lld%s%s\n", st->path, (long long)st->mode,
            (long long)st->size, *st->linkname ? " -> " : "", st->linkname);
}

static void
read_dir(const char *path)
{
    const struct gw_read_dir request = {.ref = ref, .path = path};
    struct gw_dir dir = {0};

    if (!call("ReadDir", &gw_read_dir_message, &request, &gw_dir_message, &dir))
        return;
    for (size_t i = 0; i < dir.entries.len; i++)
        show((const struct gw_stat *)dir.entries.items + i);
}

static void
stat_file(const char *path)
{
    const struct gw_stat_file request = {.ref = ref, .path = path};
    struct gw_stat_answer a = {0};

    if (call("StatFile", &gw_stat_file_message, &request, &gw_stat_answer_message, &a))
        show(a.stat);
}

static void
meta(const char *identifier)
{
    const struct gw_source source = {.identifier = identifier};
    const struct gw_resolve_meta request = {.source = &source, .log_name = "looking"};
    struct gw_meta m = {0};

    if (call("ResolveSourceMeta", &gw_resolve_meta_message, &request, &gw_meta_message, &m))
        fprintf(stderr, "%s is %s, with %s\n", m.source->identifier, m.image ? m.image->digest : "?",
                m.image && m.image->config.len ? "a config" : "none");
}

static void
config(const char *image)
{
    const struct gw_resolve_config request = {.ref = image};
    struct gw_config c = {0};

    if (call("ResolveImageConfig", &gw_resolve_config_message, &request, &gw_config_message, &c))
        fprintf(stderr, "%s is %s, with %s\n", image, c.digest, c.config.len ? "a config" : "none");
}

static void
warn(const char *text)
{
    const struct gw_source_info info = {.filename = "Warned", .data = {"one\ntwo\n", 8}};
    const struct gw_position line = {2};
    const struct gw_place place = {&line, &line};
    const struct gw_warn request = {.level = 1, .text = text, .info = &info, .ranges = {&place, 1}};
    struct gw_none none = {0};

    call("Warn", &gw_warn_message, &request, &gw_none_message, &none);
}

static void
finish(void)
{
    const struct gw_ref r = {.id = ref};
    const struct gw_result result = {.ref = &r, .metadata = metadata};
    const struct gw_return request = {.result = &result};
    struct gw_none none = {0};

    call("Return", &gw_return_message, &request, &gw_none_message, &none);
}

static void
finish_platforms(void)
{
    static const char order[] =
        "{\"Platforms\":[{\"ID\":\"b\",\"Platform\":{\"architecture\":\"arm\",\"os\":\"linux\","
        "\"variant\":\"v7\"}},{\"ID\":\"a\",\"Platform\":{\"architecture\":\"amd64\","
        "\"os\":\"linux\"}}]}";
    static const char config[] = "{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\","
                                 "\"author\":\"b\"}";
    const struct gw_ref r = {.id = ref};
    const struct gw_named_ref named[] = {{"a", &r}, {"b", &r}};
    const struct gw_refs refs = {.refs = {named, 2}};
    const struct gw_blob blobs[] = {{"refs.platforms", {order, sizeof order - 1}},
                                    {"containerimage.config/b", {config, sizeof config - 1}}};
    const struct gw_result result = {.refs = &refs, .metadata = {blobs, 2}};
    const struct gw_return request = {.result = &result};
    struct gw_none none = {0};

    call("Return", &gw_return_message, &request, &gw_none_message, &none);
}

/* Go's runtime ends a program with 2 when nobody takes what it writes there. */
static void
linger(void)
{
    struct pollfd in = {.fd = dup(STDIN_FILENO)};
    const int out = dup(STDOUT_FILENO);

    finish();
    while (!(in.revents & POLLHUP) && poll(&in, 1, -1) >= 0)
        ;
    usleep(20000); /* the other pipe goes after that, if it goes */
    if (write(out, "?", 1) != 1)
        _exit(2);
}

/* With a place, as BuildKit's Dockerfile frontend tells it. */
static void
fail(const char *text)
{
    static const char place[] =
        "{\"info\":{\"filename\":\"Own.file\",\"data\":\"b25lCnR3bwp0aHJlZQo=\"},"
        "\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":2}}]}";
    const struct gw_any detail = {.type = "github.com/moby/buildkit/errdefs.Source+json",
                                  .value = {place, sizeof place - 1}};
    const struct gw_status error = {.code = 2, .message = text, .details = {&detail, 1}};
    const struct gw_return request = {.error = &error};
    struct gw_none none = {0};

    call("Return", &gw_return_message, &request, &gw_none_message, &none);
}

static void
sandbox(void)
{
    struct ifaddrs *all = NULL;

    for (char **e = environ; *e; e++)
        fprintf(stderr, "env %s\n", *e);
    fprintf(stderr, "uid %d, cwd %s\n", (int)getuid(), getcwd(NULL, 0));
    tenon_assert(getifaddrs(&all) == 0);
    for (struct ifaddrs *a = all; a; a = a->ifa_next)
        fprintf(stderr, "interface %s\n", a->ifa_name);
    FILE *f = fopen("/written", "wx"); /* which is not there from another run */
    fprintf(stderr, "the root is %s\n", f ? "writable" : "read-only");
}

static void
act(char *word)
{
    char *value = strchr(word, ':');
    const struct gw_pair filename = {"filename", value ? value + 1 : ""};
    auto_free char *on = tenon_asprintf("loop:%s return", filename.value);
    const struct gw_pair looped[] = {{"build-arg:DO", on}, {"source", filename.value}};
    const struct gw_pair chained[] = {{"build-arg:DO", "solve:Real.Dockerfile return"},
                                      {"source", filename.value}};

    if (value)
        *value++ = '\0';
#define WORD(name) (strcmp(word, name) == 0)
    if (WORD("ping"))
        ping();
    else if (WORD("solve"))
        solve("dockerfile.v0", &filename, 1, false);
    else if (WORD("make"))
        solve("dockerfile.v0", &filename, 1, true);
    else if (WORD("chain"))
        solve("gateway.v0", chained, 2, false);
    else if (WORD("loop"))
        solve("gateway.v0", looped, 2, false);
    else if (WORD("front"))
        solve(value, NULL, 0, false);
    else if (WORD("again"))
        again(false);
    else if (WORD("now"))
        again(true);
    else if (WORD("evaluate")) {
        const struct gw_evaluate request = {ref};
        struct gw_none none = {0};
        if (call("Evaluate", &gw_evaluate_message, &request, &gw_none_message, &none))
            fprintf(stderr, "evaluated\n");
    } else if (WORD("read"))
        read_file(value);
    else if (WORD("dir"))
        read_dir(value);
    else if (WORD("stat"))
        stat_file(value);
    else if (WORD("hoard"))
        hoard(value);
    else if (WORD("meta"))
        meta(value);
    else if (WORD("config"))
        config(value);
    else if (WORD("warn"))
        warn(value);
    else if (WORD("use"))
        ref = value;
    else if (WORD("return"))
        finish();
    else if (WORD("twice"))
        finish(), finish();
    else if (WORD("platforms"))
        finish_platforms();
    else if (WORD("linger"))
        linger();
    else if (WORD("fail"))
        fail(value);
    else if (WORD("sandbox"))
        sandbox();
    else if (WORD("exit"))
        _exit(atoi(value));
    else if (WORD("hang")) {
        fprintf(stderr, "hanging\n");
        pause();
    } else if (WORD("flood"))
        flood();
    else {
        fprintf(stderr, "no such word: %s\n", word);
        _exit(100);
    }
}

int
main(void)
{
    char *words = tenon_strdup(option("build-arg:DO")), *save = NULL;

    if (!words)
        words = tenon_strdup("solve:Real.Dockerfile return");
    if (tenon_streq(words, "garbage"))
        return puts("What would you like to build?") < 0;
    if (tenon_streq(words, "garbage hang"))
        return puts("What would you like to build?") < 0 || fflush(stdout) || pause();
    conn = grpc_conn_new(GRPC_CLIENT, NULL);
    tenon_assert(grpc_conn_start(conn, STDIN_FILENO, STDOUT_FILENO) == 0);
    ref = "";
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        act(w);
    grpc_conn_free(conn);
    return 0;
}
