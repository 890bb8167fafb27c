//! Files in the format of gzip (RFC 1952): rotated logs, written and read. Neither needs much memory.

#![forbid(unsafe_code)]

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};
use std::io::{self, Read, Write};

/// So many bytes are read and written at once.
const PIECE: usize = 64 * 1024;

/// Deflate, no name, no time, an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// That of gzip and of Docker.
const LEVEL: i32 = 6;

/// Compresses all that there is to read.
///
/// # Errors
/// Reading or writing fails.
pub fn compress(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
    to.write_all(&HEAD)?;
    // Without a head of its own, with the default strategy.
    let mut compressor = Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, 0, 0)));
    let (mut input, mut output) = (vec![0; PIECE], vec![0; PIECE]);
    let (mut sum, mut length) = (Sum::default(), 0_u32);
    loop {
        let count = read(from, &mut input)?;
        let mut rest = input.get(..count).unwrap_or_default();
        sum.add(rest);
        length = length.wrapping_add(u32::try_from(count).unwrap_or_default());
        let flush = if count == 0 { MZFlush::Finish } else { MZFlush::None };
        loop {
            let done = deflate(&mut compressor, rest, &mut output, flush);
            to.write_all(output.get(..done.bytes_written).unwrap_or_default())?;
            rest = rest.get(done.bytes_consumed..).unwrap_or_default();
            match done.status {
                Ok(MZStatus::StreamEnd) => {
                    to.write_all(&sum.value().to_le_bytes())?;
                    return to.write_all(&length.to_le_bytes());
                }
                Ok(_) if !rest.is_empty() || flush == MZFlush::Finish => {}
                // It wants more input.
                Ok(_) | Err(MZError::Buf) => break,
                Err(_) => return Err(damaged()),
            }
        }
    }
}

/// Reads what was compressed, as `compress` and `gzip` do it.
pub struct Reader<R> {
    from: R,
    state: Box<InflateState>,
    input: Vec<u8>,
    start: usize,
    end: usize,
    is_over: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// It is not such a file, or cannot be read.
    pub fn new(mut from: R) -> io::Result<Reader<R>> {
        let mut head = [0; HEAD.len()];
        from.read_exact(&mut head)?;
        let [0x1f, 0x8b, 8, flags, ..] = head else { return Err(damaged()) };
        skip_extras(&mut from, flags)?;
        let state = InflateState::new_boxed(DataFormat::Raw);
        Ok(Reader { from, state, input: vec![0; PIECE], start: 0, end: 0, is_over: false })
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_over && !buffer.is_empty() {
            if self.start == self.end {
                (self.start, self.end) = (0, read(&mut self.from, &mut self.input)?);
                if self.end == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let input = self.input.get(self.start..self.end).unwrap_or_default();
            let done = inflate(&mut self.state, input, buffer, MZFlush::None);
            self.start = self.start.saturating_add(done.bytes_consumed);
            match done.status {
                Ok(MZStatus::StreamEnd) => self.is_over = true,
                Ok(_) | Err(MZError::Buf) => {}
                Err(_) => return Err(damaged()),
            }
            if done.bytes_written > 0 {
                return Ok(done.bytes_written);
            }
        }
        Ok(0)
    }
}

/// What Docker and gzip put before the data: fields, a name and a comment.
fn skip_extras(from: &mut impl Read, flags: u8) -> io::Result<()> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    if flags & EXTRA != 0 {
        let mut length = [0; 2];
        from.read_exact(&mut length)?;
        skip(from, u64::from(u16::from_le_bytes(length)))?;
    }
    for text in [NAME, COMMENT] {
        let mut byte = [u8::from(flags & text != 0)];
        while byte != [0] {
            from.read_exact(&mut byte)?;
        }
    }
    if flags & CHECKSUM != 0 { skip(from, 2) } else { Ok(()) }
}

fn skip(from: &mut impl Read, count: u64) -> io::Result<()> {
    io::copy(&mut from.take(count), &mut io::sink()).map(drop)
}

fn read(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn damaged() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// The checksum (CRC-32 of RFC 1952), four bits at a time: its table is small.
struct Sum(u32);

impl Default for Sum {
    fn default() -> Sum {
        Sum(u32::MAX)
    }
}

const TABLE: [u32; 16] = table();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "it is made by the compiler")]
const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut number = 0;
    while number < 16 {
        let (mut value, mut bit) = (number as u32, 0);
        while bit < 4 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[number] = value;
        number += 1;
    }
    table
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            for half in [byte & 15, byte >> 4] {
                let place = (self.0 ^ u32::from(half)) & 15;
                let entry = usize::try_from(place).ok().and_then(|place| TABLE.get(place));
                self.0 = (self.0 >> 4) ^ entry.copied().unwrap_or_default();
            }
        }
    }

    fn value(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::{Command, Stdio};

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        compress(&mut &*bytes, &mut out).unwrap();
        out
    }

    fn read_all(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut found = Vec::new();
        Reader::new(bytes)?.read_to_end(&mut found)?;
        Ok(found)
    }

    fn gzip(option: &str, bytes: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gzip")
            .args([option, "-c"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut to, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
        let writer = std::thread::spawn(move || to.write_all(&bytes).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        let mut sum = Sum::default();
        sum.add(b"123456789");
        assert_eq!(sum.value(), 0xcbf4_3926);
    }

    #[test]
    fn gzip_reads_it_and_it_reads_gzip() {
        let text: Vec<u8> =
            (0..300_000_u32).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
        for bytes in [&text[..], b"", b"x"] {
            let own = compressed(bytes);
            assert!(own.len() < bytes.len() / 3 + 64);
            assert!(gzip("-d", &own) == bytes);
            assert!(read_all(&own).unwrap() == bytes);
            assert!(read_all(&gzip("-9", bytes)).unwrap() == bytes);
        }
        // As Docker writes it: with a field before the data.
        let own = compressed(b"hello");
        let with_field = [&own[..3], &[4], &own[4..10], &[3, 0, b'a', b'b', b'c'], &own[10..]].concat();
        assert_eq!(read_all(&with_field).unwrap(), b"hello");
        for named in [8, 16, 24] {
            let zeros = if named == 24 { &b"a\0b\0"[..] } else { b"a\0" };
            let with_name = [&own[..3], &[named], &own[4..10], zeros, &own[10..]].concat();
            assert_eq!(read_all(&with_name).unwrap(), b"hello");
        }
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        let own = compressed(b"hello hello hello hello");
        for length in 0..own.len() - 8 {
            assert!(read_all(&own[..length]).is_err(), "{length}");
        }
        assert!(read_all(b"this is no such file").is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(bytes in proptest::collection::vec(any::<u8>(), 0..2000), times in 1..200_usize) {
            let bytes = bytes.repeat(times);
            prop_assert!(read_all(&compressed(&bytes)).unwrap() == bytes);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_all(&bytes);
            let _ = read_all(&[&HEAD[..], &bytes].concat());
        }
    }
}
