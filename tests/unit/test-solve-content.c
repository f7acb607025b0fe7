/* Keys by content: which trees are known by what is read of them, and of what.
 * And what a record that is found is good for. */
#include "keykit.h"
#include "solve/buildkitkey.h"

/* ---- content ------------------------------------------------------------------------- */

/* a and b hold the same, c something else; other's c does not. */
static void
make_trees(void)
{
    static const char *const files[][2] = {
        { "base/a/f", "1" },  { "base/b/f", "1" },  { "base/c/f", "2" },
        { "other/a/f", "1" }, { "other/b/f", "1" }, { "other/c/f", "1" },
        { "base/etc/passwd", "u:x:1:1::/:\n" }, { "base/etc/group", "u:x:1:\n" },
        { "other/etc/passwd", "u:x:2:1::/:\n" }, { "other/etc/group", "u:x:1:\n" },
    };

    for (size_t i = 0; i < tenon_countof(files); i++) {
        auto_free char *dir = tenon_strndup(
            files[i][0], (size_t)(strrchr(files[i][0], '/') - files[i][0]));
        OK(tenon_mkdir_p(top_dir, dir, 0755, &err));
        unit_write(top_dir, files[i][0], files[i][1]);
    }
}

static struct tenon_node *
copy_from(const char *tree, const char *src, const char *user,
          const char *users)
{
    struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");

    set(a, "src", src);
    set(a, "dest", "/t");
    connect_to(a, "input", source("unread"));
    connect_to(a, "secondary", source(tree));
    if (user) {
        set(a, users ? "owner.user" : "owner.group", user);
        connect_to(a, users ? "owner.user" : "owner.group",
                   source(users ? users : "base"));
    }
    return f;
}

START_TEST(test_keys_copy_by_content)
{
    make_trees();
    const struct keys a = keys_of(copy_from("base", "/a/f", NULL, NULL), true);
    const struct keys b = keys_of(copy_from("base", "/b/f", NULL, NULL), true);
    const struct keys c = keys_of(copy_from("base", "/c/f", NULL, NULL), true);
    const struct keys o = keys_of(copy_from("other", "/a/f", NULL, NULL), true);

    ck_assert_str_ne(a.k1.str, a.k2.str);
    ck_assert_str_ne(a.k1.str, b.k1.str);
    ck_assert_str_eq(a.k2.str, b.k2.str);
    ck_assert_str_ne(a.k2.str, c.k2.str);
    ck_assert_str_ne(a.k1.str, o.k1.str);
    ck_assert_str_eq(a.k2.str, o.k2.str);
}
END_TEST

START_TEST(test_keys_owner_by_the_files_that_name_it)
{
    make_trees();
    const struct keys none = keys_of(copy_from("base", "/a/f", NULL, NULL), true);
    const struct keys base = keys_of(copy_from("base", "/a/f", "u", "base"), true);
    const struct keys other = keys_of(copy_from("base", "/a/f", "u", "other"), true);
    const struct keys group = keys_of(copy_from("base", "/a/f", "u", NULL), true);

    ck_assert_str_ne(none.k2.str, base.k2.str);
    ck_assert_str_ne(base.k2.str, other.k2.str);
    ck_assert_str_ne(base.k2.str, group.k2.str);
    unit_write(top_dir, "base/etc/passwd", "u:x:7:1::/:\n");
    const struct keys user2 = keys_of(copy_from("other", "/a/f", "u", "base"), true);
    const struct keys group2 = keys_of(copy_from("base", "/a/f", "u", NULL), true);
    ck_assert_str_ne(base.k2.str, user2.k2.str);
    ck_assert_str_eq(group.k2.str, group2.k2.str);
    unit_write(top_dir, "base/etc/group", "u:x:7:\n");
    const struct keys group3 = keys_of(copy_from("base", "/a/f", "u", NULL), true);
    ck_assert_str_ne(group.k2.str, group3.k2.str);
}
END_TEST

struct bind {
    const char *tree, *selector, *attr;
};

/* An exec on base with two more mounts at the most. */
static struct keys
keys_with_binds(struct bind one, struct bind two)
{
    struct tenon_node *x = exec();
    const struct bind *const binds[] = { &one, &two };

    for (size_t i = 0; i < 2; i++) {
        if (!binds[i]->tree)
            continue;
        struct tenon_node *m = new_part(x, "mount");
        set(m, "dest", i ? "/two" : "/one");
        set(m, "selector", binds[i]->selector);
        if (binds[i]->attr)
            OK(tenon_node_set_int(m, binds[i]->attr, 1, &err));
        connect_to(m, "input", source(binds[i]->tree));
    }
    return keys_of(x, true);
}

