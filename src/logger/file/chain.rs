//! A log file and those that it was before: `web.log`, `web.log.1`, `web.log.2`, each as it is or compressed (`.gz`).
//!
//! Rotating is a chain of renames, the oldest file first, so that each name that is given is free. It can end anywhere, by
//! SIGKILL or an error: then there is a gap in the numbers, and the next rotation moves files up to that gap only.
//! So nothing is lost, and nothing is there twice.

#![forbid(unsafe_code)]

use crate::sys::file;
use std::io;
use std::path::{Path, PathBuf};

/// The files of one service.
#[derive(Clone, Debug)]
pub struct Chain {
    path: PathBuf,
    /// How many there are at most, the one that is written to among them.
    max_file: u32,
}

impl Chain {
    /// At this path, so many of them at most.
    pub fn new(path: &str, max_file: u32) -> Chain {
        Chain { path: PathBuf::from(path), max_file }
    }

    /// The file that is written to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A rotated file.
    pub fn plain(&self, number: u32) -> PathBuf {
        self.with_end(&format!(".{number}"))
    }

    /// A rotated file that is compressed.
    pub fn compressed(&self, number: u32) -> PathBuf {
        self.with_end(&format!(".{number}.gz"))
    }

    /// Where a file is put while it is compressed.
    pub fn unfinished(&self) -> PathBuf {
        self.with_end(".gz.tmp")
    }

    fn with_end(&self, end: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(end);
        path.into()
    }

    /// The numbers that rotated files may have.
    pub fn numbers(&self) -> std::ops::Range<u32> {
        1..self.max_file
    }

    /// Moves the file that is written to out of the way. Files with a lower number than the one that is returned were moved,
    /// each to the next number; the one that was moved beyond the last is gone.
    ///
    /// # Errors
    /// A file cannot be moved or removed. Then those before it were moved, and the next rotation goes on there.
    pub fn rotate(&self) -> io::Result<u32> {
        let Some(last) = self.numbers().next_back() else {
            file::remove(&self.path)?;
            return Ok(0);
        };
        let free = self
            .numbers()
            .find(|number| !is_there(&self.plain(*number)) && !is_there(&self.compressed(*number)));
        if free.is_none() {
            file::remove(&self.plain(last))?;
            file::remove(&self.compressed(last))?;
        }
        let end = free.unwrap_or(last);
        for number in (1..end).rev() {
            let next = number.saturating_add(1);
            move_file(&self.plain(number), &self.plain(next))?;
            move_file(&self.compressed(number), &self.compressed(next))?;
        }
        move_file(&self.path, &self.plain(1))?;
        Ok(free.unwrap_or(self.max_file))
    }

    /// Tidies up after somebody who was killed while a file was compressed.
    pub fn settle(&self) {
        let _ = file::remove(&self.unfinished());
        for number in self.numbers() {
            if is_there(&self.plain(number)) {
                let _ = file::remove(&self.compressed(number));
            }
        }
    }

    /// The oldest file that is not compressed.
    pub fn uncompressed(&self) -> Option<u32> {
        let is_file = |path: PathBuf| path.symlink_metadata().is_ok_and(|found| found.is_file());
        self.numbers().rev().find(|number| is_file(self.plain(*number)))
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn chain(max_file: u32) -> (tempfile::TempDir, Chain) {
        let dir = tempfile::tempdir().unwrap();
        let chain = Chain::new(dir.path().join("web.log").to_str().unwrap(), max_file);
        (dir, chain)
    }

    /// What is in all files, the oldest first.
    fn contents(chain: &Chain) -> Vec<String> {
        let rotated = (1..9).rev().flat_map(|number| [chain.compressed(number), chain.plain(number)]);
        rotated.chain([chain.path.clone()]).filter_map(|path| fs::read_to_string(path).ok()).collect()
    }

    #[test]
    fn the_oldest_goes() {
        let (_dir, chain) = chain(3);
        for round in 1..6 {
            fs::write(&chain.path, round.to_string()).unwrap();
            chain.rotate().unwrap();
        }
        assert_eq!(contents(&chain), ["4", "5"]);
        assert!(!chain.path.exists() && chain.plain(2).exists() && !chain.plain(3).exists());
    }

    #[test]
    fn one_file_is_none_behind() {
        let (dir, chain) = chain(1);
        fs::write(&chain.path, "x").unwrap();
        assert_eq!(chain.rotate().unwrap(), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    /// Whatever of the files is compressed, and wherever a rotation before this one has ended.
    #[test]
    fn files_move_up_to_the_first_gap() {
        for pattern in 0..81_u32 {
            let (_dir, chain) = chain(5);
            fs::write(&chain.path, "new").unwrap();
            let mut expected = vec!["new".to_owned()];
            for number in 1..5 {
                let text = number.to_string();
                match pattern / 3_u32.pow(number - 1) % 3 {
                    0 => continue,
                    1 => fs::write(chain.plain(number), &text).unwrap(),
                    _ => fs::write(chain.compressed(number), &text).unwrap(),
                }
                expected.insert(0, text);
            }
            if expected.len() == 5 {
                expected.remove(0);
            }
            chain.rotate().unwrap();
            assert_eq!(contents(&chain), expected, "{pattern}");
            assert!(!chain.path.exists() && chain.plain(1).exists());
            for number in 1..5 {
                assert!(!(chain.plain(number).exists() && chain.compressed(number).exists()), "{pattern}");
            }
        }
    }

    #[test]
    fn what_a_kill_has_left_is_tidied_up() {
        let (_dir, chain) = chain(4);
        fs::write(chain.plain(2), "plain").unwrap();
        for number in [2, 3] {
            fs::write(chain.compressed(number), "compressed").unwrap();
        }
        fs::write(chain.unfinished(), "half").unwrap();
        assert_eq!(chain.uncompressed(), Some(2));
        chain.settle();
        assert_eq!(contents(&chain), ["compressed", "plain"]);
        assert!(!chain.unfinished().exists());
    }
}
