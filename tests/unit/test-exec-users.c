/* Networks of steps in a user namespace, which several steps want at once. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "common/exec/usernamespace.h"

enum { THREADS = 8, ROUNDS = 40 };

static struct usernamespace users = USERNAMESPACE_INIT;
static int users_fd = -1;

static void *
make_some(void *data)
{
    int *failure = data;
    for (int i = 0; !*failure && i < ROUNDS; i++) {
        int fd = -1;
        *failure = usernamespace_network(users_fd, &fd);
        if (!*failure && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
            *failure = EBADF;
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

/* Each first process has a copy of all pipes of that moment: none may wait for the end of one
 * that another has. */
START_TEST(test_users_networks_at_once)
{
    pthread_t thread[THREADS];
    int failure[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, make_some, &failure[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
        ck_assert_msg(failure[i] == 0, "a network: %s", strerror(failure[i]));
    }
}
END_TEST

int
main(void)
{
#ifdef __SANITIZE_THREAD__
    unit_not_tried("networks at once: this sanitizer starts no thread after a fork");
    return 0;
#endif
    int e = geteuid() == 0 ? usernamespace_get(&users, &users_fd) : EPERM;
    if (e) {
        fprintf(stderr, "skipped: needs a user namespace with all ids: %s\n", strerror(e));
        return 77;
    }
    Suite *s = suite_create("exec-users");
    TCase *t = tcase_create("networks");
    tcase_add_test(t, test_users_networks_at_once);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    int rc = unit_run(s);
    usernamespace_release(&users);
    return rc;
}
