/* test-df-dispatch - build files into nodes, image configs and answers, with a
 * host that writes down what it is asked.  The expected texts are what
 * BuildKit v0.32 makes of the same files. */
#include "dfkit.h"
#include "unit.h"

#define BUSYBOX "docker-image://docker.io/library/busybox:latest"
#define ONBUILD "docker-image://docker.io/library/onb:latest"
#define ENV_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct dfkit_image images[] = {
    {BUSYBOX,
     "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2024-01-01T00:00:00Z\","
     "\"config\":{\"Env\":[\"" ENV_PATH "\"],\"Cmd\":[\"sh\"],\"Unknown\":1},"
     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\"]},"
     "\"history\":[{\"created_by\":\"layer\"}]}"},
    {ONBUILD,
     "{\"architecture\":\"amd64\",\"os\":\"linux\","
     "\"config\":{\"OnBuild\":[\"COPY --from=assets /a /b\",\"RUN make\"]},"
     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\"]},"
     "\"history\":[{\"created_by\":\"layer\"}]}"},
    {NULL, NULL},
};

static int
run_with(const char *text, const char *const *options)
{
    struct dfkit_file files[] = {
        {"local://dockerfile", "Dockerfile", text},
        {"local://context", ".dockerignore", "ignored\n"},
        {NULL, NULL, NULL},
    };
    static struct dfkit_file kept[3];
    memcpy(kept, files, sizeof kept);
    return kit_run(kept, images, options);
}

static int
run(const char *text)
{
    static const char *const none[] = {NULL};
    return run_with(text, none);
}

static void
ok(const char *text)
{
    int r = run(text);
    ck_assert_msg(r == 0, "%s", kit.err.message);
}

/* Is there a node, or a part of one, that says all of this?  b may be NULL. */
static void
has(const char *a, const char *b)
{
    ck_assert_msg(kit_find(a, b) != NULL, "no node with %s and %s", a, b ? b : "-");
}

static void
has_not(const char *a, const char *b)
{
    ck_assert_msg(!kit_find(a, b), "a node with %s and %s", a, b ? b : "-");
}

/* ---- config and history ---------------------------------------------------- */

static const struct {
    const char *file, *config, *history; /* what must occur in the config */
} configs[] = {
    {"FROM scratch\n", "\"config\":{\"Env\":[\"" ENV_PATH "\"],\"WorkingDir\":\"/\"}",
     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}"},
    {"FROM busybox\nENV A=1 B=\"x y\"\n", "\"Env\":[\"" ENV_PATH "\",\"A=1\",\"B=x y\"]",
     "{\"created_by\":\"ENV A=1 B=x y\",\"comment\":\"buildkit.dockerfile.v0\",\"empty_layer\":true}"},
    {"FROM busybox\nENV A=1\nENV A=2 B=$A\n", "\"A=2\",\"B=1\"", "ENV A=2 B=1"},
    {"FROM busybox\nCMD echo hi\n", "\"Cmd\":[\"/bin/sh\",\"-c\",\"echo hi\"]",
     "CMD [\\\"/bin/sh\\\" \\\"-c\\\" \\\"echo hi\\\"]"},
    {"FROM busybox\nENTRYPOINT [\"/x\"]\n",
     "\"Env\":[\"" ENV_PATH "\"],\"Entrypoint\":[\"/x\"]}", "ENTRYPOINT [\\\"/x\\\"]"},
    {"FROM busybox\nCMD [\"a\"]\nENTRYPOINT [\"/x\"]\n",
     "\"Entrypoint\":[\"/x\"],\"Cmd\":[\"a\"],\"ArgsEscaped\":true", "layer"},
    {"FROM busybox\nWORKDIR a\nWORKDIR b\n", "\"WorkingDir\":\"/a/b\"",
     "{\"created_by\":\"WORKDIR /a/b\",\"comment\":\"buildkit.dockerfile.v0\"}"},
    {"FROM busybox\nWORKDIR /l/../up/\n", "\"WorkingDir\":\"/l/../up/\"",
     "WORKDIR /l/../up/"},
    {"FROM busybox\nHEALTHCHECK --interval=90s --timeout=1500ms CMD true\n",
     "\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":90000000000,\"Timeout\":1500000000}",
     "HEALTHCHECK {Test:[CMD-SHELL true] Interval:1m30s Timeout:1.5s StartPeriod:0s StartInterval:0s Retries:0}"},
    {"FROM busybox\nEXPOSE 81-82 80/UDP\n",
     "\"ExposedPorts\":{\"80/udp\":{},\"81/tcp\":{},\"82/tcp\":{}}",
     "EXPOSE [80/udp 81/tcp 82/tcp]"},
    {"FROM busybox\nVOLUME /v [\"x\"]\nLABEL b=2 a=1\nUSER u:g\n",
     "\"User\":\"u:g\"", "LABEL b=2 a=1"},
    {"FROM busybox\nARG A=1\nARG B\nRUN [\"x\", \"y z\"]\n", ENV_PATH "\"],\"Cmd\"",
     "\"RUN |2 A=1 B= x y z # buildkit\",\"comment\":\"buildkit.dockerfile.v0\"}"},
    {"FROM busybox\nCOPY --chown=1:1 --chmod=600 f f2 /d/\n", "Cmd",
     "COPY --chown=1:1 --chmod=600 f f2 /d/ # buildkit"},
    {"FROM busybox\nCOPY <<E /h\nt\nE\n", "Cmd", "\"COPY \\u003c\\u003cE /h # buildkit\""},
    {"FROM busybox\nRUN <<E\necho one\nE\n", "Cmd",
     "\"RUN /bin/sh -c echo one\\n # buildkit\""},
    {"FROM busybox\nSHELL [\"/a\", \"-b\"]\nRUN x\n", "\"Shell\":[\"/a\",\"-b\"]",
     "RUN /a -b x # buildkit"},
    {"FROM busybox\nONBUILD RUN a && b\n", "\"OnBuild\":[\"RUN a \\u0026\\u0026 b\"]",
     "\"created_by\":\"layer\"}]"},
    {"FROM busybox\nMAINTAINER me\nSTOPSIGNAL SIGINT\n", "\"StopSignal\":\"SIGINT\"",
     "\"author\":\"me\""},
};

