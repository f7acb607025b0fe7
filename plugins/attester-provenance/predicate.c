/* attester-provenance/predicate.c - the documents of github.com/moby/buildkit,
 * docs/attestations/slsa-definitions.md, member by member. */
#include "predicate.h"

#include <string.h>

#include "tools/alloc.h"
#include "tools/cleanup.h"
#include "tools/conceal.h"

#define TYPE_V1 "https://slsa.dev/provenance/v1"
#define TYPE_V02 "https://slsa.dev/provenance/v0.2"
#define BUILD_TYPE_V1 \
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
#define BUILD_TYPE_V02 "https://mobyproject.org/buildkit@v1"
#define METADATA_V02 "https://mobyproject.org/buildkit@v1#metadata"
#define HERMETIC_V02 "https://mobyproject.org/buildkit@v1#hermetic"

/* The release of the language that frontend-dockerfile speaks. */
#define DOCKERFILE_VERSION "1.26.0"

static struct json_object *
get(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;
    json_object_object_get_ex(o, key, &v);
    return v;
}

static const char *
text(struct json_object *o, const char *key)
{
    struct json_object *v = get(o, key);
    return v ? json_object_get_string(v) : "";
}

static bool
is_true(struct json_object *o, const char *key)
{
    return json_object_get_boolean(get(o, key));
}

static void
add(struct json_object *to, const char *key, struct json_object *value)
{
    json_object_object_add(to, key, value);
}

static void
add_string(struct json_object *to, const char *key, const char *value)
{
    add(to, key, json_object_new_string(value));
}

/* A list or an object that has something in it. */
static void
add_filled(struct json_object *to, const char *key, struct json_object *value)
{
    bool filled = json_object_get_type(value) == json_type_array
                      ? json_object_array_length(value) > 0
                      : value && json_object_object_length(value) > 0;
    if (filled)
        add(to, key, json_object_get(value));
}

const char *
predicate_type(enum predicate_version version)
{
    return version == PREDICATE_V02 ? TYPE_V02 : TYPE_V1;
}

/* ---- parameters --------------------------------------------------------------------------- */

/* What somebody asked for, as it is told: facts have the request of the result, requests of inputs
 * and that with which all began in them. */
struct parameters {
    struct json_object *source;  /* configSource */
    struct json_object *args;
    struct json_object *vcs;     /* of the result's: they stand elsewhere */
};

/* A URL and a material are the same but for the directory after the ref. */
static bool
is_material(const char *url, const char *uri)
{
    const char *hash = strchr(url, '#');
    size_t len = hash ? (size_t)(hash + 1 - url) + strcspn(hash + 1, ":") : strlen(url);
    if (hash && len == (size_t)(hash + 1 - url))
        len--; /* no ref */
    return strlen(uri) == len && !memcmp(url, uri, len);
}

static struct json_object *
config_source(struct json_object *args, struct json_object *materials, const char *entry)
{
    struct json_object *o = json_object_new_object();
    const char *context = text(args, "context");
    if (*context)
        add_string(o, "uri", context);
    for (size_t i = 0; *context && i < json_object_array_length(materials); i++) {
        struct json_object *m = json_object_array_get_idx(materials, i);
        if (is_material(context, text(m, "uri"))) {
            add_filled(o, "digest", get(m, "digest"));
            break;
        }
    }
    if (*text(args, "filename"))
        add_string(o, entry, text(args, "filename"));
    return o;
}

static bool
starts_with(const char *s, const char *prefix)
{
    return !strncmp(s, prefix, strlen(prefix));
}

static bool
is_left_out(const char *key, const struct predicate_options *o)
{
    return !o->max && (starts_with(key, "build-arg:") || starts_with(key, "label:"));
}

/* Without what says where the build file is. */
static struct json_object *
shown_args(struct json_object *asked, const struct predicate_options *o)
{
    struct json_object *shown = json_object_new_object();
    json_object_object_foreach(get(asked, "args"), key, value) {
        if (strcmp(key, "context") && strcmp(key, "filename") && !is_left_out(key, o))
            add(shown, key, json_object_get(value));
    }
    return shown;
}

static struct parameters
parameters_of(struct json_object *facts, const struct predicate_options *o, const char *entry)
{
    struct parameters p = {
        .source = config_source(get(facts, "args"), get(facts, "materials"), entry),
        .args = json_object_new_object(), .vcs = json_object_new_object(),
    };
    struct json_object *shown = shown_args(facts, o);
    json_object_object_foreach(shown, key, value) {
        if (!starts_with(key, "vcs:"))
            add(p.args, key, json_object_get(value));
        else if (*json_object_get_string(value))
            add(p.vcs, key + strlen("vcs:"), json_object_get(value));
    }
    json_object_put(shown);
    return p;
}

