//! The user, groups and capabilities of a service.

use super::*;

#[test]
fn groups_are_added() {
    if !is_root() {
        return;
    }
    let mut service = shell("grep Groups: /proc/self/status");
    service.exec.context.group_add = vec![1234];
    let groups = output(&service);
    assert!(status_line(&groups, "Groups:").split(' ').any(|group| group == "1234"), "{groups}");
    service.exec.context.user = nobody();
    assert_eq!(status_line(&output(&service), "Groups:"), "7 1234 65533");
}

#[test]
fn a_group_that_is_there_already_takes_no_root() {
    let mut service = shell("true");
    service.exec.context.group_add = process::groups();
    assert_eq!(output(&service), "");
    if process::user_id() != 0 {
        service.exec.context.group_add = vec![1234];
        let error = setup_failure(&service);
        assert!(error.message.starts_with("web.toml: group_add: cannot add groups: "), "{error:?}");
    }
}

#[test]
fn capabilities_of_root() {
    if !is_root() {
        return;
    }
    let [.., bounding, _] = capability_sets(&output(&shell("cat /proc/self/status")));
    let sets = |drop: u64, add: u64| {
        let mut service = shell("cat /proc/self/status");
        (service.exec.context.cap_drop, service.exec.context.cap_add) =
            (Capabilities(drop), Capabilities(add));
        capability_sets(&output(&service))
    };
    let (chown, kill) = (1, 1 << 5);
    let left = bounding & !chown;
    assert_eq!(sets(chown, 0), [0, left, left, left, 0]);
    assert_eq!(sets(u64::MAX, kill), [0, kill, kill, kill, 0]);
    assert_eq!(sets(u64::MAX, 0), [0; 5]);
    assert_eq!(sets(0, kill), [0, bounding, bounding, bounding, 0]);
    assert_eq!(sets(u64::MAX, u64::MAX), [0, bounding, bounding, bounding, 0]);
}

#[test]
fn capabilities_of_another_user() {
    if !is_root() {
        return;
    }
    let [.., bounding, _] = capability_sets(&output(&shell("cat /proc/self/status")));
    let sets = |drop: u64, add: u64| {
        let mut service = shell("id -u; cat /proc/self/status");
        service.exec.context.user = nobody();
        (service.exec.context.cap_drop, service.exec.context.cap_add) =
            (Capabilities(drop), Capabilities(add));
        let output = output(&service);
        assert!(output.starts_with("65534\n"), "{output}");
        capability_sets(&output)
    };
    let (chown, bind) = (1, 1 << 10);
    assert_eq!(sets(0, 0), [0, 0, 0, bounding, 0]);
    assert_eq!(sets(0, bind), [bind, bind, bind, bounding, bind]);
    assert_eq!(sets(chown, 0), [0, 0, 0, bounding & !chown, 0]);
    assert_eq!(sets(u64::MAX, bind), [bind; 5]);
    assert_eq!(sets(u64::MAX, 0), [0; 5]);
}

#[test]
fn privileges_are_given_up() {
    let mut service = shell("grep NoNewPrivs: /proc/self/status");
    service.exec.context.no_new_privileges = true;
    assert_eq!(status_line(&output(&service), "NoNewPrivs:"), "1");
    // A user other than root cannot make the bounding set smaller; then it does not matter.
    service.exec.context.cap_drop = Capabilities::ALL;
    assert_eq!(status_line(&output(&service), "NoNewPrivs:"), "1");
}
