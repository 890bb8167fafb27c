//! Under runsvdir and under rinit.

use super::Step::{Check, Down, File, First, Kill, See, Tell, Up};
use super::side_by_side;
use rinit::config::Style;

side_by_side! { Style::Runit;
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

    ends_by_signals: "\
-- tree/web/run x
#!${RECORDER} times 1 kill 9 times 2 kill 15 times 3 kill 1 wait
-- tree/web/finish x
#!${RECORDER} exit 0
", [See("web", "waits", 1), Down("web")];

    without_finish: "\
-- tree/web/run x
#!${RECORDER} times 1 exit 3 times 2 kill 9 wait
", [See("web", "waits", 1), Down("web")];

    finish_that_fails: "\
-- tree/web/run x
#!${RECORDER} times 2 exit 1 wait
-- tree/web/finish x
#!${RECORDER} times 1 exit 125 exit 1
", [See("web", "waits", 1), Down("web")];

    a_run_that_cannot_be_started: "\
-- tree/web/run x
#!/nonexistent/interpreter
-- tree/web/finish x
#!${RECORDER} exit 0
-- tree/db/run x
#!${RECORDER} wait
", [First("web", 1), See("db", "waits", 1)];

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

    logger_of_a_service_that_is_down: "\
-- tree/web/run x
#!${RECORDER} lines 1 wait
-- tree/web/down
-- tree/web/log/run x
#!${RECORDER} read
", [See("web/log", "reads", 1), Up("web"), See("web/log", "line", 1)];

    svlogd: "\
-- tree/web/run x
#!${RECORDER} lines 30 times 1 exit 0 wait
-- tree/web/log/main/config
s1000000
-- tree/web/log/run x
#!/bin/sh
exec svlogd ./main
", [See("web", "waits", 1), File("web/log/main/current", 60)];

    check: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/check x
#!/bin/sh
exit 0
", [See("web", "waits", 1), Check("web"), Down("web")];

    control_in_place_of_the_signal: "\
-- tree/web/run x
#!/bin/sh
echo $$ > pid
exec ${RECORDER} wait ./run
-- tree/web/control/t x
#!/bin/sh
kill -QUIT $(cat pid)
", [See("web", "waits", 1), Down("web")];

    control_that_fails: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/control/t x
#!${RECORDER} exit 1
", [See("web", "waits", 1), Down("web")];

    control_in_place_of_other_signals: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/control/h x
#!${RECORDER} exit 0
-- tree/web/control/a x
#!${RECORDER} exit 1
-- tree/web/control/i x
#!${RECORDER} exit 0
-- tree/web/control/q
not executable
-- tree/web/control/2 x
#!${RECORDER} exit 255
", [See("web", "waits", 1), Tell("web", "hup", &["signal", "HUP"]), See("web", "h", 1),
    Tell("web", "alarm", &["signal", "ALRM"]), See("web", "a", 1), See("web", "signal", 1),
    Tell("web", "1", &["signal", "USR1"]), See("web", "signal", 2),
    Tell("web", "2", &["signal", "USR2"]), See("web", "2", 1), See("web", "signal", 3),
    Tell("web", "interrupt", &["signal", "INT"]), See("web", "i", 1), Tell("web", "quit", &["signal", "QUIT"]),
    See("web", "waits", 2)];

    control_of_a_signal_that_would_end_it: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/control/t x
#!${RECORDER} times 1 exit 0 exit 1
-- tree/web/control/k x
#!${RECORDER} exit 1
", [See("web", "waits", 1), Tell("web", "term", &["signal", "TERM"]), See("web", "t", 1),
    Tell("web", "1", &["signal", "USR1"]), See("web", "signal", 1),
    Tell("web", "kill", &["signal", "KILL"]), See("web", "waits", 2)];

    control_in_place_of_a_pause: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/control/p x
