//! No message shows a value that may be secret, however broken the file is that holds it: not as text, not as JSON.

use proptest::prelude::*;
use rinit::config::lint::World;
use rinit::config::{Diagnostic, Sources, Style, check, load};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// What nobody may see.
const MARKER: &str = "hunter2";

/// Statements that hold the marker where no key makes it harmless.
const SECRET: &[&str] = &[
    "env = {A=\"hunter2\"}",
    "env = {A=\"hunter2\" B='hunter2'}",
    "environment = {A=\"hunter2\", B='hunter2', USER = \"hunter2\"}",
    "\"environ\\u006dent\".A = \"hunter2\" x",
    "'environment' = [\"A=hunter2\", \"hunter2\", \"=hunter2\", 'B: hunter2']",
    "environment.A = \"\"\"\nhunter2\nhunter2\"\"\"",
    "environment.A = '''hunter2''' x",
    "environment.A = hunter2",
    "environment.A.file = \"hunter2\"",
    "environment.A = \"${NO:?hunter2}\"",
    "environment.A = \"${NO:?hunter2} hunter2 \\q\"",
    "environment = { \"A=hunter2\" = 1 }",
    "secrets.db.value = 'hunter2'",
    "depends_on.PASSWORD = \"hunter2\"",
    "depends_on = { PASSWORD = \"hunter2\", B = { condition = \"hunter2\" } }",
    "ulimits.PASSWORD = \"hunter2\"",
    "control = { PASSWORD = \"hunter2\", usr1 = \"hunter2 '\" }",
    "password = \"hunter2\"",
    "tokens = [\n  \"hunter2\",\n  { value = \"hunter2\" },\n]",
    "password: hunter2",
    "password hunter2",
    "healthcheck = { test = \"true\", env = \"hunter2\", interval = \"5\" }",
    "healthcheck.http = \"http://user:hunter2@127.0.0.1/\"",
    "healthcheck = { http = \"https://127.0.0.1/?token=hunter2\" }",
    "healthcheck.http = \"http://hunter2/\"",
    "command = [{ A = \"hunter2\" }]",
    "nice = 5 # hunter2",
    "user = \"${SECRET}\"",
    "group_add = \"${SECRET}\"",
    "healthcheck = { tcp = \"${SECRET}:${SECRET}\" }",
    "healthcheck.test = [\"${SECRET}\", \"x\"]",
    "restart = \"always\" A = \"hunter2\"",
    "# environment.A = \"hunter2\"",
];

/// Headers, with statements that hold the marker below them.
const TABLES: &[&str] = &[
    "[environment]\nA = \"hunter2\"\nB = 1\nUSER = \"hunter2\"\nC = \"hunter2 \\q\"\n",
    "[environment.A]\nfile = \"/run/hunter2\"\nvalue = \"hunter2\"\n",
    "[[environment]]\nA = \"hunter2\"\n[[environment]]\nB = 'hunter2'\n",
    "[\"environ\\u006dent\"]\nPASSWORD = \"\"\"hunter2\n[x]\nhunter2\"\"\"\nC = hunter2\n",
    "[env]\nA = \"hunter2\"\n",
    "[secrets]\nrestart = \"hunter2\"\nb = [[\"hunter2\"], {c = 'hunter2'}]\n",
    "[command]\nA = \"hunter2\"\n",
    "[healthcheck]\ntest = \"true\"\nhttp = \"http://hunter2\"\nenviron = 'hunter2'\n",
    "[depends_on]\nPASSWORD = \"hunter2\"\nB = 'hunter2'\nC = [\"hunter2\"]\nD.condition = \"hunter2\"\n",
    "[depends_on]\nPASSWORD\n\"hunter2\"\nB = true\nC = hunter2\n",
    "[depends_on]\nPASSWORD =\n\"hunter2\"\n\"\"\"hunter2\n'hunter2'\"\"\"\n'hunter2'\n",
    "[\"depends_\\u006fn\"]\n'PASSWORD' = \"\"\"hunter2\nhunter2\"\"\"\nB = \"hunter2\n",
    "[[depends_on]]\nPASSWORD = \"hunter2\"\n[[depends_on]]\nPASSWORD = \"hunter2\"\n",
    "[depends_on.db]\nvalue = \"hunter2\"\ncondition = \"hunter2\"\nrequired = \"hunter2\"\n",
    "[ulimits]\nPASSWORD = \"hunter2\"\nB = { soft = \"hunter2\" }\n",
    "[ulimits]\nPASSWORD\n\"hunter2\"\n",
    "[control]\nPASSWORD = \"hunter2\"\nusr1 = [\"hunter2\", 1]\n",
    "[control]\nPASSWORD\n\"hunter2\"\nB = 'hunter2\n",
    "[[env_file]]\nPASSWORD = \"hunter2\"\npath = \".env\"\n",
    "[bundles]\nPASSWORD = \"hunter2\"\n",
    "[backoff]\nPASSWORD = \"hunter2\"\nPASSWORD\n\"hunter2\"\n",
];

