/* frontend - a frontend in an image, for tests: what it does is told by the build argument DO, a
 * list of words.  It speaks LLBBridge on its standard input and output, and says on its standard
 * error what it was answered.
 *
 *   ping                 the names of capabilities
 *   solve:FILE           what dockerfile.v0 makes of FILE: the reference to work on
 *   make:FILE            the same, and runs what it needs
 *   again                the reference by its definition, as another one
 *   evaluate             runs what it needs
 *   failed:NUMBER had:NUMBER  the reference to a mount of the step that failed last, and to what it was
 *   blame                what was told of the failure, errdefs.Solve
 *   read:PATH read:PATH@OFFSET+LENGTH dir:PATH stat:PATH    files of it
 *   hoard:PATH           the same, until it has read 3.5 GiB
 *   meta:IDENTIFIER config:IMAGE                            what a name stands for
 *   warn:TEXT
 *   standin:NAME=WITH      the frontend NAME, for which WITH stands: local:..., input:given
 *   front:NAME           another frontend, which is none of BuildKit's
 *   use:REF              whatever it is called
 *   chain:IMAGE          another image as the frontend
 *   loop:IMAGE           the same, for ever
 *   metadata             the definition of its own image, as the reference
 *   inputs input:NAME    what another frontend gave; one of them as the reference
 *   within:FILE          dockerfile.v0 of FILE in the reference, which is the context, too
 *   onto:FILE            dockerfile.v0 of FILE, whose image "base" is the reference
 *   give:IMAGE           another image as the frontend, which gets the reference as its input "given"
 *   old:FILE             the same as solve and return, in the way of 2018: one Solve, which is final
 *   oldkeys:PLATFORM     metadata has the platform in its keys, the reference has none
 *   cache:TYPE,KEY=VALUE a cache for the solves after it
 *   caches:NUMBER        the same so often
 *   policy:PATTERN policy:IDENTIFIER>OTHER    a source policy for what comes after it, which
 *                        denies, or makes another of it
 *   key:KEY=VALUE attest:PLATFORM bundle:PLATFORM answer:JSON   in the result
 *   attestor:IMAGE       the same as chain; it attests, too
 *   return fail:TEXT twice                                  and the end
 *   platforms            returns the reference for two, by names and in an order of its own
 *   linger               returns, and says another word when nobody listens any more
 *   exit:CODE garbage hang  without one; "garbage hang" both
 *   flood                references without end
 *   vast                 a definition of a million vertices
 *   raw:HEX              a definition, to be made at once
 *   shout                64 MiB on its standard error
 *   deadline:MS          of the calls that follow; 0: none
 *   sandbox              what it is like
 *   time                 how long it took to get here
 *   container            a container of the reference: containers.c, with all that it is to try
 */
#include "frontend.h"

#include <ifaddrs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/alloc.h"
#include "tools/vec.h"

extern char **environ;

struct grpc_conn *conn;
struct tenon_arena arena;
const char *ref;
struct message_bytes definition;
static struct message_list metadata;       /* of the last solve */
static struct gw_import cache, *caches = &cache; /* for a solve */
static size_t cache_count;
static struct message_list attestations;
static struct message_list policies; /* gw_policy */
static uint64_t start_us;                  /* of main */
static uint64_t timeout_ns;
static char *failure; /* errdefs.Solve, JSON, of the last call that failed with one */

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

static void
keep_failure(const struct grpc_status *status)
{
    struct gw_status inner = {0};
    const char *why;

    if (!status->details_len || !message_decode(&arena, &gw_status_message, status->details,
                                                status->details_len, &inner, &why))
        return;
    const struct gw_any *all = inner.details.items;
    for (size_t i = 0; i < inner.details.len; i++) {
        if (strcmp(all[i].type, "github.com/moby/buildkit/errdefs.Solve+json") == 0)
            failure = tenon_arena_dup(&arena, all[i].value.data, all[i].value.len);
    }
}

