/* The digests in here were made by an independent encoder whose field numbers
 * reproduce the ids in published BuildKit provenance (its older encoder put
 * the oneof member in ascending order; all else is the same). */
#include "unit.h"

#include "graph/errorplaces.h"
#include "graph/graph.h"
#include "graph/message.h"
#include "graph/opjson.h"
#include "graph/private.h"
#include "graph/wire.h"
#include "tools/buf.h"
#include "tools/jsontext.h"

static struct tenon_graph *g;
static struct tenon_error err;

static void
setup(void)
{
    g = tenon_graph_new();
    err = (struct tenon_error)TENON_ERROR_INIT;
}

static void
teardown(void)
{
    tenon_graph_free(g);
    tenon_error_release(&err);
}

#define OK(e) ck_assert_msg((e) == 0, "%s", err.message ? err.message : "?")

static struct tenon_node *
node(const char *op)
{
    struct tenon_node *n = tenon_node_new(g, op, &err);
    ck_assert_ptr_nonnull(n);
    return n;
}

static struct tenon_node *
part(struct tenon_node *n, const char *name)
{
    struct tenon_node *p = tenon_node_part(n, name, &err);
    ck_assert_ptr_nonnull(p);
    return p;
}

static void
set(struct tenon_node *n, const char *k, const char *v)
{
    OK(tenon_node_set(n, k, v, &err));
}

static void
seti(struct tenon_node *n, const char *k, int64_t v)
{
    OK(tenon_node_set_int(n, k, v, &err));
}

static void
input(struct tenon_node *n, const char *slot, struct tenon_node *from)
{
    OK(tenon_node_input(n, slot, from, 0, &err));
}

static void
assert_digest(struct tenon_node *n, const char *hex)
{
    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    ck_assert_msg(v != NULL, "%s", err.message ? err.message : "?");
    ck_assert_str_eq(tenon_digest_hex(&v->digest), hex);
}

static struct tenon_node *
make_image(void)
{
    struct tenon_node *n = node("source");
    set(n, "identifier",
        "docker-image://docker.io/library/ubuntu@sha256:"
        "b2175cd4cfdd5cdb1740b0e6ec6bbb4ea4892801c0ad5101a81f694152b6c559");
    set(n, "platform", "linux/amd64");
    return n;
}

static struct tenon_node *
make_local(void)
{
    struct tenon_node *n = node("source");
    set(n, "identifier", "local://context");
    set(n, "attr.local.sharedkeyhint", "context"); /* sorted when encoded */
    set(n, "attr.local.followpaths", "[\"app\"]");
    return n;
}

static struct tenon_node *
make_copy(void)
{
    static const char *const on[] = { "follow_symlink", "dir_copy_contents",
                                      "attempt_unpack", "create_dest_path",
                                      "allow_wildcard",
                                      "allow_empty_wildcard" };
    struct tenon_node *f = node("file");
    struct tenon_node *c = part(f, "copy");
    set(c, "src", "bin/app");
    set(c, "dest", "/app");
    for (size_t i = 0; i < tenon_countof(on); i++)
        seti(c, on[i], 1);
    input(c, "secondary", make_local());
    input(c, "input", make_image());
    return f;
}

