//! `rinit events --follow`: what is told as it happens, and that nobody who follows holds up anything.

use super::events::make_events;
use crate::support::services::Status;
use crate::support::skip::is_root;
use crate::support::{Launch, PATIENCE, Running, wait_for};
use crate::{require_namespace, require_root};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::socket::{MsgFlags, recv};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, Stdio};

const QUICK: &str = r#"command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]"#;

/// Ends at once, again and again.
const CRASH: &str = "command = \"false\"\n[backoff]\ninitial = \"1ms\"\nmax = \"1ms\"\n";

struct Follower {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Follower {
    fn start(mut command: Command) -> Follower {
        // A group of its own: where nsenter is between, both have to go.
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Follower { child, lines }
    }

    fn of(init: &Running, words: &[&str]) -> Follower {
        Follower::start(init.verb(&[&["events", "--follow", "--json"], words].concat()))
    }

    /// The next event; `None`: there is none any more.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    fn next_kind(&mut self) -> Option<String> {
        self.next().map(|event| event["kind"].as_str().unwrap().to_owned())
    }

    /// Its exit status, or 128+N; and what it has written to standard error.
    fn end(mut self) -> (i32, String) {
        let status = self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code().unwrap_or_else(|| 128 + status.signal().unwrap()), said)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = killpg(nix::unistd::Pid::from_raw(self.child.id() as i32), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

#[test]
fn whoever_follows_sees_everything_in_its_order() {
    let init = Launch::plain().service("web", QUICK).service("crash", CRASH).start();
    init.wait_line("it answers", |line| line.contains("web: started"));
    let mut all = Follower::of(&init, &[]);
    let mut one = Follower::of(&init, &["crash", "--kind", "die"]);
    for number in 1..=400 {
        assert_eq!(all.next().unwrap()["seq"], number);
    }
    let mut last = 0;
    for _ in 0..100 {
        let event = one.next().unwrap();
        assert_eq!((&event["service"], &event["kind"]), (&"crash".into(), &"die".into()));
        let number = event["seq"].as_u64().unwrap();
        assert!(number > last);
        last = number;
    }
    // Ctrl-C.
    kill(nix::unistd::Pid::from_raw(all.child.id() as i32), Signal::SIGINT).unwrap();
    let (status, said) = all.end();
    assert_eq!((status, said.as_str()), (130, ""));
    init.rinit(&["stop", "crash"]).ok();
}

#[test]
fn with_the_end_of_the_init_it_ends_well() {
    let mut init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let mut new = Follower::of(&init, &["--since", "0s"]);
    let mut old = Follower::of(&init, &[]);
    let mut none = Follower::of(&init, &["web", "--kind", "oom"]);
    assert_eq!((old.next_kind().unwrap(), old.next_kind().unwrap()), ("start".into(), "ready".into()));
    // The new one shows nothing before; it is there when the server has it.
    wait_for("three followers", PATIENCE, || (clients(&init) == 3).then_some(()));
    init.rinit(&["shutdown"]).ok();
    let expected = ["shutdown", "kill", "die", "stop", "exit"];
    for follower in [&mut new, &mut old] {
        for kind in expected {
            assert_eq!(follower.next_kind().as_deref(), Some(kind));
        }
        assert_eq!(follower.next(), None);
    }
    assert_eq!(none.next(), None);
    for follower in [new, old, none] {
        assert_eq!(follower.end(), (0, String::new()));
    }
    assert_eq!(init.wait_exit(PATIENCE).status, 0);
}

/// Connections that the init has open on its control socket.
fn clients(init: &Running) -> usize {
    let socket = init.dir().join("run/socket").display().to_string();
    let table = std::fs::read_to_string("/proc/net/unix").unwrap();
    // The listener is one of them; a connection that was accepted has its name, too.
    table.lines().filter(|line| line.ends_with(&socket)).count().saturating_sub(1)
}

#[test]
fn an_init_that_is_killed_ends_it_otherwise() {
    let init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let mut follower = Follower::of(&init, &[]);
    assert_eq!(follower.next_kind().as_deref(), Some("start"));
    drop(init);
    while follower.next().is_some() {}
    let (status, said) = follower.end();
    assert!(status == 1 && said.contains("before the init did"), "{status} {said}");
}

fn connect(init: &Running) -> UnixStream {
    let stream = UnixStream::connect(init.dir().join("run/socket")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// How many bytes wait to be read.
fn unread(stream: &UnixStream) -> usize {
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    recv(stream.as_raw_fd(), &mut vec![0; 1 << 20], flags).unwrap_or_default()
}

/// It costs nobody anything but itself.
#[test]
fn whoever_does_not_read_is_cut_off() {
    let init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let mut deaf = connect(&init);
    deaf.write_all(b"{\"v\":1,\"verb\":\"events\",\"follow\":true}\n").unwrap();
    let mut good = Follower::of(&init, &[]);
    let mut number = 0;
    // Never more at once than the good one, which may be late on a busy machine, is given.
    let mut make = |count| {
        make_events(&init, "web", count);
        for _ in 0..count {
            number += 1;
            assert_eq!(good.next().unwrap()["seq"], number);
        }
    };
    let mut before = 0;
    while unread(&deaf) == 0 || unread(&deaf) != before {
        before = unread(&deaf);
        make(100);
    }
    // The kernel's buffer is full. Who has read nothing of what is kept is cut off, and has five seconds to see why: so
    // not many more.
    for _ in 0..(1024 + 200) / 100 {
        make(100);
    }
    init.rinit(&["health"]).ok();
    let mut told = String::new();
    BufReader::new(deaf).read_to_string(&mut told).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(last["ok"], false);
    assert!(last["error"].as_str().unwrap().starts_with("cut off: "), "{last}");
    // What came before that has no gap.
    let mut expected = 3;
    for line in &lines[1..lines.len() - 1] {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["event"]["seq"], expected);
        expected += 1;
    }
    assert!((20..8000).contains(&expected), "{expected}");
}

/// The peer need not read, nor keep its side open; but when it is gone its place is free.
#[test]
fn a_follower_has_no_time_limit_and_its_end_is_noticed() {
    let init = Launch::plain().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let follow = || {
        let stream = connect(&init);
        (&stream).write_all(b"{\"v\":1,\"verb\":\"events\",\"follow\":true}\n").unwrap();
        let mut line = String::new();
        BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("\"events\":["), "{line}");
        stream
    };
    let half = follow();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    // All places that there are for this: the others are for who wants an answer at once. Root has all of them, any
    // other user half.
    let most = if is_root() { 56 } else { 28 };
    let others: Vec<UnixStream> = (1..most).map(|_| follow()).collect();
    let refused = init.rinit(&["events", "--follow"]);
    assert_eq!(refused.status, 1);
    let said = refused.stderr.contains("wait or follow already: try again later");
    assert!(said && refused.stderr.contains(&format!("{most} clients")), "{refused:?}");
    init.rinit(&["health"]).ok();
    make_events(&init, "web", 1);
    let mut line = String::new();
    BufReader::new(&half).read_line(&mut line).unwrap();
    assert!(line.contains("\"kind\":\"kill\""), "{line}");
    drop(others);
    wait_for("their places", PATIENCE, || (clients(&init) == 1).then_some(()));
    drop(follow());
}

/// Whoever may only read cannot take all places for as long as he likes.
#[test]
fn other_users_may_read_but_not_take_every_place() {
    require_namespace!();
    require_root!();
    let init = Launch::pid1().service("web", QUICK).start();
    init.wait_healthy(PATIENCE);
    let as_nobody = |words: &[&str]| init.verb_of_nobody(words);
    let followers: Vec<Follower> = (0..28)
        .map(|_| {
            let mut follower = Follower::start(as_nobody(&["events", "-f", "--json"]));
            assert_eq!(follower.next_kind().as_deref(), Some("start"));
            follower
        })
        .collect();
    for words in [&["events", "-f"][..], &["wait", "web", "--for", "stopped"]] {
        let refused = as_nobody(words).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            refused.status.code() == Some(1) && said.contains("28 clients of user 65534 wait or follow"),
            "{said}"
        );
    }
    for words in [&["events"][..], &["health"]] {
        assert!(as_nobody(words).output().unwrap().status.success(), "{words:?}");
    }
    let refused = as_nobody(&["signal", "HUP", "web"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("may not "), "{refused:?}");
    let mut mine = Follower::of(&init, &[]);
    assert_eq!(mine.next_kind().as_deref(), Some("start"));
    drop(followers);
    wait_for("a place", PATIENCE, || {
        as_nobody(&["wait", "web"]).output().unwrap().status.success().then_some(())
    });
    assert_eq!(init.service("web").restarts, 0);
}
