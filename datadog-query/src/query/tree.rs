//! A metric query, understood.

use std::fmt;

/// A metric query as a tree: what [`parse`](super::parse) makes of a text, and what prints
/// as a text that means the same. Parentheses are kept, so nothing has to be known of how
/// operators bind to print it.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// `4.5`, as it was written.
    Number(String),
    /// `-x`
    Negative(Box<Self>),
    /// `x + y - z`, or `x * y / z`: operators that bind alike, from left to right.
    Chain {
        /// The first operand.
        first: Box<Self>,
        /// What is done to it, one after the other.
        rest: Vec<(Operator, Self)>,
    },
    /// `(x)`
    Parentheses {
        /// What they hold.
        inner: Box<Self>,
        /// What is done to it.
        modifiers: Vec<Modifier>,
    },
    /// `abs(x)`
    Call {
        /// The function.
        function: String,
        /// What it is given.
        arguments: Vec<Argument>,
        /// What is done to its result.
        modifiers: Vec<Modifier>,
    },
    /// `avg:system.cpu.user{*}`
    Series(SeriesQuery),
}

/// How two operands become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Plus,
    Minus,
    Times,
    Over,
}

/// What a function is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// `'basic'`
    Text(Quoted),
    /// `direction='above'`
    Named(String, NamedValue),
    /// `avg:system.cpu.user{*}`, or a number
    Expression(Expression),
}

/// The value of an argument with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum NamedValue {
    Text(Quoted),
    Number(String),
}

/// A text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// What is between them; it does not hold `quote`.
    pub text: String,
    /// `'` or `"`.
    pub quote: char,
}

/// One metric, of the series that a scope chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesQuery {
    /// How series become one: `avg`, `p99`, `count(v: v<=1)`. Without it Datadog takes `avg`.
    pub aggregator: Option<String>,
    /// The metric's name.
    pub metric: String,
    /// Which of its series.
    pub filter: Filter,
    /// The tags by which the series stay apart; empty for one series.
    pub by: Vec<String>,
    /// What is done to it.
    pub modifiers: Vec<Modifier>,
}

/// What stands between the braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `a:b,!c:d`: all of these, none of those with a `!`.
    Symbols(Vec<Symbol>),
    /// `a:b AND (c:d OR NOT e:f)`
    Words(Words),
}

/// A tag, or what must not be one: `a:b`, `!a:b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Whether a `!` stands before it.
    pub not: bool,
    /// The tag as it was written: `key:value`, `key`, `*` or `$variable`.
    pub tag: String,
}

/// Conditions joined by words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// `x OR y`
    Or(Vec<Self>),
    /// `x AND y`
    And(Vec<Self>),
    /// `NOT x`
    Not(Box<Self>),
    /// `(x)`
    Parentheses(Box<Self>),
    /// `key IN (x,y)`, `key NOT IN (x,y)`
    In {
        /// The tag's key.
        key: String,
        /// Whether its value is none of these.
        not: bool,
        /// The values.
        values: Vec<String>,
    },
    /// `a:b`
    Tag(String),
}

/// What is done to a series: `.rollup(avg, 60)`, `.as_count()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// Its name.
    pub name: String,
    /// What it is given, as it was written.
    pub arguments: Vec<String>,
}

impl Expression {
    /// The series that the query reads, from left to right.
    #[must_use]
    pub fn series(&self) -> Vec<&SeriesQuery> {
        let mut found = Vec::new();
        self.each_series(&mut |series| found.push(series));
        found
    }

    fn each_series<'a>(&'a self, tell: &mut impl FnMut(&'a SeriesQuery)) {
        match self {
            Self::Number(_) => {}
            Self::Negative(inner) | Self::Parentheses { inner, .. } => inner.each_series(tell),
            Self::Chain { first, rest } => {
                first.each_series(tell);
                for (_, operand) in rest {
                    operand.each_series(tell);
                }
            }
            Self::Call { arguments, .. } => {
                for argument in arguments {
                    if let Argument::Expression(inner) = argument {
                        inner.each_series(tell);
                    }
                }
            }
            Self::Series(series) => tell(series),
        }
    }
}

impl Operator {
    fn sign(self) -> char {
        match self {
            Self::Plus => '+',
            Self::Minus => '-',
            Self::Times => '*',
            Self::Over => '/',
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(text) => f.write_str(text),
            Self::Negative(inner) => write!(f, "-{inner}"),
            Self::Chain { first, rest } => {
                write!(f, "{first}")?;
                rest.iter()
                    .try_for_each(|(operator, operand)| write!(f, " {} {operand}", operator.sign()))
            }
            Self::Parentheses { inner, modifiers } => {
                write!(f, "({inner})")?;
                modifiers
                    .iter()
                    .try_for_each(|modifier| write!(f, "{modifier}"))
            }
            Self::Call {
                function,
                arguments,
                modifiers,
            } => {
                write!(f, "{function}(")?;
                separated(f, arguments, ", ")?;
                f.write_str(")")?;
                modifiers
                    .iter()
                    .try_for_each(|modifier| write!(f, "{modifier}"))
            }
            Self::Series(series) => write!(f, "{series}"),
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text}"),
            Self::Named(name, NamedValue::Text(text)) => write!(f, "{name}={text}"),
            Self::Named(name, NamedValue::Number(number)) => write!(f, "{name}={number}"),
            Self::Expression(inner) => write!(f, "{inner}"),
        }
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, quote } = self;
        write!(f, "{quote}{text}{quote}")
    }
}

impl fmt::Display for SeriesQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(aggregator) = &self.aggregator {
            write!(f, "{aggregator}:")?;
        }
        write!(f, "{}{{{}}}", self.metric, self.filter)?;
        if !self.by.is_empty() {
            write!(f, " by {{{}}}", self.by.join(","))?;
        }
        self.modifiers
            .iter()
            .try_for_each(|modifier| write!(f, "{modifier}"))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symbols(symbols) => separated(f, symbols, ","),
            Self::Words(words) => write!(f, "{words}"),
        }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.not { "!" } else { "" }, self.tag)
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(words) => separated(f, words, " OR "),
            Self::And(words) => separated(f, words, " AND "),
            Self::Not(inner) => write!(f, "NOT {inner}"),
            Self::Parentheses(inner) => write!(f, "({inner})"),
            Self::In { key, not, values } => {
                let word = if *not { "NOT IN" } else { "IN" };
                write!(f, "{key} {word} ({})", values.join(","))
            }
            Self::Tag(tag) => f.write_str(tag),
        }
    }
}

impl fmt::Display for Modifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ".{}({})", self.name, self.arguments.join(", "))
    }
}

fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    parts: &[T],
    separator: &str,
) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}
