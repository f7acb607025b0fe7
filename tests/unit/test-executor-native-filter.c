/* The filter of system calls answers what libseccomp's own program of the same profile does, to
 * every number on every architecture; and programs of other sizes answer by their rules. */
#include "unit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/exec/sockets.h"
#include "executor-native/callprogram.h"
#include "executor-native/native.h"

/* What the kernel would answer: the instructions that filters of ours and libseccomp's have.
 * A million times: what holds is not told to check, which would write each down. */
static uint32_t
run_program(const struct sock_fprog *p, const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t at = 0; at < p->len; at++) {
        const struct sock_filter *i = &p->filter[at];
        bool jumps;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (i->k > sizeof *data - 4)
                ck_abort_msg("instruction %zu loads from %u", at, i->k);
            memcpy(&a, (const char *)data + i->k, 4);
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JA:
            at += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            jumps = a == i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            jumps = a >= i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            jumps = a > i->k;
            break;
        default:
            ck_abort_msg("instruction %zu: %x", at, i->code);
        }
        at += jumps ? i->jt : i->jf;
    }
    ck_abort_msg("the program has no end");
}

/* ---- the profile ------------------------------------------------------------------------- */

static void
add_rules(scmp_filter_ctx c)
{
    for (size_t i = 0; i < profile_rule_count; i++) {
        const struct profile_rule *r = &profile_rules[i];
        const uint32_t action = r->action == PROFILE_ALLOW ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS);
        const bool masked = r->compare == PROFILE_MASKED;
        const struct scmp_arg_cmp arg = {r->argument, masked ? SCMP_CMP_MASKED_EQ : SCMP_CMP_EQ,
                                         masked ? r->mask : r->value, r->value};
        for (const char *const *n = r->names; *n; n++) {
            int number = seccomp_syscall_resolve_name(*n);
            if (number != __NR_SCMP_ERROR)
                ck_assert_int_eq(seccomp_rule_add_array(c, action, number,
                                                        r->compare != PROFILE_ANY, &arg), 0);
        }
    }
}

static size_t
find_tokens(uint32_t tokens[8])
{
    size_t n = 1;

    tokens[0] = seccomp_arch_native();
    for (const char *const *a = profile_arches; *a; a++) {
        char name[32];
        size_t len = 0;
        for (const char *s = *a + strlen("SCMP_ARCH_"); *s; s++)
            name[len++] = *s >= 'A' && *s <= 'Z' ? (char)(*s + ('a' - 'A')) : *s;
        name[len] = '\0';
        tokens[n] = seccomp_arch_resolve_name(name);
        n += tokens[n] != tokens[0];
    }
    return n;
}

/* The library's own, behind what refuses sockets. */
static struct sock_fprog
library_program(bool shares_network, bool is_served)
{
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    auto_close int fd = memfd_create("filter", MFD_CLOEXEC);
    uint32_t tokens[8];
    struct stat st;

    for (size_t i = 1, n = find_tokens(tokens); i < n; i++)
        ck_assert_int_eq(seccomp_arch_add(c, tokens[i]), 0);
    add_rules(c);
    ck_assert_int_eq(seccomp_export_bpf(c, fd), 0);
    seccomp_release(c);
    ck_assert_int_eq(fstat(fd, &st), 0);
    struct sock_filter *code = tenon_malloc((size_t)st.st_size + SOCKETS_MAX * sizeof *code);
    size_t n = sockets_program(code, shares_network, is_served);
    ck_assert_int_eq(pread(fd, code + n, (size_t)st.st_size, 0), st.st_size);
    return (struct sock_fprog){(unsigned short)(n + (size_t)st.st_size / sizeof *code), code};
}

static const uint64_t arguments[] = {
    0, 1, 2, 8, 17, 40, 0x20000, 0x20008, 0xffffffff, 0xfffffffe, CLONE_NEWUSER, CLONE_NEWNS,
    CLONE_NEWCGROUP | CLONE_THREAD, CLONE_VM | CLONE_FILES | CLONE_THREAD, UINT64_C(1) << 32,
    UINT64_C(1) << 32 | 8, UINT64_C(0xffffffff) << 32 | CLONE_NEWNET, UINT64_MAX,
};

/* May be allowed though the library does not: it is older than the call, whose number is one of the
 * last that our table has. */
static bool
is_news(uint32_t token, uint32_t number, uint32_t answer)
{
    const bool is_x32 = (token == SCMP_ARCH_X86_64 || token == SCMP_ARCH_X32) &&
                        number & 0x40000000;
    const uint32_t plain = is_x32 ? number & ~(uint32_t)0x40000000 : number;
    char *name = seccomp_syscall_resolve_num_arch(is_x32 ? SCMP_ARCH_X32 : token, (int)number);

    free(name);
    if (name)
        return false;
    return answer == SECCOMP_RET_ALLOW && ((plain >= 451 && plain <= 456) ||
                                           (plain >= 462 && plain <= 466));
}

static void
same_answers(const struct sock_fprog *ours, const struct sock_fprog *theirs, uint32_t token,
             uint32_t first, uint32_t count)
{
    /* x32 is what x86_64 is, by its numbers. */
    const uint32_t audit = token == SCMP_ARCH_X32 ? AUDIT_ARCH_X86_64 : token;

    for (uint32_t n = 0; n < count; n++) {
        for (size_t a = 0; a < tenon_countof(arguments); a++) {
            for (int which = 0; which < 2; which++) {
                struct seccomp_data data = {.nr = (int)(first + n), .arch = audit};
                data.args[which] = arguments[a];
                const uint32_t is = run_program(ours, &data), wanted = run_program(theirs, &data);
                if (is != wanted && !is_news(token, first + n, is))
                    ck_abort_msg("call %u of %x, argument %d is %#llx: %x, not %x", first + n, audit,
                                 which, (unsigned long long)arguments[a], is, wanted);
            }
        }
    }
}

