/* test-df-instructions - stages, commands, their errors and warnings. */
#include "unit.h"

#include "language/instructions.h"

struct seen {
    struct df_arena *arena;
    const char *text; /* "Rule@line " each */
};

static void
warn(void *data, const struct df_rule_info *rule, const char *message,
     struct df_lines lines)
{
    struct seen *s = data;
    ck_assert_uint_gt(strlen(message), 0);
    s->text = df_arena_printf(s->arena, "%s%s@%zu ", s->text, rule->name, lines.first);
}

static const struct df_instructions *
parse(struct df_arena *a, const char *text, struct df_linter *lint,
      struct df_problems *problems)
{
    const struct df_file *f = df_file_parse(a, text, strlen(text), problems);
    return f ? df_instructions_parse(a, f, lint, problems) : NULL;
}

static const struct {
    const char *text, *message; /* without "dockerfile parse error on line N: " */
    size_t line;
} errors[] = {
    {"FROM a b", "FROM requires either one or three arguments", 1},
    {"FROM a AS", "FROM requires either one or three arguments", 1},
    {"FROM a AS 1st", "invalid name for build stage: \"1st\", name can't start with a number or contain symbols", 1},
    {"FROM a AS a+b", "invalid name for build stage: \"a+b\", name can't start with a number or contain symbols", 1},
    {"FROM --arch=x a", "unknown flag: --arch", 1},
    {"FROM a\nCOPY a", "COPY requires at least two arguments, but only one was provided. Destination could not be determined", 2},
    {"FROM a\nCOPY --chonw=x a b", "unknown flag: --chonw (did you mean chown?)", 2},
    {"FROM a\nCOPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe", 2},
    {"FROM a\nCOPY --link= a b", "missing a value on flag: --link", 2},
    {"FROM a\nCOPY --chown a b", "missing a value on flag: --chown", 2},
    {"FROM a\nCOPY --from=a --from=b a b", "duplicate flag specified: --from", 2},
    {"FROM a\nADD --from=x a b", "unknown flag: --from", 2},
    {"FROM a\nCOPY x <<E\nE\n", "COPY cannot accept a heredoc as a destination", 2},
    {"FROM a\nRUN --mnt=x y", "unknown flag: --mnt (did you mean mount?)", 2},
    {"FROM a\nRUN --mount=from=$X,target=/ y", "'from' doesn't support variable expansion, define alias stage instead", 2},
    {"FROM a\nRUN --network=lan y", "invalid network mode \"lan\"", 2},
    {"FROM a\nRUN --security=none y", "security \"none\" is not valid", 2},
    {"FROM a\nWORKDIR", "WORKDIR requires exactly one argument", 2},
    {"FROM a\nUSER", "USER requires exactly one argument", 2},
    {"FROM a\nLABEL", "LABEL requires at least one argument", 2},
    {"FROM a\nLABEL =x", "LABEL names can not be blank", 2},
    {"FROM a\nARG =x", "ARG names can not be blank", 2},
    {"FROM a\nSHELL sh -c", "SHELL requires the arguments to be in JSON form", 2},
    {"FROM a\nSHELL []", "SHELL requires at least one argument", 2},
    {"FROM a\nEXPOSE", "EXPOSE requires at least one argument", 2},
    {"FROM a\nVOLUME [\" \"]", "VOLUME specified can not be an empty string", 2},
    {"FROM a\nVOLUME", "VOLUME requires at least one argument", 2},
    {"FROM a\nONBUILD", "ONBUILD requires at least one argument", 2},
    {"FROM a\nONBUILD ONBUILD COPY a b", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", 2},
    {"FROM a\nONBUILD from b", "FROM isn't allowed as an ONBUILD trigger", 2},
    {"FROM a\nHEALTHCHECK", "HEALTHCHECK requires at least one argument", 2},
    {"FROM a\nHEALTHCHECK WHAT x", "Unknown type \"WHAT\" in HEALTHCHECK (try CMD)", 2},
    {"FROM a\nHEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments", 2},
    {"FROM a\nHEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD", 2},
    {"FROM a\nHEALTHCHECK --interval=soon CMD x", "time: invalid duration \"soon\"", 2},
    {"FROM a\nHEALTHCHECK --interval=5 CMD x", "time: missing unit in duration \"5\"", 2},
    {"FROM a\nHEALTHCHECK --interval=5d CMD x", "time: unknown unit \"d\" in duration \"5d\"", 2},
    {"FROM a\nHEALTHCHECK --interval=1us CMD x", "Interval \"interval\" cannot be less than 1ms", 2},
    {"FROM a\nHEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)", 2},
    {"FROM a\nHEALTHCHECK --retries=x CMD x", "strconv.ParseInt: parsing \"x\": invalid syntax", 2},
    {"FROM a\n\n\nRUNN x", "unknown instruction: RUNN (did you mean RUN?)", 4},
    {"FROM a\nFROBNICATE x", "unknown instruction: FROBNICATE", 2},
    {"FROM a AS a\x7f", "invalid name for build stage: \"a\\x7f\", name can't start with a number or contain symbols", 1},
    {"FROM a\nrunn x", "unknown instruction: runn (did you mean run?)", 2},
    {"FROM a\nNONSENSE x", "unknown instruction: NONSENSE", 2},
};

START_TEST(test_instructions_error_table_matches)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    ck_assert_ptr_null(parse(&a, errors[_i].text, NULL, &p));
    ck_assert_uint_eq(p.len, 1);
    ck_assert_str_eq(p.items[0].message,
                     df_arena_printf(&a, "dockerfile parse error on line %zu: %s",
                                     errors[_i].line, errors[_i].message));
    ck_assert_uint_eq(p.items[0].lines.first, errors[_i].line);
}
END_TEST

