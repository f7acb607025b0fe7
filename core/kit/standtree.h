/* kit/standtree.h - what a key of the stand-in shows of a tree. */
#ifndef TENON_KIT_STANDTREE_H
#define TENON_KIT_STANDTREE_H

#include "base/error.h"
#include "tools/buf.h"

/* A line each file of the tree or file at path, "data/one 100644 SUM", in the order of
 * names: a test sees in what two keys differ. */
int tenon_standin_tree(int dirfd, const char *path, struct tenon_buf *out, struct tenon_error *err);

#endif
