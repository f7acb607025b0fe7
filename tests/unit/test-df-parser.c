/* test-df-parser - lines, directives and here-documents of build files. */
#include <malloc.h>

#include "language/instructions.h"
#include "language/parser.h"
#include "unit.h"

/* A whole file as text: each node "value [flags] |arg|arg|", one a line. */
static const char *
dump(struct df_arena *a, const char *text, size_t len)
{
    struct df_problems problems = {0};
    const struct df_file *f = df_file_parse(a, text, len, &problems);
    if (!f)
        return df_arena_printf(a, "!%s @%zu-%zu", problems.items[0].message,
                               problems.items[0].lines.first,
                               problems.items[0].lines.last);
    const char *out = "";
    for (size_t i = 0; i < f->len; i++) {
        const struct df_node *n = &f->nodes[i];
        out = df_arena_printf(a, "%s%zu-%zu %s", out, n->lines.first,
                              n->lines.last, n->value);
        for (size_t k = 0; k < n->flags_len; k++)
            out = df_arena_printf(a, "%s %s", out, n->flags[k]);
        out = df_arena_printf(a, "%s %s", out, n->json ? "[" : "|");
        for (size_t k = 0; k < n->args_len; k++)
            out = df_arena_printf(a, "%s%s|", out, n->args[k]);
        for (size_t k = 0; k < n->heredocs_len; k++)
            out = df_arena_printf(a, "%s <<%s%s=%s", out, n->heredocs[k].name,
                                  n->heredocs[k].expand ? "" : "'",
                                  n->heredocs[k].content);
        out = df_arena_printf(a, "%s\n", out);
    }
    return out;
}

