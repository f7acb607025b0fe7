/* fuzz-definition - graphs as clients and frontends send them (pb.Definition): what is
 * taken can be written and taken again, and is the same then. */
#define FUZZ_CORPUS "definition"
#include "fuzz.h"
#include "graph/graph.h"

static bool
load(struct tenon_graph *g, const void *data, size_t size, struct tenon_edge *out)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    return tenon_graph_load(g, data, size, out, &err) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct tenon_buf saved = TENON_BUF_INIT;
    struct tenon_graph *g = tenon_graph_new(), *again = tenon_graph_new();
    struct tenon_edge edge = {0}, second = {0};
    char *bytes = fuzz_copy(data, size);

    if (load(g, bytes, size, &edge)) {
        tenon_graph_save(g, edge, &saved);
        tenon_assert(load(again, tenon_buf_str(&saved), saved.len, &second));
        tenon_assert(!edge.vertex == !second.vertex);
        tenon_assert(!edge.vertex ||
                     (edge.index == second.index &&
                      strcmp(edge.vertex->digest.str, second.vertex->digest.str) == 0));
    }
    free(bytes);
    tenon_graph_free(g);
    tenon_graph_free(again);
    return 0;
}
