#!/bin/sh
# What a step may do by who it is: capabilities, no_new_privs, the filter, groups,
# as root, as a user, after a set-user-id program; and nothing of whoever runs
# tenon: groups, inheritable and ambient capabilities, keys, limits of its own.
. "$(dirname "$0")/lib.sh"
need setpriv keyctl

cc -static -O1 -x c -o "$context/suid" - <<'END' || fail "does not compile"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    printf("suid: %d %d\n", (int)getuid(), (int)geteuid());
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "Cap", 3)) printf("suid %s", line);
    return 0;
}
END
cat >"$context/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
user:x:1000:1002::/:/bin/sh
END
cat >"$context/group" <<'END'
root:x:0:
wheel:x:10:root
first:x:1002:
second:x:2000:user
third:x:3000:user,root
END
plain="sed 's/[[:space:]][[:space:]]*/ /g'"
show="grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid)' /proc/self/status | $plain"
cat >"$context/Dockerfile" <<END
FROM base
COPY probe suid /
COPY passwd group /etc/
RUN chown 0:0 /suid && chmod 4755 /suid && mkdir /w && chmod 777 /w
RUN $show | sed 's/^/root /'
RUN cat /proc/1/status | grep -E '^(CapBnd|Seccomp:)' | $plain | sed 's/^/first /'
USER user
RUN $show | sed 's/^/user /'; /suid; id | sed 's/^/user /'; touch /w/f && stat -c 'file %u:%g' /w/f
USER 1000:3000
RUN $show | sed 's/^/group /'
USER 4242
RUN $show | sed 's/^/number /'; (mknod /w/n c 1 3 || chown 0 /w/f || kill -0 1 || chroot / true) 2>/dev/null; umask | sed 's/^/umask /'
END
caps=00000000a80425fb
none=0000000000000000
status() { # WHO UID GID EFFECTIVE GROUPS
    printf "$1 Uid: $2 $2 $2 $2\n$1 Gid: $3 $3 $3 $3\n$1 Groups: $5 \n"
    printf "$1 CapInh: $none\n$1 CapPrm: $4\n$1 CapEff: $4\n$1 CapBnd: $caps\n$1 CapAmb: $none\n"
    printf "$1 NoNewPrivs: 0\n$1 Seccomp: 2\n"
}
{
    status root 0 0 $caps "0 10 3000"
    echo "first CapBnd: $caps"
    echo "first Seccomp: 2"
    status user 1000 1002 $none "1002 2000 3000"
    printf "suid: 1000 0\nsuid CapInh: $none\nsuid CapPrm: $caps\nsuid CapEff: $caps\nsuid CapBnd: $caps\nsuid CapAmb: $none\n"
    echo "user uid=1000(user) gid=1002(first) groups=1002(first),2000(second),3000(third)"
    echo "file 1000:1002"
    status group 1000 3000 $none 3000
    status number 4242 0 $none 0
    echo "umask 0022"
} >"$work/wanted"

# A key of the session that starts tenon. The filter shuts the calls for keys; the step
# that has no filter shows what all of them have.
printf 'FROM base\nCOPY probe /\nRUN --security=insecure /probe key tenon-test-%s\n' $$ >"$context/key.Dockerfile"
with_key() { # COMMAND...
    keyctl session - sh -c 'keyctl add user "$1" "not for steps" @s >/dev/null && shift && exec "$@"' \
        session "tenon-test-$$" "$@"
}
run 0 with_key "$context/probe" key tenon-test-$$
assert_has "$work/out" "key of the session: works" # what a step would see

# tenon with more than it needs: groups, capabilities to hand on, a key, a mask.
loaded() { # FLAG...
    (
        umask 077
        ulimit -c 0
        exec setpriv --groups 5,44,1234 --inh-caps +sys_admin,+sys_ptrace,+net_admin --ambient-caps +sys_admin,+sys_ptrace \
            "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --build-context "$base" \
            -o type=cacheonly --no-cache "$context"
    )
}
trial() {
    run 0 loaded
    said | sed 's/[[:space:]][[:space:]]*/ /g' | grep -E '^(root|first|user|group|number|suid|file|umask) ?' >"$work/got" ||
        fail "$executor: nothing was seen"
    diff "$work/wanted" "$work/got" || fail "$executor: not as promised"
    run 0 with_key "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache \
        --build-context "$base" -o type=cacheonly --allow security.insecure -f "$context/key.Dockerfile" "$context"
    assert_said "session keyring: works" # one of its own
    assert_said "key of the session: ENOKEY"
    # Granted all: the machine's capabilities, or those of the user's namespace, and no filter.
    namespace=
    [ $as = root ] || namespace="unshare --user"
    printf 'FROM base\nRUN --security=insecure %s\n' "$show" >"$context/insecure.Dockerfile"
    try 0 --no-cache --allow security.insecure -f "$context/insecure.Dockerfile"
    assert_said "Seccomp: 0"
    assert_said "CapAmb: $none"
    assert_said "CapInh: $none"
    assert_said "CapEff: $($namespace sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)"
}
each_executor trial