static void
parameters_release(struct parameters *p)
{
    json_object_put(p->source);
    json_object_put(p->args);
    json_object_put(p->vcs);
}

/* Is all that was asked for in it? */
static bool
is_complete(struct json_object *asked, const struct predicate_options *o)
{
    bool complete = !is_true(asked, "masked");
    struct json_object *inputs = get(asked, "inputs"), *root = get(asked, "root");
    json_object_object_foreach(get(asked, "args"), arg, unused) {
        (void)unused;
        complete = complete && !is_left_out(arg, o);
    }
    if (inputs) {
        json_object_object_foreach(inputs, name, input) {
            (void)name;
            complete = complete && is_complete(input, o);
        }
    }
    return complete && (!root || is_complete(root, o));
}

static bool
is_dockerfile(struct json_object *facts)
{
    return !strcmp(text(facts, "frontend"), "dockerfile");
}

static void
add_frontend(struct json_object *to, struct json_object *asked)
{
    if (!*text(asked, "frontend"))
        return;
    auto_free char *frontend = tenon_asprintf("%s.v0", text(asked, "frontend"));
    add_string(to, "frontend", frontend);
}

static struct json_object *asked_for(struct json_object *asked, struct json_object *materials,
                                     const struct predicate_options *o);

static void
add_inputs(struct json_object *to, struct json_object *asked, struct json_object *materials,
           const struct predicate_options *o)
{
    struct json_object *inputs = get(asked, "inputs");
    if (!inputs)
        return;
    struct json_object *all = json_object_new_object();
    json_object_object_foreach(inputs, name, input)
        add(all, name, asked_for(input, materials, o));
    add(to, "inputs", all);
}

/* BuildKit's "RequestProvenance". */
static struct json_object *
asked_for(struct json_object *asked, struct json_object *materials,
          const struct predicate_options *o)
{
    struct json_object *all = json_object_new_object(), *request = json_object_new_object();
    struct json_object *args = shown_args(asked, o);
    add(all, "configSource", config_source(get(asked, "args"), materials, "path"));
    add_frontend(request, asked);
    add_filled(request, "args", args);
    add_inputs(request, asked, materials, o);
    add(all, "request", request);
    json_object_put(args);
    return all;
}

/* More than the file and the context? */
static bool
says_more(struct json_object *asked)
{
    const struct predicate_options all = { .max = true };
    struct json_object *args = shown_args(asked, &all);
    const bool more = *text(asked, "frontend") || get(asked, "inputs") ||
                      json_object_object_length(args) > 0;
    json_object_put(args);
    return more;
}

/* BuildKit's "request", and "parameters" of v0.2. */
static struct json_object *
request(struct json_object *facts, const struct parameters *p, const struct predicate_options *o)
{
    struct json_object *r = json_object_new_object(), *materials = get(facts, "materials");
    struct json_object *root = get(facts, "root");
    add_frontend(r, facts);
    add_filled(r, "args", p->args);
    if (o->max) {
        add_filled(r, "secrets", get(facts, "secrets"));
        add_filled(r, "ssh", get(facts, "ssh"));
    }
    add_filled(r, "locals", get(facts, "locals"));
    add_inputs(r, facts, materials, o);
    if (root && says_more(root))
        add(r, "root", asked_for(root, materials, o));
    add(r, "compatibilityVersion", json_object_get(get(facts, "compatibility")));
    return r;
}

/* Nobody knows what a client was asked for that describes the build itself. */
static bool
is_whole_request(struct json_object *facts, const struct predicate_options *o)
{
    return *text(facts, "frontend") && is_complete(facts, o);
}

/* ---- what the build did -------------------------------------------------------------------- */

static struct json_object *
build_config(struct json_object *facts)
{
    struct json_object *o = json_object_new_object();
    add_filled(o, "llbDefinition", get(facts, "steps"));
    add_filled(o, "digestMapping", get(facts, "digestMapping"));
    return o;
}

static struct json_object *
buildkit_metadata(struct json_object *facts, const struct parameters *p,
                  const struct predicate_options *o)
{
    struct json_object *m = json_object_new_object();
    add_filled(m, "vcs", p->vcs);
    if (o->max) {
        add_filled(m, "source", get(facts, "source"));
        add_filled(m, "layers", get(facts, "layers"));
    }
    return m;
}

static bool
has_all_materials(struct json_object *facts)
{
    return !is_true(facts, "incomplete") && json_object_array_length(get(facts, "locals")) == 0;
}

static void
add_dockerfile(struct json_object *facts, struct json_object *to)
{
    if (is_dockerfile(facts))
        add_string(to, "dockerfileVersion", DOCKERFILE_VERSION);
}

/* Beside what the build says; whoever runs the machine has the last word, as with BuildKit. */
static void
add_environment(struct json_object *to, const struct predicate_options *o)
{
    if (!o->environment)
        return;
    json_object_object_foreach(o->environment, key, value)
        add(to, key, json_object_get(value));
}

