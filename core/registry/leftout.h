/* registry/leftout.h - layers that a push leaves out: who pulls the image goes to their URLs. */
#ifndef TENON_REGISTRY_LEFTOUT_H
#define TENON_REGISTRY_LEFTOUT_H

#include "image/image.h"

struct tenon_leftout_layer;
struct tenon_leftout {
    struct tenon_leftout_layer *layers; /* by digest */
};

void tenon_leftout_add(struct tenon_leftout *l, const struct tenon_manifest *m);
/* Every manifest that was added and has it is content with its URLs.  One is not whose layer has
 * an ordinary media type, or no URL that anybody could go to. */
bool tenon_leftout_has(const struct tenon_leftout *l, const char *digest);
void tenon_leftout_release(struct tenon_leftout *l);

#endif
