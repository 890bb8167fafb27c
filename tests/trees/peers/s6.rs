//! Under s6-svscan and under rinit.

use super::Step::{Down, File, First, Kill, See, Up};
use super::side_by_side;
use rinit::config::Style;

side_by_side! { Style::S6;
    run_alone: "\
-- tree/web/run x
#!${RECORDER} wait
", [See("web", "waits", 1), Down("web")];

    the_end_of_all: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/db/run x
#!${RECORDER} wait
-- tree/db/finish x
#!${RECORDER} exit 0
", [See("web", "waits", 1), See("db", "waits", 1)];

    exit_codes: "\
-- tree/web/run x
#!${RECORDER} times 1 exit 3 times 2 exit 0 times 3 exit 255 wait
-- tree/web/finish x
#!${RECORDER} exit 0
", [See("web", "waits", 1), Down("web")];

    without_finish: "\
-- tree/web/run x
#!${RECORDER} times 1 exit 3 times 2 kill 9 wait
", [See("web", "waits", 1), Down("web")];

    ends_by_signals: "\
-- tree/web/run x
#!${RECORDER} times 1 kill 9 times 2 kill 15 times 3 kill 11 wait
-- tree/web/finish x
#!${RECORDER} exit 0
", [See("web", "waits", 1), Down("web")];

    finish_that_fails: "\
-- tree/web/run x
#!${RECORDER} times 2 exit 1 wait
-- tree/web/finish x
#!${RECORDER} exit 111
", [See("web", "waits", 1), Down("web")];

    finish_that_gives_up: "\
-- tree/web/run x
#!${RECORDER} exit 1
-- tree/web/finish x
#!${RECORDER} exit 125
-- tree/db/run x
#!${RECORDER} times 3 exit 1 wait
", [See("web", "finish", 1), See("db", "waits", 1)];

    finish_that_gives_up_after_three_deaths: "\
-- tree/web/run x
#!${RECORDER} times 1 exit 7 times 2 exit 3 times 3 kill 9 exit 3
-- tree/web/finish x
#!/bin/sh
${RECORDER} \"exit 0\" ./finish \"$@\"
od -An -v -tx1 -w14 supervise/death_tally | cut -c37- >> tally
exec s6-permafailon 3600 3 3,137 true
-- tree/db/run x
#!${RECORDER} times 6 exit 1 wait
", [See("web", "finish", 4), File("web/tally", 10), See("db", "waits", 1)];

    finish_that_is_told_of_the_last_two_deaths: "\
-- tree/web/run x
#!${RECORDER} times 1 exit 7 times 2 exit 3 times 3 kill 9 times 4 exit 5 wait
-- tree/web/finish x
#!/bin/sh
${RECORDER} \"exit 0\" ./finish \"$@\"
od -An -v -tx1 -w14 supervise/death_tally | cut -c37- >> tally
echo . >> tally
-- tree/web/max-death-tally
2
-- tree/db/run x
#!${RECORDER} times 2 exit 7 wait
-- tree/db/finish x
#!/bin/sh
${RECORDER} \"exit 0\" ./finish \"$@\"
wc -c < supervise/death_tally > tally
-- tree/db/max-death-tally
0
", [See("web", "waits", 1), File("web/tally", 11), See("db", "waits", 1), File("db/tally", 1)];

    finish_that_hangs: "\
-- tree/web/run x
#!${RECORDER} times 1 exit 1 wait
-- tree/web/finish x
#!${RECORDER} times 1 sleep 10000 exit 0
-- tree/web/timeout-finish
200
", [See("web", "waits", 1), Down("web")];

    down: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/down
-- tree/db/run x
#!${RECORDER} times 1 exit 0 wait
", [See("db", "waits", 1), Up("web"), See("web", "waits", 1), Down("web")];

    up_and_down: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/finish x
#!${RECORDER} exit 0
", [See("web", "waits", 1), Down("web"), Up("web"), See("web", "waits", 2), Down("web"), Up("web"),
    See("web", "waits", 3)];

    killed_by_hand: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/finish x
#!${RECORDER} exit 0
", [See("web", "waits", 1), Kill("web", 3), See("web", "waits", 2), Kill("web", 9), See("web", "waits", 3),
    Kill("web", 1), See("web", "signal", 2)];

    notification: "\
-- tree/web/run x
#!${RECORDER} ready 3 times 1 exit 1 wait
-- tree/web/notification-fd
3
-- tree/db/run x
#!${RECORDER} ready 17 wait
-- tree/db/notification-fd open
17
", [See("web", "waits", 1), See("db", "waits", 1), Down("web")];

    notification_over_standard_descriptors: "\
-- tree/web/run x
#!${RECORDER} ready 1 times 1 exit 1 wait
-- tree/web/notification-fd
1
-- tree/web/log/run x
#!${RECORDER} read
-- tree/db/run x
#!${RECORDER} ready 2 wait
-- tree/db/notification-fd
2
-- tree/cache/run x
#!${RECORDER} ready 0 wait
-- tree/cache/notification-fd
0
", [See("web", "waits", 1), See("db", "waits", 1), See("cache", "waits", 1), See("web/log", "reads", 1), Down("web")];

    instances: "\
-- tree/web@one/run x
#!${RECORDER} times 1 exit 1 wait
-- tree/web@one/finish x
#!${RECORDER} exit 0
-- tree/web@one/log/run x
#!${RECORDER} read
-- tree/@x/run x
#!${RECORDER} wait
-- tree/@x/finish x
#!${RECORDER} exit 0
-- tree/a@b@c/run x
#!${RECORDER} wait
", [See("web@one", "waits", 1), See("web@one/log", "reads", 1), See("@x", "waits", 1), See("a@b@c", "waits", 1),
    Down("@x")];

    down_signal: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/down-signal
