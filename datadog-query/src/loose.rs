//! JSON that may have any form, of which one is known.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// What is read where it has the form that is known, and passed over where it has not. It is
/// read as it comes: an untagged enum would keep a copy of it to look at it twice.
pub(crate) struct Loose<T>(pub(crate) T);

/// The form that is known. All others are the default.
pub(crate) trait Form: Default {
    /// Of a text.
    fn of_text(_text: &str) -> Self {
        Self::default()
    }

    /// Of the first elements of a list; those that are not taken are passed over.
    fn of_list<'de, A: SeqAccess<'de>>(_list: &mut A) -> Result<Self, A::Error> {
        Ok(Self::default())
    }

    /// Of the first fields of an object; those that are not taken are passed over.
    fn of_fields<'de, A: MapAccess<'de>>(_fields: &mut A) -> Result<Self, A::Error> {
        Ok(Self::default())
    }
}

impl<'de, T: Form> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(Anything(PhantomData))
            .map(Self)
    }
}

struct Anything<T>(PhantomData<T>);

impl<'de, T: Form> Visitor<'de> for Anything<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::of_text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let value = T::of_list(&mut list)?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<T, A::Error> {
        let value = T::of_fields(&mut fields)?;
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}
