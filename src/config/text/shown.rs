//! What of a text a message may show. `secrets` finds it.

use std::ops::Range;

/// What of a text may be shown.
#[derive(Debug, PartialEq)]
pub(crate) struct Shown {
    /// The parts, in order.
    parts: Vec<Range<usize>>,
    is_damaged: bool,
}

impl Shown {
    /// These parts of it, in order.
    pub fn new(parts: Vec<Range<usize>>, is_damaged: bool) -> Shown {
        Shown { parts, is_damaged }
    }

    /// Nothing of a text, whatever it holds.
    pub fn nothing(_: &str) -> Shown {
        Shown::new(Vec::new(), false)
    }

    /// The end of the part that begins at a byte, or before it: the byte itself where it is hidden.
    pub fn end_of(&self, at: usize) -> usize {
        let index = self.parts.partition_point(|part| part.end <= at);
        self.parts.get(index).filter(|part| part.start <= at).map_or(at, |part| part.end)
    }

    /// Whether the structure of the text is broken.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }
}