static struct tenon_node *
make_exec(void)
{
    struct tenon_node *x = node("exec");
    set(x, "args", "/bin/sh");
    set(x, "args", "-c");
    set(x, "args", "chmod 755 /app");
    set(x, "env",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    set(x, "cwd", "/");
    set(x, "platform", "linux/amd64");
    struct tenon_node *m = part(x, "mount");
    set(m, "dest", "/");
    input(m, "input", make_copy());
    return x;
}

/* As BuildKit's encoder writes them: ascending, and what is one of several after all else. */
static void
assert_wire_order(const struct message *m)
{
    uint32_t last = 0;

    for (size_t i = 0; i < m->count; i++) {
        const struct field *f = &m->fields[i];
        if (f->message)
            assert_wire_order(f->message);
        ck_assert_msg(!f->number || f->number > last || f->when == WHEN_MEMBER,
                      "field %u comes after %u", f->number, last);
        ck_assert_msg(i == 0 || m->fields[i - 1].when != WHEN_MEMBER || f->when == WHEN_MEMBER,
                      "field %u comes after a oneof", f->number);
        last = f->number ? f->number : last;
    }
}

START_TEST(test_graph_tables_are_in_the_order_of_the_wire)
{
    assert_wire_order(&tenon_message_source);
    assert_wire_order(&tenon_message_exec);
    assert_wire_order(&tenon_message_file);
    assert_wire_order(&tenon_message_merge);
    assert_wire_order(&tenon_message_diff);
    assert_wire_order(&tenon_message_platform);
    assert_wire_order(&tenon_message_meta);
}
END_TEST

START_TEST(test_graph_ops_have_golden_digests)
{
    assert_digest(make_image(), "bd591a71ec18de5848cc85684a470a9c533ee5919381695c213abbf5f05cb4ed");
    assert_digest(make_local(), "cfc11202c2be339d37e82c9e51a39646ad82c0b19633705ad43cd73ecfeb61f8");
    assert_digest(make_copy(), "65dd0565708e7ed4dba005b96e8db3303fddef5e85d1cd5e1090a23b8faebd40");
    assert_digest(make_exec(), "227e152521215e696447dec57b6b08729d9a91dc0a3b959c8463c3f0c5900e7b");

    struct tenon_node *m = node("merge");
    input(m, "input", make_copy());
    input(m, "input", make_exec());
    assert_digest(m, "aa3c39693f5a60c50dae28c6166a013a1912a2078f10cf52ab24a2cf7c06c113");
    struct tenon_node *d = node("diff");
    input(d, "upper", make_exec());
    input(d, "lower", make_copy());
    assert_digest(d, "f319a291504697895ead75289e3e07727a952cdd4cbb20d70c511c3e922aa9d6");
}
END_TEST

START_TEST(test_graph_exec_with_mounts_has_golden_digest)
{
    struct tenon_node *x = node("exec"), *m;

    set(x, "args", "true");
    set(x, "env", "A=b");
    set(x, "cwd", "/w");
    set(x, "user", "app");
    set(x, "network", "none");
    set(x, "security", "insecure");
    set(x, "platform", "linux/amd64");
    seti(x, "valid_exit_code", 0);
    seti(x, "valid_exit_code", 3);
    m = part(x, "extrahost");
    set(m, "host", "h");
    set(m, "ip", "1.2.3.4");
    m = part(x, "ulimit");
    set(m, "name", "nofile");
    seti(m, "soft", 1024);
    seti(m, "hard", 2048);
    m = part(x, "secretenv");
    set(m, "id", "s");
    set(m, "name", "S");
    seti(m, "optional", 1);
    /* in no order: binds go by target, then secrets, then ssh */
    m = part(x, "mount");
    set(m, "type", "ssh");
    set(m, "id", "default");
    seti(m, "mode", 0600);
    seti(m, "optional", 1);
    m = part(x, "mount");
    set(m, "type", "secret");
    set(m, "id", "k");
    set(m, "dest", "/run/secrets/k");
    seti(m, "mode", 0400);
    m = part(x, "mount");
    set(m, "type", "tmpfs");
    set(m, "dest", "/t");
    seti(m, "tmpfs_size", 64);
    m = part(x, "mount");
    set(m, "dest", "/src");
    set(m, "selector", "/s");
    seti(m, "readonly", 1);
    input(m, "input", make_local());
    m = part(x, "mount");
    set(m, "dest", "/");
    input(m, "input", make_copy());
    m = part(x, "mount");
    set(m, "type", "cache");
    set(m, "dest", "/cache");
    set(m, "cache_id", "/cache");
    set(m, "cache_sharing", "locked");
    assert_digest(x, "7f211a5df66a43dbbf0ef395ab49b2f6e17695e19b6715c6bf303d01540bde0e");

    const struct tenon_vertex *v = tenon_node_freeze(x, &err);
    ck_assert_uint_eq(v->op.exec.mount_count, 6);
    ck_assert_uint_eq(tenon_vertex_output_count(v), 1);
    ck_assert_int_eq(v->op.exec.mounts[1].cache_sharing, TENON_LLB_CACHE_LOCKED);
    ck_assert_int_eq(v->op.exec.mounts[4].output, -1);
    ck_assert_int_eq(v->op.exec.valid_exit_codes[1], 3);
    ck_assert_str_eq(v->op.exec.env[1],
                     "SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0");
}
END_TEST

/* Each field that the two others leave at its default. */
/* As Go's protojson makes it of the same bytes, in the order of the bytes. */
static void
assert_proto_json(struct tenon_node *n, const char *expected)
{
    const struct tenon_vertex *v = tenon_node_freeze(n, &err);
    struct json_object *o = NULL;
    struct tenon_buf text = TENON_BUF_INIT;

    OK(tenon_op_proto_json(v->bytes, v->len, &o, &err));
    tenon_json_write(&text, o, false);
    ck_assert_str_eq(tenon_buf_str(&text), expected);
    tenon_buf_release(&text);
    json_object_put(o);
}

START_TEST(test_graph_rare_fields_of_exec_have_golden_digest)
{
    struct tenon_node *x = node("exec"), *m;

    set(x, "args", "true");
    set(x, "hostname", "h");
    set(x, "cgroup_parent", "c");
    set(x, "proxy.http", "1");
    set(x, "proxy.https", "2");
    set(x, "proxy.ftp", "3");
    set(x, "proxy.no", "4");
    set(x, "proxy.all", "5");
    seti(x, "remove_stubs_recursive", 0);
    set(x, "platform", "windows(10.0)/arm/v7");
    m = part(x, "device");
    set(m, "name", "v.org/d=1");
    seti(m, "optional", 1);
    m = part(x, "mount");
    set(m, "dest", "/");
    set(m, "result_id", "r");
    set(m, "content_cache", "off");
    m = part(x, "mount");
    set(m, "type", "secret");
    set(m, "id", "k");
    set(m, "dest", "/k");
    seti(m, "uid", 1);
    seti(m, "gid", 2);
    seti(m, "optional", 1);
    m = part(x, "mount");
    set(m, "type", "other");
    set(m, "dest", "/o");
    set(m, "option.a", "1");
    assert_digest(x, "6e45e042612e78a360b5035cd2ac6d7e5b9ee2429e32e0f243ada22481306ed9");
    assert_proto_json(x,
                         "{\"platform\":{\"Architecture\":\"arm\",\"OS\":\"windows\",\"Variant\":\"v7\",\"OSVe"
                         "rsion\":\"10.0\"},\"constraints\":{},\"exec\":{\"meta\":{\"args\":[\"true\"],\"cwd\""
                         ":\"/\",\"proxyEnv\":{\"httpProxy\":\"1\",\"httpsProxy\":\"2\",\"ftpProxy\":\"3\",\"n"
                         "oProxy\":\"4\",\"allProxy\":\"5\"},\"hostname\":\"h\",\"cgroupParent\":\"c\"},\"moun"
                         "ts\":[{\"input\":\"-1\",\"dest\":\"/\",\"resultID\":\"r\",\"contentCache\":\"OFF\"},"
                         "{\"input\":\"-1\",\"dest\":\"/o\",\"output\":\"-1\"},{\"input\":\"-1\",\"dest\":\"/k"
                         "\",\"mountType\":\"SECRET\",\"secretOpt\":{\"ID\":\"k\",\"uid\":1,\"gid\":2,\"option"
                         "al\":true}}],\"cdiDevices\":[{\"name\":\"v.org/d=1\",\"optional\":true}]}}");
}
END_TEST

START_TEST(test_graph_rare_fields_of_file_have_golden_digest)
{
    struct tenon_node *f = node("file"), *a;

    a = part(f, "copy");
    set(a, "src", "/a");
    set(a, "dest", "/b");
    seti(a, "always_replace", 1);
    seti(a, "timestamp", 7);
    set(a, "required", "/a/r");
    set(a, "owner.group", "0");
    input(a, "secondary", make_local());
    a = part(f, "mkfile");
    set(a, "path", "/f");
    set(a, "owner.user", "1");
    a = part(f, "mkdir");
    set(a, "path", "/d");
    seti(a, "timestamp", 8);
    a = part(f, "symlink");
    set(a, "oldpath", "f");
    set(a, "newpath", "/l");
    set(a, "owner.user", "2");
    seti(a, "timestamp", 9);
    assert_digest(f, "49a6807419d75520a00daba0021c963f0ab03c3de656a39679b739f6abf66428");
    assert_proto_json(f,
                         "{\"inputs\":[{\"digest\":\"sha256:cfc11202c2be339d37e82c9e51a39646ad82c0b19633705ad4"
                         "3cd73ecfeb61f8\"}],\"constraints\":{},\"file\":{\"actions\":[{\"input\":\"-1\",\"out"
                         "put\":\"-1\",\"copy\":{\"src\":\"/a\",\"dest\":\"/b\",\"owner\":{\"group\":{\"byID\""
                         ":0}},\"mode\":-1,\"timestamp\":\"7\",\"alwaysReplaceExistingDestPaths\":true,\"requi"
                         "redPaths\":[\"/a/r\"]}},{\"input\":\"1\",\"secondaryInput\":\"-1\",\"output\":\"-1\""
                         ",\"mkfile\":{\"path\":\"/f\",\"owner\":{\"user\":{\"byID\":1}},\"timestamp\":\"-1\"}"
                         "},{\"input\":\"2\",\"secondaryInput\":\"-1\",\"output\":\"-1\",\"mkdir\":{\"path\":"
                         "\"/d\",\"timestamp\":\"8\"}},{\"input\":\"3\",\"secondaryInput\":\"-1\",\"symlink\":"
                         "{\"oldpath\":\"f\",\"newpath\":\"/l\",\"owner\":{\"user\":{\"byID\":2}},\"timestamp"
                         "\":\"9\"}}]}}");
}
END_TEST

START_TEST(test_graph_file_actions_have_golden_digest)
{
    struct tenon_node *f = node("file"), *a;

    a = part(f, "mkdir");
    set(a, "path", "d");
    seti(a, "mode", 0755);
    seti(a, "make_parents", 1);
    set(a, "owner.user", "app");
    set(a, "owner.group", "root");
    input(a, "input", make_image());
    a = part(f, "mkfile");
    set(a, "path", "/d/f");
    seti(a, "mode", 0644);
    OK(tenon_node_set_bytes(a, "data", "hi", 2, &err));
    seti(a, "timestamp", 5);
    struct tenon_node *file = a;
    a = part(f, "rm");
    set(a, "path", "/x*");
    seti(a, "allow_not_found", 1);
    seti(a, "allow_wildcard", 1);
    a = part(f, "symlink");
    set(a, "oldpath", "../f");
    set(a, "newpath", "/l");
    a = part(f, "copy");
    set(a, "src", "/d");
    set(a, "dest", "/e/");
    set(a, "owner.user", "1000");
    seti(a, "mode", 0700);
    set(a, "mode_str", "u=rwX");
    set(a, "include", "*.c");
    set(a, "exclude", "x");
    input(a, "secondary", file);
    assert_digest(f, "f8b250ebfe4bc9c2fd07906a5f31ad950e13e049c8fc4041cd78646b2fe69ff8");

    const struct tenon_vertex *v = tenon_node_freeze(f, &err);
    ck_assert_str_eq(v->name,
                     "mkdir /d, mkfile /d/f, rm /x*, symlink ../f /l, copy /d /e/");
    ck_assert_int_eq(v->op.file.actions[4].secondary, 2);
    ck_assert_int_eq(v->op.file.actions[0].timestamp_ns, -1);
}
END_TEST

START_TEST(test_graph_equal_nodes_are_one_vertex)
{
    const struct tenon_vertex *a = tenon_node_freeze(make_exec(), &err);
    const struct tenon_vertex *b = tenon_node_freeze(make_exec(), &err);
    ck_assert_ptr_eq(a, b);
    ck_assert_str_eq(a->name, "/bin/sh -c chmod 755 /app");
    ck_assert_ptr_eq(a->inputs[0].vertex, tenon_node_freeze(make_copy(), &err));
}
END_TEST

START_TEST(test_graph_frozen_node_cannot_change)
{
    struct tenon_node *n = make_image();
    ck_assert_ptr_nonnull(tenon_node_freeze(n, &err));
    ck_assert_int_eq(tenon_node_set(n, "identifier", "x", &err), TENON_E_BUG);
    ck_assert_int_eq(tenon_node_describe(n, "a", "b", &err), TENON_E_BUG);
}
END_TEST

START_TEST(test_graph_wrong_attributes_are_refused)
{
    struct tenon_node *x = node("exec");
    ck_assert_ptr_null(tenon_node_new(g, "run", &err));
    ck_assert_int_eq(tenon_node_set(x, "arg", "x", &err), TENON_E_INVALID);
    ck_assert_int_eq(tenon_node_set_int(x, "args", 1, &err), TENON_E_INVALID);
    ck_assert_int_eq(tenon_node_set(x, "network", "bridge", &err), TENON_E_INVALID);
    ck_assert_int_eq(tenon_node_set(x, "platform", "amd64", &err), TENON_E_INVALID);
    ck_assert_ptr_null(tenon_node_part(x, "copy", &err));
    ck_assert_int_eq(tenon_node_input(x, "input", NULL, 0, &err), TENON_E_INVALID);
    ck_assert_ptr_null(tenon_node_freeze(x, &err)); /* no arguments */
    struct tenon_node *s = node("source");
    ck_assert_ptr_null(tenon_node_freeze(s, &err)); /* no identifier */
    struct tenon_node *f = node("file");
    struct tenon_node *c = part(f, "copy");
    ck_assert_int_eq(tenon_node_input(c, "secondary", make_image(), 1, &err),
                     TENON_E_INVALID); /* no such output */
    ck_assert_int_eq(tenon_node_input(c, "input", f, 0, &err), TENON_E_INVALID);
}
END_TEST

START_TEST(test_graph_save_and_load_keep_everything)
{
    auto_buf struct tenon_buf def = TENON_BUF_INIT;
    auto_buf struct tenon_buf again = TENON_BUF_INIT;
    struct tenon_node *x = make_exec();
    struct tenon_edge edge = {0};

    tenon_graph_source(g, "unused", "", "", 0); /* is not in what it saves */
    uint32_t src = tenon_graph_source_from(g, "Dockerfile", "Dockerfile", "FROM x\n", 7, "\n\1x", 3);
    OK(tenon_node_describe(x, "llb.customname", "[2/2] RUN chmod", &err));
    OK(tenon_node_describe(x, "ignore_cache", "true", &err));
    OK(tenon_node_describe(x, "resources.memory", "1048576", &err));
    OK(tenon_node_describe(x, "progress_group.id", "g1", &err));
    OK(tenon_node_describe(x, "progress_group.name", "group", &err));
    OK(tenon_node_at(x, src, 1, 2));
    const struct tenon_vertex *v = tenon_node_freeze(x, &err);
    tenon_graph_save(g, (struct tenon_edge){ .vertex = v }, &def);

    struct tenon_graph *g2 = tenon_graph_new();
    OK(tenon_graph_load(g2, def.data, def.len, &edge, &err));
    ck_assert_str_eq(edge.vertex->digest.str, v->digest.str);
    ck_assert_str_eq(edge.vertex->name, "[2/2] RUN chmod");
    ck_assert(edge.vertex->meta.ignore_cache);
    ck_assert_int_eq(edge.vertex->meta.memory, 1048576);
    ck_assert_str_eq(edge.vertex->meta.group_id, "g1");
    ck_assert_uint_eq(edge.vertex->meta.range_count, 1);
    ck_assert_uint_eq(edge.vertex->meta.ranges[0].line, 1);
    ck_assert_uint_eq(edge.vertex->meta.ranges[0].end_line, 2);
    const struct tenon_graph_source *s =
        tenon_graph_get_source(g2, edge.vertex->meta.ranges[0].source);
    ck_assert_ptr_nonnull(s);
    ck_assert_str_eq(s->filename, "Dockerfile");
    ck_assert_uint_eq(s->len, 7);
    ck_assert_str_eq(s->language, "Dockerfile");
    ck_assert_uint_eq(s->definition_len, 3);
    ck_assert_mem_eq(s->definition, "\n\1x", 3);
    ck_assert_ptr_null(tenon_graph_get_source(g2, 1));
    tenon_graph_save(g2, edge, &again);
    ck_assert_uint_eq(again.len, def.len);
    ck_assert_mem_eq(again.data, def.data, def.len);

    /* every truncation and every flipped byte ends well */
    for (size_t i = 0; i < def.len; i++) {
        struct tenon_graph *g3 = tenon_graph_new();
        auto_error struct tenon_error e = TENON_ERROR_INIT;
        struct tenon_edge out = {0};
        (void)tenon_graph_load(g3, def.data, i, &out, &e);
        def.data[i] ^= 0x11;
        tenon_error_release(&e);
        (void)tenon_graph_load(g3, def.data, def.len, &out, &e);
        def.data[i] ^= 0x11;
        tenon_graph_free(g3);
    }
    tenon_graph_free(g2);
}
END_TEST

static void
put_line_range(struct tenon_buf *location, uint64_t line, uint64_t character)
{
    auto_buf struct tenon_buf position = TENON_BUF_INIT, range = TENON_BUF_INIT;

    tenon_wire_put_uint(&position, 1, line);
    tenon_wire_put_uint(&position, 2, character);
    tenon_wire_put_message(&range, 1, &position);
    tenon_wire_put_message(&range, 2, &position);
    tenon_wire_put_message(location, 2, &range);
}

/* One vertex with one location. */
static void
put_located(struct tenon_buf *def, const struct tenon_buf *location)
{
    auto_buf struct tenon_buf locations = TENON_BUF_INIT, entry = TENON_BUF_INIT;
    auto_buf struct tenon_buf source = TENON_BUF_INIT, info = TENON_BUF_INIT;

    const struct tenon_vertex *v = tenon_node_freeze(make_exec(), &err);
    tenon_graph_save(g, (struct tenon_edge){ .vertex = v }, def);
    tenon_wire_put_message(&locations, 1, location);
    tenon_wire_put_item(&entry, 1, v->digest.str);
    tenon_wire_put_message(&entry, 2, &locations);
    tenon_wire_put_message(&source, 1, &entry);
    tenon_wire_put_string(&info, 1, "Dockerfile");
    tenon_wire_put_message(&source, 2, &info);
    tenon_wire_put_message(def, 3, &source);
}

START_TEST(test_graph_ranges_of_lines_are_joined)
{
    auto_buf struct tenon_buf def = TENON_BUF_INIT, location = TENON_BUF_INIT;
    const uint32_t lines[] = {5, 6, 7, 9, 8};
    struct tenon_edge edge = {0};

    for (size_t i = 0; i < tenon_countof(lines); i++)
        put_line_range(&location, lines[i], 0);
    put_located(&def, &location);

    struct tenon_graph *g2 = tenon_graph_new();
    OK(tenon_graph_load(g2, def.data, def.len, &edge, &err));
    const struct tenon_vertex_meta *m = &edge.vertex->meta;
    ck_assert_uint_eq(m->range_count, 3);
    ck_assert_uint_eq(m->ranges[0].line, 5);
    ck_assert_uint_eq(m->ranges[0].end_line, 7);
    ck_assert_uint_eq(m->ranges[1].line, 9);
    ck_assert_uint_eq(m->ranges[2].end_line, 8);

    auto_buf struct tenon_buf again = TENON_BUF_INIT;
    tenon_graph_save(g2, edge, &again); /* as they were */
    ck_assert_uint_eq(again.len, def.len);
    ck_assert_mem_eq(again.data, def.data, def.len);
    tenon_graph_free(g2);
}
END_TEST

/* Lines and characters are int32 on the wire; of others none is left. */
static const struct {
    uint64_t sent;
    uint32_t kept;
} positions[] = {
    { 1, 1 },
    { INT32_MAX, INT32_MAX },
    { UINT64_C(1) + INT32_MAX, 0 },
    { UINT32_MAX, 0 },
    { UINT64_C(1) << 32, 0 },
    { UINT64_MAX, 0 }, /* -1 */
};

START_TEST(test_graph_positions_have_limits)
{
    const uint64_t sent = positions[_i].sent;
    const uint32_t kept = positions[_i].kept;
    auto_buf struct tenon_buf location = TENON_BUF_INIT;
    struct tenon_graph *of = NULL;
    struct tenon_edge edge = {0};

    put_line_range(&location, sent, 0);
    put_line_range(&location, 7, sent);
    for (int i = 0; i < 2; i++) { /* as it came, and as it was saved then */
        auto_buf struct tenon_buf def = TENON_BUF_INIT;
        if (of)
            tenon_graph_save(of, edge, &def);
        else
            put_located(&def, &location);
        tenon_graph_free(of);
        of = tenon_graph_new();
        OK(tenon_graph_load(of, def.data, def.len, &edge, &err));
        const struct tenon_range *r = edge.vertex->meta.ranges;
        ck_assert_uint_eq(edge.vertex->meta.range_count, 2);
        ck_assert_uint_eq(r[0].line, kept);
        ck_assert_uint_eq(r[0].end_line, kept);
        ck_assert_uint_eq(r[1].line, 7);
        ck_assert_uint_eq(r[1].character, kept);
        ck_assert_uint_eq(r[1].end_character, kept);
    }
    tenon_graph_free(of);
}
END_TEST

static size_t
count_of(const char *text, const char *word)
{
    size_t n = 0;

    while ((text = strstr(text, word)))
        text += strlen(word), n++;
    return n;
}

/* A frontend's numbers have no such limit. */
START_TEST(test_graph_last_line_that_can_be_counted_is_told_once)
{
    auto_buf struct tenon_buf def = TENON_BUF_INIT;
    struct tenon_node *x = make_exec();

    OK(tenon_node_at(x, tenon_graph_source(g, "Dockerfile", "", "", 0), UINT32_MAX, UINT32_MAX));
    const struct tenon_vertex *v = tenon_node_freeze(x, &err);
    tenon_graph_save(g, (struct tenon_edge){ .vertex = v }, &def);
    ck_assert_uint_lt(def.len, 2000);

    tenon_error_at(&err, "Dockerfile", UINT32_MAX, UINT32_MAX);
    tenon_places_of_error(g, &err);
    ck_assert_ptr_nonnull(err.details);
    ck_assert_uint_eq(count_of(err.details->json, "\"start\""), 1);
}
END_TEST

/* Each location in a file of its own; an error tells the first of them. */
static const struct {
    const char *what;
    size_t locations, name, bytes; /* bytes: of each file */
    size_t told, with_data;
} told_places[] = {
    { "few", 3, 10, 30, 3, 3 },
    { "as many as there may be", TENON_ERROR_PLACES_MAX, 10, 30, TENON_ERROR_PLACES_MAX,
      TENON_ERROR_PLACES_MAX },
    { "one more", TENON_ERROR_PLACES_MAX + 1, 10, 30, TENON_ERROR_PLACES_MAX,
      TENON_ERROR_PLACES_MAX },
    { "files that fit one by one", 3, 10, TENON_ERROR_PLACES_BYTES / 2, 3, 1 },
    { "a file that does not fit", 1, 10, TENON_ERROR_PLACES_BYTES, 1, 0 },
    { "a file that does not fit with its name", 1, 600, TENON_ERROR_PLACES_BYTES / 4 * 3 - 300,
      1, 0 },
    { "long names", 3, TENON_ERROR_PLACES_BYTES / 5 * 2, 30, 2, 2 },
    { "a name that does not fit", 2, TENON_ERROR_PLACES_BYTES, 30, 0, 0 },
};

START_TEST(test_graph_told_places_have_limits)
{
    auto_free char *name = tenon_calloc(told_places[_i].name + 1, 1);
    auto_free char *data = tenon_calloc(told_places[_i].bytes, 1);
    struct tenon_node *x = make_exec();
    size_t told = 0, with_data = 0, bytes = 0;

    memset(name, 'n', told_places[_i].name);
    for (size_t i = 0; i < told_places[_i].locations; i++) {
        name[0] = (char)('A' + i);
        uint32_t source = tenon_graph_source(g, name, "", data, told_places[_i].bytes);
        OK(tenon_node_at(x, source, (uint32_t)i + 1, (uint32_t)i + 1));
    }
    tenon_places_of_vertex(tenon_node_freeze(x, &err), &err);
    for (const struct tenon_error_detail *d = err.details; d; d = d->next) {
        const char *file = strstr(d->json, "\"filename\":\"");
        ck_assert_ptr_nonnull(file); /* the first comes last */
        ck_assert_int_eq(file[12], (char)('A' + told_places[_i].told - 1 - told));
        with_data += count_of(d->json, "\"data\":");
        bytes += strlen(d->json);
        told++;
    }
    ck_assert_msg(told == told_places[_i].told && with_data == told_places[_i].with_data,
                  "%s: %zu, with data %zu", told_places[_i].what, told, with_data);
    ck_assert_uint_le(bytes, TENON_ERROR_PLACES_BYTES);
}
END_TEST

START_TEST(test_graph_empty_definition_is_scratch)
{
    struct tenon_edge edge = { .index = 7 };
    OK(tenon_graph_load(g, "", 0, &edge, &err));
    ck_assert_ptr_null(edge.vertex);
}
END_TEST

START_TEST(test_graph_received_bytes_are_kept)
{
    /* the old encoder's order: the oneof before platform and constraints */
    auto_buf struct tenon_buf op = TENON_BUF_INIT, m = TENON_BUF_INIT,
                              def = TENON_BUF_INIT, in = TENON_BUF_INIT,
                              head = TENON_BUF_INIT, p = TENON_BUF_INIT,
                              none = TENON_BUF_INIT;
    struct tenon_edge edge = {0};

    tenon_wire_put_string(&m, 1,
                          "docker-image://docker.io/library/busybox:latest");
    tenon_wire_put_message(&op, 3, &m);
    tenon_wire_put_string(&p, 1, "amd64");
    tenon_wire_put_string(&p, 2, "linux");
    tenon_wire_put_message(&op, 10, &p);
    tenon_wire_put_message(&op, 11, &none);
    tenon_wire_put_message(&def, 1, &op);
    tenon_wire_put_string(
        &in, 1,
        "sha256:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d69326e");
    tenon_wire_put_message(&head, 1, &in);
    tenon_wire_put_message(&def, 1, &head);
    OK(tenon_graph_load(g, def.data, def.len, &edge, &err));
    ck_assert_str_eq(edge.vertex->digest.str, "sha256:08a03f3ffe5fba421a6403c31e"
                                              "153425ced631d108868f30e04985f99d69326e");
    ck_assert_str_eq(edge.vertex->op.platform.arch, "amd64");
}
END_TEST

START_TEST(test_graph_missing_input_is_refused)
{
    auto_buf struct tenon_buf def = TENON_BUF_INIT, in = TENON_BUF_INIT,
                              head = TENON_BUF_INIT;
    struct tenon_edge edge = {0};

    tenon_wire_put_string(
        &in, 1,
        "sha256:08a03f3ffe5fba421a6403c31e153425ced631d108868f30e04985f99d69326e");
    tenon_wire_put_message(&head, 1, &in);
    tenon_wire_put_message(&def, 1, &head);
    ck_assert_int_eq(tenon_graph_load(g, def.data, def.len, &edge, &err),
                     TENON_E_INVALID);
}
END_TEST

/* A source, as bytes. */
static const struct tenon_vertex *
add_source(const char *identifier, const struct tenon_vertex_meta *meta)
{
    auto_buf struct tenon_buf op = TENON_BUF_INIT, m = TENON_BUF_INIT;

    tenon_wire_put_string(&m, 1, identifier);
    tenon_wire_put_message(&op, 3, &m);
    return tenon_graph_add_vertex(g, op.data, op.len, meta, &err);
}

/* Two inputs that become one tree: the output of that number of a source, which has one. */
static const struct tenon_vertex *
add_merge(const struct tenon_vertex *source, uint64_t output)
{
    auto_buf struct tenon_buf op = TENON_BUF_INIT, in = TENON_BUF_INIT, merge = TENON_BUF_INIT;

    tenon_wire_put_string(&in, 1, source->digest.str);
    tenon_wire_put_uint(&in, 2, output);
    tenon_wire_put_message(&op, 1, &in);
    tenon_wire_put_message(&op, 1, &in);
    for (uint64_t i = 0; i < 2; i++) {
        auto_buf struct tenon_buf number = TENON_BUF_INIT;
        tenon_wire_put_uint(&number, 1, i);
        tenon_wire_put_message(&merge, 1, &number);
    }
    tenon_wire_put_message(&op, 6, &merge);
    return tenon_graph_add_vertex(g, op.data, op.len, NULL, &err);
}

START_TEST(test_graph_output_that_is_none_is_refused)
{
    const struct tenon_vertex *source = add_source("docker-image://docker.io/library/x:1", NULL);

    ck_assert_msg(add_merge(source, 0) != NULL, "%s", err.message);
    for (uint64_t output = 1; output < 3; output++) {
        ck_assert_ptr_null(add_merge(source, output));
        ck_assert_ptr_nonnull(strstr(err.message, "has no output"));
        tenon_error_release(&err);
        err = (struct tenon_error)TENON_ERROR_INIT;
    }
}
END_TEST

START_TEST(test_graph_vertices_have_an_end)
{
    for (unsigned i = 0; i < TENON_GRAPH_MAX_OPS; i++) {
        char name[32];
        snprintf(name, sizeof name, "local://%u", i);
        ck_assert(add_source(name, NULL) != NULL);
    }
    ck_assert_ptr_null(add_source("local://more", NULL));
    ck_assert_int_eq(err.code, TENON_E_LIMIT);
}
END_TEST

START_TEST(test_graph_names_are_without_passwords)
{
    const struct tenon_pair given = { "llb.customname", "load https://me:hush@example.org/x" };
    const struct tenon_vertex_meta meta = { .description = &given, .description_count = 1 };
    const struct tenon_vertex *all[] = { add_source("https://me:hush@example.org/a", NULL),
                                         add_source("https://example.org/b", &meta) };

    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(strstr(all[i]->name, "example.org/"));
        ck_assert_ptr_null(strstr(all[i]->name, "hush"));
    }
}
END_TEST

