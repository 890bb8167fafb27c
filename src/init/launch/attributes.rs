//! What a service's processes are given beside program and environment.

use super::errors::refusal;
use crate::model::text::cause;
use crate::model::{Capabilities, Context, Service, capability};
use crate::supervisor::StartError;
use crate::sys::attributes::Attributes;
use crate::sys::caps::{self, Change, Own};
use crate::sys::process;
use crate::sys::spawn::Ids;
use std::io;

/// The attributes of a service's processes. `ids`: the user of the process, if it is not rinit's own.
///
/// # Errors
/// `cap_add` names a capability that rinit lacks, or rinit's own capabilities cannot be read.
pub fn build(service: &Service, ids: Option<&Ids>) -> Result<Attributes, StartError> {
    let context = &*service.exec.context;
    Ok(Attributes {
        groups: groups(context, ids, process::groups),
        umask: context.umask,
        oom_score_adj: context.oom_score_adj.map(|score| score.to_string()),
        limits: context.ulimits.clone(),
        nice: context.nice,
        capabilities: capabilities(service, ids, caps::own)?,
        no_new_privileges: context.no_new_privileges,
    })
}

/// The user's groups, or without another user rinit's own, and those of `group_add`. `None`: they are as they should
/// be; without root even that would be refused.
fn groups(context: &Context, ids: Option<&Ids>, own: fn() -> Vec<u32>) -> Option<Vec<u32>> {
    let (mut groups, is_as_it_is) = match (ids, &context.user) {
        (Some(_), Some(user)) => (user.groups.clone(), false),
        _ if context.group_add.is_empty() => return None,
        _ => (own(), true),
    };
    let before = groups.len();
    for group in &context.group_add {
        if !groups.contains(group) {
            groups.push(*group);
        }
    }
    (!is_as_it_is || groups.len() > before).then_some(groups)
}

fn capabilities(
    service: &Service,
    ids: Option<&Ids>,
    own: fn() -> io::Result<Own>,
) -> Result<Option<Change>, StartError> {
    let (drop, add) = (service.exec.context.cap_drop, service.exec.context.cap_add);
    if drop.0 & !add.0 == 0 && add.0 == 0 {
        return Ok(None);
    }
    let key = if add.0 == 0 { "cap_drop" } else { "cap_add" };
    let own = own().map_err(|e| refusal(service, key, format!("cannot read rinit's own: {}", cause(&e))))?;
    if let Some(lacking) = lacking(add, own) {
        let message = format!("cannot give {lacking}: rinit itself does not have it");
        return Err(refusal(service, "cap_add", message));
    }
    let uid = ids.map_or_else(process::user_id, |ids| ids.uid);
    Ok(Some(Change::plan(own, drop.0, add.0, uid == 0, service.exec.context.no_new_privileges)))
}

/// What is to be given and is not there. `ALL` is all that there is.
fn lacking(add: Capabilities, own: Own) -> Option<String> {
    let lacking = Capabilities(add.0 & !own.permitted);
    if add == Capabilities::ALL || lacking.0 == 0 {
        return None;
    }
    Some(capability::names(lacking).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::User;
    use crate::supervisor::Retry;

    #[test]
    fn groups_are_those_of_the_user_and_those_added() {
        let ids = Ids { uid: 7, gid: 7 };
        let own = || vec![1, 2];
        let user = Some(User { uid: 7, gid: 7, groups: vec![7, 8], ..User::default() });
        let with = |user: &Option<User>, add: &[u32]| Context {
            user: user.clone(),
            group_add: add.to_vec(),
            ..Context::default()
        };
        assert_eq!(groups(&with(&user, &[]), Some(&ids), own), Some(vec![7, 8]));
        assert_eq!(groups(&with(&user, &[9, 8, 9, 3]), Some(&ids), own), Some(vec![7, 8, 9, 3]));
        assert_eq!(groups(&with(&None, &[]), None, own), None);
        assert_eq!(groups(&with(&None, &[5]), None, own), Some(vec![1, 2, 5]));
        assert_eq!(groups(&with(&None, &[2]), None, own), None);
        // rinit is that user already.
        assert_eq!(groups(&with(&user, &[]), None, own), None);
        assert_eq!(groups(&with(&user, &[5]), None, own), Some(vec![1, 2, 5]));
    }

    #[test]
    fn what_rinit_lacks_is_named() {
        let own = || Ok(Own { permitted: 0b1, ..Own::default() });
        let mut service = crate::init::launch::tests::service(&["true"]);
        let mut plan = |drop, add| {
            (service.exec.context.cap_drop, service.exec.context.cap_add) =
                (Capabilities(drop), Capabilities(add));
            capabilities(&service, None, own).map(|change| change.is_some()).map_err(|e| e.message)
        };
        assert_eq!(plan(0, 0), Ok(false));
        assert_eq!(plan(0b1, 0), Ok(true));
        assert_eq!(plan(0, 0b1), Ok(true));
        assert_eq!(plan(0, u64::MAX), Ok(true));
        let lacking = "DAC_OVERRIDE, DAC_READ_SEARCH: rinit itself does not have it";
        assert_eq!(plan(0, 0b111), Err(format!("web.toml:7: cap_add: cannot give {lacking}")));
        let unreadable = || Err(io::ErrorKind::Unsupported.into());
        let error = capabilities(&service, None, unreadable).unwrap_err();
        assert!(error.message.starts_with("web.toml:7: cap_add: cannot read rinit's own: "), "{error:?}");
        assert_eq!((error.retry, error.code), (Retry::No, 125));
    }
}
