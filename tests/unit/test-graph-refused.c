/* Ops and definitions that came from outside: every number in them is checked,
 * and what is one off is refused. */
#include "unit.h"

#include "tools/buf.h"
#include "graph/private.h"
#include "graph/wire.h"

static struct tenon_graph *g;
static struct tenon_arena arena;
static struct tenon_error err;

/* ---- numbers ---------------------------------------------------------------- */

static struct tenon_op exec_op, file_op, merge_op, diff_op;
static struct tenon_op_mount mounts[2];
static struct tenon_op_action actions[2];
static int64_t merged[2];
static const char *const args[] = { "a", NULL };
static const char *const none[] = { NULL };

/* Two inputs, all of it in order. */
static void
make_ops(void)
{
    memset(mounts, 0, sizeof mounts);
    for (int i = 0; i < 2; i++)
        mounts[i] = (struct tenon_op_mount){
            .input = i, .output = i, .dest = i ? "/m" : "/", .selector = "",
            .result_id = "", .cache_id = "", .id = "" };
    exec_op = (struct tenon_op){ .type = TENON_OP_EXEC, .exec = {
        .args = args, .env = none, .cwd = "/", .user = "", .hostname = "",
        .cgroup_parent = "", .mounts = mounts, .mount_count = 2 } };
    for (int i = 0; i < 2; i++)
        actions[i] = (struct tenon_op_action){
            .type = TENON_FILE_COPY, .input = 0, .secondary = 1, .output = i ? 0 : -1,
            .src = "/a", .dest = "/b", .mode = -1, .mode_str = "", .timestamp_ns = -1,
            .has_owner = true,
            .user = { TENON_USER_NAME, 0, "u", 0 }, .group = { TENON_USER_NAME, 0, "g", 0 } };
    file_op = (struct tenon_op){ .type = TENON_OP_FILE };
    file_op.file.actions = actions;
    file_op.file.count = 2;
    merged[0] = 0;
    merged[1] = 1;
    merge_op = (struct tenon_op){ .type = TENON_OP_MERGE };
    merge_op.merge.inputs = merged;
    merge_op.merge.count = 2;
    diff_op = (struct tenon_op){ .type = TENON_OP_DIFF };
    diff_op.diff.lower = 0;
    diff_op.diff.upper = 1;
}

static void
setup(void)
{
    g = tenon_graph_new();
    err = (struct tenon_error)TENON_ERROR_INIT;
    make_ops();
}

static void
teardown(void)
{
    tenon_graph_free(g);
    tenon_arena_release(&arena);
    tenon_error_release(&err);
}

static int
decode(const struct tenon_buf *bytes)
{
    struct raw_input *inputs;
    struct tenon_op op;
    size_t count;

    tenon_error_release(&err);
    return tenon_op_decode(&arena, tenon_buf_str(bytes), bytes->len, &op, &inputs,
                           &count, &err);
}

static int
decode_with_two_inputs(const struct tenon_op *op)
{
    static struct tenon_vertex vertex;
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    const struct tenon_edge edges[2] = { { &vertex, 0 }, { &vertex, 1 } };

    tenon_digest_of("x", 1, &vertex.digest);
    tenon_op_encode(op, edges, 2, &bytes);
    return decode(&bytes);
}

/* A number counts inputs, then the actions before it; -1 is scratch, or no output. */
static const struct {
    const char *what;
    const struct tenon_op *op;
    int64_t *number;
    int64_t last; /* that is in order */
} numbers[] = {
    { "input of the root", &exec_op, &mounts[0].input, 1 },
    { "input of a mount", &exec_op, &mounts[1].input, 1 },
    { "output of a mount", &exec_op, &mounts[1].output, 1 },
    { "input of the first action", &file_op, &actions[0].input, 1 },
    { "input of the second action", &file_op, &actions[1].input, 2 },
    { "source of the first action", &file_op, &actions[0].secondary, 1 },
    { "source of the second action", &file_op, &actions[1].secondary, 2 },
    { "output of an action", &file_op, &actions[1].output, 1 },
    { "where a user is looked up", &file_op, &actions[1].user.input, 1 },
    { "where a group is looked up", &file_op, &actions[1].group.input, 1 },
    { "merged", &merge_op, &merged[0], 1 },
    { "merged last", &merge_op, &merged[1], 1 },
    { "lower", &diff_op, &diff_op.diff.lower, 1 },
    { "upper", &diff_op, &diff_op.diff.upper, 1 },
};

