/* common/exec/requests.h - what a step may do and its namespace cannot, done by us.
 *
 * In a user namespace nobody makes device nodes.  A step may (CAP_MKNOD), and they open
 * no device (devices.h): so the kernel asks us about each (seccomp_unotify(2)), and we make it
 * in the step's mounts, below its root, with its ids and rights.  And 32-bit programs
 * ask for sockets with arguments where no filter can look (sockets.h): we look, and make
 * the socket.  One thread for each step, which ends with it. */
#ifndef TENON_COMMON_EXEC_REQUESTS_H
#define TENON_COMMON_EXEC_REQUESTS_H

struct requests;

/* 0 or an errno: this kernel cannot (Linux 5.14), or EBUSY: somebody listens to us. */
int requests_open(struct requests **r);
/* The same, without having them. */
int requests_try(void);
/* For the step's process, and to be kept for it by the guard. */
int requests_fd(const struct requests *r);
void requests_close(struct requests *r); /* the step is over; NULL is fine */

/* In the step's process, which needs CAP_SYS_ADMIN in its namespace for it: what it and all
 * that it starts asks goes to us.  Async-signal-safe.  0 or an errno. */
int requests_install(int fd);

#endif
