//! Open files: the command has what the init was started with, whatever it was, and the init lets go of it.

use super::{Init, Place, puppet, puppeteer};
use crate::require_namespace;
use crate::support::{PATIENCE, output, wait_for};

#[test]
fn standard_descriptors_closed_in_every_combination() {
    require_namespace!();
    let dir = tempfile::tempdir().unwrap();
    for which in 0..8 {
        let which = which.to_string();
        let close = puppeteer(&["closed", &which]);
        let file = |name: &str| dir.path().join(format!("{name}-{which}")).display().to_string();
        let bare = file("bare");
        output(close[0], &[&close[1..], &puppeteer(&["descriptors", &bare])].concat()).unwrap().ok();
        let bare = std::fs::read_to_string(&bare).unwrap();
        // The numbers; what they lead to are pipes and null devices of the one run and of the other.
        let numbers = |text: &str| -> Vec<String> {
            text.split_whitespace().filter_map(|word| Some(word.split_once('=')?.0.to_owned())).collect()
        };
        for place in [Place::Pid1, Place::Plain] {
            let file = file(if place == Place::Pid1 { "pid1" } else { "plain" });
            let launch = Init::rinit().launch(place, &puppeteer(&["descriptors", &file]));
            let mut running = launch.through(&close).start();
            assert_eq!(
                running.wait_exit(PATIENCE).status,
                0,
                "closed {which}, {place:?}: {}",
                running.stderr()
            );
            let under = std::fs::read_to_string(&file).unwrap();
            assert_eq!(numbers(&under), numbers(&bare), "closed {which}, {place:?}: {under}");
        }
    }
}

#[test]
fn a_hundred_descriptors_are_the_commands_and_not_the_inits() {
    require_namespace!();
    let inherited = |list: &str| list.matches("=/dev/null ").count();
    let words = [&puppeteer(&["open", "100"])[1..], &puppeteer(&["descriptors"])].concat();
    let bare = inherited(&output(puppet(), &words).unwrap().stdout);
    assert!(bare > 100, "{bare}");
    for place in [Place::Pid1, Place::Plain] {
        let shell = format!("{} descriptors; echo; exec {} pause", puppet(), puppet());
        let launch = Init::rinit().launch(place, &["sh", "-c", &shell]);
        let running = launch.through(&puppeteer(&["open", "100"])).start();
        running.wait_line("the command is there", |line| line == "paused");
        assert_eq!(inherited(&running.stdout()), bare, "{place:?}: {}", running.stdout());
        // The init closes its own once it has forked, which may be after the command's first words.
        wait_for("the init to have closed its own", PATIENCE, || {
            let kept = std::fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap().flatten();
            let mut kept = kept.filter(|entry| {
                let number: i32 = entry.file_name().to_str().unwrap().parse().unwrap();
                let target = std::fs::read_link(entry.path()).unwrap_or_default();
                number > 2 && target.as_os_str() == "/dev/null"
            });
            kept.next().is_none().then_some(())
        });
    }
}