START_TEST(test_keys_mounts_by_content)
{
    static const struct bind none;
    static const char *const safe[] = { "readonly", "no_output" };

    make_trees();
    for (size_t i = 0; i < tenon_countof(safe); i++) {
        const struct keys a = keys_with_binds((struct bind){ "other", "/a", safe[i] }, none);
        const struct keys b = keys_with_binds((struct bind){ "other", "/b", safe[i] }, none);
        ck_assert_str_ne(a.k1.str, b.k1.str);
        ck_assert_str_eq(a.k2.str, b.k2.str);
        unit_write(top_dir, "other/b/f", "changed");
        const struct keys changed = keys_with_binds((struct bind){ "other", "/b", safe[i] }, none);
        ck_assert_str_eq(b.k1.str, changed.k1.str);
        ck_assert_str_ne(b.k2.str, changed.k2.str);
        unit_write(top_dir, "other/b/f", "1");
    }
    /* The whole of a tree goes by content though it is written to. */
    const struct keys whole = keys_with_binds((struct bind){ "other", "/", NULL }, none);
    unit_write(top_dir, "other/a/f", "2");
    const struct keys changed = keys_with_binds((struct bind){ "other", "/", NULL }, none);
    ck_assert_str_eq(whole.k1.str, changed.k1.str);
    ck_assert_str_ne(whole.k2.str, changed.k2.str);
    /* A part that is written to does not. */
    const struct keys written = keys_with_binds((struct bind){ "other", "/a", NULL }, none);
    unit_write(top_dir, "other/a/f", "3");
    const struct keys same_key = keys_with_binds((struct bind){ "other", "/a", NULL }, none);
    ck_assert_str_eq(written.k2.str, same_key.k2.str);
}
END_TEST

/* The root does not go by content, however much is mounted beside it. */
START_TEST(test_keys_root_by_its_key)
{
    static const struct bind none;
    const struct bind read = { "other", "/a", "readonly" };

    make_trees();
    const struct keys one = keys_with_binds(read, none);
    unit_write(top_dir, "base/a/f", "changed");
    const struct keys two = keys_with_binds(read, none);
    ck_assert_str_eq(one.k2.str, two.k2.str);
}
END_TEST

/* One mount of a tree that is written to, and all of the tree goes by its key. */
START_TEST(test_keys_mounts_of_one_tree_agree)
{
    for (int turned = 0; turned < 2; turned++) {
        const struct bind read = { "other", "/a", "readonly" };
        const struct bind written = { "other", "/c", NULL };
        struct keys k[2];
        make_trees();
        for (int i = 0; i < 2; i++) {
            k[i] = turned ? keys_with_binds(written, read) : keys_with_binds(read, written);
            unit_write(top_dir, "other/a/f", "changed");
        }
        ck_assert_str_eq(k[0].k2.str, k[1].k2.str);
    }
}
END_TEST

/* A tree that does not go by content is known by its key, which does not say
 * what of it is mounted: that has to be said beside it. */
START_TEST(test_keys_selector_counts_where_content_does_not)
{
    const struct bind read = { "third", "/", "readonly" };

    make_trees();
    OK(tenon_mkdir_p(top_dir, "third", 0755, &err));
    /* of the step's own root */
    const struct keys a = keys_with_binds((struct bind){ "base", "/a", "readonly" }, read);
    const struct keys c = keys_with_binds((struct bind){ "base", "/c", "readonly" }, read);
    ck_assert_str_ne(a.k1.str, c.k1.str);
    ck_assert_str_ne(a.k2.str, c.k2.str);
    /* of a tree that is written to */
    const struct keys d = keys_with_binds((struct bind){ "other", "/a", NULL }, read);
    const struct keys e = keys_with_binds((struct bind){ "other", "/c", NULL }, read);
    ck_assert_str_ne(d.k2.str, e.k2.str);
}
END_TEST

