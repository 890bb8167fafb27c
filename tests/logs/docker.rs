//! What Docker's own json-file driver writes, and what rinit writes for the same output.

use super::sh;
use crate::support::docker::{EXAMPLE, docker};
use crate::support::{Launch, PATIENCE};
use crate::{require_docker, require_namespace, require_root};
use std::fs;

/// Everything that is escaped, what is not UTF-8, and lines around the lengths at which Docker cuts them.
const SCRIPT: &str = r#"
printf 'hello\n'; printf '"q" \\ /s <b>&\t\r\033[1m\177 caf\303\251 \342\200\250\342\200\251 \360\237\246\200 \357\277\275\n'
printf 'bad \377\376 \342\202x \355\240\200 \300\257 \360\237\246.\n'; printf '\000nul\001\n'; printf '\n'
for length in 16383 16384 16385 40000 65535 65536 65537 140000; do
    head -c $length /dev/zero | tr '\0' x; echo
done
sleep 0.1; printf 'last words'
"#;

/// Without the times, which differ.
fn untimed(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let (before, time) = line.split_once("\",\"time\":\"").unwrap();
        let time = time.strip_suffix("\"}").unwrap();
        humantime::parse_rfc3339(time).unwrap();
        before.to_owned()
    });
    lines.collect()
}

#[test]
fn json_file_is_that_of_docker() {
    require_namespace!();
    require_root!();
    require_docker!();
    let name = format!("rinit-test-json-file-{}", std::process::id());
    let run =
        ["run", "--name", &name, "--log-driver=json-file", "--network=none", "--entrypoint=sh", EXAMPLE];
    docker(&[&run[..], &["-c", SCRIPT]].concat()).ok();
    let path = docker(&["inspect", "--format={{.LogPath}}", &name]).ok();
    let theirs = fs::read_to_string(path.trim());
    docker(&["rm", "--force", &name]).ok();
    let theirs = theirs.unwrap();

    let launch = Launch::pid1();
    let path = launch.dir().join("web.log");
    let options = format!("options = {{ path = \"{}\" }}", path.display());
    let definition =
        format!("{}restart = \"no\"\n[logging]\ndriver = \"json-file\"\n{options}\n", sh(SCRIPT));
    let mut init = launch.service("web", &definition).start();
    assert_eq!(init.wait_exit(PATIENCE).status, 0, "{}", init.stderr());
    let ours = fs::read_to_string(path).unwrap();
    let (ours, theirs) = (untimed(&ours), untimed(&theirs));
    let differs = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
    assert!(differs.is_none() && ours.len() == theirs.len(), "{differs:?}, {} lines", ours.len());
}
