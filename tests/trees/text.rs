//! Trees written as text, so that a whole one fits into a file: `-- PATH [WORD]...` begins a file, and what follows are
//! its lines. The words: `x` executable, `open` without the last newline, `crlf` with the lines' ends of Windows, `-> TARGET` a link, `dir` an empty directory,
//! `fifo`, `mode OCTAL`. `${RECORDER}` stands for the recorder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Makes what a text says below a directory.
pub fn make(text: &str, base: &Path) {
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("-- ") {
            Some(head) => files.push((head, String::new())),
            None => {
                let Some((_, content)) = files.last_mut() else { continue };
                content.push_str(line);
                content.push('\n');
            }
        }
    }
    for (head, content) in files {
        let mut words = head.split(' ');
        let path = base.join(words.next().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let words: Vec<&str> = words.collect();
        match words.as_slice() {
            ["->", target] => symlink(target, &path).unwrap(),
            ["dir"] => fs::create_dir_all(&path).unwrap(),
            ["fifo"] => nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            words => file(&path, words, &content),
        }
    }
}

fn file(path: &Path, words: &[&str], content: &str) {
    let content = match words.contains(&"open") {
        true => content.trim_end_matches('\n'),
        false => content,
    };
    let content = match words.contains(&"crlf") {
        true => content.replace('\n', "\r\n"),
        false => content.to_owned(),
    };
    fs::write(path, content).unwrap();
    let mode = match words {
        ["mode", octal] => u32::from_str_radix(octal, 8).unwrap(),
        words if words.contains(&"x") => 0o755,
        _ => 0o644,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
