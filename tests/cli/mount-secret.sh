#!/bin/sh
# RUN --mount=type=secret, and --secret: each key, and where the bytes come from.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

echo one >"$work/one"
echo two >"$work/two"

# ---- the mount's keys ----------------------------------------------------------
dockerfile <<'D'
FROM base AS s
WORKDIR /w
RUN mkdir /o
# Defaults: its place, 0400, root.
RUN --mount=type=secret,id=one stat -c '%a %u %g %n' /run/secrets/one >/o/default; cat /run/secrets/one >>/o/default
# The id's last part names the file; source is another word for id.
RUN --mount=type=secret,id=deep/er cat /run/secrets/er >/o/deep
RUN --mount=type=secret,source=one cat /run/secrets/one >/o/source
RUN --mount=type=secret,src=one,dst=/by/dst cat /by/dst >/o/dst
# Without an id the target's last part is it.
RUN --mount=type=secret,target=/x/one cat /x/one >/o/byname
RUN --mount=type=secret,id=one,target=rel/file cat /w/rel/file >/o/relative
RUN --mount=type=secret,id=one,mode=0444,uid=1000,gid=1002,target=/t stat -c '%a %u %g' /t >/o/owner
RUN --mount=type=secret,id=one,mode=04751,target=/t stat -c '%a' /t >/o/setuid
# A variable alone, or both.
RUN --mount=type=secret,id=one,env=ONE echo $ONE >/o/env; ls /run/secrets >/o/env-file 2>/dev/null || true
RUN --mount=type=secret,id=one,env=ONE,target=/both echo $ONE >/o/both; cat /both >>/o/both
# Several in one step; the last on a target is seen.
RUN --mount=type=secret,id=one --mount=type=secret,id=two --mount=type=secret,id=two,env=TWO,required \
    cat /run/secrets/one /run/secrets/two >/o/several; echo $TWO >>/o/several
RUN --mount=type=secret,id=one,target=/same --mount=type=secret,id=two,target=/same cat /same >/o/same
# It is not written to, run when its mode says so, not on a disk.
RUN --mount=type=secret,id=one,mode=0777,target=/t (echo x >/t) 2>/dev/null && echo wrote >/o/write || echo refused >/o/write; \
    stat -f -c %T /t >>/o/write
RUN --mount=type=secret,id=script,mode=0755,target=/t /t 2>/dev/null && echo ran >/o/exec || echo refused >/o/exec
RUN --mount=type=secret,id=script,mode=0644,target=/t sh -c /t 2>/dev/null && echo ran >/o/noexec || echo refused >/o/noexec
# Another user's step: not readable by default, readable when given to it.
USER app
RUN --mount=type=secret,id=one,target=/t cat /t 2>/dev/null && echo read >/tmp/app || echo refused >/tmp/app
RUN --mount=type=secret,id=one,target=/t,uid=1000 cat /t >>/tmp/app
USER root
# Not given: nothing there; with env, the variable is empty.
RUN --mount=type=secret,id=none test ! -e /run/secrets/none && echo absent >/o/absent
RUN --mount=type=secret,id=none,env=NONE,required=false echo "<$NONE>" >>/o/absent
# After the steps nothing is left.
RUN mv /tmp/app /o/app; ls -d /run /by /x /w/rel /t /both /same 2>/dev/null >/o/left || true
FROM scratch
COPY --from=s /o /
D
printf '#!/bin/sh\n' >"$work/script"
secrets="--secret id=one,src=$work/one --secret id=two,src=$work/two --secret id=script,src=$work/script
    --secret id=deep/er,src=$work/two"
for executor in $executors; do
    use_executor $executor
    result --no-cache $secrets
    saw default "400 0 0 /run/secrets/one
one"
    saw deep two
    saw source one
    saw dst one
    saw byname one
    saw relative one
    saw owner "444 1000 1002"
    saw setuid 4751
    saw env one
    saw env-file ""
    saw both "one
one"
    saw several "one
two
two"
    saw same two
    saw write "refused
tmpfs"
    saw exec ran
    saw noexec refused
    saw app "refused
