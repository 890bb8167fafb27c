//! Messages that were taken and are not delivered yet.

#![forbid(unsafe_code)]

use super::losses::Losses;
use std::collections::VecDeque;

/// With so many bytes it is full. What is read at once from a pipe may come on top of that.
pub const LIMIT: usize = 64 * 1024;

/// Messages in their order, in one piece of memory, so that several can be written at once.
#[derive(Debug, Default)]
pub struct Backlog {
    bytes: Vec<u8>,
    /// Where the first message that is not delivered begins.
    start: usize,
    /// The route of each message, and how long it is.
    lengths: VecDeque<(u32, usize)>,
    /// How much of the first is written.
    written: usize,
}

impl Backlog {
    /// Adds the message of a route, which `write` appends.
    pub fn push(&mut self, route: u32, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        let length = self.bytes.len().saturating_sub(before);
        if length > 0 {
            self.lengths.push_back((route, length));
        }
    }

    /// Whether there is room for more.
    pub fn has_room(&self) -> bool {
        self.bytes.len().saturating_sub(self.start) < LIMIT
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// What is to be written next: the rest of the first message, and as many others whole as fit into `limit` bytes.
    pub fn next(&self, limit: usize) -> &[u8] {
        let Some((first, others)) =
            self.lengths.iter().next().map(|(_, first)| (*first, self.lengths.iter().skip(1)))
        else {
            return &[];
        };
        let begin = self.start.saturating_add(self.written);
        let mut end = self.start.saturating_add(first);
        for (_, length) in others {
            let further = end.saturating_add(*length);
            if further.saturating_sub(begin) > limit {
                break;
            }
            end = further;
        }
        self.bytes.get(begin..end).unwrap_or_default()
    }

    /// So many bytes of that were written.
    pub fn advance(&mut self, count: usize) {
        self.written = self.written.saturating_add(count);
        while let Some((_, first)) = self.lengths.front().copied().filter(|(_, first)| *first <= self.written)
        {
            self.written = self.written.saturating_sub(first);
            self.start = self.start.saturating_add(first);
            self.lengths.pop_front();
        }
        self.tidy();
    }

    /// What was written of the first message is taken back: it is to be written again from its beginning. Returns how much
    /// that was.
    pub fn take_back(&mut self) -> usize {
        std::mem::take(&mut self.written)
    }

    /// The first message can never be delivered.
    pub fn drop_first(&mut self, losses: &mut Losses) {
        if let Some((route, first)) = self.lengths.pop_front() {
            losses.add(route, 1);
            self.written = 0;
            self.start = self.start.saturating_add(first);
        }
        self.tidy();
    }

    /// None of them can be delivered.
    pub fn clear(&mut self, losses: &mut Losses) {
        self.lengths.iter().for_each(|(route, _)| losses.add(*route, 1));
        *self = Backlog::default();
    }

    /// Nothing waits for a while: gives memory back.
    pub fn release(&mut self) {
        if self.is_empty() && self.bytes.capacity() > 0 {
            *self = Backlog::default();
        }
    }

    fn tidy(&mut self) {
        if self.lengths.is_empty() {
            self.bytes.clear();
            self.start = 0;
        } else if self.start > LIMIT {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(messages: &[&str]) -> Backlog {
        let mut backlog = Backlog::default();
        messages.iter().for_each(|text| backlog.push(7, &mut |out| out.extend_from_slice(text.as_bytes())));
        backlog
    }

    fn next(backlog: &Backlog, limit: usize) -> &str {
        std::str::from_utf8(backlog.next(limit)).unwrap()
    }

    #[test]
    fn whole_messages_are_written_together() {
        let mut backlog = backlog(&["one\n", "two\n", "three\n"]);
        assert_eq!(
            (next(&backlog, 8), next(&backlog, 7), next(&backlog, 99)),
            ("one\ntwo\n", "one\n", "one\ntwo\nthree\n")
        );
        // The rest of one that was written in part comes first.
        backlog.advance(5);
        assert_eq!(next(&backlog, 1), "wo\n");
        assert_eq!(next(&backlog, 9), "wo\nthree\n");
        backlog.advance(9);
        assert!(backlog.is_empty() && backlog.bytes.is_empty());
        assert_eq!(next(&backlog, 9), "");
    }

    #[test]
    fn what_is_dropped_is_counted() {
        let mut some = backlog(&["one\n", "two\n", "three\n"]);
        some.advance(1);
        let mut losses = Losses::default();
        some.drop_first(&mut losses);
        assert_eq!(next(&some, 99), "two\nthree\n");
        some.advance(1);
        some.clear(&mut losses);
        assert!(some.is_empty());
        assert_eq!(losses.iter().collect::<Vec<_>>(), [(7, 3)]);
        assert!(backlog(&[""]).is_empty(), "nothing is no message");
    }

    #[test]
    fn it_is_full_at_its_limit_and_keeps_no_more_memory_than_that() {
        let mut backlog = Backlog::default();
        let message = [b'x'; 1000];
        for _ in 0..1000 {
            while backlog.has_room() {
                backlog.push(7, &mut |out| out.extend_from_slice(&message));
            }
            let length = backlog.next(0).len();
            backlog.advance(length);
            assert!(backlog.bytes.len() <= 3 * LIMIT, "{}", backlog.bytes.len());
        }
        backlog.clear(&mut Losses::default());
        backlog.release();
        assert_eq!(backlog.bytes.capacity(), 0);
    }
}
