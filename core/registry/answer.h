/* registry/answer.h - the lines at the head of an answer. */
#ifndef TENON_REGISTRY_ANSWER_H
#define TENON_REGISTRY_ANSWER_H

#include "registry/http.h"

/* Take down one line, its end included.  A status line begins a new answer ("100 Continue" came
 * before): what was known is dropped. */
void tenon_answer_line(struct tenon_http_response *r, const char *line, size_t len);

#endif
