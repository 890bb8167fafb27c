//! What waits to be written: whole messages, so many bytes of them, and how many found no room.

#![forbid(unsafe_code)]

use std::collections::VecDeque;

/// So many bytes may wait. A longer message is taken when nothing else waits, because messages are never cut.
pub const LIMIT: usize = 64 * 1024;

/// What a message costs beside its bytes, so that many short ones are bounded too.
const OVERHEAD: usize = 32;

/// How a note says, in the format in use, that so many messages were dropped.
pub type Note = fn(u64) -> Vec<u8>;

/// Messages in the order in which they are to be written.
pub struct Queue {
    waiting: VecDeque<Message>,
    /// How much of the first is written.
    written: usize,
    size: usize,
    /// Messages that were dropped behind those that wait.
    dropped: u64,
    note: Note,
}

struct Message {
    bytes: Box<[u8]>,
    /// For how many messages it stands: a note for those that were dropped, another one for itself.
    count: u64,
}

impl Message {
    fn size(&self) -> usize {
        self.bytes.len().saturating_add(OVERHEAD)
    }
}

impl Queue {
    pub const fn new(note: Note) -> Queue {
        Queue { waiting: VecDeque::new(), written: 0, size: 0, dropped: 0, note }
    }

    pub fn set_note(&mut self, note: Note) {
        self.note = note;
    }

    /// Takes a message, or drops it where there is no room. Once one was dropped, others are taken again when half of
    /// the room is free: else each of them would have a note before it.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.dropped > 0 && self.size <= LIMIT / 2 {
            self.write_note();
        }
        let message = Message { bytes: bytes.into(), count: 1 };
        let fits = self.waiting.is_empty() || self.size.saturating_add(message.size()) <= LIMIT;
        if self.dropped > 0 || !fits {
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.add(message);
        }
    }

    /// What is to be written next: the rest of a message. A note about what was dropped is one.
    pub fn front(&mut self) -> Option<&[u8]> {
        if self.waiting.is_empty() && self.dropped > 0 {
            self.write_note();
        }
        self.waiting.front().and_then(|message| message.bytes.get(self.written..))
    }

    /// So much of that was written.
    pub fn advance(&mut self, count: usize) {
        self.written = self.written.saturating_add(count);
        if self.waiting.front().is_some_and(|first| first.bytes.len() <= self.written) {
            self.remove_first();
        }
    }

    /// The first message cannot be written, ever.
    pub fn drop_first(&mut self) {
        let count = self.remove_first();
        self.dropped = self.dropped.saturating_add(count);
    }

    /// Nobody is there to read what waits.
    pub fn drop_all(&mut self) {
        while !self.waiting.is_empty() {
            self.drop_first();
        }
    }

    /// How many messages wait.
    pub fn count(&self) -> usize {
        self.waiting.len()
    }

    /// How much waits: less of it, or other messages, after each advance.
    pub fn size(&self) -> usize {
        self.size.saturating_sub(self.written)
    }

    fn write_note(&mut self) {
        let count = std::mem::take(&mut self.dropped);
        self.add(Message { bytes: (self.note)(count).into(), count });
    }

    fn add(&mut self, message: Message) {
        self.size = self.size.saturating_add(message.size());
        self.waiting.push_back(message);
    }

    fn remove_first(&mut self) -> u64 {
        self.written = 0;
        let Some(first) = self.waiting.pop_front() else { return 0 };
        self.size = self.size.saturating_sub(first.size());
        if self.waiting.is_empty() {
            // An idle rinit keeps no room for what may come.
            self.waiting = VecDeque::new();
        }
        first.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_empty(queue: &Queue) -> bool {
        queue.count() == 0 && queue.dropped == 0
    }

    fn note(count: u64) -> Vec<u8> {
        format!("dropped {count}\n").into_bytes()
    }

    /// Writes all that waits.
    fn drain(queue: &mut Queue) -> Vec<String> {
        let mut text = Vec::new();
        while let Some(rest) = queue.front() {
            let piece = rest.len().min(7);
            text.extend_from_slice(&rest[..piece]);
            queue.advance(piece);
        }
        String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
    }

    /// How many messages these lines stand for.
    fn count(lines: &[String]) -> u64 {
        lines.iter().map(|line| line.strip_prefix("dropped ").map_or(1, |count| count.parse().unwrap())).sum()
    }

    #[test]
    fn messages_come_out_whole_and_in_order() {
        let mut queue = Queue::new(note);
        assert!(queue.front().is_none() && is_empty(&queue));
        queue.push(b"one\n");
        queue.push(b"two and more\n");
        assert!(!is_empty(&queue));
        assert_eq!(drain(&mut queue), ["one", "two and more"]);
        assert!(is_empty(&queue) && queue.size == 0);
    }

    #[test]
    fn what_was_dropped_is_told_at_its_place() {
        let mut queue = Queue::new(note);
        let mut pushed = 0;
        while queue.dropped < 10 {
            queue.push(format!("{pushed}\n").as_bytes());
            pushed += 1;
        }
        assert!(queue.size <= LIMIT);
        let kept = pushed - 10;
        // There is room for one, but the others that were dropped came before it.
        let length = queue.front().unwrap().len();
        queue.advance(length);
        queue.push(b"late\n");
        assert_eq!(queue.dropped, 11);
        while queue.size > LIMIT / 2 {
            let length = queue.front().unwrap().len();
            queue.advance(length);
        }
        queue.push(b"again\n");
        let lines = drain(&mut queue);
        assert_eq!(lines[lines.len() - 3..], [(kept - 1).to_string(), "dropped 11".into(), "again".into()]);
        assert!(is_empty(&queue));
    }

    #[test]
    fn the_last_note_needs_no_message_behind_it() {
        let mut queue = Queue::new(note);
        let message = vec![b'x'; LIMIT / 2];
        (0..5).for_each(|_| queue.push(&message));
        assert_eq!(queue.dropped, 4);
        let length = queue.front().unwrap().len();
        queue.advance(length);
        assert!(!is_empty(&queue));
        assert_eq!(drain(&mut queue), ["dropped 4"]);
        assert!(is_empty(&queue));
    }

    #[test]
    fn a_message_longer_than_the_limit_is_taken_whole_when_nothing_waits() {
        let mut queue = Queue::new(note);
        let long = [vec![b'x'; LIMIT * 2], b"\n".to_vec()].concat();
        queue.push(&long);
        queue.push(b"short\n");
        assert_eq!(queue.front().unwrap(), long);
        queue.advance(long.len());
        assert_eq!(drain(&mut queue), ["dropped 1"]);
    }

    #[test]
    fn notes_that_are_dropped_are_counted_for_what_they_stand_for() {
        let mut queue = Queue::new(note);
        let mut lines = Vec::new();
        let mut pushed = 0;
        for round in 0..50 {
            for _ in 0..round * 100 {
                queue.push(b"a message of some length, as they are\n");
                pushed += 1;
            }
            match round % 3 {
                0 => queue.drop_all(),
                1 => lines.extend(drain(&mut queue)),
                _ if queue.front().is_some() => queue.drop_first(),
                _ => {}
            }
        }
        lines.extend(drain(&mut queue));
        assert_eq!(count(&lines), pushed);
    }
}