/* The i-th name in a list of it. */
static void
look_into(const char *list, unsigned long i)
{
    const char *at = failure ? strstr(failure, list) : NULL;

    if (at)
        at = strchr(at, '[');
    while (at && i-- > 0)
        at = strchr(at + 1, ',');
    ref = at ? tenon_arena_dup(&arena, at + 2, strcspn(at + 2, "\"")) : "";
    fprintf(stderr, "%s of the failed step: %s\n", list, *ref ? "a reference" : "nothing");
}

/* One call; false with the reason on standard error. */
bool
call(const char *method, const struct message_type_info *in, const void *request,
     const struct message_type_info *out, void *answer)
{
    auto_free char *path = tenon_asprintf("/moby.buildkit.v1.frontend.LLBBridge/%s", method);
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT, reply = TENON_BUF_INIT;
    auto_grpc_status struct grpc_status status = {0};
    const char *why;
    char room[24];

    message_encode(&bytes, in, request);
    if (!grpc_call_unary(conn, path, NULL, 0, timeout_ns, tenon_buf_str(&bytes), bytes.len, &reply,
                         &status)) {
        fprintf(stderr, "%s: %s: %s (%zu bytes of details)\n", method,
                grpc_code_name(status.code, room), status.message ? status.message : "",
                status.details_len);
        keep_failure(&status);
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
show_attestations(const struct gw_result *r)
{
    const struct gw_attested *entries = r->attestations.items;

    for (size_t i = 0; i < r->attestations.len; i++) {
        const struct gw_attestation *a = entries[i].value->all.items;
        for (size_t k = 0; k < entries[i].value->all.len; k++)
            fprintf(stderr, "attestation of %s: %s, %s, %s, %zu subjects, %zu keys, %s\n",
                    entries[i].key, a[k].kind ? "bundle" : "in-toto", a[k].predicate_type,
                    a[k].path, a[k].subjects.len, a[k].metadata.len,
                    a[k].ref && *a[k].ref->id && a[k].ref->def.len ? "reference" : "nothing");
    }
}

static void
take(const struct gw_solved *solved)
{
    const struct gw_result *r = solved->result;

    if (r)
        show_attestations(r);

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
solve_with(const char *frontend, const struct gw_pair *options, size_t count,
           const struct gw_blob *inputs, size_t input_count, bool now)
{
    struct gw_solved solved = {0};
    const struct gw_solve request = {
        .frontend = frontend, .options = {options, count}, .allow_result = true, .allow_refs = true,
        .evaluate = now, .inputs = {inputs, input_count}, .imports = {caches, cache_count},
        .policies = policies,
    };

    if (call("Solve", &gw_solve_message, &request, &gw_solved_message, &solved))
        take(&solved);
}

static void
solve(const char *frontend, const struct gw_pair *options, size_t count, bool now)
{
    solve_with(frontend, options, count, NULL, 0, now);
}

/* A build file in the reference, which may copy from there. */
static void
within(const char *file)
{
    const struct gw_pair options[] = {{"filename", file}};
    const struct gw_blob inputs[] = {{"context", definition}, {"dockerfile", definition}};

    solve_with("dockerfile.v0", options, 1, inputs, 2, false);
}

static void
onto(const char *file)
{
    /* {"architecture": "amd64", "os": "linux", "config": {"Env": ["OF=base"]}} */
    const struct gw_pair options[] = {
        {"context:base", "input:given"},
        {"filename", file},
        {"input-metadata:given",
         "{\"containerimage.config\":\"eyJhcmNoaXRlY3R1cmUiOiAiYW1kNjQiLCAib3MiOiAibGludXgiLCAiY29u"
         "ZmlnIjogeyJFbnYiOiBbIk9GPWJhc2UiXX19\"}"},
    };
    const struct gw_blob input = {"given", definition};

    solve_with("dockerfile.v0", options, 3, &input, 1, false);
}

static void
give(const char *image)
{
    const struct gw_pair options[] = {
        {"build-arg:DO", "inputs input:given read:/dir/hello return"}, {"source", image}};
    const struct gw_blob input = {"given", definition};

    solve_with("gateway.v0", options, 2, &input, 1, false);
}

/* Another frontend, by a name and what stands for it: SOURCE=WITH. */
static void
stand_in(char *names)
{
    char *with = strchr(names, '=');
    *with++ = '\0';
    auto_free char *context = tenon_asprintf("context:%s", names);
    const struct gw_pair options[] = {
        {"build-arg:DO", "solve:Real.Dockerfile return"}, {context, with}, {"source", names}};
    const struct gw_blob input = {"given", definition};

    solve_with("gateway.v0", options, 3, &input, definition.len ? 1 : 0, false);
}

static void
inputs(const char *wanted)
{
    struct gw_none none = {0};
    struct gw_inputs in = {0};

    if (!call("Inputs", &gw_none_message, &none, &gw_inputs_message, &in))
        return;
    const struct gw_blob *blobs = in.definitions.items;
    for (size_t i = 0; i < in.definitions.len; i++) {
        fprintf(stderr, "input %s, %s\n", blobs[i].key, blobs[i].value.len ? "some bytes" : "empty");
        if (wanted && strcmp(wanted, blobs[i].key) == 0)
            definition = blobs[i].value;
    }
}

/* What BuildKit's first frontends did: no Return, and metadata as JSON. */
static void
old(const char *file)
{
    const struct gw_pair options[] = {{"filename", file}};
    static const char attr[] = "{\"containerimage.config\": \"eyJhcmNoaXRlY3R1cmUiOiAiYW1kNjQiLCAib3Mi"
                               "OiAibGludXgiLCAiY29uZmlnIjogeyJFbnYiOiBbIk9GPW9sZCJdfX0=\"}";
    struct gw_solved solved = {0};
    const struct gw_solve request = {
        .frontend = "dockerfile.v0", .options = {options, 1}, .final = true,
        .exporter_attr = {attr, sizeof attr - 1},
    };

    if (call("Solve", &gw_solve_message, &request, &gw_solved_message, &solved))
        fprintf(stderr, "an old answer: %s\n", *solved.ref && !solved.result ? "a name" : "more");
}

static void
old_keys(const char *platform)
{
    struct gw_blob *blobs = tenon_arena_array(&arena, metadata.len + 1, sizeof *blobs);
    const struct gw_blob *from = metadata.items;
    size_t n = 0;

    for (size_t i = 0; i < metadata.len; i++) {
        if (strcmp(from[i].key, "containerimage.config") != 0)
            continue;
        auto_free char *key = tenon_asprintf("%s/%s", from[i].key, platform);
        blobs[n++] = (struct gw_blob){tenon_arena_strdup(&arena, key), from[i].value};
    }
    metadata = (struct message_list){blobs, n};
}

static void
add_key(char *pair)
{
    struct gw_blob *blobs = tenon_arena_array(&arena, metadata.len + 1, sizeof *blobs);
    char *value = strchr(pair, '=');

    *value++ = '\0';
    if (metadata.len)
        memcpy(blobs, metadata.items, metadata.len * sizeof *blobs);
    blobs[metadata.len] = (struct gw_blob){pair, {value, strlen(value)}};
    metadata.items = blobs;
    metadata.len++;
}

static void
import_cache(char *spec)
{
    struct gw_pair *attrs = tenon_arena_array(&arena, 8, sizeof *attrs);
    char *save = NULL;
    size_t n = 0;

    cache.type = strtok_r(spec, ",", &save);
    for (char *a = strtok_r(NULL, ",", &save); a && n < 8; a = strtok_r(NULL, ",", &save)) {
        char *value = strchr(a, '=');
        *value++ = '\0';
        attrs[n++] = (struct gw_pair){a, value};
    }
    cache.attrs = (struct message_list){attrs, n};
    cache_count = 1;
}

/* "/proof.json" of the reference, or what is in "/proofs", about the platform. */
static void
attest(const char *platform, bool bundle)
{
    static const char *const digests[] = {"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca"
                                          "495991b7852b855"};
    static const struct gw_subject subjects[] = {{0, {0}, ""}, {1, {digests, 1}, "x"}};
    static const struct gw_blob reason = {"reason", {"test", 4}};
    struct gw_ref *of = tenon_arena_alloc(&arena, sizeof *of);
    struct gw_attestation *a = tenon_arena_alloc(&arena, sizeof *a);
    struct gw_attestations *all = tenon_arena_alloc(&arena, sizeof *all);
    struct gw_attested *entry = tenon_arena_alloc(&arena, sizeof *entry);

    of->id = ref;
    *a = (struct gw_attestation){
        .kind = bundle, .ref = of, .path = bundle ? "/proofs" : "/proof.json",
        .predicate_type = bundle ? "" : "https://example.org/predicate",
        .subjects = {subjects, bundle ? 0 : 2}, .metadata = {&reason, 1},
    };
    all->all = (struct message_list){a, 1};
    *entry = (struct gw_attested){platform, all};
    attestations = (struct message_list){entry, 1};
}

/* What an image is made of, told by a file in the sandbox. */
static void
itself(void)
{
    static char bytes[1 << 16];
    struct stat st = {0};
    FILE *f = fopen("/run/config/buildkit/metadata/frontend.bin", "re");

    if (!f || fstat(fileno(f), &st) < 0) {
        fprintf(stderr, "no metadata\n");
        return;
    }
    definition = (struct message_bytes){bytes, fread(bytes, 1, sizeof bytes, f)};
    fprintf(stderr, "metadata: mode %o, %s\n", (unsigned)st.st_mode & 07777,
            fopen("/run/config/buildkit/metadata/more", "w") ? "writable" : "read-only");
    fclose(f);
}

static void
again(bool now)
{
    struct gw_solved solved = {0};
    const struct gw_solve request = {
        .definition = definition, .allow_result = true, .allow_refs = true, .evaluate = now,
        .policies = policies,
    };

    if (call("Solve", &gw_solve_message, &request, &gw_solved_message, &solved))
        take(&solved);
}

static void
hold(const char *value)
{
    const char *sign = strchr(value, '>');
    struct gw_selector *selector = tenon_arena_alloc(&arena, sizeof *selector);
    struct gw_updates *updates = tenon_arena_alloc(&arena, sizeof *updates);
    struct gw_rule *rule = tenon_arena_alloc(&arena, sizeof *rule);
    struct gw_policy *policy = tenon_arena_alloc(&arena, sizeof *policy);
    char *identifier = tenon_arena_strdup(&arena, value);

    identifier[strcspn(value, ">")] = '\0';
    *selector = (struct gw_selector){.identifier = identifier, .match = sign ? 1 : 0};
    if (sign)
        *updates = (struct gw_updates){.identifier = sign + 1};
    *rule = (struct gw_rule){.action = sign ? 2 : 1, .selector = selector,
                             .updates = sign ? updates : NULL};
    *policy = (struct gw_policy){.version = 1, .rules = {rule, 1}};
    policies = (struct message_list){policy, 1};
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
load(const struct tenon_buf *bytes, bool now)
{
    struct gw_solved solved = {0};
    const struct gw_solve request = {
        .definition = {bytes->data, bytes->len}, .allow_result = true, .allow_refs = true,
        .evaluate = now,
    };

    if (call("Solve", &gw_solve_message, &request, &gw_solved_message, &solved))
        take(&solved);
}

static void
vast(void)
{
    auto_buf struct tenon_buf all = TENON_BUF_INIT;

    for (unsigned i = 0; i < 1000000; i++) {
        char id[16];
        const int n = snprintf(id, sizeof id, "%06u", i);
        /* Definition{1 def}, of Op{3 source{1 identifier}}. */
        const char head[] = {0x0a, (char)(n + 4), 0x1a, (char)(n + 2), 0x0a, (char)n};
        tenon_buf_add(&all, head, sizeof head);
        tenon_buf_add(&all, id, (size_t)n);
    }
    load(&all, false);
}

static void
raw(const char *hex)
{
    auto_buf struct tenon_buf all = TENON_BUF_INIT;

    for (; hex[0] && hex[1]; hex += 2) {
        const char digits[] = {hex[0], hex[1], 0};
        tenon_buf_addc(&all, (char)strtoul(digits, NULL, 16));
    }
    load(&all, true);
}

static void
shout(void)
{
    static char line[1 << 16];

    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 1024; i++)
        tenon_assert(write(STDERR_FILENO, line, sizeof line) == sizeof line);
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
    const struct gw_blob *xattrs = st->xattrs.items;

    fprintf(stderr, "%s: mode %llx, size %lld%s%s\n", st->path, (long long)st->mode,
            (long long)st->size, *st->linkname ? " -> " : "", st->linkname);
    if (st->dev_major)
        fprintf(stderr, "%s: device %lld, %lld\n", st->path, (long long)st->dev_major,
                (long long)st->dev_minor);
    for (size_t i = 0; i < st->xattrs.len; i++)
        fprintf(stderr, "%s: attribute %s: %.*s\n", st->path, xattrs[i].key,
                (int)xattrs[i].value.len, (const char *)xattrs[i].value.data);
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
    const bool is_git = tenon_has_prefix(identifier, "git://");
    auto_free char *url = is_git ? tenon_asprintf("http://%s", identifier + strlen("git://")) : NULL;
    if (is_git)
        url[strcspn(url, "#")] = '\0';
    const struct gw_pair full = {"git.fullurl", url};
    const struct gw_source source = {.identifier = identifier, .attrs = {&full, is_git}};
    const struct gw_resolve_git git = {true};
    const struct gw_resolve_meta request = {.source = &source, .log_name = "looking", .git = &git,
                                            .policies = policies};
    struct gw_meta m = {0};

    if (!call("ResolveSourceMeta", &gw_resolve_meta_message, &request, &gw_meta_message, &m))
        return;
    if (m.git)
        fprintf(stderr, "%s is the commit %.*s\n", m.source->identifier, (int)m.git->commit.len,
                (const char *)m.git->commit.data);
    else if (m.http && m.http->modified)
        fprintf(stderr, "%s is of %lld\n", m.source->identifier,
                (long long)m.http->modified->seconds);
    else
        fprintf(stderr, "%s is %s, with %s\n", m.source->identifier, m.image ? m.image->digest : "?",
                m.image && m.image->config.len ? "a config" : "none");
}

static void
config(const char *image)
{
    const struct gw_resolve_config request = {.ref = image, .policies = policies};
    struct gw_config c = {0};

    if (call("ResolveImageConfig", &gw_resolve_config_message, &request, &gw_config_message, &c))
        fprintf(stderr, "%s is %s, with %s\n", c.ref, c.digest, c.config.len ? "a config" : "none");
}

static void
warn(const char *text)
{
    const struct gw_source_info info = {.filename = "Warned", .data = {"1\n2\n3\n4\n5\n6\n7\n", 14}};
    const struct gw_position second = {2}, third = {3}, sixth = {6};
    const struct gw_place places[] = {{&second, &second}, {&third, &third}, {&sixth, &sixth}, {0}};
    const struct gw_warn request = {.level = 1, .text = text, .info = &info,
                                    .ranges = {places, sizeof places / sizeof *places}};
    struct gw_none none = {0};

    call("Warn", &gw_warn_message, &request, &gw_none_message, &none);
}

static void
finish(void)
{
    const struct gw_ref r = {.id = ref};
    const struct gw_result result = {.ref = &r, .metadata = metadata, .attestations = attestations};
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
    const struct gw_ref r = {.id = ref}, scratch = {.id = ""};
    const struct gw_named_ref named[] = {{"a", &scratch}, {"b", &r}};
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
        "\"ranges\":[{\"start\":{\"line\":2},\"end\":{\"line\":2}},"
        "{\"start\":{\"line\":3},\"end\":{\"line\":3}}]}";
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

/* To a subrequest: no reference. */
static void
answer(const char *json)
{
    const struct gw_blob blobs[] = {{"result.json", {json, strlen(json)}},
                                    {"result.txt", {"told\n", 5}}};

    fprintf(stderr, "asked for %s\n", option("requestid"));
    ref = "";
    metadata = (struct message_list){blobs, 2};
    finish();
}

static uint64_t
since(clockid_t clock, uint64_t then_us)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 - then_us;
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
    const struct gw_pair attestor[] = {
        {"build-arg:DO", "solve:Tree.Dockerfile attest:linux/amd64 return"}, {"source", filename.value}};

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
    else if (WORD("standin"))
        stand_in(value);
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
    else if (WORD("failed"))
        look_into("mountIDs", strtoul(value, NULL, 10));
    else if (WORD("had"))
        look_into("inputIDs", strtoul(value, NULL, 10));
    else if (WORD("use"))
        ref = value;
    else if (WORD("metadata"))
        itself(), again(false);
    else if (WORD("inputs"))
        inputs(NULL);
    else if (WORD("input"))
        inputs(value), again(false);
    else if (WORD("within"))
        within(value);
    else if (WORD("onto"))
        onto(value);
    else if (WORD("give"))
        give(value);
    else if (WORD("old"))
        old(value);
    else if (WORD("oldkeys"))
        old_keys(value);
    else if (WORD("cache"))
        import_cache(value);
    else if (WORD("caches")) {
        cache_count = strtoul(value, NULL, 10);
        caches = tenon_arena_array(&arena, cache_count, sizeof *caches);
        for (size_t i = 0; i < cache_count; i++)
            caches[i] = cache;
    } else if (WORD("policy"))
        hold(value);
    else if (WORD("key"))
        add_key(value);
    else if (WORD("attest"))
        attest(value, false);
    else if (WORD("bundle"))
        attest(value, true);
    else if (WORD("attestor"))
        solve("gateway.v0", attestor, 2, false);
    else if (WORD("answer"))
        answer(value);
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
    else if (WORD("blame"))
        fprintf(stderr, "failed: %s\n", failure ? failure : "nothing");
    else if (WORD("time"))
        fprintf(stderr, "first answer after %llu us, %llu us of the processor's\n",
                (unsigned long long)since(CLOCK_MONOTONIC, start_us),
                (unsigned long long)since(CLOCK_PROCESS_CPUTIME_ID, 0));
    else if (WORD("sandbox"))
        sandbox();
    else if (WORD("exit"))
        _exit(atoi(value));
    else if (WORD("hang")) {
        fprintf(stderr, "hanging\n");
        pause();
    } else if (WORD("deadline"))
        timeout_ns = strtoull(value, NULL, 10) * 1000000;
    else if (WORD("vast"))
        vast();
    else if (WORD("raw"))
        raw(value);
    else if (WORD("shout"))
        shout();
    else if (WORD("flood"))
        flood();
    else if (act_container(word, value))
        return;
    else {
        fprintf(stderr, "no such word: %s\n", word);
        _exit(100);
    }
}

int
main(void)
{
    start_us = since(CLOCK_MONOTONIC, 0);
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
    hang_up();
    grpc_conn_free(conn);
    return 0;
}
