//! What is measured: rinit as it is released, and the small programs that everybody runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The programs, in a directory of their own that is removed at the end.
pub struct Programs {
    pub dir: tempfile::TempDir,
    /// The release binary, which is built for musl.
    pub rinit: PathBuf,
    /// How it was built.
    pub build: String,
    /// What `cargo build --release` makes on this machine: the bench profile is the release profile.
    pub glibc: PathBuf,
    /// `tiny.c`.
    pub tiny: PathBuf,
    /// `int main(void) { pause(); }`, with a static C library.
    pub empty: Option<PathBuf>,
}

impl Programs {
    pub fn build() -> Programs {
        let dir = tempfile::Builder::new().prefix("rinit-bench.").tempdir().unwrap();
        let tiny = dir.path().join("tiny");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/tiny.c");
        let bare = ["-static", "-nostdlib", "-fno-pie", "-no-pie", "-fno-stack-protector", "-Os"];
        let link = ["-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,max-page-size=4096"];
        assert!(compile(&source, &tiny, &[&bare[..], &link[..]].concat()), "cannot compile tiny.c");
        let main = dir.path().join("empty.c");
        std::fs::write(&main, "#include <unistd.h>\nint main(void) { pause(); return 0; }\n").unwrap();
        let empty = dir.path().join("empty");
        let empty = compile(&main, &empty, &["-static", "-Os", "-s"]).then_some(empty);
        let (rinit, build) = rinit();
        Programs { rinit, build, glibc: env!("CARGO_BIN_EXE_rinit").into(), tiny, empty, dir }
    }

    pub fn tiny(&self) -> String {
        self.tiny.display().to_string()
    }

    /// A new directory in the directory.
    pub fn room(&self) -> tempfile::TempDir {
        tempfile::Builder::new().tempdir_in(self.dir.path()).unwrap()
    }
}

fn compile(source: &Path, to: &Path, flags: &[&str]) -> bool {
    let done = Command::new("cc").args(flags).arg("-o").arg(to).arg(source).status();
    done.is_ok_and(|status| status.success())
}

/// RINIT_BIN, or what scripts/musl builds; and how it was built.
fn rinit() -> (PathBuf, String) {
    if let Some(path) = std::env::var_os("RINIT_BIN") {
        let path = std::fs::canonicalize(path).unwrap();
        let build = path.display().to_string();
        return (path, build);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/musl");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "scripts/musl failed. RINIT_BIN names a rinit that is built already");
    let path = String::from_utf8(output.stdout).unwrap();
    (path.trim_end().into(), "scripts/musl".to_owned())
}
