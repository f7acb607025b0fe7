/* What else is in a key: inputs, parts and actions with their order, what stands
 * beside an op, what mount plugins declare. */
#include "keykit.h"

/* ---- inputs -------------------------------------------------------------------- */

/* Each slot of each op, connected to one tree or to another one. */
static const struct {
    const char *op, *part, *slot, *owner;
    enum node_slot number;
} slots[] = {
    { "exec", "mount", "input", NULL, SLOT_INPUT }, /* "/" */
    { "file", "copy", "input", NULL, SLOT_INPUT },
    { "file", "copy", "secondary", NULL, SLOT_SECONDARY },
    { "file", "copy", "owner.user", "owner.user", SLOT_USER },
    { "file", "copy", "owner.group", "owner.group", SLOT_GROUP },
    { "file", "mkfile", "input", NULL, SLOT_INPUT },
    { "file", "mkfile", "owner.user", "owner.user", SLOT_USER },
    { "file", "mkdir", "owner.group", "owner.group", SLOT_GROUP },
    { "file", "symlink", "owner.user", "owner.user", SLOT_USER },
    { "file", "rm", "input", NULL, SLOT_INPUT },
    { "merge", NULL, "input", NULL, SLOT_INPUT },
    { "diff", NULL, "lower", NULL, SLOT_LOWER },
    { "diff", NULL, "upper", NULL, SLOT_UPPER },
};

static struct keys
keys_from(size_t i, struct tenon_node *from, uint32_t output)
{
    struct tenon_node *op = new_node(slots[i].op), *n = op;

    if (slots[i].part)
        n = new_part(op, slots[i].part);
    if (tenon_streq(slots[i].op, "exec")) {
        set(op, "args", "sh");
        set(n, "dest", "/");
    }
    if (slots[i].owner)
        set(n, slots[i].owner, "somebody");
    OK(tenon_node_input(n, slots[i].slot, from, output, &err));
    if (tenon_streq(slots[i].op, "merge"))
        connect_to(n, "input", source("base"));
    return keys_of(op, false);
}

START_TEST(test_keys_every_slot)
{
    struct tenon_node *two = exec(); /* with two outputs */
    struct tenon_node *second = new_part(two, "mount");
    set(second, "dest", "/m");

    const struct keys a = keys_from((size_t)_i, source("a"), 0);
    const struct keys b = keys_from((size_t)_i, source("b"), 0);
    const struct keys again = keys_from((size_t)_i, source("a"), 0);
    const struct keys first = keys_from((size_t)_i, two, 0);
    const struct keys other = keys_from((size_t)_i, two, 1);
    const struct keys none = keys_from((size_t)_i, NULL, 0);
    assert_where(&a, &again, SAME, slots[_i].slot);
    assert_where(&a, &b, DEFINITION, slots[_i].slot);
    assert_where(&first, &other, DEFINITION, slots[_i].slot);
    ck_assert_str_ne(a.k1.str, none.k1.str);
}
END_TEST

/* The same output twice is one input, two outputs are two. */
START_TEST(test_keys_outputs_are_inputs_of_their_own)
{
    struct tenon_node *two = exec();
    set(new_part(two, "mount"), "dest", "/m");

    for (uint32_t output = 0; output < 2; output++) {
        struct tenon_node *f = new_node("file"), *a = new_part(f, "copy");
        set(a, "src", "/s");
        set(a, "dest", "/d");
        connect_to(a, "input", two);
        OK(tenon_node_input(a, "secondary", two, output, &err));
        const struct tenon_vertex *v = tenon_node_freeze(f, &err);
        ck_assert_uint_eq(v->input_count, output + 1);
        ck_assert_int_eq(v->op.file.actions[0].secondary, output);
        ck_assert_uint_eq(v->inputs[output].index, output);
    }
}
END_TEST

START_TEST(test_keys_no_slot_is_forgotten)
{
    for (int slot = 0; slot < NODE_SLOTS; slot++) {
        bool found = false;
        for (size_t i = 0; i < tenon_countof(slots); i++)
            found = found || (int)slots[i].number == slot;
        ck_assert_msg(found, "slot %d", slot);
    }
}
END_TEST

START_TEST(test_keys_order_of_inputs)
{
    static const char *const slot[][2] = { { "input", "input" },
                                           { "lower", "upper" } };
    struct keys k[2];

    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < 2; i++) {
            struct tenon_node *n = new_node(kind ? "diff" : "merge");
            connect_to(n, slot[kind][0], source(i ? "a" : "b"));
            connect_to(n, slot[kind][1], source(i ? "b" : "a"));
            k[i] = keys_of(n, false);
        }
        assert_where(&k[0], &k[1], DEFINITION, kind ? "diff" : "merge");
    }
    /* The empty one on the left or on the right. */
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < 2; i++) {
            struct tenon_node *n = new_node(kind ? "diff" : "merge");
            connect_to(n, slot[kind][0], i ? source("a") : NULL);
            connect_to(n, slot[kind][1], i ? NULL : source("a"));
            k[i] = keys_of(n, false);
        }
        assert_where(&k[0], &k[1], OWN, kind ? "diff" : "merge");
    }
}
END_TEST

