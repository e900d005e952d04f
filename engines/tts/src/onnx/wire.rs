//! Protobuf's wire format: just enough to take a message apart and to put it together again.
//!
//! Fields are handed out as the bytes they came as, so what we do not know is kept untouched.
//! Lengths come from files: every one is checked against what is there.

/// The bytes are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is cut short or no protobuf at all")]
pub(crate) struct Malformed;

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) value: Value<'a>,
    /// With its tag and length, as it stood in the message.
    pub(crate) raw: &'a [u8],
}

/// What a field holds, as far as the wire tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    /// A string, a message, bytes or packed numbers.
    Bytes(&'a [u8]),
    /// Four or eight bytes.
    Fixed,
}

impl<'a> Field<'a> {
    /// The content of a length-delimited field.
    pub(crate) fn bytes(&self) -> Result<&'a [u8], Malformed> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Varint(_) | Value::Fixed => Err(Malformed),
        }
    }

    /// The content of a string field.
    pub(crate) fn text(&self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }
}

/// The fields of `message`, one after another; ends after the first mistake.
pub(crate) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// See [`fields`].
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Option<Field<'a>> {
        let whole = self.rest;
        let tag = self.varint()?;
        let number = tag >> 3;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            // Groups ended with protobuf 2; ONNX never had them.
            _ => return None,
        };
        let raw = &whole[..whole.len() - self.rest.len()];
        (number > 0).then_some(Field { number, value, raw })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(length)?;
        self.rest = tail;
        Some(head)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

/// Appends a length-delimited field.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, content: &[u8]) {
    put_length(out, number, content.len());
    out.extend_from_slice(content);
}

/// Appends what stands before the `length` bytes of a length-delimited field.
pub(crate) fn put_length(out: &mut Vec<u8>, number: u64, length: usize) {
    put_varint(out, number << 3 | 2);
    put_varint(out, length as u64);
}

/// Appends a number.
pub(crate) fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(out, number << 3);
    put_varint(out, value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_raw_bytes_rebuild_the_message() {
        let mut message = Vec::new();
        put_number(&mut message, 1, 300);
        put_bytes(&mut message, 200, b"name");
        message.extend([5 << 3 | 5, 1, 2, 3, 4]); // a float
        let read: Vec<_> = fields(&message).map(Result::unwrap).collect();
        assert_eq!(read[0].value, Value::Varint(300));
        assert_eq!((read[1].number, read[1].text()), (200, Ok("name")));
        assert_eq!((read[2].number, read[2].value), (5, Value::Fixed));
        let raw: Vec<u8> = read.iter().flat_map(|field| field.raw.to_vec()).collect();
        assert_eq!(raw, message);
    }

    #[test]
    fn cut_or_hostile_bytes_are_malformed_and_never_panic() {
        let mut message = Vec::new();
        put_bytes(&mut message, 7, &[1; 200]);
        for length in 1..message.len() {
            assert!(fields(&message[..length]).any(|field| field.is_err()), "{length}");
        }
        for bytes in [
            &[0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F][..],
            b"not a model",
            &[0],
            &[0xFF; 20],
        ] {
            assert!(fields(bytes).any(|field| field.is_err()), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