START_TEST(test_df_config_is_buildkits)
{
    ok(configs[_i].file);
    const char *json = kit_result("containerimage.config");
    ck_assert_ptr_nonnull(json);
    ck_assert_msg(strstr(json, configs[_i].config), "%s", json);
    ck_assert_msg(strstr(json, configs[_i].history), "%s", json);
    ck_assert_ptr_null(strstr(json, "Unknown"));
}
END_TEST

/* Stages share what they are built on, and see nothing of each other. */
#define FOUR "ENV A=1\nENV B=2\nENV C=3\nENV D=4\n"
static const struct {
    const char *text, *env, *config;
} families[] = {
    {"FROM scratch AS base\n" FOUR "FROM base AS x\nENV E=x\nFROM base\nENV F=y\n"
     "COPY --from=x / /\nRUN z\n", "env=A=1 env=B=2 env=C=3 env=D=4 env=F=y network=",
     "\"A=1\",\"B=2\",\"C=3\",\"D=4\",\"F=y\"]"},
    {"FROM scratch AS base\n" FOUR "FROM base AS x\nENV B=x\nFROM base\nENV F=y\n"
     "COPY --from=x / /\nRUN z\n", "env=A=1 env=B=2 env=C=3 env=D=4 env=F=y network=",
     "\"A=1\",\"B=2\",\"C=3\",\"D=4\",\"F=y\"]"},
    {"FROM scratch AS base\n" FOUR "FROM base AS x\nENV E=x\nFROM x\nENV B=y\n"
     "RUN z\n", "env=A=1 env=C=3 env=D=4 env=E=x env=B=y network=",
     "\"A=1\",\"B=y\",\"C=3\",\"D=4\",\"E=x\"]"},
    {"FROM scratch AS base\n" FOUR "FROM base AS x\nENV E=x\nFROM base AS y\nENV G=y\nFROM x\n"
     "COPY --from=y / /\nRUN z\n", "amd64 env=" ENV_PATH " env=A=1 env=B=2 env=C=3 env=D=4 env=E=x network=",
     "\"A=1\",\"B=2\",\"C=3\",\"D=4\",\"E=x\"]"},
    {"FROM scratch AS base\nARG Q=q\n" FOUR "FROM base AS x\nENV Q=x\nFROM base\nENV F=y\n"
     "COPY --from=x / /\nRUN z\n", "env=Q=q env=" ENV_PATH " env=A=1 env=B=2 env=C=3 env=D=4 env=F=y network=",
     "\"A=1\",\"B=2\",\"C=3\",\"D=4\",\"F=y\"]"},
    {"FROM scratch AS base\nARG Q=q\n" FOUR "ENV A=9\nFROM base\nENV F=y\n"
     "RUN z\n", "env=Q=q env=" ENV_PATH " env=A=9 env=B=2 env=C=3 env=D=4 env=F=y network=",
     "\"A=9\",\"B=2\",\"C=3\",\"D=4\",\"F=y\"]"},
};

