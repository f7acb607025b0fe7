/* Which layer a file of a list of contents is in. */
#include "layerkit.h"

#include "engine/sbomlayers.h"
#include "tools/alloc.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY
#define OPEN "[[[[[[[[[[[[[[[["
#define SHUT "]]]]]]]]]]]]]]]]"
#define DEEP OPEN OPEN OPEN OPEN OPEN SHUT SHUT SHUT SHUT SHUT

static const struct {
    const char *what, *predicate;
    const char *has[3]; /* in the statement afterwards */
    const char *lacks;
} documents[] = {
    {"a file of each layer",
     "{\"spdxVersion\":\"SPDX-2.3\",\"files\":[{\"fileName\":\"/d/low\"},{\"fileName\":\"top\"}]}",
     {"\"fileName\":\"/d/low\",\"comment\":\"layerID: sha256:low\"",
      "\"fileName\":\"top\",\"comment\":\"layerID: sha256:top\""}, NULL},
    {"the topmost layer counts",
     "{\"spdxVersion\":\"SPDX-2.3\",\"files\":[{\"fileName\":\"/d/both\"}]}",
     {"layerID: sha256:top"}, "sha256:low"},
    {"what was removed is where it was made",
     "{\"spdxVersion\":\"SPDX-2.3\",\"files\":[{\"fileName\":\"/gone\"}]}",
     {"layerID: sha256:low"}, "sha256:top"},
    {"no such file, one by way of a link, one outside",
     "{\"spdxVersion\":\"SPDX-2.3\",\"files\":[{\"fileName\":\"/none\"},{\"fileName\":\"/l/low\"},"
     "{\"fileName\":\"/../etc/passwd\"},{\"fileName\":\"\"},{\"fileName\":\"/top/x\"},{}]}",
     {"\"fileName\":\"/l/low\"}"}, "layerID"},
    {"names as SPDX writes them",
     "{\"spdxVersion\":\"SPDX-2.3\",\"files\":[{\"fileName\":\"./d/./both\"},"
     "{\"fileName\":\"./\"}]}",
     {"layerID: sha256:top", "{\"fileName\":\"./\"}"}, "sha256:low"},
    {"a name that no file can have",
     "{\"spdxVersion\":\"SPDX-2.3\",\"files\":[{\"fileName\":\"/" LONG "\"}]}",
     {LONG}, "layerID"},
    {"too deep to be parsed: it stays",
     "{\"spdxVersion\":\"SPDX-2.3\",\"x\":" DEEP "}", {DEEP}, "creat"},
    {"a comment of the scanner's stays",
     "{\"spdxVersion\":\"SPDX-2.3\",\"files\":[{\"fileName\":\"/top\",\"comment\":\"own\"}]}",
     {"\"comment\":\"own\""}, "layerID"},
    {"who made it stays, and we are added",
     "{\"spdxVersion\":\"SPDX-2.3\",\"creationInfo\":{\"created\":\"x\",\"creators\":[\"Tool: y\"]}}",
     {"\"creators\":[\"Tool: y\",\"Tool: tenon-", "\"created\":\"x\""}, NULL},
    {"no creators yet", "{\"spdxVersion\":\"SPDX-2.3\"}",
     {"\"creationInfo\":{\"creators\":[\"Tool: tenon-"}, NULL},
    {"no SPDX", "{\"files\":[{\"fileName\":\"/top\"}]}", {"\"fileName\":\"/top\"}"}, "creat"},
    {"not even an object", "[1]", {"[1]"}, "creat"},
};

START_TEST(test_sbom_layers)
{
    struct kit k;
    kit_open(&k);
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    static const char *const low[] = {"d d/", "f d/low 1", "f d/both 1", "f gone", "l l d", NULL};
    static const char *const top[] = {"f d/both 2", "f top", "f .wh.gone", NULL};
    auto_chain struct tenon_chain chain = {0};
    int64_t id;
    ck_assert_int_eq(kit_unpack(&k, low, NULL, &id, &err), 0);
    tenon_chain_append(&chain, id);
    ck_assert_int_eq(kit_unpack(&k, top, &chain, &id, &err), 0);
    tenon_chain_append(&chain, id);
    struct tenon_image_layer layers[2] = {0};
    strcpy(layers[0].blob.digest.str, "sha256:low");
    strcpy(layers[1].blob.digest.str, "sha256:top");

    struct tenon_image_statement st = {
        .path = (char *)"result.spdx", .predicate_type = (char *)TENON_PREDICATE_SPDX,
        .text = tenon_asprintf("{\"_type\":\"t\",\"predicate\":%s}", documents[_i].predicate),
    };
    st.len = strlen(st.text);
    ck_assert_msg(tenon_sbom_layers(k.store, &chain, layers, &st, &err) == 0, "%s: %s",
                  documents[_i].what, err.message);
    ck_assert_uint_eq(st.len, strlen(st.text));
    for (size_t i = 0; i < 3 && documents[_i].has[i]; i++)
        ck_assert_msg(strstr(st.text, documents[_i].has[i]) != NULL, "%s: %s", documents[_i].what,
                      st.text);
    ck_assert_msg(!documents[_i].lacks || !strstr(st.text, documents[_i].lacks), "%s: %s",
                  documents[_i].what, st.text);
    free(st.text);
    kit_close(&k);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("sbomlayers");
    TCase *t = tcase_create("sbomlayers");
    tcase_add_loop_test(t, test_sbom_layers, 0, tenon_countof(documents));
    suite_add_tcase(s, t);
    return unit_run(s);
}