START_TEST(test_filter_answers_as_the_library)
{
    static const struct {
        uint32_t first, count;
    } numbers[] = {{0, 700}, {0x0f0000, 16}, {0x3ffffff0, 16}, {0x40000000, 700}, {0xfffffff0, 16}};
    const bool shares = _i & 1, served = _i & 2;
    struct sock_fprog ours, theirs = library_program(shares, served);
    uint32_t tokens[8];
    const size_t token_count = find_tokens(tokens);

    native_filter(!shares, served, &ours); /* each kind is made once */
    native_filter(shares, served, &ours);
    for (size_t t = 0; t < token_count; t++) {
        for (size_t i = 0; i < tenon_countof(numbers); i++)
            same_answers(&ours, &theirs, tokens[t], numbers[i].first, numbers[i].count);
    }
    same_answers(&ours, &theirs, 0x12345678, 0, 500);
    ck_assert_uint_lt(ours.len, theirs.len / 2); /* the kernel translates it for each step */
    free(theirs.filter);
}
END_TEST

/* ---- other sizes --------------------------------------------------------------------------- */

static const struct profile_rule kinds[] = {
    {.compare = PROFILE_ANY},
    {.compare = PROFILE_ANY, .action = PROFILE_ENOSYS},
    {.compare = PROFILE_EQUAL, .argument = 1, .value = UINT64_C(5) << 32 | 7},
    {.compare = PROFILE_MASKED, .argument = 5, .mask = UINT64_C(3) << 32 | 6, .value = 2},
};

static uint32_t
by_rules(const struct callprogram_arch *a, const struct seccomp_data *data)
{
    uint32_t answer = SECCOMP_RET_ERRNO | EPERM;

    for (size_t i = 0; i < a->calls.len; i++) {
        const struct callprogram_call *c = &a->calls.items[i];
        const uint64_t bits = c->is_wide ? UINT64_MAX : UINT32_MAX;
        const struct profile_rule *r = c->rule;
        const uint64_t mask = r->compare == PROFILE_MASKED ? r->mask : UINT64_MAX;
        if (c->number == (uint32_t)data->nr &&
            (r->compare == PROFILE_ANY ||
             !(((data->args[r->argument] & mask) ^ r->value) & bits)))
            answer = r->action == PROFILE_ALLOW ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | ENOSYS;
    }
    return answer;
}

/* Numbers with gaps, so that no two are one range, or all in a row. */
START_TEST(test_filter_of_any_size)
{
    static const struct {
        size_t calls;
        uint32_t gap;
    } sizes[] = {{0, 1}, {1, 1}, {2, 1}, {200, 1}, {100, 2}, {254, 2}, {256, 2}, {600, 3}};
    struct callprogram_arch arches[2] = {{.audit = 1}, {.audit = 2}};
    struct callprogram p = {0};

    for (size_t i = 0; i < sizes[_i].calls; i++) {
        for (int k = 0; k < 2; k++)
            tenon_vec_push(&arches[k].calls, (struct callprogram_call){
                (uint32_t)(sizes[_i].calls - i) * sizes[_i].gap, k == 0,
                &kinds[(i / 3 + (size_t)k) % tenon_countof(kinds)]});
    }
    callprogram_add(&p, arches, 2);
    const struct sock_fprog program = {(unsigned short)p.code.len, p.code.items};
    const uint64_t args[] = {0, 2, UINT64_C(5) << 32 | 7, 7, UINT64_C(1) << 32 | 2, 0xfffffff2};
    for (uint32_t n = 0; n < sizes[_i].calls * sizes[_i].gap + 2; n++) {
        for (size_t a = 0; a < tenon_countof(args); a++) {
            for (int k = 0; k < 2; k++) {
                const struct seccomp_data data = {
                    .nr = (int)n, .arch = (uint32_t)k + 1, .args = {[1] = args[a], [5] = args[a]}};
                if (run_program(&program, &data) != by_rules(&arches[k], &data))
                    ck_abort_msg("call %u of %d with %#llx", n, k + 1, (unsigned long long)args[a]);
            }
        }
    }
    ck_assert_uint_eq(run_program(&program, &(struct seccomp_data){.arch = 3}),
                      SECCOMP_RET_KILL_THREAD);
    for (int k = 0; k < 2; k++)
        tenon_vec_release(&arches[k].calls);
    tenon_vec_release(&p.code);
}
END_TEST

/* Some of a call's rules look at arguments, one does not: that one. */
START_TEST(test_filter_rule_without_argument_wins)
{
    struct callprogram_arch arch = {.audit = 1};
    struct callprogram p = {0};

    for (size_t i = 0; i < 3; i++)
        tenon_vec_push(&arch.calls, (struct callprogram_call){
            9, true, &kinds[(size_t[]){2, 0, 3}[i]]});
    callprogram_add(&p, &arch, 1);
    const struct sock_fprog program = {(unsigned short)p.code.len, p.code.items};
    ck_assert_uint_eq(run_program(&program, &(struct seccomp_data){.nr = 9, .arch = 1}),
                      SECCOMP_RET_ALLOW);
    tenon_vec_release(&arch.calls);
    tenon_vec_release(&p.code);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("executor-native-filter");
    TCase *t = tcase_create("filter");

    tcase_set_timeout(t, 0);
    tcase_add_loop_test(t, test_filter_answers_as_the_library, 0, 4);
    tcase_add_loop_test(t, test_filter_of_any_size, 0, 8);
    tcase_add_test(t, test_filter_rule_without_argument_wins);
    suite_add_tcase(s, t);
    return unit_run(s);
}
