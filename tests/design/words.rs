//! Rust source as words: names, `::`, and other characters one by one. Comments, strings and what only tests see are left
//! out.

/// The words of a source file, without the items of `#[cfg(test)]`.
pub fn of(source: &str) -> Vec<String> {
    without_tests(&all(source))
}

fn all(source: &str) -> Vec<String> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut words = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match (chars[i], at(i + 1)) {
            ('/', '/') => i = find(&chars, i, '\n'),
            ('/', '*') => {
                while i < chars.len() && (at(i), at(i + 1)) != ('*', '/') {
                    i += 1;
                }
                i += 2;
            }
            ('"', _) => i = after_string(&chars, i),
            ('r', '"' | '#') if raw_string(&chars, i).is_some() => i = raw_string(&chars, i).unwrap(),
            ('b' | 'c', 'r') if raw_string(&chars, i + 1).is_some() => {
                i = raw_string(&chars, i + 1).unwrap();
            }
            ('b' | 'c', '"') => i = after_string(&chars, i + 1),
            // A character; everything else after a quote is a lifetime.
            ('\'', '\\') => i = find(&chars, i + 3, '\'') + 1,
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (':', ':') => {
                words.push("::".to_owned());
                i += 2;
            }
            (c, _) if is_of_name(c) => {
                let start = i;
                while is_of_name(at(i)) {
                    i += 1;
                }
                words.push(chars[start..i].iter().collect());
            }
            (c, _) => {
                if !c.is_whitespace() {
                    words.push(c.to_string());
                }
                i += 1;
            }
        }
    }
    words
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn find(chars: &[char], from: usize, wanted: char) -> usize {
    (from..chars.len()).find(|i| chars[*i] == wanted).unwrap_or(chars.len())
}

/// The index after the string that begins at the quote at `start`.
fn after_string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The index after the raw string whose `r` is at `start`, if one begins there.
fn raw_string(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + 1 + hashes) != Some(&'"') {
        return None;
    }
    let mut i = start + 2 + hashes;
    while i < chars.len() {
        let ends =
            chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        i += 1;
        if ends {
            return Some(i + hashes);
        }
    }
    Some(i)
}

fn without_tests(words: &[String]) -> Vec<String> {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if words[i..].len() >= 7 && words[i..i + 7] == CFG_TEST {
            i = after_item(words, i + 7);
        } else {
            kept.push(words[i].clone());
            i += 1;
        }
    }
    kept
}

/// The index after the item that begins at `start`, which may have more attributes.
fn after_item(words: &[String], start: usize) -> usize {
    let mut depth = 0_usize;
    for (i, word) in words.iter().enumerate().skip(start) {
        match word.as_str() {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" if depth == 1 => return i + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return i + 1,
            _ => {}
        }
    }
    words.len()
}