START_TEST(test_instructions_command_before_from_is_refused)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    ck_assert_ptr_null(parse(&a, "ARG a\nRUN x\nFROM a", NULL, &p));
    ck_assert_str_eq(p.items[0].message, "no build stage in current context");
}
END_TEST

static const struct {
    const char *text, *want;
} lints[] = {
    {"FROM a AS b\nRUN x\n", ""},
    {"FROM a as Upper\n", "StageNameCasing@1 FromAsCasing@1 "},
    {"from a AS b\n", "FromAsCasing@1 "},
    {"FROM a\nrun x\nRUN y\nEnv a=b\n",
     "ConsistentInstructionCasing@2 ConsistentInstructionCasing@4 "},
    {"FROM a AS one\nFROM b AS two\nFROM c AS one\n", "DuplicateStageName@3 "},
    {"FROM a AS context\nFROM a AS scratch\n", "ReservedStageName@1 ReservedStageName@2 "},
    {"FROM a\nMAINTAINER me\n", "MaintainerDeprecated@2 "},
    {"FROM a\nRUN a \\\n\n b\n", "NoEmptyContinuation@4 "},
    {"# check=skip=StageNameCasing, FromAsCasing\nFROM a as Upper\n", "FromAsCasing@2 "},
    {"# check=skip=all\nFROM a as Upper\nMAINTAINER me\n", ""},
    {"FROM a\n# check=skip=MaintainerDeprecated\nMAINTAINER me\nMAINTAINER you\n",
     "MaintainerDeprecated@4 "},
    {"# no name\nFROM a AS one\n", ""},
    {"# check=experimental=all\n\n# V it\nARG V=1\n# words\nARG O=1\n# one: x\n"
     "FROM a AS one\n# gap\n\nFROM a AS two\n# not\n#\nFROM a AS three\n",
     "InvalidDefinitionDescription@6 InvalidDefinitionDescription@8 "
     "InvalidDefinitionDescription@11 "},
};

START_TEST(test_instructions_lint_table_matches)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    struct seen seen = {.arena = &a, .text = ""};
    struct df_linter lint = {.warn = warn, .data = &seen};
    struct df_directive d;
    const char *message, *text = lints[_i].text;

    /* The directive ends at a blank, as in BuildKit. */
    if (df_directive_find(&a, text, strlen(text), "check", &d))
        ck_assert(df_lint_config_parse(&a, d.value, &lint.config, &message));
    ck_assert_ptr_nonnull(parse(&a, text, &lint, &p));
    ck_assert_str_eq(seen.text, lints[_i].want);
}
END_TEST

START_TEST(test_instructions_lint_errors_are_listed_in_order)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    struct seen seen = {.arena = &a, .text = ""};
    struct df_linter lint = {.warn = warn, .data = &seen};
    const char *message;
    ck_assert(df_lint_config_parse(&a, " error=true ; skip=X", &lint.config, &message));
    ck_assert_ptr_nonnull(parse(&a, "FROM a as Upper\nFROM b as Other", &lint, &p));
    ck_assert_str_eq(df_lint_error(&a, &lint),
                     "lint violation found for rules: StageNameCasing, FromAsCasing");
    ck_assert(!df_lint_config_parse(&a, "what", &lint.config, &message));
    ck_assert_str_eq(message, "invalid check option \"what\"");
}
END_TEST