START_TEST(test_graph_numbers_have_limits)
{
    const int64_t good[] = { -1, 0, numbers[_i].last };
    const int64_t bad[] = { -2, numbers[_i].last + 1, INT64_MAX, INT64_MIN,
                            INT64_C(1) << 32 };

    for (size_t i = 0; i < tenon_countof(good); i++) {
        *numbers[_i].number = good[i];
        ck_assert_msg(decode_with_two_inputs(numbers[_i].op) == 0, "%s %lld: %s",
                      numbers[_i].what, (long long)good[i], err.message);
    }
    for (size_t i = 0; i < tenon_countof(bad); i++) {
        *numbers[_i].number = bad[i];
        ck_assert_msg(decode_with_two_inputs(numbers[_i].op) == TENON_E_INVALID,
                      "%s %lld", numbers[_i].what, (long long)bad[i]);
    }
}
END_TEST

/* ---- what is missing, and what is too much ----------------------------------- */

START_TEST(test_graph_exec_needs_arguments_and_a_root)
{
    exec_op.exec.args = none;
    ck_assert_int_eq(decode_with_two_inputs(&exec_op), TENON_E_INVALID);
    ck_assert_str_eq(err.message, "exec without arguments");
    exec_op.exec.args = args;
    mounts[0].dest = "/elsewhere";
    ck_assert_int_eq(decode_with_two_inputs(&exec_op), TENON_E_INVALID);
    ck_assert_str_eq(err.message, "exec without a mount at /");
}
END_TEST

START_TEST(test_graph_security_modes_have_limits)
{
    for (int32_t mode = -1; mode <= 2; mode++) {
        exec_op.exec.security = mode;
        ck_assert_int_eq(decode_with_two_inputs(&exec_op), mode == 0 || mode == 1 ? 0
                                                                                : TENON_E_INVALID);
    }
    ck_assert_str_eq(err.message, "invalid security mode 2");
}
END_TEST

START_TEST(test_graph_mount_types_have_limits)
{
    static const int32_t bad[] = { -1, TENON_LLB_MOUNT_TMPFS + 1, 1000 };

    for (int32_t type = TENON_LLB_MOUNT_BIND; type <= TENON_LLB_MOUNT_TMPFS; type++) {
        mounts[1].type = type;
        ck_assert_int_eq(decode_with_two_inputs(&exec_op), 0);
    }
    for (size_t i = 0; i < tenon_countof(bad); i++) {
        mounts[1].type = bad[i];
        ck_assert_int_eq(decode_with_two_inputs(&exec_op), TENON_E_UNSUPPORTED);
    }
}
END_TEST

START_TEST(test_graph_file_op_needs_actions)
{
    file_op.file.count = 0;
    ck_assert_int_eq(decode_with_two_inputs(&file_op), TENON_E_INVALID);
}
END_TEST

START_TEST(test_graph_source_has_a_name_and_no_inputs)
{
    struct tenon_op op = { .type = TENON_OP_SOURCE, .source = { "x://y", NULL, 0 } };
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    ck_assert_int_eq(decode_with_two_inputs(&op), TENON_E_INVALID);
    tenon_op_encode(&op, NULL, 0, &bytes);
    ck_assert_int_eq(decode(&bytes), 0);
    tenon_buf_clear(&bytes);
    op.source.identifier = "";
    tenon_op_encode(&op, NULL, 0, &bytes);
    ck_assert_int_eq(decode(&bytes), TENON_E_INVALID);
}
END_TEST

