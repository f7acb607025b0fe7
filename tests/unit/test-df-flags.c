/* Flags of instructions and keys of mounts: what each one changes in the graph
 * is there with it and not without it, and wrong ones have their message. */
#include "dfkit.h"
#include "unit.h"

static const struct dfkit_image images[] = {
    {"docker-image://docker.io/library/busybox:latest",
     "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},"
     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\"]}}"},
    {NULL, NULL},
};

#define HEAD "FROM busybox AS s\nRUN stage\nFROM busybox\n"
#define RUN_MOUNT HEAD "RUN --mount=type="
#define HEX64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* @ in the file is where the flag stands, or nothing. */
static const struct {
    const char *file, *flag, *a, *b;
} flags[] = {
    {"FROM @ busybox\nRUN a\n", "--platform=linux/arm64", "exec", "platform=linux/arm64"},
    {HEAD "COPY @ a /t\n", "--chown=1:2", "copy src=/a", "owner.user=1 owner.group=2"},
    {HEAD "COPY @ a /t\n", "--chown=:2", "copy src=/a", "owner.user=0 owner.group=2"},
    {HEAD "COPY @ a /t\n", "--chown=1:", "copy src=/a", "owner.user=1 owner.group=0"},
    {HEAD "COPY @ a /t\n", "--chown=app", "copy src=/a", "owner.user=app"},
    {HEAD "COPY @ a /t\n", "--chmod=640", "copy src=/a", "mode=416"},
    {HEAD "COPY @ a /t\n", "--chmod=7777", "copy src=/a", "mode=4095"},
    {HEAD "COPY @ a /t\n", "--chmod=0", "copy src=/a", "mode=0"},
    {HEAD "COPY @ a /t\n", "--chmod=u+x,go=rX", "copy src=/a", "mode_str=u+x,go=rX"},
    {HEAD "COPY @ a /t\n", "--chmod=u+x", "copy src=/a", "mode=0"},
    {HEAD "COPY @ a /t\n", "--link", "merge", NULL},
    {HEAD "COPY @ a /t\n", "--link=TRUE", "merge", NULL},
    {HEAD "COPY @ a /t\n", "--exclude=x", "copy src=/a", "exclude=x"},
    {HEAD "COPY @ a /t\n", "--exclude=x --exclude=y", "copy src=/a", "exclude=x exclude=y"},
    {HEAD "COPY @ a /t\n", "--from=s", "RUN stage", NULL},
    {HEAD "COPY @ a /t\n", "--from=0", "RUN stage", NULL},
    {HEAD "COPY @ a /t\n", "--parents", "copy src=/", "include=a required=/a"},
    {HEAD "COPY @ a/./b /t\n", "--parents", "copy src=/a", "include=b required=/a/b"},
    {HEAD "COPY <<@E /t\n\ta\n\t\tb\tc\nd\nE\n", "-", "mkfile path=/E", "data=a\nb\tc\nd\n"},
    {HEAD "ARG V=1\nCOPY <<E@ /t\n$V\nE\n", "''", "mkfile path=/E", "data=$V\n"},
    {HEAD "RUN <<@E\n\ta\n\t\tb\nE\n", "-", "exec args=/bin/sh args=-c args=a\nb\n", NULL},
    {HEAD "COPY @ <<E /t\n1\nE\n", "--chown=1:2", "copy src=/E", "owner.user=1 owner.group=2"},
    {HEAD "COPY @ <<E /t\n1\nE\n", "--chmod=600", "copy src=/E", "mode=384"},
    {HEAD "ADD @ a /t\n", "--chown=1:2", "copy src=/a", "owner.user=1 owner.group=2"},
    {HEAD "ADD @ a /t\n", "--chmod=640", "copy src=/a", "mode=416"},
    {HEAD "ADD @ a /t\n", "--link", "merge", NULL},
    {HEAD "ADD @ a /t\n", "--exclude=x", "copy src=/a", "exclude=x"},
    {HEAD "ADD @ https://h/f /t\n", "--unpack", "copy src=/f", "attempt_unpack=1"},
    {HEAD "ADD @ https://h/f /t\n", "--checksum=sha256:" HEX64, "https://h/f",
     "attr.http.checksum=sha256:" HEX64},
    {HEAD "ADD @ https://h/r.git /t\n", "--checksum=abcdef1", "git://h/r.git",
     "attr.git.checksum=abcdef1"},
    {HEAD "ADD @ https://h/r.git /t\n", "--keep-git-dir", "git://h/r.git",
     "attr.git.keepgitdir=true"},
    {HEAD "ADD https://h/r.git@ /t\n", "?ref=a", "git://h/r.git#a", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "?tag=a", "git://h/r.git#refs/tags/a", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "?branch=a", "git://h/r.git#refs/heads/a", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "?branch=refs/heads/a", "git://h/r.git#refs/heads/a", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "?subdir=d&ref=a", "git://h/r.git#a:d", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "?ref=a%2Fb+c", "git://h/r.git#a/b c", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "#a%2Fb+c:d", "git://h/r.git#a/b+c:d", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "?ref=a#a", "git://h/r.git#a", NULL},
    {HEAD "ADD https://h/r.git@ /t\n", "?commit=" HEX64, "git://h/r.git#" HEX64,
     "attr.git.checksum=" HEX64},
    {HEAD "ADD https://h/r.git@ /t\n", "?checksum=abcdef1", "git://h/r.git",
     "attr.git.checksum=abcdef1"},
    {HEAD "ADD https://h/r.git@ /t\n", "?submodules=0", "git://h/r.git",
     "attr.git.skipsubmodules=true"},
    {HEAD "ADD https://h/r.git@ /t\n", "?mtime=commit", "git://h/r.git", "attr.git.mtime=commit"},
    {HEAD "ADD https://h/r.git@ /t\n", "?fetch-by-commit", "git://h/r.git",
     "attr.git.fetchbycommit=true"},
    {HEAD "ADD https://h/r.git@ /t\n", "?keep-git-dir", "git://h/r.git",
     "attr.git.keepgitdir=true"},
    {HEAD "RUN @ a\n", "--network=none", "RUN --network=none a", "network=none"},
    {HEAD "RUN @ a\n", "--network=host", "RUN --network=host a", "network=host"},
    {HEAD "RUN @ a\n", "--security=insecure", "exec", "security=insecure"},
    {HEAD "RUN @ a\n", "--device=v.com/c=d", "device name=v.com/c=d", NULL},
    {HEAD "RUN @ a\n", "--device=v.com/c=d,required", "device name=v.com/c=d", "optional=0"},

    {"FROM busybox\n@\nWORKDIR /w\n", "USER 5:6", "mkdir path=/w", "owner.user=5 owner.group=6"},

    {RUN_MOUNT "bind,target=/m@ a\n", ",from=s", "RUN stage", NULL},
    {RUN_MOUNT "bind,from=s,target=/m@ a\n", ",source=/x", "dest=/m", "selector=/x"},
    {RUN_MOUNT "bind,from=s,target=/m@ a\n", ",rw", "dest=/m", "no_output=1"},
    {RUN_MOUNT "bind,from=s,target=/m@ a\n", ",rw=true", "dest=/m", "no_output=1"},
    {RUN_MOUNT "bind,from=s,target=/m@ a\n", ",readonly=false", "dest=/m", "no_output=1"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",id=i", "type=cache", "cache_id=/i"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",sharing=private", "type=cache", "cache_sharing=private"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",sharing=locked", "type=cache", "cache_sharing=locked"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",ro", "type=cache", "readonly=1"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",from=s", "RUN stage", NULL},
    {RUN_MOUNT "cache,target=/c,from=s@ a\n", ",source=/x", "type=cache", "selector=/x"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",mode=0700", "mkdir path=/cache mode=448", NULL},
    {RUN_MOUNT "cache,target=/c@ a\n", ",uid=5", "mkdir path=/cache", "owner.user=5 owner.group=0"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",gid=6", "mkdir path=/cache", "owner.user=0 owner.group=6"},
    {RUN_MOUNT "cache,target=/c@ a\n", ",uid=5,gid=6", "mkdir path=/cache",
     "owner.user=5 owner.group=6"},
    {RUN_MOUNT "secret,id=i@ a\n", ",target=/t", "type=secret", "dest=/t"},
    {RUN_MOUNT "secret,id=i@ a\n", ",required", "type=secret", "optional=0"},
    {RUN_MOUNT "secret,id=i@ a\n", ",mode=0440", "type=secret", "mode=288"},
    {RUN_MOUNT "secret,id=i@ a\n", ",uid=5", "type=secret", "uid=5 gid=0"},
    {RUN_MOUNT "secret,id=i@ a\n", ",gid=6", "type=secret", "uid=0 gid=6"},
    {RUN_MOUNT "secret,id=i@ a\n", ",env=E", "secretenv id=i name=E", "optional=1"},
    {RUN_MOUNT "secret,id=i@ a\n", ",env=E,required", "secretenv id=i name=E", "optional=0"},
    {RUN_MOUNT "ssh@ a\n", ",id=i", "type=ssh", "id=i"},
    {RUN_MOUNT "ssh@ a\n", ",target=/t", "type=ssh", "dest=/t"},
    {RUN_MOUNT "ssh@ a\n", ",required", "type=ssh", "optional=0"},
    {RUN_MOUNT "ssh@ a\n", ",mode=0666", "type=ssh", "mode=438"},
    {RUN_MOUNT "ssh@ a\n", ",uid=5", "type=ssh", "uid=5 gid=0"},
    {RUN_MOUNT "ssh@ a\n", ",gid=6", "type=ssh", "uid=0 gid=6"},
    {RUN_MOUNT "tmpfs,target=/t@ a\n", ",size=1m", "type=tmpfs", "tmpfs_size=1048576"},
    {RUN_MOUNT "tmpfs,target=/t@ a\n", ",ro", "type=tmpfs", "readonly=1"},
};