static struct json_object *
builder(const struct predicate_options *o)
{
    struct json_object *b = json_object_new_object();
    add_string(b, "id", o->builder_id ? o->builder_id : "");
    return b;
}

/* ---- v1 ------------------------------------------------------------------------------------ */

static struct json_object *
make_v1(struct json_object *facts, const struct predicate_options *o)
{
    struct parameters p = parameters_of(facts, o, "path");
    struct json_object *external = json_object_new_object();
    add(external, "configSource", json_object_get(p.source));
    add(external, "request", request(facts, &p, o));

    struct json_object *internal = json_object_new_object();
    if (o->max)
        add(internal, "buildConfig", build_config(facts));
    add(internal, "builderPlatform", json_object_get(get(facts, "builderPlatform")));
    add_dockerfile(facts, internal);
    add_environment(internal, o);

    struct json_object *definition = json_object_new_object();
    add_string(definition, "buildType", BUILD_TYPE_V1);
    add_filled(definition, "resolvedDependencies", get(facts, "materials"));
    add(definition, "externalParameters", external);
    add(definition, "internalParameters", internal);

    struct json_object *complete = json_object_new_object();
    add(complete, "request", json_object_new_boolean(is_whole_request(facts, o)));
    add(complete, "resolvedDependencies", json_object_new_boolean(has_all_materials(facts)));
    struct json_object *metadata = json_object_new_object();
    add(metadata, "invocationId", json_object_get(get(facts, "id")));
    add(metadata, "startedOn", json_object_get(get(facts, "started")));
    add(metadata, "finishedOn", json_object_get(get(facts, "finished")));
    add(metadata, "buildkit_metadata", buildkit_metadata(facts, &p, o));
    if (has_all_materials(facts) && !is_true(facts, "network"))
        add(metadata, "buildkit_hermetic", json_object_new_boolean(true));
    add(metadata, "buildkit_completeness", complete);
    if (o->reproducible)
        add(metadata, "buildkit_reproducible", json_object_new_boolean(true));

    struct json_object *run = json_object_new_object();
    add(run, "builder", builder(o));
    add(run, "metadata", metadata);
    struct json_object *all = json_object_new_object();
    add(all, "buildDefinition", definition);
    add(all, "runDetails", run);
    parameters_release(&p);
    return all;
}

/* ---- v0.2 ---------------------------------------------------------------------------------- */

static struct json_object *
make_v02(struct json_object *facts, const struct predicate_options *o)
{
    struct parameters p = parameters_of(facts, o, "entryPoint");
    struct json_object *environment = json_object_new_object();
    add_dockerfile(facts, environment);
    add(environment, "platform", json_object_get(get(facts, "builderPlatform")));
    add_environment(environment, o);
    struct json_object *invocation = json_object_new_object();
    add(invocation, "configSource", json_object_get(p.source));
    add(invocation, "parameters", request(facts, &p, o));
    add(invocation, "environment", environment);

    struct json_object *complete = json_object_new_object();
    add(complete, "parameters", json_object_new_boolean(is_whole_request(facts, o)));
    add(complete, "environment", json_object_new_boolean(true));
    add(complete, "materials", json_object_new_boolean(has_all_materials(facts)));
    struct json_object *metadata = json_object_new_object();
    add(metadata, "buildInvocationID", json_object_get(get(facts, "id")));
    add(metadata, "buildStartedOn", json_object_get(get(facts, "started")));
    add(metadata, "buildFinishedOn", json_object_get(get(facts, "finished")));
    add(metadata, "completeness", complete);
    add(metadata, "reproducible", json_object_new_boolean(o->reproducible));
    add(metadata, METADATA_V02, buildkit_metadata(facts, &p, o));
    if (has_all_materials(facts) && !is_true(facts, "network"))
        add(metadata, HERMETIC_V02, json_object_new_boolean(true));

    struct json_object *all = json_object_new_object();
    add(all, "builder", builder(o));
    add_string(all, "buildType", BUILD_TYPE_V02);
    add_filled(all, "materials", get(facts, "materials"));
    add(all, "invocation", invocation);
    if (o->max)
        add(all, "buildConfig", build_config(facts));
    add(all, "metadata", metadata);
    parameters_release(&p);
    return all;
}

struct json_object *
predicate_make(struct json_object *facts, const struct predicate_options *o)
{
    return o->version == PREDICATE_V02 ? make_v02(facts, o) : make_v1(facts, o);
}

struct json_object *
predicate_metadata(struct json_object *facts, const struct predicate_options *o, bool all)
{
    struct json_object *p = make_v02(facts, o);
    if (!all) {
        json_object_object_del(p, "buildConfig");
        json_object_object_del(p, "metadata");
    }
    return p;
}