/* ---- bytes --------------------------------------------------------------------- */

static void
put_source(struct tenon_buf *op, const char *identifier, size_t len)
{
    auto_buf struct tenon_buf m = TENON_BUF_INIT;

    tenon_wire_put_bytes(&m, 1, identifier, len);
    tenon_wire_put_message(op, TENON_OP_SOURCE, &m);
}

START_TEST(test_graph_op_has_one_kind)
{
    auto_buf struct tenon_buf op = TENON_BUF_INIT;

    put_source(&op, "x://y", 5);
    ck_assert_int_eq(decode(&op), 0);
    put_source(&op, "x://y", 5);
    ck_assert_int_eq(decode(&op), TENON_E_CORRUPT);
}
END_TEST

START_TEST(test_graph_strings_hold_no_nul)
{
    auto_buf struct tenon_buf op = TENON_BUF_INIT;

    put_source(&op, "x://\0y", 6);
    ck_assert_int_eq(decode(&op), TENON_E_CORRUPT);
}
END_TEST

/* Each kind of action, then another one in the same message. */
START_TEST(test_graph_action_has_one_kind)
{
    for (uint32_t kind = TENON_FILE_COPY; kind <= TENON_FILE_SYMLINK + 1; kind++) {
        auto_buf struct tenon_buf none_yet = TENON_BUF_INIT, action = TENON_BUF_INIT,
                                  file = TENON_BUF_INIT, op = TENON_BUF_INIT;
        tenon_wire_put_int(&action, 1, -1);
        tenon_wire_put_int(&action, 2, -1);
        tenon_wire_put_message(&action, kind, &none_yet);
        tenon_wire_put_message(&file, 2, &action);
        tenon_wire_put_message(&op, TENON_OP_FILE, &file);
        ck_assert_int_eq(decode(&op), kind > TENON_FILE_SYMLINK ? TENON_E_UNSUPPORTED : 0);
        if (kind > TENON_FILE_SYMLINK)
            break;
        auto_buf struct tenon_buf two = TENON_BUF_INIT, both = TENON_BUF_INIT;
        tenon_wire_put_message(&action, TENON_FILE_RM, &none_yet);
        tenon_wire_put_message(&two, 2, &action);
        tenon_wire_put_message(&both, TENON_OP_FILE, &two);
        ck_assert_int_eq(decode(&both), TENON_E_CORRUPT);
    }
}
END_TEST

static const struct {
    const char *digest;
    uint64_t index;
    int code;
} inputs[] = {
    { "sha256:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d69326e", 0, 0 },
    { "sha256:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d69326e", UINT32_MAX, 0 },
    { "sha256:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d69326e",
      UINT64_C(1) << 32, TENON_E_INVALID },
    { "sha256:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d69326e",
      UINT64_MAX, TENON_E_INVALID },
    { "sha256:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d6932", 0,
      TENON_E_INVALID },
    { "sha512:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d69326e", 0,
      TENON_E_INVALID },
    { "", 0, TENON_E_INVALID },
};

START_TEST(test_graph_inputs_are_digests_and_numbers)
{
    auto_buf struct tenon_buf in = TENON_BUF_INIT, op = TENON_BUF_INIT;

    tenon_wire_put_string(&in, 1, inputs[_i].digest);
    tenon_wire_put_uint(&in, 2, inputs[_i].index);
    tenon_wire_put_message(&op, 1, &in);
    ck_assert_int_eq(decode(&op), inputs[_i].code);
}
END_TEST

START_TEST(test_graph_lists_have_an_end)
{
    enum { MOST = TENON_GRAPH_MAX_ITEMS };
    const char **env = tenon_calloc(MOST + 2, sizeof *env);

    exec_op.exec.env = env;
    for (int i = 0; i < MOST; i++)
        env[i] = "A";
    ck_assert_int_eq(decode_with_two_inputs(&exec_op), 0);
    env[MOST] = "A";
    ck_assert_int_eq(decode_with_two_inputs(&exec_op), TENON_E_LIMIT);
    free(env);
}
END_TEST