START_TEST(test_df_stages_share_what_they_are_built_on)
{
    ok(families[_i].text);
    has("RUN z", families[_i].env);
    const char *json = kit_result("containerimage.config");
    ck_assert_msg(strstr(json, families[_i].config), "%s", json);
}
END_TEST

/* What each of so many has for itself is a line. */
START_TEST(test_df_many_stages_on_each_other)
{
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    tenon_buf_adds(&text, "FROM scratch AS s0\n");
    for (int i = 1; i <= 2000; i++)
        tenon_buf_addf(&text, "FROM s%d AS s%d\nENV V%d=of-this-stage\n", i - 1, i, i);
    ok(tenon_buf_str(&text));
    const char *json = kit_result("containerimage.config");
    ck_assert_ptr_nonnull(strstr(json, "\"V1=of-this-stage\""));
    ck_assert_ptr_nonnull(strstr(json, "\"V2000=of-this-stage\""));
}
END_TEST

START_TEST(test_df_epoch_sets_created_times)
{
    const char *const options[] = {"build-arg:SOURCE_DATE_EPOCH=1500000000", NULL};
    ck_assert_int_eq(run_with("FROM busybox\nRUN x\nWORKDIR /w\n", options), 0);
    ck_assert_str_eq(kit_result("source.date.epoch"), "1500000000");
    ck_assert_ptr_nonnull(strstr(kit_result("containerimage.config"),
        "{\"created\":\"2017-07-14T02:40:00Z\",\"created_by\":\"RUN /bin/sh -c x"));
    has("mkdir path=/w", "timestamp=1500000000000000000");
}
END_TEST

/* BuildKit leaves the times of copies to the exporter (rewrite-timestamp). */
START_TEST(test_df_epoch_leaves_copies_alone)
{
    const char *const options[] = {"build-arg:SOURCE_DATE_EPOCH=1500000000", NULL};
    ck_assert_int_eq(run_with("FROM scratch\nCOPY x /\nCOPY <<E /t\n1\nE\n", options), 0);
    ck_assert_ptr_nonnull(kit_find("copy src=/x", NULL));
    ck_assert_ptr_nonnull(kit_find("copy src=/E", NULL));
    ck_assert_ptr_null(kit_find("copy src=", "timestamp=1500000000000000000"));
}
END_TEST

/* ---- nodes ------------------------------------------------------------------- */

START_TEST(test_df_names_count_the_steps)
{
    ok("FROM busybox AS a\nARG X=1\nWORKDIR /w\nRUN echo \"$X\" $Y\n"
       "FROM scratch\nCOPY --from=a --chown=$Z /${X:-d} /\n");
    has("meta", "name=[internal] load metadata for docker.io/library/busybox:latest");
    has("source", "llb.customname:[a 1/3] FROM docker.io/library/busybox:latest@sha256:");
    has("file", "llb.customname:[a 2/3] WORKDIR /w");
    has("exec", "llb.customname:[a 3/3] RUN echo \"1\" $Y");
    has("file", "llb.customname:[stage-1 1/1] COPY --from=a --chown= /d /");
    has_not("load build context", NULL);
}
END_TEST

START_TEST(test_df_only_wanted_paths_and_stages)
{
    ok("FROM busybox AS unused\nCOPY z /\nFROM busybox\nCOPY b a/x /\n"
       "RUN --mount=source=m,target=/m true\n");
    has("local://context", "attr.local.followpaths=[\"a/x\",\"b\",\"m\"]");
    has("local://context", "attr.local.excludepatterns=[\"ignored\"]");
    has("llb.customname:[internal] load .dockerignore", "tenon.transfer:context");
    has("load build definition from Dockerfile",
        "[\"Dockerfile\",\"Dockerfile.dockerignore\",\"dockerfile\"]");
    has_not("[unused", NULL);
    ok("FROM busybox\nCOPY . /\n");
    has_not("load build context", "local.followpaths");
}
END_TEST

