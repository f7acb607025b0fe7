/* The options of a request: each one that is read changes what comes out, and
 * a wrong value has its message.  Which ones are read is taken from the source:
 * a new one without a line here fails. */
#include "dfkit.h"
#include "unit.h"

#include <dirent.h>

#define IMAGE(name)                                                            \
    {"docker-image://docker.io/library/" name ":latest",                       \
     "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},"              \
     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\"]}}"}

static const struct dfkit_image images[] = {
    IMAGE("busybox"), IMAGE("other"), {NULL, NULL},
};

#define GIT "context=https://example.org/r.git#main:sub"
#define STAGES "FROM busybox AS one\nRUN a\nFROM busybox AS two\nRUN b\n"

/* Where to look for the words. */
enum place { NODES, CONFIG, ALL_RESULTS, WARNINGS, CODE };

static const struct {
    const char *option; /* the one this is about */
    const char *file;
    const char *a, *b;  /* there with it, not there without; b may be NULL */
    enum place place;
    const char *others[3]; /* given in both cases */
} given[] = {
    {"no-cache=", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true", NODES, {0}},
    {"no-cache=one", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true", NODES, {0}},
    {"no-cache=ONE", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true", NODES, {0}},
    {"no-cache=x,one", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true", NODES, {0}},
    {"no-cache=one,x", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true", NODES, {0}},
    {"no-cache=one", "FROM busybox AS One\nRUN a\n", "RUN a", "ignore_cache:true", NODES, {0}},
    {"no-cache=", "FROM busybox\nCOPY x /\n", "COPY x /", "ignore_cache:true", NODES, {0}},
    {"platform=linux/arm64", "FROM scratch\n", "\"architecture\":\"arm64\"", NULL, CONFIG, {0}},
    {"platform=darwin/ppc64le", "FROM scratch\n", "\"os\":\"darwin\"", NULL, CONFIG, {0}},
    {"platform=windows(10.0.17763)/amd64", "FROM scratch\n", "\"os.version\":\"10.0.17763\"", NULL,
     CONFIG, {0}},
    {"platform=windows/amd64", "FROM scratch\nENTRYPOINT a\n",
     "\"Entrypoint\":[\"cmd\",\"/S\",\"/C\",\"a\"]", NULL, CONFIG, {0}},
    {"platform=windows/amd64", "FROM scratch\nENTRYPOINT [\"a\"]\n",
     "\"config\":{\"Entrypoint\":", NULL, CONFIG, {0}},
    {"platform=linux/arm64,linux/arm64/v8", "FROM scratch\n",
     "containerimage.config/linux/arm64", NULL, ALL_RESULTS, {0}},
    {"platform=linux/arm/v6", "FROM busybox\nRUN a\n", "exec", "platform=linux/arm/v6", NODES, {0}},
    {"platform=linux/arm64", "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /\n",
     "copy", "src=/arm64", NODES, {0}},
    {"multi-platform=true", "FROM busybox\nRUN a\n", "exec", ":[linux/amd64 2/2] RUN a", NODES,
     {0}},
    {"build-arg:BUILDKIT_MULTI_PLATFORM=1", "FROM busybox\nRUN a\n", "exec",
     ":[linux/amd64 2/2] RUN a", NODES, {0}},
    {"build-arg:BUILDKIT_MULTI_PLATFORM=1", "FROM busybox\nRUN a\n", "exec",
     ":[linux/amd64 2/2] RUN a", NODES, {"multi-platform=false"}},
    {"add-hosts=Name=10.0.0.1", "FROM busybox\nRUN a\n", "extrahost host=name",
     "ip=10.0.0.1", NODES, {0}},
    {"add-hosts=x=::1,name=10.0.0.1", "FROM busybox\nRUN a\n", "extrahost host=name",
     "ip=10.0.0.1", NODES, {0}},
    {"add-hosts=h=host-gateway", "FROM busybox\nRUN a\n", "extrahost host=h",
     "ip=host-gateway", NODES, {0}},
    {"ulimit=nofile=10:20", "FROM busybox\nRUN a\n", "ulimit name=nofile",
     "soft=10 hard=20", NODES, {0}},
    {"ulimit=nofile=10", "FROM busybox\nRUN a\n", "ulimit name=nofile",
     "soft=10 hard=10", NODES, {0}},
    {"ulimit=core=0,nproc=-1:-1", "FROM busybox\nRUN a\n", "ulimit name=nproc",
     "soft=-1 hard=-1", NODES, {0}},
    {"memory=5", "FROM busybox\nRUN a\n", "RUN a", "resources.memory:5", NODES, {0}},
    {"memswap=5", "FROM busybox\nRUN a\n", "RUN a", "resources.memory_swap:5", NODES, {0}},
    {"cpushares=5", "FROM busybox\nRUN a\n", "RUN a", "resources.cpu_shares:5", NODES, {0}},
    {"cpuperiod=5", "FROM busybox\nRUN a\n", "RUN a", "resources.cpu_period:5", NODES, {0}},
    {"cpuquota=5", "FROM busybox\nRUN a\n", "RUN a", "resources.cpu_quota:5", NODES, {0}},
    {"cpusetcpus=0-1", "FROM busybox\nRUN a\n", "RUN a", "resources.cpuset_cpus:0-1", NODES, {0}},
    {"cpusetmems=0", "FROM busybox\nRUN a\n", "RUN a", "resources.cpuset_mems:0", NODES, {0}},
    {"image-resolve-mode=pull", "FROM busybox\nRUN a\n", "docker-image://",
     "attr.image.resolvemode=pull", NODES, {0}},
    {"force-network-mode=host", "FROM busybox\nRUN a\n", "exec", "network=host", NODES, {0}},
    {"force-network-mode=none", "FROM busybox\nRUN a\n", "exec", "network=none", NODES, {0}},
    {"shm-size=4096", "FROM busybox\nRUN a\n", "dest=/dev/shm", "tmpfs_size=4096", NODES, {0}},
    {"build-arg:BUILDKIT_DOCKERFILE_CHECK=error=true", "FROM busybox\nrun a\nRUN b\n", "1", NULL,
     CODE, {0}},
    {"build-arg:V=1", "FROM busybox\nARG V=0\nRUN a\n", "exec", "V=1", NODES, {0}},
    {"build-arg:V=a=b", "FROM busybox\nARG V\nRUN a\n", "exec", "V=a=b", NODES, {0}},
    {"build-arg:T=other", "ARG T=busybox\nFROM $T\nRUN a\n", "library/other", NULL, NODES, {0}},
    {"build-arg:TARGETARCH=given", "FROM busybox\nARG TARGETARCH\nRUN a\n", "exec",
     "TARGETARCH=given", NODES, {0}},
    {"build-arg:BUILDPLATFORM=linux/arm64", "FROM --platform=$BUILDPLATFORM busybox\nRUN a\n",
     "exec", "platform=linux/arm64", NODES, {0}},
    {"build-arg:HTTP_PROXY=p", "FROM busybox\nRUN a\n", "exec", "proxy.http=p", NODES, {0}},
    {"build-arg:NOBODY=p", "FROM busybox\nRUN a\n", "NOBODY", NULL, WARNINGS, {0}},
    {"build-arg:SOURCE_DATE_EPOCH=5", "FROM scratch\nLABEL a=b\n", "1970-01-01T00:00:05Z", NULL,
     CONFIG, {0}},
    {"build-arg:SOURCE_DATE_EPOCH=-5", "FROM scratch\nLABEL a=b\n", "1969-12-31T23:59:55Z", NULL,
     CONFIG, {0}},
    {"build-arg:SOURCE_DATE_EPOCH=+007", "FROM scratch\nLABEL a=b\n", "1970-01-01T00:00:07Z", NULL,
     CONFIG, {0}},
    {"build-arg:SOURCE_DATE_EPOCH=5", "FROM scratch\nWORKDIR /w\n", "mkdir path=/w",
     "timestamp=5000000000", NODES, {0}},
    {"label:k=v", "FROM scratch\n", "\"Labels\":{\"k\":\"v\"}", NULL, CONFIG, {0}},
    {"target=one", STAGES, "RUN a", NULL, NODES, {0}},
    {"target=ONE", STAGES, "RUN a", NULL, NODES, {0}},
    {"target=one", "FROM busybox AS one\nARG TARGETSTAGE\nRUN a\nFROM one AS two\n", "exec",
     "TARGETSTAGE=one", NODES, {0}},
    {"cgroup-parent=p", "FROM busybox\nRUN a\n", "exec", "cgroup_parent=p", NODES, {0}},
    {"hostname=h", "FROM busybox\nRUN a\n", "exec", "hostname=h", NODES, {0}},
    {"build-arg:BUILDKIT_SANDBOX_HOSTNAME=h", "FROM busybox\nRUN a\n", "exec", "hostname=h",
     NODES, {0}},
    {"build-arg:BUILDKIT_SANDBOX_HOSTNAME=h", "FROM busybox\nRUN a\n", "exec", "hostname=h",
     NODES, {"hostname=other"}},
    {"build-arg:BUILDKIT_CACHE_MOUNT_NS=ns", "FROM busybox\nRUN --mount=type=cache,target=/c a\n",
     "cache_id=ns//c", NULL, NODES, {0}},
    {"build-arg:BUILDKIT_SYNTAX=foreign", "FROM busybox\n", "1", NULL, CODE, {0}},
    {"frontend.caps=moby.buildkit.frontend.inputs,other", "FROM busybox\n", "1", NULL, CODE, {0}},
    {"cmdline=x", "# syntax=foreign\nFROM busybox\n", "0", NULL, CODE, {0}},
    {"contextkey=mine", "FROM scratch\nCOPY a /\n", "local://mine", NULL, NODES, {0}},
    {"local-sessionid=mine", "FROM busybox\nCOPY x /\n", "local://context", "local.session=mine", NODES,
     {0}},
    {"local-sessionid:context=its", "FROM busybox\nCOPY x /\n", "local://context",
     "local.session=its", NODES, {"local-sessionid=mine"}},
    {"dockerfilekey=elsewhere", "FROM scratch\n", "local://elsewhere", NULL, NODES, {0}},
    {"filename=sub/Other", "FROM scratch\nLABEL a=b\n", "local://dockerfile", "sub/Other",
     NODES, {0}},
    {GIT, "FROM scratch\nCOPY a /\n", "git://example.org/r.git", NULL, NODES, {0}},
    {"build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR=1", "FROM scratch\nCOPY a /\n", "git://",
     "git.keepgitdir=true", NODES, {GIT}},
    {"policy-file=refuse", "FROM scratch\nCOPY a /\n", "1", NULL, CODE, {GIT}},
    {"contextsubdir=inner", "FROM scratch\nCOPY a /\n", "copy", "src=/inner", NODES, {GIT}},
    {"context:busybox=input:given", "FROM busybox\nCOPY a /\n", "given input", NULL, NODES, {0}},
    {"input-metadata:given={\"containerimage.config\":\"eyJjb25maWciOnsiRW52IjpbIk9GPWJhc2UiXX19\"}",
     "FROM base\n", "OF=base", NULL, CONFIG, {"context:base=input:given"}},
    {"context:given=docker-image://other", "FROM given\nRUN a\n", "0", NULL, CODE, {0}},
    {"context:busybox=docker-image://other", "FROM busybox\nRUN a\n", "library/other", NULL,
     NODES, {0}},
    {"context:given::linux/amd64=docker-image://other", "FROM given\nRUN a\n", "library/other",
     NULL, NODES, {"context:given=docker-image://busybox"}},
    {"sharedkey:localdir:given=K", "FROM scratch\nCOPY --from=given a /\n", "local://given",
     "local.sharedkeyhint=context:given-K", NODES, {"context:given=local:given"}},
    {"requestid=frontend.targets", "FROM scratch\n", "result.json", NULL, ALL_RESULTS, {0}},
    {"requestid=frontend.outline", "FROM scratch\n", "result.txt", NULL, ALL_RESULTS, {0}},
    {"requestid=frontend.lint", "FROM scratch\n", "result.statuscode", NULL, ALL_RESULTS, {0}},
    {"requestid=frontend.subrequests.describe", "FROM scratch\n", "result.json", NULL,
     ALL_RESULTS, {0}},
    {"requestid=frontend.convertllb", "FROM scratch\n", "result.json", NULL, ALL_RESULTS, {0}},
};

static int
run(const char *file, const char *const *others, const char *option)
{
    static struct dfkit_file files[] = {
        {"local://dockerfile", "Dockerfile", NULL},
        {"local://dockerfile", "sub/Other", NULL},
        {"local://elsewhere", "Dockerfile", NULL},
        {"git://", "Dockerfile", NULL},
        {"git://", "Dockerfile.rego", NULL},
        {"local://context", ".dockerignore", ""},
        {NULL, NULL, NULL},
    };
    const char *options[5] = {0};
    size_t n = 0;

    for (struct dfkit_file *f = files; f->source; f++)
        if (strcmp(f->path, ".dockerignore") != 0)
            f->text = file;
    for (size_t i = 0; others && others[i]; i++)
        options[n++] = others[i];
    if (option)
        options[n++] = option;
    static const char *kept[5];
    memcpy(kept, options, sizeof kept);
    return kit_run(files, images, kept);
}

static bool
has_words(const char *text, const char *a, const char *b)
{
    return text && strstr(text, a) && (!b || strstr(text, b));
}

static bool
found(enum place place, const char *a, const char *b, int code)
{
    switch (place) {
    case NODES:
        return kit_find(a, b) != NULL;
    case CONFIG:
        return has_words(kit_result("containerimage.config"), a, b);
    case ALL_RESULTS:
        for (size_t i = 0; i < kit.result.len; i++)
            if (has_words(kit.result.items[i].key, a, b))
                return true;
        return false;
    case WARNINGS:
        for (size_t i = 0; i < kit.warnings.len; i++)
            if (has_words(kit.warnings.items[i], a, b))
                return true;
        return false;
    case CODE: /* "0" for success, "1" for failure */
        return (*a == '1') == (code < 0);
    }
    return false;
}

/* The first option wins: a request has each once, and the tested one is last. */
START_TEST(test_df_option_is_read)
{
    const char *const *others = given[_i].others;
    int code = run(given[_i].file, others, NULL);

    ck_assert_msg(code == 0 || given[_i].place == CODE, "without %s: %s", given[_i].option,
                  kit.err.message);
    ck_assert_msg(!found(given[_i].place, given[_i].a, given[_i].b, code), "without %s: %s",
                  given[_i].option, given[_i].a);
    code = run(given[_i].file, others, given[_i].option);
    ck_assert_msg(code == 0 || given[_i].place == CODE, "%s: %s", given[_i].option,
                  kit.err.message);
    ck_assert_msg(found(given[_i].place, given[_i].a, given[_i].b, code), "%s: no %s",
                  given[_i].option, given[_i].a);
}
END_TEST

/* What is not meant is left alone. */
static const struct {
    const char *option, *file, *a, *b;
} unaffected[] = {
    {"no-cache=two", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true"},
    {"no-cache=on", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true"},
    {"no-cache=ones", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true"},
    {"no-cache=,", STAGES "COPY --from=one /x /\n", "RUN a", "ignore_cache:true"},
    {"no-cache=", "FROM busybox\nRUN a\n", "docker-image://", "ignore_cache:true"},
    {"build-arg:UNKNOWN=1", "FROM busybox\nRUN a\n", "exec", "UNKNOWN"},
    {"build-arg:V", "FROM busybox\nARG V\nRUN a\n", "exec", "V="},
    {"xbuild-arg:V=1", "FROM busybox\nARG V\nRUN a\n", "exec", "V=1"},
    {"memory=", "FROM busybox\nRUN a\n", "RUN a", "resources."},
    {"hostnames=h", "FROM busybox\nRUN a\n", "exec", "hostname=h"},
    {"force-network-mode=host", "FROM busybox\nRUN --network=none a\n", "exec", "network=host"},
    {"add-hosts=", "FROM busybox\nRUN a\n", "extrahost", NULL},
    {"ulimit=", "FROM busybox\nRUN a\n", "ulimit", NULL},
    {"shm-size=0", "FROM busybox\nRUN a\n", "/dev/shm", NULL},
    {"shm-size=", "FROM busybox\nRUN a\n", "/dev/shm", NULL},
    {"context:busybox::linux/arm64=docker-image://other", "FROM busybox\nRUN a\n",
     "library/other", NULL},
};

START_TEST(test_df_option_means_no_more)
{
    ck_assert_msg(run(unaffected[_i].file, NULL, unaffected[_i].option) == 0, "%s",
                  kit.err.message);
    ck_assert_msg(!kit_find(unaffected[_i].a, unaffected[_i].b), "%s", unaffected[_i].option);
}
END_TEST

static const struct {
    const char *option, *message;
} wrong[] = {
    {"platform=linux/a/b/c", "failed to parse target platform linux/a/b/c: "},
    {"platform=linux/amd64,nonsense", "failed to parse target platform nonsense: "},
    {"platform=linux/amd64,", "failed to parse target platform : "},
    {"multi-platform=maybe", "invalid boolean value for multi-platform: maybe"},
    {"build-arg:BUILDKIT_MULTI_PLATFORM=maybe",
     "invalid boolean value for multi-platform: maybe"},
    {"add-hosts=a", "failed to parse additional hosts: invalid key-value pair a"},
    {"add-hosts=a=x", "failed to parse additional hosts: failed to parse IP x"},
    {"add-hosts=a=1.2.3", "failed to parse additional hosts: failed to parse IP 1.2.3"},
    {"add-hosts=\"a=1.1.1.1", "failed to parse additional hosts: "},
    {"ulimit=nofile", "failed to parse ulimit: invalid ulimit argument: nofile"},
    {"ulimit=files=1", "failed to parse ulimit: invalid ulimit type: files"},
    {"ulimit=nofile=x", "failed to parse ulimit: invalid ulimit value: x"},
    {"ulimit=nofile=1:x", "failed to parse ulimit: invalid ulimit value: x"},
    {"ulimit=nofile=2:1", "failed to parse ulimit: ulimit soft limit must be less than or "
                          "equal to hard limit: soft 2 > hard 1"},
    {"ulimit=nofile=-1:1", "failed to parse ulimit: ulimit soft limit must be less than or "
                           "equal to hard limit: soft -1 > hard 1"},
    {"ulimit=\"nofile=1", "failed to parse ulimit: "},
    {"image-resolve-mode=never", "invalid image-resolve-mode: never"},
    {"force-network-mode=wild", "invalid netmode wild"},
    {"shm-size=big", "failed to parse shm size: big"},
    {"shm-size=-1", "failed to parse shm size: -1"},
    {"build-arg:BUILDKIT_DOCKERFILE_CHECK=skip",
     "failed to parse build-arg:BUILDKIT_DOCKERFILE_CHECK: "},
    {"target=three", "target stage \"three\" could not be found"},
    {"target=2", "target stage \"2\" could not be found"},
    {"context:busybox=input:none", "invalid input none for busybox"},
    {"requestid=frontend.unknown", "unsupported request frontend.unknown"},
    {"frontend.caps=a,moby.buildkit.frontend.contexts", "unsupported frontend capability a"},
    {"frontend.caps=a+forward,b+forward", "unsupported frontend capability b"},
    {"frontend.caps=a+forward,b,c", "unsupported frontend capability b"},
    {"frontend.caps=moby.buildkit.frontend.inputs2", "unsupported frontend capability"},
    {"build-arg:BUILDKIT_SYNTAX=foreign", "frontend image \"foreign\": "},
    {"filename=gone", "failed to read dockerfile: "},
    {"build-arg:SOURCE_DATE_EPOCH=soon", "invalid SOURCE_DATE_EPOCH: soon"},
};

START_TEST(test_df_option_wrong_value)
{
    ck_assert_msg(run(STAGES, NULL, wrong[_i].option) < 0, "%s", wrong[_i].option);
    ck_assert_msg(strstr(kit.err.message, wrong[_i].message) != NULL, "%s: \"%s\"",
                  wrong[_i].option, kit.err.message);
}
END_TEST

START_TEST(test_df_option_two_platforms_without_multi_platform)
{
    static const char *const others[] = {"multi-platform=false", NULL};

    ck_assert_int_lt(run(STAGES, others, "platform=linux/amd64,linux/arm64"), 0);
    ck_assert_ptr_nonnull(strstr(kit.err.message,
        "returning multiple target platforms is not allowed"));
    ck_assert_int_eq(run(STAGES, others, "platform=linux/arm64"), 0);
}
END_TEST

/* ---- none is forgotten --------------------------------------------------------- */

/* "df_option(b, "NAME")" and the like in one file of the frontend. */
static void
check_source(const char *path)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(tenon_read_all(fd, 1 << 20, &text, &err), 0);
    for (const char *p = tenon_buf_str(&text); (p = strstr(p, "df_option(")); p++) {
        const char *quote = strpbrk(p, "\");");
        if (*quote != '"')
            continue; /* the name is made */
        size_t len = strcspn(quote + 1, "\"%");
        bool covered = false;
        for (size_t i = 0; i < tenon_countof(given); i++)
            covered = covered || strncmp(given[i].option, quote + 1, len) == 0;
        ck_assert_msg(covered, "%s reads the option \"%.*s\", which no test gives", path,
                      (int)len, quote + 1);
    }
}

START_TEST(test_df_option_none_is_forgotten)
{
    const char *top = getenv("abs_top_srcdir");
    auto_free char *dir_path =
        tenon_asprintf("%s/plugins/frontend-dockerfile/convert", top ? top : ".");
    auto_dir DIR *dir = opendir(dir_path);
    unsigned files = 0;

    ck_assert_msg(dir != NULL, "%s", dir_path);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        size_t len = strlen(e->d_name);
        if (len < 3 || strcmp(e->d_name + len - 2, ".c") != 0)
            continue;
        auto_free char *path = tenon_asprintf("%s/%s", dir_path, e->d_name);
        check_source(path);
        files++;
    }
    ck_assert_uint_gt(files, 30);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("df-options");
    TCase *t = tcase_create("options");
    tcase_add_loop_test(t, test_df_option_is_read, 0, tenon_countof(given));
    tcase_add_loop_test(t, test_df_option_means_no_more, 0, tenon_countof(unaffected));
    tcase_add_loop_test(t, test_df_option_wrong_value, 0, tenon_countof(wrong));
    tcase_add_test(t, test_df_option_two_platforms_without_multi_platform);
    tcase_add_test(t, test_df_option_none_is_forgotten);
    suite_add_tcase(s, t);
    return unit_run(s);
}