/* ---- definitions ------------------------------------------------------------------ */

/* One source, and what the definition says is its result. */
static int
load_with_result(const char *digest, uint64_t index, bool bare)
{
    auto_buf struct tenon_buf def = TENON_BUF_INIT, op = TENON_BUF_INIT,
                              in = TENON_BUF_INIT, last = TENON_BUF_INIT;
    struct tenon_digest own;
    struct tenon_edge edge = {0};

    put_source(&op, "x://y", 5);
    tenon_digest_of(op.data, op.len, &own);
    tenon_wire_put_message(&def, 1, &op);
    tenon_wire_put_string(&in, 1, digest ? digest : own.str);
    tenon_wire_put_uint(&in, 2, index);
    tenon_wire_put_message(&last, 1, &in);
    if (!bare)
        tenon_wire_put_message(&last, 1, &in);
    tenon_wire_put_message(&def, 1, &last);
    tenon_error_release(&err);
    int r = tenon_graph_load(g, def.data, def.len, &edge, &err);
    if (r == 0)
        ck_assert_str_eq(edge.vertex->digest.str, own.str);
    return r;
}

START_TEST(test_graph_result_is_in_the_definition)
{
    ck_assert_int_eq(load_with_result(NULL, 0, true), 0);
    ck_assert_int_eq(load_with_result(NULL, 1, true), TENON_E_INVALID);
    ck_assert_int_eq(load_with_result(NULL, 0, false), TENON_E_INVALID);
    ck_assert_int_eq(load_with_result(inputs[0].digest, 0, true), TENON_E_INVALID);
}
END_TEST

/* ---- the builder ------------------------------------------------------------------- */

static struct tenon_node *
new_node(const char *op)
{
    struct tenon_node *n = tenon_node_new(g, op, &err);
    ck_assert_ptr_nonnull(n);
    return n;
}

static struct tenon_node *
new_source(void)
{
    struct tenon_node *n = new_node("source");
    ck_assert_int_eq(tenon_node_set(n, "identifier", "x://y", &err), 0);
    return n;
}

START_TEST(test_graph_merge_is_of_two)
{
    for (unsigned count = 0; count < 3; count++) {
        struct tenon_node *m = new_node("merge");
        for (unsigned i = 0; i < count; i++)
            ck_assert_int_eq(tenon_node_input(m, "input", new_source(), 0, &err), 0);
        ck_assert_int_eq(tenon_node_freeze(m, &err) != NULL, count == 2);
        tenon_error_release(&err);
    }
}
END_TEST

START_TEST(test_graph_actions_use_earlier_ones)
{
    static const char *const slots[] = { "input", "secondary" };
    struct tenon_node *f = new_node("file"), *a[3];

    for (int i = 0; i < 3; i++)
        a[i] = tenon_node_part(f, "copy", &err);
    struct tenon_node *other = tenon_node_part(new_node("file"), "copy", &err);
    for (size_t s = 0; s < tenon_countof(slots); s++) {
        for (int i = 0; i < 3; i++)
            ck_assert_int_eq(tenon_node_input(a[1], slots[s], a[i], 0, &err),
                             i < 1 ? 0 : TENON_E_INVALID);
        ck_assert_int_eq(tenon_node_input(a[1], slots[s], other, 0, &err),
                         TENON_E_INVALID);
    }
    ck_assert_int_eq(tenon_node_input(a[1], "owner.user", a[0], 0, &err),
                     TENON_E_INVALID);
}
END_TEST