static const struct {
    const char *text, *want;
} files[] = {
    {"FROM a\n", "1-1 FROM |a|\n"},
    {"from a as b", "1-1 from |a|as|b|\n"},
    {"\xef\xbb\xbf" "FROM a\r\nENV A=b\r\nRUN x \\\r\n  y\r\n",
     "1-1 FROM |a|\n2-2 ENV |A|b|\n3-4 RUN |x   y|\n"},
    {"FROM a\nRUN a \\\n# no\n\n  b \\  \n c", "1-1 FROM |a|\n2-6 RUN |a   b  c|\n"},
    {"RUN a \\\\\nCMD b", "1-1 RUN |a \\\\|\n2-2 CMD |b|\n"},
    {"RUN a \\", "1-1 RUN |a|\n"},
    {"# escape=`\nRUN a `\n b\nENV x=c:\\\n", "2-3 RUN |a  b|\n4-4 ENV |x|c:\\|\n"},
    {"# plain\n# escape=`\nRUN a \\\n b\n", "3-4 RUN |a  b|\n"},
    {"# ESCAPE = ` \nRUN a `\n b\n", "2-3 RUN |a  b|\n"},
    {"# escape=x\nFROM a", "!invalid escape token 'x' does not match ` or \\ @1-1"},
    {"# escape=\\\n# escape=`\nFROM a",
     "!only one escape parser directive can be used @1-2"},
    {"", "!file with no instructions @0-0"},
    {"# only\n\n", "!file with no instructions @2-2"},
    {"ENV a", "!ENV must have two arguments @1-1"},
    {"ENV a=1 b", "!Syntax error - can't find = in \"b\". Must be of the form: name=value @1-1"},
    {"ENV a b  c d", "1-1 ENV |a|b  c d|\n"},
    {"ENV A=\"a b\" B='c d' C=e\\ f G=a\"b c\"d'e f'",
     "1-1 ENV |A|\"a b\"|B|'c d'|C|e\\ f|G|a\"b c\"d'e f'|\n"},
    {"CMD [\"a\", \"b\\u0041\"]", "1-1 CMD [a|bA|\n"},
    {"CMD [\"a\", 'b']", "1-1 CMD |[\"a\", 'b']|\n"},
    {"CMD [ ]", "1-1 CMD [\n"},
    {"CMD [\"a\",]", "1-1 CMD |[\"a\",]|\n"},
    {"CMD [\"a\", 1]",
     "!when using JSON array syntax, arrays must be comprised of strings only @1-1"},
    {"CMD [\"\\ud83d\\ude00\"]", "1-1 CMD [\xf0\x9f\x98\x80|\n"},
    {"CMD [\"\\ud83d\", \"\\ude00x\", \"\\ud83d\\u0041\"]",
     "1-1 CMD [\xef\xbf\xbd|\xef\xbf\xbdx|\xef\xbf\xbd" "A|\n"},
    {"CMD [\"\\/b\\\\\\\"\\t\\u00e4\"]", "1-1 CMD [/b\\\"\t\xc3\xa4|\n"},
    {"CMD [\"a\tb\"]", "1-1 CMD |[\"a\tb\"]|\n"},
    {"CMD [\"a\\x\"]", "1-1 CMD |[\"a\\x\"]|\n"},
    {"CMD [\"a\\u12\"]", "1-1 CMD |[\"a\\u12\"]|\n"},
    {"CMD [\"a\"] b", "1-1 CMD |[\"a\"] b|\n"},
    {"CMD [\"a\"]]", "1-1 CMD |[\"a\"]]|\n"},
    {"CMD [\"a\", 01]", "1-1 CMD |[\"a\", 01]|\n"},
    {"CMD [\"a\", 1.]", "1-1 CMD |[\"a\", 1.]|\n"},
    {"CMD [\"a\", -]", "1-1 CMD |[\"a\", -]|\n"},
    {"CMD [\"a\", 1e]", "1-1 CMD |[\"a\", 1e]|\n"},
    {"CMD [\"a\", tru]", "1-1 CMD |[\"a\", tru]|\n"},
    {"CMD [\"a\", {\"b\":}]", "1-1 CMD |[\"a\", {\"b\":}]|\n"},
    {"CMD [\"a\" \"b\"]", "1-1 CMD |[\"a\" \"b\"]|\n"},
    {"CMD []", "1-1 CMD [\n"},
    {"\xc2\xa0" "CMD\tx\xe2\x80\x83", "1-1 CMD |x|\n"},
    {"ENV A='a\\' B=c", "1-1 ENV |A|'a\\'|B|c|\n"},
    {"ENV A=\"a\\\" B=c\" D=e", "1-1 ENV |A|\"a\\\" B=c\"|D|e|\n"},
    {"ENV A\tb  c", "1-1 ENV |A|b  c|\n"},
    {"HEALTHCHECK CMD a  b", "1-1 HEALTHCHECK |CMD|a  b|\n"},
    {"COPY --chown=a\\ b x /y", "1-1 COPY --chown=a b |x|/y|\n"},
    {"VOLUME [\"/a b\"]", "1-1 VOLUME [/a b|\n"},
    {"COPY --from=x  --chown=\"a b\"\t-- --odd /y",
     "1-1 COPY --from=x --chown=a b |--odd|/y|\n"},
    {"RUN --mount=type=cache,target=/c --network=none x --y",
     "1-1 RUN --mount=type=cache,target=/c --network=none |x --y|\n"},
    {"HEALTHCHECK --retries=3 CMD [\"a\"]", "1-1 HEALTHCHECK --retries=3 [CMD|a|\n"},
    {"ONBUILD COPY a b", "1-1 ONBUILD |COPY|a|b|\n"},
    {"NONSENSE a b", "1-1 NONSENSE |\n"},
    {"RUN <<EOF\nx\nEOF\nCMD y", "1-3 RUN |<<EOF| <<EOF=x\n\n4-4 CMD |y|\n"},
    {"RUN <<-\"E F\"\n\tx\n\tE F\n", "1-3 RUN |<<-\"E F\"| <<E F'=\tx\n\n"},
    {"COPY <<a <<'b' /d/\n1\na\n2\nb\n", "1-5 COPY |<<a|<<'b'|/d/| <<a=1\n <<b'=2\n\n"},
    {"ONBUILD RUN <<E\nx\nE\n", "1-3 ONBUILD |RUN|<<E| <<E=x\n\n"},
    {"RUN [\"<<EOF\"]\nCMD x", "1-1 RUN [<<EOF|\n2-2 CMD |x|\n"},
    {"RUN echo $((1<<2))\nCMD x", "1-1 RUN |echo $((1<<2))|\n2-2 CMD |x|\n"},
    {"RUN echo \"$(( 1 << 3 ))\"\n", "1-1 RUN |echo \"$(( 1 << 3 ))\"|\n"},
    {"RUN echo $(( 1 << 2 ))\n", "!unterminated heredoc @1-1"},
    {"CMD <<EOF\nx\n", "1-1 CMD |<<EOF|\n2-2 x |\n"},
    /* what only looks like the end: indented, longer, shorter, with a blank */
    {"RUN <<EOF\n\tEOF\nEOFX\nEO\nEOF \nEOF\n",
     "1-6 RUN |<<EOF| <<EOF=\tEOF\nEOFX\nEO\nEOF \n\n"},
    {"RUN <<-EOF\n\t\tx\n\ty\n\t\tEOF\n", "1-4 RUN |<<-EOF| <<EOF=\t\tx\n\ty\n\n"},
    {"RUN <<-EOF\n EOF\n\tEOF\n", "1-3 RUN |<<-EOF| <<EOF= EOF\n\n"},
    {"RUN cat <<A 3<<B\na\nA\nb\nB\n", "1-5 RUN |cat <<A 3<<B| <<A=a\n <<B=b\n\n"},
};

START_TEST(test_parser_file_table_matches)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    const char *text = files[_i].text;
    ck_assert_str_eq(dump(&a, text, strlen(text)), files[_i].want);
}
END_TEST

START_TEST(test_parser_long_line_is_refused)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    char *text = df_arena_alloc(&a, 70001);
    memset(text, 'x', 70000);
    memcpy(text, "RUN ", 4);
    ck_assert(strstr(dump(&a, text, 70000), "greater than max allowed size of 65535"));
    text[65535] = '\n';
    ck_assert_int_ne(*dump(&a, text, 65536), '!');
}
END_TEST