/* ---- parts ----------------------------------------------------------------------- */

static struct tenon_node *
exec_with(unsigned variant)
{
    struct tenon_node *x = exec(), *p;

    switch (variant) {
    case 1: /* a mount more */
        set(new_part(x, "mount"), "dest", "/m");
        break;
    case 2:
        p = new_part(x, "mount");
        set(p, "dest", "/m");
        set(new_part(x, "mount"), "dest", "/n");
        break;
    case 3:
    case 4: /* which of two hosts comes first */
        set(new_part(x, "extrahost"), "host", variant == 3 ? "a" : "b");
        set(new_part(x, "extrahost"), "host", variant == 3 ? "b" : "a");
        break;
    case 5:
    case 6: /* one secret less */
        set(new_part(x, "secretenv"), "id", "a");
        if (variant == 6)
            set(new_part(x, "secretenv"), "id", "b");
        break;
    case 7:
        set(new_part(x, "ulimit"), "name", "core");
        break;
    case 8:
        set(new_part(x, "device"), "name", "core");
        break;
    default:
        break;
    }
    return x;
}

START_TEST(test_keys_every_part_counts)
{
    enum { VARIANTS = 9 };
    struct keys k[VARIANTS];

    for (unsigned i = 0; i < VARIANTS; i++) {
        k[i] = keys_of(exec_with(i), false);
        for (unsigned before = 0; before < i; before++)
            ck_assert_msg(!same(&k[i].own, &k[before].own), "%u and %u", i,
                          before);
    }
}
END_TEST

/* The actions of a file op: their kind, number, order, and what each works on. */
static struct tenon_node *
file_with(unsigned variant)
{
    struct tenon_node *f = new_node("file"), *a, *b;

    a = new_part(f, variant == 1 ? "mkdir" : "rm");
    set(a, "path", variant == 3 ? "/b" : "/a");
    connect_to(a, "input", source("base"));
    if (variant < 2)
        return f;
    b = new_part(f, "rm");
    set(b, "path", variant == 3 ? "/a" : "/b");
    if (variant == 4) /* beside the first, not upon it */
        connect_to(b, "input", source("base"));
    return f;
}

START_TEST(test_keys_every_action_counts)
{
    enum { VARIANTS = 5 };
    struct keys k[VARIANTS];

    for (unsigned i = 0; i < VARIANTS; i++) {
        k[i] = keys_of(file_with(i), false);
        for (unsigned before = 0; before < i; before++)
            ck_assert_msg(!same(&k[i].own, &k[before].own), "%u and %u", i,
                          before);
    }
}
END_TEST

/* A lone root says nothing, as long as there is nothing to say about it. */
START_TEST(test_keys_lone_root_that_is_not_plain)
{
    static const char *const attrs[][2] = {
        { NULL, NULL }, { "selector", "/d" }, { "readonly", "1" },
        { "type", "tmpfs" }, { "type", "x" }, { "result_id", "r" },
    };
    struct keys k[tenon_countof(attrs)];

    compile_mount("x", "TENON_KEY_OPTIONS", 1);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(attrs); i++) {
        if (attrs[i][0] && !mount_is_built(attrs[i][1]))
            continue;
        struct tenon_node *x = new_node("exec");
        struct tenon_node *m = new_part(x, "mount");
        set(x, "args", "sh");
        set(m, "dest", "/");
        connect_to(m, "input", source("base"));
        if (attrs[i][0])
            set_any(m, NODE_MOUNT, attrs[i][0], attrs[i][1]);
        k[i] = keys_of(x, false);
        for (size_t before = 0; before < i; before++)
            ck_assert_msg(!same(&k[i].own, &k[before].own), "%s %s",
                          attrs[i][0], attrs[i][1]);
    }
}
END_TEST

/* Two kinds of op with the same parts. */
START_TEST(test_keys_kind_of_op_counts)
{
    struct tenon_node *merge = new_node("merge"), *diff = new_node("diff");

    connect_to(merge, "input", source("a"));
    connect_to(merge, "input", source("b"));
    connect_to(diff, "lower", source("a"));
    connect_to(diff, "upper", source("b"));
    const struct keys one = keys_of(merge, false), two = keys_of(diff, false);
    assert_where(&one, &two, OWN, "merge or diff");
}
END_TEST

/* ---- beside the op ----------------------------------------------------------------- */

