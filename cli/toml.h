/* cli/toml.h - TOML 1.0 (toml.io) as JSON, for the one file of others that is written in it. */
#ifndef TENON_CLI_TOML_H
#define TENON_CLI_TOML_H

#include "base/error.h"
#include "base/json.h"

/* Tables are objects.  Not understood, and refused: dates and times, infinities, what is no
 * number.  The error names the line.  *out is the caller's (auto_json). */
int toml_parse(const char *text, size_t len, struct json_object **out, struct tenon_error *err);

#endif