/* The same for a copy out of what it is made upon. */
START_TEST(test_keys_copy_from_its_own_base)
{
    struct keys k[2][2];

    make_trees();
    for (int content = 0; content < 2; content++) {
        for (int i = 0; i < 2; i++) {
            struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");
            set(a, "src", i ? "/a/f" : "/c/f");
            set(a, "dest", "/t");
            connect_to(a, "input", source("base"));
            connect_to(a, "secondary", source("base"));
            k[content][i] = keys_of(f, content);
        }
        ck_assert_str_ne(k[content][0].k1.str, k[content][1].k1.str);
    }
    ck_assert_str_ne(k[1][0].k2.str, k[1][1].k2.str);
}
END_TEST

/* What BuildKit's key of a copy leaves to the content of its source, the name alone remains of. So
 * there is none where the source goes by what it is. */
START_TEST(test_keys_of_buildkit_need_the_content)
{
    static const struct {
        const char *src, *of;
        size_t count;
    } copies[] = { { "/a/f", "other", 1 }, { "/a/f", "base", 0 }, { "/c/f", "base", 0 } };
    const struct tenon_solver_options o = { .engine = &engine };

    for (size_t i = 0; i < tenon_countof(copies); i++) {
        struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");
        auto_buildkit_keys struct buildkit_keys k = {0};
        set(a, "src", copies[i].src);
        set(a, "dest", "/t");
        connect_to(a, "input", source("base"));
        connect_to(a, "secondary", source(copies[i].of));
        const struct tenon_vertex *v = tenon_node_freeze(f, &err);
        ck_assert_ptr_nonnull(v);
        struct tenon_solver *s = tenon_solver_new_stepped(&o);
        OK(buildkit_keys(state_get(s, v), &k, &err));
        ck_assert_uint_eq(k.own_count, copies[i].count);
        tenon_solver_free(s);
    }
}
END_TEST

/* Two sources of one copy: each of them counts. */
START_TEST(test_keys_every_source_of_a_copy_counts)
{
    static const char *const files[] = { "base/a/f", "base/c/f" };
    struct keys k[3];

    make_trees();
    for (int i = 0; i < 3; i++) {
        struct tenon_node *f = new_node("file");
        for (int part = 0; part < 2; part++) {
            struct tenon_node *a = new_part(f, "copy");
            set(a, "src", part ? "/c/f" : "/a/f");
            set(a, "dest", "/t/");
            if (!part)
                connect_to(a, "input", source("unread"));
            connect_to(a, "secondary", source("base"));
        }
        k[i] = keys_of(f, true);
        if (i < 2)
            unit_write(top_dir, files[i], "another");
    }
    ck_assert_str_ne(k[0].k2.str, k[1].k2.str);
    ck_assert_str_ne(k[1].k2.str, k[2].k2.str);
}
END_TEST

/* What a copy does not take may change, what it takes may not. */
static const struct {
    const char *attr, *value; /* of the copy of /d, or of `src` */
    const char *src, *changed;
    bool same;
} taken[] = {
    { NULL, NULL, "/d", "base/d/x", false },
    { "exclude", "x", "/d", "base/d/x", true },
    { "exclude", "x", "/d", "base/d/y", false },
    { "include", "y", "/d", "base/d/x", true },
    { "include", "y", "/d", "base/d/y", false },
    { NULL, NULL, "/l", "base/d/x", true }, /* the link itself */
    { "follow_symlink", "1", "/l", "base/d/x", false },
    { "follow_symlink", "1", "/l", "base/d/y", true },
    { "allow_wildcard", "1", "/d/x*", "base/d/x", false },
    { "allow_wildcard", "1", "/d/x*", "base/d/y", true },
    { NULL, NULL, "/d/y", "base/d/x", true },
};

START_TEST(test_keys_what_a_copy_takes)
{
    struct keys k[2];

    make_trees();
    OK(tenon_mkdir_p(top_dir, "base/d", 0755, &err));
    unit_write(top_dir, "base/d/x", "1");
    unit_write(top_dir, "base/d/y", "1");
    ck_assert_int_eq(symlinkat("d/x", top_dir, "base/l"), 0);
    for (int i = 0; i < 2; i++) {
        struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");
        set(a, "src", taken[_i].src);
        set(a, "dest", "/t");
        if (taken[_i].attr)
            set_any(a, NODE_COPY, taken[_i].attr, taken[_i].value);
        connect_to(a, "input", source("unread"));
        connect_to(a, "secondary", source("base"));
        k[i] = keys_of(f, true);
        unit_write(top_dir, taken[_i].changed, "2");
    }
    ck_assert_int_eq(same(&k[0].k2, &k[1].k2), taken[_i].same);
}
END_TEST

