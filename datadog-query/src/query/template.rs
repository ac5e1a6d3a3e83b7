//! A written query with variables, and what may be put in for them.

mod value;
mod variable;

use std::ops::Range;

pub(super) use self::variable::leading;
pub use self::{value::InvalidValue, variable::Variable};
use super::{InvalidQuery, Query, check::check};

/// A query that a person wrote for several clusters or environments: it holds variables
/// such as `%%tag_kube_cluster_name%%` and `%%env_DD_ENV%%`, and is a [`Query`] once each
/// has its value.
///
/// ```
/// use datadog_query::{QueryTemplate, Variable};
///
/// let template = QueryTemplate::written("avg:hits{cluster:%%tag_kube_cluster_name%%}")?;
/// let query = template.resolve(|variable| match variable {
///     Variable::ClusterName => Ok("shop-eu"),
///     Variable::Environment(_) => Err(std::env::VarError::NotPresent),
/// })?;
/// assert_eq!(query.text(), "avg:hits{cluster:shop-eu}");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryTemplate {
    text: String,
    /// The variables and the bytes of `text` at which they stand, from left to right.
    variables: Vec<(Range<usize>, Variable)>,
}

/// Why a text is no query with variables. Places count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// It is not one query, whatever its variables are.
    #[error(transparent)]
    Query(InvalidQuery),
    /// A variable has no end.
    #[error("the variable that begins at character {0} is never closed: it ends with `%%`")]
    Unclosed(usize),
    /// Nobody knows what to put in.
    #[error(
        "`{variable:.60}` at character {place} is no variable that is known here: write `%%tag_kube_cluster_name%%`, or `%%env_NAME%%` for an environment variable"
    )]
    Unknown {
        /// As it was written.
        variable: String,
        /// The character at which it begins.
        place: usize,
    },
}

/// Why a variable could not be put in. `E` is why whoever knows the values has none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved<E: std::error::Error + 'static> {
    /// There is no value for it.
    #[error("`{variable}` at character {place} has no value")]
    NoValue {
        /// The variable.
        variable: Variable,
        /// The character at which it begins, counted from 1.
        place: usize,
        /// Why not.
        #[source]
        why: E,
    },
    /// Its value would make another query of this one. The value itself is not told.
    #[error("the value of `{variable}` cannot stand at character {place}")]
    Value {
        /// The variable.
        variable: Variable,
        /// The character at which it begins, counted from 1.
        place: usize,
        /// What is wrong with the value.
        #[source]
        why: InvalidValue,
    },
}

impl InvalidTemplate {
    /// The character at which the variable begins that is wrong, if one is.
    #[must_use]
    pub fn place(&self) -> Option<usize> {
        match self {
            Self::Query(_) => None,
            Self::Unclosed(place) | Self::Unknown { place, .. } => Some(*place),
        }
    }
}

impl<E: std::error::Error> Unresolved<E> {
    /// The character at which the variable begins.
    #[must_use]
    pub fn place(&self) -> usize {
        match self {
            Self::NoValue { place, .. } | Self::Value { place, .. } => *place,
        }
    }
}

impl QueryTemplate {
    /// A query that a person wrote, without the white space around it. It may hold no
    /// variable at all.
    ///
    /// # Errors
    ///
    /// Tells what is wrong, and at which character: a variable that is misspelt, or what
    /// [`Query::written`] refuses.
    pub fn written(text: &str) -> Result<Self, InvalidTemplate> {
        let text = text.trim();
        let place = |at: usize| text[..at].chars().count() + 1;
        let mut variables = Vec::new();
        let mut at = 0;
        while let Some(begin) = text[at..].find("%%").map(|found| at + found) {
            let inner = begin + 2;
            let Some(length) = text[inner..].find("%%") else {
                return Err(InvalidTemplate::Unclosed(place(begin)));
            };
            at = inner + length + 2;
            let written = &text[begin..at];
            let variable = Variable::written(written).ok_or_else(|| InvalidTemplate::Unknown {
                variable: written.to_owned(),
                place: place(begin),
            })?;
            variables.push((begin..at, variable));
        }
        check(text).map_err(InvalidTemplate::Query)?;
        Ok(Self {
            text: text.to_owned(),
            variables,
        })
    }

    /// The text, with its variables.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables, from left to right, each as often as it stands there.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter().map(|(_, variable)| variable)
    }

    /// The query in which each variable has its value.
    ///
    /// A value stays one word, so that it never makes another query of this one: in a scope
    /// it is what a tag may hold, elsewhere a number or a name, and nowhere a word of the
    /// language such as `or`.
    ///
    /// # Errors
    ///
    /// The first variable without a value, or with one that cannot stand at its place.
    pub fn resolve<V, E>(
        &self,
        mut value: impl FnMut(&Variable) -> Result<V, E>,
    ) -> Result<Query, Unresolved<E>>
    where
        V: AsRef<str>,
        E: std::error::Error + 'static,
    {
        let mut text = String::with_capacity(self.text.len());
        let mut copied = 0;
        for (at, variable) in &self.variables {
            let before = &self.text[..at.start];
            let place = || before.chars().count() + 1;
            let value = value(variable).map_err(|why| Unresolved::NoValue {
                variable: variable.clone(),
                place: place(),
                why,
            })?;
            let (value, after) = (value.as_ref(), &self.text[at.end..]);
            text.push_str(&before[copied..]);
            value::check(&text, value, after).map_err(|why| Unresolved::Value {
                variable: variable.clone(),
                place: place(),
                why,
            })?;
            text.push_str(value);
            copied = at.end;
        }
        text.push_str(&self.text[copied..]);
        // What was one query still is: no value holds a bracket, a comma or a quote.
        Ok(Query::one(&text))
    }
}

#[cfg(test)]
mod tests;