START_TEST(test_graph_build_file_is_kept_once)
{
    const uint32_t one = tenon_graph_source(g, "Dockerfile", "Dockerfile", "FROM x\n", 7);

    ck_assert_uint_eq(tenon_graph_source(g, "Dockerfile", "Dockerfile", "FROM x\n", 7), one);
    ck_assert_uint_ne(tenon_graph_source(g, "Dockerfile", "Dockerfile", "FROM y\n", 7), one);
    ck_assert_uint_ne(tenon_graph_source(g, "Dockerfile", "Dockerfile", "FROM x", 6), one);
    ck_assert_uint_ne(tenon_graph_source(g, "Other", "Dockerfile", "FROM x\n", 7), one);
    ck_assert_uint_ne(tenon_graph_source(g, "Dockerfile", "other", "FROM x\n", 7), one);
}
END_TEST

START_TEST(test_wire_bad_varints_are_corrupt)
{
    static const struct { const char *bytes; size_t len; } bad[] = {
        { "\x80", 1 }, { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11 },
        { "\x0a\x05" "ab", 4 }, { "\x00\x01", 2 }, { "\x0b", 1 },
        { "\x0d\x01\x02", 3 },
    };
    for (size_t i = 0; i < tenon_countof(bad); i++) {
        struct tenon_wire w;
        tenon_wire_init(&w, bad[i].bytes, bad[i].len);
        ck_assert_int_eq(tenon_wire_next(&w, &err), TENON_E_CORRUPT);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("graph");
    TCase *t = tcase_create("graph");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_graph_tables_are_in_the_order_of_the_wire);
    tcase_add_test(t, test_graph_ops_have_golden_digests);
    tcase_add_test(t, test_graph_exec_with_mounts_has_golden_digest);
    tcase_add_test(t, test_graph_rare_fields_of_exec_have_golden_digest);
    tcase_add_test(t, test_graph_rare_fields_of_file_have_golden_digest);
    tcase_add_test(t, test_graph_file_actions_have_golden_digest);
    tcase_add_test(t, test_graph_equal_nodes_are_one_vertex);
    tcase_add_test(t, test_graph_frozen_node_cannot_change);
    tcase_add_test(t, test_graph_wrong_attributes_are_refused);
    tcase_add_test(t, test_graph_save_and_load_keep_everything);
    tcase_add_test(t, test_graph_ranges_of_lines_are_joined);
    tcase_add_loop_test(t, test_graph_positions_have_limits, 0, tenon_countof(positions));
    tcase_add_test(t, test_graph_last_line_that_can_be_counted_is_told_once);
    tcase_add_loop_test(t, test_graph_told_places_have_limits, 0, tenon_countof(told_places));
    tcase_add_test(t, test_graph_empty_definition_is_scratch);
    tcase_add_test(t, test_graph_received_bytes_are_kept);
    tcase_add_test(t, test_graph_missing_input_is_refused);
    tcase_add_test(t, test_graph_output_that_is_none_is_refused);
    tcase_add_test(t, test_graph_vertices_have_an_end);
    tcase_add_test(t, test_graph_names_are_without_passwords);
    tcase_add_test(t, test_graph_build_file_is_kept_once);
    tcase_add_test(t, test_wire_bad_varints_are_corrupt);
    suite_add_tcase(s, t);
    return unit_run(s);
}