START_TEST(test_parser_nul_is_refused_but_not_in_heredoc)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    static const char bad[] = "RUN a\0b\n", good[] = "COPY <<E /x\na\0b\nE\n";
    struct df_problems problems = {0};
    ck_assert_int_eq(*dump(&a, bad, sizeof bad - 1), '!');
    const struct df_file *f = df_file_parse(&a, good, sizeof good - 1, &problems);
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(f->nodes[0].heredocs[0].len, 4);
}
END_TEST

static const struct {
    const char *text, *want; /* NULL: none */
    size_t line;
} syntaxes[] = {
    {"# syntax=a/b:1 extra\n", "a/b:1", 1},
    {"#!/bin/x\n# syntax = a\nFROM b", "a", 2},
    {"\xef\xbb\xbf#syntax=a", "a", 1},
    {"# escape=`\r\n# syntax=a\r\n", "a", 2},
    {"// syntax=a\n{}", "a", 1},
    {"{ \"syntax\": \"a\", \"b\": [1] }\n", "a", 1},
    {"{ \"syntax\": 1 }\n", NULL, 0},
    {"# foo=bar\n# syntax=a\n", NULL, 0},
    {"FROM a\n# syntax=a\n", NULL, 0},
    {"\n# syntax=a\n", NULL, 0},
    {"", NULL, 0},
};

START_TEST(test_parser_syntax_detect_table_matches)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_directive d;
    bool found = df_syntax_detect(&a, syntaxes[_i].text, strlen(syntaxes[_i].text), &d);
    ck_assert_int_eq(found, syntaxes[_i].want != NULL);
    if (found) {
        ck_assert_str_eq(d.value, syntaxes[_i].want);
        ck_assert_uint_eq(d.lines.first, syntaxes[_i].line);
    }
}
END_TEST

START_TEST(test_parser_comments_belong_to_the_next_node)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    static const char text[] =
        "# check=skip=all\n# lost\n#\n# one two\nARG one\nFROM a\n";
    struct df_problems problems = {0};
    const struct df_file *f = df_file_parse(&a, text, sizeof text - 1, &problems);
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(f->nodes[0].comments_len, 1);
    ck_assert_str_eq(f->nodes[0].comments[0], "one two");
    ck_assert_uint_eq(f->nodes[1].comments_len, 0);
}
END_TEST

static const struct {
    const char *text, *want;
} records[] = {
    {"a,b", "a;b;"},
    {"a,\"b,c\",d", "a;b,c;d;"},
    {"\"a\"\"b\"", "a\"b;"},
    {"a,", "a;;"},
    {"", "!EOF"},
    {"a\"b", "!parse error on line 1, column 2: bare \" in non-quoted-field"},
    {"\"ab", "!parse error on line 1, column 4: extraneous or missing \" in quoted-field"},
    {"\"a\"b", "!parse error on line 1, column 3: extraneous or missing \" in quoted-field"},
};

START_TEST(test_parser_csv_table_matches)
{
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    size_t n = 0;
    const char *why = NULL, *got = "";
    char **fields = df_csv_fields(&a, records[_i].text, &n, &why);
    if (!fields)
        got = df_arena_printf(&a, "!%s", why);
    for (size_t i = 0; i < n; i++)
        got = df_arena_printf(&a, "%s%s;", got, fields[i]);
    ck_assert_str_eq(got, records[_i].want);
}
END_TEST

START_TEST(test_parser_memory_for_problems_grows_with_their_number)
{
    enum { LINES = 5000 };
    auto_df_arena struct df_arena a = DF_ARENA_INIT;
    struct df_problems problems = {0};
    char *text = df_arena_alloc(&a, 2 * LINES + 1);
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + 2 * i, "x\n", 2);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const struct df_file *file = df_file_read(&a, text, 2 * LINES, &problems);
    ck_assert_ptr_null(df_instructions_parse(&a, file, NULL, &problems));
    ck_assert_uint_eq(problems.len, LINES);
    /* A few hundred bytes each; sanitizers do not tell. */
    ck_assert_uint_lt(mallinfo2().uordblks + mallinfo2().hblkhd - before, 1000 * LINES);
}
END_TEST

#define COUNT(t) (int)(sizeof(t) / sizeof *(t))

int
main(void)
{
    Suite *s = suite_create("df-parser");
    TCase *t = tcase_create("parser");
    tcase_add_loop_test(t, test_parser_file_table_matches, 0, COUNT(files));
    tcase_add_loop_test(t, test_parser_syntax_detect_table_matches, 0, COUNT(syntaxes));
    tcase_add_loop_test(t, test_parser_csv_table_matches, 0, COUNT(records));
    tcase_add_test(t, test_parser_long_line_is_refused);
    tcase_add_test(t, test_parser_nul_is_refused_but_not_in_heredoc);
    tcase_add_test(t, test_parser_comments_belong_to_the_next_node);
    tcase_add_test(t, test_parser_memory_for_problems_grows_with_their_number);
    suite_add_tcase(s, t);
    return unit_run(s);
}