one"
    saw absent "absent
<>"
    saw left ""
done

# ---- what is wrong with a mount ------------------------------------------------
refused() { # TEXT MOUNT FLAG...
    text=$1
    printf 'FROM base\nRUN --mount=%s true\n' "$2" >"$context/bad.Dockerfile"
    shift 2
    run 1 build -f "$context/bad.Dockerfile" "$@"
    assert_has "$work/err" "$text"
}
refused "secret none: not found" type=secret,id=none,required=true
assert_has "$work/err" "hint: pass --secret id=none,src=FILE"
refused "secret none: not found" type=secret,id=none,required,env=X
refused "one of source, target required" type=secret
refused "both source and id can't be set" type=secret,id=one,source=one
refused "secret mount should not have a from" type=secret,id=one,from=base
refused "secret mount should not define sharing" type=secret,id=one,sharing=locked
refused "unexpected key 'size'" type=secret,id=one,size=1k
refused "unexpected key 'requierd'" type=secret,id=one,requierd=true
assert_has "$work/err" "did you mean required?"
refused "invalid value" type=secret,id=one,required=perhaps
refused "invalid value 9 for mode" type=secret,id=one,mode=9

# ---- where the bytes come from -------------------------------------------------
dockerfile <<'D'
FROM base AS s
RUN --mount=type=secret,id=x cat /run/secrets/x >/x || echo absent >/x
FROM scratch
COPY --from=s /x /
D
given() { # TEXT FLAG...
    text=$1
    shift
    result --no-cache "$@"
    saw x "$text"
}
cd "$work"
VALUE="from VALUE"
export VALUE
given one --secret "id=x,src=$work/one"
given one --secret "type=file,source=$work/one,id=x"
given one --secret "ID=x,SRC=$work/one"
given "from VALUE" --secret id=x,env=VALUE
given "from VALUE" --secret type=env,id=x,env=VALUE
given "from VALUE" --secret type=env,id=x,src=VALUE
# Bare: the environment, then a file of this name.
echo "from a file" >x
given "from a file" --secret id=x
x="from x" && export x
given "from x" --secret id=x
given "from x" --secret type=env,id=x
unset x
# A field with a comma in it, as CSV has it.
echo comma >"$work/a,b"
given comma --secret "id=x,\"src=$work/a,b\""
# The last of equal ids.
given "from VALUE" --secret "id=x,src=$work/one" --secret id=x,env=VALUE
given two --secret id=x,env=VALUE --secret "id=x,src=$work/one" --secret "id=x,src=$work/two"
# No bytes, odd bytes.
: >empty
given "" --secret id=x,src=empty
printf 'a\000b\377\n\nc' >odd
result --no-cache --secret id=x,src=odd
cmp odd "$work/tree/x" || fail "not the bytes given"
# A pipe is read once, and that is enough for one step.
mkfifo pipe
(echo "from a pipe" >pipe) &
remember $!
given "from a pipe" --secret id=x,src=pipe
# A variable that is not set is a secret without bytes, as BuildKit has it.
given "" --secret id=x,env=NOT_SET_HERE

# 500 KB and no more.
head -c 512000 /dev/zero >full
given_size() { # BYTES FLAG...
    size=$1
    shift
    result --no-cache "$@"
    assert_eq "$size" "$(stat -c %s "$work/tree/x")"
}
given_size 512000 --secret id=x,src=full
head -c 512001 /dev/zero >over
run 2 build --secret id=x,src=over
assert_has "$work/err" "secret x too big. max size 500KB"

# What is wrong with a flag: its words, or what it names.
flag() { # STATUS TEXT SPEC
    run "$1" build --secret "$3"
    assert_has "$work/err" "$2"
}
flag 2 "failed to stat $work/nothing: " "id=x,src=$work/nothing"
flag 2 "failed to stat y: " id=y
flag 2 'invalid value "x" in --secret "x": expected KEY=VALUE' x
flag 2 "unexpected key 'file' in 'file=one'" id=x,file=one
flag 2 'unsupported secret type "vault"' type=vault,id=x
flag 2 "no id" "src=$work/one"
