# fish completion of rinit: rinit itself says what may come next.
function __rinit_complete
    set -l word (commandline -ct)
    set -l words (commandline -opc) "$word"
    set -l lines ($words[1] completions fish -- $words 2> /dev/null)
    set -l option (string match -r -- '^-[^=]*=' "$word"; or echo)
    set -l value (string replace -r -- '^-[^=]*=' '' "$word")
    switch "$lines[1]"
        case ':directories'
            printf '%s\n' $option(__fish_complete_directories "$value")
        case ':files'
            printf '%s\n' $option(__fish_complete_path "$value")
        case ':program *'
            set -l at (math 1 + (string replace ':program ' '' -- $lines[1]))
            complete -C "$words[$at..-1]"
        case '*'
            printf '%s\n' $lines
    end
end
complete -c rinit -f -a '(__rinit_complete)'
