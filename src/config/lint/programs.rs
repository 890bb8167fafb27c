//! Programs that are not there, where the services are to run on this very machine.

use super::shell::{self, base, lists};
use super::subject::Subject;
use crate::model::{Hook, Probe, Variable};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Commands that ask whether a program is there: what follows them may be missing.
const GUARDS: &str = "[ command hash test type which";

/// How a program is not there.
#[derive(Clone, Copy, PartialEq)]
enum Lack {
    Missing,
    NotExecutable,
}

pub(super) fn look(subject: &mut Subject<'_>, root: &Path, path: &OsStr) {
    let service = &subject.draft.service;
    // Where each is written, and under what name its text is known.
    let mut commands: Vec<(&[&str], String, &[OsString])> =
        vec![(&["command"], "command".to_owned(), &service.exec.command)];
    let hooks = [Hook::PreStart, Hook::PostStart, Hook::PreStop, Hook::Stop, Hook::PostStop]
        .map(|hook| ([hook.as_str()], hook));
    let hooks =
        hooks.iter().filter_map(|(key, hook)| Some((&key[..], hook.full_key(), service.hooks.get(*hook)?)));
    commands.extend(hooks);
    let controls = service.hooks.control.iter();
    let controls = controls
        .map(|(control, command)| (&["control"][..], Hook::Control(*control).full_key(), &command[..]));
    commands.extend(controls);
    if let Some(Probe::Command(command)) = service.healthcheck.as_ref().map(|check| &check.probe) {
        commands.push((&["healthcheck", "test"], "healthcheck".to_owned(), command));
    }
    let draft = subject.draft;
    let name = OsStr::new("PATH");
    let path = match draft.environment.get(name).or_else(|| draft.env_file.get(name)) {
        Some(Variable::Text(own) | Variable::Hidden(own, _)) => own,
        Some(Variable::File(_)) => return,
        None => path,
    };
    let search = Search { root, path, working_dir: service.exec.working_dir.as_deref() };
    for (key, name, command) in commands {
        let missing =
            programs(command).into_iter().find_map(|program| Some((search.lack(&program)?, program)));
        let Some((lack, program)) = missing else { continue };
        let shown = subject.quote_of(&name, command, &program);
        let message = match lack {
            Lack::Missing if program.contains('/') => format!("there is no {shown} here"),
            Lack::Missing => format!("there is no {shown} in PATH here"),
            Lack::NotExecutable => format!("{shown} is not executable"),
        };
        subject.warn("program-missing", key, &message, "");
    }
}

/// The programs that a command runs, as far as its words tell.
fn programs(command: &[OsString]) -> Vec<String> {
    let Some(words) = command.iter().map(|word| word.to_str()).collect::<Option<Vec<&str>>>() else {
        return Vec::new();
    };
    let mut programs: Vec<String> = words.first().map(|word| (*word).to_owned()).into_iter().collect();
    let inner = shell::line(&words).and_then(|(_, line)| shell::commands(line)).unwrap_or_default();
    if !inner.iter().any(|simple| lists(GUARDS, simple.program())) {
        let named =
            inner.iter().filter(|simple| !simple.is_builtin()).filter_map(|simple| simple.words.first());
        // What a shell puts together is not known here, nor what it makes of other words.
        let plain = |word: &&String| word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
        programs.extend(named.filter(plain).filter(|word| base(word) != "exec").cloned());
    }
    programs
}

struct Search<'a> {
    root: &'a Path,
    path: &'a OsStr,
    working_dir: Option<&'a Path>,
}

impl Search<'_> {
    fn lack(&self, program: &str) -> Option<Lack> {
        if program.contains('/') {
            // Where a relative one is, only the service's own directory tells.
            let path = match program.starts_with('/') {
                true => PathBuf::from(program),
                false => self.working_dir?.join(program),
            };
            return self.lack_of(&path);
        }
        let dirs = std::env::split_paths(self.path).filter(|dir| dir.is_absolute());
        let lacks = dirs.map(|dir| self.lack_of(&dir.join(program)));
        // There in one of them, or what the search itself would say; no directory says nothing.
        lacks.reduce(|one, other| match (one, other) {
            (Some(Lack::Missing), other) => other,
            (Some(Lack::NotExecutable), None) | (None, _) => None,
            (Some(Lack::NotExecutable), Some(_)) => Some(Lack::NotExecutable),
        })?
    }

    fn lack_of(&self, path: &Path) -> Option<Lack> {
        let path = self.root.join(path.strip_prefix("/").unwrap_or(path));
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 => None,
            Ok(_) => Some(Lack::NotExecutable),
            Err(_) => Some(Lack::Missing),
        }
    }
}
