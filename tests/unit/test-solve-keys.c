/* One thing differs, so the key differs; or it is not in the key, and why is
 * written in docs/caching.md.
 *
 * The pairs are checked against the attribute table of the graph: an attribute
 * without a pair fails the test. */
#include "keykit.h"

static const struct pair {
    enum node_kind kind;
    const char *attr;
    const char *one[4], *two[4]; /* set in turn; none: left alone */
    enum where where;
    const char *as; /* of a mount: its type */
} pairs[] = {
    /* the key of a source is what its plugin says */
    { NODE_SOURCE, "identifier", LIST("local://a"), LIST("local://b"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "platform", LIST("linux/amd64"), LIST("linux/arm64"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "platform", LIST(NULL), LIST("linux/amd64"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "platform", LIST("linux/arm/v6"), LIST("linux/arm/v7"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "attr.k", LIST("1"), LIST("2"), VERTEX_ONLY, 0 },
    { NODE_SOURCE, "attr.k", LIST(NULL), LIST(""), VERTEX_ONLY, 0 },

    { NODE_EXEC, "args", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "args", LIST("a", "b"), LIST("b", "a"), OWN, 0 },
    { NODE_EXEC, "args", LIST("a b"), LIST("a", "b"), OWN, 0 },
    { NODE_EXEC, "args", LIST("a"), LIST("a", ""), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1"), LIST("A=2"), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1"), LIST("B=1"), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1", "B=2"), LIST("B=2", "A=1"), OWN, 0 },
    { NODE_EXEC, "env", LIST("A="), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "env", LIST("A=1=2"), LIST("A=1"), OWN, 0 },
    { NODE_EXEC, "cwd", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_EXEC, "user", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "user", LIST("0"), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "user", LIST("1:2"), LIST("1:3"), OWN, 0 },
    { NODE_EXEC, "hostname", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "hostname", LIST("a"), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "cgroup_parent", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXEC, "network", LIST("sandbox"), LIST("host"), OWN, 0 },
    { NODE_EXEC, "network", LIST("none"), LIST("host"), OWN, 0 },
    { NODE_EXEC, "network", LIST("sandbox"), LIST(NULL), SAME, 0 },
    { NODE_EXEC, "security", LIST("sandbox"), LIST("insecure"), OWN, 0 },
    { NODE_EXEC, "proxy.http", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.https", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.ftp", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.no", LIST("a"), LIST(NULL), VERTEX_ONLY, 0 },
    { NODE_EXEC, "proxy.all", LIST("a"), LIST("b"), VERTEX_ONLY, 0 },
    { NODE_EXEC, "valid_exit_code", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_EXEC, "valid_exit_code", LIST("0"), LIST("0", "1"), OWN, 0 },
    { NODE_EXEC, "valid_exit_code", LIST("0"), LIST(NULL), OWN, 0 },
    { NODE_EXEC, "remove_stubs_recursive", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_EXEC, "remove_stubs_recursive", LIST("1"), LIST(NULL), SAME, 0 },
    { NODE_EXEC, "platform", LIST("linux/amd64"), LIST("linux/arm64"), OWN, 0 },
    { NODE_EXEC, "platform", LIST("linux/arm/v6"), LIST("linux/arm/v7"), OWN, 0 },
    { NODE_EXEC, "platform", LIST("linux(1)/amd64"), LIST("linux(2)/amd64"), OWN, 0 },
    { NODE_EXEC, "platform", LIST("linux/amd64"), LIST("freebsd/amd64"), OWN, 0 },
    /* where it runs otherwise */
    { NODE_EXEC, "platform", LIST("linux/amd64"), LIST(NULL), VERTEX_ONLY, 0 },

    { NODE_MOUNT, "type", LIST("bind"), LIST("tmpfs"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("secret"), LIST("ssh"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("cache"), LIST("tmpfs"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("x"), LIST("y"), OWN, 0 },
    { NODE_MOUNT, "type", LIST("x"), LIST("bind"), OWN, 0 },
    { NODE_MOUNT, "dest", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_MOUNT, "dest", LIST("/a"), LIST("/b"), OWN, "tmpfs" },
    { NODE_MOUNT, "dest", LIST("/a"), LIST("/b"), OWN, "secret" },
    { NODE_MOUNT, "selector", LIST("/a"), LIST("/b"), DEFINITION, 0 },
    { NODE_MOUNT, "selector", LIST("a"), LIST(NULL), DEFINITION, 0 },
    { NODE_MOUNT, "selector", LIST("/a"), LIST("/b"), DEFINITION, "cache" },
    { NODE_MOUNT, "readonly", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_MOUNT, "readonly", LIST("0"), LIST("1"), OWN, "cache" },
    { NODE_MOUNT, "no_output", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_MOUNT, "result_id", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_MOUNT, "content_cache", LIST("on"), LIST("off"), OWN, 0 },
    { NODE_MOUNT, "content_cache", LIST("default"), LIST("on"), OWN, 0 },
    { NODE_MOUNT, "tmpfs_size", LIST("1"), LIST("2"), OWN, "tmpfs" },
    { NODE_MOUNT, "tmpfs_size", LIST(NULL), LIST("2"), OWN, "tmpfs" },
    /* what a cache holds may change at any time, so which one it is tells
     * nothing; but the default id follows from the target */
    { NODE_MOUNT, "cache_id", LIST("a"), LIST("b"), VERTEX_ONLY, "cache" },
    { NODE_MOUNT, "cache_id", LIST("/m"), LIST("b"), OWN, "cache" },
    { NODE_MOUNT, "cache_id", LIST("/m"), LIST("ns//m"), OWN, "cache" },
    { NODE_MOUNT, "cache_id", LIST("n1//m"), LIST("n2//m"), OWN, "cache" },
    { NODE_MOUNT, "cache_sharing", LIST("private"), LIST("locked"), VERTEX_ONLY, "cache" },
    { NODE_MOUNT, "id", LIST("a"), LIST("b"), OWN, "secret" },
    { NODE_MOUNT, "id", LIST("a"), LIST("b"), OWN, "ssh" },
    { NODE_MOUNT, "uid", LIST("1"), LIST("2"), OWN, "secret" },
    { NODE_MOUNT, "uid", LIST("1"), LIST("2"), OWN, "ssh" },
    { NODE_MOUNT, "gid", LIST("1"), LIST("2"), OWN, "secret" },
    { NODE_MOUNT, "gid", LIST("1"), LIST("2"), OWN, "ssh" },
    { NODE_MOUNT, "mode", LIST("0400"), LIST("0444"), OWN, "secret" },
    { NODE_MOUNT, "mode", LIST("0400"), LIST("0444"), OWN, "ssh" },
    { NODE_MOUNT, "optional", LIST("0"), LIST("1"), OWN, "secret" },
    { NODE_MOUNT, "optional", LIST("0"), LIST("1"), OWN, "ssh" },
    { NODE_MOUNT, "option.in", LIST("1"), LIST("2"), OWN, "x" },
    { NODE_MOUNT, "option.in", LIST(NULL), LIST(""), OWN, "x" },
    { NODE_MOUNT, "option.in", LIST("1", "2"), LIST("2"), OWN, "x" },
    { NODE_MOUNT, "option.in", LIST("1", "2"), LIST("2", "1"), OWN, "x" },
    { NODE_MOUNT, "option.any.k", LIST("1"), LIST("2"), VERTEX_ONLY, "x" },
    { NODE_MOUNT, "option.unknown", LIST("1"), LIST("2"), OWN, "x" },
    { NODE_MOUNT, "option.out", LIST("1"), LIST("2"), VERTEX_ONLY, "x" },
    { NODE_MOUNT, "option.in", LIST("1"), LIST("2"), VERTEX_ONLY, "neutral" },

    { NODE_SECRETENV, "id", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_SECRETENV, "name", LIST("A"), LIST("B"), OWN, 0 },
    { NODE_SECRETENV, "optional", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_EXTRAHOST, "host", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_EXTRAHOST, "ip", LIST("1.1.1.1"), LIST("1.1.1.2"), VERTEX_ONLY, 0 },
    { NODE_ULIMIT, "name", LIST("core"), LIST("nofile"), OWN, 0 },
    { NODE_ULIMIT, "soft", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_ULIMIT, "hard", LIST("1"), LIST("-1"), OWN, 0 },
    { NODE_DEVICE, "name", LIST("v/c=a"), LIST("v/c=b"), OWN, 0 },
    { NODE_DEVICE, "optional", LIST("0"), LIST("1"), OWN, 0 },

    { NODE_COPY, "src", LIST("/d/a"), LIST("/d/b"), OWN, 0 },
    { NODE_COPY, "src", LIST("/d/a"), LIST("/e/a"), DEFINITION, 0 },
    { NODE_COPY, "src", LIST("/d/a"), LIST("d/../d/a/"), SAME, 0 },
    { NODE_COPY, "dest", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_COPY, "dest", LIST("/a"), LIST("/a/"), OWN, 0 },
    { NODE_COPY, "dest", LIST("/a"), LIST("a"), SAME, 0 },
    { NODE_COPY, "mode", LIST("0644"), LIST("0600"), OWN, 0 },
    { NODE_COPY, "mode", LIST(NULL), LIST("0"), OWN, 0 },
    { NODE_COPY, "mode", LIST("0755"), LIST("04755"), OWN, 0 },
    { NODE_COPY, "mode_str", LIST("u+x"), LIST("a+x"), OWN, 0 },
    { NODE_COPY, "follow_symlink", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "dir_copy_contents", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "attempt_unpack", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "create_dest_path", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "allow_wildcard", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "allow_empty_wildcard", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "always_replace", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_COPY, "include", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "include", LIST("a", "!b"), LIST("!b", "a"), OWN, 0 },
    { NODE_COPY, "exclude", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "exclude", LIST("a"), LIST("a", "b"), OWN, 0 },
    { NODE_COPY, "required", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST(NULL), LIST("0"), OWN, 0 },
    { NODE_COPY, "owner.user", LIST("0"), LIST("root"), SAME, 0 },
    { NODE_COPY, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_COPY, "owner.group", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_COPY, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_COPY, "timestamp", LIST(NULL), LIST("0"), OWN, 0 },

    { NODE_MKFILE, "path", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_MKFILE, "mode", LIST("0644"), LIST("0600"), OWN, 0 },
    { NODE_MKFILE, "data", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_MKFILE, "data", LIST(NULL), LIST("b"), OWN, 0 },
    { NODE_MKFILE, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKFILE, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKFILE, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKDIR, "path", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_MKDIR, "mode", LIST("0755"), LIST("0700"), OWN, 0 },
    { NODE_MKDIR, "make_parents", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_MKDIR, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKDIR, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_MKDIR, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_RM, "path", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_RM, "allow_not_found", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_RM, "allow_wildcard", LIST("0"), LIST("1"), OWN, 0 },
    { NODE_SYMLINK, "oldpath", LIST("a"), LIST("b"), OWN, 0 },
    { NODE_SYMLINK, "oldpath", LIST("d/a"), LIST("e/a"), OWN, 0 },
    { NODE_SYMLINK, "newpath", LIST("/a"), LIST("/b"), OWN, 0 },
    { NODE_SYMLINK, "owner.user", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_SYMLINK, "owner.group", LIST("1"), LIST("2"), OWN, 0 },
    { NODE_SYMLINK, "timestamp", LIST("1"), LIST("2"), OWN, 0 },
};

/* One node or part of each kind, with what it cannot do without; *op is what
 * to freeze. */
static struct tenon_node *
begin(enum node_kind kind, const char *as, struct tenon_node **op)
{
    const char *name = tenon_node_kinds[kind].name;

    if (kind == NODE_SOURCE)
        return *op = source("context");
    if (kind == NODE_EXEC)
        return *op = exec();
    if (kind >= NODE_COPY) {
        *op = new_node("file");
        struct tenon_node *a = new_part(*op, name);
        connect_to(a, "input", source("base"));
        if (kind == NODE_COPY)
            connect_to(a, "secondary", source("other"));
        return a;
    }
    *op = exec();
    struct tenon_node *p = new_part(*op, name);
    if (kind == NODE_MOUNT) {
        set(p, "type", as ? as : "bind");
        set(p, "dest", "/m");
        if (!as || tenon_streq(as, "cache"))
            connect_to(p, "input", source("other"));
    }
    return p;
}

static struct keys
keys_with(const struct pair *p, const char *const *values)
{
    struct tenon_node *op, *n = begin(p->kind, p->as, &op);

    /* What a mount of any sort is connected to would tell them apart. */
    for (; *values; values++)
        set_any(n, p->kind, p->attr, *values);
    return keys_of(op, false);
}

START_TEST(test_keys_every_attribute)
{
    compile_mount("x", "TENON_KEY_OPTIONS", 1);
    compile_mount("y", "TENON_KEY_OPTIONS", 1);
    compile_mount("neutral", "TENON_KEY_NEUTRAL", 1);
    open_plugins();
    for (size_t i = 0; i < tenon_countof(pairs); i++) {
        const struct pair *p = &pairs[i];
        const bool types = tenon_streq(p->attr, "type");
        if (!mount_is_built(p->as ? p->as : "") ||
            (types && (!mount_is_built(p->one[0]) || !mount_is_built(p->two[0]))))
            continue;
        auto_free char *what = tenon_asprintf(
            "%s %s (%s, %s)", tenon_node_kinds[p->kind].name, p->attr,
            p->one[0] ? p->one[0] : "none", p->two[0] ? p->two[0] : "none");
        const struct keys one = keys_with(p, p->one), two = keys_with(p, p->two);
        const struct keys again = keys_with(p, p->one);
        assert_where(&one, &two, p->where, what);
        assert_where(&one, &again, SAME, what);
    }
}
END_TEST

/* A new attribute needs a pair of values above. */
START_TEST(test_keys_no_attribute_is_forgotten)
{
    for (int kind = 0; kind < NODE_KINDS; kind++) {
        const struct message *m = tenon_node_kinds[kind].message;
        const struct field *a;
        for (size_t k = 0; (a = field_nth(m, k)); k++) {
            bool found = false;
            for (size_t i = 0; i < tenon_countof(pairs) && !found; i++)
                found = (int)pairs[i].kind == kind && pairs[i].where != SAME &&
                        tenon_field_find(m, pairs[i].attr) == a;
            ck_assert_msg(found, "no pair of values for \"%s\" of %s", a->name,
                          tenon_node_kinds[kind].name);
        }
    }
}
END_TEST

/* ---- from the node to the decoded op ------------------------------------------- */

/* The struct that an attribute's offset is in. */
static const void *
decoded(const struct tenon_vertex *v, enum node_kind kind)
{
    const struct tenon_op_exec *x = &v->op.exec;

    switch (kind) {
    case NODE_SOURCE:
        return &v->op.source;
    case NODE_EXEC:
        return x;
    case NODE_MOUNT: /* behind the root */
        return &x->mounts[1];
    case NODE_SECRETENV:
        return &x->secretenv[0];
    case NODE_EXTRAHOST:
        return &x->extra_hosts[0];
    case NODE_ULIMIT:
        return &x->ulimits[0];
    case NODE_DEVICE:
        return &x->devices[0];
    case NODE_COPY:
    case NODE_MKFILE:
    case NODE_MKDIR:
    case NODE_RM:
    case NODE_SYMLINK:
        return &v->op.file.actions[0];
    case NODE_FILE:
    case NODE_MERGE:
    case NODE_DIFF:
    case NODE_KINDS:
        break;
    }
    ck_abort_msg("%s has no attributes", tenon_node_kinds[kind].name);
}

static void
add_text(struct tenon_buf *b, const char *text)
{
    tenon_buf_addf(b, "\"%s\"", text ? text : "");
}

static void
add_map(struct tenon_buf *b, const struct tenon_pair *map, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tenon_buf_addf(b, "%s=%s,", map[i].key, map[i].value);
}

/* One attribute's value in the struct at `at`. */
static void
show_attr(const struct field *a, const void *at, struct tenon_buf *b)
{
    const void *p = FIELD_AT(at, a->offset, const char);
    const size_t *extra = FIELD_AT(at, a->extra, const size_t);

    switch (a->type) {
    case FIELD_STRING:
    case FIELD_OPTIONAL:
        add_text(b, *(const char *const *)p);
        break;
    case FIELD_LIST:
        for (const char *const *l = *(const char *const *const *)p; l && *l; l++)
            add_text(b, *l);
        break;
    case FIELD_BYTES:
        tenon_buf_add(b, *(const void *const *)p, *extra);
        break;
    case FIELD_MAP:
    case FIELD_PAIRS:
        add_map(b, *(const struct tenon_pair *const *)p, *extra);
        break;
    case FIELD_INTS:
        for (size_t i = 0; i < *extra; i++)
            tenon_buf_addf(b, "%lld,", (long long)(*(const int64_t *const *)p)[i]);
        break;
    case FIELD_INT64:
    case FIELD_MODE:
        tenon_buf_addf(b, "%lld", (long long)*(const int64_t *)p);
        break;
    case FIELD_WORD:
        tenon_buf_addf(b, "%d", *(const int32_t *)p);
        break;
    case FIELD_UINT32:
        tenon_buf_addf(b, "%u", *(const uint32_t *)p);
        break;
    case FIELD_BOOL:
        tenon_buf_addf(b, "%d", *(const bool *)p);
        break;
    case FIELD_USER: {
        const struct tenon_op_user *u = p;
        tenon_buf_addf(b, "%d %u ", (int)u->how, u->how == TENON_USER_ID ? u->id : 0);
        add_text(b, u->how == TENON_USER_NAME ? u->name : "");
        break;
    }
    case FIELD_MOUNT_TYPE: {
        const struct tenon_op_mount *m = at;
        tenon_buf_addf(b, "%d ", (int)m->type);
        add_text(b, m->plugin_type);
        break;
    }
    case FIELD_PLATFORM: /* of the op: below */
    case FIELD_NO_OUTPUT:
    case FIELD_INDEX:
    case FIELD_INDEXES:
    case FIELD_GROUP:
    case FIELD_ITEMS:
        break;
    }
}

/* Every attribute of the kind, and not only the one that was set: none has taken
 * another's place, and what was not set is what the node has for it. */
static void
assert_arrived(const struct pair *p, const char *const *values)
{
    struct tenon_node *op, *n = begin(p->kind, p->as, &op);
    const struct message *message = tenon_node_kinds[p->kind].message;
    const struct field *a;

    for (; *values; values++)
        set_any(n, p->kind, p->attr, *values);
    const struct tenon_vertex *v = tenon_node_freeze(op, &err);
    ck_assert_msg(v != NULL, "%s", err.message);
    const void *at = decoded(v, p->kind);
    for (size_t k = 0; (a = field_nth(message, k)); k++) {
        auto_buf struct tenon_buf want = TENON_BUF_INIT, got = TENON_BUF_INIT;
        /* Paths of actions are made absolute; the ones given here are. */
        if (p->kind >= NODE_COPY && a->type == FIELD_STRING && !tenon_streq(a->name, p->attr))
            continue;
        if (a->type == FIELD_NO_OUTPUT) {
            const struct tenon_op_mount *m = at;
            ck_assert_msg(!n->no_output || m->output == -1, "no output");
            continue;
        }
        show_attr(a, &n->source, &want);
        show_attr(a, at, &got);
        ck_assert_msg(tenon_streq(tenon_buf_str(&want), tenon_buf_str(&got)),
                      "%s %s: %s is %s, not %s", tenon_node_kinds[p->kind].name, p->attr,
                      a->name, tenon_buf_str(&got), tenon_buf_str(&want));
    }
    ck_assert_int_eq(v->op.has_platform, op->has_platform);
    if (op->has_platform) {
        ck_assert_str_eq(v->op.platform.os, op->platform.os);
        ck_assert_str_eq(v->op.platform.arch, op->platform.arch);
        ck_assert_str_eq(v->op.platform.variant, op->platform.variant);
        ck_assert_str_eq(v->op.platform.os_version, op->platform.os_version);
    }
}

START_TEST(test_keys_every_attribute_arrives)
{
    for (size_t i = 0; i < tenon_countof(pairs); i++) {
        if (pairs[i].where == SAME)
            continue;
        assert_arrived(&pairs[i], pairs[i].one);
        assert_arrived(&pairs[i], pairs[i].two);
    }
}
END_TEST

/* What a text says of a platform. */
START_TEST(test_keys_platform_has_parts)
{
    struct tenon_node *n = source("a");

    set(n, "platform", "linux(6.1)/arm/v6");
    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    ck_assert_str_eq(v->op.platform.os, "linux");
    ck_assert_str_eq(v->op.platform.os_version, "6.1");
    ck_assert_str_eq(v->op.platform.arch, "arm");
    ck_assert_str_eq(v->op.platform.variant, "v6");
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("solve-keys");
    TCase *c = tcase_create("keys");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_keys_every_attribute);
    tcase_add_test(c, test_keys_no_attribute_is_forgotten);
    tcase_add_test(c, test_keys_every_attribute_arrives);
    tcase_add_test(c, test_keys_platform_has_parts);
    suite_add_tcase(s, c);
    return unit_run(s);
}
