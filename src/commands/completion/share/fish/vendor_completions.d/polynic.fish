# Completion of polynic for fish: `polynic completion words` tells what may stand next.

function __polynic_words
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    # Of --option=PATH fish wants the whole word back.
    set -l option (string match -r '^--[^=]*=' -- "$last")
    set -l path (string replace -r '^--[^=]*=' '' -- "$last")
    for candidate in ($words[1] completion words -- $words[2..] "$last" 2>/dev/null)
        switch $candidate
            case \tfile
                for found in (__fish_complete_path "$path")
                    echo "$option$found"
                end
            case \tdirectory
                for found in (__fish_complete_directories "$path" '')
                    echo "$option$found"
                end
            case '*'
                echo $candidate
        end
    end
end

complete -c polynic -f -a '(__polynic_words)'
