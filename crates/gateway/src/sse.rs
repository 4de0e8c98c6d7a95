//! Server-sent events, split out of a body as it comes.
//!
//! E1 each event is passed on as the bytes that came, wherever the body was cut (`events_are_the_same_however_the_body_is_cut`).
//! Never holds more than one event and what came with it.

use bytes::{Bytes, BytesMut};

/// The longest event, in bytes: pictures come in one.
pub(crate) const EVENT_MAX: usize = 16 << 20;

/// An event with its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) raw: Bytes,
}

impl Event {
    /// The lines of a field, without its name.
    fn lines<'a>(&'a self, field: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.raw.split(|byte| *byte == b'\n' || *byte == b'\r');
        lines.filter_map(move |line| {
            let rest = line.strip_prefix(field)?;
            let value = rest.strip_prefix(b":")?;
            Some(value.strip_prefix(b" ").unwrap_or(value))
        })
    }

    /// Its bytes with an end, which they lack.
    pub(crate) fn ended(&self) -> Bytes {
        [&self.raw[..], b"\n\n"].concat().into()
    }

    /// Bytes of lines that no field of an event has.
    pub(crate) fn strange(&self) -> u64 {
        let lines = self.raw.split(|byte| *byte == b'\n' || *byte == b'\r');
        let known = |line: &&[u8]| {
            !line.is_empty()
                && ![&b":"[..], b"event", b"id", b"retry", b"data"]
                    .iter()
                    .any(|field| line.starts_with(field))
        };
        lines.filter(known).map(|line| u64::try_from(line.len()).unwrap_or(u64::MAX)).sum()
    }

    /// Its data; nothing if it is only a comment.
    pub(crate) fn data(&self) -> Option<Bytes> {
        let mut lines = self.lines(b"data");
        let first = lines.next()?;
        let Some(second) = lines.next() else { return Some(self.raw.slice_ref(first)) };
        let mut all = BytesMut::from(first);
        for line in std::iter::once(second).chain(lines) {
            all.extend_from_slice(b"\n");
            all.extend_from_slice(line);
        }
        Some(all.freeze())
    }
}

/// A body on its way, split into events.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: BytesMut,
    /// How far the buffer has been looked through.
    seen: usize,
    /// Where the present line began.
    line: usize,
}

/// An event that is longer than [`EVENT_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Splitter {
    /// More of the body.
    pub(crate) fn push(&mut self, part: &[u8]) {
        self.buffer.extend_from_slice(part);
    }

    /// The next event that is here as a whole.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, TooLong> {
        while let Some(byte) = self.buffer.get(self.seen) {
            let at = self.seen;
            let ends = match byte {
                b'\n' => at + 1,
                // A line may end in both: only the next byte tells.
                b'\r' => match self.buffer.get(at + 1) {
                    Some(b'\n') => at + 2,
                    Some(_) => at + 1,
                    None => break,
                },
                _ => {
                    self.seen += 1;
                    continue;
                }
            };
            let is_empty = at == self.line;
            (self.seen, self.line) = (ends, ends);
            if is_empty {
                (self.seen, self.line) = (0, 0);
                return Ok(Some(Event { raw: self.buffer.split_to(ends).freeze() }));
            }
        }
        if self.buffer.len() > EVENT_MAX { Err(TooLong) } else { Ok(None) }
    }

    /// What is left at the end of the body: an event whose end is missing.
    pub(crate) fn rest(&mut self) -> Option<Event> {
        let raw = self.buffer.split().freeze();
        (self.seen, self.line) = (0, 0);
        (!raw.is_empty()).then_some(Event { raw })
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENT_MAX, Event, Splitter, TooLong};

    fn split(parts: &[&[u8]]) -> (Vec<Event>, Option<Event>) {
        let (mut splitter, mut events) = (Splitter::default(), Vec::new());
        for part in parts {
            splitter.push(part);
            while let Some(event) = splitter.next().expect("short") {
                events.push(event);
            }
        }
        (events, splitter.rest())
    }

    #[test]
    fn events_are_the_same_however_the_body_is_cut() {
        let body = b"data: one\n\n: a comment\n\nevent: two\r\ndata: 2\r\ndata:3\r\n\r\ndata: \xc3\xa9\rid: 4\r\rdata: [DONE]\n\ndata: no end";
        let (whole, rest) = split(&[body]);
        let data: Vec<_> = whole.iter().map(|event| event.data().map(|data| data.to_vec())).collect();
        let expected: [Option<&[u8]>; 5] =
            [Some(b"one"), None, Some(b"2\n3"), Some("é".as_bytes()), Some(b"[DONE]")];
        assert_eq!(data, expected.map(|data| data.map(<[u8]>::to_vec)));
        assert_eq!(rest.as_ref().and_then(Event::data).as_deref(), Some(&b"no end"[..]));
        let joined: Vec<u8> = whole.iter().chain(&rest).flat_map(|event| event.raw.to_vec()).collect();
        assert_eq!(joined, body, "every byte is in one of them");
        for at in 0..body.len() {
            let (first, second) = body.split_at(at);
            assert_eq!(split(&[first, second]), (whole.clone(), rest.clone()), "{at}");
        }
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(split(&bytes), (whole, rest));
    }

    #[test]
    fn an_event_is_bounded() {
        let mut splitter = Splitter::default();
        splitter.push(&vec![b'x'; EVENT_MAX]);
        assert_eq!(splitter.next(), Ok(None));
        splitter.push(b"y");
        assert_eq!(splitter.next(), Err(TooLong));
    }
}