/* Numbers up to what an id may be; anything else is a name. */
static const struct {
    const char *text;
    int how;
    uint32_t id;
} owners[] = {
    { "0", TENON_USER_ID, 0 },
    { "root", TENON_USER_ID, 0 },
    { "1000", TENON_USER_ID, 1000 },
    { "2147483647", TENON_USER_ID, 2147483647 },
    { "2147483648", TENON_USER_NAME, 0 },
    { "Root", TENON_USER_NAME, 0 },
    { "-1", TENON_USER_NAME, 0 },
    { "0x1", TENON_USER_NAME, 0 },
    { "1a", TENON_USER_NAME, 0 },
    { "nobody", TENON_USER_NAME, 0 },
};

START_TEST(test_graph_owners)
{
    struct tenon_node *f = new_node("file"), *a = tenon_node_part(f, "mkdir", &err);

    ck_assert_int_eq(tenon_node_input(a, "input", new_source(), 0, &err), 0);
    ck_assert_int_eq(tenon_node_set(a, "path", "/d", &err), 0);
    ck_assert_int_eq(tenon_node_set(a, "owner.user", owners[_i].text, &err), 0);
    ck_assert_int_eq(tenon_node_set(a, "owner.group", "7", &err), 0);
    const struct tenon_vertex *v = tenon_node_freeze(f, &err);
    ck_assert_msg(v != NULL, "%s", err.message);
    const struct tenon_op_action *made = &v->op.file.actions[0];
    ck_assert_int_eq(made->user.how, owners[_i].how);
    if (made->user.how == TENON_USER_ID)
        ck_assert_uint_eq(made->user.id, owners[_i].id);
    else
        ck_assert_str_eq(made->user.name, owners[_i].text);
    ck_assert_uint_eq(made->group.id, 7);
}
END_TEST

static const struct {
    const char *part, *attr;
    int64_t value;
    int code;
} integers[] = {
    { "mount", "mode", -1, TENON_E_INVALID },
    { "mount", "mode", 0, 0 },
    { "mount", "mode", UINT32_MAX, 0 },
    { "mount", "mode", (int64_t)UINT32_MAX + 1, TENON_E_INVALID },
    { "mount", "uid", INT64_MIN, TENON_E_INVALID },
    { "mount", "gid", -1, TENON_E_INVALID },
    { "mount", "tmpfs_size", -1, 0 }, /* signed in LLB */
    { "mount", "dest", 1, TENON_E_INVALID },
    { "ulimit", "soft", -1, 0 },
    { "ulimit", "name", 1, TENON_E_INVALID },
};

START_TEST(test_graph_integers)
{
    struct tenon_node *p = tenon_node_part(new_node("exec"), integers[_i].part, &err);

    ck_assert_int_eq(tenon_node_set_int(p, integers[_i].attr, integers[_i].value, &err),
                     integers[_i].code);
}
END_TEST

/* Of what is set twice the last counts, and keys are in order. */
START_TEST(test_graph_maps_are_sorted)
{
    static const char *const set[][2] = {
        { "attr.b", "1" }, { "attr.a", "2" }, { "attr.b", "3" }, { "attr.c", "4" },
        { "attr.a", "5" }, { "attr.a", "6" },
    };
    struct tenon_node *n = new_source();

    for (size_t i = 0; i < tenon_countof(set); i++)
        ck_assert_int_eq(tenon_node_set(n, set[i][0], set[i][1], &err), 0);
    const struct tenon_op_source *s = &tenon_node_freeze(n, &err)->op.source;
    ck_assert_uint_eq(s->attr_count, 3);
    ck_assert_str_eq(s->attrs[0].key, "a");
    ck_assert_str_eq(s->attrs[0].value, "6");
    ck_assert_str_eq(s->attrs[1].value, "3");
    ck_assert_str_eq(s->attrs[2].value, "4");
}
END_TEST