static int
run(const char *file, const char *flag)
{
    static struct dfkit_file files[] = {
        {"local://dockerfile", "Dockerfile", NULL},
        {"local://context", ".dockerignore", ""},
        {NULL, NULL, NULL},
    };
    static const char *const none[] = {NULL};
    static char text[1024];
    const char *at = strchr(file, '@');

    if (at)
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - file), file, flag, at + 1);
    else
        snprintf(text, sizeof text, "%s", file);
    files[0].text = text;
    return kit_run(files, images, none);
}

START_TEST(test_df_flag_is_read)
{
    ck_assert_msg(run(flags[_i].file, "") == 0, "without %s: %s", flags[_i].flag,
                  kit.err.message);
    ck_assert_msg(!kit_find(flags[_i].a, flags[_i].b), "without %s: %s", flags[_i].flag,
                  flags[_i].b ? flags[_i].b : flags[_i].a);
    ck_assert_msg(run(flags[_i].file, flags[_i].flag) == 0, "%s: %s", flags[_i].flag,
                  kit.err.message);
    ck_assert_msg(kit_find(flags[_i].a, flags[_i].b) != NULL, "%s: no %s", flags[_i].flag,
                  flags[_i].b ? flags[_i].b : flags[_i].a);
}
END_TEST

/* The same for the image's configuration. */
static const struct {
    const char *file, *flag, *config;
} configs[] = {
    {HEAD "HEALTHCHECK @ CMD x\n", "--interval=2s", "\"Interval\":2000000000"},
    {HEAD "HEALTHCHECK @ CMD x\n", "--interval=1ms", "\"Interval\":1000000"},
    {HEAD "HEALTHCHECK @ CMD x\n", "--timeout=3s", "\"Timeout\":3000000000"},
    {HEAD "HEALTHCHECK @ CMD x\n", "--start-period=4s", "\"StartPeriod\":4000000000"},
    {HEAD "HEALTHCHECK @ CMD x\n", "--start-interval=5s", "\"StartInterval\":5000000000"},
    {HEAD "HEALTHCHECK @ CMD x\n", "--retries=6", "\"Retries\":6"},
    {HEAD "HEALTHCHECK CMD x\n@\n", "HEALTHCHECK NONE", "\"Test\":[\"NONE\"]"},
    {HEAD "@\n", "EXPOSE 65535", "\"65535/tcp\":{}"},
    {HEAD "@\n", "EXPOSE 53/udp", "\"53/udp\":{}"},
    {HEAD "@\n", "EXPOSE 80-82", "\"82/tcp\":{}"},
    {HEAD "@\n", "STOPSIGNAL RTMAX-14", "\"StopSignal\":\"RTMAX-14\""},
    {HEAD "@\n", "STOPSIGNAL RTMIN+15", "\"StopSignal\":\"RTMIN+15\""},
    {HEAD "@\n", "STOPSIGNAL 9", "\"StopSignal\":\"9\""},
    {HEAD "@\n", "STOPSIGNAL 09", "\"StopSignal\":\"09\""},
    {HEAD "@\n", "STOPSIGNAL +5", "\"StopSignal\":\"+5\""},
    {HEAD "@\n", "STOPSIGNAL -1", "\"StopSignal\":\"-1\""},
    {HEAD "@\n", "STOPSIGNAL 9223372036854775807", "\"StopSignal\":\"9223372036854775807\""},
    {HEAD "@\n", "USER u:g", "\"User\":\"u:g\""},
    {HEAD "@\n", "WORKDIR /w", "\"WorkingDir\":\"/w\""},
    {HEAD "@\n", "VOLUME /v", "\"Volumes\":{\"/v\":{}}"},
    {HEAD "@\n", "LABEL a=b", "\"Labels\":{\"a\":\"b\"}"},
    {HEAD "@\n", "ENV A=b", "\"A=b\""},
    {HEAD "@\n", "CMD [\"c\"]", "\"Cmd\":[\"c\"]"},
    {HEAD "@\n", "ENTRYPOINT [\"e\"]", "\"Entrypoint\":[\"e\"]"},
    {HEAD "@\n", "SHELL [\"/s\"]", "\"Shell\":[\"/s\"]"},
    {HEAD "@\n", "ONBUILD RUN o", "\"OnBuild\":[\"RUN o\"]"},
    {HEAD "@\n", "MAINTAINER m", "\"author\":\"m\""},
};

