//! The program file itself: it must run in an image that holds no libc and no loader.

use crate::require_docker;
use crate::support::docker::{EXAMPLE, docker};
use crate::support::rinit_bin;
use std::path::Path;

const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;

/// What a 64-bit little-endian ELF file asks of the system it runs on.
#[derive(Debug, PartialEq, Eq)]
struct Needs {
    interpreter: bool,
    libraries: usize,
}

fn number(bytes: &[u8], at: u64, size: usize) -> u64 {
    let at = usize::try_from(at).unwrap();
    bytes[at..at + size].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn needs(elf: &[u8]) -> Needs {
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF file");
    let (table, size, count) = (number(elf, 32, 8), number(elf, 54, 2), number(elf, 56, 2));
    let mut needs = Needs { interpreter: false, libraries: 0 };
    for header in (0..count).map(|index| table + index * size) {
        match u32::try_from(number(elf, header, 4)).unwrap() {
            PT_INTERP => needs.interpreter = true,
            PT_DYNAMIC => needs.libraries += libraries(elf, number(elf, header + 8, 8)),
            _ => {}
        }
    }
    needs
}

/// How many libraries the dynamic section at this place names. A static PIE has the section, but no library in it.
fn libraries(elf: &[u8], section: u64) -> usize {
    let tags = (0..).map(|index| number(elf, section + index * 16, 8));
    tags.take_while(|&tag| tag != DT_NULL).filter(|&tag| tag == DT_NEEDED).count()
}

#[track_caller]
fn assert_static(path: &Path) {
    let needs = needs(&std::fs::read(path).unwrap());
    assert_eq!(needs, Needs { interpreter: false, libraries: 0 }, "{}", path.display());
}

#[test]
fn binary_has_no_interpreter_and_needs_no_library() {
    assert_static(&rinit_bin());
}

#[test]
fn a_dynamic_program_is_told_from_a_static_one() {
    let shell = needs(&std::fs::read("/bin/sh").unwrap());
    assert!(shell.interpreter && shell.libraries > 0, "{shell:?}");
}

/// The binary that the build stage of Dockerfile.example makes is the same kind of file.
#[test]
fn binary_in_the_example_image_is_static_too() {
    require_docker!();
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("rinit");
    let name = format!("rinit-test-{}-binary", std::process::id());
    docker(&["create", "--name", &name, EXAMPLE]).ok();
    let copied = docker(&["cp", &format!("{name}:/sbin/rinit"), copy.to_str().unwrap()]);
    docker(&["rm", "--force", &name]).ok();
    copied.ok();
    assert_static(&copy);
    assert!(copy.metadata().unwrap().len() < 4 << 20, "the binary has grown past 4 MiB");
}
