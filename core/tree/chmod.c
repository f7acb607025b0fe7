/* tree/chmod.c - see chmod.h. */
#include "tree/chmod.h"

#include "tools/parse.h"

enum {
    ALL_X = 0111,
    SET_ID = 06000,
    STICKY = 01000,
    STANDARD = 06777, /* what "a" means, and no letter at all */
};

/* Copy the bits of one class (already shifted down) to the classes of who. */
static uint32_t
copy_class(uint32_t mode, char op, uint32_t who, uint32_t bits)
{
    for (unsigned shift = 0; shift <= 6; shift += 3) {
        if (!(who & (0400u >> (6 - shift))))
            continue;
        if (op == '=')
            mode &= ~(07u << shift);
        if (op == '-')
            mode &= ~(bits << shift);
        else
            mode |= bits << shift;
    }
    return mode;
}

struct state {
    uint32_t before; /* what X looks at */
    uint32_t mode;
    bool is_dir;
};

static void
change(struct state *s, char op, uint32_t who, uint32_t perm)
{
    uint32_t bits = who ? who & perm : perm;
    if (op == '=')
        s->mode &= ~(who ? who : (uint32_t)STANDARD);
    if (op == '-')
        s->mode &= ~bits;
    else
        s->mode |= bits;
}

static void
change_x(struct state *s, uint32_t who)
{
    if (s->is_dir || (s->before & ALL_X))
        s->mode |= who ? who & ALL_X : (uint32_t)ALL_X;
}

/* The permissions after one operator; where they end, never NULL. */
static const char *
apply_perms(struct state *s, const char *p, char op, uint32_t *who)
{
    uint32_t perm = 0;
    bool x = false, assigned = false;
    for (;; p++) {
        switch (*p) {
        case 'r':
            perm |= 0444;
            break;
        case 'w':
            perm |= 0222;
            break;
        case 'x':
            perm |= ALL_X;
            break;
        case 'X':
            /* what may gain it is asked, what may lose it is not */
            if (op == '-')
                perm |= ALL_X;
            else
                x = true;
            break;
        case 's':
            if (!*who || (*who & ~0007u))
                perm |= SET_ID;
            break;
        case 't':
            if (!*who || (*who & ~0007u)) {
                *who |= STICKY;
                perm |= STICKY;
            }
            break;
        case 'u':
        case 'g':
        case 'o': {
            if (perm)
                change(s, op, *who, perm);
            perm = 0;
            assigned = true;
            if (x)
                change_x(s, *who);
            x = false;
            unsigned shift = *p == 'u' ? 6 : *p == 'g' ? 3 : 0;
            s->mode = copy_class(s->mode, op, *who ? *who : 0777,
                                 s->mode >> shift & 07);
            break;
        }
        default:
            if (perm || (op == '=' && !assigned))
                change(s, op, *who, perm);
            if (x)
                change_x(s, *who);
            return p;
        }
    }
}

static uint32_t
parse_who(const char **p)
{
    uint32_t who = 0;
    for (;; (*p)++) {
        switch (**p) {
        case 'a':
            who |= STANDARD;
            break;
        case 'u':
            who |= 04700;
            break;
        case 'g':
            who |= 02070;
            break;
        case 'o':
            who |= 0007;
            break;
        default:
            return who;
        }
    }
}

bool
tenon_chmod_apply(const char *text, uint32_t mode, bool is_dir, uint32_t *out)
{
    struct state s = {mode & 07777, mode & 07777, is_dir};
    if (*text >= '0' && *text <= '9') {
        uint64_t v;
        if (!tenon_parse_u64(text, 8, &v) || v > 07777)
            return false;
        s.mode = (uint32_t)v;
    } else {
        const char *p = text;
        for (;;) {
            uint32_t who = parse_who(&p);
            if (*p != '+' && *p != '-' && *p != '=')
                return false;
            while (*p == '+' || *p == '-' || *p == '=') {
                char op = *p++;
                who &= ~(uint32_t)STICKY;
                p = apply_perms(&s, p, op, &who);
            }
            if (!*p)
                break;
            if (*p++ != ',')
                return false;
        }
    }
    if (out)
        *out = s.mode;
    return true;
}