START_TEST(test_df_copy_becomes_actions)
{
    ok("FROM busybox\nWORKDIR /w\nCOPY --chown=app --chmod=0640 --exclude=*.o a b/ d/\n"
       "ADD --unpack=false t.tar .\nCOPY --parents x/./y/z /p/\n");
    has("copy src=/a dest=/w/d/", "owner.user=app");
    has("copy src=/b dest=/w/d/", "mode=416");
    has("copy src=/b", "exclude=*.o");
    has_not("copy src=/b", "attempt_unpack");
    has("copy src=/t.tar dest=/w/", "follow_symlink=1 dir_copy_contents=1 create_dest_path=1");
    has_not("copy src=/t.tar", "attempt_unpack");
    has("copy src=/x dest=/p/", "include=y/z required=/x/y/z");
}
END_TEST

START_TEST(test_df_link_merges)
{
    ok("FROM busybox\nCOPY --link a /\n");
    has("file llb.customname:[2/2] COPY --link a /", "progress_group.weak:true");
    has("merge", "llb.customname:[2/2] LINK COPY --link a /");
    ok("FROM scratch\nCOPY --link a /\n");
    has_not("merge", NULL);
}
END_TEST

START_TEST(test_df_heredocs_become_files)
{
    ok("FROM busybox\nARG V=1\nCOPY <<A <<'B' /d/\n$V \"q\"\nA\n$V\nB\n"
       "RUN <<S\n#!/bin/x\ny\nS\n");
    has("mkfile path=/A", "data=1 \"q\"\n");
    has("mkfile path=/B", "data=$V\n");
    has("mkfile path=/S mode=493", "data=#!/bin/x\ny\n");
    has("exec args=/bin/sh args=-c args=/dev/pipes/S", "RUN <<S (#!/bin/x...)");
    has("mount type=bind dest=/dev/pipes/", "selector=/ readonly=1");
}
END_TEST

START_TEST(test_df_add_of_remote_sources)
{
    ok("FROM scratch\nADD --checksum=sha256:"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
       "https://h/p%20q/f%C3%BC.txt?x /\n"
       "ADD https://h/o/r.git?tag=v1&subdir=s /g\n"
       "ADD git@h:o/r.git#b:d /s\n");
    has("identifier=https://h/p%20q/f", "attr.http.filename=f\xc3\xbc.txt");
    has("attr.http.checksum=sha256:aaaa", NULL);
    has("identifier=git://h/o/r.git#refs/tags/v1:s", "attr.git.fullurl=https://h/o/r.git");
    has("identifier=git://h/o/r.git#b:d", "attr.git.fullurl=git@h:o/r.git");
}
END_TEST

START_TEST(test_df_mounts_are_llbs)
{
    const char *const options[] = {
        "build-arg:BUILDKIT_CACHE_MOUNT_NS=ns", "build-arg:http_proxy=http://p",
        "force-network-mode=host", "shm-size=1024", NULL};
    ck_assert_int_eq(run_with(
        "FROM busybox AS s\nFROM busybox\nWORKDIR /w\n"
        "RUN --mount=type=secret,id=a/b --mount=type=secret,id=e,env=E"
        " --mount=type=ssh --mount=type=ssh,id=k,required"
        " --mount=type=cache,target=c --mount=type=cache,target=/d,uid=5,sharing=locked"
        " --mount=from=s,source=/x,target=/m,rw --mount=type=tmpfs,target=/t,size=1k"
        " --network=none echo $E\n", options), 0);
    has("mount type=secret dest=/run/secrets/b id=a/b mode=256 uid=0 gid=0 optional=1", NULL);
    has("secretenv id=e name=E optional=1", NULL);
    has("mount type=ssh dest=/run/buildkit/ssh_agent.0 id=default mode=384", "optional=1");
    has("mount type=ssh dest=/run/buildkit/ssh_agent.1 id=k", "optional=0");
    has("env=SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0", "network=none");
    has("mount type=cache dest=/w/c", "cache_id=ns/c cache_sharing=shared");
    has("mount type=cache dest=/d", "cache_sharing=locked selector=/cache");
    has("mkdir path=/cache mode=493", "owner.user=5 owner.group=0");
    has("mount type=bind dest=/m", "selector=/x no_output=1");
    has("mount type=tmpfs dest=/t tmpfs_size=1024", NULL);
    has("mount type=tmpfs dest=/dev/shm tmpfs_size=1024", NULL);
    has("exec", "proxy.http=http://p");
    has("exec", "echo ****");
}
END_TEST