START_TEST(test_keys_what_stands_beside_is_in_none)
{
    static const char *const beside[][2] = {
        { "llb.customname", "a name" },   { "ignore_cache", "true" },
        { "resources.memory", "1000" },   { "resources.memory_swap", "1000" },
        { "resources.cpu_shares", "2" },  { "resources.cpu_period", "2" },
        { "resources.cpu_quota", "2" },   { "resources.cpuset_cpus", "0" },
        { "resources.cpuset_mems", "0" }, { "progress_group.id", "g" },
        { "progress_group.name", "g" },   { "progress_group.weak", "true" },
        { "anything.else", "x" },
    };
    struct tenon_graph *plain_graph = g;
    const struct keys plain = keys_of(exec(), false);

    /* In a graph of its own: there equal vertices are one. */
    g = tenon_graph_new();
    struct tenon_node *n = exec();
    for (size_t i = 0; i < tenon_countof(beside); i++)
        OK(tenon_node_describe(n, beside[i][0], beside[i][1], &err));
    OK(tenon_node_at(n, 0, 3, 4));
    const struct keys k = keys_of(n, false);
    assert_where(&plain, &k, SAME, "beside");

    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    ck_assert_str_eq(v->name, "a name");
    ck_assert(v->meta.ignore_cache);
    ck_assert_int_eq(v->meta.memory, 1000);
    ck_assert_int_eq(v->meta.memory_swap, 1000);
    ck_assert_int_eq(v->meta.cpu_shares, 2);
    ck_assert_int_eq(v->meta.cpu_period, 2);
    ck_assert_int_eq(v->meta.cpu_quota, 2);
    ck_assert_str_eq(v->meta.cpuset_cpus, "0");
    ck_assert_str_eq(v->meta.cpuset_mems, "0");
    ck_assert_str_eq(v->meta.group_id, "g");
    ck_assert_str_eq(v->meta.group_name, "g");
    ck_assert(v->meta.group_weak);
    ck_assert_str_eq(tenon_vertex_describe(v, "anything.else"), "x");
    ck_assert_uint_eq(v->meta.ranges[0].line, 3);
    ck_assert_uint_eq(v->meta.ranges[0].end_line, 4);
    tenon_graph_free(plain_graph);
}
END_TEST

/* ---- plugins ------------------------------------------------------------------------ */

static struct keys
keys_of_plugin(const char *policy, unsigned epoch)
{
    compile_mount("x", policy, epoch);
    open_plugins();
    struct tenon_node *n = exec();
    struct tenon_node *m = new_part(n, "mount");
    set(m, "type", "x");
    set(m, "dest", "/m");
    return keys_of(n, false);
}

START_TEST(test_keys_policy_and_epoch_of_a_plugin)
{
    const struct keys one = keys_of_plugin("TENON_KEY_OPTIONS", 1);
    const struct keys two = keys_of_plugin("TENON_KEY_OPTIONS", 2);
    const struct keys neutral = keys_of_plugin("TENON_KEY_NEUTRAL", 1);
    const struct keys newer = keys_of_plugin("TENON_KEY_NEUTRAL", 2);
    const struct keys never = keys_of_plugin("TENON_KEY_VOLATILE", 1);

    ck_assert_str_ne(one.own.str, two.own.str);
    ck_assert_str_ne(one.own.str, neutral.own.str);
    ck_assert_str_eq(neutral.own.str, newer.own.str);
    ck_assert(!one.is_volatile && !neutral.is_volatile && never.is_volatile);
}
END_TEST

/* Parts are kept in the store, and --explain prints them. */
START_TEST(test_keys_hidden_option_counts_unseen)
{
    static const char *const names[] = { "option.in", "option.hidden", "option.hidden" };
    static const char *const texts[] = { "hush", "hush", "other" };
    struct keys keys[tenon_countof(names)];

    compile_mount("x", "TENON_KEY_OPTIONS", 1);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(names); i++) {
        struct tenon_node *n = exec();
        struct tenon_node *m = new_part(n, "mount");
        set(m, "type", "x");
        set(m, "dest", "/m");
        set(m, names[i], texts[i]);
        keys[i] = keys_of(n, false);
    }
    ck_assert(keys[0].shown && !keys[1].shown);
    ck_assert_str_ne(keys[1].own.str, keys[2].own.str);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("solve-parts");
    TCase *c = tcase_create("parts");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_keys_every_slot, 0, tenon_countof(slots));
    tcase_add_test(c, test_keys_outputs_are_inputs_of_their_own);
    tcase_add_test(c, test_keys_no_slot_is_forgotten);
    tcase_add_test(c, test_keys_order_of_inputs);
    tcase_add_test(c, test_keys_every_part_counts);
    tcase_add_test(c, test_keys_every_action_counts);
    tcase_add_test(c, test_keys_lone_root_that_is_not_plain);
    tcase_add_test(c, test_keys_kind_of_op_counts);
    tcase_add_test(c, test_keys_what_stands_beside_is_in_none);
    tcase_add_test(c, test_keys_policy_and_epoch_of_a_plugin);
    tcase_add_test(c, test_keys_hidden_option_counts_unseen);
    suite_add_tcase(s, c);
    return unit_run(s);
}
