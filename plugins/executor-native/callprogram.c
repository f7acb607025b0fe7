/* executor-native/callprogram.c - see callprogram.h. */
#include "callprogram.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>

/* From a number on, up to the next range's. */
struct range {
    uint32_t from;
    uint32_t answer;                     /* SECCOMP_RET_... */
    const struct callprogram_call *asks; /* of several rules about arguments the first; or NULL */
    size_t count;
};
struct ranges {
    TENON_VEC(struct range) list;
};

enum { REFUSED = SECCOMP_RET_ERRNO | EPERM };

static uint32_t
answer(const struct profile_rule *r)
{
    return r->action == PROFILE_ALLOW ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | ENOSYS;
}

/* ---- instructions --------------------------------------------------------
 *
 * Programs jump forward only, so the last instruction is made first: what is jumped to is there,
 * and an answer that was made a little while ago serves for others, too.  A place is counted from
 * the end. */

struct writer {
    TENON_VEC(struct sock_filter) code;
};

static size_t
put(struct writer *w, struct sock_filter what)
{
    tenon_vec_push(&w->code, what);
    return w->code.len - 1;
}

/* How far it is from the next instruction that is made. */
static size_t
distance(const struct writer *w, size_t place)
{
    return w->code.len - 1 - place;
}

/* A place as near to the next two instructions as their comparisons can jump. */
static size_t
near(struct writer *w, size_t place)
{
    if (distance(w, place) + 1 < UINT8_MAX)
        return place;
    return put(w, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(w, place)));
}

static size_t
put_answer(struct writer *w, uint32_t a)
{
    for (size_t i = w->code.len; i-- > 0 && distance(w, i) < UINT8_MAX / 2;) {
        if (w->code.items[i].code == (BPF_RET | BPF_K) && w->code.items[i].k == a)
            return i;
    }
    return put(w, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, a));
}

/* Goes to one place where the comparison of A with k holds, else to another. */
static size_t
put_choice(struct writer *w, uint16_t comparison, uint32_t k, size_t yes, size_t no)
{
    yes = near(w, yes);
    no = near(w, no);
    return put(w, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_K | comparison, k,
                                               (uint8_t)distance(w, yes),
                                               (uint8_t)distance(w, no)));
}

/* And goes on with what is at the place. */
static size_t
put_load(struct writer *w, size_t offset, size_t then)
{
    if (distance(w, then) > 0)
        put(w, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(w, then)));
    return put(w, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* ---- one call ------------------------------------------------------------ */

static size_t
put_half(struct writer *w, const struct profile_rule *r, bool is_upper, size_t yes, size_t no)
{
    const uint16_t probe = 1;
    bool is_little = *(const uint8_t *)&probe;
    unsigned shift = is_upper ? 32 : 0;
    size_t begin = put_choice(w, BPF_JEQ, (uint32_t)(r->value >> shift), yes, no);

    if (r->compare == PROFILE_MASKED)
        begin = put(w, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
                                                    (uint32_t)(r->mask >> shift)));
    return put_load(w, offsetof(struct seccomp_data, args) + 8 * r->argument +
                           (is_upper == is_little) * 4, begin);
}

/* Each rule's answer, if the argument is as it says. */
static size_t
put_questions(struct writer *w, const struct callprogram_call *c, size_t count)
{
    size_t next = put_answer(w, REFUSED);

    for (size_t i = count; i-- > 0;) {
        size_t yes = put_half(w, c[i].rule, false, put_answer(w, answer(c[i].rule)), next);
        next = c[i].is_wide ? put_half(w, c[i].rule, true, yes, next) : yes;
    }
    return next;
}

/* ---- ranges -------------------------------------------------------------- */

static void
add_range(struct ranges *r, struct range next)
{
    const struct range *last = r->list.len ? &r->list.items[r->list.len - 1] : NULL;

    if (!last || last->asks || next.asks || last->answer != next.answer)
        tenon_vec_push(&r->list, next);
}

static int
by_number(const void *a, const void *b)
{
    const struct callprogram_call *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

static void
find_ranges(struct ranges *r, struct callprogram_arch *a)
{
    const struct callprogram_call *c = a->calls.items;
    uint32_t next = 0;

    if (a->calls.len)
        qsort(a->calls.items, a->calls.len, sizeof *a->calls.items, by_number);
    for (size_t i = 0, n; i < a->calls.len; i += n, next = c[i - 1].number + 1) {
        struct range range = { .from = c[i].number, .asks = &c[i] };
        for (n = 0; i + n < a->calls.len && c[i + n].number == c[i].number; n++) {
            if (c[i + n].rule->compare != PROFILE_ANY)
                continue;
            range.asks = NULL;
            range.answer = answer(c[i + n].rule);
        }
        range.count = n;
        if (range.from > next)
            add_range(r, (struct range){ .from = next, .answer = REFUSED });
        add_range(r, range);
    }
    add_range(r, (struct range){ .from = next, .answer = REFUSED });
}

static size_t
put_tree(struct writer *w, const struct range *r, size_t count)
{
    if (count == 1)
        return r->asks ? put_questions(w, r->asks, r->count) : put_answer(w, r->answer);
    size_t half = count / 2;
    size_t from = put_tree(w, r + half, count - half);
    size_t below = put_tree(w, r, half);
    return put_choice(w, BPF_JGE, r[half].from, from, below);
}

void
callprogram_add(struct callprogram *p, struct callprogram_arch *arches, size_t count)
{
    struct writer w = { 0 };
    size_t next = put_answer(&w, SECCOMP_RET_KILL_THREAD);

    for (size_t i = count; i-- > 0;) {
        struct ranges ranges = { 0 };
        find_ranges(&ranges, &arches[i]);
        size_t calls = put_tree(&w, ranges.list.items, ranges.list.len);
        calls = put_load(&w, offsetof(struct seccomp_data, nr), calls);
        next = put_choice(&w, BPF_JEQ, arches[i].audit, calls, next);
        tenon_vec_release(&ranges.list);
    }
    put_load(&w, offsetof(struct seccomp_data, arch), next);
    while (w.code.len)
        tenon_vec_push(&p->code, w.code.items[--w.code.len]);
    tenon_vec_release(&w.code);
}
