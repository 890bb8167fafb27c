//! "Did you mean ...?": the known word nearest to one that is not known.

/// Longer words are not compared: nobody mistypes so much, and the comparison takes the product of the lengths.
const LONGEST: usize = 64;

/// The known word that `word` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.chars().nth(LONGEST).is_some() {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    let near = known
        .iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&lower, &candidate.to_ascii_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= (lower.len().max(candidate.len()) / 3).max(1))
        .filter(|(distance, _)| *distance < lower.chars().count())
        .min();
    near.map(|(_, candidate)| candidate).or_else(|| only_part_of(&lower, known))
}

/// A sentence with the nearest word.
pub fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean \"{near}\"?"))
}

/// The one known word that contains `word`, as `service_healthy` does `healthy`.
fn only_part_of<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() < 4 {
        return None;
    }
    let mut containing = known.iter().filter(|candidate| candidate.contains(word));
    match (containing.next(), containing.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// Edit distance: letters put in, left out, exchanged for others, or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (i, a) in from.chars().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, b) in to.iter().enumerate() {
            let next = j.saturating_add(1);
            let exchanged = at(&last, j).saturating_add(usize::from(a != *b));
            let added = at(&row, j).saturating_add(1).min(at(&last, next).saturating_add(1));
            let mut best = exchanged.min(added);
            let left = j.checked_sub(1).and_then(|left| to.get(left));
            if left == Some(&a) && previous == Some(*b) {
                best = best.min(at(&before_last, j.saturating_sub(1)).saturating_add(1));
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
        previous = Some(a);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("comand", "command", 1),
            ("commnad", "command", 1),
            ("allways", "always", 1),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
            assert_eq!(distance(to, from), expected, "{to} {from}");
        }
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["command", "depends_on", "restart", "service_healthy", "no"];
        for (word, expected) in [
            ("comand", Some("command")),
            ("Command", Some("command")),
            ("depends-on", Some("depends_on")),
            ("dependson", Some("depends_on")),
            ("healthy", Some("service_healthy")),
            ("volumes", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), &known), None);
    }
}