#!${RECORDER} exit 0
-- tree/web/control/c x
#!${RECORDER} exit 0
", [See("web", "waits", 1), Tell("web", "pause", &["pause"]), See("web", "p", 1),
    Tell("web", "1", &["signal", "USR1"]), See("web", "signal", 1), Tell("web", "cont", &["resume"]),
    See("web", "c", 1), Tell("web", "2", &["signal", "USR2"]), See("web", "signal", 2)];

    control_beside_a_pause: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/control/p x
#!${RECORDER} exit 1
-- tree/web/control/c x
#!${RECORDER} exit 1
", [See("web", "waits", 1), Tell("web", "pause", &["pause"]), See("web", "p", 1),
    Tell("web", "cont", &["resume"]), See("web", "c", 1), See("web", "signal", 1)];

    control_before_each_start: "\
-- tree/web/run x
#!${RECORDER} times 2 exit 3 wait
-- tree/web/finish x
#!${RECORDER} exit 0
-- tree/web/control/u x
#!${RECORDER} times 1 exit 1 times 2 kill 15 exit 0
-- tree/db/run x
#!${RECORDER} wait
-- tree/db/control/u x
#!/nonexistent/interpreter
", [See("web", "waits", 1), See("db", "waits", 1), Down("web"), Up("web"), See("web", "waits", 2)];

    // What comes of the signals is not told, so that it does not matter what comes first.
    control_of_the_end: "\
-- tree/web/run x
#!/bin/sh
${RECORDER} 'exit 0' ./run
exec sleep 1000
-- tree/web/finish x
#!${RECORDER} exit 0
-- tree/web/control/t x
#!${RECORDER} exit 1
-- tree/web/control/d x
#!${RECORDER} exit 3
-- tree/web/control/x x
#!${RECORDER} exit 0
-- tree/db/run x
#!/bin/sh
${RECORDER} 'exit 0' ./run
exec sleep 1000
-- tree/db/finish x
#!${RECORDER} exit 0
-- tree/db/control/d x
#!${RECORDER} sleep 300 exit 0
-- tree/db/control/x x
#!${RECORDER} sleep 300 exit 0
", [See("web", "run", 1), Down("web"), Up("web"), See("web", "run", 2), See("db", "run", 1), Down("db"), Up("db"),
    See("db", "run", 2)];

    control_of_a_logger: "\
-- tree/web/run x
#!${RECORDER} wait
-- tree/web/log/run x
#!${RECORDER} read
-- tree/web/log/control/u x
#!${RECORDER} exit 0
-- tree/web/control/h x
#!${RECORDER} say hello exit 0
", [See("web", "waits", 1), See("web/log", "reads", 1), Tell("web", "hup", &["signal", "HUP"]),
    See("web/log", "line", 1)];

    chpst: "\
-- tree/web/run x
#!/bin/sh
exec 2>&1
exec chpst -e ./env ${RECORDER} wait ./run
-- tree/web/env/PORT
8080
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
-- tree/web/conf
private
-- tree/web/.meta/installed
-- tree/web/log/run x
#!${RECORDER} read
-- tree/web/log/log/run x
#!${RECORDER} read
-- tree/web/notification
3
", [See("web", "waits", 1), See("web/log", "reads", 1)];

    all_together: "\
-- tree/web/run x
#!${RECORDER} lines 3 times 1 exit 7 times 2 kill 6 wait
-- tree/web/finish x
#!${RECORDER} say finish exit 9
-- tree/web/check x
#!/bin/sh
exit 0
-- tree/web/log/run x
#!${RECORDER} read
-- tree/db/run x
#!${RECORDER} wait
-- tree/db/down
-- tree/db/control/t x
#!${RECORDER} exit 1
-- tree/db/finish x
#!${RECORDER} exit 0
", [See("web", "waits", 1), See("web/log", "line", 11), Up("db"), See("db", "waits", 1), Down("db"), Up("db"),
    See("db", "waits", 2), Check("web"), Down("web"), Up("web"), See("web", "waits", 2)];
}
