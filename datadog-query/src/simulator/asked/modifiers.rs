//! What follows the scope of a query: `.as_count()`, `.rollup(…)`, `.fill(…)`.

use super::{
    cursor::{Cursor, Refused},
    function::Function,
    is_of_a_name,
};

/// What follows the scope. A modifier that stands twice counts as it stands last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::simulator) struct Modifiers {
    /// As they are written, for the echo in the answer.
    pub(super) text: String,
    pub(in crate::simulator) rollup: Option<Function>,
    pub(in crate::simulator) width: Option<u32>,
    pub(in crate::simulator) counting: Option<Counting>,
    pub(in crate::simulator) fill: Option<Fill>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::simulator) enum Counting {
    AsCount,
    AsRate,
}

/// What stands in a bucket without samples, up to so many seconds after the last one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::simulator) struct Fill {
    pub(in crate::simulator) with: Filling,
    pub(in crate::simulator) limit: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::simulator) enum Filling {
    Zero,
    Last,
    Linear,
    Null,
}

impl Modifiers {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        let (start, mut modifiers) = (cursor.rest(), Self::default());
        while cursor.eat(".") {
            if cursor.eat("as_count()") {
                modifiers.counting = Some(Counting::AsCount);
            } else if cursor.eat("as_rate()") {
                modifiers.counting = Some(Counting::AsRate);
            } else if cursor.eat("rollup(") {
                modifiers.read_rollup(cursor)?;
            } else if cursor.eat("fill(") {
                modifiers.fill = Some(Fill::read(cursor)?);
            } else {
                return Err(cursor.refuse());
            }
        }
        modifiers.text = cursor.since(start).to_owned();
        Ok(modifiers)
    }

    /// Reads `60)`, `max)` or `max, 60)`.
    fn read_rollup(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Refused> {
        self.rollup = Function::named(cursor.peek(is_of_a_name));
        if let Some(function) = self.rollup {
            cursor.eat(function.name());
        }
        if self.rollup.is_none() || cursor.eat(",") {
            self.width = Some(seconds(cursor)?);
        }
        cursor.expect(")")
    }
}

impl Fill {
    /// Reads `zero)` or `last, 120)`.
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Refused> {
        let with = match cursor.peek(is_of_a_name) {
            "zero" => Filling::Zero,
            "last" => Filling::Last,
            "linear" => Filling::Linear,
            "null" => Filling::Null,
            _ => return Err(cursor.refuse()),
        };
        cursor.take(is_of_a_name);
        let limit = if cursor.eat(",") {
            seconds(cursor)?.min(600)
        } else {
            300
        };
        cursor.expect(")")?;
        Ok(Self { with, limit })
    }
}

fn seconds(cursor: &mut Cursor<'_>) -> Result<u32, Refused> {
    let number = cursor.peek(|c| c.is_ascii_digit());
    let seconds = number.parse().ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| cursor.refuse())?;
    cursor.eat(number);
    Ok(seconds)
}
