/* base/yaml.h - YAML as JSON, for the files of others that are written in it: one document of
 * maps with text as keys, lists and scalars.  Aliases are refused, which could stand for more than
 * there is memory; of tags only !!str means anything. */
#ifndef TENON_BASE_YAML_H
#define TENON_BASE_YAML_H

#include "base/error.h"
#include "base/json.h"

/* *out: the caller's.  Says the line of what is wrong.  UNSUPPORTED: built without libyaml. */
int tenon_yaml_parse(const char *text, size_t len, struct json_object **out,
                     struct tenon_error *err);

#endif
