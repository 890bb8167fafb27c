//! Under runsvdir and under rinit.

use super::Step::{Check, Down, File, First, Kill, See, Up};
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
