/* executor-native/callfilter.c - the profile's system calls as a program for the kernel.
 *
 * Numbers do not change: they are a table (callnumbers.h), and what a step waits for is the
 * program alone, of the one kind that it needs.  libseccomp takes 10 ms to make one, three times
 * as long. */
#include "native.h"

#include <pthread.h>

#include "callnumbers.h"
#include "callprogram.h"
#include "common/exec/profile.h"
#include "common/exec/sockets.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* By shares_network, is_served; immutable once it is there. */
static struct sock_fprog programs[2][2];

enum { ARCHES_MAX = 8 };

struct arches {
    struct callprogram_arch items[ARCHES_MAX];
    size_t len;
};

static void
add_arch(struct arches *arches, const struct callnumbers_arch *from)
{
    size_t i = 0;

    while (i < arches->len && arches->items[i].audit != from->audit)
        i++;
    tenon_assert(i < ARCHES_MAX);
    arches->len += i == arches->len;
    arches->items[i].audit = from->audit;
    for (size_t r = 0; r < from->count; r++) {
        const struct callnumbers_run *run = &from->runs[r];
        tenon_assert(run->rule < profile_rule_count);
        for (uint32_t n = run->first; n <= run->last; n++)
            tenon_vec_push(&arches->items[i].calls, (struct callprogram_call){
                n, from->is_wide, &profile_rules[run->rule] });
    }
}

static void
compile(bool shares_network, bool is_served, struct sock_fprog *out)
{
    struct arches arches = { .len = 0 };
    struct callprogram p = { 0 };
    struct sock_filter sockets[SOCKETS_MAX];
    const size_t n = sockets_program(sockets, shares_network, is_served);

    for (size_t i = 0; i < tenon_countof(callnumbers); i++)
        add_arch(&arches, &callnumbers[i]);
    for (size_t i = 0; i < n; i++)
        tenon_vec_push(&p.code, sockets[i]);
    callprogram_add(&p, arches.items, arches.len);
    *out = (struct sock_fprog){ (unsigned short)p.code.len, p.code.items };
    for (size_t i = 0; i < arches.len; i++)
        tenon_vec_release(&arches.items[i].calls);
}

void
native_filter(bool shares_network, bool is_served, struct sock_fprog *out)
{
    struct sock_fprog *program = &programs[shares_network][is_served];

    pthread_mutex_lock(&lock);
    if (!program->len)
        compile(shares_network, is_served, program);
    *out = *program;
    pthread_mutex_unlock(&lock);
}
