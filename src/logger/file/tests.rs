//! What becomes of files, in a directory of the tests.

use super::*;
use crate::logger::encode::Encode;
use crate::logger::json_file::JsonFile;
use crate::logger::record::{Part, Record, Stream};
use crate::sys::process;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

const SECOND: Duration = Duration::from_secs(1);

fn files(dir: &Path, max_size: Option<u64>, max_file: u32, compress: bool) -> LogFiles {
    LogFiles { path: dir.join("web.log").to_str().unwrap().to_owned(), max_size, max_file, compress }
}

fn plain(dir: &Path, max_size: Option<u64>, max_file: u32) -> LogFile {
    LogFile::new(&files(dir, max_size, max_file, false), Torn::Ended)
}

fn write(log: &mut LogFile, now: Instant, text: &str) {
    log.take(7, &mut |out| out.extend_from_slice(text.as_bytes()));
    log.advance(now);
}

fn text(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_default()
}

fn lost(log: &mut LogFile) -> u64 {
    log.take_lost().iter().map(|(_, count)| count).sum()
}

#[test]
fn a_file_is_rotated_before_the_message_that_it_has_no_room_for() {
    let dir = tempfile::tempdir().unwrap();
    let now = Instant::now();
    let mut log = plain(dir.path(), Some(10), 3);
    log.advance(now);
    assert!(dir.path().join("web.log").exists(), "it is there before the first line");
    for number in 0..4 {
        write(&mut log, now, &format!("line {number}\n"));
    }
    // A message that begins below the size is the last one.
    assert_eq!(text(dir.path(), "web.log.1"), "line 0\nline 1\n");
    assert_eq!(text(dir.path(), "web.log"), "line 2\nline 3\n");
    // The same where many are written at once.
    log.take(7, &mut |out| out.extend_from_slice(b"line 4\n"));
    for number in 5..9 {
        log.take(7, &mut |out| out.extend_from_slice(format!("line {number}\n").as_bytes()));
    }
    log.advance(now);
    assert_eq!(text(dir.path(), "web.log.2"), "line 4\nline 5\n");
    assert_eq!(text(dir.path(), "web.log.1"), "line 6\nline 7\n");
    assert_eq!(text(dir.path(), "web.log"), "line 8\n");
    assert!(!dir.path().join("web.log.3").exists() && log.is_idle());
    // Another logger goes on with that.
    drop(log);
    let mut log = plain(dir.path(), Some(10), 3);
    write(&mut log, now, "line 9\n");
    assert_eq!(text(dir.path(), "web.log"), "line 8\nline 9\n");
}

#[test]
fn one_file_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let now = Instant::now();
    let mut log = plain(dir.path(), Some(3), 1);
    for number in 0..3 {
        write(&mut log, now, &format!("line {number}\n"));
    }
    assert_eq!(text(dir.path(), "web.log"), "line 2\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_was_moved_away_is_made_again_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let now = Instant::now();
    let mut log = plain(dir.path(), None, 1);
    write(&mut log, now, "one\n");
    fs::rename(dir.path().join("web.log"), dir.path().join("moved")).unwrap();
    write(&mut log, now + SECOND / 2, "two\n");
    assert_eq!(text(dir.path(), "moved"), "one\ntwo\n", "it is not looked at each time");
    write(&mut log, now + SECOND, "three\n");
    assert_eq!(text(dir.path(), "web.log"), "three\n");
    fs::remove_dir_all(dir.path()).unwrap();
    write(&mut log, now + SECOND * 3, "four\n");
    assert_eq!(text(dir.path(), "web.log"), "four\n");
    // As logrotate's copytruncate does it.
    File::options().write(true).truncate(true).open(dir.path().join("web.log")).unwrap();
    write(&mut log, now + SECOND * 5, "five\n");
    assert_eq!(text(dir.path(), "web.log"), "five\n");
}

#[test]
fn what_cannot_be_written_is_counted_and_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut now = Instant::now();
    fs::create_dir(dir.path().join("web.log")).unwrap();
    let mut log = plain(dir.path(), None, 1);
    log.advance(now);
    assert_eq!(log.take_trouble(), Some(Trouble::Error(Errno::EISDIR as i32)), "before anything is written");
    assert_eq!(log.deadline(), None, "nobody wakes up for nothing");
    let line = format!("{}\n", "x".repeat(999));
    for _ in 0..200 {
        assert!(log.has_room(), "nobody waits for it");
        write(&mut log, now, &line);
        now += SECOND / 10;
    }
    assert!(log.deadline().is_some() && log.is_idle());
    assert_eq!((log.take_trouble(), lost(&mut log)), (None, 0));
    fs::remove_dir(dir.path().join("web.log")).unwrap();
    log.advance(log.deadline().unwrap());
    // What was kept is the last.
    let kept = text(dir.path(), "web.log").len() / 1000;
    assert!((60..=LIMIT / 1000).contains(&kept), "{kept}");
    assert_eq!(log.take_trouble(), Some(Trouble::Mended));
    assert_eq!(lost(&mut log), 200 - kept as u64);
    write(&mut log, now, &line);
    assert_eq!((log.take_trouble(), lost(&mut log)), (None, 0));
}

#[test]
fn at_the_end_it_is_tried_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let now = Instant::now();
    for is_mended in [false, true] {
        fs::create_dir(dir.path().join("web.log")).unwrap();
        let mut log = plain(dir.path(), None, 1);
        write(&mut log, now, "last words\n");
        if is_mended {
            fs::remove_dir(dir.path().join("web.log")).unwrap();
        }
        log.give_up();
        assert_eq!(lost(&mut log), u64::from(!is_mended));
        let _ = fs::remove_dir(dir.path().join("web.log"));
    }
    assert_eq!(text(dir.path(), "web.log"), "last words\n");
}