SIGQUIT
-- tree/db/run x
#!${RECORDER} wait
-- tree/db/down-signal open
3
", [See("web", "waits", 1), See("db", "waits", 1), Down("web"), Down("db")];

    timeout_kill: "\
-- tree/web/run x
#!${RECORDER} stay wait
-- tree/web/finish x
#!${RECORDER} exit 0
-- tree/web/timeout-kill
300
", [See("web", "waits", 1), Down("web")];

    killed_with_all: "\
-- tree/web/run x
#!${RECORDER} stay wait
-- tree/web/finish x
#!${RECORDER} exit 0
-- tree/web/timeout-kill
300
", [See("web", "waits", 1)];

    timeout_kill_of_the_group: "\
-- tree/web/run x
#!${RECORDER} stay wait
-- tree/web/timeout-kill
300
-- tree/web/flag-timeout-killpg
-- tree/web/max-death-tally
7
", [See("web", "waits", 1), Down("web")];

    logger: "\
-- tree/web/run x
#!${RECORDER} lines 50 wait
-- tree/web/log/run x
#!${RECORDER} read
", [See("web", "waits", 1), See("web/log", "line", 50)];

    logger_of_one_that_is_restarted: "\
-- tree/web/run x
#!${RECORDER} lines 100 times 2 kill 9 wait
-- tree/web/finish x
#!${RECORDER} say finished
-- tree/web/log/run x
#!${RECORDER} read
", [See("web", "waits", 1), See("web/log", "line", 302), Down("web"), See("web/log", "line", 303)];

    logger_with_everything: "\
-- tree/web/run x
#!${RECORDER} lines 2 wait
-- tree/web/log/run x
#!${RECORDER} ready 4 read
-- tree/web/log/finish x
#!${RECORDER} exit 0
-- tree/web/log/notification-fd
4
-- tree/web/log/timeout-finish
1000
", [See("web", "waits", 1), See("web/log", "line", 2)];

    logger_of_a_service_that_is_down: "\
-- tree/web/run x
#!${RECORDER} lines 1 wait
-- tree/web/down
-- tree/web/log/run x
#!${RECORDER} read
", [See("web/log", "reads", 1), Up("web"), See("web/log", "line", 1)];

    s6_log: "\
-- tree/web/run x
#!${RECORDER} lines 30 times 1 exit 0 wait
-- tree/web/log/run x
#!/bin/sh
exec s6-log -b n3 s1000000 ./main
", [See("web", "waits", 1), File("web/log/main/current", 60)];

    data_and_env: "\
-- tree/web/run x
#!/bin/sh
exec s6-envdir ./env ./data/program
-- tree/web/data/program x
#!${RECORDER} wait
-- tree/web/env/PORT
8080
-- tree/web/env/A_VARIABLE
another value
", [See("web", "waits", 1), Down("web")];

    execline: "\
-- tree/web/run x
#!/usr/bin/execlineb -S1
fdmove -c 2 1
foreground { true }
${RECORDER} wait name $1
-- tree/web/finish x
#!/usr/bin/execlineb -S2
${RECORDER} \"exit 0\" finish $1 $2
-- tree/web/log/run x
#!${RECORDER} read
", [See("web", "waits", 1), Down("web")];

    a_link_to_a_directory: "\
-- tree/web -> ../elsewhere/web
-- elsewhere/web/run x
#!${RECORDER} wait
-- elsewhere/web/log -> ../logger
-- elsewhere/logger/run x
#!${RECORDER} read
", [See("/elsewhere/web", "waits", 1), See("/elsewhere/logger", "reads", 1)];

    a_program_in_place_of_a_script: "\
-- tree/web/run -> ${RECORDER}
", [First("web", 2)];

    what_is_passed_over: "\
-- tree/.hidden/run x
#!${RECORDER} wait
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/README
private
-- tree/web/.private/run x
#!${RECORDER} wait
-- tree/web/log/run x
#!${RECORDER} read
-- tree/web/log/log/run x
#!${RECORDER} read
-- tree/web/instance/run x
#!${RECORDER} wait
-- tree/.s6-svscan/finish x
#!/bin/sh
", [See("web", "waits", 1), See("web/log", "reads", 1)];

    all_together: "\
-- tree/web/run x
#!${RECORDER} lines 3 ready 3 times 1 exit 7 times 2 kill 6 wait
-- tree/web/finish x
#!${RECORDER} say finish exit 9
-- tree/web/notification-fd
3
-- tree/web/down-signal
QUIT
-- tree/web/timeout-kill
5000
-- tree/web/timeout-finish
2000
-- tree/web/max-death-tally
20
-- tree/web/log/run x
#!${RECORDER} read
-- tree/web/log/finish x
#!${RECORDER} exit 0
-- tree/db/run x
#!${RECORDER} stay wait
-- tree/db/down
-- tree/db/timeout-kill
200
-- tree/db/finish x
#!${RECORDER} exit 125
", [See("web", "waits", 1), See("web/log", "line", 11), Up("db"), See("db", "waits", 1), Down("db"), Up("db"),
    See("db", "waits", 2), Down("db"), Down("web"), Up("web"), See("web", "waits", 2)];
}
