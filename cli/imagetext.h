/* cli/imagetext.h - what `tenon image inspect` prints of an image. */
#ifndef TENON_CLI_IMAGETEXT_H
#define TENON_CLI_IMAGETEXT_H

#include "base/error.h"
#include "base/json.h"

/* o: as places/inspect.h makes it. For a reader. */
void image_put(struct json_object *o);
/* Go's templates as far as scripts use them here: text, {{.Member.Member}} and {{json .Member}}.
 * INVALID for anything else. */
int image_put_template(struct json_object *o, const char *text, struct tenon_error *err);

#endif