START_TEST(test_df_mount_of_a_plugin)
{
    ok("FROM busybox\nRUN --mount=type=thirdparty,target=/t,path=/p,size=4k x\n");
    has("mount type=thirdparty dest=/t", "option.path=/p option.size=4k");
    ck_assert_uint_eq(kit.warnings.len, 0);
    /* All of what repeats, the last of what does not, entries of a map under their own names. */
    ok("FROM busybox\nRUN --mount=type=thirdparty,target=/t,path=/o,tag=1,env.Ab=c,path=/p,Word,tag=2,"
       "env[x].Y=z,env.Ab=d,old x\n");
    has("mount type=thirdparty dest=/t",
        "option.path=/p option.tag=1 option.env.Ab=d option.what=Word option.tag=2 option.env[x].Y=z "
        "option.old=true");
    ck_assert_uint_eq(kit.warnings.len, 1);
    ck_assert_str_eq(kit.warnings.items[0],
                     "mount type thirdparty: the option \"old\" is deprecated: no effect");
    ck_assert_int_lt(run("FROM busybox\nRUN --mount=type=thirdparty,target=/t,path=x,sizes=1 x\n"), 0);
    ck_assert_str_eq(kit.err.message,
                     "unexpected key 'sizes' in 'sizes=1' (did you mean size?)");
    ck_assert_int_lt(run("FROM busybox\nRUN --mount=type=thirdparty,target=/t x\n"), 0);
    ck_assert_ptr_nonnull(strstr(kit.err.message, "requires the option \"path\""));
    ck_assert_int_lt(run("FROM busybox\nRUN --mount=type=strange,target=/t x\n"), 0);
    ck_assert_str_eq(kit.err.message, "unsupported mount type \"strange\"");
    ck_assert_uint_eq(kit.err.line, 2);
}
END_TEST

START_TEST(test_df_onbuild_brings_stages_in)
{
    ok("FROM busybox AS assets\nRUN make-a\nFROM onb\nCMD [\"x\"]\n");
    has("exec", "[assets 2/2] RUN make-a");
    has("file", "ONBUILD COPY --from=assets /a /b");
    has("exec", "[stage-1 3/3] ONBUILD RUN make");
    ck_assert_ptr_null(strstr(kit_result("containerimage.config"), "OnBuild"));
}
END_TEST

/* Stages are looked at again for those that a trigger brings in; it fires once all the same. */
START_TEST(test_df_onbuild_of_a_stage_fires_once)
{
    static const char copy[] = "COPY /a /b";
    ok("FROM busybox AS parent\nONBUILD COPY --from=assets /a /b\nFROM busybox AS assets\nFROM parent\n");
    const char *first = strstr(kit_result("containerimage.config"), copy);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, copy));
}
END_TEST

START_TEST(test_df_platforms_have_results_each)
{
    const char *const options[] = {"platform=linux/amd64,linux/arm64", NULL};
    ck_assert_int_eq(run_with("FROM --platform=$BUILDPLATFORM busybox AS b\n"
                              "ARG TARGETARCH\nRUN cc -march=$TARGETARCH\n"
                              "FROM scratch\nCOPY --from=b /x /\n", options), 0);
    ck_assert_ptr_nonnull(kit_result("ref/linux/amd64"));
    ck_assert_ptr_nonnull(kit_result("ref/linux/arm64"));
    ck_assert_ptr_nonnull(strstr(kit_result("containerimage.config/linux/arm64"),
                                 "\"architecture\":\"arm64\""));
    ck_assert_str_eq(kit_result("refs.platforms"),
        "{\"Platforms\":[{\"ID\":\"linux/amd64\",\"Platform\":"
        "{\"architecture\":\"amd64\",\"os\":\"linux\"}},{\"ID\":\"linux/arm64\","
        "\"Platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"}}]}");
    has("exec", "llb.customname:[linux/amd64->arm64 b 2/2] RUN cc -march=arm64");
    has("exec", "platform=linux/amd64");
}
END_TEST