/// A service that is replaced frees its file in a moment: nothing is said of it.
#[test]
fn a_file_that_is_taken_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut now = Instant::now();
    let mut old = plain(dir.path(), None, 1);
    write(&mut old, now, "old\n");
    let mut new = plain(dir.path(), None, 1);
    write(&mut new, now, "new\n");
    now = new.deadline().unwrap();
    new.advance(now);
    assert_eq!(new.take_trouble(), None);
    drop(old);
    new.advance(new.deadline().unwrap());
    assert_eq!(text(dir.path(), "web.log"), "old\nnew\n");
    assert_eq!((new.take_trouble(), lost(&mut new)), (None, 0));
    // One that stays taken is told.
    let mut other = plain(dir.path(), None, 1);
    for _ in 0..5 {
        write(&mut other, now, "other\n");
        now = other.deadline().unwrap();
    }
    assert_eq!(other.take_trouble(), Some(Trouble::Taken));
}

#[test]
fn where_rotating_fails_nothing_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut now = Instant::now();
    fs::create_dir(dir.path().join("web.log.1")).unwrap();
    fs::write(dir.path().join("web.log.1/x"), "").unwrap();
    let mut log = plain(dir.path(), Some(10), 2);
    for _ in 0..20 {
        write(&mut log, now, "0123456789\n");
        now += SECOND * 20;
    }
    assert_eq!(text(dir.path(), "web.log"), "0123456789\n");
    assert_eq!(log.take_trouble(), Some(Trouble::Error(Errno::EISDIR as i32)));
    fs::remove_dir_all(dir.path().join("web.log.1")).unwrap();
    write(&mut log, now, "0123456789\n");
    assert_eq!((log.take_trouble(), lost(&mut log)), (Some(Trouble::Mended), 0));
}

#[test]
fn rotated_files_are_compressed_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let now = Instant::now();
    let mut log = LogFile::new(&files(dir.path(), Some(1000), 4, true), Torn::Cut);
    // Three rotations while the first file is being compressed.
    for number in 0..4 {
        write(&mut log, now, &format!("{}{number}\n", "x".repeat(1000)));
    }
    let limit = Instant::now() + SECOND * 20;
    while log.chain.uncompressed().is_some() {
        assert!(Instant::now() < limit, "{:?}", fs::read_dir(dir.path()).unwrap().collect::<Vec<_>>());
        if let Some(pid) = log.packer.pid()
            && let Ok(Some(status)) = process::reap_child(pid)
        {
            log.reaped(pid, status);
        }
    }
    for number in 1..4 {
        let file = File::open(log.chain.compressed(number)).unwrap();
        let mut text = String::new();
        gzip::Reader::new(file).unwrap().read_to_string(&mut text).unwrap();
        assert!(text.ends_with(&format!("x{}\n", 3 - number)), "{number}");
    }
    assert!(!log.chain.unfinished().exists());
}

/// Nobody waits for a FIFO, or reads what somebody has put there by a link.
#[test]
fn only_regular_files_are_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = LogFile::new(&files(dir.path(), Some(1), 5, true), Torn::Cut);
    fs::write(dir.path().join("other"), "secret").unwrap();
    std::os::unix::fs::symlink(dir.path().join("other"), log.chain.plain(1)).unwrap();
    nix::unistd::mkfifo(&log.chain.plain(2), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let now = Instant::now();
    (0..2).for_each(|number| write(&mut log, now, &format!("line {number}\n")));
    let pid = log.packer.pid().unwrap();
    let limit = Instant::now() + SECOND * 20;
    let status = loop {
        assert!(Instant::now() < limit);
        if let Some(status) = process::reap_child(pid).unwrap() {
            break status;
        }
    };
    log.reaped(pid, status);
    assert!(log.chain.compressed(1).exists() && log.packer.pid().is_none());
    assert!(!log.chain.compressed(2).exists() && !log.chain.compressed(3).exists());
}

/// One that is being compressed goes out of the chain: what takes its place is not touched.
#[test]
fn a_file_that_is_gone_is_not_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let now = Instant::now();
    let mut log = LogFile::new(&files(dir.path(), Some(1), 2, true), Torn::Cut);
    (0..3).for_each(|number| write(&mut log, now, &format!("line {number}\n")));
    let pid = log.packer.pid().unwrap();
    let limit = Instant::now() + SECOND * 20;
    let status = loop {
        assert!(Instant::now() < limit);
        if let Some(status) = process::reap_child(pid).unwrap() {
            break status;
        }
    };
    // However far it had come.
    log.reaped(pid, status);
    log.reaped(pid, Status::Code(0));
    assert_eq!(text(dir.path(), "web.log.1"), "line 1\n");
    assert!(!log.chain.compressed(1).exists());
    log.give_up();
}

#[test]
fn half_an_object_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let object = |line: &[u8]| {
        let time = SystemTime::UNIX_EPOCH;
        let mut out = Vec::new();
        let record = Record { time, service: "web", stream: Stream::Stdout, line, part: Part::Whole };
        JsonFile.encode(&record, &mut out);
        String::from_utf8(out).unwrap()
    };
    let whole = object(b"one");
    fs::write(dir.path().join("web.log"), whole.clone() + "{\"log\":\"tw").unwrap();
    let mut log = LogFile::new(&files(dir.path(), None, 1, false), Torn::Cut);
    write(&mut log, Instant::now(), &object(b"three"));
    assert_eq!(text(dir.path(), "web.log"), whole + &object(b"three"));
}