/// Variables where names and paths belong. Without its equals sign such a one is a name.
const NAMES: &[&str] = &[
    "depends_on = [\"PASSWORD=hunter2\", 'B: hunter2', \"PASSWORD=hunter2\"]",
    "bundles = [\"PASSWORD=hunter2\"]",
    "env_file = [\"PASSWORD=hunter2\", { path = \"B=hunter2\" }]",
    "env_file = \"PASSWORD=hunter2\"",
    "environment = [\"${NO:-hunter2}=x\", \"A hunter2\"]",
    "environment = [\"PASSWORD: hunter2=\", \"PASSWORD: hunter2=\"]",
    "environment = [\"PASSWORD: hunter2=x\", \"PASSWORD: hunter2=x\"]",
    "environment = [\"hunter2=\", \"hunter2=\"]",
    "environment = [\"hunter2==\", \"hunter2==\"]",
    "user = ''' 'nobody-here'\nenv = {A=\"hunter2\"}\n'''",
    "working_dir = '''\nA = hunter2\n'hunter2'\n${NO:?x} A = 'hunter2'\n'''",
];

/// Statements without a secret.
const HARMLESS: &[&str] = &[
    "command = [\"true\", \"it's\"]",
    "restart = \"allways\"",
    "stop_grace_period = 5",
    "user = 'nobody-here'",
    "depends_on = [\n  \"db\",\n]",
    "stop_signal = \"SIGTERM\"",
    "description = \"\"\"a\n\"b\" 'c'\"\"\"",
    "comand = \"x\"",
];

fn sources(dir: &Path, style: Option<Style>) -> Sources {
    Sources {
        dirs: vec![dir.to_owned()],
        command: Vec::new(),
        environment: vec![("SECRET".into(), MARKER.into()), ("NAME".into(), "value".into())],
        style,
        root: dir.to_owned(),
    }
}

/// What a start, a reload and `rinit check` would show, as text and as the parts that JSON has.
fn shown(dir: &Path, style: Option<Style>) -> Vec<String> {
    let sources = sources(dir, style);
    let mistakes = load(&sources).err().unwrap_or_default();
    let world = World { stop_timeout: Duration::from_secs(9), programs: Some("/bin".into()), is_root: true };
    let checked = check(&sources, &world);
    let notes = checked.config.map(|config| config.notes).unwrap_or_default();
    let text = |found: &Diagnostic| format!("{found}\n{}\n{:?}", found.message, found.help);
    mistakes.iter().chain(&checked.found).map(text).chain(notes).collect()
}

fn no_secret_in(text: &str) -> Result<(), TestCaseError> {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("a.toml"), text).unwrap();
    for shown in shown(dir.path(), None) {
        prop_assert!(!shown.contains(MARKER), "{shown}\nof:\n{text}");
    }
    Ok(())
}

/// A change at a place: what is removed, and what is put there.
fn change() -> impl Strategy<Value = (prop::sample::Index, usize, &'static str)> {
    let inserted = prop::sample::select(vec![
        "", "", "\"", "'", "\"\"\"", "'''", "[", "]", "{", "}", "=", ",", ".", "#", "\n", " ", "\\", "\r",
        "\0", "\u{202e}",
    ]);
    (any::<prop::sample::Index>(), 0_usize..3, inserted)
}

