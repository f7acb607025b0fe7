# fish completion for tenon. It offers what the installed program says of itself: the verbs of
# `tenon --help`, the words and flags of `tenon VERB --help`, the displays and outputs that are plugins.

function __tenon_of_kind # KIND
    tenon plugins 2>/dev/null | string replace -rf "^$argv[1] +(\S+) .*" '$1'
end

function __tenon_offer
    set -l before (commandline -opc)
    set -l cur (commandline -ct)
    set -l flag $before[-1]
    set -l verb
    set -l second
    set -l skip
    for word in $before[2..-1]
        if test -n "$skip"
            set skip
        else if contains -- $word --config --plugin-dir --root
            set skip yes
        else if not string match -q -- '-*' $word
            if test -n "$verb"
                set second $word
                break
            end
            set verb $word
        end
    end
    set -l lead
    if string match -qr -- '^--[a-z-]+=' $cur # "--flag=value" is one word
        set flag (string replace -r '=.*' '' -- $cur)
        set lead $flag=
    end
    switch "$flag"
        case --progress
            printf "$lead%s\n" auto none quiet rawjson (__tenon_of_kind progress)
            return
        case --output -o
            printf "$lead%s\n" type=(__tenon_of_kind exporter)
            return
        case --format
            printf "$lead%s\n" table json
            return
        case --network
            printf "$lead%s\n" default none host
            return
        case --call
            printf "$lead%s\n" build check outline targets
            return
    end
    if string match -q -- '-*' $cur
        tenon $verb --help 2>/dev/null | string replace -rf '^ *(?:-., )? *(--[a-z-]+).*' '$1'
    else if test -z "$verb"
        tenon --help 2>/dev/null | string replace -rf '^  ([a-z]+)  +(.*)' '$1\t$2'
    else if test -z "$second"; and string match -qr '^[a-z]+$' -- $verb
        tenon $verb --help 2>/dev/null |
            string replace -rf "^(?:Usage: |       )[a-z-]+ $verb \[?([a-z|]+).*" '$1' | string split '|'
        __fish_complete_path $cur
    else
        __fish_complete_path $cur
    end
end

complete -c tenon -f -a '(__tenon_offer)'
