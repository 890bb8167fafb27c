//! Capabilities that rinit lacks for services of other users, where these are to run on this very machine.

use super::subject::Subject;
use crate::model::capability;
use crate::sys::{caps, process};

pub(super) fn look(subject: &mut Subject<'_>) {
    let Some(user) = &subject.draft.service.exec.context.user else { return };
    let Ok(own) = caps::own() else { return };
    let has_user = process::is_user(user.uid, process::group_id());
    let has_group = process::is_user(process::user_id(), user.gid);
    let lacks = |name: &&str| capability::parse(name).is_some_and(|it| own.permitted & it.0 == 0);
    let of_user = ["SETUID", "KILL"].into_iter().filter(|_| !has_user);
    let of_group = ["SETGID"].into_iter().filter(|_| !has_user || !has_group);
    let missing: Vec<&str> = of_group.chain(of_user).filter(lacks).collect();
    let message = match missing[..] {
        [] => return,
        ["KILL"] => {
            "rinit lacks the capability KILL here: a process of that user sends its signals".to_owned()
        }
        _ => format!("rinit lacks capabilities here that another user takes: {}", missing.join(", ")),
    };
    let help: Vec<String> = missing.iter().map(|name| format!("--cap-add {name}")).collect();
    subject.warn("capability-missing", &["user"], &message, &format!("docker run {}", help.join(" ")));
}
