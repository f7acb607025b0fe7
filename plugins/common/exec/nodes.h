/* common/exec/nodes.h - the machine's device nodes, kept from a step that may use the devices.
 *
 * Root of a step is the machine's root by its number, and in the step's user namespace it has what
 * is needed to change the owner and mode of any inode of that number: the machine's /dev/null,
 * too, were it in the step. */
#ifndef TENON_COMMON_EXEC_NODES_H
#define TENON_COMMON_EXEC_NODES_H

/* A copy above the standard numbers, so that dup2 never closes a source. Of the null device one
 * by a mount that is read-only, where nobody changes a node, and writes to its device; where none
 * can be had nobody's number is the machine's root's. -1 and errno. */
int nodes_move_up(int fd);

/* Async-signal-safe, 0 or an errno. Over the machine's nodes of profile.h, in a mount namespace
 * of its own: others, on a file system that is mounted on `dir`. */
int nodes_cover(const char *dir);
/* In such a namespace: the node of that path can be used, and not changed. */
int nodes_keep(const char *path);
/* The machine's node of that path as a mount that cannot be used to change it; -1 and errno. */
int nodes_open(const char *path);

#endif
