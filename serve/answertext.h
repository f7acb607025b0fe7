/* serve/answertext.h - an answer of an exporter as clients have it. */
#ifndef TENON_SERVE_ANSWERTEXT_H
#define TENON_SERVE_ANSWERTEXT_H

#include "engine/result.h"
#include "tools/arena.h"

/* JSON is base64 in there, whoever carries it. */
const char *answertext(struct tenon_arena *a, const struct tenon_result_value *answer);

#endif