/* A node that was used says so, and so do its parts. */
START_TEST(test_graph_used_nodes_stay)
{
    struct tenon_node *f = new_node("file"), *a = tenon_node_part(f, "mkfile", &err);

    ck_assert_int_eq(tenon_node_set(a, "path", "/f", &err), 0);
    ck_assert_msg(tenon_node_freeze(f, &err) != NULL, "%s", err.message);
    ck_assert_ptr_null(tenon_node_part(f, "mkfile", &err));
    ck_assert_int_eq(err.code, TENON_E_BUG);
    ck_assert_int_eq(tenon_node_set(a, "path", "/g", &err), TENON_E_BUG);
    ck_assert_int_eq(tenon_node_set_int(a, "mode", 1, &err), TENON_E_BUG);
    ck_assert_int_eq(tenon_node_set_bytes(a, "data", "x", 1, &err), TENON_E_BUG);
    ck_assert_int_eq(tenon_node_input(a, "input", new_source(), 0, &err), TENON_E_BUG);
    ck_assert_int_eq(tenon_node_describe(f, "k", "v", &err), TENON_E_BUG);
    ck_assert_int_eq(tenon_node_at(f, 0, 1, 1), TENON_E_BUG);
}
END_TEST

/* Definition upon definition, and files for excerpts, are kept as long as the build lasts. */
START_TEST(test_graph_is_full)
{
    auto_error struct tenon_error e = TENON_ERROR_INIT;
    struct tenon_graph *full = tenon_graph_new();
    char text[1000] = "";
    uint32_t n = 0;
    unsigned files = 0;

    full->memory_max = 100000;
    for (; n != UINT32_MAX && files < 1000; files++) {
        snprintf(text, sizeof text, "%u", files);
        n = tenon_graph_source(full, "file", "", text, sizeof text);
    }
    ck_assert_uint_gt(files, 50);
    ck_assert_uint_lt(files, 100);
    ck_assert_ptr_null(tenon_graph_get_source(full, n));
    struct tenon_node *node = tenon_node_new(full, "source", &e);
    for (int i = 0; node && e.code == 0 && i < 1000; i++)
        tenon_node_set(node, "attr.x", text, &e);
    ck_assert_int_eq(e.code, TENON_E_LIMIT);
    tenon_error_release(&e);
    struct tenon_edge edge = {0};
    ck_assert_int_eq(tenon_graph_load(full, "", 0, &edge, &e), TENON_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(e.message, "described by more than 100000 bytes"));
    ck_assert_ptr_null(tenon_node_new(full, "exec", &e));
    tenon_graph_free(full);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("graph-refused");
    TCase *t = tcase_create("refused");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_graph_numbers_have_limits, 0, tenon_countof(numbers));
    tcase_add_test(t, test_graph_exec_needs_arguments_and_a_root);
    tcase_add_test(t, test_graph_security_modes_have_limits);
    tcase_add_test(t, test_graph_mount_types_have_limits);
    tcase_add_test(t, test_graph_file_op_needs_actions);
    tcase_add_test(t, test_graph_source_has_a_name_and_no_inputs);
    tcase_add_test(t, test_graph_op_has_one_kind);
    tcase_add_test(t, test_graph_strings_hold_no_nul);
    tcase_add_test(t, test_graph_action_has_one_kind);
    tcase_add_loop_test(t, test_graph_inputs_are_digests_and_numbers, 0,
                        tenon_countof(inputs));
    tcase_add_test(t, test_graph_lists_have_an_end);
    tcase_add_test(t, test_graph_is_full);
    tcase_add_test(t, test_graph_result_is_in_the_definition);
    tcase_add_test(t, test_graph_merge_is_of_two);
    tcase_add_test(t, test_graph_actions_use_earlier_ones);
    tcase_add_loop_test(t, test_graph_owners, 0, tenon_countof(owners));
    tcase_add_loop_test(t, test_graph_integers, 0, tenon_countof(integers));
    tcase_add_test(t, test_graph_maps_are_sorted);
    tcase_add_test(t, test_graph_used_nodes_stay);
    suite_add_tcase(s, t);
    return unit_run(s);
}