START_TEST(test_df_no_cache_marks_the_stages)
{
    const char *const options[] = {"no-cache=a", NULL};
    ck_assert_int_eq(run_with("FROM busybox AS a\nRUN x\nFROM a\nRUN y\n", options), 0);
    has("RUN x", "ignore_cache:true");
    has_not("RUN y", "ignore_cache:true");
}
END_TEST

START_TEST(test_df_named_contexts_stand_in)
{
    const char *const options[] = {
        "context:gen=local:gen", "context:other::linux/amd64=docker-image://busybox",
        NULL};
    ck_assert_int_eq(run_with("FROM scratch AS gen\nRUN never\nFROM other\n"
                              "COPY --from=gen /a /b\n", options), 0);
    has("local://gen", "llb.customname:[context gen] load from client");
    has("local://gen", "attr.local.followpaths=[\"a\"]");
    has("llb.customname:[context other::linux/amd64] busybox", NULL);
    has_not("RUN never", NULL);
    const char *const bad[] = {"context:gen=foo:bar", NULL};
    ck_assert_int_lt(run_with("FROM busybox AS gen\nFROM gen\n", bad), 0);
    ck_assert_str_eq(kit.err.message, "unsupported context source foo for gen");
}
END_TEST

/* ---- errors and warnings ------------------------------------------------------ */

static const struct {
    const char *file, *option, *message;
    uint32_t line;
} errors[] = {
    {"", "x=", "the Dockerfile cannot be empty", 0},
    {"ARG A\n", "x=", "dockerfile contains no stages to build", 0},
    {"FROM busybox AS base\n", "target=bse",
     "target stage \"bse\" could not be found (did you mean base?)", 0},
    {"FROM busybox AS a\nCOPY --from=b /x /\nFROM busybox AS b\nCOPY --from=a /x /\n",
     "x=", "circular dependency detected on stage: a", 4},
    {"FROM scratch\nCOPY --from=5 /x /\n", "x=", "invalid stage index 5", 2}, /* there without a line */
    {"FROM $X\n", "x=", "base name ($X) should not be blank", 1},
    {"FROM --platform=$X busybox\n", "x=", "empty platform value from expression $X", 1},
    {"FROM busybix\n", "x=", "busybix: docker.io/library/busybix:latest: not found (did you mean busybox?)", 1},
    {"FROM busybox\nEXPOSE http\n", "x=", "invalid containerPort: http", 2},
    {"FROM busybox\nSTOPSIGNAL WHAT\n", "x=", "invalid signal: WHAT", 2},
    {"FROM busybox\nRUN --mount=type=cache,target=/ x\n", "x=", "invalid mount target \"/\"", 2},
    {"FROM busybox\nCOPY --chmod=99x a /\n", "x=",
     "invalid chmod parameter: '99x'. it should be octal string and between 0 and 07777", 2},
    {"FROM busybox\nADD --checksum=x http://h/f /\n", "x=", "invalid checksum digest format", 2},
    {"FROM busybox\nCOPY http://h/f /\n", "x=", "source can't be a URL for COPY", 2},
    {"FROM busybox\nADD a /\n", "platform=linux/a/b/c/d",
     "failed to parse target platform linux/a/b/c/d: \"c/d\" is an invalid component of "
     "\"linux/a/b/c/d\": platform specifier component must match \"^[A-Za-z0-9_.-]+$\": "
     "invalid argument", 0},
    {"# syntax=example.org/front:1\nFROM busybox\n", "x=",
     "frontend image \"example.org/front:1\": images as frontends are not supported", 1},
    {"FROM busybox\n", "requestid=frontend.nothing", "unsupported request frontend.nothing", 0},
    {"# check=error=true\nFROM busybox as A\n", "x=",
     "lint violation found for rules: StageNameCasing, FromAsCasing", 0},
};

START_TEST(test_df_errors_are_buildkits)
{
    const char *const options[] = {errors[_i].option, NULL};
    ck_assert_int_lt(run_with(errors[_i].file, options), 0);
    ck_assert_str_eq(kit.err.message, errors[_i].message);
    ck_assert_uint_eq(kit.err.line, errors[_i].line);
}
END_TEST