/* Only the files with names are read of what an owner is looked up in. */
START_TEST(test_keys_owner_reads_nothing_else)
{
    make_trees();
    const struct keys one = keys_of(copy_from("other", "/a/f", "u", "base"), true);
    unit_write(top_dir, "base/a/f", "changed");
    const struct keys two = keys_of(copy_from("other", "/a/f", "u", "base"), true);
    ck_assert_str_eq(one.k2.str, two.k2.str);
    unit_write(top_dir, "base/etc/passwd", "u:x:9:9::/:\n");
    const struct keys three = keys_of(copy_from("other", "/a/f", "u", "base"), true);
    ck_assert_str_ne(two.k2.str, three.k2.str);
}
END_TEST

/* ---- what is found under a key ---------------------------------------------------- */

/* A record with fewer results than the step has tells its key, and is no hit. */
START_TEST(test_keys_records_need_their_results)
{
    for (uint32_t outputs = 0; outputs < 3; outputs++) {
        struct tenon_node *x = exec();
        auto_free char *name = tenon_asprintf("/m%u", outputs);
        set(new_part(x, "mount"), "dest", name); /* two outputs */
        const struct keys k = keys_of(x, false);
        const char *const keys[] = { k.k1.str };
        struct tenon_chain chains[3] = {0};
        struct tenon_record record = { .output_count = outputs, .outputs = chains };
        tenon_digest_of(name, strlen(name), &record.id);
        OK(tenon_record_store(store, keys, 1, &record, NULL, "name", NULL, 0, &err));

        const struct tenon_solver_options o = { .engine = &engine };
        struct tenon_solver *s = tenon_solver_new_stepped(&o);
        struct state *st = state_get(s, tenon_node_freeze(x, &err));
        st->inputs[0] = state_get(s, st->v->inputs[0].vertex);
        st->inputs[0]->ckey = st->inputs[0]->v->digest;
        struct job *j = job_new(st, work_lookup, NULL);
        OK(work_lookup(j));
        ck_assert_int_eq(j->found, outputs >= 2);
        ck_assert_str_eq(j->found ? j->record.id.str : j->alias.str, record.id.str);
        job_free(j);
        /* What is to be made anew is not even looked for. */
        st->fresh = true;
        j = job_new(st, work_lookup, NULL);
        OK(work_lookup(j));
        ck_assert(!j->found && !j->alias.str[0]);
        job_free(j);
        tenon_solver_free(s);
    }
}
END_TEST

START_TEST(test_keys_content_cache_overrides)
{
    make_trees();
    for (int on = 0; on < 2; on++) {
        struct keys k[2];
        for (int i = 0; i < 2; i++) {
            struct tenon_node *x = exec();
            struct tenon_node *m = new_part(x, "mount");
            set(m, "dest", "/one");
            set(m, "content_cache", on ? "on" : "off");
            OK(tenon_node_set_int(m, "readonly", 1, &err));
            connect_to(m, "input", source("other"));
            unit_write(top_dir, "other/a/f", i ? "1" : "2");
            k[i] = keys_of(x, true);
        }
        ck_assert_int_eq(same(&k[0].k2, &k[1].k2), !on);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("solve-content");
    TCase *c = tcase_create("content");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_keys_copy_by_content);
    tcase_add_test(c, test_keys_owner_by_the_files_that_name_it);
    tcase_add_test(c, test_keys_mounts_by_content);
    tcase_add_test(c, test_keys_root_by_its_key);
    tcase_add_test(c, test_keys_mounts_of_one_tree_agree);
    tcase_add_test(c, test_keys_selector_counts_where_content_does_not);
    tcase_add_test(c, test_keys_copy_from_its_own_base);
    tcase_add_test(c, test_keys_of_buildkit_need_the_content);
    tcase_add_test(c, test_keys_every_source_of_a_copy_counts);
    tcase_add_loop_test(c, test_keys_what_a_copy_takes, 0, tenon_countof(taken));
    tcase_add_test(c, test_keys_owner_reads_nothing_else);
    tcase_add_test(c, test_keys_records_need_their_results);
    tcase_add_test(c, test_keys_content_cache_overrides);
    suite_add_tcase(s, c);
    return unit_run(s);
}
