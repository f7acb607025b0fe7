/* Text from elsewhere, made harmless for a terminal. */
#include "unit.h"

#include "tools/buf.h"
#include "tools/text.h"
#include "tools/conceal.h"

static const struct {
    const char *text, *plain, *json;
} cases[] = {
    { "plain \t text\n", "plain \t text\n", "plain \t text\n" },
    { "gr\303\274n \342\202\254 \360\237\230\200", "gr\303\274n \342\202\254 \360\237\230\200",
      "gr\303\274n \342\202\254 \360\237\230\200" },
    { "\033]0;title\a", "\\x1b]0;title\\x07", "\\u001b]0;title\\u0007" },
    { "\033[31m\177", "\\x1b[31m\\x7f", "\\u001b[31m\\u007f" },
    { "a\302\2332Jb", "a\\xc2\\x9b2Jb", "a\\u009b2Jb" },       /* C1 in UTF-8 */
    { "a\2332Jb", "a\\x9b2Jb", "a\\ufffd2Jb" },                /* and as it is */
    { "\342\200\256txt.exe", "\\xe2\\x80\\xaetxt.exe", "\\u202etxt.exe" },
    { "\342\201\246x\342\201\251", "\\xe2\\x81\\xa6x\\xe2\\x81\\xa9", "\\u2066x\\u2069" },
    { "\360\240\200\201", "\360\240\200\201", "\360\240\200\201" },
    { "\363\240\200\201", "\\xf3\\xa0\\x80\\x81", "\\udb40\\udc01" }, /* a tag */
    { "\300\233[", "\\xc0\\x9b[", "\\ufffd\\ufffd[" },          /* overlong */
    { "\340\202\233[", "\\xe0\\x82\\x9b[", "\\ufffd\\ufffd\\ufffd[" },
    { "\355\240\200", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd" }, /* half a pair */
    { "\364\220\200\200", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd" },
    { "cut \303", "cut \\xc3", "cut \\ufffd" },
};

START_TEST(test_text_controls_are_spelled)
{
    auto_buf struct tenon_buf plain = TENON_BUF_INIT, json = TENON_BUF_INIT;
    tenon_text_add(&plain, cases[_i].text, strlen(cases[_i].text));
    ck_assert_str_eq(tenon_buf_str(&plain), cases[_i].plain);
    tenon_text_add_json(&json, cases[_i].text, strlen(cases[_i].text));
    ck_assert_str_eq(tenon_buf_str(&json), cases[_i].json);
}
END_TEST

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What is shown of a URL, in whatever text it stands; the rest stays byte for byte. */
static const struct {
    const char *text, *shown; /* NULL: the same */
} urls[] = {
    { "", NULL },
    { "no address at all, a@b, x://", NULL },
    { "https://example.org/a@b?x=1#f", NULL },
    { "https://example.org:8080/@v1", NULL },
    { "https://example.org:8080/@scope/name", NULL },
    { "http://localhost:5000/name@sha256:abc", NULL },
    { "http://packages:4873/name@1.2.3/-/name-1.2.3.tgz", NULL },
    { "http://packages:4873/name@v1.2.3-rc.1", NULL },
    { "http://packages:4873/name@localhosted", NULL },
    { "https://me:12/hush@example.org/a", "https://xxxxx:xxxxx@example.org/a" },
    { "https://me:12/hush@example.org:80/a@b", "https://xxxxx:xxxxx@example.org:80/a@b" },
    { "https://me:1/2@3/hush@localhost", "https://xxxxx:xxxxx@localhost" },
    { "https://me:7?hush@10.0.0.1:5000/v2/", "https://xxxxx:xxxxx@10.0.0.1:5000/v2/" },
    { "https://a:443/f?next=https://me:hush@b.org/", "https://a:443/f?next=https://xxxxx:xxxxx@b.org/" },
    { "https://first.last:7#hush@example.org", "https://xxxxx:xxxxx@example.org" },
    { "ssh://git:12/hush@example.org/x", "ssh://git:xxxxx@example.org/x" },
    { "https://me:hush@example.org/a@b", "https://xxxxx:xxxxx@example.org/a@b" },
    { "https://hush@example.org", "https://xxxxx@example.org" },
    { "https://:hush@example.org", "https://:xxxxx@example.org" },
    { "https://me:@example.org", "https://xxxxx:xxxxx@example.org" },
    { "https://xxxxx:xxxxx@example.org", NULL },
    { "HTTP://me:h%40u%3Ash@[::1]:80/", "HTTP://xxxxx:xxxxx@[::1]:80/" },
    { "http://me:hu@sh@example.org/", "http://xxxxx:xxxxx@example.org/" },
    { "http://me:hu/sh@example.org/", "http://xxxxx:xxxxx@example.org/" },
    { "http://me:hu\\sh'@example.org/", "http://xxxxx:xxxxx@example.org/" },
    { "http://me:h://sh@example.org/", "http://xxxxx:xxxxx@example.org/" },
    { "http://[::1]:5000/a@b", NULL },
    { "ssh://git@example.org/x", NULL },
    { "ssh://git:hush@example.org/x", "ssh://git:xxxxx@example.org/x" },
    { "git@example.org:x", NULL },
    { "me:hush@example.org:x/y.git", "me:xxxxx@example.org:x/y.git" },
    { "me:hu:s@h=/@host:x#main", "me:xxxxx@host:x#main" },
    { "me:hush@10.0.0.1:x", "me:xxxxx@10.0.0.1:x" },
    { "clone \"me:hush@host:x\", A=b_c:hush@host:~/x b", "clone \"me:xxxxx@host:x\", A=b_c:xxxxx@host:~/x b" },
    { "me:hush@host:x http://me:hush@host/ me:hush@host:x",
      "me:xxxxx@host:x http://xxxxx:xxxxx@host/ me:xxxxx@host:x" },
    { "me:hush@git_host:x me:hush@[::1]:x ::me:hush@host:x {'a':'me:hush@host:x'}",
      "me:xxxxx@git_host:x me:xxxxx@[::1]:x ::me:xxxxx@host:x {'a':'me:xxxxx@host:x'}" },
    { "error:foo@bar.c:12 error:foo@bar.go:12:3: x, error:foo@bar.c:12.", NULL },
    { "me:hush@proxy:3128 me:hush@example.org:22: refused, me:hush@bar.c:12x",
      "me:xxxxx@proxy:3128 me:xxxxx@example.org:22: refused, me:xxxxx@bar.c:12x" },
    { "https://me:12/hush@[fe80::1%eth0]:80/ https://a:80/@[1] https://a:80/@[x:y]:80",
      "https://xxxxx:xxxxx@[fe80::1%eth0]:80/ https://a:80/@[1] https://a:80/@[x:y]:80" },
    { "build-arg:a=build-arg:b=me:hush@host:x", "build-arg:a=build-arg:b=me:xxxxx@host:x" },
    { "build-arg:REPO=git@example.org:x context:a=git@host:x", NULL },
    { "build-arg:REPO=me:hush@example.org:x", "build-arg:REPO=me:xxxxx@example.org:x" },
    { "busybox:1@" DIGEST " r.org:5000/a/b:1@" DIGEST, NULL },
    { "busybox:1@sha512:0123", NULL },
    { "npm:left-pad@1.2.3:x me:x@y, me:x@y: text", NULL },
    { "ADD http://me:hush@a/f https://tok@b/g /d/",
      "ADD http://xxxxx:xxxxx@a/f https://xxxxx@b/g /d/" },
    { "{\"url\":\"http://me:hush@a/\",\"to\":\"c@d\"}", "{\"url\":\"http://xxxxx:xxxxx@a/\",\"to\":\"c@d\"}" },
    { "Get \"https://me:hush@a\": dial", "Get \"https://xxxxx:xxxxx@a\": dial" },
    { "see <https://me:hush@a>, then c@d", "see <https://xxxxx:xxxxx@a>, then c@d" },
    { "A=http://me:hush@a\nB=c@d", "A=http://xxxxx:xxxxx@a\nB=c@d" },
    { "https://a/f?token=hush", "https://a/f?token=xxxxx" },
    { "https://a/f?x=1&access_token=hush&y=2#z", "https://a/f?x=1&access_token=xxxxx&y=2#z" },
    { "https://a/f?X-Amz-Signature=hush;sig=hush", "https://a/f?X-Amz-Signature=xxxxx;sig=xxxxx" },
    { "https://a/f?X-Amz-Credential=k&X-Amz-Date=1", "https://a/f?X-Amz-Credential=xxxxx&X-Amz-Date=1" },
    { "https://a/f?PASSWORD=hush", "https://a/f?PASSWORD=xxxxx" },
    { "https://a/f#id_token=hush", "https://a/f#id_token=xxxxx" },
    { "https://a/f?token=", NULL },
    { "https://a/f?ref=main&subdir=d&checksum=1", NULL },
    { "https://a/f?next=https://me:hush@b/", "https://a/f?next=https://xxxxx:xxxxx@b/" },
    { "A=http://me:hush@a,http://me:hush@b/,c http://d http://me:hush@e",
      "A=http://xxxxx:xxxxx@a,http://xxxxx:xxxxx@b/,c http://d http://xxxxx:xxxxx@e" },
    { "https://a/f?next=https%3A%2F%2Fme%3Ahush%40b%2Fc&x=1", "https://a/f?next=https%3A%2F%2Fxxxxx%3Axxxxx%40b%2Fc&x=1" },
    { "https://a/f?next=https%3a//b/%3Ftoken=hush", "https://a/f?next=https%3A%2F%2Fb%2F%3Ftoken%3Dxxxxx" },
    { "https://a/f?next=https%3A%2F%2Fb%2F%3Fu%3Dhttps%253A%252F%252Fhush%2540c",
      "https://a/f?next=https%3A%2F%2Fb%2F%3Fu%3Dhttps%253A%252F%252Fxxxxx%2540c" },
    { "https://a/f?next=https%3A%2F%2Fb%2Fc%40d%2", NULL },
    { "https://me%3Ahush@example.org/", "https://xxxxx@example.org/" },
    { "http://me:hush@[fe80::1%25eth0]:80/", "http://xxxxx:xxxxx@[fe80::1%25eth0]:80/" },
    { "http://m\303\251:h\303\274sh@example.org/", "http://xxxxx:xxxxx@example.org/" },
    { "http://me:hush\357\274\240x@example.org/", "http://xxxxx:xxxxx@example.org/" }, /* a wide "@" */
    { "//me:hush@example.org/x", "//xxxxx:xxxxx@example.org/x" },
    { "// of me:hush@example.org", NULL },
    { "//example.org/@scope/x", NULL },
    { "docker-image://r/n@sha256:00", NULL },
    { "oci-layout://x/n@sha256:00", NULL },
    { "oci-layout://n@" DIGEST, NULL },
    { "docker-image://busybox:1@" DIGEST " is not there", NULL },
    { "docker-image://me:hush@host/busybox@" DIGEST, "docker-image://xxxxx:xxxxx@host/busybox@" DIGEST },
    { "https://me:hush@host@" DIGEST, "https://xxxxx:xxxxx@host@" DIGEST },
    { "https://me@sha256:00@host/", "https://xxxxx:xxxxx@host/" },
};

/* A file's, or what is not text at all. */
START_TEST(test_text_urls_in_bytes)
{
    static const char bytes[] = "a\0http://me:hush@a/\0\377http://b@\0c", shown[] =
        "a\0http://xxxxx:xxxxx@a/\0\377http://xxxxx@\0c";
    auto_buf struct tenon_buf out = TENON_BUF_INIT;
    tenon_url_conceal_bytes(&out, bytes, sizeof bytes);
    ck_assert_uint_eq(out.len, sizeof shown);
    ck_assert_mem_eq(out.data, shown, sizeof shown);
}
END_TEST

/* Whatever is in a word, it is not looked at again for each of its bytes, nor by a call for each:
 * that would be minutes, or the end of the stack. */
static const struct {
    const char *begin, *again;
} long_words[] = {
    { "a:", "@" }, { "a:", "@a" }, { "a:", "@[" }, { "a:", "@[:" }, { "a:", "@a_" },
    { "a:", "@1.c" }, { "x://a:1/", "@" }, { "x://a:1/", "@a.b" }, { "x://a:1/", "@[1" },
    { "x://", "a:b://" }, { "x://@/", "a:b://" }, { "", ":" }, { "@", "a:" }, { "@", ":" },
    { "@", "build-arg:x=" }, { "x@", "input:=" }, { "x://a/?", "b=c&" },
};

START_TEST(test_text_urls_in_long_words)
{
    enum { LEN = 1 << 20 };
    auto_buf struct tenon_buf text = TENON_BUF_INIT, shown = TENON_BUF_INIT;
    tenon_buf_adds(&text, long_words[_i].begin);
    while (text.len < LEN)
        tenon_buf_adds(&text, long_words[_i].again);
    tenon_url_conceal_bytes(&shown, text.data, text.len);
    ck_assert_uint_eq(shown.len, text.len);
    ck_assert(!memcmp(shown.data, text.data, text.len));
}
END_TEST

/* Of what things are told apart by. */
START_TEST(test_text_urls_in_ids)
{
    static const struct {
        const char *id, *kept;
    } ids[] = {
        { "app:1.0@linux:amd64", "app:1.0@linux:amd64" },
        { "", "" },
        { "app:1.0@linux:amd64 https://me:hush@a/f x:1@linux:amd64",
          "app:1.0@linux:amd64 https://xxxxx:xxxxx@a/f x:1@linux:amd64" },
    };
    for (size_t i = 0; i < tenon_countof(ids); i++) {
        auto_free char *kept = tenon_url_conceal_id(ids[i].id);
        ck_assert_str_eq(kept, ids[i].kept);
    }
}
END_TEST

START_TEST(test_text_urls_show_no_secret)
{
    auto_free char *shown = tenon_url_conceal(urls[_i].text);
    ck_assert_str_eq(shown, urls[_i].shown ? urls[_i].shown : urls[_i].text);
    auto_free char *again = tenon_url_conceal(shown);
    ck_assert_str_eq(again, shown);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("text");
    TCase *t = tcase_create("text");
    tcase_add_loop_test(t, test_text_urls_show_no_secret, 0, (int)(sizeof urls / sizeof *urls));
    tcase_add_test(t, test_text_urls_in_bytes);
    tcase_add_test(t, test_text_urls_in_ids);
    tcase_add_loop_test(t, test_text_urls_in_long_words, 0, (int)tenon_countof(long_words));
    tcase_add_loop_test(t, test_text_controls_are_spelled, 0, (int)(sizeof cases / sizeof *cases));
    suite_add_tcase(s, t);
    return unit_run(s);
}