START_TEST(test_df_syntax_family_is_served)
{
    ok("# syntax=docker/dockerfile:1.0-experimental\nFROM busybox\n");
    ok("# syntax=docker.io/docker/dockerfile@sha256:ab\nFROM busybox\n");
    const char *const options[] = {"cmdline=x", NULL};
    ck_assert_int_eq(run_with("# syntax=other/thing\nFROM busybox\n", options), 0);
}
END_TEST

START_TEST(test_df_warnings_name_rule_and_line)
{
    const char *const options[] = {"build-arg:NOBODY=1", "build-arg:http_proxy=x", NULL};
    ck_assert_int_eq(run_with("FROM busybox\nARG SET\nENV X=$SETT\nCOPY a /$SET\n", options), 0);
    ck_assert_uint_eq(kit.warnings.len, 2);
    ck_assert_str_eq(kit.warnings.items[0],
        "UndefinedVar: Usage of undefined variable '$SETT' (line 3)");
    ck_assert_str_eq(kit.warnings.items[1],
        "[Warning] One or more build-args [NOBODY] were not consumed");
}
END_TEST

/* Of stages that are not built nothing is said that is not said of the file. */
START_TEST(test_df_warnings_are_of_what_is_built)
{
    const char *const none[] = {NULL};
    ck_assert_int_eq(run_with(
        "FROM busybox AS other\nENV a b\nENV KEY=x\nFROM busybox\nMAINTAINER me\n"
        "LABEL c d\n# check=skip=LegacyKeyValueFormat\nENV e f\n", none), 0);
    ck_assert_uint_eq(kit.warnings.len, 2);
    ck_assert_ptr_nonnull(strstr(kit.warnings.items[0], "MaintainerDeprecated"));
    ck_assert_str_eq(kit.warnings.items[1],
        "LegacyKeyValueFormat: \"LABEL key=value\" should be used instead of legacy "
        "\"LABEL key value\" format (line 6)");
}
END_TEST

/* ---- subrequests --------------------------------------------------------------- */

START_TEST(test_df_outline_lists_parameters)
{
    const char *const options[] = {"requestid=frontend.outline", NULL};
    ck_assert_int_eq(run_with(
        "# V is what gets built\nARG V=1\n# base is common\nFROM busybox AS base\nARG V\n"
        "RUN --mount=type=secret,id=tok,required true\n"
        "FROM base\nARG N=x\nRUN --mount=type=ssh true\n", options), 0);
    const char *json = kit_result("result.json");
    ck_assert_ptr_nonnull(strstr(json, "\"description\": \"is what gets built\""));
    ck_assert_ptr_nonnull(strstr(json, "\"name\": \"tok\",\n      \"required\": true"));
    ck_assert_ptr_nonnull(strstr(json, "\"name\": \"default\""));
    ck_assert_str_eq(kit_result("result.txt"),
        "BUILD ARG   VALUE   DESCRIPTION\nV           1       is what gets built\n"
        "N           x       \n\nSECRET   REQUIRED\ntok      true\n\n"
        "SSH       REQUIRED\ndefault   \n\n");
    ck_assert_str_eq(kit_result("version"), "1.0.0");
    ck_assert_ptr_null(kit_result("containerimage.config"));

    /* findings are warnings of the answer, and end it when they should be errors */
    ck_assert_int_lt(run_with("# check=error=true\nFROM scratch\nENV A=$nope\n", options), 0);
    ck_assert_int_eq(run_with("# check=error=true\nFROM scratch AS x\nENV A=$nope\nFROM scratch\n",
                              options), 0); /* the target needs no x */
    ck_assert_int_eq(run_with("# x what it is\nFROM scratch AS x\n", options), 0);
    ck_assert_str_eq(kit_result("result.txt"), "TARGET:      x\nDESCRIPTION: what it is\n\n");
}
END_TEST

START_TEST(test_df_targets_lists_stages)
{
    const char *const options[] = {"requestid=frontend.targets", NULL};
    ck_assert_int_eq(run_with("# a does things\nFROM scratch AS a\nFROM a\n", options), 0);
    ck_assert_str_eq(kit_result("result.txt"),
        "TARGET    DESCRIPTION\na         does things\n(default) \n");
    ck_assert_ptr_nonnull(strstr(kit_result("result.json"), "\"base\": \"scratch\""));
}
END_TEST