START_TEST(test_instructions_stage_has_its_parts)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    const struct df_instructions *all = parse(
        &a, "# V the version\nARG V=1 W\n# base does it\n"
            "FROM --platform=$BUILDPLATFORM x:$V AS Base\n"
            "COPY --from=y --link --exclude=*.o --exclude=*.a <<E a /b/\nhi\nE\n"
            "ADD --unpack=false --keep-git-dir x y\nEXPOSE 90 80\n"
            "HEALTHCHECK --interval=1m30s --retries=3 CMD [\"x\", \"y\"]\n"
            "ENTRYPOINT a  b\nonbuild  run <<E\n x\nE\n",
        NULL, &p);
    ck_assert_ptr_nonnull(all);
    ck_assert_uint_eq(all->meta_args_len, 1);
    ck_assert_str_eq(all->meta_args[0]->pairs.items[0].comment, "the version");
    ck_assert_ptr_null(all->meta_args[0]->pairs.items[1].value);

    const struct df_stage *s = &all->stages[0];
    ck_assert_str_eq(s->name, "base");
    ck_assert_str_eq(s->base, "x:$V");
    ck_assert_str_eq(s->platform, "$BUILDPLATFORM");
    ck_assert_str_eq(s->comment, "does it");
    ck_assert_uint_eq(s->len, 6);

    const struct df_copy *c = &s->commands[0]->copy;
    ck_assert_str_eq(c->from, "y");
    ck_assert(c->link && !c->parents);
    ck_assert_uint_eq(c->exclude.len, 2);
    ck_assert_str_eq(c->sources.items[0], "a");
    ck_assert_str_eq(c->contents[0].data, "hi\n");
    ck_assert_str_eq(c->dest, "/b/");
    ck_assert_int_eq(s->commands[1]->copy.unpack, 0);
    ck_assert_int_eq(s->commands[1]->copy.keep_git_dir, 1);
    ck_assert_str_eq(s->commands[2]->words.items[0], "80");
    ck_assert_int_eq(s->commands[3]->health.interval_ns / 1000000000, 90);
    ck_assert_str_eq(s->commands[3]->health.test.items[0], "CMD");
    ck_assert(s->commands[4]->line.shell);
    ck_assert_str_eq(s->commands[4]->line.args.items[0], "a  b");
    ck_assert_str_eq(s->commands[5]->text, "run <<E\n x\nE");

    const struct df_command *t =
        df_trigger_parse(&a, s->commands[5]->text, s->lines, &p);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->kind, DF_RUN);
    ck_assert_str_eq(t->run.line.files[0].content, " x\n");
    ck_assert_ptr_null(df_trigger_parse(&a, "RUN a\nRUN b", s->lines, &p));
}
END_TEST

static const char *
expand(void *data, const char *word, const char **message)
{
    (void)data;
    if (strcmp(word, "$bad") == 0) {
        *message = "bad word";
        return NULL;
    }
    return strcmp(word, "$x") == 0 ? "value" : word;
}
static const struct df_expander expander = {.expand = expand};

/* Mounts: "type from source target id ro required sharing mode". */
static const struct {
    const char *text, *want;
} mounts[] = {
    {"target=/x", "bind,,,/x,,ro,0,0,-1"},
    {"type=bind,source=/a,\"target=/x,y\",rw", "bind,,/a,/x,y,,rw,0,0,-1"},
    {"type=cache,target=$x,id=$x,sharing=LOCKED,mode=0755", "cache,,,value,value,rw,0,3,493"},
    {"TYPE=tmpfs,dst=/t,size=10m", "tmpfs,,,/t,,rw,0,0,-1"},
    {"type=secret,id=k,required,uid=7", "secret,,,,k,ro,1,0,-1"},
    {"type=ssh,required=true,mode=600", "ssh,,,,,ro,1,0,384"},
    {"type=bind,from=st,target=/x,ro=false", "bind,st,,/x,,rw,0,0,-1"},
    {"type=strange,target=/x,foo=bar,baz", "strange,,,/x,,rw,0,0,-1"},
    {"type=cache,target=/x,mode=9", "!invalid value 9 for mode"},
    {"type=cache,target=/x,sharing=always", "!unsupported sharing value \"always\""},
    {"type=cache,target=/x,sharing=lokced", "!unsupported sharing value \"lokced\" (did you mean locked?)"},
    {"target=/x,nosuch=1", "!unexpected key 'nosuch' in 'nosuch=1'"},
    {"target=/x,tagret=1", "!unexpected key 'tagret' in 'tagret=1' (did you mean target?)"},
    {"target=/x,what", "!invalid field 'what' must be a key=value pair"},
    {"target=/x,required", "!unexpected key 'required' for mount type 'bind'"},
    {"type=bind,target=/x,uid=1", "!uid not allowed for \"bind\" type mounts"},
    {"type=secret", "!invalid secret mount. one of source, target required"},
    {"type=secret,source=a,id=b", "!both source and id can't be set"},
    {"type=tmpfs,target=/x,sharing=shared", "!invalid cache sharing set for tmpfs mount"},
    {"type=bind,target=$bad", "!bad word"},
    {"size=1", "!unexpected key 'size' for mount type 'bind'"},
};

