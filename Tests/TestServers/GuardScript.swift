/// The shell that stands between the tests and a server: it starts the server when told to, and when the tests' end
/// of the connection on its stdin closes, be it by `kill -9`, it ends the server with all its children and removes its files.
///
/// A shell and not a thread of ours, because it must outlive us. The server is the shell's child, so its process id
/// can't be reused behind our back, and it doesn't inherit the connection.
///
/// Arguments: directory, log file, the signal that ends the server, then the server's command.
/// Every line on stdin is answered by one line on stdout.
let guardScript = #"""
    directory=$1 log=$2 ending=$3
    shift 3
    pid=

    # The server and all its descendants, into $tree.
    find_tree() {
        tree=" $pid " grown=yes
        while [ "$grown" ]; do
            grown=
            for stat in /proc/[0-9]*/stat; do
                { read -r line <"$stat"; } 2>/dev/null || continue
                child=${line%% *} rest=${line##*) }
                rest=${rest#* }
                case $tree in *" ${rest%% *} "*) ;; *) continue ;; esac
                case $tree in *" $child "*) ;; *) tree="$tree$child " grown=yes ;; esac
            done
        done
    }

    # Stopped first, so that nothing is born while the family is counted.
    kill_tree() {
        [ "$pid" ] || return 0
        kill -STOP "$pid" 2>/dev/null
        find_tree
        kill -KILL $tree 2>/dev/null
        wait "$pid" 2>/dev/null
        status=$? pid=
    }

    signal_tree() {
        [ "$pid" ] || return 0
        find_tree
        kill "-$1" $tree 2>/dev/null
    }

    end() {
        [ "$pid" ] || return 0
        [ "$1" = KILL ] && { kill_tree; return; }
        signal_tree CONT
        kill "-$1" "$pid" 2>/dev/null
        # Its sleep ends with it: an orphan would hold every descriptor that we inherited for the rest of its time.
        (
            nap=
            trap '[ "$nap" ] && kill "$nap"; exit' TERM
            sleep 10 &
            nap=$!
            wait "$nap"
            kill -KILL "$pid"
        ) >/dev/null 2>&1 &
        watchdog=$!
        wait "$pid" 2>/dev/null
        status=$?
        kill "$watchdog" 2>/dev/null
        pid=
    }

    while read -r verb argument; do
        status=0
        case $verb in
            start)
                "$@" </dev/null >>"$log" 2>&1 &
                pid=$! status=$pid
                ;;
            signal) [ "$pid" ] && kill "-$argument" "$pid" 2>/dev/null; status=$? ;;
            signal-tree) signal_tree "$argument" ;;
            kill) kill_tree ;;
            end) end "$argument" ;;
            wait) [ "$pid" ] && { wait "$pid" 2>/dev/null; status=$? pid=; } ;;
        esac
        echo "$status"
    done

    end "$ending"
    rm -rf "$directory"
    """#