START_TEST(test_df_check_reports_and_goes_on)
{
    const char *const options[] = {"requestid=frontend.lint", NULL};
    ck_assert_int_eq(run_with("FROM busybox as a\nCOPY --from=z /x /\nRUN --mount=type=bad x\n",
                              options), 0);
    const char *json = kit_result("result.json");
    ck_assert_ptr_nonnull(strstr(json, "\"ruleName\": \"FromAsCasing\""));
    ck_assert_ptr_nonnull(strstr(json, "\"buildError\""));
    ck_assert_str_eq(kit_result("result.statuscode"), "1");
    ck_assert_ptr_nonnull(strstr(kit_result("result.txt"),
        "WARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/\n"
        "'as' and 'FROM' keywords' casing do not match\nDockerfile:1\n"
        "--------------------\n   1 | >>> FROM busybox as a\n"));
    ck_assert_ptr_null(strstr(kit_result("result.txt"), "ERROR"));
    ck_assert_int_eq(run_with("FROM busybox\n", options), 0);
    ck_assert_str_eq(kit_result("result.statuscode"), "0");

    /* as they are found: stages are read before what they do */
    ck_assert_int_eq(run_with("FROM scratch AS Base\nENV a b\nFROM scratch AS Top\n", options), 0);
    json = kit_result("result.json");
    const char *one = strstr(json, "'Base'"), *two = strstr(json, "'Top'");
    const char *three = strstr(json, "LegacyKeyValueFormat");
    ck_assert(one && two && three && one < two && two < three);
    const char *text = kit_result("result.txt");
    one = strstr(text, "'Base'"), two = strstr(text, "'Top'");
    three = strstr(text, "LegacyKeyValueFormat");
    ck_assert(one && two && three && one < three && three < two); /* by place */
    const char *const describe[] = {"requestid=frontend.subrequests.describe", NULL};
    ck_assert_int_eq(run_with("FROM busybox\n", describe), 0);
    ck_assert_ptr_nonnull(strstr(kit_result("result.json"), "frontend.lint"));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("df-dispatch");
    TCase *t = tcase_create("df-dispatch");
    tcase_add_loop_test(t, test_df_config_is_buildkits, 0,
                        (int)(sizeof configs / sizeof *configs));
    tcase_add_loop_test(t, test_df_stages_share_what_they_are_built_on, 0, tenon_countof(families));
    tcase_add_test(t, test_df_many_stages_on_each_other);
    tcase_add_test(t, test_df_epoch_sets_created_times);
    tcase_add_test(t, test_df_epoch_leaves_copies_alone);
    tcase_add_test(t, test_df_names_count_the_steps);
    tcase_add_test(t, test_df_only_wanted_paths_and_stages);
    tcase_add_test(t, test_df_copy_becomes_actions);
    tcase_add_test(t, test_df_link_merges);
    tcase_add_test(t, test_df_heredocs_become_files);
    tcase_add_test(t, test_df_add_of_remote_sources);
    tcase_add_test(t, test_df_mounts_are_llbs);
    tcase_add_test(t, test_df_mount_of_a_plugin);
    tcase_add_test(t, test_df_onbuild_brings_stages_in);
    tcase_add_test(t, test_df_onbuild_of_a_stage_fires_once);
    tcase_add_test(t, test_df_platforms_have_results_each);
    tcase_add_test(t, test_df_no_cache_marks_the_stages);
    tcase_add_test(t, test_df_named_contexts_stand_in);
    tcase_add_loop_test(t, test_df_errors_are_buildkits, 0,
                        (int)(sizeof errors / sizeof *errors));
    tcase_add_test(t, test_df_syntax_family_is_served);
    tcase_add_test(t, test_df_warnings_name_rule_and_line);
    tcase_add_test(t, test_df_warnings_are_of_what_is_built);
    tcase_add_test(t, test_df_outline_lists_parameters);
    tcase_add_test(t, test_df_targets_lists_stages);
    tcase_add_test(t, test_df_check_reports_and_goes_on);
    suite_add_tcase(s, t);
    int r = unit_run(s);
    kit_release();
    return r;
}
