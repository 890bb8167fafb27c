//! Whether a service runs as another user than rinit.

#![forbid(unsafe_code)]

use crate::model::User;
use crate::sys::process;
use crate::sys::spawn::Ids;

/// Nothing to do if rinit is that user already, with those groups: without the capabilities for it, even that would be
/// refused.
pub fn ids(user: Option<&User>) -> Option<Ids> {
    let user = user?;
    let is_us = process::is_user(user.uid, user.gid) && process::has_groups(user.gid, &user.groups);
    (!is_us).then_some(Ids { uid: user.uid, gid: user.gid })
}