START_TEST(test_df_flag_is_in_the_configuration)
{
    ck_assert_msg(run(configs[_i].file, "") == 0, "%s", kit.err.message);
    ck_assert_ptr_null(strstr(kit_result("containerimage.config"), configs[_i].config));
    ck_assert_msg(run(configs[_i].file, configs[_i].flag) == 0, "%s: %s", configs[_i].flag,
                  kit.err.message);
    ck_assert_msg(strstr(kit_result("containerimage.config"), configs[_i].config) != NULL,
                  "%s: %s", configs[_i].flag, kit_result("containerimage.config"));
}
END_TEST

static const struct {
    const char *line, *message;
} wrong[] = {
    {"COPY --chmod=10000 a /", "invalid chmod parameter: '10000'. it should be octal string "
                               "and between 0 and 07777"},
    {"COPY --chmod=8 a /", "invalid chmod parameter: '8'. it should be octal string and "
                           "between 0 and 07777"},
    {"COPY --chmod=u+q a /", "invalid syntax"},
    {"COPY --chmod=u a /", "invalid syntax"},
    {"COPY --chmod=u=r, a /", "invalid syntax"},
    {"COPY --chmod=-1 a /", "invalid syntax"},
    {"COPY --chown=1 --chown=2 a /", "duplicate flag specified: --chown"},
    {"COPY --link=yes a /", "expecting boolean value for flag --link, not: yes"},
    {"COPY --link= a /", "missing a value on flag: --link"},
    {"COPY --chown a /", "missing a value on flag: --chown"},
    {"COPY --form=x a /", "unknown flag: --form (did you mean from?)"},
    {"COPY --checksum=x a /", "unknown flag: --checksum"},
    {"ADD --from=x a /", "unknown flag: --from"},
    {"COPY a", "COPY requires at least two arguments, but only one was provided. Destination "
               "could not be determined"},
    {"COPY --from=2 a /", "invalid stage index 2"},
    {"COPY --from=-1 a /", "invalid stage index -1"},
    {"COPY https://h/r.git /t", "source can't be a git ref for COPY"},
    {"COPY https://h/f /t", "source can't be a URL for COPY"},
    {"ADD --checksum=x https://h/f /", "invalid checksum digest format"},
    {"ADD --checksum=sha256: https://h/f /", "invalid checksum digest format"},
    {"ADD --checksum=sha256:aaa https://h/f /", "invalid checksum digest length"},
    {"ADD --checksum=sha256:" HEX64 "a https://h/f /", "invalid checksum digest length"},
    {"ADD --checksum=sha512:" HEX64 " https://h/f /", "invalid checksum digest length"},
    {"ADD --checksum=sha256:g" HEX64 " https://h/f /", "invalid checksum digest length"},
    {"ADD --checksum=md5:" HEX64 " https://h/f /", "unsupported digest algorithm"},
    {"ADD --checksum=b https://h/r.git?checksum=a /", "checksum mismatch \"b\" != \"a\""},
    {"ADD --checksum=a https://h/r.git?checksum=b /", "checksum mismatch \"a\" != \"b\""},
    {"ADD --keep-git-dir=false https://h/r.git?keep-git-dir=true /",
     "inconsistent keep-git-dir configuration"},
    {"ADD https://h/r.git?ref=b#a /", "ref conflicts: \"a\" vs \"b\""},
    {"ADD https://h/r.git?ref=a&tag=a /", "ref conflicts: \"a\" vs \"refs/tags/a\""},
    {"ADD https://h/r.git?branch=a&tag=a /", "branch conflicts with tag"},
    {"ADD https://h/r.git?subdir=b#a:c /", "subdir conflicts: \"c\" vs \"b\""},
    {"ADD https://h/r.git?ref= /", "query \"ref\" has no value"},
    {"ADD https://h/r.git?submodules=maybe /", "invalid submodules value: \"maybe\""},
    {"ADD https://h/r.git?reff=a /", "unexpected query \"reff\""},
    {"RUN --network=wild a", "invalid network mode \"wild\""},
    {"RUN --security=none a", "security \"none\" is not valid"},
    {"RUN --mount=type=cache,target=/ a", "invalid mount target \"/\""},
    {"RUN --mount=type=tmpfs,target=/x/.. a", "invalid mount target \"/\""},
    {"RUN --mount=type=secret,id=i,from=s a", "secret mount should not have a from"},
    {"RUN --mount=type=secret,id=i,source=/x a", "both source and id can't be set"},
    {"RUN --mount=type=secret a", "invalid secret mount. one of source, target required"},
    {"RUN --mount=type=secret,id=i,sharing=locked a", "secret mount should not define sharing"},
    {"RUN --mount=type=bind,target=/m,mode=0700 a", "mode not allowed for \"bind\" type mounts"},
    {"RUN --mount=type=tmpfs,target=/m,uid=1 a", "uid not allowed for \"tmpfs\" type mounts"},
    {"RUN --mount=type=bind,target=/m,gid=1 a", "gid not allowed for \"bind\" type mounts"},
    {"RUN --mount=type=bind,target=/m,sharing=locked a",
     "invalid cache sharing set for bind mount"},
    {"RUN --mount=type=cache,target=/m,size=1m a", "unexpected key 'size' for mount type 'cache'"},
    {"RUN --mount=type=bind,target=/m,required a",
     "unexpected key 'required' for mount type 'bind'"},
    {"RUN --mount=type=bind,target=/m,rw=maybe a", "invalid value for rw: maybe"},
    {"RUN --mount=type=secret,id=i,mode=8 a", "invalid value 8 for mode"},
    {"RUN --mount=type=secret,id=i,uid=x a", "invalid value x for uid"},
    {"RUN --device=v.com/c=d,optional a", "invalid field 'optional' must be a key=value pair"},
    {"HEALTHCHECK --interval=999us CMD x", "Interval \"interval\" cannot be less than 1ms"},
    {"HEALTHCHECK --interval=5 CMD x", "time: missing unit in duration \"5\""},
    {"HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"},
    {"HEALTHCHECK --retries=2147483648 CMD x", "value out of range"},
    {"HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"},
    {"HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"},
    {"EXPOSE 65536", "invalid containerPort: 65536"},
    {"EXPOSE 82-80", "invalid containerPort: 82-80"},
    {"EXPOSE 80/icmp", "invalid proto: icmp"},
    {"STOPSIGNAL RTMAX-15", "invalid signal: RTMAX-15"},
    {"STOPSIGNAL RTMIN+16", "invalid signal: RTMIN+16"},
    {"STOPSIGNAL 0", "invalid signal: 0"},
    {"STOPSIGNAL -0", "invalid signal: -0"},
    {"STOPSIGNAL 0x5", "invalid signal: 0x5"},
    {"STOPSIGNAL 1_0", "invalid signal: 1_0"},
    {"STOPSIGNAL -", "invalid signal: -"},
    {"STOPSIGNAL 9223372036854775808", "invalid signal: 9223372036854775808"},
    {"VOLUME \"\"", "VOLUME specified can not be an empty string"},
    {"RUN --mount=type=cache,target=/c,sharing=some a", "unsupported sharing value \"some\""},
};

START_TEST(test_df_flag_wrong)
{
    auto_free char *file = tenon_asprintf(HEAD "%s\n", wrong[_i].line);

    ck_assert_msg(run(file, "") < 0, "%s", wrong[_i].line);
    ck_assert_msg(strstr(kit.err.message, wrong[_i].message) != NULL, "%s: \"%s\"",
                  wrong[_i].line, kit.err.message);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("df-flags");
    TCase *t = tcase_create("flags");
    tcase_add_loop_test(t, test_df_flag_is_read, 0, tenon_countof(flags));
    tcase_add_loop_test(t, test_df_flag_is_in_the_configuration, 0, tenon_countof(configs));
    tcase_add_loop_test(t, test_df_flag_wrong, 0, tenon_countof(wrong));
    suite_add_tcase(s, t);
    return unit_run(s);
}
