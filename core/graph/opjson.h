/* graph/opjson.h - a definition as JSON, with the names that Go's encoder gives to the fields of
 * pb.Op: what BuildKit puts into provenance. */
#ifndef TENON_GRAPH_OPJSON_H
#define TENON_GRAPH_OPJSON_H

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

/* {"def": [{"digest", "op"}], "Source": {...}} of an encoded pb.Definition, as tenon_graph_save
 * writes it; the caller's. */
int tenon_definition_json(const void *def, size_t len, struct json_object **out,
                          struct tenon_error *err);
/* The same in protobuf's own JSON, by digests: {"def": {}, "metadata": {}, "source": {}}. */
int tenon_definition_proto_json(const void *def, size_t len, struct json_object **out,
                                struct tenon_error *err);
/* One encoded operation. */
int tenon_op_json(const void *op, size_t len, struct json_object **out, struct tenon_error *err);
/* The same in protobuf's own JSON, which has other names, and words for some numbers. */
int tenon_op_proto_json(const void *op, size_t len, struct json_object **out,
                        struct tenon_error *err);

#endif