/// Carries out changes that leave each marker whole.
fn changed(text: &str, changes: &[(prop::sample::Index, usize, &'static str)]) -> String {
    let mut text = text.to_owned();
    for (at, removed, inserted) in changes {
        let start = text.floor_char_boundary(at.index(text.len() + 1));
        let end = text.ceil_char_boundary((start + removed).min(text.len()));
        let mut next = text.clone();
        next.replace_range(start..end, inserted);
        if next.matches(MARKER).count() == text.matches(MARKER).count() {
            text = next;
        }
    }
    text
}

/// Whether a change has made a key of a marker: the name of a key is no value any more.
fn has_become_a_key(text: &str) -> bool {
    text.split(MARKER).skip(1).any(|rest| {
        let rest = rest.trim_start_matches(['"', '\'', ' ', '\t', '\r']);
        rest.starts_with(['=', '.', ']'])
    })
}

fn statements(of: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(of), 0..most)
}

/// Every statement alone, and with one change at each place.
#[test]
fn one_change_at_each_place_shows_no_secret() {
    let ends = ["", "\"", "'", "=", "{", "\n"];
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("a.toml");
    let sources = sources(dir.path(), None);
    for part in NAMES {
        no_secret_in(&format!("command = \"true\"\n{part}")).unwrap();
    }
    for part in SECRET.iter().chain(TABLES) {
        let before = "command = \"true\"\n";
        let text = format!("{before}{part}\nnice = 20");
        no_secret_in(&text).unwrap();
        for at in before.len() - 2..=before.len() + part.len() {
            let changes = ends.iter().flat_map(|inserted| [(0, *inserted), (1, *inserted)]);
            for (removed, inserted) in changes.filter(|change| *change != (0, "")) {
                let mut changed = text.clone();
                changed.replace_range(at..at + removed, inserted);
                let whole = changed.matches(MARKER).count() == text.matches(MARKER).count();
                if whole && !has_become_a_key(&changed) {
                    fs::write(&file, &changed).unwrap();
                    for mistake in load(&sources).err().unwrap_or_default() {
                        assert!(
                            !format!("{mistake}\n{mistake:?}").contains(MARKER),
                            "{mistake}\nof:\n{changed}"
                        );
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_shows_a_secret(
        harmless in statements(HARMLESS, 4),
        secret in statements(SECRET, 4),
        tables in statements(TABLES, 3),
        changes in prop::collection::vec(change(), 0..4),
    ) {
        let text = [harmless, secret, tables].concat().join("\n");
        let text = changed(&text, &changes);
        prop_assume!(!has_become_a_key(&text));
        no_secret_in(&text)?;
    }

    #[test]
    fn no_env_file_shows_a_secret(changes in prop::collection::vec(change(), 0..4)) {
        let text = "A=hunter2\nB=\"hunter2\" x\nC='hunter2\nexport D: hunter2\nE F=hunter2\n=hunter2\n";
        let text = changed(text, &changes);
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(".env"), text).unwrap();
        fs::write(dir.path().join("a.toml"), "command = \"true\"\nenv_file = \".env\"").unwrap();
        for shown in shown(dir.path(), None) {
            prop_assert!(!shown.contains(MARKER), "{shown}");
        }
    }
}

/// What `check` warns of names words of a command, which may have been put in.
#[test]
fn no_warning_shows_what_was_put_in() {
    let dir = TempDir::new().unwrap();
    for (name, text) in [
        ("shell", "command = [\"sh\", \"-c\", \"cd /; ${SECRET} | cat\"]"),
        ("back", "command = \"sh -c '${SECRET} &'\""),
        ("arguments", "command = [\"/bin/sh\", \"${SECRET}\"]\npost_stop = \"${SECRET}\""),
        ("gone", "command = [\"/no/${SECRET}\"]\n[healthcheck]\ntest = \"/no/${SECRET}\""),
        ("control", "command = \"x\"\ncontrol.usr1 = \"${SECRET}\""),
    ] {
        fs::write(dir.path().join(format!("{name}.toml")), text).unwrap();
    }
    let shown = shown(dir.path(), None);
    for expected in [
        "there is no \"/no/${SECRET}\" here",
        "there is no \"${SECRET}\" in PATH here",
        "while \"…\" is in the background",
    ] {
        assert!(shown.iter().any(|text| text.contains(expected)), "{expected} is missing in {shown:?}");
    }
    for shown in shown {
        assert!(!shown.contains(MARKER), "{shown}");
    }
}

/// Directories of s6 and runit: variables are files, and scripts are not shown.
#[test]
fn no_directory_shows_a_secret() {
    for style in [Style::S6, Style::Runit] {
        let dir = TempDir::new().unwrap();
        let service = dir.path().join("web");
        let files: [(&str, &[u8]); 8] = [
            ("run", b"hunter2"),
            ("finish", b"#!hunter2\r\n"),
            ("env/A", b"hunter2\0"),
            ("env/hunter1=B", b"hunter2\n"),
            ("env/C", b"\xffhunter2"),
            ("data/env", b"hunter2"),
            ("up", b"export A hunter2"),
            ("control/t", b"hunter2"),
        ];
        for (name, bytes) in files {
            let path = service.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let shown = shown(dir.path(), Some(style));
        assert!(!shown.is_empty());
        for shown in shown {
            assert!(!shown.contains(MARKER), "{shown}");
        }
    }
}