START_TEST(test_instructions_mount_table_matches)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    char *texts[] = {(char *)mounts[_i].text};
    struct df_command run = {
        .kind = DF_RUN, .lines = {3, 4}, .run.mount_texts = {texts, 1}};
    struct df_mount *m;
    size_t n;
    const char *got;

    if (!df_run_mounts(&a, &run, &expander, &m, &n, &p)) {
        got = df_arena_printf(&a, "!%s", p.items[0].message);
        ck_assert_uint_eq(p.items[0].lines.last, 4);
    } else {
        got = df_arena_printf(&a, "%s,%s,%s,%s,%s,%s,%d,%d,%d", m->type_name,
                              m->from, m->source, m->target, m->id,
                              m->read_only ? "ro" : "rw", m->required,
                              (int)m->sharing, (int)m->mode);
    }
    ck_assert_str_eq(got, mounts[_i].want);
}
END_TEST

START_TEST(test_instructions_mount_of_other_type_keeps_its_keys)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    char *texts[] = {(char *)"type=strange,Foo=$x,baz"};
    struct df_command run = {.kind = DF_RUN, .run.mount_texts = {texts, 1}};
    struct df_mount *m;
    size_t n;
    ck_assert(df_run_mounts(&a, &run, &expander, &m, &n, &p));
    ck_assert_int_eq(m->type, DF_MOUNT_OTHER);
    ck_assert_uint_eq(m->keys.len, 3);
    ck_assert_str_eq(m->keys.items[1].key, "foo");
    ck_assert_str_eq(m->keys.items[1].value, "value");
    ck_assert_ptr_null(m->keys.items[2].value);
    ck_assert_str_eq(df_mount_type_unknown(&a, "strange"),
                     "unsupported mount type \"strange\"");
    ck_assert_str_eq(df_mount_type_unknown(&a, "chace"),
                     "unsupported mount type \"chace\" (did you mean cache?)");
}
END_TEST

START_TEST(test_instructions_expand_gives_a_copy)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    const struct df_instructions *all = parse(
        &a, "FROM a\nENV a=$x b=c\nWORKDIR $x\nRUN --network=$x y\nCOPY --from=$x a b\n"
            "USER $bad\nCMD $x\n",
        NULL, &p);
    const struct df_command *const *c = all->stages[0].commands;
    const struct df_command *e = df_command_expand(&a, c[0], &expander, &p);
    ck_assert_str_eq(e->pairs.items[0].value, "value");
    ck_assert_str_eq(c[0]->pairs.items[0].value, "$x");
    ck_assert_str_eq(df_command_expand(&a, c[1], &expander, &p)->text, "value");
    ck_assert_ptr_null(df_command_expand(&a, c[2], &expander, &p));
    ck_assert_str_eq(p.items[0].message, "invalid network mode \"value\"");
    ck_assert_ptr_null(df_command_expand(&a, c[3], &expander, &p));
    ck_assert(strstr(p.items[1].message, "variable expansion is not supported for --from"));
    ck_assert_ptr_null(df_command_expand(&a, c[4], &expander, &p));
    ck_assert_ptr_eq(df_command_expand(&a, c[5], &expander, &p), c[5]);
}
END_TEST

static const struct {
    const char *word, *want;
} ports[] = {
    {"80", "80/tcp "},
    {"80/UDP", "80/udp ExposeProtoCasing"},
    {"8080:80", "80/tcp ExposeInvalidFormat"},
    {"127.0.0.1:80:80", "80/tcp ExposeInvalidFormat"},
    {"[::1]:8080:80", "80/tcp ExposeInvalidFormat"},
    {"7000-7002/sctp", "7000/sctp 7001/sctp 7002/sctp "},
    {"http", "!invalid containerPort: http"},
    {"70000", "!invalid containerPort: 70000"},
    {"9-8", "!invalid containerPort: 9-8"},
    {"80/what", "!invalid port: \"80/what\": invalid proto: what"},
    {"/tcp", "!invalid port: \"/tcp\": no port specified"},
    {"x:80", "!invalid hostPort: x"},
    {"1.2.3:80:80", "!invalid IP address: 1.2.3"},
    {"1-3:80-81", "!invalid ranges specified for container and host Ports: 80-81 and 1-3"},
};

