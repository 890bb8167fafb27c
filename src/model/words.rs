//! Splitting a command written as one string into words, as a POSIX shell splits them: quotes and backslashes,
//! no expansion.

/// What is wrong with a command string, with the byte where it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Unclosed {
    /// The quote, or the backslash, that nothing follows.
    pub character: char,
    /// Its place, in bytes from the beginning of the string.
    pub at: usize,
}

/// Splits `text` into words.
///
/// # Errors
/// A quote that is not closed, or a backslash at the end.
pub fn split(text: &str) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let into = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some((_, '\'')) => break,
                        Some((_, inner)) => into.push(inner),
                        None => return Err(Unclosed { character: c, at }),
                    }
                }
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default())
                .map_err(|()| Unclosed { character: c, at })?,
            '\\' => match chars.next() {
                Some((_, '\n')) => {}
                Some((_, escaped)) => word.get_or_insert_default().push(escaped),
                None => return Err(Unclosed { character: c, at }),
            },
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads up to the closing quote. Inside, a backslash escapes only what POSIX lists.
fn double_quoted(chars: &mut impl Iterator<Item = (usize, char)>, into: &mut String) -> Result<(), ()> {
    loop {
        match chars.next() {
            Some((_, '"')) => return Ok(()),
            Some((_, '\\')) => match chars.next() {
                Some((_, '\n')) => {}
                Some((_, c @ ('"' | '\\' | '$' | '`'))) => into.push(c),
                Some((_, c)) => into.extend(['\\', c]),
                None => return Err(()),
            },
            Some((_, c)) => into.push(c),
            None => return Err(()),
        }
    }
}

/// Writes words so that a shell reads them as they are.
pub fn join(words: impl IntoIterator<Item = String>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "@%+=:,./_-".contains(c);
    let quoted = |word: String| match !word.is_empty() && word.chars().all(plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let cases: [(&str, &[&str]); 9] = [
            ("nginx -g 'daemon off;'", &["nginx", "-g", "daemon off;"]),
            ("  a \t b\nc ", &["a", "b", "c"]),
            (r#"a"b c"d'e f'g"#, &["ab cde fg"]),
            (r#"'' """#, &["", ""]),
            (r"a\ b \'", &["a b", "'"]),
            (r#""a\"b\$c\d""#, &[r#"a"b$c\d"#]),
            (r"'a\b'", &[r"a\b"]),
            ("a\\\nb", &["ab"]),
            ("echo $HOME *", &["echo", "$HOME", "*"]),
        ];
        for (text, words) in cases {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn what_is_joined_can_be_split() {
        let words = ["nginx", "-g", "daemon off;", "", "it's", "$x", "a\\b"];
        let joined = join(words.map(str::to_owned));
        assert_eq!(joined, r"nginx -g 'daemon off;' '' 'it'\''s' '$x' 'a\b'");
        assert_eq!(split(&joined).unwrap(), words);
    }

    #[test]
    fn what_is_not_closed_is_named_with_its_place() {
        assert_eq!(split("a 'b"), Err(Unclosed { character: '\'', at: 2 }));
        assert_eq!(split("a \"b\\"), Err(Unclosed { character: '"', at: 2 }));
        assert_eq!(split("a \\"), Err(Unclosed { character: '\\', at: 2 }));
    }
}
