//! Names of services by pattern, as a shell has them: `*` stands for any text, `?` for one character, `[a-z]` for one of
//! these and `[!a-z]` for one of all others. Names are ASCII and hold none of these characters, so nothing has to be
//! escaped; what is no whole set stands for itself, and so matches no name.

/// Whether a name holds a character that makes it a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether all of `name` is what the pattern stands for. Takes no more steps than the product of both lengths.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.as_bytes(), name.as_bytes());
    // After the last `*`: the pattern behind it, and the name from where it is tried next.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', rest @ ..] = pattern {
            pattern = rest;
            again = Some((rest, name));
            continue;
        }
        if let Some((rest_of_pattern, rest_of_name)) = one(pattern, name) {
            (pattern, name) = (rest_of_pattern, rest_of_name);
            continue;
        }
        if pattern.is_empty() && name.is_empty() {
            return true;
        }
        // The `*` takes one character more.
        match again {
            Some((behind, [_, rest @ ..])) => {
                (pattern, name) = (behind, rest);
                again = Some((behind, rest));
            }
            Some((_, [])) | None => return false,
        }
    }
}

/// Matches one character of the name; what is left of both.
fn one<'p, 'n>(pattern: &'p [u8], name: &'n [u8]) -> Option<(&'p [u8], &'n [u8])> {
    let (first, rest_of_name) = name.split_first()?;
    let (met, rest) = match pattern {
        [b'?', rest @ ..] => (true, rest),
        [b'[', rest @ ..] => set(rest, *first).unwrap_or((*first == b'[', rest)),
        [literal, rest @ ..] => (literal == first, rest),
        [] => return None,
    };
    met.then_some((rest, rest_of_name))
}

/// Whether the character is in the set that begins here; what follows the set. `None`: it has no end.
fn set(pattern: &[u8], character: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (mut found, mut first) = (false, true);
    loop {
        rest = match rest {
            // As the first character of a set, the bracket is one of its characters.
            [b']', rest @ ..] if !first => return Some((found != negated, rest)),
            [from, b'-', to, rest @ ..] if *to != b']' => {
                found |= (*from..=*to).contains(&character);
                rest
            }
            [single, rest @ ..] => {
                found |= *single == character;
                rest
            }
            [] => return None,
        };
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, yes, no) in [
            ("web", &["web"][..], &["", "we", "webs", "Web"][..]),
            ("worker*", &["worker", "worker-1", "workerworker"], &["work", "my-worker"]),
            ("*", &["", "a", "web"], &[]),
            ("*er", &["er", "worker", "erer"], &["erx"]),
            ("w*k*r", &["wkr", "worker", "wkkr"], &["work", "wr"]),
            ("a*b*c", &["abc", "aXbXbXc"], &["ab", "acb"]),
            ("?", &["a"], &["", "ab"]),
            ("web-??", &["web-01"], &["web-1", "web-001"]),
            ("web-[0-9]", &["web-0", "web-9"], &["web-a", "web-", "web-10"]),
            ("[a-cx]", &["a", "c", "x"], &["d", "-"]),
            ("[!a-c]", &["d", "-"], &["a", "", "dd"]),
            ("[^a]", &["b"], &["a"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[-a]", &["a", "-"], &["b"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("*[0-9]", &["w1", "1", "w12"], &["w", "1w"]),
            ("[", &["["], &["a", ""]),
            ("[a", &["[a"], &["a"]),
            ("", &[""], &["a"]),
            ("**", &["", "ab"], &[]),
            ("*?", &["a", "ab"], &[""]),
        ] {
            for name in yes {
                assert!(matches(pattern, name), "{pattern} {name}");
            }
            for name in no {
                assert!(!matches(pattern, name), "{pattern} {name}");
            }
        }
        assert!(is_pattern("a*") && is_pattern("?") && is_pattern("[a]") && !is_pattern("a.b_c-d@e"));
    }

    #[test]
    fn what_would_take_for_ever_does_not() {
        let pattern = format!("{}b", "*a".repeat(2_000));
        assert!(!matches(&pattern, &"a".repeat(4_000)));
    }

    /// The same, said in the simplest way.
    fn simply(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], _) => name.is_empty(),
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|at| simply(rest, &name[at..])),
            (_, []) => false,
            ([b'?', rest @ ..], _) => simply(rest, &name[1..]),
            ([literal, rest @ ..], _) => *literal == name[0] && simply(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_simplest_way(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            prop_assert_eq!(matches(&pattern, &name), simply(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn nothing_ends_it(pattern in ".{0,40}", name in ".{0,40}") {
            let _ = matches(&pattern, &name);
        }
    }
}
