//! Helpers for the record format: CBOR arrays whose fields have numbers, so that a field can be added without
//! breaking old readers and is never renumbered. Never allocates more than the input announces item by item.
//!
//! Source: RFC 8949 (CBOR), deterministic encoding as in section 4.2 (shortest integers, definite lengths).

/// Lists kept in `SmallVec`, written as a definite-length array.
pub(crate) mod list {
    use minicbor::{Decode, Decoder, Encode, Encoder};
    use smallvec::{Array, SmallVec};

    pub(crate) fn encode<A, C, W>(
        list: &SmallVec<A>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>>
    where
        A: Array,
        A::Item: Encode<C>,
        W: minicbor::encode::Write,
    {
        e.array(u64::try_from(list.len()).unwrap_or(u64::MAX))?;
        list.iter().try_for_each(|item| item.encode(e, ctx))
    }

    pub(crate) fn decode<'b, A, C>(
        d: &mut Decoder<'b>,
        ctx: &mut C,
    ) -> Result<SmallVec<A>, minicbor::decode::Error>
    where
        A: Array,
        A::Item: Decode<'b, C>,
    {
        d.array_iter_with(ctx)?.collect()
    }
}

/// A flag that is seldom set: while it is not, it is left out.
pub(crate) mod flag {
    use minicbor::{Decode, Decoder, Encode, Encoder};

    pub(crate) fn encode<C, W: minicbor::encode::Write>(
        flag: &bool,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        flag.encode(e, ctx)
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<bool, minicbor::decode::Error> {
        bool::decode(d, ctx)
    }

    pub(crate) fn is_nil(flag: &bool) -> bool {
        !*flag
    }

    pub(crate) fn nil() -> Option<bool> {
        Some(false)
    }
}

/// A place that is seldom other than the first: then it is left out.
pub(crate) mod place {
    use minicbor::{Decode, Decoder, Encode, Encoder};

    pub(crate) fn encode<C, W: minicbor::encode::Write>(
        place: &u8,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        place.encode(e, ctx)
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<u8, minicbor::decode::Error> {
        u8::decode(d, ctx)
    }

    pub(crate) fn is_nil(place: &u8) -> bool {
        *place == 0
    }

    pub(crate) fn nil() -> Option<u8> {
        Some(0)
    }
}

/// A list that is seldom filled: while it is empty, it is left out.
pub(crate) mod few {
    use alloc::vec::Vec;

    use minicbor::{Decode, Decoder, Encode, Encoder};

    pub(crate) fn encode<T: Encode<C>, C, W: minicbor::encode::Write>(
        list: &[T],
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        list.encode(e, ctx)
    }

    pub(crate) fn decode<'b, T: Decode<'b, C>, C>(
        d: &mut Decoder<'b>,
        ctx: &mut C,
    ) -> Result<Vec<T>, minicbor::decode::Error> {
        Vec::decode(d, ctx)
    }

    pub(crate) fn is_nil<T>(list: &[T]) -> bool {
        list.is_empty()
    }

    pub(crate) fn nil<T>() -> Option<Vec<T>> {
        Some(Vec::new())
    }
}
