//! One command line as execline writes it: words, quotes, escapes and comments. Blocks are seen and not understood.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// A command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its words, as a program gets them; empty where the file holds comments and blanks alone.
    pub words: Vec<OsString>,
    /// There are blocks in it, in braces: what they mean is known to the programs of execline.
    pub has_blocks: bool,
}

/// Splits a text into words.
///
/// # Errors
/// What is wrong with it.
pub(super) fn split(text: &[u8]) -> Result<Line, &'static str> {
    let mut lexer = Lexer { rest: text.iter().copied().peekable(), words: Vec::new(), word: None, depth: 0 };
    let mut has_blocks = false;
    let mut quoted = false;
    while let Some(byte) = lexer.rest.next() {
        match byte {
            0 => return Err("a NUL character is not possible here"),
            b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' => {
                has_blocks |= lexer.end_word(quoted)?;
                quoted = false;
            }
            b'#' if lexer.word.is_none() => while lexer.rest.next().is_some_and(|next| next != b'\n') {},
            b'"' => {
                quoted = true;
                lexer.quoted()?;
            }
            b'\\' => match lexer.rest.next() {
                None => return Err("nothing follows the last backslash"),
                // Between words it only joins two lines.
                Some(b'\n') if lexer.word.is_none() => {}
                Some(next) => {
                    quoted = true;
                    lexer.push(next);
                }
            },
            other => lexer.push(other),
        }
    }
    has_blocks |= lexer.end_word(quoted)?;
    match lexer.depth {
        0 => Ok(Line { words: lexer.words.into_iter().map(OsString::from_vec).collect(), has_blocks }),
        _ => Err("a { is not closed by a }"),
    }
}

struct Lexer<I: Iterator<Item = u8>> {
    rest: std::iter::Peekable<I>,
    words: Vec<Vec<u8>>,
    /// The word that has begun.
    word: Option<Vec<u8>>,
    /// How many blocks are open.
    depth: u32,
}

impl<I: Iterator<Item = u8>> Lexer<I> {
    fn push(&mut self, byte: u8) {
        self.word.get_or_insert_default().push(byte);
    }

    /// Ends the word, if one has begun; whether it was a brace that begins or ends a block.
    fn end_word(&mut self, quoted: bool) -> Result<bool, &'static str> {
        let Some(word) = self.word.take() else { return Ok(false) };
        match word.as_slice() {
            b"{" if !quoted => self.depth = self.depth.saturating_add(1),
            b"}" if !quoted => self.depth = self.depth.checked_sub(1).ok_or("a } has no { before it")?,
            _ => {
                self.words.push(word);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What follows a quotation mark, up to the next.
    fn quoted(&mut self) -> Result<(), &'static str> {
        const OPEN: &str = "a quote is not closed";
        self.word.get_or_insert_default();
        loop {
            match self.rest.next().ok_or(OPEN)? {
                0 => return Err("a NUL character is not possible here"),
                b'"' => return Ok(()),
                b'\\' => {
                    let next = self.rest.next().ok_or(OPEN)?;
                    let meant = match next {
                        b'\n' => continue,
                        b'0' => self.number()?,
                        b'a' => 7,
                        b'b' => 8,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'v' => 11,
                        b'f' => 12,
                        b'r' => b'\r',
                        other => other,
                    };
                    self.push(meant);
                }
                other => self.push(other),
            }
        }
    }

    /// The digits of `\0x41` or of `\0101`: up to two of base 16, or up to three of base 8.
    fn number(&mut self) -> Result<u8, &'static str> {
        let (base, most) = match self.rest.next_if_eq(&b'x') {
            Some(_) => (16, 2),
            None => (8, 3),
        };
        let mut value = 0_u32;
        for _ in 0..most {
            let Some(digit) = self.rest.peek().and_then(|next| char::from(*next).to_digit(base)) else {
                break;
            };
            self.rest.next();
            value = value.saturating_mul(base).saturating_add(digit);
        }
        u8::try_from(value).ok().filter(|byte| *byte != 0).ok_or("this \\0 stands for no character")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let line = split(text.as_bytes()).unwrap();
        line.words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn words_quotes_and_escapes() {
        for (text, expected) in [
            ("", &[][..]),
            ("# nothing\n", &[]),
            ("/bin/a b  c", &["/bin/a", "b", "c"]),
            ("/bin/a\n  b # more\n c#d\r\n", &["/bin/a", "b", "c#d"]),
            (r#"a"b c"d "" "e""f""#, &["ab cd", "", "ef"]),
            (r#""a\nb\tc\qd" a\nb\ c"#, &["a\nb\tcqd", "anb c"]),
            ("\"a\\\nb\" c\\\nd \\\n e", &["ab", "c\nd", "e"]),
            (r#""\0x41\0x4142 \0101\065b""#, &["AA42 A5b"]),
            (r#"\#a "{" \{ a{ {} }{ ' $x"#, &["#a", "{", "{", "a{", "{}", "}{", "'", "$x"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        let bytes = split(br#""\0xff\0377" x"#).unwrap();
        assert_eq!(bytes.words, [OsString::from_vec(vec![255, 255]), "x".into()]);
    }

    #[test]
    fn blocks_are_seen() {
        for (text, expected) in
            [("a { b } c", true), ("a { { } }", true), ("a \"{\" b", false), ("a {b}", false)]
        {
            assert_eq!(split(text.as_bytes()).unwrap().has_blocks, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("a \"b", "a quote is not closed"),
            ("a \"b\\", "a quote is not closed"),
            ("a\\", "nothing follows the last backslash"),
            ("a { b", "a { is not closed by a }"),
            ("a } b {", "a } has no { before it"),
            ("a\0", "a NUL character is not possible here"),
            ("\"\0\"", "a NUL character is not possible here"),
            ("\"\\0\"", "this \\0 stands for no character"),
            ("\"\\0x\"", "this \\0 stands for no character"),
            ("\"\\0400\"", "this \\0 stands for no character"),
        ] {
            assert_eq!(split(text.as_bytes()).unwrap_err(), expected, "{text}");
        }
    }
}
