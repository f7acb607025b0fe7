/* common/llbbridge/process.h - a process in a container, and the bytes between it and the stream
 * of its call. */
#ifndef TENON_COMMON_LLBBRIDGE_PROCESS_H
#define TENON_COMMON_LLBBRIDGE_PROCESS_H

#include "containers.h"
#include "llbbridge.h"

struct gateway_process {
    struct serving *s; /* of the call: many processes have one */
    struct gateway_container *container;
    struct tenon_process *process; /* NULL: it could not be started, see why */
    struct tenon_error *why;       /* its threads' */
    char *name;
    bool tty, wants[3];   /* standard streams that the program has */
    int fds[3];           /* our ends of them; with a terminal fds[0] and [1] are copies of one */
    int wake_fd;
    pthread_t thread, waiter;
    pthread_mutex_t lock; /* of the following */
    pthread_cond_t changed;
    struct tenon_buf queue; /* to its standard input, from `queue_at` on */
    size_t queue_at;
    bool no_more;  /* nothing follows the queue */
    bool gone;     /* the process has ended: see wait_status, why */
    bool finished; /* the program was told all of it, or is now */
    int32_t wait_status;
};

/* Starts it; what goes wrong with that is told to the program as its end.  NULL: see
 * s->err. */
struct gateway_process *process_start(struct serving *s, const char *name,
                                      const struct gw_init *init);
/* What the program wants of it.  Writing waits while the process does not read. */
void process_write(struct gateway_process *p, const struct gw_fd *file);
void process_resize(struct gateway_process *p, const struct gw_resize *size);
/* False: no signal is called so. */
bool process_signal(struct gateway_process *p, const char *name);
bool process_is_finished(struct gateway_process *p);
/* Waits for its end. */
void process_free(struct gateway_process *p);

#endif