START_TEST(test_instructions_port_table_matches)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct seen seen = {.arena = &a, .text = ""};
    struct df_linter lint = {.warn = warn, .data = &seen};
    struct df_command expose = {.kind = DF_EXPOSE, .lines = {1, 1}};
    char *words[] = {(char *)ports[_i].word};
    struct df_strings list = {0};
    const char *message, *got = "";
    if (!df_ports_parse(&a, &expose, words, 1, &lint, NULL, &list, &message))
        got = df_arena_printf(&a, "!%s", message);
    for (size_t i = 0; i < list.len; i++)
        got = df_arena_printf(&a, "%s%s ", got, list.items[i]);
    if (*got != '!')
        got = df_arena_printf(&a, "%s%.*s", got, (int)strcspn(seen.text, "@"), seen.text);
    ck_assert_str_eq(got, ports[_i].want);
}
END_TEST

/* Each text takes as many words as it has places for; df_lint_format() asserts it. */
START_TEST(test_instructions_rules_are_whole)
{
    static const char page[] = "https://docs.docker.com/go/dockerfile/rule/";
    auto_df_arena struct df_arena a = DF_ARENA_INIT;

    for (int rule = 0; rule < DF_RULE_COUNT; rule++) {
        const struct df_rule_info *r = df_rule_info((enum df_rule)rule);
        const char *words[8] = {NULL}, *text;
        size_t n = 0;
        for (const char *p = r->text; *p; p++)
            if (*p == '%')
                words[n++] = "word";
        text = df_lint_format(&a, (enum df_rule)rule, words);
        ck_assert_msg(!strchr(text, '%'), "%s: %s", r->name, text);
        ck_assert_msg(*r->description && (!*r->url || strncmp(r->url, page, strlen(page)) == 0),
                      "%s", r->name);
        for (int other = 0; other < rule; other++)
            ck_assert_str_ne(r->name, df_rule_info((enum df_rule)other)->name);
    }
}
END_TEST

START_TEST(test_instructions_secret_names_are_known)
{
    ck_assert(df_lint_is_secret_name("API_KEY"));
    ck_assert(df_lint_is_secret_name("token"));
    ck_assert(df_lint_is_secret_name("MY_Password_2"));
    ck_assert(!df_lint_is_secret_name("MONKEY"));
    ck_assert(!df_lint_is_secret_name("PUBLIC_KEY"));
    ck_assert(!df_lint_is_secret_name(""));
}
END_TEST

START_TEST(test_instructions_many_lines_are_linear)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems p = {0};
    struct seen seen = {.arena = &a, .text = ""};
    struct df_linter lint = {.warn = warn, .data = &seen};
    auto_buf struct tenon_buf b = TENON_BUF_INIT;
    for (int i = 0; i < 20000; i++)
        tenon_buf_addf(&b, "FROM a AS s%d\nRUN --mount=target=/x <<E\nx\nE\n", i);
    const struct df_instructions *all = parse(&a, b.data, &lint, &p);
    ck_assert_ptr_nonnull(all);
    ck_assert_uint_eq(all->stages_len, 20000);
}
END_TEST

#define COUNT(t) (int)(sizeof(t) / sizeof *(t))

int
main(void)
{
    Suite *s = suite_create("df-instructions");
    TCase *t = tcase_create("instructions");
    tcase_add_loop_test(t, test_instructions_error_table_matches, 0, COUNT(errors));
    tcase_add_test(t, test_instructions_command_before_from_is_refused);
    tcase_add_loop_test(t, test_instructions_lint_table_matches, 0, COUNT(lints));
    tcase_add_test(t, test_instructions_lint_errors_are_listed_in_order);
    tcase_add_test(t, test_instructions_stage_has_its_parts);
    tcase_add_loop_test(t, test_instructions_mount_table_matches, 0, COUNT(mounts));
    tcase_add_test(t, test_instructions_mount_of_other_type_keeps_its_keys);
    tcase_add_test(t, test_instructions_expand_gives_a_copy);
    tcase_add_loop_test(t, test_instructions_port_table_matches, 0, COUNT(ports));
    tcase_add_test(t, test_instructions_rules_are_whole);
    tcase_add_test(t, test_instructions_secret_names_are_known);
    tcase_add_test(t, test_instructions_many_lines_are_linear);
    suite_add_tcase(s, t);
    return unit_run(s);
}
